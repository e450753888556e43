"""Nothing that is read from files reaches the terminal as anything but text."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from rich.console import Console

from filmcolor.cli import main
from filmcolor.cli.display import open_display
from filmcolor.cli.display import terminal as written
from filmcolor.cli.display.bar import BarDisplay, PlainTable, print_table
from filmcolor.cli.display.base import JsonDisplay, LineDisplay, Step
from filmcolor.cli.display.terminal import printable, write_line, write_lines
from filmcolor.cli.run_table import RUN
from filmcolor.events import Notice
from filmcolor.segments.workfolder import WorkFolder
from tests.helpers.clips import make_clip
from tests.helpers.play import QUICK
from tests.segments.test_workfolder import PLAN

EVIL = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\u202egnp.\u2028[/]"
TAME = "\ufffd]0;owned\ufffd\ufffd[2J\ufffd\ufffd\ufffd31m\ufffdgnp.\ufffd[/]"


class Terminal(io.StringIO):
    """What is written to a terminal, which takes everything."""

    def isatty(self) -> bool:
        return True


@contextmanager
def terminal() -> Iterator[Terminal]:
    """Both streams; click leaves out nothing of what goes there."""
    both = Terminal()
    with redirect_stdout(both), redirect_stderr(both):
        yield both


def test_text_of_any_kind_stays_and_what_steers_does_not() -> None:
    assert printable(EVIL) == TAME
    plain = "Фильм 映画 \U0001f39e e\u0301 \u05d0\u200d ~ [bold]"
    assert printable(plain) == plain
    assert printable("not\udcfftext") == "not\ufffdtext"


def test_lines_are_as_many_as_were_written() -> None:
    with terminal() as shown:
        write_line(f"a {EVIL}")
        write_lines(["b", f"c {EVIL}"], to_stderr=True)
    assert shown.getvalue() == f"a {TAME}\nb\nc {TAME}\n"


def test_displays_of_both_kinds() -> None:
    with terminal() as shown, open_display(RUN, quiet=False) as opened:
        console = Console(file=shown, force_terminal=True, width=200)
        bar = BarDisplay(RUN, console=console)
        for display in (LineDisplay(RUN), bar, opened):
            display.show(Notice(EVIL))
        bar.begin(Step(0, 2, text=EVIL))
        bar.move(Step(1, 2, text=EVIL, more=(EVIL,)))
        bar._bar.refresh()
        bar.end()
    text = shown.getvalue()
    assert text.count(f"Note: {TAME}") == 3
    assert text.count(TAME) > 3 and "owned" not in text.replace(TAME, "")


def test_json_escapes_what_steers_and_keeps_it() -> None:
    with terminal() as shown:
        JsonDisplay(to_stderr=False).show(Notice(EVIL))
    text = shown.getvalue()
    assert text.isascii() and text.count("\n") == 1 and "\x1b" not in text
    assert json.loads(text)["text"] == EVIL


def test_tables_show_names_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    table = PlainTable(title="1 photograph")
    table.add_column("film\non two lines")
    table.add_column(f"[red]{EVIL}".replace("\n", "\r"))
    table.add_row(f"[bold]{EVIL}", "1.0")
    with terminal() as shown:
        print_table(table)
    text = shown.getvalue()
    assert f"[red]{TAME}" in text and f"[bold]{TAME}" in text


def test_errors_and_what_stopped_runs_have_left(tmp_path: Path) -> None:
    with WorkFolder(tmp_path / ".x.work", {"the film": "a"}) as folder:
        folder.begin(PLAN, f"{EVIL} -> b.mkv")
        folder.keep_plan = True
    with terminal() as shown:
        assert main(["run", str(tmp_path / EVIL), "--debug"]) == 3
        assert main(["jobs", str(tmp_path)]) == 0
    text = shown.getvalue()
    assert f".x.work: {TAME} -> b.mkv: 0 of " in text
    assert "owned\ufffd\ufffd[2J" in text.partition("Error: ")[2].splitlines()[0]
    assert not set(text) & set("\x1b\x07\r\x9b\u202e\u2028")


def test_names_inside_a_film(tmp_path: Path) -> None:
    """An attachment that the target cannot hold is named before the run, tags by `info`."""
    film = tmp_path / "in.mkv"
    font = (EVIL, "font/ttf", b"no font")
    tags = {"title": EVIL, EVIL: "a"}
    make_clip(film, frames=2, width=32, height=32, metadata=tags, attachment=font)
    with terminal() as shown:
        assert main(["info", str(film)]) == 0
        assert main(["run", str(film), "-o", str(tmp_path / "out.mp4"), *QUICK]) == 0
    text = shown.getvalue()
    assert f"MP4 cannot hold: attachment {TAME}" in text
    assert "tag title" in text
    for steering in ("\x1b]", "\x07", "\x1b[2J", "\x9b", "\u202e", "\u2028"):
        assert steering not in text


def test_nothing_else_writes() -> None:
    """`click.echo` elsewhere is for what filmcolor itself says."""
    folder = Path(written.__file__).parents[1]
    own = {"display/terminal.py": 1, "__init__.py": 1}
    found = {
        str(path.relative_to(folder)): path.read_text().count("click.echo(")
        for path in folder.rglob("*.py")
    }
    assert {name: count for name, count in found.items() if count} == own


def test_text_that_the_encoding_of_the_output_has_not_is_no_error(tmp_path: Path) -> None:
    """As in a pipe on Windows."""
    film = tmp_path / "\u0416.mkv"
    make_clip(film, frames=3, width=64, height=48)
    raw = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(raw, encoding="cp1252")) as shown:
        assert main(["info", str(film)]) == 0
        shown.flush()
        assert b"?.mkv" in raw.getvalue()
