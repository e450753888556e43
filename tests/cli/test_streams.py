"""Standard streams that are closed, or cannot be written to: no traceback, and the work is done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.clips import make_clip

pytestmark = pytest.mark.process

FULL = "Error: standard output: No space left on device\n"


def run(redirected: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`filmcolor` started by a shell that redirects its streams."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {redirected}', sys.executable, "-m", "filmcolor", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["models"], ["completion", "bash"]])
def test_what_is_printed_to_a_full_disk_is_an_error(command: list[str]) -> None:
    ended = run("> /dev/full", *command)
    assert (ended.returncode, ended.stderr) == (1, FULL)


@pytest.mark.parametrize("command", [["--help"], ["models", "--json"], ["completion", "bash"]])
def test_what_is_printed_to_a_closed_stream_goes_nowhere(command: list[str]) -> None:
    ended = run(">&-", *command)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert run("2>&- <&-", *command).stdout


def test_errors_keep_their_exit_code_without_a_stream_to_show_them() -> None:
    for redirected in ("2>&-", "2> /dev/full", "<&- >&- 2>&-"):
        ended = run(redirected, "info", "nothing.mkv")
        assert (ended.returncode, ended.stdout) == (3, "")


def test_a_pipe_that_is_closed_is_no_film(tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mkv", frames=2)
    ended = run(">&-", "run", str(tmp_path / "in.mkv"), "-o", "-")
    assert ended.returncode == 2
    assert ended.stderr == "Error: -o -: standard output is closed; pipe it, or name a file\n"
    ended = run("<&-", "run", "-", "-o", str(tmp_path / "out.mkv"))
    assert ended.returncode == 2
    assert ended.stderr.startswith("Error: -: standard input is closed; pipe Y4M into it")


@pytest.mark.e2e
@pytest.mark.parametrize("redirected", [">&-", "<&- >&- 2>&-", "2> /dev/full"])
def test_a_film_is_made_whatever_the_streams_are(redirected: str, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mkv", frames=3)
    target = tmp_path / "out.mkv"
    options = ["--device", "cpu", "--size", "64", "--codec", "ffv1"]
    ended = run(redirected, "run", str(tmp_path / "in.mkv"), "-o", str(target), *options)
    assert ended.returncode == 0 and "bug" not in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mkv"]
