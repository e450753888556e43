"""The pages of documentation: their links lead somewhere; commands, options, files and tests that
they name exist; the map of the architecture is the package.
"""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from filmcolor.cli import commands
from tests.helpers.pages import PAGES, ROOT, blocks

CONTRIBUTING, ARCHITECTURE = ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md"
PACKAGE = ROOT / "filmcolor"


def lines(page: Path) -> list[str]:
    """Commands of filmcolor that the page shows, in blocks and in its text."""
    whole = [line for block in blocks(page) for line in block]
    whole += [name for name in quoted(page) if re.match(r"filmcolor [a-z]", name)]
    return [line for line in whole if line.startswith("filmcolor ")]


def unknown(line: str) -> list[str]:
    """What a command line names that does not exist."""
    words = shlex.split(line.partition(" > ")[0])[1:]
    if words[0].startswith("-") or words[0] == "COMMAND":
        return []
    command = commands.commands.get(words[0])
    if command is None:
        return [words[0]]
    options = [param for param in command.params if isinstance(param, click.Option)]
    known = {"--help", "-h", *(name for option in options for name in option.opts)}
    return [word for word in words if word.startswith("-") and word != "-" and word not in known]


def anchors(page: Path) -> set[str]:
    """What can stand behind # in a link to the page, as GitHub and the site make it of headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}


def broken(page: Path, text: str) -> list[str]:
    """Links that lead to no file or no heading."""
    found = []
    for target in re.findall(r"\]\(([^)]+)\)", text):
        name, _, anchor = target.partition("#")
        there = page.parent / name if name else page
        gone = not there.exists() or (anchor and anchor not in anchors(there))
        if "://" not in target and gone:
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page, page.read_text(encoding="utf-8")) == []


def test_a_link_to_nowhere_is_found() -> None:
    text = "[a](gone.md) [b](formats.md#gone) [c](formats.md#films) [d](#films) [e](#gone)"
    page = ROOT / "docs" / "formats.md"
    assert broken(page, text) == ["gone.md", "formats.md#gone", "#gone"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path) -> None:
    assert [(line, found) for line in lines(page) if (found := unknown(line))] == []


def test_what_does_not_exist_is_found() -> None:
    assert unknown("filmcolor paint film.mp4") == ["paint"]
    assert unknown("filmcolor run film.mp4 --colour red -o c.mp4  # so") == ["--colour"]
    assert unknown("filmcolor report a.mp4 b.mp4 -o page.html > log") == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    order = (ROOT / "docs" / "index.rst").read_text(encoding="utf-8").split()
    for page in (ROOT / "docs").glob("*.md"):
        if page.name != "README.md":
            assert f"({page.name})" in index and page.stem in order, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_explained_somewhere(page: Path) -> None:
    assert len(lines(page)) < 100  # the pattern is not too greedy
    shown = {line.split()[1] for each in PAGES for line in lines(each)}
    assert set(commands.commands) <= shown


def quoted(page: Path) -> list[str]:
    """What a page has between backticks, but for blocks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.findall(r"`([^`\n]+)`", text)


def missing_files(names: list[str]) -> list[str]:
    """Names of files and folders of the project that do not exist; NAME stands for any name."""
    tops = r"(?:filmcolor|tests|docs|scripts|samples|\.ci)"
    named = [name for name in names if re.fullmatch(rf"{tops}/[\w./-]*", name)]
    alone = [name for name in names if re.fullmatch(r"[A-Z]+\.md|pyproject\.toml|\.pre-.+", name)]
    paths = [name for name in named + alone if "NAME" not in name]
    return [name for name in paths if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    assert missing_files(quoted(page)) == []


def test_a_file_that_is_gone_is_found() -> None:
    names = ["filmcolor/gone.py", "docs/README.md", "tests/cli/test_NAME.py", "and/or", "GONE.md"]
    assert missing_files(names) == ["filmcolor/gone.py", "GONE.md"]


def test_tests_and_tables_that_are_named_exist() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    for name in {*quoted(CONTRIBUTING), *quoted(ARCHITECTURE)}:
        if re.fullmatch(r"test_\w+", name):
            assert f"def {name}(" in tests, name
        elif re.fullmatch(r"_?[A-Z]+(_[A-Z]+)*", name) and name not in ("NAME", "PYTHON"):
            assert re.search(rf"^{name}\b", code + "\n" + tests, re.MULTILINE), name


def test_the_map_lists_every_module() -> None:
    """One row a package, whose last cell has its modules."""
    rows = re.findall(
        r"^\| `(filmcolor/[\w/]*)` \|.*\| (.+) \|$", ARCHITECTURE.read_text("utf-8"), re.MULTILINE
    )
    listed = {folder: re.findall(r"`(\w+)`", names) for folder, names in rows}
    packages = {path.parent for path in PACKAGE.rglob("__init__.py")}
    assert set(listed) == {f"{path.relative_to(ROOT).as_posix()}/" for path in packages}
    elsewhere = {"__init__", "__main__", "_version", "api"}
    for folder, names in listed.items():
        modules = {path.stem for path in (ROOT / folder).glob("*.py")} - elsewhere
        if folder == "filmcolor/cli/":
            assert set(names) <= modules and "the other commands" in dict(rows)[folder]
        else:
            assert sorted(names) == sorted(modules), folder


def test_the_map_shows_the_floors_of_the_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contract["tool"]["importlinter"]["contracts"][0]["layers"]
    drawn = ARCHITECTURE.read_text(encoding="utf-8").split("```")[1].strip().splitlines()
    floors = [re.split(r"\s{2,}", line)[0] for line in drawn]
    assert floors == [*layers[:-1], "modules without a package"]


def test_packages_say_what_they_are_and_where_to_begin() -> None:
    """The reading order of a package's docstring names modules of it."""
    for path in PACKAGE.rglob("__init__.py"):
        words = re.match(r'"""(.+?)"""', path.read_text(encoding="utf-8"), re.DOTALL)
        assert words, path
        order = re.search(r"Reading order: (.+?)\.(?:\s|$)", words[1], re.DOTALL)
        assert order or path.parent == PACKAGE, path
        for name in re.findall(r"`(\w+)`", order[1] if order else ""):
            there = path.parent / name
            assert there.with_suffix(".py").exists() or (there / "__init__.py").exists(), name


PLACES = "ADDRESS CODEC DEVICE FILE FILM FOLDER KIND N NAME NAMES PICTURE PROCESS REASON SIZE WHAT"
"""What stands in a quoted line for what differs."""


def texts_of_code() -> Iterator[str]:
    """Every string of the package, with a zero byte for what is filled in."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (getattr(part, "value", None) for part in node.values)
                yield "".join(part if isinstance(part, str) else "\0" for part in parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def unsaid(lines: list[str]) -> list[str]:
    """Quoted lines that no text of the code can become."""
    texts = list(texts_of_code())
    found = []
    for line in lines:
        pieces = re.split(rf"\b(?:{PLACES.replace(' ', '|')})\b", line)
        pattern = re.compile(".*".join(map(re.escape, pieces)), re.DOTALL)
        if not any(pattern.search(text) for text in texts):
            found.append(line)
    return found


def test_lines_that_are_explained_are_said() -> None:
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`+)(.+?)\1 \|.+\|.+\|$", text, re.MULTILINE)
    lines = [line for _, line in cells]
    assert len(lines) > 25 and unsaid(lines) == []


def test_a_line_that_is_not_said_is_found() -> None:
    lines = ["FILM: no such file: check the name", "FILM: no such film: check the name"]
    assert unsaid(lines) == ["FILM: no such film: check the name"]
