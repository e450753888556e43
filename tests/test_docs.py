"""The pages of documentation: their links lead somewhere, their commands and options exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from filmcolor.cli import commands

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def lines(page: Path) -> list[str]:
    """Commands that the page shows: indented by four, beginning with the program's name."""
    text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))
    return re.findall(r"^    (filmcolor .+)$", text, re.MULTILINE)


def unknown(line: str) -> list[str]:
    """What a command line names that does not exist."""
    words = shlex.split(line.partition(" > ")[0], comments=True)[1:]
    if words[0].startswith("-"):
        return []
    command = commands.commands.get(words[0])
    if command is None:
        return [words[0]]
    options = [param for param in command.params if isinstance(param, click.Option)]
    known = {"--help", "-h", *(name for option in options for name in option.opts)}
    return [word for word in words if word.startswith("-") and word != "-" and word not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path) -> None:
    assert [(line, found) for line in lines(page) if (found := unknown(line))] == []


def test_what_does_not_exist_is_found() -> None:
    assert unknown("filmcolor paint film.mp4") == ["paint"]
    assert unknown("filmcolor run film.mp4 --colour red -o c.mp4  # so") == ["--colour"]
    assert unknown("filmcolor report a.mp4 b.mp4 -o page.html > log") == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_explained_somewhere(page: Path) -> None:
    assert len(lines(page)) < 100  # the pattern is not too greedy
    shown = {line.split()[1] for each in PAGES for line in lines(each)}
    assert set(commands.commands) <= shown
