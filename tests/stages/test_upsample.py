"""Colour lands where the film's edges are, in the right phase, and does not pick up grain."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from filmcolor.color import lightness, luma_from_rgb, rgb_to_lab
from filmcolor.stages.upsample import Upsampler, luma_on_chroma_grid
from filmcolor.types import AbMap, FloatPlane, PixelLayout, Siting

CPU = torch.device("cpu")


def upsample(
    field: AbMap, film: FloatPlane, chroma: str = "444", siting: Siting = "center"
) -> NDArray[np.float32]:
    """ab (2, h, w) where the film's lightness on the chroma grid is `film`; 4:4:4 unless said."""
    layout = PixelLayout(8, chroma)  # type: ignore[arg-type]
    down, across = layout.subsampling
    size = film.shape[0] * down, film.shape[1] * across
    upsampler = Upsampler(size, layout, siting, CPU)
    found = upsampler.lines(field).ab(torch.from_numpy(film)[None, None])
    return found[0].numpy()


def reduced(planes: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Area average of (C, H, W) to (height, width)."""
    return np.stack([cv2.resize(p, size[::-1], interpolation=cv2.INTER_AREA) for p in planes])


def photo(name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """True ab (2, H, W) and lightness (H, W) of a photograph, 384x256."""
    rgb = cv2.resize(getattr(data, name)(), (384, 256), interpolation=cv2.INTER_AREA)
    tensor = torch.from_numpy(rgb.astype(np.float32) / 255).permute(2, 0, 1)[None]
    return (
        rgb_to_lab(tensor)[0, 1:].numpy(),
        lightness(luma_from_rgb(tensor))[0, 0].numpy(),
    )


def bilinear(ab: FloatPlane, size: tuple[int, int]) -> NDArray[np.float32]:
    tensor = torch.from_numpy(ab)[None]
    return torch.nn.functional.interpolate(tensor, size, mode="bilinear")[0].numpy()


def field_of(ab: FloatPlane, film: FloatPlane, model: tuple[int, int]) -> AbMap:
    """What a perfect model at this size would give: a quarter of its side in ab."""
    small = model[0] // 4, model[1] // 4
    return AbMap(0, reduced(ab, small), reduced(film[None], model)[0])


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_truth_is_met_better_than_without_a_guide(name: str) -> None:
    ab, film = photo(name)
    field = field_of(ab, film, (192, 288))
    guided = np.abs(upsample(field, film) - ab)
    plain = np.abs(bilinear(field.ab, film.shape) - ab)
    assert guided.mean() < 0.88 * plain.mean()
    assert np.quantile(guided, 0.99) < 0.95 * np.quantile(plain, 0.99)


def test_color_stops_where_the_edge_stops() -> None:
    film = np.full((128, 128), 30, np.float32)
    film[:, 66:] = 70
    ab = np.zeros((2, 128, 128), np.float32)
    ab[0, :, 66:], ab[1, :, 66:] = 40, -20
    got = upsample(field_of(ab, film, (64, 64)), film)
    plain = bilinear(field_of(ab, film, (64, 64)).ab, film.shape)
    assert np.abs(got - ab).max() < 3
    assert np.abs(plain - ab).max() > 15
    assert got[0].max() < 42 and got[0].min() > -2


def test_an_edge_in_color_alone_is_kept() -> None:
    film = np.full((64, 64), 50, np.float32)
    ab = np.zeros((2, 64, 64), np.float32)
    ab[0, :, 32:] = 40
    got = upsample(field_of(ab, film, (64, 64)), film)
    assert np.abs(got[0, :, :24]).max() < 1.5
    assert np.abs(got[0, :, 40:] - 40).max() < 1.5


@pytest.mark.parametrize("grain", [2.0, 6.0])
def test_grain_of_luma_does_not_become_grain_of_color(grain: float) -> None:
    rng = np.random.default_rng(1)
    film = (55 + rng.normal(0, grain, (256, 256))).astype(np.float32)
    ab = np.empty((2, 64, 64), np.float32)
    ab[0] = 15 + np.linspace(-4, 4, 64)
    ab[1] = -10 + 0.3 * rng.normal(0, 1, (64, 64))
    field = AbMap(0, ab, film)
    made = upsample(field, film) - bilinear(ab, film.shape)
    assert made.std() < 0.04 * grain
    assert np.abs(made).max() < 0.3 * grain


def test_blotches_of_the_model_do_not_make_grain_colored() -> None:
    rng = np.random.default_rng(3)
    film = (55 + rng.normal(0, 1.5, (256, 256))).astype(np.float32)
    ab = np.stack([4 * cv2.GaussianBlur(rng.normal(0, 4, (64, 64)), (0, 0), 1.5) for _ in "ab"])
    field = AbMap(0, ab.astype(np.float32), film)
    assert ab.std() > 2
    made = upsample(field, film)
    rough = made - np.stack([cv2.GaussianBlur(plane, (0, 0), 2.0) for plane in made])
    plain = bilinear(field.ab, film.shape)
    plain_rough = plain - np.stack([cv2.GaussianBlur(plane, (0, 0), 2.0) for plane in plain])
    assert rough.std() < 1.3 * plain_rough.std()


def test_flat_color_stays_exactly_flat() -> None:
    rng = np.random.default_rng(4)
    film = rng.uniform(0, 100, (90, 70)).astype(np.float32)
    ab = np.empty((2, 16, 16), np.float32)
    ab[0], ab[1] = 12.5, -30.25
    got = upsample(AbMap(0, ab, reduced(film[None], (64, 64))[0]), film)
    assert np.abs(got[0] - 12.5).max() < 1e-4
    assert np.abs(got[1] + 30.25).max() < 1e-4


@pytest.mark.parametrize(
    ("chroma", "siting", "x", "y"),
    [
        ("420", "left", 0.0, 0.5),
        ("420", "center", 0.5, 0.5),
        ("422", "left", 0.0, 0.0),
        ("422", "center", 0.5, 0.0),
        ("444", "left", 0.0, 0.0),
    ],
)
def test_siting(chroma: str, siting: Siting, x: float, y: float) -> None:
    """A ramp of ab and of luma has, on every grid, the value of the place where chroma sits."""
    layout = PixelLayout(8, chroma)  # type: ignore[arg-type]
    down, across = layout.subsampling
    height, width = 64, 96
    rows, columns = layout.chroma_size(height, width)
    ab = np.stack(np.meshgrid(np.arange(24.0) * 4 + 1.5, np.arange(16.0) * 4 + 1.5))
    field = AbMap(0, ab.astype(np.float32), np.full((64, 96), 50, np.float32))
    got = upsample(field, np.full((rows, columns), 50, np.float32), chroma, siting)
    inner = np.s_[8:-8, 8:-8]
    want_x = np.broadcast_to(np.arange(columns) * across + x, (rows, columns))
    want_y = np.broadcast_to((np.arange(rows) * down + y)[:, None], (rows, columns))
    assert np.abs(got[0][inner] - want_x[inner]).max() < 0.02
    assert np.abs(got[1][inner] - want_y[inner]).max() < 0.02
    for ramp, want in ((np.arange(width)[None], want_x), (np.arange(height)[:, None], want_y)):
        luma = np.broadcast_to(ramp, (height, width)).astype(np.uint8)
        sums, divisor = luma_on_chroma_grid(luma, layout, 8, siting)
        assert sums.shape == (rows, columns)
        assert np.array_equal((sums / divisor)[inner], want[inner])
        by_field, divisor = luma_on_chroma_grid(luma, layout, 8, siting, by_field=True)
        assert np.array_equal((by_field / divisor)[inner], want[inner])


@pytest.mark.parametrize("bit_depth", [8, 10, 12, 16])
@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 6, 7, 8, 30])
def test_siting_within_fields(height: int, bit_depth: int) -> None:
    """Each row of chroma is read off the rows of its own field, at half a row below luma row 2 i.

    In rows of the field, that is a quarter below one of the top field's and three quarters below
    one of the bottom field's: what FFmpeg's scale filter, too, takes for interlaced 4:2:0.
    """
    layout = PixelLayout(bit_depth, "420")
    rng = np.random.default_rng(height)
    luma = rng.integers(0, 1 << bit_depth, (height, 6)).astype(layout.dtype)
    luma[0, 0] = (1 << bit_depth) - 1
    sums, divisor = luma_on_chroma_grid(luma, layout, bit_depth, "center", by_field=True)
    assert sums.shape == layout.chroma_size(height, 6)
    across = (luma[:, 0::2].astype(np.float64) + luma[:, 1::2]) / 2
    for row, found in enumerate(sums / divisor):
        places = np.arange(row % 2, height, 2)
        want = [np.interp(2 * row + 0.5, places, column[places]) for column in across.T]
        np.testing.assert_allclose(found, want, rtol=0, atol=1e-9)


@pytest.mark.parametrize("chroma", ["422", "444"])
def test_fields_are_no_matter_where_every_row_has_its_own_chroma(chroma: str) -> None:
    layout = PixelLayout(8, chroma)  # type: ignore[arg-type]
    luma = np.random.default_rng(0).integers(0, 256, (7, 9)).astype(np.uint8)
    whole = luma_on_chroma_grid(luma, layout, 8, "left")
    fields = luma_on_chroma_grid(luma, layout, 8, "left", by_field=True)
    assert whole[1] == fields[1] and np.array_equal(whole[0], fields[0])


@pytest.mark.parametrize("bit_depth", [8, 10, 12, 16])
@pytest.mark.parametrize("siting", ["left", "center"])
def test_luma_sums_do_not_overflow_and_keep_flat_pictures(bit_depth: int, siting: Siting) -> None:
    white = (1 << bit_depth) - 1
    for chroma in ("420", "422", "444"):
        layout = PixelLayout(bit_depth, chroma)  # type: ignore[arg-type]
        luma = np.full((5, 7), white, layout.dtype)
        for by_field in (False, True):
            sums, divisor = luma_on_chroma_grid(luma, layout, bit_depth, siting, by_field=by_field)
            assert sums.shape == layout.chroma_size(5, 7)
            assert (sums == white * divisor).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (7, 5), (33, 64)])
@pytest.mark.parametrize("chroma", ["420", "422", "444"])
def test_any_size(size: tuple[int, int], chroma: str) -> None:
    layout = PixelLayout(8, chroma)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    for grid, model in (((1, 1), (4, 4)), ((5, 8), (20, 32)), ((16, 16), (16, 16))):
        field = AbMap(
            0,
            rng.normal(0, 20, (2, *grid)).astype(np.float32),
            rng.uniform(0, 100, model).astype(np.float32),
        )
        rows, columns = layout.chroma_size(*size)
        film = torch.from_numpy(rng.uniform(0, 100, (1, 1, rows, columns)).astype(np.float32))
        got = Upsampler(size, layout, "left", CPU).lines(field).ab(film)
        assert got.shape == (1, 2, rows, columns)
        assert bool(got.isfinite().all())


@pytest.mark.parametrize("parity", [0, 1])
def test_colors_seen_in_a_field_land_where_they_were(parity: int) -> None:
    """A field's rows are half a row above (top) or below (bottom) the middle of the frame's."""
    layout = PixelLayout(8, "420")
    rows = np.arange(parity, 96.0, 2)  # of the frame; three to one row of ab
    ramp = np.broadcast_to(rows.reshape(16, 3).mean(axis=1)[:, None], (16, 16))
    field = AbMap(0, np.stack([ramp, ramp]).astype(np.float32), np.full((48, 48), 50, "f4"))
    lines = Upsampler((96, 96), layout, "left", CPU).lines(field, parity - 0.5)
    chosen = slice(parity, None, 2)
    got = lines.ab(torch.full((1, 1, 24, 48), 50.0), chosen)[0, 0].numpy()
    want = (np.arange(48) * 2 + 0.5)[chosen, None]
    assert np.abs(got - want)[3:-3].max() < 0.02


def test_bands_equal_the_whole() -> None:
    ab, film = photo("coffee")
    lines = Upsampler((256, 384), PixelLayout(8, "444"), "left", CPU).lines(
        field_of(ab, film, (192, 288))
    )
    whole = torch.from_numpy(film)[None, None]
    bands = [
        lines.ab(whole[:, :, top : top + 50], slice(top, top + 50)) for top in range(0, 256, 50)
    ]
    assert torch.equal(torch.cat(bands, dim=2), lines.ab(whole))
