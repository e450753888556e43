"""Cuts are found in made films that do everything old film does; bars are told from darkness."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from filmcolor.shots import CutSettings, assign_shots, find_picture_box, find_shots
from filmcolor.types import Box, Frame, PixelLayout, Shot

Picture = NDArray[np.float32]
GREY = PixelLayout(8, "400")
SIZE = (120, 160)


def photo(name: str) -> Picture:
    return cv2.cvtColor(getattr(data, name)(), cv2.COLOR_RGB2GRAY).astype(np.float32)


PHOTOS = [photo(name) for name in ("astronaut", "coffee", "chelsea")]


def camera(
    picture: Picture,
    count: int,
    *,
    start: tuple[float, float, float] = (0.5, 0.5, 0.6),
    stop: tuple[float, float, float] = (0.5, 0.5, 0.6),
) -> list[Picture]:
    """A camera move over a photograph: (x, y, width) as shares of the photograph."""
    height, width = picture.shape
    views = []
    for share in np.linspace(0, 1, count):
        x, y, part = (a + (b - a) * share for a, b in zip(start, stop, strict=True))
        step = part * min(width / SIZE[1], height / SIZE[0])
        matrix = np.array(
            [
                [step, 0, x * width - step * SIZE[1] / 2],
                [0, step, y * height - step * SIZE[0] / 2],
            ],
            np.float32,
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        views.append(
            cv2.warpAffine(
                picture, matrix, SIZE[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT_101
            )
        )
    return views


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
    assert min(shot.stop - shot.start for shot in shots[:-1]) >= CutSettings().minimum
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
        assert taken <= given + 1 + CutSettings().delay


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


# Letterbox and pillarbox bars


def samples(
    *, top: int = 0, bottom: int = 0, left: int = 0, right: int = 0, grain: float = 0.0
) -> list[Frame]:
    """Limited-range views of three photographs behind bars of so many rows and columns."""
    rng = np.random.default_rng(5)
    frames = []
    for index, picture in enumerate(PHOTOS * 2):
        view = 16 + camera(picture, 1, start=(0.5, 0.5, 0.5 + 0.05 * index))[0] * (219 / 255)
        view[:top] = view[SIZE[0] - bottom :] = 16
        view[:, :left] = view[:, SIZE[1] - right :] = 16
        aged = view + rng.normal(0, grain, SIZE)
        frames.append(Frame(index, index, np.clip(np.rint(aged), 0, 255).astype(np.uint8)))
    return frames


@pytest.mark.parametrize("grain", [0, 4])
def test_bars_are_found_and_rounded_inward(grain: float) -> None:
    def box(**bars: int) -> Box | None:
        return find_picture_box(samples(**bars, grain=grain), GREY, False)

    assert box(top=15, bottom=15) == Box(16, 0, 104, 160)
    assert box(top=14, bottom=21) == Box(14, 0, 98, 160)
    assert box(bottom=8) == Box(0, 0, 112, 160)
    assert box(left=20, right=19) == Box(0, 20, 120, 140)
    assert box(top=10, bottom=10, left=13, right=13) == Box(10, 14, 110, 146)


def test_no_bars() -> None:
    assert find_picture_box(samples(), GREY, False) is None
    assert find_picture_box(samples(grain=6), GREY, False) is None
    assert find_picture_box(samples(top=1, bottom=1), GREY, False) is None
    assert find_picture_box(samples(top=40, bottom=40), GREY, False) is None
    assert find_picture_box([], GREY, False) is None


def test_black_samples_say_nothing() -> None:
    black = Frame(9, 9, np.full(SIZE, 16, np.uint8))
    assert find_picture_box([black] * 4, GREY, False) is None
    mixed = [black, *samples(top=15, bottom=15), black]
    assert find_picture_box(mixed, GREY, False) == Box(16, 0, 104, 160)


def test_bars_that_are_not_always_there_are_picture() -> None:
    mixed = samples(top=15, bottom=15) + samples()[:1]
    assert find_picture_box(mixed, GREY, False) is None


def test_dark_scene_is_not_a_bar() -> None:
    rng = np.random.default_rng(2)
    rows = np.linspace(0, 1, SIZE[0], dtype=np.float32)[:, None]
    dusk = [16 + 70 * rows**3 + rng.normal(0, 2, SIZE) for _ in range(4)]
    lamp = [16 + rng.normal(0, 1, SIZE) for _ in range(4)]
    for view in lamp:
        view[60:90, 70:100] = 200
    for views in (dusk, lamp):
        frames = [Frame(i, i, np.clip(v, 0, 255).astype(np.uint8)) for i, v in enumerate(views)]
        assert find_picture_box(frames, GREY, False) is None


def test_bars_in_ten_bit_and_full_range() -> None:
    frames = [
        Frame(f.index, f.pts, f.luma.astype(np.uint16) * 4) for f in samples(top=15, bottom=15)
    ]
    assert find_picture_box(frames, PixelLayout(10, "420"), False) == Box(16, 0, 104, 160)
    full = [Frame(f.index, f.pts, f.luma - 16) for f in samples(top=15, bottom=15)]
    assert find_picture_box(full, GREY, True) == Box(16, 0, 104, 160)
