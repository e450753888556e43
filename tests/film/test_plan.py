"""A plan marks the frames it was made from, divides them, and says what each part needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from filmcolor.errors import JobError
from filmcolor.film.plan import FilmPlan, Segment
from filmcolor.models.coherence import MOST_THINGS
from filmcolor.stages.cast import Cast
from filmcolor.stages.chroma_drift import Drift
from filmcolor.stages.smooth import REACH
from filmcolor.stages.things import pack
from filmcolor.types import Frame, Shot
from tests.helpers.things import things


def plan_of(*lengths: int, rate: int = 25, stride: int = 1) -> FilmPlan:
    """A film of shots of these lengths, in frames, at a constant rate."""
    edges = np.cumsum([0, *lengths])
    shots = tuple(Shot(int(a), int(b)) for a, b in pairwise(edges))
    pts = 7 + 40 * np.arange(edges[-1], dtype=np.int64)
    return FilmPlan(shots, pts, Fraction(1, 40 * rate), 40, stride)


def frames(plan: FilmPlan, start: int, stop: int) -> Iterator[Frame]:
    """The film's frames start..stop, numbered from 0 as a reader does."""
    for number, pts in enumerate(plan.pts[start:stop]):
        yield Frame(number, int(pts), np.zeros((2, 2), np.uint8))


def test_frames_get_their_shot_and_their_place_in_it() -> None:
    plan = plan_of(3, 1, 3)
    marked = list(plan.mark(frames(plan, 0, 7)))
    assert plan.frames == 7
    assert [frame.shot for frame in marked] == [0, 0, 0, 1, 2, 2, 2]
    assert [frame.place for frame in marked] == [0, 1, 2, 0, 0, 1, 2]
    later = list(plan.mark(frames(plan, 2, 6), first=2))
    assert [frame.index for frame in later] == [2, 3, 4, 5]
    assert [(frame.shot, frame.place) for frame in later] == [(0, 2), (1, 0), (2, 0), (2, 1)]


def test_a_film_that_has_changed_is_an_error() -> None:
    plan = plan_of(3, 4)
    with pytest.raises(JobError, match="frame 2 of the film is not what it was"):
        list(plan.mark(frames(plan, 1, 4), first=2))
    with pytest.raises(JobError, match="frame 7"):
        list(plan.mark(frames(plan_of(8), 0, 8)))


@pytest.mark.parametrize(
    ("lengths", "runs"),
    [
        ((10,), [(0, 10)]),
        ((125, 125), [(0, 125), (125, 250)]),
        ((50, 50, 50, 50), [(0, 200)]),  # the rest is too short to stand alone
        ((100, 100, 100, 100), [(0, 200), (200, 400)]),
        ((60, 490, 60), [(0, 60), (60, 550), (550, 610)]),  # together they would be too long
        ((1001,), [(0, 333), (333, 667), (667, 1001)]),  # three parts of less than 20 s
    ],
)
def test_segments_are_runs_of_whole_shots(
    lengths: tuple[int, ...], runs: list[tuple[int, int]]
) -> None:
    segments = plan_of(*lengths).segments()
    assert [segment.number for segment in segments] == list(range(len(runs)))
    assert [(segment.start, segment.stop) for segment in segments] == runs


def test_segments_of_any_film_cover_it_and_are_of_a_good_length() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        lengths = rng.integers(1, rng.choice([20, 200, 2000]), rng.integers(1, 60)).tolist()
        plan = plan_of(*lengths)
        segments = plan.segments()
        assert [s.start for s in segments] == [0, *(s.stop for s in segments[:-1])]
        assert segments[-1].stop == plan.frames
        starts = {shot.start for shot in plan.shots}
        for segment in segments:
            assert plan.seconds(segment.start, segment.stop) <= 20
            if segment.start not in starts:
                shot = plan.shots[plan.shot_at(segment.start)]
                assert plan.seconds(shot.start, shot.stop) > 20


@pytest.mark.parametrize("stride", [1, 3, 8])
def test_a_part_of_a_long_shot_needs_its_neighbours_and_no_other_shot(stride: int) -> None:
    plan = plan_of(100, 600, 50, stride=stride)
    start, stop = plan.needed(Segment(0, 300, 400))
    assert stop == 400 + REACH
    assert start <= 300 - REACH < start + stride
    assert (start - 100) % stride == 0
    assert plan.needed(Segment(1, 100, 700)) == (100, 700)
    assert plan.needed(Segment(2, 0, 103)) == (0, 103 + REACH)
    assert plan.needed(Segment(3, 700, 750)) == (700, 750)


def test_a_plan_survives_json() -> None:
    drift = Drift({1: ((0, 0.25, -1.0), (24, 1.5, 2.0))})
    other = replace(things(), decoded=things(seed=2).decoded)
    cast = Cast.of({0: pack(things()), 1: pack(other), 2: pack(things(seed=1))})
    assert len(cast.things) == 6
    assert [cast.shown()[shot] != cast.found[shot] for shot in range(3)] == [True, True, False]
    plan = FilmPlan(
        (Shot(0, 3, "dissolve"), Shot(3, 5, "end")),
        np.array([-5, 0, 10, 2**40, 2**40 + 1], np.int64),
        Fraction(1001, 30000),
        7,
        4,
        drift,
        cast.shown(),
        cast,
    )
    again = FilmPlan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again.pts.tolist() == plan.pts.tolist()
    assert (again.shots, again.time_base, again.last_duration) == (plan.shots, plan.time_base, 7)
    assert (again.stride, again.drift, again.things) == (4, drift, plan.things)
    assert (again.cast.found, again.cast.members) == (cast.found, cast.members)


def test_a_plan_of_1500_shots_takes_under_5_megabytes() -> None:
    cast = Cast.of({shot: pack(things(MOST_THINGS, seed=shot)) for shot in range(4)})
    bare = plan_of(20, 20, 20, 20)
    plans = replace(bare, things=cast.shown(), cast=cast), bare
    stored, bare_size = (len(json.dumps(plan.to_json())) for plan in plans)
    assert 1500 / 4 * (stored - bare_size) < 5_000_000


def test_the_last_frame_lasts_as_long_as_the_one_before_where_the_film_says_nothing() -> None:
    shots, pts, base = (Shot(0, 3, "end"),), np.array([0, 10, 35], np.int64), Fraction(1, 1000)
    assert FilmPlan(shots, pts, base, 7).lasting == 7
    assert FilmPlan(shots, pts, base).lasting == 25
    assert FilmPlan((Shot(0, 1, "end"),), pts[:1], base).lasting == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shots", [[0, 3, "cut"], [4, 5, "end"]]),
        ("shots", []),
        ("pts_steps", [0, 1]),
        ("time_base", "1/0"),
        ("stride", None),
    ],
)
def test_json_that_is_no_plan_is_refused(key: str, value: object) -> None:
    values = plan_of(3, 2).to_json() | {key: value}
    with pytest.raises((ValueError, TypeError, KeyError, ZeroDivisionError)):
        FilmPlan.from_json(values)
