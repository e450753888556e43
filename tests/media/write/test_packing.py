"""Planes into frames, and codes from one depth to another."""

from __future__ import annotations

import av
import numpy as np
import pytest

from filmcolor.media.write.encoders import ENCODERS
from filmcolor.media.write.packing import convert_depth, depth_table, pack_frame
from filmcolor.types import Luma, PixelLayout
from tests.helpers.clips import plane_codes

EVERY_FORMAT = sorted(
    {
        (name, layout.bit_depth, layout.chroma)
        for encoder in ENCODERS.values()
        for layout, name in encoder.formats.items()
    }
)


def planes(layout: PixelLayout, height: int, width: int) -> tuple[Luma, Luma, Luma]:
    rng = np.random.default_rng(5)
    top = 1 << layout.bit_depth
    small = layout.chroma_size(height, width)
    y, cb, cr = (
        rng.integers(0, top, shape).astype(layout.dtype)
        for shape in ((height, width), small, small)
    )
    return y, cb, cr


@pytest.mark.parametrize(("name", "depth", "chroma"), EVERY_FORMAT)
@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63)])
def test_codes_arrive_as_they_are(
    name: str, depth: int, chroma: str, height: int, width: int
) -> None:
    layout = PixelLayout(depth, chroma)  # type: ignore[arg-type]
    y, cb, cr = planes(layout, height, width)
    frame = pack_frame(y, cb, cr, layout, name)
    planar = f"yuv{chroma}p" + ("" if depth == 8 else f"{depth}le")
    if name != planar:  # semi-planar or high-aligned: FFmpeg itself takes it apart
        frame = frame.reformat(format=planar)
    for number, codes in enumerate((y, cb, cr)):
        np.testing.assert_array_equal(plane_codes(frame, number), codes)


def test_views_and_strided_arrays_are_taken() -> None:
    layout = PixelLayout(8, "420")
    y, cb, cr = planes(layout, 48, 64)
    frame = pack_frame(y[::-1], cb[:, ::-1], cr[::-1, ::-1], layout, "yuv420p")
    np.testing.assert_array_equal(plane_codes(frame, 0), y[::-1])
    np.testing.assert_array_equal(plane_codes(frame, 2), cr[::-1, ::-1])


def test_wrong_shapes_and_types_say_what_they_got() -> None:
    layout = PixelLayout(10, "420")
    y, cb, cr = planes(layout, 48, 64)
    with pytest.raises(ValueError, match=r"cb: expected uint16 of shape \(24, 32\), got .*\(48"):
        pack_frame(y, y, cr, layout, "yuv420p10le")
    with pytest.raises(ValueError, match=r"cr: expected uint16 .* got uint8"):
        pack_frame(y, cb, cr.astype(np.uint8), layout, "yuv420p10le")


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(("low", "high"), [(8, 10), (8, 12), (8, 16), (10, 12), (12, 16)])
def test_up_and_down_again_is_nothing_lost(low: int, high: int, full_range: bool) -> None:
    up = depth_table(low, high, full_range=full_range)
    codes = np.arange(1 << low)
    down = convert_depth(up, high, low, full_range=full_range)
    np.testing.assert_array_equal(down, codes)


def test_black_and_white_go_to_black_and_white() -> None:
    limited, full = (depth_table(8, 10, full_range=full) for full in (False, True))
    assert (limited[16], limited[235]) == (64, 940)
    assert (full[0], full[255], full[128]) == (0, 1023, 514)
    assert depth_table(10, 8, full_range=False)[1023] == 255


def test_equal_depths_share_the_array() -> None:
    y, _, _ = planes(PixelLayout(8, "420"), 8, 8)
    assert convert_depth(y, 8, 8, full_range=True) is y
    assert isinstance(pack_frame(y, y, y, PixelLayout(8, "444"), "yuv444p"), av.VideoFrame)
