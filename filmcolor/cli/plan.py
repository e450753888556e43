"""`filmcolor plan`: a film's shots as a file to edit, and to give to `run --plan`."""

from __future__ import annotations

from typing import Any

import click

from filmcolor.cli.arguments import (
    field_option,
    output_option,
    overwrite_option,
    sectioned_command,
    show_options,
)
from filmcolor.cli.display.base import Display
from filmcolor.cli.run_command import running, show_all
from filmcolor.cli.run_table import RUN
from filmcolor.cli.sources import check_film, name_beside
from filmcolor.cli.stills import chosen_options, shot_options
from filmcolor.errors import OptionError
from filmcolor.options import RunOptions

_RESULT = "Where the plan goes"

_EPILOG = """\b
Examples:
  filmcolor plan old_film.mp4 -o film.toml
      the film's shots, one after another, with a place for the settings of each
  (change some of them in any text editor: take out a cut, leave a shot grey, make one paler)
  filmcolor run old_film.mp4 --plan film.toml -o color.mp4 --keep-work
      apply it; after a change, the same with --overwrite makes anew only what changed
  filmcolor plan old_film.mp4 -o film.toml --stills stills/
      also write a coloured still of each shot; those that you correct are used
"""


@sectioned_command(
    "plan",
    "Write the shots of a film to a file, for settings of each.",
    _EPILOG,
    "[-o FILE.toml] [OPTIONS]",
)
@click.argument("film", type=click.Path())
@output_option(_RESULT, "FILE.toml", "Without it: NAME.toml, beside the film.")
@field_option(
    RunOptions,
    "stills",
    _RESULT,
    "Also write a coloured still of each shot to this folder, as `filmcolor stills` does, and name "
    "it in the plan. Stills that are there already are kept.",
)
@overwrite_option(
    _RESULT, "Replace a plan that is there already, with all changes that were made to it."
)
@shot_options
@show_options(RUN)
def plan_command(film: str, target: str | None, display: Display, **chosen: Any) -> None:
    """Find the shots of FILM and write them as a plan: a TOML file with explanations.

    For each shot you can set the look, the strength and the hue of its colours, the model, stills
    and strokes with the right colours, or that it stays grey. You can also correct where shots
    begin and end. `filmcolor run FILM --plan FILE.toml` applies the plan.
    """
    with running(display, lambda: "no plan was written."):
        options = chosen_options(chosen)
        if not check_film(film):
            raise OptionError(f"{film}: is no film; plans are for films")
        place = target or name_beside(film, ".toml")
        from filmcolor.jobs.plan_file import plan_film

        show_all(display, plan_film(film, place, options))
