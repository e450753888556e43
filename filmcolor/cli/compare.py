"""`filmcolor compare`: two films in one picture."""

from __future__ import annotations

from typing import Any

import click

from filmcolor.cli.arguments import (
    field_option,
    field_options,
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
from filmcolor.options import CompareOptions, EncodeOptions, RunOptions

_FILM, _PART = "The film that is written", "Which part"

_EPILOG = """\b
Examples:
  filmcolor compare old_film.mp4 color.mp4 -o split.mp4
      the old film on the left, the coloured one on the right, a line between
  filmcolor compare old_film.mp4 color.mp4 -o wipe.mp4 --mode wipe --start 1:00 --duration 16
      sixteen seconds of both, with a line that moves over the picture and back
  filmcolor compare restrained.mp4 vivid.mp4 -o both.mp4 --mode side
      two results side by side, twice as wide

\b
Exit codes: 0 done, 2 wrong options, 3 a film that cannot be read or written, 70 a bug in
filmcolor, 130 Ctrl-C.
"""


@sectioned_command("compare", "Show two films in one picture.", _EPILOG, "-o TARGET [OPTIONS]")
@click.argument("first", type=click.Path())
@click.argument("second", type=click.Path())
@output_option(_FILM, "TARGET", "Film to write: .mp4, .mov or .mkv.", required=True)
@overwrite_option(_FILM, "Replace a film that is there already.")
@field_option(EncodeOptions, "crf", _FILM, "Quality (x264; 18 by itself): lower is better.")
@field_options(CompareOptions)
@part_options(_PART, "Where to begin, in both films", "How much to show")
@show_options(RUN)
def compare_command(
    first: str, second: str, target: str, crf: float | None, display: Display, **chosen: Any
) -> None:
    """Write a film that shows FIRST on the left and SECOND on the right, frame by frame.

    Frames are paired by their times. Sound, subtitles and all else come from FIRST. A
    second film of another size is scaled to the first one's.
    """
    with running(display):
        check_two_films(first, second, "compare needs two files")
        how = {name: chosen.pop(name) for name in ("mode", "period_seconds")}
        run = RunOptions(encode=EncodeOptions(crf=crf), **chosen)
        from filmcolor.visual.compare import compare_films

        show_all(display, compare_films(first, second, target, CompareOptions(**how, run=run)))
