"""`filmcolor extract`: frames of colour films, for training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import click

from filmcolor.cli.arguments import (
    check_source,
    choices,
    field_option,
    output_option,
    overwrite_option,
    part_options,
    section_option,
    sectioned_command,
    show_options,
    together,
)
from filmcolor.cli.display import open_display
from filmcolor.cli.extract_table import EXTRACT, reasons_text
from filmcolor.cli.run_command import running, show_all
from filmcolor.errors import MediaError, OptionError
from filmcolor.events import Event, Extracted, FrameWritten
from filmcolor.extract.settings import ExtractSettings, FrameFormat

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
@section_option(
    _RESULT,
    "--format",
    type=choices(get_args(FrameFormat)),
    default="png",
    show_default=True,
    help="png loses nothing; webp (quality 95) takes about a fifth of the space.",
)
@field_option(ExtractSettings, "short_side", _RESULT)
@overwrite_option(
    _RESULT,
    "Replace files that are there already. Without it they are left as they are, so that the "
    "same command goes on where it stopped.",
)
@together(*(field_option(ExtractSettings, name, _CHOICE) for name in _CHOSEN))
@part_options(_READING, "Where to begin in each film", "How much of each film to look at")
@show_options
@click.pass_context
def extract_command(
    ctx: click.Context,
    /,
    films: tuple[str, ...],
    folder: str | None,
    format: FrameFormat,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
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

    display = open_display(EXTRACT, quiet=quiet, as_json=as_json)
    with running(display, left):
        place = _check(films, folder)
        settings = ExtractSettings(**chosen | {"short_side": chosen["short_side"] or None})
        from filmcolor.extract.job import extract_films

        events = extract_films(films, place, settings, format=format, overwrite=overwrite)
        result = show_all(display, events, count)
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
