"""What is given on the displayed film lands at its place on the grid of the stored one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from filmcolor.guide.geometry import Screen, ab_of, displayed_size
from filmcolor.options import Stroke
from filmcolor.stages.infer import View
from filmcolor.types import Box, PixelLayout, VideoInfo

INFO = VideoInfo(
    path="a.mkv",
    container="matroska,webm",
    stream_index=0,
    codec="ffv1",
    width=160,
    height=120,
    source_format="yuv420p",
    layout=PixelLayout(8, "420"),
    tags=None,  # type: ignore[arg-type]
    time_base=Fraction(1, 1000),
    rate=Fraction(25),
)


def screen(rotation: int = 0, aspect: Fraction = Fraction(1), box: Box | None = None) -> Screen:
    turned = rotation % 180 != 0
    height, width = (160, 128) if turned else (128, 160)
    view = View(8, False, height, width, rotation, box)
    return Screen.of(replace(INFO, rotation=rotation, sample_aspect_ratio=aspect), view)


@pytest.mark.parametrize(
    ("rotation", "aspect", "size"),
    [(0, "1", (120, 160)), (0, "16/15", (120, 171)), (0, "8/9", (135, 160)), (90, "2", (320, 120))],
)
def test_films_are_displayed_with_square_pixels_and_never_reduced(
    rotation: int, aspect: str, size: tuple[int, int]
) -> None:
    info = replace(INFO, rotation=rotation, sample_aspect_ratio=Fraction(aspect))
    assert displayed_size(info) == size


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(4, 3), Fraction(2, 3)])
@pytest.mark.parametrize("box", [None, Box(20, 0, 100, 160)])
def test_pictures_and_strokes_meet_at_the_same_place(
    rotation: int, aspect: Fraction, box: Box | None
) -> None:
    shown = screen(rotation, aspect, box)
    height, width = shown.displayed
    x, y = int(width * 0.7), int(height * 0.4)
    picture = np.full((height, width, 3), 120, np.uint8)
    picture[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4] = (220, 40, 40)
    stored = np.zeros((120, 160), np.bool_)
    canvas = np.zeros((height, width), np.bool_)
    canvas[y, x] = True
    (row, column) = np.argwhere(np.rot90(canvas, -(rotation // 90)))[0]
    turned = np.rot90(canvas, -(rotation // 90)).shape
    at = int((row + 0.5) / turned[0] * 120), int((column + 0.5) / turned[1] * 160)
    stored[at] = True
    inside = stored if box is None else stored[box.top : box.bottom, box.left : box.right]
    assert inside.any()
    place = np.argwhere(inside)[0] * np.array(shown.grid) // np.array(inside.shape)
    seeds = shown.seeds(Stroke(Fraction(0), "#ff0000", points=((x, y),)))
    assert np.abs(np.argwhere(seeds) - place).max() <= 1 and seeds.sum() == 1
    ab = shown.ab_on_grid(picture)
    peak = np.unravel_index(ab[0].argmax(), ab[0].shape)
    assert np.abs(np.array(peak) - np.argwhere(seeds)[0]).max() <= 1


def test_a_radius_and_a_box_touch_more() -> None:
    shown = screen()
    point = Stroke(Fraction(0), "#ff0000", points=((80, 60),))
    assert shown.seeds(point).sum() == 1
    wide = shown.seeds(replace(point, radius=20)).mean()
    assert wide == pytest.approx(np.pi * 20**2 / (120 * 160), rel=0.25)
    box = shown.seeds(Stroke(Fraction(0), "#ff0000", box=(0, 0, 80, 60)))
    assert box[: shown.grid[0] // 2, : shown.grid[1] // 2].all() and box.mean() == 0.25


@pytest.mark.parametrize(
    ("stroke", "said"),
    [
        ({"points": ((160, 10),)}, "(160, 10) is outside the picture, which is 160x120"),
        ({"points": ((10, 10), (10, -1))}, "(10, -1) is outside"),
        ({"box": (100, 100, 170, 110)}, "(170, 110) is outside"),
        ({"points": ((10, 5),)}, "black bars"),
    ],
)
def test_what_is_outside_is_refused(stroke: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        screen(box=Box(20, 0, 100, 160)).seeds(Stroke(Fraction(0), "#ff0000", **stroke))  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_the_color_of_a_stroke_is_that_of_a_still() -> None:
    shown = screen()
    picture = np.full((*shown.displayed, 3), (0x8B, 0x1A, 0x1A), np.uint8)
    ab = shown.ab_on_grid(picture)
    a, b = ab_of(Stroke(Fraction(0), "#8b1a1a", points=((1, 1),)))
    assert np.allclose(ab[0], a, atol=0.01) and np.allclose(ab[1], b, atol=0.01)
    red = Stroke(Fraction(0), "#ff0000", points=((1, 1),))
    assert ab_of(red) == pytest.approx((80.09, 67.20), abs=0.05)  # CIE Lab of sRGB's red, D65
