"""The site and the man pages are made without a warning; no page loads anything from elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from filmcolor.cli import commands

pytestmark = pytest.mark.process
pytest.importorskip("sphinx", reason="the extra docs is not installed")

ROOT = Path(__file__).resolve().parents[2]


class Page(HTMLParser):
    """What a page loads, where it links to, and what can be linked to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in ("script", "img", "iframe", "source", "video") and "src" in values:
            self.loads.append(values["src"])
        if tag == "link" and values["href"] != "#":
            self.loads.append(values["href"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        self.anchors |= {values[name] for name in ("id", "name") if name in values}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    pages = folder / "pages"
    options = ["-q", "-W", "--keep-going", "-d", str(folder / "trees")]
    build = [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(pages)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return pages


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = {path: Page(path) for path in site.rglob("*.html")}
    assert {path.with_suffix(".html").name for path in (ROOT / "docs").glob("*.md")} <= {
        *(path.name for path in pages),
        "README.html",
    }
    for path, page in pages.items():
        for load in page.loads:
            assert (path.parent / load.partition("?")[0]).exists(), f"{path.name}: {load}"
        for link in page.links:
            name, _, anchor = link.partition("#")
            if "://" in name:
                continue
            there = (path.parent / name).resolve() if name else path
            assert there in pages, f"{path.name}: {link}"
            assert anchor in ("", *pages[there].anchors), f"{path.name}: {link}"


def test_styles_load_nothing_and_no_path_of_this_machine_is_shown(site: Path) -> None:
    for path in site.rglob("*"):
        if path.suffix in (".css", ".html", ".js", ".inv", ".txt"):
            text = path.read_bytes().decode("utf-8", errors="replace")
            assert not re.search(r"@import|url\(\s*[\"']?(https?:)?//", text), path
            assert str(ROOT) not in text and str(Path.home()) + "/" not in text, path


def test_every_command_has_a_man_page_with_its_examples(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "make_man.py"
    for folder in ("one", "two"):
        subprocess.run([sys.executable, str(script), str(tmp_path / folder)], check=True)
    pages = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    names = ["filmcolor", *(f"filmcolor-{name}" for name in commands.commands)]
    assert sorted(pages) == sorted(f"{name}.1" for name in names)
    assert pages == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    assert b"Exit codes: 0 done" in pages["filmcolor-run.1"]
    if shutil.which("groff"):
        for name in pages:
            checked = subprocess.run(
                ["groff", "-man", "-Tutf8", "-ww", "-z", str(tmp_path / "one" / name)],
                capture_output=True,
                text=True,
            )
            assert (checked.returncode, checked.stderr) == (0, ""), name
