"""R'G'B' and luma, both ways (ITU-T H.273, 8.3): what frames of films that hold R'G'B' are made of.

Arithmetic on planes; it knows no pixel format and no file.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from filmcolor.types import BT601, SD_LINES, UNTAGGED_MATRICES, ColorTags, FloatPlane, Luma

_BT601_WEIGHTS = (0.299, 0.114)
_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
_TOO_FAR = 0.46
"""Codes: from here on luma might be rounded to another one."""


def luma_weights(matrix: int) -> tuple[float, float]:
    """Weights of red and blue in luma by H.273 matrix code; those that say nothing are BT.601."""
    return _WEIGHTS.get(matrix, _BT601_WEIGHTS)


def settled_matrix(tags: ColorTags, height: int) -> int:
    """The matrix of a film of so many rows, one that is not stated as players take it."""
    if tags.matrix in UNTAGGED_MATRICES:
        return BT601 if height <= SD_LINES else 1
    return tags.matrix


def luma_of_rgb(red: Luma, green: Luma, blue: Luma, matrix: int) -> FloatPlane:
    """Full-range luma, not rounded, of codes (H, W); where all are equal it is that code."""
    of_red, of_blue = luma_weights(matrix)
    red_, green_, blue_ = (part.astype(np.float32) for part in (red, green, blue))
    luma: FloatPlane = of_red * red_ + (1 - of_red - of_blue) * green_ + of_blue * blue_
    return luma


def full_range_table(depth: int, bits: int, *, full_range: bool) -> NDArray[np.float64]:
    """Where each code of `depth` bits lies among full-range codes of `bits` bits, shape (2^depth,).

    What is below black or above white is black or white. Unless there are more bits, they are whole
    numbers, the nearest code, for then luma has to be one.
    """
    codes = np.arange(1 << depth, dtype=np.float64)
    if not full_range:
        codes = np.clip((codes / (1 << (depth - 8)) - 16) / 219, 0, 1) * ((1 << depth) - 1)
    placed = codes * (((1 << bits) - 1) / ((1 << depth) - 1))
    return np.rint(placed) if bits <= depth else placed


def rgb_of_planes(
    luma: Luma,
    chroma: tuple[Luma, Luma],
    table: NDArray[np.float64],
    *,
    full_range: bool,
    matrix: int,
    bits: int,
) -> Luma:
    """R'G'B' codes (H, W, 3) of `bits` bits, of luma codes and of (Cb, Cr) of 16 bits, each (H, W).

    `table` is `full_range_table` of the luma; `full_range` is that of the chroma. Read by
    `luma_of_rgb` and rounded, the luma is what it was: its codes of up to `bits` bits come back.
    """
    peak = (1 << bits) - 1
    of_red, of_blue = luma_weights(matrix)
    of_green = 1 - of_red - of_blue
    grey = table.astype(np.float32)[luma]
    cb, cr = _chroma(chroma, full_range=full_range, bits=bits)
    to_red, to_blue = 2 * (1 - of_red), 2 * (1 - of_blue)
    red, blue = grey + to_red * cr, grey + to_blue * cb
    green = grey - (of_red * to_red / of_green) * cr - (of_blue * to_blue / of_green) * cb
    dtype = np.uint8 if bits <= 8 else np.uint16
    rgb = np.empty((*luma.shape, 3), dtype)
    for index, channel in enumerate((red, green, blue)):
        np.clip(channel, 0, peak, out=channel)
        rgb[..., index] = np.rint(channel, out=channel)
    if not np.array_equal(table, np.rint(table)):
        return cast("Luma", rgb)
    # Rounding moves luma by less than half a code, single precision by a little more.
    found = luma_of_rgb(rgb[..., 0], rgb[..., 1], rgb[..., 2], matrix) - grey
    off = np.abs(found) > _TOO_FAR
    if off.any():
        moved = rgb[..., 1][off] - np.sign(found[off]).astype(np.int32)
        rgb[..., 1][off] = np.clip(moved, 0, peak)
    return cast("Luma", rgb)


def matte_of_planes(chroma: tuple[Luma, Luma], *, full_range: bool, bits: int) -> Luma:
    """Codes (H, W, 3) of `bits` bits, of (Cb, Cr) of 16 bits, each (H, W), as H.273's identity
    matrix lays them out: red is Cr, blue is Cb, both full-range, and green, luma's place, the code
    in the middle, which is neutral. `full_range` is that of the chroma.
    """
    half, peak = 1 << (bits - 1), (1 << bits) - 1
    cb, cr = _chroma(chroma, full_range=full_range, bits=bits)
    matte = np.full((*cb.shape, 3), half, np.uint8 if bits <= 8 else np.uint16)
    for index, plane in ((0, cr), (2, cb)):
        matte[..., index] = np.rint(np.clip(plane + half, 0, peak))
    return cast("Luma", matte)


def _chroma(
    chroma: tuple[Luma, Luma], *, full_range: bool, bits: int
) -> tuple[FloatPlane, FloatPlane]:
    """(Cb, Cr) of 16 bits as how far they are from neutral, in full-range codes of `bits` bits."""
    scale = np.float32(((1 << bits) - 1) / (65535.0 if full_range else 224.0 * 256))
    cb, cr = ((plane.astype(np.float32) - 32768) * scale for plane in chroma)
    return cb, cr
