"""Writes the plan of a film as a file that explains itself, for `plan_file` to read back.

It knows no films.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from filmcolor.errors import OptionError
from filmcolor.guide.plan_file import (
    FILE_KEYS,
    Choices,
    PlanFile,
    PlanShot,
    PlanStill,
    is_model_file,
)
from filmcolor.guide.plan_things import in_comment, quoted, things_text
from filmcolor.media.partfile import write_bytes
from filmcolor.options import Stroke
from filmcolor.timecode import time_text

_HEAD = """\
# colours the film by this plan. Change it in any text editor: below the times of a [[shot]] write
# what holds for that shot, under [film] what holds for all others, a setting a line. Options on the
# command line count more than [film] and less than a [[shot]]. What stands behind a # does nothing.
#
#   skip = true            leave it grey
#   look = "vivid"         colour strength: restrained, natural or vivid
#   saturation = 1.2       strength of the colours: 0 grey, 1 as the model makes them, 4 at most
#   hue_shift = 10         turn all hues by so many degrees, -180 to 180: red towards yellow, yellow
#                          towards green, green towards blue; below 0 the other way
#   coherence = 0.5        how far places that look alike get one colour, 0 to 1
#   stability = 0.9        how much colour is kept steady from frame to frame, 0 to 1
#   restore = "dust"       repair the film itself: any of dust, scratches, flicker, weave and noise,
#                          with commas, or "all", or "none"; restore_strength from 0 to 1
#   model = "default"      a name that `filmcolor models` lists, or a .safetensors file
#   stills = "still.png"   a still of the shot with the right colours, named by its time as those
#                          of `filmcolor stills` are, or { file = "a.png", at = "00:01:12.400" };
#                          several in [ ]. Under [film]: a folder of them
#   strokes = "file.toml"  points and boxes with the right colours, as for `run --strokes`; or, at
#                          the end of the shot, a [[shot.strokes]] for each, with at, points or
#                          box, and color
#   reference = "a.jpg"    a colour photograph of other things whose colours are followed, as for
#                          `run --reference`; "" for none
#
# Under [film] alone:
#
#   upscale = 2            so many times as many rows and columns, 2, 3 or 4; with upscale_for =
#                          "film" or "clean", and upscale_model, as for `run --upscale`
#
# Names of files count from the folder of this file.
#
# The shots are those of the film. Where a cut was missed, give the shot an earlier end and add a
# [[shot]] that starts there; where there is none, take one of the two away and let the other end
# where it did. A time means the frame nearest to it; without an end a shot lasts to the next.
#
# Run again with --keep-work after a change: only the parts of the film that it touches are made
# anew.
"""

_THINGS_HEAD = """\
# Below are things of the film, such as a coat or a wall, that are seen most. Those of several shots
# that look alike are one thing and get one colour. Each of its names is a place where it is seen:
# a box [left, top, right, bottom] in px of the film as it is displayed.
#
#   color = "#7a3b2e"      its colour in all shots, without the # before the line
#   keep_apart = ["..."]   names of places where something else is seen, which is then a thing by
#                          itself
#   join = "..."           name of a place where the same thing is seen
"""


def plan_text(plan: PlanFile, title: str = "", command: str = "") -> str:
    """The plan as TOML; `title` and `command` say which film it is for and how it is used.

    Names of files are written as they stand, so they are to be those seen from the plan's folder.
    """
    title = title or "The plan of a film, shot by shot."
    command = command or "filmcolor run FILM --plan THIS_FILE -o color.mp4"
    head = ["# " + in_comment(title), "#", "#   " + in_comment(command), "#", _HEAD]
    lines = [*head, "[film]"]
    lines += _choices(plan.film, "film")
    for number, shot in enumerate(plan.shots, 1):
        lines += ["", *_shot(number, shot)]
    if plan.things:
        lines += ["", *_THINGS_HEAD.splitlines(), *things_text(plan.things)]
    return "\n".join(lines) + "\n"


def write_plan(
    path: str | Path,
    plan: PlanFile,
    title: str = "",
    command: str = "",
    *,
    overwrite: bool = False,
) -> None:
    """Write the plan; files that it names are written as seen from its folder.

    The file appears when it is whole, and replaces what is there only with `overwrite`. Raises
    `MediaError`, `NameTakenError` as `write_bytes`, and `OptionError` for a name that is no text.
    """
    seen = _seen_from(Path(path).parent, plan)
    try:
        content = plan_text(seen, title, command).encode()
    except UnicodeEncodeError as error:
        raise OptionError(
            f"{path}: a plan cannot hold a file name that is no text; rename that file or folder"
        ) from error
    write_bytes(path, content, overwrite=overwrite)


def _shot(number: int, shot: PlanShot) -> list[str]:
    lines = [f"[[shot]]  # {number}", f'start = "{time_text(shot.start)}"']
    if shot.end is not None:
        why = f"  # {in_comment(shot.ends_by)}" if shot.ends_by else ""
        lines.append(f'end = "{time_text(shot.end)}"{why}')
    if shot.still:
        lines.append(f"# still: {in_comment(shot.still)}")
    return lines + _choices(shot.choices, "shot")


def _choices(choices: Choices, table: str) -> list[str]:
    """A line for each choice that is made; tables of strokes come last, as TOML wants."""
    lines, tables = [], []
    for each in fields(choices):
        value = getattr(choices, each.name)
        if value is None:
            continue
        if each.name == "strokes" and isinstance(value, tuple) and value:
            for stroke in value:
                tables += ["", f"[[{table}.strokes]]", *stroke_lines(stroke)]
        else:
            lines.append(f"{each.name} = {value_text(value)}")
    return lines + tables


def value_text(value: object) -> str:
    """A value of a choice in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, PlanStill):
        if value.at is None:
            return quoted(value.file)
        return f'{{ file = {quoted(value.file)}, at = "{time_text(value.at)}" }}'
    if isinstance(value, tuple):
        return value_text(value[0]) if len(value) == 1 else f"[{', '.join(map(value_text, value))}]"
    return quoted(str(value))


def stroke_lines(stroke: Stroke) -> Iterable[str]:
    """A stroke as lines of its table, below the header."""
    yield f'at = "{time_text(stroke.at)}"'
    if stroke.box is not None:
        yield f"box = {list(stroke.box)}"
    else:
        yield f"points = {[list(point) for point in stroke.points]}"
    yield f'color = "{stroke.color}"'
    if stroke.radius != 1.0:
        yield f"radius = {stroke.radius}"


def _seen_from(folder: Path, plan: PlanFile) -> PlanFile:
    """The plan with names of files as seen from a folder; whole ones stay."""

    def seen(name: str) -> str:
        return name if os.path.isabs(name) else Path(os.path.relpath(name, folder)).as_posix()

    def chosen(choices: Choices) -> Choices:
        values = {key: getattr(choices, key) for key in FILE_KEYS}
        found: dict[str, Any] = {
            key: seen(value)
            for key, value in values.items()
            if isinstance(value, str) and value and ("model" not in key or is_model_file(value))
        }
        if isinstance(choices.stills, tuple):
            found["stills"] = tuple(
                replace(still, file=seen(still.file)) for still in choices.stills
            )
        return replace(choices, **found)

    shots = (replace(shot, choices=chosen(shot.choices)) for shot in plan.shots)
    return replace(plan, film=chosen(plan.film), shots=tuple(shots))
