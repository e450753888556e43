"""`filmcolor stills`: one coloured still a shot, to be corrected and given to `run --stills`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
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
    upscale_options,
)
from filmcolor.cli.display.base import Display
from filmcolor.cli.run_command import running, show_all
from filmcolor.cli.run_table import RUN
from filmcolor.errors import OptionError
from filmcolor.events import Progress
from filmcolor.options import ColorOptions, RunOptions

_RESULT, _COLOUR, _LARGER, _READING = (
    "Where the stills go",
    "How the colour is made (as in run)",
    "How small films are made larger (as in run)",
    "How the film is read",
)

_EPILOG = """\b
Examples:
  filmcolor stills old_film.mp4 -o stills/
      one still for each shot, already coloured
  (correct some of them in any paint program)
  filmcolor run old_film.mp4 --stills stills/ -o color.mp4
      their shots get these colours; stills that were not changed are not used
"""


shot_options = together(
    *(
        field_option(ColorOptions, name, _COLOUR)
        for name in (
            *("model", "device", "size", "look", "saturation", "hue_shift"),
            *("restore", "restore_strength"),
        )
    ),
    upscale_options(_LARGER),
    field_option(RunOptions, "fps", _READING),
    part_options(_READING, "Where to begin", "How much to look at"),
    field_option(
        RunOptions,
        "deinterlace",
        _READING,
        "Make whole frames of an interlaced film first, as for a run with --deinterlace.",
    ),
)
"""The options by which shots are found and stills of them are coloured."""


def chosen_options(chosen: Mapping[str, Any]) -> RunOptions:
    """What those options and `--overwrite` say."""
    names = [field.name for field in fields(ColorOptions) if field.name in chosen]
    color = ColorOptions(**{name: chosen[name] for name in names})
    rest = {name: value for name, value in chosen.items() if name not in names}
    return RunOptions(color=color, **rest)


@sectioned_command(
    "stills", "Write one coloured still for each shot, to correct.", _EPILOG, "-o FOLDER [OPTIONS]"
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
@show_options(RUN)
def stills_command(film: str, folder: str | None, display: Display, **chosen: Any) -> None:
    """Write one still for each shot of FILM, its middle frame, already coloured.

    Correct the colours of those that are wrong in any paint program, keep their names and their
    size, and save them as PNG or JPEG. `filmcolor run FILM --stills FOLDER` then gives their shots
    these colours. Only the colours of a still count, not its brightness.
    """
    with running(display, lambda: _left(display)):
        if not folder:
            raise OptionError("-o is missing: give a folder for the stills")
        options = chosen_options(chosen)
        from filmcolor.jobs.stills import write_stills

        show_all(display, write_stills(film, folder, options))


def _left(display: Display) -> str:

    written = display.last(Progress)
    some = written is not None and written.done > 0
    return "the stills that were written are kept." if some else "no still was written."
