"""One display for the events of every command: nothing but warnings, lines, a bar, or JSON.

Which texts an event becomes stands in tables: `filmcolor/cli/*_table.py`, or beside the command.
Everything goes to standard error, but for JSON, which goes to standard output unless a film does.

Reading order: `streams`, `terminal`, `base`, `bar`, `own_lines`.
"""

from __future__ import annotations

from filmcolor.cli.display.base import Display, JsonDisplay, LineDisplay, Table


def open_display(
    *tables: Table, quiet: bool, as_json: bool = False, film_on_stdout: bool = False
) -> Display:
    """The display that fits where standard error goes and what was asked for."""
    if as_json:
        return JsonDisplay(to_stderr=film_on_stdout)
    if quiet:
        return Display(*tables)
    from filmcolor.cli.display.bar import BarDisplay, terminal

    console = terminal()
    return LineDisplay(*tables) if console is None else BarDisplay(*tables, console=console)
