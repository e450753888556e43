"""`filmcolor stills`: one coloured still a shot, to be corrected and given to `run --stills`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import fields
from typing import Any

import click

from filmcolor.cli.arguments import (
    Interrupted,
    SectionedCommand,
    debug_option,
    exit_code,
    field_option,
    json_option,
    output_option,
    overwrite_option,
    part_options,
    quiet_option,
    signals_interrupt,
    together,
    upscale_options,
)
from filmcolor.errors import OptionError
from filmcolor.options import ColorOptions, RunOptions

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
      their shots follow them; stills that were not changed are left out
"""


shot_options = together(
    *(
        field_option(ColorOptions, name, _COLOUR)
        for name in ("model", "device", "size", "look", "saturation", "hue_shift")
    ),
    upscale_options(_LARGER),
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


@click.command(
    "stills",
    cls=SectionedCommand,
    epilog=_EPILOG,
    short_help="Write one coloured still a shot, to be corrected.",
    options_metavar="-o FOLDER [OPTIONS]",
)
@click.argument("film", type=click.Path())
@output_option(
    _RESULT,
    "FOLDER",
    "Folder to write them to, as PNG named by their times; is made if it is not there.",
    "folder",
)
@overwrite_option(
    _RESULT,
    "Write stills anew that are there already, corrected ones too. Without it they are kept.",
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
    size, and save them as PNG or JPEG: `filmcolor run FILM --stills FOLDER` takes them as truth.
    Only the colours of a still count, not its brightness.
    """
    from filmcolor.cli.display import open_display
    from filmcolor.jobs.stills import write_stills

    if not folder:
        raise OptionError("-o is missing: give a folder for the stills")
    options = chosen_options(chosen)
    with (
        signals_interrupt(),
        open_display(quiet=quiet, as_json=as_json, film_on_stdout=False) as display,
        closing(write_stills(film, folder, options)) as events,
    ):
        try:
            for event in events:
                display.show(event)
        except KeyboardInterrupt as stop:
            number = stop.exit_code - 128 if isinstance(stop, Interrupted) else 2
            text = "the stills that were written are kept."
            raise Interrupted(text, signal_number=number) from None
        except Exception as error:
            if code := exit_code(error):
                display.failed(error, code)
            raise


debug_option(stills_command)
