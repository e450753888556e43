"""Whether frames already have colour: real colour, or one tint as of sepia or toned film."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from filmcolor.types import FloatPlane, Frame, Luma, PixelLayout

ColorState = Literal["grey", "tinted", "color"]
"""No colour; one colour for each brightness (sepia, toned, tinted film); real colour."""

_CELL = 8  # side of the squares over which chroma is averaged, in chroma samples
_CELLS_ACROSS = 16  # at least as many squares on the shorter side, before they shrink
_NEUTRAL_CODES = 2.0  # mean distance from neutral, in 8-bit codes, that is still grey
_TINT_CODES = 2.0  # RMS distance from the colour that each brightness has in a tinted picture
_BRIGHTNESS_BINS = 16
_COLOR_SHARE = 0.25  # share of coloured frames that makes a colour film


def has_color(frames: Sequence[Frame], layout: PixelLayout) -> ColorState:
    """Whether sampled frames, decoded with chroma, are grey, tinted in one colour, or in colour.

    Chroma is averaged over small squares, so that grain and compression do not count. A picture
    whose colour depends on nothing but brightness is tinted (sepia, toned or tinted film); a film
    counts as coloured when a quarter of its frames are. Frames without chroma are grey.
    """
    states = [_color_state(frame, layout) for frame in frames]
    if sum(state == "color" for state in states) > _COLOR_SHARE * len(states):
        return "color"
    return "tinted" if sum(state != "grey" for state in states) * 2 > len(states) else "grey"


def _color_state(frame: Frame, layout: PixelLayout) -> ColorState:
    if frame.chroma is None or layout.chroma == "400":
        return "grey"
    down, across = layout.subsampling
    side = max(1, min(_CELL, min(frame.chroma[0].shape) // _CELLS_ACROSS))
    luma = _cells(frame.luma, side * down, side * across, layout)
    cb, cr = (_cells(plane, side, side, layout) - 128.0 for plane in frame.chroma)
    rows, columns = (min(sizes) for sizes in zip(luma.shape, cb.shape, strict=True))
    luma, cb, cr = (plane[:rows, :columns].ravel() for plane in (luma, cb, cr))
    bins = np.clip(luma * _BRIGHTNESS_BINS / 256, 0, _BRIGHTNESS_BINS - 1).astype(np.intp)
    apart = np.hypot(cb - _bin_means(cb, bins), cr - _bin_means(cr, bins))
    if float(np.sqrt(np.mean(np.square(apart)))) > _TINT_CODES:
        return "color"
    return "tinted" if float(np.mean(np.hypot(cb, cr))) > _NEUTRAL_CODES else "grey"


def _cells(plane: Luma, height: int, width: int, layout: PixelLayout) -> FloatPlane:
    """Means over cells of this size, in 8-bit codes; a small plane is its own cells."""
    codes = plane.astype(np.float32) / (1 << (layout.bit_depth - 8))
    rows, columns = codes.shape[0] // height, codes.shape[1] // width
    if rows == 0 or columns == 0:
        return np.full((1, 1), codes.mean(), np.float32)
    whole = codes[: rows * height, : columns * width]
    means: FloatPlane = whole.reshape(rows, height, columns, width).mean(
        axis=(1, 3), dtype=np.float32
    )
    return means


def _bin_means(values: FloatPlane, bins: np.typing.NDArray[np.intp]) -> FloatPlane:
    """For every value, the mean of the values in its brightness bin."""
    counts = np.maximum(np.bincount(bins, minlength=_BRIGHTNESS_BINS), 1)
    sums = np.bincount(bins, weights=values, minlength=_BRIGHTNESS_BINS)
    means: FloatPlane = (sums / counts)[bins].astype(np.float32)
    return means
