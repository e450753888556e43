"""`filmcolor report`: a page on a film and its result, to be looked at in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from filmcolor.cli.arguments import (
    FPS_HELP,
    field_option,
    output_option,
    overwrite_option,
    part_options,
    sectioned_command,
    show_options,
)
from filmcolor.cli.display.base import Display
from filmcolor.cli.run_command import running, show_all
from filmcolor.cli.run_table import RUN
from filmcolor.cli.sources import check_two_films
from filmcolor.options import ReportOptions, RunOptions, VerifyOptions

_PAGE, _PART = "The page", "Which part was coloured, and how"

_EPILOG = """\b
Examples:
  filmcolor report old_film.mp4 color.mp4
      writes color.report.html; open it in any browser
  filmcolor report old_film.mp4 try.mp4 --start 1:00 --duration 10 -o try.html
      of a part that was coloured

\b
On the page: each shot before and after, with a line to move between the two; colourfulness and
flicker along the film; shots with weak colour or flicker; what was run, with which model; and
whether the result is the same film. Everything is in the one file: nothing is fetched from
anywhere, and it can be sent to others.

\b
Exit codes: 0 the page is written, whatever it says (for scripts: `filmcolor verify`), 2 wrong
options, 3 one of the two cannot be read, or they have nothing in common, 70 a bug in filmcolor,
130 Ctrl-C.
"""


@sectioned_command("report", "Write a page that shows a film before and after.", _EPILOG)
@click.argument("film", type=click.Path())
@click.argument("result", type=click.Path())
@output_option(_PAGE, "FILE.html", "Without it: NAME.report.html, beside the result.")
@overwrite_option(_PAGE, "Replace a page that is there already.")
@part_options(_PART, "Where the part begins, as given to `run`", "How long it is")
@field_option(RunOptions, "fps", _PART, FPS_HELP)
@field_option(VerifyOptions, "deinterlace", _PART, "The result was made with --deinterlace.")
@show_options(RUN)
def report_command(
    film: str, result: str, target: str | None, overwrite: bool, display: Display, **part: Any
) -> None:
    """Write a page (HTML) on FILM and the RESULT that was coloured from it: before and after.

    Both films are decoded from end to end. Colours are measured in frames all over the film; the
    page says in how many.
    """
    with running(display):
        check_two_films(film, result, "report needs the film and its result")
        compared = VerifyOptions(**part)
        place = target or str(Path(result).with_name(f"{Path(result).stem}.report.html"))
        from filmcolor.report.make import write_report

        show_all(display, write_report(film, result, place, ReportOptions(compared, overwrite)))
