"""What every display shares: lines on standard error, a moving bar above nothing, an end in order.

Knows the terminal; it must not know what the commands do.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from filmcolor.cli.lines import printable, write_line

_WIDEST = 10_000
"""Columns that no table needs."""
_STYLES = {"Warning": "yellow", "Failed": "red"}


class Screen:
    """Lines on standard error; a context manager, so that nothing is left on the terminal."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Put the terminal back in order."""

    def line(self, text: str) -> None:
        """One line on standard error; when nobody reads there any more, the work still goes on."""
        try:
            write_line(text, to_stderr=True)
        except OSError:
            return


class Bar:
    """A moving bar between two texts, with lines above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.fields[before]}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[after]}", markup=False),
            console=console,
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("", before="", after="", total=None)

    def start(self, before: str, total: float | None) -> None:
        """Show it, at nothing."""
        self._progress.reset(self._task, total=total, before=printable(before), after="")
        self._progress.start()

    def move(self, done: float, total: float | None, before: str, after: str) -> None:
        """So much of the total is done."""
        before, after = printable(before), printable(after)
        self._progress.update(self._task, completed=done, total=total, before=before, after=after)

    def refresh(self) -> None:
        """Draw it now instead of at its next turn."""
        self._progress.refresh()

    def stop(self) -> None:
        """Take it away."""
        self._progress.stop()

    def line(self, text: str) -> None:
        """One line above the bar, coloured by its first word, broken only by the terminal."""
        style = _STYLES.get(text.partition(":")[0], "")
        self._console.print(Text(printable(text), style=style), soft_wrap=True, highlight=False)


def terminal() -> Console | None:
    """Standard error, if a person is looking at it."""
    console = Console(file=sys.stderr)
    return console if console.is_terminal else None


def count(number: int, word: str) -> str:
    """`1 shot`, `2 shots`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


class PlainTable(Table):
    """A table whose texts are shown as they are, whatever stands in them."""

    def add_column(self, header: str = "", **looks: Any) -> None:  # type: ignore[override]
        """As `Table.add_column`; a header may have several lines."""
        super().add_column(Text("\n".join(map(printable, header.split("\n")))), **looks)

    def add_row(self, *cells: str, **looks: Any) -> None:  # type: ignore[override]
        """As `Table.add_row`."""
        super().add_row(*(Text(printable(cell)) for cell in cells), **looks)


def print_table(table: PlainTable) -> None:
    """On standard output: in a terminal as wide as that, elsewhere as wide as the table is."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDEST)
    console.print(table)
