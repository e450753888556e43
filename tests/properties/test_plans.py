"""Plans: what is written is read back, whatever is in it and in whichever order."""

from __future__ import annotations

import json
import random
import string
import tempfile
import tomllib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from filmcolor.errors import FilmcolorError
from filmcolor.guide.plan_file import (
    COLOR_KEYS,
    UPSCALE_KEYS,
    Choices,
    PlanFile,
    PlanShot,
    PlanStill,
    parse_plan,
)
from filmcolor.guide.plan_text import plan_text, write_plan
from filmcolor.guide.plan_things import PlanThing
from filmcolor.options import ColorOptions, RunOptions, Stroke
from filmcolor.options.facts import OptionFacts, facts_of
from filmcolor.timecode import time_text

FOLDER = "/films"
NAMES = st.text(
    st.one_of(
        st.sampled_from("ab.\"'\\#[]{}=\x7f\x85\u2028\u202e\t\r\nü\U0001f3a5"),
        st.characters(exclude_categories=["Cs"], exclude_characters="/\0"),
    ),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in (".", "..") and not name.endswith(".safetensors"))
FILES = NAMES.map(lambda name: f"{FOLDER}/{name}")
MODELS = st.one_of(
    st.sampled_from(["default", "sr-fast"]), NAMES.map(lambda name: f"{FOLDER}/{name}.safetensors")
)
TIMES = st.integers(0, 10**14).map(lambda ticks: Fraction(ticks, 10**9))
PLACE = st.floats(0, 5000)
COLORS = st.text(string.hexdigits, min_size=6, max_size=6).map("#{}".format)
BOXES = st.tuples(PLACE, PLACE, PLACE, PLACE).filter(
    lambda box: box[0] < box[2] and box[1] < box[3]
)
RADII = st.floats(0, 1000, exclude_min=True)
STROKES = st.one_of(
    st.builds(
        Stroke,
        TIMES,
        COLORS,
        points=st.lists(st.tuples(PLACE, PLACE), min_size=1, max_size=3).map(tuple),
        radius=RADII,
    ),
    st.builds(Stroke, TIMES, COLORS, box=BOXES, radius=RADII),
)
MANY_STROKES = st.one_of(FILES, st.lists(STROKES, max_size=3).map(tuple))
STILLS = st.builds(PlanStill, FILES, st.one_of(st.none(), TIMES))


def values_of(facts: OptionFacts) -> st.SearchStrategy[Any]:
    """What an option of a plan may be."""
    if facts.range is not None:
        least, most = facts.range
        return st.floats(least, most)
    return st.sampled_from(facts.choices)


COLOR = {
    name: values_of(facts)
    for name, facts in facts_of(ColorOptions).items()
    if name in COLOR_KEYS and facts.range is not None
}
LARGER = {"upscale": st.sampled_from(facts_of(RunOptions)["upscale"].choices)}
KNOWN = {
    **COLOR,
    "skip": st.booleans(),
    "restore": st.sampled_from(["none", "all", "dust", "dust,weave"]),
    "look": st.sampled_from(["restrained", "natural", "vivid"]),
    "model": MODELS,
    "strokes": MANY_STROKES,
    "reference": st.one_of(st.just(""), FILES),
}


def choices(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[Choices]:
    kinds = {**KNOWN, **more}
    return st.fixed_dictionaries({}, optional=kinds).map(lambda chosen: Choices(**chosen))


SHOT_CHOICES = choices(stills=st.lists(STILLS, max_size=3).map(tuple))
FILM_CHOICES = choices(
    stills=FILES,
    upscale_for=st.sampled_from(["clean", "film"]),
    upscale_model=MODELS,
    **LARGER,
)
TEXTS = st.text(max_size=12)
THINGS = st.builds(
    PlanThing,
    NAMES,
    st.one_of(st.none(), COLORS),
    st.lists(NAMES, max_size=3).map(tuple),
    st.one_of(st.none(), NAMES),
    swatch=COLORS,
    seen=st.lists(NAMES, max_size=2).map(tuple),
)


@st.composite
def plans(draw: st.DrawFn) -> PlanFile:
    starts = sorted(draw(st.sets(TIMES, min_size=1, max_size=4)))
    shots = []
    for start in starts:
        last = draw(st.one_of(st.none(), st.integers(1, 10**12)))
        end = None if last is None else start + Fraction(last, 10**9)
        shots.append(PlanShot(start, end, draw(SHOT_CHOICES), draw(TEXTS), draw(TEXTS)))
    things = draw(st.lists(THINGS, max_size=3, unique_by=lambda thing: thing.name))
    return PlanFile(draw(FILM_CHOICES), tuple(shots), things=tuple(things))


def test_every_choice_is_made_up() -> None:
    assert set(COLOR_KEYS) <= set(KNOWN) and set(UPSCALE_KEYS) == {
        "upscale",
        "upscale_for",
        "upscale_model",
    }


@given(plans(), TEXTS, TEXTS)
def test_a_plan_is_read_as_it_was_written(plan: PlanFile, title: str, command: str) -> None:
    text = plan_text(plan, title, command)
    assert parse_plan(f"{FOLDER}/plan.toml", text) == plan
    again = plan_text(parse_plan(f"{FOLDER}/plan.toml", text), title, command)
    assert parse_plan(f"{FOLDER}/plan.toml", again) == plan


@given(plans())
def test_a_plan_in_a_file_is_too(plan: PlanFile) -> None:
    """With names of files as they are seen from it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.toml"
        write_plan(path, plan)
        assert parse_plan(path, path.read_bytes().decode("utf-8-sig")) == plan


def _shuffled(values: Any, order: random.Random) -> Any:
    """The same with the keys of all tables in another order."""
    if isinstance(values, dict):
        keys = list(values)
        order.shuffle(keys)
        return {key: _shuffled(values[key], order) for key in keys}
    return [_shuffled(each, order) for each in values] if isinstance(values, list) else values


@given(plans(), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_count(plan: PlanFile, order: random.Random) -> None:
    values = _shuffled(tomllib.loads(plan_text(plan)), order)
    assert parse_plan(f"{FOLDER}/plan.toml", tomli_w.dumps(values)) == plan


@given(plans(), st.sampled_from(["\n", "\r\n"]), st.data())
def test_a_mistake_is_named_with_its_line(plan: PlanFile, end: str, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(0, len(plan.shots) - 1))
    lines = plan_text(plan, data.draw(NAMES)).split("\n")
    head = f'start = "{time_text(plan.shots[wrong].start)}"'
    at = lines.index(head) + 1
    comment = data.draw(st.sampled_from(["", "# \u2028 a line\x85of two"]))
    lines[at:at] = ["hue_shfit = 3"]
    lines[0] += comment
    try:
        parse_plan("p", end.join(lines))
    except FilmcolorError as error:
        assert f": line {at + 1}: shot {wrong + 1} " in str(error)
    else:
        raise AssertionError("it was taken")


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*KNOWN, "at"]), inner)
    ),
    max_leaves=8,
)


@given(st.text(max_size=80), st.dictionaries(st.sampled_from([*KNOWN, "start", "end"]), VALUES))
def test_anything_else_is_refused_in_one_line(text: str, shot: dict[str, Any]) -> None:
    def dumped() -> str:
        found = json.loads(json.dumps(shot), parse_constant=float)
        return tomli_w.dumps({"shot": [{"start": 0, **_without_none(found)}]})

    for content in (text, f"[[shot]]\nstart = 0\n{text}", dumped()):
        try:
            plan = parse_plan("p.toml", content)
        except FilmcolorError as error:
            assert str(error).startswith("p.toml") and "\n" not in str(error)
        else:
            assert parse_plan("p.toml", plan_text(replace(plan, path=""))).shots


def _without_none(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _without_none(each) for key, each in values.items() if each is not None}
    if isinstance(values, list):
        return [_without_none(each) for each in values if each is not None]
    return values
