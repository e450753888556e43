"""What needs rich: a moving bar under the lines on a terminal, and tables on standard output."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table as RichTable
from rich.text import Text

from filmcolor.cli.display.base import PACE_SECONDS, LineDisplay, Step, Table
from filmcolor.cli.display.streams import naming_stream
from filmcolor.cli.display.terminal import printable

_WIDEST = 10_000
"""Columns that no table needs."""
_STYLES = {"Warning": "yellow", "Failed": "red"}


class BarDisplay(LineDisplay):
    """The lines on a terminal, with a bar that moves in place of the signs of life."""

    def __init__(self, *tables: Table, console: Console) -> None:
        super().__init__(*tables)
        self._console = console
        self._bar = Progress(
            TextColumn("{task.fields[before]}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[after]}", markup=False),
            console=console,
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("", before="", after="", total=None)

    def warn(self, text: str) -> None:
        """One line above the bar, coloured by its first word, broken only by the terminal."""
        style = _STYLES.get(text.partition(":")[0], "")
        self._console.print(Text(printable(text), style=style), soft_wrap=True, highlight=False)

    def begin(self, step: Step, *, seconds: float = PACE_SECONDS) -> None:
        """Show an empty bar."""
        super().begin(step, seconds=seconds)
        self._bar.reset(self._task, total=step.total, before=printable(step.label), after="")
        self._bar.start()

    def move(self, step: Step) -> None:
        """Move the bar."""
        before = printable(step.label)
        after = printable(", ".join([*self._pace.texts(step), *step.more]))
        self._bar.update(
            self._task, completed=step.done, total=step.limit, before=before, after=after
        )

    def end(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def terminal() -> Console | None:
    """Standard error, if a person is looking at it."""
    console = Console(file=sys.stderr)
    return console if console.is_terminal else None


class PlainTable(RichTable):
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
    with naming_stream():
        console.print(table)
