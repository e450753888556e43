"""`filmcolor extract`: frames of colour films, for training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from filmcolor.cli.arguments import (
    field_option,
    output_option,
    overwrite_option,
    part_options,
    sectioned_command,
    show_options,
    together,
)
from filmcolor.cli.display.base import Display, Step, Table
from filmcolor.cli.display.terminal import count, file_name, with_name
from filmcolor.cli.run_command import running, show_all
from filmcolor.cli.run_table import NOTICES
from filmcolor.cli.sources import check_source
from filmcolor.errors import MediaError, OptionError
from filmcolor.events import (
    Event,
    Extracted,
    FilmAdvanced,
    FilmFailed,
    FilmOpened,
    FilmRead,
    FrameCounts,
    FrameWritten,
    Reason,
)
from filmcolor.extract.settings import ExtractSettings
from filmcolor.timecode import clock_text

_CHOSEN = ("per_shot", "every_seconds", "max_frames", "min_distance")
_GOES_ON = "; the same command goes on from there."

_EPILOG = """\b
Examples:
  filmcolor extract my_film.mp4 -o frames/
      a few frames of each shot
  filmcolor extract reel*.mkv -o frames/ --per-shot 1 --format webp
      several films, fewer and smaller files
  filmcolor extract long.mkv -o frames/ --max-frames 500 --start 2:00
      500 frames at most, spread over the film, without its opening
  filmcolor train frames/ -o runs/mine --init default
      and then train with them

\b
Exit codes: 0 done, 1 some films failed (each is named), 2 wrong options,
3 an unreadable film, or no frame worth keeping, 5 a frame that could not be
written, 70 a bug in filmcolor, 130 Ctrl-C.
"""

_RESULT, _CHOICE, _READING = (
    "Where the frames go",
    "Which frames are kept",
    "How the films are read",
)


_WHY: dict[Reason, str] = {
    "surplus": "beside better ones of their shot",
    "duplicate": "like one that was kept",
    "blurred": "blurred",
    "grey": "grey",
    "tinted": "tinted",
    "black": "black",
    "blank": "blank",
    "limit": "over --max-frames",
}


def _opened(display: Display, event: FilmOpened) -> None:
    place = f" (film {event.number} of {event.films})" if event.films > 1 else ""
    display.say(f"{file_name(event.source)}: {event.summary}{place}")
    display.begin(Step(0, event.total))


def _advanced(display: Display, event: FilmAdvanced) -> None:
    display.move(Step(event.done, event.total, more=(f"{event.kept} kept",)))


def _read(display: Display, event: FilmRead) -> None:
    opened = display.last(FilmOpened)
    if opened is not None and opened.films > 1:
        display.say(f"{file_name(event.source)}: {_counts(event.counts)}")


def _failed(display: Display, event: FilmFailed) -> None:
    display.warn(f"Failed: {with_name(event.source, event.reason)}")


def _extracted(display: Display, event: Extracted) -> None:
    parts = [f"{file_name(event.folder)}: {_counts(event.counts)}"]
    if event.skipped:
        parts.append(f"{event.skipped} were there already (--overwrite replaces them)")
    if event.failed:
        parts.append(f"{event.failed} of {event.films} films failed")
    display.end()
    display.say(f"{'; '.join(parts)}; {clock_text(event.seconds)}")


def _counts(counts: FrameCounts) -> str:
    """How many frames were kept of how many, and why the others were not."""
    text = f"{counts.kept} of {counts.frames} frames kept, {count(counts.shots, 'shot')}"
    rest = reasons_text(counts)
    return f"{text}; not kept: {rest}" if rest else text


def reasons_text(counts: FrameCounts) -> str:
    """Why frames were not kept, the most frequent reason first; empty when all were."""
    found = sorted(counts.rejected.items(), key=lambda item: -item[1])
    return ", ".join(f"{number} {_WHY[reason]}" for reason, number in found)


EXTRACT: Table = {
    **NOTICES,
    FilmOpened: _opened,
    FilmAdvanced: _advanced,
    FilmRead: _read,
    FilmFailed: _failed,
    Extracted: _extracted,
}


@sectioned_command(
    "extract", "Take frames of colour films, to train with.", _EPILOG, "-o FOLDER [OPTIONS]"
)
@click.argument("films", metavar="FILM...", nargs=-1, type=click.Path())
@output_option(
    _RESULT,
    "FOLDER",
    "Folder for the frames; it is made if it is missing. A file is FILM-NNNNNN.png: the film's "
    "name and the number of the frame in it.",
    "folder",
)
@field_option(ExtractSettings, "format", _RESULT)
@field_option(ExtractSettings, "short_side", _RESULT)
@overwrite_option(
    _RESULT,
    "Replace files that are there already. Without it they are left as they are, so that the "
    "same command goes on where it stopped.",
)
@together(*(field_option(ExtractSettings, name, _CHOICE) for name in _CHOSEN))
@part_options(_READING, "Where to begin in each film", "How much of each film to look at")
@show_options(EXTRACT)
@click.pass_context
def extract_command(
    ctx: click.Context,
    /,
    films: tuple[str, ...],
    folder: str | None,
    display: Display,
    **chosen: Any,
) -> None:
    """Take frames of colour films to train with: a few sharp ones of each shot, no two alike.

    Frames that are black, blank, grey, tinted or blurred are skipped. Letterbox bars are cut
    off, the picture is turned upright and its pixels are made square. A last line says how many
    frames were kept, and why the others were not. FILM may be - for Y4M on standard input.
    """
    written = 0

    def count(event: Event) -> None:
        nonlocal written
        written += isinstance(event, FrameWritten) and event.status == "done"

    def left() -> str:
        return f"frames written: {written}" + (_GOES_ON if written else "")

    with running(display, left):
        place = _check(films, folder)
        settings = ExtractSettings(**chosen | {"short_side": chosen["short_side"] or None})
        from filmcolor.extract.job import extract_films

        result = show_all(display, extract_films(films, place, settings), count)
        assert isinstance(result, Extracted)
        if result.counts.kept == 0 and result.failed < result.films:
            why = reasons_text(result.counts)
            raise MediaError(f"no frame is worth keeping ({why}); give films in colour")
    if result.failed:
        ctx.exit(1)


def _check(films: Sequence[str], folder: str | None) -> str:
    """The folder; raises where the command line cannot be meant, before anything heavy is loaded.

    Of several films, one that is not there is found when its turn comes.
    """
    if not films:
        raise OptionError("FILM is missing: give one or more colour films")
    if folder is None:
        raise OptionError("-o is missing: give the folder that the frames shall go to")
    if not folder:
        raise OptionError("-o: an empty name; give a folder")
    if folder == "-":
        raise OptionError("-o -: frames cannot go to standard output; name a folder")
    for film in films:
        if len(films) == 1 or film in ("", "-"):
            check_source(film)
    return folder
