"""`filmcolor stills`: one coloured still a shot, to be corrected and given to `run --stills`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, get_args

import click

from filmcolor.cli.arguments import (
    SectionedCommand,
    choices,
    debug_option,
    device_option,
    json_option,
    output_option,
    overwrite_option,
    part_options,
    quiet_option,
    section_option,
    upscale_options,
)
from filmcolor.cli.display import open_display
from filmcolor.cli.display.base import Display
from filmcolor.cli.run_command import running, show_all
from filmcolor.errors import OptionError
from filmcolor.options import ColorOptions, Look, RunOptions

_COLOR = ColorOptions()
_RESULT, _COLOUR, _LARGER, _READING, _SHOW = (
    "Where the stills go",
    "How the colour is made (as in run)",
    "How small films are made larger (as in run)",
    "How the film is read",
    "What is shown",
)

_EPILOG = """\b
Examples:
  filmcolor stills old_film.mp4 -o stills/
      one still for each shot, already coloured
  (correct some of them in any paint program)
  filmcolor run old_film.mp4 --stills stills/ -o color.mp4
      their shots get these colours; stills that were not changed are not used
"""


_SHOT_OPTIONS: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
    section_option(
        _COLOUR,
        "--model",
        default=_COLOR.model,
        show_default=True,
        metavar="NAME|FILE",
        help="A name that `filmcolor models` lists, or a .safetensors file.",
    ),
    device_option(_COLOUR, _COLOR.device, "What the model runs on"),
    section_option(
        _COLOUR,
        "--size",
        type=int,
        default=_COLOR.size,
        show_default="the model's own",
        metavar="PIXELS",
        help="Size at which the model looks at a frame; stills have the size of the film as it is "
        "displayed, or what --upscale makes of it.",
    ),
    section_option(
        _COLOUR,
        "--look",
        type=choices(get_args(Look)),
        default=_COLOR.look,
        show_default=True,
        help="How boldly the model paints, as in `filmcolor run`.",
    ),
    section_option(
        _COLOUR,
        "--saturation",
        type=float,
        default=_COLOR.saturation,
        show_default=True,
        metavar="FACTOR",
        help="Strength of the colours: below 1 paler, above 1 stronger.",
    ),
    section_option(
        _COLOUR,
        "--hue-shift",
        type=float,
        default=_COLOR.hue_shift,
        show_default=True,
        metavar="DEGREES",
        help="Turn all hues, -180 to 180, as in `filmcolor run`.",
    ),
    upscale_options(_LARGER),
    part_options(_READING, "Where to begin", "How much to look at"),
    section_option(
        _READING,
        "--deinterlace",
        is_flag=True,
        help="Make whole frames of an interlaced film first, as for a run with --deinterlace.",
    ),
)


def shot_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options by which shots are found and stills of them are coloured."""
    for option in reversed(_SHOT_OPTIONS):
        command = option(command)
    return command


def chosen_options(chosen: Mapping[str, Any]) -> RunOptions:
    """What those options and `--overwrite` say."""
    names = [field.name for field in fields(ColorOptions) if field.name in chosen]
    color = ColorOptions(**{name: chosen[name] for name in names})
    rest = {name: value for name, value in chosen.items() if name not in names}
    return RunOptions(color=color, **rest)


@click.command(
    "stills",
    cls=SectionedCommand,
    epilog=_EPILOG,
    short_help="Write one coloured still for each shot, to correct.",
    options_metavar="-o FOLDER [OPTIONS]",
)
@click.argument("film", type=click.Path())
@output_option(
    _RESULT,
    "FOLDER",
    "Folder to write them to, as PNG named by their times; it is made if it is missing.",
    "folder",
)
@overwrite_option(
    _RESULT,
    "Replace stills that are there already, corrected ones too. Without it they are kept.",
)
@shot_options
@quiet_option(_SHOW)
@json_option(_SHOW)
def stills_command(
    film: str,
    folder: str | None,
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Write one still for each shot of FILM, its middle frame, already coloured.

    Correct the colours of those that are wrong in any paint program, keep their names and their
    size, and save them as PNG or JPEG. `filmcolor run FILM --stills FOLDER` then gives their shots
    these colours. Only the colours of a still count, not its brightness.
    """
    from filmcolor.cli.run_table import RUN

    display = open_display(RUN, quiet=quiet, as_json=as_json)
    with running(display, lambda: _left(display)):
        if not folder:
            raise OptionError("-o is missing: give a folder for the stills")
        options = chosen_options(chosen)
        from filmcolor.jobs.stills import write_stills

        show_all(display, write_stills(film, folder, options))


def _left(display: Display) -> str:
    from filmcolor.events import Progress

    written = display.last(Progress)
    some = written is not None and written.done > 0
    return "the stills that were written are kept." if some else "no still was written."


debug_option(stills_command)
