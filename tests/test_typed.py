"""Every value that a plan, a file of strokes or a caller gives is of the type that is declared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import filmcolor
from filmcolor import options as all_options
from filmcolor.errors import OptionError
from filmcolor.guide.plan_file import Choices, PlanFile, PlanShot, read_plan
from filmcolor.guide.strokes import read_strokes
from filmcolor.options import (
    ColorOptions,
    CompareOptions,
    EncodeOptions,
    FilmMeasureOptions,
    PreviewOptions,
    RunOptions,
    Stroke,
    TrainOptions,
    VerifyOptions,
)
from filmcolor.typed import parse_json

RED = "#8b1a1a"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: RunOptions(upscale=2.0), "--upscale: must be a whole number, not 2.0"),
        (lambda: RunOptions(workers=True), "--workers: must be a whole number, not True"),
        (lambda: RunOptions(verify=1), "--verify: must be true or false, not 1"),
        (lambda: RunOptions(shard=(1, 2, 3)), "--shard: must be 2 values, not 3"),
        (lambda: RunOptions(shard=(1, 2.0)), "--shard[1]: must be a whole number, not 2.0"),
        (lambda: RunOptions(work=3), "--work: must be text, not 3"),
        (lambda: RunOptions(start_seconds="1"), "--start: must be a number, not '1'"),
        (
            lambda: RunOptions(duration_seconds=float("inf")),
            "--duration: must be a number, not inf",
        ),
        (lambda: RunOptions(color=EncodeOptions()), "--color: must be a table, or ColorOptions"),
        (
            lambda: RunOptions(color={"stride": 2.0}),
            "--color.stride: must be a whole number or auto",
        ),
        (
            lambda: RunOptions(siting="top"),
            "--siting: must be one of auto, left, center, not 'top'",
        ),
        (lambda: RunOptions(strokes=3), "--strokes: must be text or a list, not 3"),
        (lambda: RunOptions(strokes=["a"]), "--strokes[0]: must be a table, or Stroke, not 'a'"),
        (lambda: ColorOptions(size=256.0), "--size: must be a whole number, not 256.0"),
        (lambda: ColorOptions(stride=2.0), "--stride: must be a whole number or auto, not 2.0"),
        (lambda: ColorOptions(stride=True), "--stride: must be a whole number or auto, not True"),
        (lambda: ColorOptions(saturation="1"), "--saturation: must be a number, not '1'"),
        (lambda: ColorOptions(look="dull"), "--look: must be one of restrained, natural, vivid"),
        (lambda: EncodeOptions(crf=True), "--crf: must be a number, not True"),
        (lambda: PreviewOptions(shots=1.0), "--shots: must be a whole number, not 1.0"),
        (lambda: CompareOptions(period_seconds=None), "--period: must be a number, not None"),
        (lambda: VerifyOptions(lossless="no"), "--lossless: must be true or false, not 'no'"),
        (lambda: FilmMeasureOptions(results="a.mp4"), "--results: must be a list, not 'a.mp4'"),
        (lambda: TrainOptions(steps=1e6), "--steps: must be a whole number, not 1000000.0"),
        (lambda: Stroke("1", RED, ((1, 2),)), "at: must be a number, not '1'"),
        (lambda: Stroke(1, RED, ((1, "2"),)), "points[0][1]: must be a number, not '2'"),
        (lambda: Stroke(1, RED, box=(1, 2, 3)), "box: must be 4 values, not 3"),
        (lambda: Stroke(1, RED, ((1, 2),), radius=None), "radius: must be a number, not None"),
        (lambda: Choices(upscale=2.0), "upscale: must be a whole number, not 2.0"),
        (lambda: PlanShot("0"), "start: must be a number, not '0'"),
        (lambda: PlanFile(shots=[Fraction(0)]), "shots[0]: must be a table, or PlanShot, not Frac"),
    ],
)
def test_a_value_of_another_type_is_named(make: Callable[[], object], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        make()
    assert str(caught.value).startswith(said)


def test_values_become_the_type_that_is_declared() -> None:
    run = RunOptions(
        work=Path("a") / "b",  # type: ignore[arg-type]
        workers=np.int64(3),  # type: ignore[arg-type]
        start_seconds=0.1,  # type: ignore[arg-type]
        strokes=[{"at": 2, "color": RED, "points": [[1, 2]]}],  # type: ignore[arg-type]
        color=ColorOptions(saturation=np.float32(0.5)),  # type: ignore[arg-type]
    )
    stroke = Stroke(Fraction(2), RED, ((1.0, 2.0),))
    assert (run.work, run.workers, run.strokes) == (str(Path("a") / "b"), 3, (stroke,))
    assert type(run.workers) is int and type(run.color.saturation) is float
    assert (run.start_seconds, run.color.saturation) == (Fraction(1, 10), 0.5)
    assert isinstance(run.start_seconds, Fraction)
    assert hash(FilmMeasureOptions(results=["a"])) == hash(FilmMeasureOptions(results=("a",)))  # type: ignore[arg-type]


def test_every_dataclass_of_options_checks_its_types() -> None:
    """None of them takes an object of a class that nothing is declared as."""
    needed: dict[type, dict[str, Any]] = {
        Stroke: {"at": Fraction(0), "color": RED, "points": ((1, 2),)},
        FilmMeasureOptions: {"truth": "a.mp4"},
    }
    kinds = [each for each in vars(all_options).values() if is_dataclass(each)]
    assert len(kinds) == 14
    for kind in kinds:
        assert isinstance(kind, type)
        for each in fields(kind):
            with pytest.raises(OptionError, match="must be"):
                kind(**{**needed.get(kind, {}), each.name: object()})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("upscale = 2.0", "line 2: [film]: upscale: must be 2, 3 or 4, not 2.0"),
        ("upscale = '2'", "line 2: [film]: upscale: must be 2, 3 or 4, not '2'"),
        ("look = 1", "look: must be one of restrained, natural, vivid, not 1"),
        ("skip = 0", "skip: must be true or false, not 0"),
        ("saturation = [1]", "saturation: must be a number, not [1]"),
        ("strokes = 2", "strokes: must be the name of a file, or strokes, as text"),
        ("strokes = [{at = 1, color = '#123456', points = [[1, true]]}]", "points: must be 2 num"),
    ],
)
def test_plans_are_held_to_their_types(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "film.toml"
    path.write_text(f"[film]\n{line}\n[[shot]]\nstart = 0\n")
    with pytest.raises(OptionError) as caught:
        read_plan(path)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"color": 7}, "color: must be text, not 7"),
        ({"radius": "2"}, "radius: no number"),
        ({"radius": None}, "radius: no number"),
        ({"point": [1, None]}, "point: must be 2 numbers"),
        ({"point": {"x": 1}}, "point: must be 2 numbers"),
        ({"at": [1]}, "at: no number"),
    ],
)
def test_strokes_of_json_are_held_to_their_types(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    path = tmp_path / "strokes.json"
    path.write_text(json.dumps({"stroke": [{"at": 1, "point": [1, 2], "color": RED, **change}]}))
    with pytest.raises(OptionError) as caught:
        read_strokes(path)
    assert str(caught.value).startswith(f"{path}: stroke 1: {said}")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: filmcolor.color_film(3, "b.mp4"), "source: must be text, not 3"),
        (lambda: filmcolor.color_picture("a.png", None), "target: must be text, not None"),
        (
            lambda: filmcolor.color_film("a.mp4", "b.mp4", ColorOptions()),
            "options: must be a table, or RunOptions, not ColorOptions",
        ),
        (
            lambda: next(filmcolor.color_frames([], RunOptions())),
            "options: must be a table, or ColorOptions, not RunOptions",
        ),
        (
            lambda: filmcolor.verify_film("a.mp4", "b.mp4", RunOptions()),
            "options: must be a table, or VerifyOptions, not RunOptions",
        ),
    ],
)
def test_the_functions_of_the_api_are_held_to_their_types(
    call: Callable[[], object], said: str
) -> None:
    with pytest.raises(OptionError) as caught:
        call()
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("content", [b"[" * 100_000, '{"a":' * 100_000, b"\xff", "", "[1"])
def test_what_is_no_json_is_refused_in_one_way(content: bytes | str) -> None:
    with pytest.raises(ValueError):
        parse_json(content)
    assert parse_json('{"a": [1]}') == {"a": [1]}
