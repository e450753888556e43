"""A decoded frame becomes the picture that was filmed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np
import pytest

from filmcolor.types import Box, ColorTags, Frame, PixelLayout, VideoInfo
from filmcolor.visual.rgb import PictureMaker, reduced_size
from tests.helpers.color_films import Picture, codes, scene

GRIDS: dict[str, tuple[int, int]] = {"420": (2, 2), "422": (1, 2), "444": (1, 1)}


def info(
    height: int,
    width: int,
    *,
    chroma: Literal["400", "420", "422", "444"] = "444",
    bit_depth: int = 8,
    tags: ColorTags | None = None,
) -> VideoInfo:
    return VideoInfo(
        path="film.mkv",
        container="matroska",
        stream_index=0,
        codec="ffv1",
        width=width,
        height=height,
        source_format="",
        layout=PixelLayout(bit_depth, chroma),
        tags=tags or ColorTags(6, 1, 1, False),
        time_base=Fraction(1, 24),
        rate=Fraction(24),
    )


def frame(picture: Picture, film: VideoInfo) -> Frame:
    luma, cb, cr = codes(
        picture,
        matrix=film.tags.matrix,
        full_range=bool(film.tags.full_range),
        bit_depth=film.layout.bit_depth,
        grid=GRIDS[film.layout.chroma],
    )
    return Frame(0, 0, luma, chroma=(cb, cr))


@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_matrix_and_range_are_the_films(matrix: int, full_range: bool, bit_depth: int) -> None:
    film = info(64, 96, bit_depth=bit_depth, tags=ColorTags(matrix, 1, 1, full_range))
    truth = scene(1)
    made = PictureMaker(film, None, None).picture(frame(truth, film))
    assert made.dtype == np.uint8
    assert made.shape == (64, 96, 3)
    limit = 2.5 if bit_depth == 8 else 0.9  # codes of 8 bit are rounded in all three planes
    assert np.abs(made - truth * 255).max() < limit


@pytest.mark.parametrize("chroma", ["420", "422"])
@pytest.mark.parametrize(("codec", "shift"), [("h264", 0.0), ("mjpeg", 0.5)])
def test_chroma_lands_where_it_sits(
    chroma: Literal["420", "422"], codec: str, shift: float
) -> None:
    """A ramp of Cb, sampled where the codec's samples sit, comes back as that ramp."""
    height, width = 16, 32
    film = replace(info(height, width, chroma=chroma), codec=codec)
    places = np.arange(width // 2) * 2 + shift
    rows = height // 2 if chroma == "420" else height
    cb = np.tile(np.rint(100 + 2 * places), (rows, 1)).astype(np.uint8)
    luma = np.full((height, width), 120, np.uint8)
    made = PictureMaker(film, None, None).picture(
        Frame(0, 0, luma, chroma=(cb, np.full_like(cb, 128)))
    )
    blue = (120 - 16) / 219 + 1.772 * (100 + 2 * np.arange(width) - 128) / 224
    wanted = np.rint(blue * 255)[1:-1]
    np.testing.assert_allclose(made[5, 1:-1, 2], wanted, atol=1)


def test_odd_sizes_keep_every_sample() -> None:
    film = info(63, 95, chroma="420")
    truth = np.broadcast_to(np.array([0.8, 0.3, 0.2]), (63, 95, 3))
    made = PictureMaker(film, None, None).picture(frame(truth, film))
    assert made.shape == (63, 95, 3)
    assert np.abs(made - truth * 255).max() < 2.5


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_picture_is_upright_without_bars(rotation: int) -> None:
    film = replace(info(64, 96), rotation=rotation)
    truth = scene(2)
    box = Box(10, 4, 54, 92)
    made = PictureMaker(film, box, None).picture(frame(truth, film))
    wanted = np.rot90(truth[10:54, 4:92], rotation // 90) * 255
    assert made.shape == wanted.shape
    assert np.abs(made - wanted).max() < 2.5
    assert made.flags.c_contiguous


@pytest.mark.parametrize(
    ("size", "aspect", "short_side", "wanted"),
    [
        ((1080, 1920), 1.0, 512, (512, 910)),
        ((1080, 1920), 1.0, None, (1080, 1920)),
        ((240, 320), 1.0, 512, (240, 320)),  # never enlarged
        ((576, 720), 64 / 45, None, (405, 720)),  # wide samples: fewer rows, not more columns
        ((480, 720), 8 / 9, None, (480, 640)),
        ((480, 720), 8 / 9, 240, (240, 320)),
        ((1920, 1080), 1.0, 512, (910, 512)),
    ],
)
def test_sizes_have_square_pixels(
    size: tuple[int, int], aspect: float, short_side: int | None, wanted: tuple[int, int]
) -> None:
    assert reduced_size(size, aspect, short_side) == wanted


def test_reducing_averages() -> None:
    film = replace(info(64, 96), sample_aspect_ratio=Fraction(1, 2))
    truth = scene(3)
    made = PictureMaker(film, None, 32).picture(frame(truth, film))
    assert made.shape[:2] == reduced_size((64, 96), 0.5, 32)
    assert abs(float(made.mean()) - 255 * float(truth.mean())) < 1.0


def test_a_frame_without_chroma_is_refused() -> None:
    film = info(64, 96)
    with pytest.raises(ValueError, match="no chroma"):
        PictureMaker(film, None, None).picture(Frame(7, 0, np.zeros((64, 96), np.uint8)))
