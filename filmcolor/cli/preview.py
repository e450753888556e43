"""`filmcolor preview`: shots of a film in every look, before hours are spent on it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from filmcolor.cli.arguments import (
    SectionedCommand,
    check_source,
    debug_option,
    exit_code,
    field_option,
    json_option,
    output_option,
    overwrite_option,
    quiet_option,
    section_option,
    signals_interrupt,
    upscale_options,
)
from filmcolor.errors import OptionError
from filmcolor.options import ColorOptions, PreviewOptions, RunOptions

_PREVIEW = PreviewOptions()

_SHEET, _LARGER, _SHOW = (
    "The sheet",
    "How small films are made larger",
    "What is shown",
)

_EPILOG = """\b
Examples:
  filmcolor preview old_film.mp4
      writes old_film.preview.png
  filmcolor run old_film.mp4 --look vivid
      colours the film in the look you liked
"""


@click.command(
    "preview",
    cls=SectionedCommand,
    epilog=_EPILOG,
    short_help="Show shots of a film in every look, on one sheet.",
    options_metavar="[OPTIONS]",
)
@click.argument("film", type=click.Path())
@output_option(_SHEET, "FILE.png", "Without it: NAME.preview.png, beside the film.")
@section_option(
    _SHEET,
    "--shots",
    type=int,
    default=_PREVIEW.shots,
    show_default=True,
    metavar="NUMBER",
    help="Shots to show, spread over the film.",
)
@overwrite_option(_SHEET, "Replace a sheet that is there already.")
@field_option(ColorOptions, "model")
@field_option(ColorOptions, "size")
@field_option(ColorOptions, "device")
@upscale_options(_LARGER)
@quiet_option(_SHOW)
@json_option(_SHOW, "Show events as JSON, one object a line, on standard output.")
def preview_command(
    film: str,
    target: str | None,
    shots: int,
    overwrite: bool,
    model: str,
    size: int | None,
    device: str,
    quiet: bool,
    as_json: bool,
    **upscaling: Any,
) -> None:
    """Write a sheet (PNG) of shots from all over FILM: as it is, and in every look of the model.

    Only a few frames are decoded, so it is quick for a film of any length. Choose with it what
    `filmcolor run --look` shall do; single frames are shown, which a run steadies in time.
    """
    from filmcolor.cli.display import open_display
    from filmcolor.jobs.preview import preview_film

    with (
        signals_interrupt(),
        open_display(quiet=quiet, as_json=as_json, film_on_stdout=False) as display,
    ):
        try:
            if not check_source(film):
                raise OptionError(f"{film}: is no film; `filmcolor run` colours pictures at once")
            if target is None and film == "-":
                raise OptionError("-o is missing: give -o FILE.png")
            place = target or str(Path(film).with_name(f"{Path(film).stem}.preview.png"))
            color = ColorOptions(model=model, device=device, size=size)
            run = RunOptions(color=color, overwrite=overwrite, **upscaling)
            options = PreviewOptions(run, shots)
            with closing(preview_film(film, place, options)) as events:
                for event in events:
                    display.show(event)
        except Exception as error:
            if code := exit_code(error):
                display.failed(error, code)
            raise


debug_option(preview_command)
