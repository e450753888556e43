"""R'G'B' frames keep the luma that they are made of, code for code."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from filmcolor.media.rgb import full_range_table, luma_of_rgb, rgb_of_planes, settled_matrix
from filmcolor.types import ColorTags


@pytest.mark.parametrize(
    ("depth", "bits", "full_range", "matrix"),
    [
        *product((8, 10, 12), (10, 12, 16), (True, False), (1, 6)),
        (16, 16, True, 9),
        (16, 10, True, 1),
    ],
)
def test_luma_comes_back(depth: int, bits: int, full_range: bool, matrix: int) -> None:
    """Whatever the colour, as long as it lies inside the cube."""
    chance = np.random.default_rng(5)
    black, white = (0, (1 << depth) - 1) if full_range else (16 << depth - 8, 235 << depth - 8)
    codes = np.arange(black, white + 1).repeat(3 if depth == 16 else 97)
    luma = codes.astype(np.uint8 if depth == 8 else np.uint16)[None]
    table = full_range_table(depth, bits, full_range=full_range)
    grey = table[luma] / ((1 << bits) - 1)
    room = 0.45 * np.minimum(grey, 1 - grey)  # inside the cube at any hue
    span = 65535 if full_range else 57344
    cb, cr = (
        np.rint(32768 + chance.uniform(-1, 1, luma.shape) * room * span).astype(np.uint16)
        for _ in range(2)
    )
    rgb = rgb_of_planes(luma, (cb, cr), table, full_range=full_range, matrix=matrix, bits=bits)
    assert rgb.dtype == np.uint16
    found = np.rint(luma_of_rgb(rgb[..., 0], rgb[..., 1], rgb[..., 2], matrix))
    if bits <= depth and full_range:
        assert np.array_equal(found, table[luma])
    else:
        order = table[black : white + 1]
        nearest = np.abs(order[None] - found.ravel()[::53, None]).argmin(axis=1) + black
        expected = luma.ravel()[::53]
        if bits < depth:  # then several codes of the source share one
            assert np.array_equal(table[nearest], table[expected])
        else:
            assert np.array_equal(nearest, expected)


def test_neutral_chroma_gives_equal_codes_and_the_ends_are_the_ends() -> None:
    table = full_range_table(10, 16, full_range=False)
    assert (table[0], table[64], table[940], table[1023]) == (0, 0, 65535, 65535)
    luma = np.array([[64, 502, 940, 1000]], np.uint16)
    neutral = np.full((1, 4), 32768, np.uint16)
    rgb = rgb_of_planes(luma, (neutral, neutral), table, full_range=False, matrix=1, bits=16)
    assert rgb[0].tolist() == [[0] * 3, [32768] * 3, [65535] * 3, [65535] * 3]


def test_an_unstated_matrix_goes_by_the_rows() -> None:
    assert [settled_matrix(ColorTags(), rows) for rows in (576, 577)] == [6, 1]
    assert settled_matrix(ColorTags(9), 480) == 9
