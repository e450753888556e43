"""The options of `filmcolor run` and `watch`, by section, as `filmcolor.options` declares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from filmcolor.cli.arguments import (
    field_option,
    json_option,
    output_option,
    quiet_option,
    section_option,
    together,
)
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.options.facts import COLOUR, facts_of, names_of
from filmcolor.options.run import SECTIONS

_KINDS: tuple[type, ...] = (ColorOptions, EncodeOptions, RunOptions)

FILM_ONLY = tuple(
    name for kind in _KINDS for name in names_of(kind, lambda facts: facts.films_only)
)
"""Options that pictures make no use of."""

_OF_ONE_FILM = names_of(RunOptions, lambda facts: facts.file and facts.films_only)
FOR_ANY_FILM = tuple(
    name
    for kind in _KINDS
    for name in names_of(kind, lambda facts: facts.help)
    if name not in (*_OF_ONE_FILM, "shard", "sidecar")
)
"""Options that a folder can be watched with: nobody else shares that, and sidecars are written."""

_AGAIN = (
    "Replace results that are another file's of the same name, or were made with other settings, "
    "as their sidecars tell. Without it they stay, and a line says so."
)

_RAY = section_option(
    COLOUR,
    "--ray",
    is_flag=False,
    flag_value="auto",
    default=None,
    show_default="off",
    metavar="[ADDRESS]",
    help="Colour on a Ray cluster whose machines all see the films and TARGET: that at ADDRESS "
    "(HOST:PORT), or that of this machine. One worker for each graphics card or for a few "
    "processor cores, --workers of them if that is given. docs/clusters.md tells more.",
)


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all of them; the help lists them by section, there in this order."""
    declared = [(kind, name) for kind in _KINDS for name in _listed(kind)]
    declared.sort(key=lambda each: SECTIONS.index(facts_of(each[0])[each[1]].section))
    add = together(
        output_option(
            SECTIONS[0],
            "TARGET",
            "Film to write (.mp4, .mov, .mkv or .mxf; frames: color/f_%06d.tif), picture, or "
            "folder; - writes Y4M to standard output. Without it: NAME.color.mp4 and the like, "
            "beside the source.",
        ),
        *(field_option(kind, name) for kind, name in declared),
        _RAY,
        quiet_option(),
        json_option(
            "Show events as JSON, one object a line, on standard output (on standard error when "
            "the film goes to standard output).",
        ),
    )
    return add(command)


def watch_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command those that hold for any film that may come."""
    declared = [(kind, name) for kind in _KINDS for name in _listed(kind) if name in FOR_ANY_FILM]
    declared.sort(key=lambda each: SECTIONS.index(facts_of(each[0])[each[1]].section))
    helps = {"overwrite": _AGAIN}
    options = (field_option(kind, name, help=helps.get(name, "")) for kind, name in declared)
    return together(*options)(command)


def _listed(kind: type) -> Sequence[str]:
    return names_of(kind, lambda facts: facts.help)


def chosen_run(chosen: Mapping[str, Any], explicit: Sequence[str]) -> RunOptions:
    """The options as they were chosen, by name, else their defaults; `explicit` are those that were
    given at all.
    """
    color, encode, run = (
        {name: chosen[name] for name in _listed(kind) if name in chosen} for kind in _KINDS
    )
    return RunOptions(
        color=ColorOptions(**color),
        encode=EncodeOptions(**encode),
        explicit_options=tuple(explicit),
        **run,
    )
