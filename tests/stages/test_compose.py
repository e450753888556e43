"""Luma is handed through; chroma is exact, of the right layout, and neutral where it must be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from filmcolor.color import (
    ChromaTable,
    chroma_to_rgb,
    lightness,
    luma_from_rgb,
    resolve_tags,
    rgb_to_lab,
)
from filmcolor.stages.compose import PictureChroma, chroma_at, compose
from filmcolor.stages.tone import Tone
from filmcolor.types import (
    AbMap,
    Ancillary,
    Box,
    ColorFrame,
    ColorTags,
    FieldAbMaps,
    Frame,
    PixelLayout,
    Siting,
)

CPU = torch.device("cpu")
EIGHT = PixelLayout(8, "420")
TAGS = resolve_tags(ColorTags(), 480)
TABLE = ChromaTable.build(TAGS.matrix, TAGS.primaries)


def field(index: int = 0, a: float = 20.0, b: float = 15.0, level: float = 60.0) -> AbMap:
    ab = np.empty((2, 16, 16), np.float32)
    ab[0], ab[1] = a, b
    return AbMap(index, ab, np.full((64, 64), level, np.float32))


def frame(
    bit_depth: int = 8, *, size: tuple[int, int] = (48, 64), level: int = 128, index: int = 0
) -> Frame:
    kind = np.uint8 if bit_depth == 8 else np.uint16
    luma = np.full(size, level << (bit_depth - 8), kind)
    return Frame(index, 100 + index, luma, duration=7)


def composed(
    pairs: Sequence[tuple[Frame, AbMap | FieldAbMaps]],
    *,
    source: PixelLayout = EIGHT,
    layout: PixelLayout = EIGHT,
    tags: ColorTags = TAGS,
    siting: Siting = "left",
    box: Box | None = None,
    saturation: float = 1.0,
) -> list[ColorFrame]:
    return list(
        compose(
            pairs,
            source_layout=source,
            layout=layout,
            tags=tags,
            siting=siting,
            box=box,
            table=TABLE,
            device=CPU,
            tone_of=lambda shot: Tone(saturation),
        )
    )


def test_what_is_said_beside_a_frame_goes_with_it() -> None:
    said = Ancillary(b"\xfc\x94\x20", 9)
    (made,) = composed([(replace(frame(), ancillary=said), field())])
    assert made.ancillary is said


def test_frames_keep_luma_time_and_order() -> None:
    pairs = [(replace(frame(index=i), shot=i // 3), field(i)) for i in range(7)]
    came = composed(pairs)
    assert [f.index for f in came] == list(range(7))
    assert all(c.luma is p[0].luma for c, p in zip(came, pairs, strict=True))
    assert [(f.pts, f.duration) for f in came] == [(100 + i, 7) for i in range(7)]
    assert [f.key for f in came] == [True, False, False, True, False, False, True]


@pytest.mark.parametrize("source_depth", [8, 10, 12, 16])
@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("chroma", ["420", "422", "444"])
def test_codes_in_every_layout(source_depth: int, depth: int, chroma: str) -> None:
    layout = PixelLayout(depth, chroma)  # type: ignore[arg-type]
    (got,) = composed(
        [(frame(source_depth), field())], source=PixelLayout(source_depth, "400"), layout=layout
    )
    luma = torch.full((1, 1, 1, 1), (128 - 16) / 219)
    cb, cr = TABLE(luma, torch.tensor([20.0, 15.0]).view(1, 2, 1, 1)).flatten().tolist()
    scale = 1 << (depth - 8)
    for plane, value in ((got.cb, cb), (got.cr, cr)):
        assert plane.shape == layout.chroma_size(48, 64)
        assert plane.dtype == layout.dtype
        assert plane.flags.c_contiguous
        want = 224 * scale * value + 128 * scale
        assert np.abs(plane.astype(np.float64) - want).max() <= 0.5 + 0.02 * scale


def test_full_range_codes() -> None:
    tags = replace(TAGS, full_range=True)
    (got,) = composed([(frame(), field())], tags=tags)
    luma = torch.full((1, 1, 1, 1), 128 / 255)
    cb, cr = TABLE(luma, torch.tensor([20.0, 15.0]).view(1, 2, 1, 1)).flatten().tolist()
    assert np.abs(got.cb - (255 * cb + 128)).max() <= 0.52
    assert np.abs(got.cr - (255 * cr + 128)).max() <= 0.52


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (31, 45), (48, 64)])
@pytest.mark.parametrize("chroma", ["420", "422", "444"])
def test_odd_sizes(size: tuple[int, int], chroma: str) -> None:
    layout = PixelLayout(8, chroma)  # type: ignore[arg-type]
    for siting in ("left", "center"):
        (got,) = composed([(frame(size=size), field())], layout=layout, siting=siting)
        assert got.cb.shape == got.cr.shape == layout.chroma_size(*size)
        assert len(np.unique(got.cb)) == len(np.unique(got.cr)) == 1
        assert got.cr[0, 0] > 132


def test_colour_follows_the_guide_where_there_is_one() -> None:
    """What grain the luma has and the guide has not is none of the colour's; it still is the luma
    that the colour is laid over.
    """
    ramp = np.broadcast_to(np.linspace(60, 160, 64), (48, 64))
    grain = np.random.default_rng(0).normal(0, 6, ramp.shape)
    smooth, grainy = (np.rint(codes).astype(np.uint8) for codes in (ramp, ramp + grain))
    light = np.tile(np.linspace(25, 64, 64, dtype=np.float32), (64, 1))
    flat = field()
    colors = replace(flat, ab=flat.ab * (light[::4, ::4] - 42) / 25, lightness=light)

    def shown(luma: NDArray[np.uint8], guide: NDArray[np.uint8] | None) -> NDArray[np.float32]:
        pair = replace(frame(), luma=luma, guide=guide), colors
        (got,) = composed([pair], layout=PixelLayout(12, "444"))
        codes = torch.from_numpy(np.stack([got.cb, got.cr]).astype(np.float32))
        whole = (torch.from_numpy(luma.astype(np.float32)) - 16) / 219
        rgb = chroma_to_rgb(whole[None, None], (codes[None] / 16 - 128) / 224, TAGS.matrix)
        found: NDArray[np.float32] = rgb_to_lab(rgb)[0, 1:].numpy()
        return found

    clean = shown(smooth, None)
    without = np.abs(shown(grainy, None) - clean).mean()
    assert without > 0.2
    assert np.abs(shown(grainy, smooth) - clean).mean() < without / 4


def test_bars_are_exactly_neutral() -> None:
    rng = np.random.default_rng(0)
    source = frame()
    luma = rng.integers(16, 236, source.luma.shape).astype(np.uint8)
    box = Box(8, 4, 40, 60)
    for depth in (8, 10):
        (got,) = composed(
            [(replace(source, luma=luma), field(b=30))], box=box, layout=PixelLayout(depth, "420")
        )
        neutral = 1 << (depth - 1)
        inside = np.zeros(got.cb.shape, bool)
        inside[4:20, 2:30] = True
        for plane in (got.cb, got.cr):
            assert (plane[~inside] == neutral).all()
            assert (plane[inside] != neutral).mean() > 0.9


def test_box_up_to_an_odd_rim() -> None:
    (got,) = composed([(frame(size=(31, 45)), field())], box=Box(4, 0, 31, 45))
    assert (got.cr[:2] == 128).all() and (got.cr[2:] > 132).all()


def test_box_off_the_chroma_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="420 chroma grid"):
        composed([(frame(), field())], box=Box(3, 0, 40, 64))


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("chroma", ["420", "422", "444"])
def test_chroma_of_a_field_comes_from_its_own_luma_alone(bit_depth: int, chroma: str) -> None:
    """Whatever the other field holds; in a whole 4:2:0 frame it would matter."""
    layout = PixelLayout(bit_depth, chroma)  # type: ignore[arg-type]
    rng = np.random.default_rng(2)
    lumas = [rng.integers(40, 200, (50, 64)).astype(layout.dtype) << (bit_depth - 8) for _ in "ab"]
    mixed = lumas[0].copy()
    mixed[1::2] = lumas[1][1::2]
    guide = rng.uniform(20, 80, (64, 64)).astype(np.float32)
    colors = AbMap(0, rng.normal(0, 30, (2, 16, 16)).astype(np.float32), guide)
    made = {}
    for interlaced in (True, False):
        for name, luma in (("first", lumas[0]), ("second", lumas[1]), ("mixed", mixed)):
            one = Frame(0, 0, luma.astype(layout.dtype), interlaced=interlaced)
            (got,) = composed([(one, colors)], source=layout, layout=layout)
            assert got.interlaced is interlaced and got.luma is one.luma
            made[name, interlaced] = np.stack([got.cb, got.cr])
    fields = made["mixed", True]
    assert np.array_equal(fields[:, 0::2], made["first", True][:, 0::2])
    assert np.array_equal(fields[:, 1::2], made["second", True][:, 1::2])
    assert (fields[:, 1::2] != made["first", True][:, 1::2]).mean() > 0.5
    of_whole = (made["mixed", False][:, 0::2] != made["first", False][:, 0::2]).mean()
    assert of_whole > 0.5 if chroma == "420" else of_whole == 0


def test_interlaced_and_whole_frames_in_turn() -> None:
    rng = np.random.default_rng(3)
    luma = rng.integers(40, 200, (48, 64)).astype(np.uint8)
    marks = [True, False, False, True]
    pairs = [(Frame(n, n, luma, interlaced=mark), field(n)) for n, mark in enumerate(marks)]
    came = composed(pairs)
    assert [frame.interlaced for frame in came] == marks
    assert np.array_equal(came[0].cb, came[3].cb) and np.array_equal(came[1].cb, came[2].cb)
    assert not np.array_equal(came[0].cb, came[1].cb)
    for pair, frame in zip(pairs, came, strict=True):
        (alone,) = composed([pair])
        assert np.array_equal(frame.cb, alone.cb) and np.array_equal(frame.cr, alone.cr)


@pytest.mark.parametrize("chroma", ["420", "422", "444"])
def test_each_field_has_its_own_color(chroma: str) -> None:
    layout = PixelLayout(8, chroma)  # type: ignore[arg-type]
    red, blue = field(a=30, b=20), field(a=5, b=-30)
    woven = replace(frame(size=(50, 64)), interlaced=True)
    colors = FieldAbMaps(red, blue)
    (got,) = composed([(woven, colors)], layout=layout)
    (top,) = composed([(woven, red)], layout=layout)
    (bottom,) = composed([(woven, blue)], layout=layout)
    for name in ("cb", "cr"):
        made = getattr(got, name)
        assert np.array_equal(made[0::2], getattr(top, name)[0::2])
        assert np.array_equal(made[1::2], getattr(bottom, name)[1::2])
    (whole,) = composed([(replace(woven, interlaced=False), colors)], layout=layout)
    assert np.array_equal(whole.cb, top.cb) and np.array_equal(whole.cr, top.cr)


def test_box_that_would_swap_the_fields_is_refused() -> None:
    woven = replace(frame(), interlaced=True)
    with pytest.raises(ValueError, match="top field"):
        composed([(woven, field())], box=Box(2, 0, 40, 64))
    (got,) = composed([(woven, field())], box=Box(4, 0, 40, 64))
    assert (got.cr[:2] == 128).all() and (got.cr[2:20] > 132).all()


def test_black_and_white_stay_neutral_and_nothing_is_nan() -> None:
    for level in (0, 16, 235, 255):
        (got,) = composed([(frame(level=level), field(a=90, b=-80))])
        assert (got.cb == 128).all() and (got.cr == 128).all()


def test_saturation() -> None:
    def strength(saturation: float) -> float:
        (got,) = composed([(frame(), field())], saturation=saturation)
        return float(np.hypot(got.cb.astype(float) - 128, got.cr.astype(float) - 128).mean())

    assert strength(0.0) == 0.0
    assert strength(0.5) == pytest.approx(strength(1.0) / 2, abs=0.8)
    assert strength(1.5) > 1.3 * strength(1.0)


def test_codes_beyond_the_depth_do_no_harm() -> None:
    luma = np.full((48, 64), 500, np.uint16)
    luma[:, 32:] = 5000  # a pipe may hold any 16 bits
    ten = PixelLayout(10, "420")
    (got,) = composed([(Frame(0, 0, luma), field())], source=ten, layout=ten)
    assert got.cr[0, 8] > 520
    assert got.cr.max() < 1024


@pytest.mark.parametrize("by_field", [False, True])
def test_bands_are_the_whole(monkeypatch: pytest.MonkeyPatch, *, by_field: bool) -> None:
    luma = np.random.default_rng(4).integers(30, 220, (46, 64)).astype(np.uint8)
    guide = np.random.default_rng(5).integers(30, 220, (46, 64)).astype(np.uint8)
    colors: list[AbMap | FieldAbMaps] = [field(), FieldAbMaps(field(), field(a=-10))]
    pairs = [
        (Frame(index, index, luma, interlaced=by_field, guide=guide), each)
        for index, each in enumerate(colors)
    ]
    whole = composed(pairs)
    monkeypatch.setattr("filmcolor.stages.compose._BAND_SAMPLES", 5 * 32)
    for one, other in zip(whole, composed(pairs), strict=True):
        assert np.abs(one.cb.astype(int) - other.cb).max() <= 1
        assert np.abs(one.cr.astype(int) - other.cr).max() <= 1
        assert np.mean(one.cb != other.cb) < 0.01


def test_a_change_of_size_is_refused() -> None:
    with pytest.raises(ValueError, match="frame 1"):
        composed([(frame(), field()), (frame(size=(50, 64), index=1), field(1))])


def test_frames_come_as_they_are_taken() -> None:
    taken = 0

    def counted() -> Iterator[tuple[Frame, AbMap]]:
        nonlocal taken
        for index in range(5):
            taken += 1
            yield frame(index=index), field(index)

    stage = compose(
        counted(),
        source_layout=PixelLayout(8, "420"),
        layout=PixelLayout(8, "420"),
        tags=TAGS,
        siting="left",
        box=None,
        table=TABLE,
        device=CPU,
    )
    for given, got in enumerate(stage):
        assert got.index == given and taken == given + 1


def coffee() -> tuple[torch.Tensor, NDArray[np.uint8], AbMap]:
    """A photograph as R'G'B' (1, 3, 400, 600), its full-range luma codes, and its true field."""
    rgb = torch.from_numpy(data.coffee().astype(np.float32) / 255).permute(2, 0, 1)[None]
    codes = (luma_from_rgb(rgb) * 255).round()
    pool = torch.nn.functional.avg_pool2d
    ab = pool(rgb_to_lab(rgb)[:, 1:], 8)[0].numpy()
    guide = pool(lightness(codes / 255), 2)[0, 0].numpy()
    return rgb, codes[0, 0].numpy().astype(np.uint8), AbMap(0, ab, guide)


def test_picture_comes_close_to_the_truth_it_was_reduced_from() -> None:
    rgb, luma, colors = coffee()
    cb, cr = chroma_at(colors, luma, bit_depth=8, table=TABLE, device=CPU)
    assert cb.shape == cr.shape == luma.shape
    assert cb.dtype == cr.dtype == np.float32
    chroma = torch.from_numpy(np.stack([cb, cr]))[None]
    made = chroma_to_rgb(torch.from_numpy(luma / np.float32(255))[None, None], chroma)
    assert float((made - rgb).square().mean()) < 10 ** (-32 / 10)
    assert float(made.min()) > -0.03 and float(made.max()) < 1.03


def test_film_and_picture_agree() -> None:
    _, luma, colors = coffee()
    cb, cr = chroma_at(colors, luma, bit_depth=8, table=TABLE, device=CPU, tone=Tone(1.2))
    (got,) = composed(
        [(Frame(0, 0, luma), colors)],
        layout=PixelLayout(8, "444"),
        tags=replace(TAGS, full_range=True),
        saturation=1.2,
    )
    assert np.abs(got.cb - (255 * cb + 128)).max() <= 0.51
    assert np.abs(got.cr - (255 * cr + 128)).max() <= 0.51


def test_sixteen_bit_picture_and_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    _, luma, colors = coffee()
    deep = luma.astype(np.uint16) * 257

    def chroma() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return chroma_at(colors, deep, bit_depth=16, table=TABLE, device=CPU)

    whole = chroma()
    monkeypatch.setattr("filmcolor.stages.compose._BAND_SAMPLES", 7000)
    assert all(np.abs(a - b).max() < 1e-6 for a, b in zip(whole, chroma(), strict=True))
    eight = chroma_at(colors, luma, bit_depth=8, table=TABLE, device=CPU)
    assert all(np.abs(a - b).max() < 1e-4 for a, b in zip(whole, eight, strict=True))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_same_planes_in_order() -> None:
    _, luma, colors = coffee()
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(6):
        moved = np.roll(luma, int(rng.integers(0, 50)), axis=1)
        pairs.append((Frame(index, index, moved), replace(colors, index=index)))
    device = torch.device("cuda")
    came = list(
        compose(
            pairs,
            source_layout=PixelLayout(8, "420"),
            layout=PixelLayout(8, "420"),
            tags=TAGS,
            siting="left",
            box=None,
            table=TABLE.to(device),
            device=device,
        )
    )
    for made, want in zip(came, composed(pairs), strict=True):
        assert made.index == want.index and made.luma is want.luma
        assert np.abs(made.cb.astype(int) - want.cb.astype(int)).max() <= 1
        assert np.abs(made.cr.astype(int) - want.cr.astype(int)).max() <= 1
        assert (made.cb == want.cb).mean() > 0.98


def test_rows_of_a_picture_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(3)
    luma = rng.integers(0, 256, (70, 40), np.uint8)
    ab = rng.uniform(-30, 30, (2, 9, 6)).astype(np.float32)
    colors = AbMap(0, ab, rng.uniform(0, 100, (36, 24)).astype(np.float32))
    cb, cr = chroma_at(colors, luma, bit_depth=8, table=TABLE, device=CPU)
    rows = PictureChroma(colors, luma, bit_depth=8, table=TABLE, device=CPU).planes
    assert rows[0].shape == rows[1].shape == (70, 40)
    for part in (slice(0, 11), slice(11, 64), slice(64, None)):
        assert np.array_equal(rows[0][part], cb[part])
        assert np.array_equal(rows[1][part], cr[part])
