"""The page in a real browser, without a window: it moves, it jumps, it is silent, it stays home."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
pytestmark = pytest.mark.e2e

WIDE, NARROW = {"width": 1200, "height": 800}, {"width": 390, "height": 640}


def missing(what: str) -> None:
    """No browser, no test; but where one is promised, its absence is a failure."""
    if os.environ.get("FILMCOLOR_NEEDS_BROWSER"):
        pytest.fail(what)
    pytest.skip(what)


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
    """The report, opened; what the console said and what was asked for is kept."""

    def __init__(self, browser: Any, page: Path, **settings: Any) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(**{"viewport": WIDE, **settings})
        self.tab = self.context.new_page()
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.goto(page.as_uri())

    def line(self, shot: int) -> float:
        """Where the dividing line of a shot is, in per cent from the left."""
        return float(
            self.tab.evaluate(
                "n => parseFloat(getComputedStyle(document.querySelector("
                "`#shot-${n} .after`)).clipPath.match(/([\\d.]+)%\\)/)[1])",
                shot,
            )
        )

    def focused_shot(self) -> str:
        """The card in which the keyboard is."""
        return str(self.tab.evaluate("document.activeElement.closest('article')?.id ?? ''"))

    def is_seen(self, shot: int) -> bool:
        """Whether the middle of a shot's card is inside the window."""
        return bool(
            self.tab.evaluate(
                "n => { const r = document.getElementById(`shot-${n}`).getBoundingClientRect();"
                "const y = (r.top + r.bottom) / 2; return y > 0 && y < innerHeight; }",
                shot,
            )
        )


@pytest.fixture
def visit(browser: Any, page: Path) -> Iterator[Visit]:
    opened = Visit(browser, page)
    yield opened
    opened.context.close()


def picture(visit: Visit, shot: int) -> NDArray[np.uint8]:
    """The shot as it is on the screen: (height, width, 3)."""
    shown = visit.tab.locator(f"#shot-{shot} .wipe").screenshot()
    return np.asarray(cv2.imdecode(np.frombuffer(shown, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def color_of(part: NDArray[np.uint8]) -> float:
    """Mean difference of blue and red: 0 for grey."""
    return float(np.abs(part[..., 0].astype(float) - part[..., 2]).mean())


def halves(shown: NDArray[np.uint8]) -> tuple[float, float]:
    """Colour well inside the left and the right half: not of the rim, which shows the focus."""
    width = shown.shape[1]
    rows = shown[60:160]
    return color_of(rows[:, 20 : width // 2 - 20]), color_of(rows[:, width // 2 + 20 : -20])


def test_a_slider_moves_by_keyboard_and_its_pixels_change(visit: Visit) -> None:
    slider = visit.tab.get_by_role("slider", name="Shot 1:")
    left, right = halves(picture(visit, 1))
    assert left < 6 and right > 15
    slider.focus()
    slider.press("Home")
    assert visit.line(1) == 0 and min(halves(picture(visit, 1))) > 15
    slider.press("End")
    assert visit.line(1) == 100 and max(halves(picture(visit, 1))) < 6
    assert visit.line(2) == 50


def test_a_slider_follows_the_mouse(visit: Visit) -> None:
    visit.tab.locator("#shot-2 .wipe").scroll_into_view_if_needed()
    box = visit.tab.locator("#shot-2 .wipe").bounding_box()
    y = box["y"] + box["height"] / 2
    visit.tab.mouse.move(box["x"] + box["width"] * 0.5, y)
    visit.tab.mouse.down()
    visit.tab.mouse.move(box["x"] + box["width"] * 0.25, y, steps=4)
    visit.tab.mouse.up()
    assert abs(visit.line(2) - 25) < 2
    visit.tab.mouse.move(box["x"] + box["width"] * 0.75, y)
    assert abs(visit.line(2) - 25) < 2


def test_all_pictures_at_once(visit: Visit) -> None:
    visit.tab.get_by_role("button", name="after").click()
    assert [visit.line(shot) for shot in (1, 2, 3, 4)] == [0, 0, 0, 0]
    assert visit.tab.get_by_role("button", name="after").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("window", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_timeline_jumps_to_a_shot_when_clicked(
    browser: Any, page: Path, window: dict[str, int]
) -> None:
    visit = Visit(browser, page, viewport=window)
    chart = visit.tab.locator(".plot svg").bounding_box()
    assert not visit.is_seen(4)
    visit.tab.mouse.click(chart["x"] + chart["width"] * 0.9, chart["y"] + 40)
    visit.tab.wait_for_function("location.hash === '#shot-4'")
    visit.tab.wait_for_timeout(50)
    assert visit.focused_shot() == "shot-4" and visit.is_seen(4)
    visit.context.close()


def test_the_timeline_jumps_by_keyboard(visit: Visit) -> None:
    visit.tab.locator("svg a").first.focus()
    for key in ("End", "ArrowLeft", "ArrowRight", "ArrowLeft"):
        visit.tab.keyboard.press(key)
    assert "Shot 3, 0:02.0 to 0:03.0" in visit.tab.locator("#readout").inner_text()
    visit.tab.keyboard.press("Enter")
    visit.tab.wait_for_timeout(50)
    assert visit.focused_shot() == "shot-3" and visit.is_seen(3)
    visit.tab.keyboard.press("ArrowLeft")
    assert visit.line(3) < 50


def test_the_whole_timeline_is_one_stop_of_the_tab_key(visit: Visit) -> None:
    visit.tab.locator("svg a").first.focus()
    visit.tab.keyboard.press("Tab")
    assert visit.tab.evaluate("document.activeElement.closest('svg')") is None
    assert visit.tab.evaluate("document.activeElement.closest('.remarks')") is not None


def test_what_has_the_focus_is_seen(visit: Visit) -> None:
    visit.tab.locator("svg a").first.focus()
    visit.tab.keyboard.press("ArrowRight")
    stroke = "getComputedStyle(document.activeElement.querySelector('.hit')).strokeWidth"
    assert visit.tab.evaluate(stroke) == "3px"
    slider = visit.tab.get_by_role("slider", name="Shot 1:")
    slider.focus()
    visit.tab.keyboard.press("ArrowRight")
    outline = "getComputedStyle(document.querySelector('#shot-1 .wipe')).outlineStyle"
    assert visit.tab.evaluate(outline) == "solid"


def test_nothing_is_fetched_and_nothing_goes_wrong(visit: Visit, page: Path) -> None:
    visit.tab.get_by_role("button", name="before").click()
    visit.tab.locator("svg a").nth(2).click(force=True)
    assert [url for url in visit.asked if not url.startswith("data:")] == [page.as_uri()]
    assert visit.said == []
    widths = "[...document.images].map(image => image.naturalWidth)"
    assert visit.tab.evaluate(widths) == [128] * 8


def test_dark_and_light_and_narrow(browser: Any, page: Path) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        visit = Visit(browser, page, viewport=NARROW, color_scheme=scheme)
        ground = visit.tab.evaluate("getComputedStyle(document.body).backgroundColor")
        grounds[scheme] = sum(int(part) for part in ground[4:-1].split(","))
        assert visit.tab.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
        visit.context.close()
    assert grounds["dark"] < 120 and grounds["light"] > 650


def test_without_scripts_the_links_still_lead_to_the_shots(browser: Any, page: Path) -> None:
    visit = Visit(browser, page, java_script_enabled=False)
    visit.tab.locator("svg a").nth(3).click(force=True)
    assert visit.tab.url.endswith("#shot-4")
    visit.context.close()
