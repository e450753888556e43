"""`filmcolor verify`: prove that a coloured film is its source with nothing but colour added."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import click

from filmcolor.cli.arguments import (
    FPS_HELP,
    field_option,
    part_options,
    sectioned_command,
    show_options,
)
from filmcolor.cli.display.base import Display, Step, Table
from filmcolor.cli.display.terminal import file_name
from filmcolor.cli.run_command import running, show_all
from filmcolor.cli.run_table import NOTICES
from filmcolor.cli.sources import check_two_films
from filmcolor.events import Compared, Comparing, Event
from filmcolor.options import RunOptions, VerifyOptions
from filmcolor.timecode import clock_text
from filmcolor.verify.findings import VerifyReport

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
byte; chapters, attachments, cover pictures and tags. Besides, what a player makes of both: the
order of fields, by motion too; the sound as it is heard, with edit lists; captions in the
picture; borders that the container cuts off; languages. What the container cannot hold, and text
that had to change its format, is a note and no fault. The luma of a film that was made larger
(run --upscale) is reduced to the source's size first.

\b
Exit codes: 0 all of it holds, 1 something does not (each kind in a line), 2 wrong options,
3 one of the two cannot be read, 70 a bug in filmcolor, 130 Ctrl-C.
"""

_PART = "Which part was coloured"


def _comparing(display: Display, event: Comparing) -> None:
    display.say(f"comparing {file_name(event.result)} with {file_name(event.source)}")
    display.begin(Step(0, None))


def _compared(display: Display, event: Compared) -> None:
    display.move(Step(event.done, event.total))


def _report(display: Display, report: VerifyReport) -> None:
    display.end()
    for finding in report.findings:
        if finding.severity == "note":
            display.say(f"Note: {finding.line}")
    for finding in report.findings:
        if finding.severity == "fault":
            display.warn(f"Failed: {finding.line}")
    display.say(_verdict(report))


def _verdict(report: VerifyReport) -> str:
    """Whether everything holds, in one line."""
    name = file_name(report.result)
    faults = sum(finding.severity == "fault" for finding in report.findings)
    if faults:
        kinds = "1 kind of fault" if faults == 1 else f"{faults} kinds of faults"
        return f"{name}: does not hold: {kinds}, see above"
    if report.luma == "left out":
        luma = "mid-grey stands in the place of luma"
    elif report.worst_block_psnr is None:
        luma = "every code of its luma is the source's"
    else:
        luma = (
            f"the worst block of its luma is {report.worst_block_psnr:.1f} dB, "
            f"off by {report.worst_block_codes:.1f} codes at most"
        )
    return f"{name}: holds: {report.frames} frames in {clock_text(report.seconds)}; {luma}"


VERIFY: Table = {**NOTICES, Comparing: _comparing, Compared: _compared, VerifyReport: _report}


@sectioned_command("verify", "Prove that a coloured film is the same film.", _EPILOG)
@click.argument("source", type=click.Path())
@click.argument("result", type=click.Path())
@part_options(_PART, "Where the part begins, as given to `run`", "How long it is")
@field_option(RunOptions, "fps", _PART, FPS_HELP)
@field_option(VerifyOptions, "lossless")
@field_option(VerifyOptions, "deinterlace")
@field_option(VerifyOptions, "output_chroma")
@field_option(VerifyOptions, "restored")
@field_option(VerifyOptions, "audio")
@show_options(VERIFY)
@click.pass_context
def verify_command(
    ctx: click.Context, /, source: str, result: str, display: Display, **chosen: Any
) -> None:
    """Prove that the film RESULT is the film SOURCE, with nothing but colour added.

    Both films are decoded from end to end and compared frame by frame. Each fault is named with its
    frame and its time. Nothing is written.
    """
    with running(display):
        options = VerifyOptions(**chosen)
        check_two_films(source, result, "verify compares two files; a pipe cannot be read twice")
        holds = show_verification(display, source, result, options)
    if not holds:
        ctx.exit(EXIT_FAULTS)


def show_verification(display: Display, source: str, result: str, options: VerifyOptions) -> bool:
    """Compare two films and show how it goes and what was found; whether all holds."""
    from filmcolor.verify.check import verify_film
    from filmcolor.verify.findings import VerifyReport

    def events() -> Generator[Event, None, None]:
        yield Comparing(source, result)
        yield (yield from verify_film(source, result, options))

    report = show_all(display, events())
    assert isinstance(report, VerifyReport)
    return report.holds
