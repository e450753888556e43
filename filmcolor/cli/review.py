"""`filmcolor review`: a page on this machine to see every shot and say its colours."""

from __future__ import annotations

import webbrowser
from typing import Any

import click

from filmcolor.cli.arguments import (
    field_option,
    field_options,
    output_option,
    part_options,
    section_option,
    sectioned_command,
    show_options,
)
from filmcolor.cli.display.base import Display, Table
from filmcolor.cli.run_command import running, show_all
from filmcolor.cli.run_table import NOTICES
from filmcolor.cli.sources import check_film, default_target, name_beside
from filmcolor.errors import OptionError
from filmcolor.events import Serving
from filmcolor.options import ColorOptions, EncodeOptions, ReviewOptions, RunOptions

_PAGE, _RESULT, _READING = "The page", "Where the result goes", "How the film is read"

_EPILOG = """\b
Examples:
  filmcolor review old_film.mp4
      opens the page in your browser; Ctrl-C ends it
  filmcolor review old_film.mp4 -o color.mp4 --plan film.toml
      go on with a plan, or with a result, that is there already
  filmcolor run old_film.mp4 --plan old_film.plan.toml -o color.mp4
      what the page showed, without the page

\b
All that is said on the page is written to the plan at once, and nothing leaves this machine. The
folder .NAME.plan.toml.review beside the plan holds what was said so far, for undo, and what was
found of the film; it may be removed.
"""


def _serving(display: Display, event: Serving) -> None:
    display.say(event.address)
    display.say("Ctrl-C ends it.")


_SHOWN: Table = {**NOTICES, Serving: _serving}


@sectioned_command("review", "See every shot in the browser and say its colours.", _EPILOG)
@click.argument("film", type=click.Path())
@output_option(_RESULT, "TARGET", "Film to render to. Without it: NAME.color.mp4, beside the film.")
@field_option(
    RunOptions,
    "plan",
    _RESULT,
    "Plan to work on; it is written if it is not there. Without it: NAME.plan.toml, beside the "
    "film.",
)
@field_option(RunOptions, "work", _RESULT)
@field_options(ReviewOptions, ("host", "port"))
@section_option(
    _PAGE, "--no-browser", "no_browser", is_flag=True, help="Only print the page's address."
)
@field_options(
    ColorOptions,
    ("model", "device", "size", "look", "saturation", "hue_shift", "coherence", "stability"),
)
@field_option(RunOptions, "fps", _READING)
@part_options(_READING, "Where to begin", "How much to show")
@field_option(RunOptions, "deinterlace", _READING)
@field_options(EncodeOptions)
@show_options(_SHOWN)
def review_command(
    film: str,
    target: str | None,
    plan: str | None,
    host: str,
    port: int,
    no_browser: bool,
    display: Display,
    **chosen: Any,
) -> None:
    """Show FILM shot by shot in the browser, before and after, and take what you say of it.

    Click on what is wrong and choose its colour; set the look and the strength of a shot, or leave
    it grey. The picture changes at once. A button renders the film, as `filmcolor run --plan` does;
    only what was touched is made anew.
    """
    with running(display, lambda: "all that was said is in the plan."):
        if not check_film(film):
            raise OptionError(f"{film}: is no film; `filmcolor run` colours pictures at once")
        if film == "-":
            raise OptionError("-: a pipe cannot be shown; name a film file")
        options = ReviewOptions(_for_run(chosen), host, port, not no_browser)
        place = target or default_target(film, options.run.encode.codec, is_film=True)
        from filmcolor.review.run import review_film

        events = review_film(film, place, plan or name_beside(film, ".plan.toml"), options)
        show_all(display, events, lambda event: _opened(event, options))


def _for_run(chosen: dict[str, Any]) -> RunOptions:
    kinds = (ColorOptions, EncodeOptions)
    color, encode = (
        {name: chosen.pop(name) for name in list(chosen) if name in kind.__dataclass_fields__}
        for kind in kinds
    )
    return RunOptions(color=ColorOptions(**color), encode=EncodeOptions(**encode), **chosen)


def _opened(event: object, options: ReviewOptions) -> None:
    """Open the page in the browser, where there is one."""
    if isinstance(event, Serving) and options.browser:
        webbrowser.open(event.address)
