"""From NumPy planes to the frames that FFmpeg encodes, without a conversion in between.

Copies codes into the planes of an `av.VideoFrame`: planar formats, and the semi-planar and
high-aligned ones that NVENC takes. Codes only change where source and target depth differ.
"""

from __future__ import annotations

from functools import cache
from typing import cast

import av
import numpy as np

from filmcolor.types import Luma, PixelLayout

# Cb and Cr side by side in one plane, codes in the upper bits: how far up.
_SEMI_PLANAR = {"p010le": 6}
# Planar, codes of fewer bits in the upper ones of 16.
_HIGH_ALIGNED = {"yuv444p16le"}


@cache
def depth_table(source_bits: int, target_bits: int, *, full_range: bool) -> Luma:
    """Code of every `source_bits` code at `target_bits`, shape (2^source_bits,).

    Limited range scales by a power of two, full range by (2^m - 1) / (2^n - 1), both rounded to the
    nearest code (ITU-T H.273, 8.3). Going up and down again gives the same codes.
    """
    codes = np.arange(1 << source_bits, dtype=np.int64)
    if full_range:
        top, base = (1 << target_bits) - 1, (1 << source_bits) - 1
        scaled = (2 * codes * top + base) // (2 * base)
    elif target_bits >= source_bits:
        scaled = codes << (target_bits - source_bits)
    else:
        drop = source_bits - target_bits
        scaled = np.minimum((codes + (1 << (drop - 1))) >> drop, (1 << target_bits) - 1)
    return scaled.astype(np.uint8) if target_bits == 8 else scaled.astype(np.uint16)


def convert_depth(luma: Luma, source_bits: int, target_bits: int, *, full_range: bool) -> Luma:
    """`luma` at `target_bits`; the same array when the depths are equal."""
    if source_bits == target_bits:
        return luma
    table = depth_table(source_bits, target_bits, full_range=full_range)
    return cast("Luma", np.take(table, luma, mode="clip"))


def pack_frame(
    y: Luma, cb: Luma, cr: Luma, layout: PixelLayout, pixel_format: str
) -> av.VideoFrame:
    """Frame in `pixel_format` with these codes.

    Shapes: `y` (H, W), `cb` and `cr` the size that `layout.chroma_size(H, W)` states; codes at
    `layout.bit_depth`, in `layout.dtype`. Raises `ValueError` for any other shape or type.
    """
    height, width = y.shape
    expected = layout.chroma_size(height, width)
    for name, plane, shape in (
        ("y", y, (height, width)),
        ("cb", cb, expected),
        ("cr", cr, expected),
    ):
        if plane.shape != shape or plane.dtype != layout.dtype:
            raise ValueError(
                f"{name}: expected {np.dtype(layout.dtype)} of shape {shape}, "
                f"got {plane.dtype} of shape {plane.shape}"
            )
    frame = av.VideoFrame(width, height, pixel_format)
    if pixel_format in _SEMI_PLANAR:
        shift = _SEMI_PLANAR[pixel_format]
        pairs = np.stack((cb, cr), axis=-1).reshape(expected[0], -1)
        _fill(frame, 0, y, shift)
        _fill(frame, 1, cast("Luma", pairs), shift)
        return frame
    shift = 16 - layout.bit_depth if pixel_format in _HIGH_ALIGNED else 0
    for number, codes in enumerate((y, cb, cr)):
        _fill(frame, number, codes, shift)
    return frame


def _fill(frame: av.VideoFrame, number: int, codes: Luma, shift: int) -> None:
    """Copy `codes`, moved up by `shift` bits, into a plane, row by row of its own line size."""
    little = np.dtype(codes.dtype).newbyteorder("<")
    rows = np.frombuffer(memoryview(frame.planes[number]), dtype=little)
    plane = rows.reshape(codes.shape[0], -1)[:, : codes.shape[1]]
    if shift:
        np.left_shift(codes, shift, out=plane)
    else:
        plane[:] = codes
