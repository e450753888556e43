"""What the page may ask to be changed, checked and put into the words of the plan.

What comes from the page is never believed: every value is looked at here before anything is done
with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from filmcolor.errors import OptionError
from filmcolor.guide.plan_file import COLOR_KEYS, PlanFile
from filmcolor.guide.times import FilmTimes
from filmcolor.jobs.plan_file import shortest_time
from filmcolor.options import RESTORE_KINDS, ColorOptions, Look, Stroke
from filmcolor.options.facts import facts_of, is_within
from filmcolor.review.journal import Value
from filmcolor.review.project import Project, said
from filmcolor.review.ways import Way, Ways
from filmcolor.timecode import time_text

KEYS = ("skip", *COLOR_KEYS)
"""Choices that the page sets."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "look": get_args(Look),
    "restore": ("none", "all", *RESTORE_KINDS),
}
"""What may be chosen of those that are no numbers; of models, those that are there."""
_COLOR = re.compile("#[0-9a-fA-F]{6}")
_THING = re.compile(r"[0-9.-]{1,40}_[0-9]{1,6}")
_MOST_POINTS = 64
_MOST_STROKES = 500
"""Of a shot."""


class Changer:
    """Makes the changes that the page asks for, in the project."""

    def __init__(
        self,
        project: Project,
        ways: Ways,
        times: Callable[[], FilmTimes],
        models: tuple[str, ...],
    ) -> None:
        """`models` are the names of models that may be chosen."""
        self._project, self._ways = project, ways
        self._times, self._models = times, models

    def make(self, asked: Mapping[str, Any], way: Way, plan: PlanFile) -> str:
        """Make one change and return what it was; raises `FilmcolorError` and `ValueError`."""
        mark = asked.get("mark")
        if mark is not None and not isinstance(mark, str):
            raise ValueError("mark: must be text")
        kinds = asked.keys() - {"mark", "page"}
        if len(kinds) != 1:
            raise ValueError("ask for one change")
        (kind,) = kinds
        value = asked[kind]
        if kind == "undo":
            return self._project.undo(self._ways.of, mark)
        if kind == "redo":
            return self._project.redo(self._ways.of, mark)
        if not isinstance(value, dict):
            raise ValueError(f"{kind}: must be an object")
        if kind == "set":
            return self._set(value, plan, mark)
        if kind == "stroke":
            return self._stroke(value, way, plan, mark)
        if kind == "thing":
            return self._thing(value, mark)
        if kind == "unstroke":
            return self._unstroke(value, way, plan, mark)
        raise ValueError("no such change")

    def _set(self, value: Mapping[str, Any], plan: PlanFile, mark: str | None) -> str:
        _only(value, {"shot", "key", "value"})
        shot = _whole(value["shot"], "shot", 0, len(plan.shots))
        key, wanted = value["key"], value["value"]
        if key not in KEYS:
            raise ValueError("key: no such setting")
        if wanted is not None:
            wanted = self._choice(key, wanted, plan)
        shown = "as the film" if wanted is None else _shown(wanted)
        label = f"{_name(shot)}: {key.replace('_', ' ')} {shown}"
        self._project.set(shot, key, wanted, label, self._ways.of, mark)
        return label

    def _choice(self, key: str, wanted: object, plan: PlanFile) -> Value:
        if key == "skip":
            if not isinstance(wanted, bool):
                raise ValueError("skip: must be true or false")
            return wanted
        facts = facts_of(ColorOptions)[key]
        if key == "model":
            used = {plan.film.model, *(shot.choices.model for shot in plan.shots)}
            if wanted not in self._models and wanted not in used:
                raise ValueError("model: no such model")
            return wanted
        if facts.range is not None:
            number = _number(wanted, key)
            if not is_within(number, facts):
                raise ValueError(f"{key}: must be {facts.range[0]:g} to {facts.range[1]:g}")
            return number
        words = WORDS.get(key, ())
        if wanted not in words:
            raise ValueError(f"{key}: must be one of {', '.join(words)}")
        return wanted

    def _stroke(self, value: Mapping[str, Any], way: Way, plan: PlanFile, mark: str | None) -> str:
        _only(value, {"frame", "color"}, {"points", "box", "radius", "why"})
        frame = _whole(value["frame"], "frame", 0, way.film.frames - 1)
        color, why = value["color"], value.get("why", "")
        if not isinstance(color, str) or not _COLOR.fullmatch(color):
            raise ValueError("color: must be #rrggbb")
        if why not in ("", "grey", "keep"):
            raise ValueError("why: must be grey or keep")
        stroke = Stroke(
            at=shortest_time(self._times(), frame),
            color=color.lower(),
            points=_points(value["points"], way) if "points" in value else (),
            box=_box(value["box"], way) if "box" in value else None,
            radius=_number(value.get("radius", 1.0), "radius"),
        )
        number = way.entries[way.shot_at(frame)]
        now = self._strokes(way, plan, number)
        if len(now) >= _MOST_STROKES:
            raise OptionError(f"{_name(number)}: has {len(now)} strokes, which is the most")
        what = {"": f"colour {stroke.color}", "grey": "left grey", "keep": "kept"}[why]
        label = f"{_name(number)}: {what}"
        self._project.set(number, "strokes", said((*now, stroke)), label, self._ways.of, mark)
        return label

    def _thing(self, value: Mapping[str, Any], mark: str | None) -> str:
        _only(value, {"name", "color"})
        name, color = value["name"], value["color"]
        if not isinstance(name, str) or not _THING.fullmatch(name):
            raise ValueError("name: no name of a thing")
        if color is not None and not (isinstance(color, str) and _COLOR.fullmatch(color)):
            raise ValueError("color: must be #rrggbb")
        label = f"Thing {name}: " + ("colour taken away" if color is None else f"colour {color}")
        self._project.set_thing(name, color, label, self._ways.of, mark)
        return label

    def _unstroke(
        self, value: Mapping[str, Any], way: Way, plan: PlanFile, mark: str | None
    ) -> str:
        _only(value, {"shot", "number"})
        shot = _whole(value["shot"], "shot", 1, len(plan.shots))
        now = self._strokes(way, plan, shot)
        number = _whole(value["number"], "number", 0, len(now) - 1)
        left = said((*now[:number], *now[number + 1 :]))
        is_own = isinstance(plan.film.strokes, tuple | str)
        label = f"{_name(shot)}: colour {now[number].color} taken away"
        wanted = left if left or is_own else None
        self._project.set(shot, "strokes", wanted, label, self._ways.of, mark)
        return label

    def _strokes(self, way: Way, plan: PlanFile, number: int) -> tuple[Stroke, ...]:
        """The strokes that hold for a shot of the plan: its own, or those of the film in it."""
        own = plan.shots[number - 1].choices.strokes
        if isinstance(own, tuple):
            return own
        if number not in way.entries:
            return ()
        given = way.hints.shots.get(way.entries.index(number))
        return () if given is None else tuple(stroke for _, stroke in given.strokes)


def _name(shot: int) -> str:
    return f"Shot {shot}" if shot else "All shots"


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _only(value: Mapping[str, Any], needed: set[str], allowed: set[str] | None = None) -> None:
    if missing := needed - value.keys():
        raise ValueError(f"{min(missing)}: missing")
    if value.keys() - needed - (allowed or set()):
        raise ValueError("a key too many")


def _whole(value: object, key: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{key}: must be a whole number, {least} to {most}")
    return value


def _number(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{key}: must be a number")
    return float(value)


def _points(value: object, way: Way) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_POINTS:
        raise ValueError(f"points: must be 1 to {_MOST_POINTS} points")
    found = []
    for point in value:
        if not isinstance(point, list) or len(point) != 2:
            raise ValueError("points: must be a list of [x, y]")
        x, y = (_number(each, "points") for each in point)
        height, width = way.screen.displayed
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError("points: outside of the picture")
        found.append((round(x, 1), round(y, 1)))
    return tuple(found)


def _box(value: object, way: Way) -> tuple[float, float, float, float]:
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError("box: must be [x0, y0, x1, y1]")
    x0, y0, x1, y1 = (round(_number(each, "box"), 1) for each in value)
    height, width = way.screen.displayed
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise ValueError("box: outside of the picture")
    return x0, y0, x1, y1


def stroke_facts(stroke: Stroke) -> dict[str, Any]:
    """A stroke for the page."""
    shape: dict[str, Any] = {"points": [list(point) for point in stroke.points]}
    if stroke.box is not None:
        shape = {"box": list(stroke.box)}
    return {"at": time_text(stroke.at), "color": stroke.color, **shape}
