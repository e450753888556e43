"""Colour: round trips, ranges and gamut, of any colour, matrix and bit depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from filmcolor.color.chroma_table import SHIPPED, ChromaTable, packed, solve_chroma, unpacked
from filmcolor.color.convert import (
    chroma_to_rgb,
    lab_to_rgb,
    lightness,
    linear_to_srgb,
    luma_from_rgb,
    normalize_chroma,
    normalize_luma,
    quantize_chroma,
    quantize_luma,
    rgb_to_lab,
    rgb_to_xyz,
    srgb_to_linear,
)
from filmcolor.color.matrix import LUMA_WEIGHTS, PRIMARIES, resolve_tags
from filmcolor.errors import MediaError
from filmcolor.types import ColorTags

DEPTHS = [8, 10, 12, 16]
UNIT = st.floats(0, 1, width=32)
CODES = [(depth, full) for depth in DEPTHS for full in (False, True)]
MATRICES = st.sampled_from(sorted(LUMA_WEIGHTS))
AB = st.one_of(st.floats(-128, 128, width=32), st.floats(-1e6, 1e6, width=32))


def pixels(channels: int, values: st.SearchStrategy[float] = UNIT) -> Any:
    """Pictures (1, channels, 1, n)."""
    one = st.lists(values, min_size=channels, max_size=channels)
    return st.lists(one, min_size=1, max_size=12).map(
        lambda rows: torch.tensor(rows, dtype=torch.float32).T.reshape(1, channels, 1, -1)
    )


def top(depth: int) -> int:
    return (1 << depth) - 1


@pytest.mark.parametrize(("depth", "full"), CODES)
def test_every_code_comes_back(depth: int, full: bool) -> None:
    """All there are."""
    codes = torch.arange(1 << depth, dtype=torch.int32)
    luma = normalize_luma(codes, depth, full, clamped=False)
    assert torch.equal(quantize_luma(luma, depth, full, clamped=False).int(), codes)
    clamped = quantize_luma(normalize_luma(codes, depth, full), depth, full).int()
    black, white = (0, top(depth)) if full else (16 << (depth - 8), 235 << (depth - 8))
    assert torch.equal(clamped, codes.clamp(black, white))
    chroma = normalize_chroma(codes, depth, full)
    assert torch.equal(quantize_chroma(chroma, depth, full).int(), codes)


@given(st.sampled_from(CODES), st.lists(st.floats(-2, 3, width=32), min_size=2, max_size=30))
def test_codes_are_in_range_and_in_order(kind: tuple[int, bool], values: list[float]) -> None:
    depth, full = kind
    luma = torch.tensor(sorted(values))
    for codes in (
        quantize_luma(luma, depth, full),
        quantize_luma(luma, depth, full, clamped=False),
        quantize_chroma(luma - 0.5, depth, full),
    ):
        assert codes.dtype == (torch.uint8 if depth == 8 else torch.int32)
        assert int(codes.min()) >= 0 and int(codes.max()) <= top(depth)
        assert bool((codes.int().diff() >= 0).all())


@given(pixels(1, st.floats(-0.5, 1.5, width=32)))
def test_srgb_goes_both_ways_and_rises(values: Tensor) -> None:
    values = values.flatten().sort().values
    linear = srgb_to_linear(values)
    assert torch.allclose(linear_to_srgb(linear), values, atol=2e-5)
    assert bool((linear.diff() >= 0).all()) and bool((linear_to_srgb(values).diff() >= -1e-6).all())
    light = lightness(values.clamp(0, 1))
    assert bool((light.diff() >= -1e-4).all())
    assert float(light.min()) + 1e-4 >= 0 and float(light.max()) <= 100 + 1e-4


@given(pixels(3))
def test_lab_goes_both_ways(rgb: Tensor) -> None:
    lab = rgb_to_lab(rgb)
    assert torch.allclose(lab_to_rgb(lab), rgb, atol=2e-4)
    assert float(lab[:, 0].min()) >= -0.001 and float(lab[:, 0].max()) <= 100.001
    assert float(lab[:, 1:].abs().max()) <= 111


@given(UNIT, MATRICES)
def test_a_neutral_is_neutral_everywhere(value: float, matrix: int) -> None:
    grey = torch.full((1, 3, 1, 1), value)
    lab, luma = rgb_to_lab(grey), luma_from_rgb(grey, matrix)
    assert float(lab[:, 1:].abs().max()) < 2e-3
    assert float((lab[:, :1] - lightness(luma)).abs().max()) < 2e-3
    assert torch.allclose(luma, grey[:, :1], atol=1e-6)
    assert torch.equal(chroma_to_rgb(luma, torch.zeros(1, 2, 1, 1), matrix)[:, :1], luma)


@pytest.mark.parametrize("primaries", sorted(PRIMARIES))
def test_white_is_white_by_any_primaries(primaries: int) -> None:
    white = rgb_to_xyz(primaries, torch.float64) @ torch.ones(3, dtype=torch.float64)
    assert torch.allclose(white, torch.ones(3, dtype=torch.float64), atol=1e-12)


@given(pixels(3), MATRICES)
def test_a_matrix_goes_both_ways(rgb: Tensor, matrix: int) -> None:
    kr, kb = LUMA_WEIGHTS[matrix]
    luma = luma_from_rgb(rgb, matrix)
    chroma = torch.cat(
        [(rgb[:, 2:] - luma) / (2 * (1 - kb)), (rgb[:, :1] - luma) / (2 * (1 - kr))], dim=1
    )
    assert float(chroma.abs().max()) <= 0.5 + 1e-6
    assert torch.allclose(chroma_to_rgb(luma, chroma, matrix), rgb, atol=1e-5)


@given(pixels(1), st.data(), MATRICES, st.sampled_from(sorted(PRIMARIES)))
def test_what_is_solved_keeps_luma_and_stays_in_the_cube(
    luma: Tensor, data: st.DataObject, matrix: int, primaries: int
) -> None:
    count = luma.shape[-1]
    ab = torch.tensor(
        data.draw(st.lists(st.floats(-200, 200, width=32), min_size=2 * count, max_size=2 * count))
    ).reshape(1, 2, 1, count)
    chroma, share = solve_chroma(luma, ab, matrix, primaries)
    rgb = chroma_to_rgb(luma, chroma, matrix)
    assert bool(torch.isfinite(chroma).all())
    assert float(rgb.min()) >= -2e-3 and float(rgb.max()) <= 1 + 2e-3
    assert float(share.min()) >= 0 and float(share.max()) <= 1
    if primaries == 1:  # the colour that comes out has the hue that was asked for
        found = rgb_to_lab(rgb.clamp(0, 1))[:, 1:]
        assert torch.allclose(found, ab * share, atol=0.6)


TABLES = {kind: ChromaTable.build(*kind) for kind in SHIPPED}


@given(st.sampled_from(SHIPPED), pixels(3, st.floats(-1, 1, width=32)), AB)
def test_a_table_takes_any_colour(kind: tuple[int, int], place: Tensor, reach: float) -> None:
    luma, ab = place[:, :1].abs(), place[:, 1:] * reach
    chroma = TABLES[kind](luma, ab)
    rgb = chroma_to_rgb(luma, chroma, kind[0])
    assert bool(torch.isfinite(chroma).all()) and chroma.shape == ab.shape
    assert float(rgb.min()) >= -2e-3 and float(rgb.max()) <= 1 + 2e-3
    # Each colour by itself, wherever it lies in the picture.
    turned = TABLES[kind](luma.transpose(2, 3).contiguous(), ab.transpose(2, 3).contiguous())
    assert torch.allclose(turned.transpose(2, 3), chroma, atol=1e-6)


@given(st.sampled_from(SHIPPED), UNIT, st.floats(0, 2 * np.pi), st.floats(1, 1e5))
def test_a_table_keeps_the_hue_of_what_it_cannot_hold(
    kind: tuple[int, int], luma: float, hue: float, far: float
) -> None:
    """Beyond the table, colours are as at its edge."""
    way = torch.tensor([np.cos(hue), np.sin(hue)], dtype=torch.float32).reshape(1, 2, 1, 1)
    edge = way * (111 / way.abs().max())
    level = torch.full((1, 1, 1, 1), luma)
    assert torch.allclose(TABLES[kind](level, edge * far), TABLES[kind](level, edge), atol=2e-4)
    assert float(TABLES[kind](level, torch.zeros(1, 2, 1, 1)).abs().max()) < 2e-4


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=40))
def test_packing_is_undone(values: list[float]) -> None:
    plane = np.array(values, np.float32)
    assert unpacked(packed(plane)).tobytes() == plane.tobytes()


CODE = st.integers(0, 255)


@given(CODE, CODE, CODE, st.sampled_from([None, False, True]), st.integers(1, 9000))
def test_tags_are_resolved_once(
    matrix: int, primaries: int, transfer: int, full: bool | None, height: int
) -> None:
    tags = ColorTags(matrix, primaries, transfer, full)
    try:
        found = resolve_tags(tags, height)
    except MediaError:
        assert matrix not in LUMA_WEIGHTS
        return
    assert found.matrix in LUMA_WEIGHTS and found.primaries in PRIMARIES
    assert found.full_range is bool(full) and found.transfer == transfer
    assert resolve_tags(found, height) == found
    assert matrix not in LUMA_WEIGHTS or found.matrix == matrix
