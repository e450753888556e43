"""The files of the project that are for people and services: they name what is there."""

from __future__ import annotations

import json
import re
import runpy
import socket
import tomllib
from pathlib import Path

import click
import pytest

from filmcolor import __version__
from filmcolor.cli import commands

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_the_citation_has_the_version_and_the_licence() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in text
    assert "\nlicense: Apache-2.0\n" in text


@pytest.mark.parametrize(
    "path", [*WORKFLOWS, *FORMS, ROOT / "SECURITY.md"], ids=lambda path: path.name
)
def test_files_and_commands_that_are_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"(?<![\w/.])(?:scripts|samples|filmcolor|tests)/[\w./]*\w", text):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"(?:run:|label:|`)\s*filmcolor (\w+)", text):
        assert name in commands.commands, name


def test_workflows_may_do_no_more_than_they_need() -> None:
    """No token of the repository can write; no secret is used."""
    assert [path.name for path in WORKFLOWS] == ["release.yml", "test.yml"]
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        assert "\npermissions:\n  contents: read\n" in text
        assert "secrets." not in text and "contents: write" not in text
        assert "persist-credentials: false" in text


def test_the_fault_form_asks_for_the_machine() -> None:
    text = (ROOT / ".github" / "ISSUE_TEMPLATE" / "fault.yml").read_text(encoding="utf-8")
    assert "filmcolor doctor --json" in text and "filmcolor info FILM --json" in text


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_containers_install_what_the_package_asks_for(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    wanted = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (torch,) = re.findall(r'"(torch[^"]*)"', text)
    assert f'"{torch}"' in wanted
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', text)
    assert all(f"\n{extra} = [" in wanted for extra in extras.split(","))
    assert "\nUSER 1000\n" in text and '\nENTRYPOINT ["filmcolor"]\n' in text
    options = {param.name for param in commands.commands["review"].params}
    assert {each.lower() for each in re.findall(r"FILMCOLOR_REVIEW_(\w+)=", text)} <= options
    shown = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for path in copied.split():
            assert (ROOT / path).exists() and f"!{path.partition('/')[0]}" in shown, path


def test_the_compose_file_watches() -> None:
    """Its command is understood, and its folders are those that are mounted."""
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    (line,) = re.findall(r"^    command: (\[.+\])$", text, re.MULTILINE)
    words = json.loads(line)
    name, command, rest = commands.resolve_command(click.Context(commands), words)
    assert name == "watch" and command is not None
    given = command.make_context(name, rest).params
    assert set(re.findall(r"- \./\w+:(/\w+)", text)) == {given["folder"], given["target"]}


def test_a_container_is_well_while_the_page_can_be_reached() -> None:
    is_well = runpy.run_path(str(ROOT / "containers" / "health.py"))["is_well"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert is_well(b"python\0/opt/filmcolor/bin/filmcolor\0review\0old.mp4\0", port)
    assert not is_well(b"python\0/opt/filmcolor/bin/filmcolor\0review\0old.mp4\0", port)
    assert is_well(b"python\0/opt/filmcolor/bin/filmcolor\0run\0old.mp4\0", port)


def pinned(name: str) -> dict[str, str]:
    """Versions by package, as a file of `constraints` has them."""
    text = (ROOT / "constraints" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", text, re.MULTILINE))


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def test_constraints_are_those_of_the_package() -> None:
    """The lowest are its lower bounds; those for development lie within both."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lowest, locked = pinned("lowest.txt"), pinned("dev.txt")
    own = [
        *project["dependencies"],
        *(each for name in extras if name not in ("dev", "docs") for each in extras[name]),
    ]
    for wanted in own:
        name, low, high = re.findall(r"^([\w-]+)>=([\d.]+),<([\d.]+)", wanted)[0]
        assert numbers(lowest[name])[: len(numbers(low))] == numbers(low), name
        if name in locked:
            assert numbers(low) <= numbers(locked[name]) < numbers(high), name
    assert {re.split("[>;]", each)[0] for each in (*project["dependencies"], *extras["dev"])} <= {
        *locked,
        "filmcolor[docs]",
    }
    assert "://" not in (ROOT / "constraints" / "dev.txt").read_text(encoding="utf-8")
