"""Completion by the shell: the scripts, and what they ask for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from filmcolor.cli import commands, main


@pytest.mark.parametrize(
    ("shell", "words"),
    [("bash", "complete -o nosort -F"), ("zsh", "#compdef filmcolor"), ("fish", "complete --no-")],
)
def test_scripts(shell: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert words in out and f"_FILMCOLOR_COMPLETE={shell}_complete" in out
    if path := shutil.which(shell):
        check = [path, "--no-execute" if shell == "fish" else "-n"]
        assert subprocess.run(check, input=out.encode(), timeout=30).returncode == 0


@pytest.mark.parametrize(
    ("line", "found"),
    [("filmcolor rep", {"report"}), ("filmcolor run --look v", {"vivid"})],
)
def test_what_a_shell_asks_for(line: str, found: set[str]) -> None:
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    result = subprocess.run(
        [sys.executable, "-m", "filmcolor"],
        env={**os.environ, **asked, "_FILMCOLOR_COMPLETE": "bash_complete"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert {line.partition(",")[2] for line in result.stdout.splitlines()} == found


def test_an_unknown_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "'tcsh' is not one of" in capsys.readouterr().err


def test_every_command_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for name in commands.commands:
        assert main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert "Examples:" in text and f"filmcolor {name}" in text.partition("Examples:")[2], name
