"""The files of the project that are for people and services: they name what is there."""

from __future__ import annotations

import re
from pathlib import Path

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
