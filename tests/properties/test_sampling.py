"""Where samples lie: luma under chroma, places of the ab grid, and pictures that are turned."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from filmcolor.stages.infer import View
from filmcolor.stages.upsample import Upsampler, _Lerp, luma_on_chroma_grid
from filmcolor.types import AbMap, Box, Chroma, Luma, PixelLayout, Siting

CHROMAS = st.sampled_from(["400", "420", "422", "444"])
SITINGS = st.sampled_from(["left", "center"])
DEPTHS = st.sampled_from([8, 10, 12, 16])


def at_row(row: int, height: int, down: int, *, by_field: bool) -> list[tuple[int, Fraction]]:
    """Rows of luma under a row of chroma, and their shares, by the standards' words."""
    if down == 1:
        return [(row, Fraction(1))]
    if not by_field:
        return [(2 * row, Fraction(1, 2)), (min(2 * row + 1, height - 1), Fraction(1, 2))]
    parity, number = row % 2, row // 2
    own = list(range(parity, height, 2))
    near = Fraction(1, 4) if parity else Fraction(3, 4)
    return [(own[2 * number], near), (own[min(2 * number + 1, len(own) - 1)], 1 - near)]


def at_column(column: int, width: int, across: int, siting: str) -> list[tuple[int, Fraction]]:
    if across == 1:
        return [(column, Fraction(1))]
    middle = 2 * column
    right = min(middle + 1, width - 1)
    if siting == "center":
        return [(middle, Fraction(1, 2)), (right, Fraction(1, 2))]
    left = max(middle - 1, 0)
    return [(left, Fraction(1, 4)), (middle, Fraction(1, 2)), (right, Fraction(1, 4))]


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    CHROMAS,
    DEPTHS,
    SITINGS,
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_luma_under_chroma_is_what_the_standards_say(
    height: int, width: int, chroma: Chroma, depth: int, siting: Siting, fields: bool, seed: int
) -> None:
    by_field = fields and height >= 4
    layout = PixelLayout(depth, chroma)
    codes = np.random.default_rng(seed).integers(0, 1 << depth, (height, width))
    luma = cast("Luma", codes.astype(layout.dtype))
    sums, divisor = luma_on_chroma_grid(luma, layout, depth, siting, by_field=by_field)
    down, across = layout.subsampling
    assert sums.shape == layout.chroma_size(height, width)
    for row, column in np.ndindex(*sums.shape):
        expected = sum(
            (
                int(codes[y, x]) * share_y * share_x
                for y, share_y in at_row(row, height, down, by_field=by_field)
                for x, share_x in at_column(column, width, across, siting)
            ),
            Fraction(0),
        )
        assert Fraction(int(sums[row, column]), divisor) == expected


@given(
    st.integers(1, 64),
    st.integers(1, 200),
    st.sampled_from([1, 2]),
    st.sampled_from([0.0, 0.5, 1.0, 1.5]),
)
def test_places_lie_where_their_samples_are(
    source: int, length: int, step: int, phase: float
) -> None:
    """A straight line stays one: a value is its place, of which the rim is the end."""
    lerp = _Lerp.of(source, length, step, phase)
    line = torch.arange(source, dtype=torch.float32)
    found = torch.lerp(line[lerp.lower], line[lerp.upper], lerp.share)
    places = [
        (Fraction(target * step) + Fraction(phase)) * source / length - Fraction(1, 2)
        for target in range(-(-length // step))
    ]
    expected = torch.tensor([float(min(max(place, 0), source - 1)) for place in places])
    assert torch.allclose(found, expected, atol=1e-4)
    assert torch.allclose(line @ lerp.matrix(source), expected, atol=1e-3)
    assert torch.allclose(lerp.matrix(source).sum(0), torch.ones(len(places)), atol=1e-6)
    assert bool((lerp.lower >= 0).all() and (lerp.upper < source).all())


@given(
    st.integers(2, 12),
    st.integers(2, 12),
    CHROMAS,
    SITINGS,
    st.sampled_from([-0.5, 0.0, 0.5]),
    st.floats(-100, 100, width=32),
    st.floats(-100, 100, width=32),
)
def test_one_colour_stays_that_colour(
    height: int, width: int, chroma: Chroma, siting: Siting, offset: float, a: float, b: float
) -> None:
    layout = PixelLayout(8, chroma)
    size = (4 * height, 4 * width + 1)
    light = np.random.default_rng(height).uniform(0, 100, (height * 2, width * 2))
    ab = np.empty((2, height, width), np.float32)
    ab[0], ab[1] = a, b
    lines = Upsampler(size, layout, siting, torch.device("cpu")).lines(
        AbMap(0, ab, light.astype(np.float32)), offset
    )
    shown = torch.rand(1, 1, *layout.chroma_size(*size)) * 100
    found = lines.ab(shown)
    assert found.shape == (1, 2, *layout.chroma_size(*size))
    expected = torch.tensor([a, b]).reshape(1, 2, 1, 1)
    assert torch.allclose(found, expected.expand_as(found), atol=2e-3)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[int, int, Box]:
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    bottom = draw(st.integers(top + 1, height))
    return height, width, Box(top, left, bottom, draw(st.integers(left + 1, width)))


@given(boxes(), st.sampled_from([0, 90, 180, 270]), st.booleans())
def test_what_is_shown_turned_is_turned_back(
    place: tuple[int, int, Box], rotation: int, cut: bool
) -> None:
    height, width, box = place
    luma = cast("Luma", np.arange(height * width).astype(np.uint16).reshape(height, width))
    part = luma[box.top : box.bottom, box.left : box.right] if cut else luma
    rows, columns = part.shape[::-1] if rotation % 180 else part.shape
    view = View(16, True, rows, columns, rotation, box if cut else None)
    shown = view.show(luma)
    assert shown.shape == (rows, columns)
    both = np.stack([shown, shown]).astype(np.float32)
    assert np.array_equal(view.restore(both), np.stack([part, part]))
    # Counter-clockwise: by 90 degrees the upper right corner comes to the upper left.
    corner = {0: part[0, 0], 90: part[0, -1], 180: part[-1, -1], 270: part[-1, 0]}[rotation]
    assert shown[0, 0] == corner
