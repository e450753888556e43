"""One display for the events of every command: nothing but warnings, lines, a bar, or JSON.

Which texts an event becomes stands in the tables of `filmcolor/cli/*_table.py`. Everything goes to
standard error, but for JSON, which goes to standard output unless a film does.

Reading order: `terminal`, `base`, `bar`, `json`.
"""

from __future__ import annotations

from filmcolor.cli.display.base import Display, Table


def open_display(
    *tables: Table, quiet: bool, as_json: bool = False, film_on_stdout: bool = False
) -> Display:
    """The display that fits where standard error goes and what was asked for."""
    if as_json:
        from filmcolor.cli.display.json import JsonDisplay

        return JsonDisplay(to_stderr=film_on_stdout)
    if quiet:
        return Display(*tables)
    from filmcolor.cli.display.bar import BarDisplay, terminal
    from filmcolor.cli.display.base import LineDisplay

    console = terminal()
    return LineDisplay(*tables) if console is None else BarDisplay(*tables, console=console)
