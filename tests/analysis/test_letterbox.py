"""Letterbox and pillarbox bars are found, and told from darkness."""

from __future__ import annotations

import numpy as np
import pytest

from filmcolor.analysis.letterbox import find_picture_box
from filmcolor.types import Box, Frame, PixelLayout
from tests.helpers.camera import PHOTOS, SIZE, camera

GREY = PixelLayout(8, "400")


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


def test_bars_of_an_interlaced_film_leave_the_top_field_first() -> None:
    for top, expected in ((13, 16), (14, 16), (16, 16), (17, 20)):
        frames = samples(top=top, bottom=14, left=13)
        box = find_picture_box(frames, GREY, False, interlaced=True)
        assert box == Box(expected, 14, 106, 160)


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
