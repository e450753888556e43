"""The page in a real browser, without a window: a place is clicked and coloured, undone and done
again, a shot gets another look, the film is rendered, and a run from the shell is the same film.
"""

from __future__ import annotations

import base64
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from filmcolor.jobs.film import color_film
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.review.board import Pages
from tests.report.test_browser import NAMES, missing
from tests.review.conftest import OPTIONS, Reviewed, drained, reviewed, served

pytestmark = [pytest.mark.e2e, pytest.mark.process]
SIZES = {"wide": {"width": 1400, "height": 900}, "narrow": {"width": 900, "height": 700}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        missing("no Chromium is installed (on Debian: apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed (pip install '.[dev]')")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visit:
    """The page, opened; what the console said and what was asked for is kept."""

    def __init__(self, browser: Any, address: str, **settings: Any) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(**{"viewport": SIZES["wide"], **settings})
        self.context.set_default_timeout(240_000)
        self.tab = self.context.new_page()
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.goto(address)
        self.tab.wait_for_selector("#stage[data-key]:not([data-key=''])")

    def key(self) -> str:
        """Tells the colours of the shot from all others that it could have."""
        return str(self.tab.get_attribute("#stage", "data-key"))

    def wait_for_another(self, key: str) -> None:
        self.tab.wait_for_function(
            "key => document.querySelector('#stage').dataset.key != key", arg=key
        )

    def picture(self) -> NDArray[np.uint8]:
        """The frame in colour as the page has it, (height, width, 3)."""
        content = self.tab.evaluate(
            "async () => { const image = document.querySelector('#after'); await image.decode();"
            "const canvas = document.createElement('canvas');"
            "canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;"
            "canvas.getContext('2d').drawImage(image, 0, 0);"
            "return canvas.toDataURL('image/png').split(',')[1]; }"
        )
        raw = np.frombuffer(base64.b64decode(content), np.uint8)
        return np.asarray(cv2.imdecode(raw, cv2.IMREAD_COLOR), np.uint8)


def planes(film: Path) -> list[NDArray[Any]]:
    with FilmReader(str(film)) as reader:
        found = list(reader.frames(with_chroma=True))
    return [plane for frame in found for plane in (frame.luma, *(frame.chroma or ()))]


def test_a_colour_is_said_undone_done_again_and_rendered(browser: Any, tmp_path: Path) -> None:
    with reviewed(tmp_path) as film, served(film.session) as server:
        visit = Visit(browser, server.address)
        tab, before, key = visit.tab, visit.picture(), visit.key()
        box = tab.locator("#inner").bounding_box()
        tab.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
        tab.wait_for_selector("#give:enabled")
        assert tab.get_attribute("#edge-in", "d").startswith("M")
        tab.get_by_role("button", name="Wine, #7c2236").click()
        visit.wait_for_another(key)
        colored, changed = visit.key(), visit.picture()
        place = np.s_[28:36, 34:42]
        assert np.abs(changed[place].astype(int) - before[place]).mean() > 8
        assert "#7c2236" in film.plan
        tab.keyboard.press("Control+z")
        visit.wait_for_another(colored)
        assert visit.key() == key and "#7c2236" not in film.plan
        tab.get_by_role("button", name="Redo").click()
        visit.wait_for_another(key)
        assert visit.key() == colored
        tab.keyboard.press("]")
        tab.wait_for_function("() => document.querySelector('#stage').dataset.frame >= 14")
        other = visit.key()
        tab.get_by_label("Look", exact=True).select_option("vivid")
        visit.wait_for_another(other)
        assert tomllib.loads(film.plan)["shot"][1]["look"] == "vivid"
        tab.get_by_role("button", name="Render").click()
        tab.wait_for_function(
            "() => document.querySelector('#rendered').textContent.includes('written')"
        )
        assert visit.said == []
        assert all(url.startswith((server.address, "blob:")) for url in visit.asked)
        rendered = planes(film.target)
        visit.context.close()
    shell = tmp_path / "shell.mkv"
    plan = str(film.session.project.path)
    drained(color_film(str(film.film), str(shell), replace(OPTIONS, plan=plan)))
    for one, two in zip(planes(shell), rendered, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_keyboard_alone_is_enough(browser: Any, film: Reviewed) -> None:
    with served(film.session) as server:
        visit = Visit(browser, server.address)
        tab, key = visit.tab, visit.key()
        tab.keyboard.press("p")
        for _ in range(3):
            tab.keyboard.press("ArrowLeft")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#give:enabled")
        tab.keyboard.press("4")
        visit.wait_for_another(key)
        assert "#5d7a3c" in film.plan
        frame = int(tab.get_attribute("#stage", "data-frame"))
        tab.keyboard.press(".")
        tab.wait_for_function(
            f"() => document.querySelector('#stage').dataset.frame == {frame + 1}"
        )
        tab.keyboard.press("?")
        assert tab.locator("#help").is_visible()
        tab.keyboard.press("Escape")
        now = visit.key()
        tab.keyboard.press("Control+z")
        visit.wait_for_another(now)
        assert "#5d7a3c" not in film.plan
        tab.keyboard.press("Control+y")
        visit.wait_for_another(key)
        assert "#5d7a3c" in film.plan
        for name in ("control-look", "render"):  # where Tab leads to as well
            for _ in range(120):
                if tab.evaluate("document.activeElement.id") == name:
                    break
                tab.keyboard.press("Tab")
            assert tab.evaluate("document.activeElement.id") == name
            if name == "control-look":
                before = visit.key()
                tab.keyboard.press("v")  # vivid
                visit.wait_for_another(before)
        tab.keyboard.press("Enter")
        tab.wait_for_function(
            "() => document.querySelector('#rendered').textContent.includes('written')"
        )
        assert visit.said == [] and film.target.exists()
        for _ in range(2):
            tab.wait_for_selector("#undo:enabled")  # not while it is rendered
            now = visit.key()
            tab.keyboard.press("Control+z")
            visit.wait_for_another(now)
        assert visit.key() == key
        visit.context.close()


def test_a_stroke_is_drawn_with_the_mouse_or_point_by_point(browser: Any, film: Reviewed) -> None:
    film.session.pages = Pages(45)
    with served(film.session) as server:
        visit = Visit(browser, server.address)
        tab, key = visit.tab, visit.key()
        tab.get_by_role("button", name="Stroke").click()
        box = tab.locator("#inner").bounding_box()
        y = box["y"] + 0.5 * box["height"]
        tab.mouse.move(box["x"] + 0.255 * box["width"], y)
        tab.mouse.down()
        tab.mouse.move(box["x"] + 0.755 * box["width"], y, steps=20)
        tab.mouse.up()
        assert tab.inner_text("#selected").startswith("A stroke")
        tab.keyboard.press("9")
        visit.wait_for_another(key)
        (drawn,) = tomllib.loads(film.plan)["shot"][0]["strokes"]
        xs = [x for x, _ in drawn["points"]]
        assert xs[0] == 24 and xs[-1] >= 70 and xs == sorted(xs) and 10 < len(xs) <= 64
        now = visit.key()
        tab.keyboard.press("Control+z")
        visit.wait_for_another(now)
        tab.keyboard.press("p")
        tab.keyboard.press("Enter")
        tab.keyboard.press("ArrowLeft")
        tab.keyboard.press("Enter")
        tab.keyboard.press("9")
        visit.wait_for_another(key)
        (drawn,) = tomllib.loads(film.plan)["shot"][0]["strokes"]
        assert len(drawn["points"]) == 2
        now = visit.key()
        tab.keyboard.press("Control+z")
        visit.wait_for_another(now)
        assert visit.said == []
        visit.context.close()


def test_the_second_page_shows_only(browser: Any, film: Reviewed) -> None:
    film.session.pages = Pages(45)  # those of earlier tests are gone
    with served(film.session) as server:
        first = Visit(browser, server.address)
        first.tab.wait_for_selector("#render:enabled")
        second = Visit(browser, server.address)
        second.tab.wait_for_selector("#banner:not([hidden])")
        assert "another page" in second.tab.inner_text("#banner")
        assert second.tab.locator("#render").is_disabled()
        assert first.tab.locator("#render").is_enabled()
        first.tab.close()
        second.context.close()
        first.context.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_wide_and_narrow(
    browser: Any, film: Reviewed, size: str, scheme: str
) -> None:
    with served(film.session) as server:
        visit = Visit(browser, server.address, viewport=SIZES[size], color_scheme=scheme)
        tab = visit.tab
        assert tab.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
        ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        light = sum(int(part) for part in ground[4:-1].split(","))
        assert light < 120 if scheme == "dark" else light > 650
        assert tab.evaluate(CONTRASTS) == []
        assert tab.evaluate(UNNAMED) == []
        assert tab.evaluate(NAMED_OTHERWISE) == []
        visit.context.close()


CONTRASTS = """() => {
  const codes = text => { const found = text.match(/[\\d.]+/g).map(Number);
    return found.length > 3 ? found : [...found, 1]; };
  const light = rgb => { const [r, g, b] = rgb.slice(0, 3).map(code => { const c = code / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = node => { for (let each = node; each; each = each.parentElement) {
    const found = codes(getComputedStyle(each).backgroundColor);
    if (found[3] === 1) return found; } return [255, 255, 255, 1]; };
  const bad = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some(each => each.nodeType === 3 && each.textContent.trim());
    if (!own || !node.checkVisibility() || node.matches("script, noscript *, option, :disabled"))
      continue;
    const [a, b] = [light(codes(getComputedStyle(node).color)), light(ground(node))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) bad.push(`${node.textContent.trim().slice(0, 30)}: ${contrast}`);
  }
  return bad;
}"""
"""Texts with less contrast than WCAG AA asks for."""
UNNAMED = """() => [...document.querySelectorAll(
    "button, input, select, img, canvas, [role=application]")]
  .filter(node => node.checkVisibility())
  .filter(node => !(node.getAttribute("aria-label") || node.labels?.length || node.alt !== undefined
    || node.textContent.trim() || node.title))
  .map(node => node.outerHTML)"""
"""What a screen reader has no name for."""
NAMED_OTHERWISE = """() => [...document.querySelectorAll("button[aria-label], label[aria-label]")]
  .filter(node => node.checkVisibility())
  .filter(node => /[a-z0-9]/i.test(node.textContent))
  .filter(node => !node.getAttribute("aria-label").toLowerCase()
    .includes(node.innerText.trim().toLowerCase()))
  .map(node => node.outerHTML)"""
"""What is called otherwise than it reads: who speaks to the machine says what there is to read."""
