"""`filmcolor preview`: shots of a film in every look, before hours are spent on it."""

from __future__ import annotations

from typing import Any

import click

from filmcolor.cli.arguments import (
    field_option,
    field_options,
    output_option,
    overwrite_option,
    sectioned_command,
    show_options,
    upscale_options,
)
from filmcolor.cli.display.base import Display
from filmcolor.cli.run_command import running, show_all
from filmcolor.cli.run_table import RUN
from filmcolor.cli.sources import check_film, name_beside
from filmcolor.cli.stills import chosen_options
from filmcolor.errors import OptionError
from filmcolor.options import ColorOptions, PreviewOptions, RunOptions

_SHEET, _LARGER = "The sheet", "How small films are made larger"

_EPILOG = """\b
Examples:
  filmcolor preview old_film.mp4
      writes old_film.preview.png
  filmcolor run old_film.mp4 --look vivid
      colours the film in the look you liked
"""


@sectioned_command("preview", "Show shots of a film in every look, on one sheet.", _EPILOG)
@click.argument("film", type=click.Path())
@output_option(_SHEET, "FILE.png", "Without it: NAME.preview.png, beside the film.")
@field_option(PreviewOptions, "shots")
@overwrite_option(_SHEET, "Replace a sheet that is there already.")
@field_options(ColorOptions, ("model", "size", "device"))
@field_option(RunOptions, "fps", _SHEET)
@upscale_options(_LARGER)
@show_options(RUN)
def preview_command(
    film: str, target: str | None, shots: int, display: Display, **chosen: Any
) -> None:
    """Write a sheet (PNG) of shots from all over FILM: as it is, and in every look of the model.

    Only a few frames are decoded, so it is quick for a film of any length. Choose the look for
    `filmcolor run --look` with it. Frames are coloured one by one here; a run also keeps colour
    steady from frame to frame.
    """
    with running(display):
        if not check_film(film):
            raise OptionError(f"{film}: is no film; `filmcolor run` colours pictures at once")
        if target is None and film == "-":
            raise OptionError("-o is missing: give -o FILE.png")
        place = target or name_beside(film, ".preview.png")
        options = PreviewOptions(chosen_options(chosen), shots)
        from filmcolor.jobs.preview import preview_film

        show_all(display, preview_film(film, place, options))
