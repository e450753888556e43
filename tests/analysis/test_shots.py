"""Changes of shot are found in made films that do everything old film does, and nothing else is."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from filmcolor.analysis.frame_signature import frame_distance, frame_signature, overlap_likeness
from filmcolor.analysis.shots import ShotFinder, ShotSettings, assign_shots
from filmcolor.types import Frame, PixelLayout, Shot
from tests.helpers.camera import PHOTOS, SIZE, Picture, camera
from tests.helpers.shots import find_shots

GREY = PixelLayout(8, "400")
SCRIPTS = Path(__file__).parents[2] / "scripts"


def age(
    views: list[Picture],
    *,
    grain: float = 0.0,
    flicker: float = 0.0,
    weave: float = 0.0,
    seed: int = 1,
) -> list[Picture]:
    """Grain, exposure flicker and gate weave."""
    rng = np.random.default_rng(seed)
    aged = []
    for view in views:
        shift = np.array([[1, 0, rng.normal(0, weave)], [0, 1, rng.normal(0, weave)]], np.float32)
        moved = cv2.warpAffine(view, shift, SIZE[::-1], borderMode=cv2.BORDER_REFLECT_101)
        exposed = moved * (1 + rng.normal(0, flicker)) + rng.normal(0, 40 * flicker)
        aged.append((exposed + rng.normal(0, grain, SIZE)).astype(np.float32))
    return aged


def film(views: list[Picture]) -> list[Frame]:
    return [
        Frame(index, 10 * index, np.clip(np.rint(view), 0, 255).astype(np.uint8))
        for index, view in enumerate(views)
    ]


def cuts(views: list[Picture]) -> list[int]:
    return [shot.stop for shot in find_shots(film(views), GREY)[:-1]]


def many_shots(seed: int) -> tuple[list[Picture], list[int]]:
    """Thirty shots of 6 to 16 frames, neighbours from different photographs, camera moving."""
    rng = np.random.default_rng(seed)
    views: list[Picture] = []
    true: list[int] = []
    for number in range(30):
        if views:
            true.append(len(views))
        places = [(*rng.uniform(0.42, 0.58, 2), rng.uniform(0.5, 0.75)) for _ in range(2)]
        length = int(rng.integers(6, 17))
        views += camera(PHOTOS[number % 3], length, start=places[0], stop=places[1])
    return views, true


@pytest.mark.parametrize(
    ("grain", "flicker", "weave"), [(0, 0, 0), (10, 0.05, 0.7), (25, 0.12, 1.0)]
)
def test_precision_and_recall(grain: float, flicker: float, weave: float) -> None:
    found, true = set(), set()
    for seed in range(2):
        views, real = many_shots(seed)
        aged = age(views, grain=grain, flicker=flicker, weave=weave, seed=seed)
        found |= {(seed, cut) for cut in cuts(aged)}
        true |= {(seed, cut) for cut in real}
    assert len(found & true) / len(found) >= 0.97
    assert len(found & true) / len(true) >= 0.97


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        ((0.3, 0.5, 0.5), (0.7, 0.5, 0.5)),
        ((0.5, 0.3, 0.5), (0.5, 0.7, 0.5)),
        ((0.5, 0.5, 0.95), (0.5, 0.5, 0.25)),
        ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ],
    ids=["pan", "tilt", "zoom", "static"],
)
@pytest.mark.parametrize("grain", [0, 25])
def test_camera_moves_are_no_cuts(
    start: tuple[float, float, float], stop: tuple[float, float, float], grain: float
) -> None:
    for picture in PHOTOS:
        views = camera(picture, 24, start=start, stop=stop)
        assert cuts(age(views, grain=grain, flicker=grain / 250, weave=grain / 25)) == []


def test_a_jerk_in_the_gate_is_no_cut() -> None:
    for picture in PHOTOS:
        before = camera(picture, 12, start=(0.5, 0.5, 0.6), stop=(0.5, 0.5, 0.6))
        after = camera(picture, 12, start=(0.53, 0.47, 0.6), stop=(0.53, 0.47, 0.6))
        assert cuts(age(before + after, grain=6)) == []


def test_cuts_of_a_faded_film_are_found_and_pumping_exposure_is_none() -> None:
    views, true = many_shots(4)
    faded = [110 + 0.12 * (view - 110) for view in views]
    assert cuts(faded) == true
    pumping = [v * (1.0 if i % 7 < 4 else 0.6) for i, v in enumerate(camera(PHOTOS[0], 40))]
    assert cuts(age(pumping, grain=4)) == []


def test_restless_camera_is_no_cut() -> None:
    rng = np.random.default_rng(6)
    for picture in PHOTOS:
        places = [(*rng.uniform(0.35, 0.65, 2), 0.5) for _ in range(24)]
        views = [camera(picture, 1, start=place)[0] for place in places]
        assert cuts(views) == []


@pytest.mark.parametrize("length", [1, 2])
def test_flashes_and_blank_frames_are_no_cuts(length: int) -> None:
    views = age(camera(PHOTOS[1], 30, stop=(0.55, 0.5, 0.6)), grain=8, flicker=0.05)
    for first, change in ((8, (1.5, 110.0)), (14, (0.0, 250.0)), (21, (0.0, 16.0))):
        for index in range(first, first + length):
            views[index] = views[index] * change[0] + change[1]
    assert cuts(views) == []


def test_cut_to_black_and_to_white() -> None:
    black = [np.full(SIZE, 16, np.float32)] * 10
    white = [np.full(SIZE, 235, np.float32)] * 10
    views = camera(PHOTOS[0], 10) + black + camera(PHOTOS[1], 10) + black + white
    assert cuts(views) == [10, 20, 30, 40]
    assert cuts(age(views, grain=5)) == [10, 20, 30, 40]


def test_fade_is_no_cut() -> None:
    views = camera(PHOTOS[2], 36)
    fading = [view * max(0.0, 1 - index / 24) for index, view in enumerate(views)]
    assert cuts(age(fading, grain=4)) == []


def test_shots_tile_the_film_and_match_the_frames() -> None:
    views, _ = many_shots(3)
    frames = film(age(views, grain=6))
    shots = find_shots(frames, GREY)
    assert shots[0].start == 0 and shots[-1].stop == len(frames)
    assert [shot.stop for shot in shots[:-1]] == [shot.start for shot in shots[1:]]
    assert [shot.ends_by for shot in shots] == ["cut"] * (len(shots) - 1) + ["end"]
    assert min(shot.stop - shot.start for shot in shots[:-1]) >= ShotSettings().minimum
    given = list(assign_shots(frames, GREY))
    assert [frame.index for frame in given] == list(range(len(frames)))
    assert all(a.luma is b.luma and a.pts == b.pts for a, b in zip(given, frames, strict=True))
    for number, shot in enumerate(shots):
        assert {frame.shot for frame in given[shot.start : shot.stop]} == {number}


def test_delay_is_bounded() -> None:
    taken = 0

    def counted() -> Iterator[Frame]:
        nonlocal taken
        for frame in film(camera(PHOTOS[0], 40)):
            taken += 1
            yield frame

    for given, frame in enumerate(assign_shots(counted(), GREY)):
        assert frame.index == given
        assert taken <= given + 1 + ShotSettings().delay


def test_bit_depth_and_tiny_pictures() -> None:
    views = camera(PHOTOS[0], 8) + camera(PHOTOS[1], 8)
    deep = [
        Frame(index, index, (np.clip(view, 0, 255) * 4).astype(np.uint16))
        for index, view in enumerate(views)
    ]
    assert find_shots(deep, PixelLayout(10, "420")) == [Shot(0, 8, "cut"), Shot(8, 16, "end")]
    tiny = [Frame(index, index, np.full((1, 1), 80, np.uint8)) for index in range(3)]
    assert find_shots(tiny, GREY) == [Shot(0, 3, "end")]
    assert find_shots([], GREY) == []


# Dissolves and fades


def changes(views: Sequence[Picture]) -> list[tuple[int, str]]:
    return [(shot.stop, shot.ends_by) for shot in find_shots(film(list(views)), GREY)[:-1]]


def dissolve(before: list[Picture], after: list[Picture], length: int) -> list[Picture]:
    """The last frames of the one shot mixed with the first of the other."""
    shares = [(index + 1) / (length + 1) for index in range(length)]
    mixed = [
        (1 - share) * a + share * b
        for share, a, b in zip(shares, before[-length:], after[:length], strict=True)
    ]
    return before[:-length] + mixed + after[length:]


def fade(before: list[Picture], after: list[Picture], length: int, blank: float) -> list[Picture]:
    """Down to a level in so many frames, three of it, and up again in as many."""
    shares = [(index + 1) / (length + 1) for index in range(length)]
    down = [
        view + share * (blank - view) for view, share in zip(before[-length:], shares, strict=True)
    ]
    up = [
        blank + share * (view - blank) for view, share in zip(after[:length], shares, strict=True)
    ]
    hold = [np.full(SIZE, blank, np.float32)] * 3
    return before[:-length] + down + hold + up + after[length:]


@pytest.mark.parametrize("length", [7, 12, 20, 30])
@pytest.mark.parametrize("flicker", [0.0, 0.1])
def test_a_dissolve_is_divided_at_its_middle(length: int, flicker: float) -> None:
    for first in range(3):
        before, after = (camera(PHOTOS[(first + n) % 3], 24 + length) for n in range(2))
        views = dissolve(before, after, length)
        aged = age(views, flicker=flicker, grain=80 * flicker, weave=5 * flicker, seed=first)
        ((place, kind),) = changes(aged)
        assert kind == "dissolve"
        assert abs(place - (24 + length / 2)) <= 2


def test_a_dissolve_between_moving_cameras_is_found() -> None:
    before = camera(PHOTOS[0], 40, start=(0.45, 0.5, 0.5), stop=(0.55, 0.5, 0.5))
    after = camera(PHOTOS[1], 40, start=(0.5, 0.5, 0.7), stop=(0.5, 0.5, 0.6))
    ((place, kind),) = changes(age(dissolve(before, after, 16), grain=6, flicker=0.05))
    assert kind == "dissolve"
    assert 24 <= place < 40


@pytest.mark.parametrize("blank", [16.0, 235.0])
@pytest.mark.parametrize("length", [5, 12, 20])
def test_a_fade_is_divided_at_its_blank(blank: float, length: int) -> None:
    for first in range(3):
        before, after = (camera(PHOTOS[(first + n) % 3], 30 + length) for n in range(2))
        views = fade(before, after, length, blank)
        for aged in (views, age(views, grain=5, flicker=0.05, seed=first)):
            ((place, kind),) = changes(aged)
            assert kind == "fade"
            assert abs(place - (31 + length)) <= 1


def test_a_fade_may_bring_the_same_picture_back() -> None:
    still = camera(PHOTOS[2], 40)
    assert changes(fade(still, still, 8, 16.0)) == [(41, "fade")]


def test_a_long_blank_between_fades_holds_one_boundary() -> None:
    views = fade(camera(PHOTOS[0], 40), camera(PHOTOS[1], 40), 8, 16.0)
    for longer in (10, 40, 100):
        held = views[:41] + [views[41]] * longer + views[42:]
        ((place, kind),) = changes(held)
        assert kind == "fade"
        assert 40 <= place < 43 + longer


def test_a_film_that_fades_in_and_out_is_one_shot() -> None:
    rise = np.linspace(0, 1, 12)
    shares = [*np.zeros(12), *rise, *np.ones(30), *rise[::-1], *np.zeros(12)]
    views = camera(PHOTOS[0], len(shares))
    faded = [
        (16 + share * (view - 16)).astype(np.float32)
        for share, view in zip(shares, views, strict=True)
    ]
    assert changes(age(faded, grain=3)) == []


@pytest.mark.parametrize("blank", [16.0, 235.0])
def test_a_blank_frame_late_in_a_long_shot_is_no_fade(blank: float) -> None:
    for seed in range(4):
        views = age(camera(PHOTOS[seed % 3], 140), grain=18, flicker=0.12, weave=1.0, seed=seed)
        views[100] = np.full(SIZE, blank, np.float32)
        assert changes(views) == []


@pytest.mark.parametrize("step", [2, 5, 8])
def test_pans_over_soft_pictures_are_no_dissolves(step: int) -> None:
    """They look like mixtures of their ends, being ramps."""
    for seed in range(4):
        patches = np.random.default_rng(seed).uniform(25, 230, (6, 8)).astype(np.float32)
        wide = cv2.resize(patches, (SIZE[1] + 60 * step, SIZE[0]), interpolation=cv2.INTER_LINEAR)
        views = [wide[:, step * n : step * n + SIZE[1]] for n in range(60)]
        assert changes(age(views, grain=4)) == []


def test_a_fade_that_a_cut_ends_is_that_cut() -> None:
    views = fade(camera(PHOTOS[0], 30), camera(PHOTOS[1], 30), 8, 16.0)
    assert changes(views[:33] + camera(PHOTOS[1], 20)) == [(33, "cut")]


def test_a_moving_thing_is_no_dissolve() -> None:
    for picture in PHOTOS:
        views = camera(picture, 60)
        for index, view in enumerate(views):
            cv2.circle(view, (4 * index - 40, 60), 35, 230.0, -1)
        assert changes(age(views, grain=4)) == []


# The made list


@pytest.fixture(scope="module")
def made() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield import_module("made_films")
        for name in ("made_films", "bench_shots"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def bench(made: ModuleType) -> ModuleType:
    return import_module("bench_shots")


def test_the_made_list(made: ModuleType, bench: ModuleType) -> None:
    """Drawn films with everything in them, exposure flicker, grain and weave included."""
    score = bench.Score()
    for seed in range(31, 36):
        worn = made.make_film("worn", made.drawn_shooter(), made.WORN, seed, mix=(0.25, 0.2))
        score.add(worn, bench.ours(worn.frames))
    figures = score.figures()
    assert {kind: figures[kind]["true"] >= least for kind, least in LEAST_TRUE.items()} == {
        kind: True for kind in LEAST_TRUE
    }
    assert figures["cut"]["f1"] >= 0.97
    assert figures["dissolve"]["f1"] >= 0.7
    assert figures["fade"]["f1"] >= 0.7


LEAST_TRUE = {"cut": 30, "dissolve": 12, "fade": 8}
"""Boundaries of each kind that the made list has at least."""


def test_whip_pans_are_no_cuts(made: ModuleType) -> None:
    rng = np.random.default_rng(8)
    for _ in range(8):
        views = made.film_canvas(rng, made.paint(rng), made.whip(rng, 40))
        assert changes(made.age(views, made.WORN, rng)) == []


def test_findings_are_scored(made: ModuleType, bench: ModuleType) -> None:
    blank = [np.zeros((8, 8), np.uint8)] * 100
    true = [
        made.Boundary("cut", 20, 21, 20),
        made.Boundary("dissolve", 40, 50, 45),
        made.Boundary("fade", 70, 80, 75),
    ]
    score = bench.Score()
    found = [("cut", 20), ("cut", 21), ("cut", 44), ("dissolve", 49), ("fade", 80)]
    wrong = score.add(made.MadeFilm("x", blank, true, [(81, "flash")]), found)
    assert wrong == [
        "x: false cut at 21 (cut 20-21)",
        "x: false cut at 44 (dissolve 40-50)",
        "x: false fade at 80 (fade 70-80) (flash 81)",
        "x: missed fade 70-80",
    ]
    figures = score.figures()
    assert figures["cut"] == {
        "true": 1, "found": 3, "precision": 1 / 3, "recall": 1.0, "f1": 0.5
    }  # fmt: skip
    assert figures["dissolve"]["f1"] == 1.0
    assert figures["fade"]["f1"] == 0.0
    unnamed = bench.Score()
    unnamed.add(made.MadeFilm("x", blank, true, []), [(None, 44), (None, 60)])
    assert unnamed.right == {"dissolve": 1}
    assert unnamed.found == {"dissolve": 1, "cut": 1}


def test_made_films_are_the_same_every_time(made: ModuleType) -> None:
    films = [made.make_film("", made.drawn_shooter(), made.RUINED, 3, shots=5) for _ in range(2)]
    assert films[0].boundaries == films[1].boundaries
    assert len(films[0].frames) == len(films[1].frames)
    for one, other in zip(films[0].frames, films[1].frames, strict=True):
        np.testing.assert_array_equal(one, other)


# Reading ahead


def test_streaming_decides_as_the_whole_does(made: ModuleType) -> None:
    drawn = made.make_film("", made.drawn_shooter(), made.WORN, 40, shots=8, mix=(0.3, 0.3))
    views = [codes.astype(np.float32) for codes in drawn.frames]
    frames = film(views)
    shots = find_shots(frames, GREY)
    assert {shot.ends_by for shot in shots} >= {"cut", "end"}
    finder = ShotFinder(8)
    early = [finder.add(frame.luma) for frame in frames]
    delay = finder.settings.delay
    assert early[:delay] == [None] * delay and None not in early[delay:]
    all_places = [found for found in early if found is not None] + list(finder.finish())
    assert finder.shots() == shots
    given = list(assign_shots(frames, GREY))
    assert [(frame.shot, frame.place) for frame in given] == all_places
    for number, shot in enumerate(shots):
        assert all_places[shot.start : shot.stop] == [
            (number, place) for place in range(shot.stop - shot.start)
        ]


def test_frames_keep_their_own_indices() -> None:
    frames = [
        Frame(index + 500, index, frame.luma)
        for index, frame in enumerate(film(camera(PHOTOS[0], 20) + camera(PHOTOS[1], 20)))
    ]
    assert find_shots(frames, GREY) == [Shot(500, 520, "cut"), Shot(520, 540, "end")]


@pytest.mark.parametrize("at", [4, 5, 36])
def test_cuts_near_the_first_and_the_last_frame(at: int) -> None:
    views = camera(PHOTOS[0], at) + camera(PHOTOS[1], 40 - at)
    assert changes(age(views, grain=5, flicker=0.05)) == [(at, "cut")]


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (3, 5), (2, 2000)])
@pytest.mark.parametrize("count", [1, 2, 60])
def test_odd_sizes_and_short_films(size: tuple[int, int], count: int) -> None:
    rng = np.random.default_rng(2)
    luma = rng.integers(0, 256, size).astype(np.uint8)
    frames = [Frame(index, index, luma) for index in range(count)]
    assert find_shots(frames, GREY) == [Shot(0, count, "end")]


def test_nothing_comes_of_nothing() -> None:
    finder = ShotFinder(8)
    assert list(finder.finish()) == [] and finder.shots() == []
    assert list(assign_shots([], GREY)) == []


def test_ten_bits_say_what_eight_do(made: ModuleType) -> None:
    drawn = made.make_film("", made.drawn_shooter(), made.WORN, 41, shots=6)
    frames = [Frame(index, index, codes) for index, codes in enumerate(drawn.frames)]
    deep = [Frame(frame.index, frame.pts, frame.luma.astype(np.uint16) * 4) for frame in frames]
    shots = find_shots(frames, GREY)
    assert len(shots) > 1
    assert find_shots(deep, PixelLayout(10, "420")) == shots


# Measures


def test_distance_of_frames() -> None:
    looks = [frame_signature(camera(picture, 1)[0].astype(np.uint8), 8) for picture in PHOTOS]
    moved = frame_signature(camera(PHOTOS[0], 1, start=(0.53, 0.49, 0.6))[0].astype(np.uint8), 8)
    darker = frame_signature((0.6 * camera(PHOTOS[0], 1)[0] + 10).astype(np.uint8), 8)
    assert frame_distance(looks[0], looks[0]) == 0.0
    assert frame_distance(looks[0], moved) < 0.12
    assert frame_distance(looks[0], darker) < 0.05
    assert min(frame_distance(looks[n], looks[n - 1]) for n in range(3)) > 0.3


def test_overlap_of_frames_after_a_long_move() -> None:
    left, right = (
        frame_signature(camera(PHOTOS[1], 1, start=(x, 0.5, 0.4))[0].astype(np.uint8), 8)
        for x in (0.35, 0.55)
    )
    assert frame_distance(left, right) > 0.3
    assert overlap_likeness(left, right) > 0.9
    other = frame_signature(camera(PHOTOS[2], 1)[0].astype(np.uint8), 8)
    assert overlap_likeness(left, other) < 0.85
