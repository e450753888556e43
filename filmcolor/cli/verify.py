"""`filmcolor verify`: prove that a coloured film is its source with nothing but colour added."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import click

from filmcolor.cli.arguments import (
    SectionedCommand,
    check_two_films,
    field_option,
    part_options,
    show_options,
)
from filmcolor.cli.display import open_display
from filmcolor.cli.display.base import Display
from filmcolor.cli.run_command import running, show_all
from filmcolor.options import VerifyOptions

if TYPE_CHECKING:
    from filmcolor.events import Event

EXIT_FAULTS = 1
"""The process's exit code when something does not hold."""

_EPILOG = """\b
Examples:
  filmcolor verify old_film.mp4 color.mp4
      is color.mp4 the same film, with colour?
  filmcolor verify old_film.mp4 try.mp4 --start 1:00 --duration 10
      the same for a part that was coloured
  filmcolor verify scan.mov archive.mkv --lossless
      every code of luma must be the source's
  filmcolor verify old_film.mp4 color.mp4 --quiet || echo "look at color.mp4"
      in a script: silent unless there is a fault

\b
What is compared: the number of frames and the time of each (exactly in .mp4 and .mov, to the
millisecond in .mkv), size, shape, rotation and colour tags; the luma of every frame, block by
block; whether a frame is left grey that shows something; sound, subtitles and data byte for
byte; chapters, attachments, cover pictures and tags. What the container cannot hold, and text
that had to change its format, is a note and no fault. The luma of a film that was made larger
(run --upscale) is reduced to the source's size first.

\b
Exit codes: 0 all of it holds, 1 something does not (each kind in a line), 2 wrong options,
3 one of the two cannot be read, 70 a bug in filmcolor, 130 Ctrl-C.
"""

_PART = "Which part was coloured"


@click.command(
    "verify",
    cls=SectionedCommand,
    epilog=_EPILOG,
    short_help="Prove that a coloured film is the same film.",
    options_metavar="[OPTIONS]",
)
@click.argument("source", type=click.Path())
@click.argument("result", type=click.Path())
@part_options(_PART, "Where the part begins, as given to `run`", "How long it is")
@field_option(VerifyOptions, "lossless")
@field_option(VerifyOptions, "deinterlace")
@field_option(VerifyOptions, "audio")
@show_options
@click.pass_context
def verify_command(
    ctx: click.Context,
    /,
    source: str,
    result: str,
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Prove that the film RESULT is the film SOURCE, with nothing but colour added.

    Both films are decoded from end to end and compared frame by frame. Each fault is named with its
    frame and its time. Nothing is written.
    """
    with running(display := open_verify_display(quiet=quiet, as_json=as_json)):
        options = VerifyOptions(**chosen)
        check_two_films(source, result, "verify compares two files; a pipe cannot be read twice")
        holds = show_verification(display, source, result, options)
    if not holds:
        ctx.exit(EXIT_FAULTS)


def open_verify_display(*, quiet: bool, as_json: bool) -> Display:
    """A display for `show_verification`."""
    from filmcolor.cli.verify_table import VERIFY

    return open_display(VERIFY, quiet=quiet, as_json=as_json)


def show_verification(display: Display, source: str, result: str, options: VerifyOptions) -> bool:
    """Compare two films and show how it goes and what was found; whether all holds."""
    from filmcolor.events import Comparing
    from filmcolor.verify.check import verify_film
    from filmcolor.verify.findings import VerifyReport

    def events() -> Generator[Event, None, None]:
        yield Comparing(source, result)
        yield (yield from verify_film(source, result, options))

    report = show_all(display, events())
    assert isinstance(report, VerifyReport)
    return report.holds
