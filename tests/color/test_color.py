"""Colour arithmetic: against scikit-image, against its own inverse, and in CIEDE2000."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import color as reference
from skimage import data
from torch import Tensor

from filmcolor.color import (
    LUMA_WEIGHTS,
    ChromaTable,
    chroma_to_rgb,
    lab_to_rgb,
    lightness,
    linear_to_srgb,
    luma_from_rgb,
    normalize_luma,
    quantize_chroma,
    resolve_tags,
    rgb_to_lab,
    solve_chroma,
    srgb_to_linear,
)
from filmcolor.color.chroma_table import SHIPPED, packed, solve_nodes, unpacked
from filmcolor.color.matrix import PRIMARIES
from filmcolor.errors import MediaError
from filmcolor.types import ColorTags


def photograph(name: str = "astronaut") -> Tensor:
    """A real photograph as (1, 3, H, W) in 0..1."""
    pixels = np.ascontiguousarray(getattr(data, name)()[::2, ::2])
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def random_colors(count: int = 20000) -> Tensor:
    """Colours spread over the whole RGB cube."""
    return torch.rand(1, 3, 1, count, generator=torch.Generator().manual_seed(1))


def ciede2000(result: Tensor, truth: Tensor) -> NDArray[np.float64]:
    """Colour difference per pixel of two sRGB pictures."""
    a, b = (
        reference.rgb2lab(p[0].permute(1, 2, 0).double().numpy().clip(0, 1))
        for p in (result, truth)
    )
    return np.asarray(reference.deltaE_ciede2000(a, b), np.float64)


@pytest.fixture(scope="module")
def table() -> ChromaTable:
    return ChromaTable.build(6, 1)


@pytest.mark.parametrize(("matrix", "primaries"), SHIPPED)
def test_a_shipped_table_is_what_the_solver_gives(matrix: int, primaries: int) -> None:
    shipped, solved = ChromaTable.build(matrix, primaries).values, solve_nodes(matrix, primaries)
    assert shipped.shape == solved.shape and shipped.dtype == solved.dtype
    # Another processor, or another number of threads, rounds differently.
    assert (shipped - solved).abs().max() < 1e-4
    assert (shipped == solved).float().mean() > 0.5


def test_a_table_that_is_not_shipped_is_solved() -> None:
    assert (9, 9) not in SHIPPED
    assert torch.equal(ChromaTable.build(9, 9).values, solve_nodes(9, 9))


def test_codes_with_the_same_numbers_share_a_table() -> None:
    assert LUMA_WEIGHTS[5] == LUMA_WEIGHTS[6] and PRIMARIES[7] == PRIMARIES[6]
    assert torch.equal(ChromaTable.build(5, 7).values, ChromaTable.build(6, 6).values)


def test_packing_loses_nothing() -> None:
    values = np.array([[0.0, -0.0, 1e-40, -0.5], [np.pi, -1e20, 0.1, 3.0]], np.float32)
    assert packed(values).shape == (4, 2, 4)
    assert unpacked(packed(values)).tobytes() == values.tobytes()


def test_lab_agrees_with_scikit_image() -> None:
    rgb = photograph()
    theirs = reference.rgb2lab(rgb[0].permute(1, 2, 0).double().numpy())
    ours = rgb_to_lab(rgb)[0].permute(1, 2, 0).numpy()
    assert np.abs(theirs - ours).max() < 0.02


def test_lab_and_srgb_round_trips() -> None:
    rgb = random_colors()
    assert (lab_to_rgb(rgb_to_lab(rgb)) - rgb).abs().max() < 2e-5
    assert (linear_to_srgb(srgb_to_linear(rgb)) - rgb).abs().max() < 1e-5


def test_a_neutral_has_no_ab_and_keeps_its_lightness() -> None:
    grey = torch.linspace(0, 1, 256).view(1, 1, 1, 256)
    lab = rgb_to_lab(grey.expand(-1, 3, -1, -1))
    assert lab[:, 1:].abs().max() < 1e-3
    assert (lab[:, :1] - lightness(grey)).abs().max() < 1e-3
    assert lightness(torch.tensor([0.0, 1.0])).tolist() == pytest.approx([0.0, 100.0], abs=1e-4)


@pytest.mark.parametrize(
    ("bit_depth", "full_range", "black", "white"),
    [(8, False, 16, 235), (8, True, 0, 255), (10, False, 64, 940), (12, True, 0, 4095)],
)
def test_luma_codes_of_black_and_white(
    bit_depth: int, full_range: bool, black: int, white: int
) -> None:
    codes = torch.tensor([black, white, 0, (1 << bit_depth) - 1])
    assert normalize_luma(codes, bit_depth, full_range).tolist() == pytest.approx([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("bit_depth", "full_range", "expected"),
    [
        (8, False, [16, 128, 240]),
        (8, True, [0, 128, 255]),
        (10, False, [64, 512, 960]),
        (10, True, [0, 512, 1023]),
    ],
)
def test_chroma_codes_of_extremes_and_neutral(
    bit_depth: int, full_range: bool, expected: list[int]
) -> None:
    codes = quantize_chroma(torch.tensor([-0.5, 0.0, 0.5]), bit_depth, full_range)
    assert codes.tolist() == expected
    assert codes.dtype == (torch.uint8 if bit_depth == 8 else torch.int32)


@pytest.mark.parametrize("matrix", sorted(LUMA_WEIGHTS))
def test_chroma_to_rgb_inverts_the_matrix(matrix: int) -> None:
    rgb = random_colors(500)
    kr, kb = LUMA_WEIGHTS[matrix]
    luma = luma_from_rgb(rgb, matrix)
    cb, cr = (rgb[:, 2:] - luma) / (2 - 2 * kb), (rgb[:, :1] - luma) / (2 - 2 * kr)
    assert (chroma_to_rgb(luma, torch.cat([cb, cr], 1), matrix) - rgb).abs().max() < 1e-5


@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_solving_finds_the_colour_from_luma_and_ab(matrix: int) -> None:
    rgb = random_colors()
    luma = luma_from_rgb(rgb, matrix)
    chroma, share = solve_chroma(luma, rgb_to_lab(rgb)[:, 1:], matrix, 1)
    error = ciede2000(chroma_to_rgb(luma, chroma, matrix), rgb)
    assert share.min() > 0.99
    assert error.mean() < 0.01
    assert error.max() < 0.05


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_table_on_photographs_in_ciede2000(name: str, table: ChromaTable) -> None:
    rgb = photograph(name)
    luma = luma_from_rgb(rgb)
    error = ciede2000(chroma_to_rgb(luma, table(luma, rgb_to_lab(rgb)[:, 1:])), rgb)
    assert error.mean() < 0.15
    assert np.percentile(error, 99) < 1.0


def test_table_over_the_whole_cube_in_ciede2000(table: ChromaTable) -> None:
    rgb = random_colors()
    luma = luma_from_rgb(rgb)
    error = ciede2000(chroma_to_rgb(luma, table(luma, rgb_to_lab(rgb)[:, 1:])), rgb)
    assert error.mean() < 0.12
    assert np.percentile(error, 99) < 1.2


def test_solving_for_l_is_worth_it(table: ChromaTable) -> None:
    """Taking L*(Y') for Lab's L instead: what keeping Y' costs on saturated colours."""
    rgb = random_colors()
    luma, ab = luma_from_rgb(rgb), rgb_to_lab(rgb)[:, 1:]
    naive = lab_to_rgb(torch.cat([lightness(luma), ab], dim=1))
    naive = naive + luma - luma_from_rgb(naive)
    ours = ciede2000(chroma_to_rgb(luma, table(luma, ab)), rgb)
    assert ciede2000(naive, rgb).mean() > 4 * ours.mean()


def test_no_colour_leaves_the_cube(table: ChromaTable) -> None:
    generator = torch.Generator().manual_seed(2)
    luma = torch.rand(1, 1, 1, 50000, generator=generator)
    ab = torch.randn(1, 2, 1, 50000, generator=generator) * 90
    rgb = chroma_to_rgb(luma, table(luma, ab))
    assert rgb.min() > -2e-3
    assert rgb.max() < 1 + 2e-3


def test_compression_keeps_hue_and_luma(table: ChromaTable) -> None:
    angle = torch.linspace(0, 2 * torch.pi, 200)
    ab = torch.stack([angle.cos(), angle.sin()])[None, :, None] * 135
    luma = torch.full((1, 1, 1, 200), 0.55)
    chroma, share = solve_chroma(luma, ab)
    rgb = chroma_to_rgb(luma, chroma)
    back = rgb_to_lab(rgb)[0, 1:, 0]
    turned = torch.atan2(back[1], back[0]) - torch.atan2(ab[0, 1, 0], ab[0, 0, 0])
    turned = torch.remainder(turned + torch.pi, 2 * torch.pi) - torch.pi
    assert share.max() < 0.99
    assert turned.abs().max() < 0.01
    assert (luma_from_rgb(rgb) - luma).abs().max() < 1e-5
    touching = torch.minimum(rgb.amin(dim=1), 1 - rgb.amax(dim=1))
    assert touching.max() < 0.01


def test_neutral_stays_neutral_and_black_and_white_take_no_colour(table: ChromaTable) -> None:
    luma = torch.linspace(0, 1, 256).view(1, 1, 1, 256)
    assert table(luma, torch.zeros(1, 2, 1, 256)).abs().max() < 1e-4
    ends = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    assert table(ends, torch.full((1, 2, 1, 2), 60.0)).abs().max() == 0


def test_table_refuses_shapes_that_do_not_fit(table: ChromaTable) -> None:
    with pytest.raises(ValueError, match="got luma"):
        table(torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, 4, 5))


def test_open_tags_are_resolved_as_players_do() -> None:
    assert resolve_tags(ColorTags(), 480) == ColorTags(6, 1, 2, False)
    assert resolve_tags(ColorTags(), 576).matrix == 6
    assert resolve_tags(ColorTags(), 720).matrix == 1
    tagged = ColorTags(9, 9, 14, True)
    assert resolve_tags(tagged, 480) == tagged
    with pytest.raises(MediaError, match="matrix"):
        resolve_tags(ColorTags(matrix=8), 480)
