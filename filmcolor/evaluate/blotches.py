"""Blotches: things that have one colour in truth and several in the result.

Where the truth is evenly coloured is found once for a picture, as segments of it: places connected
without an edge, whose ab lies close to a straight line over lightness (a shaded wall keeps its
paint). A segment is *blotched* when the result's ab, seen in the same way, spreads by more than the
eye lets pass and by more than the truth's own. A result that is blotched less because it is paler
is no better: read this beside the colourfulness. It must not know files, models or training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.types import FloatPlane

LEAST_AREA = 0.015
"""Share of the picture that a segment covers at least."""
EVEN_SPREAD = 3.5
"""Lab units: the truth's ab spreads by less than this in an even segment."""
BLOTCHED_SPREAD = 5.0
"""Lab units: the result's ab spreads by more than this in a blotched segment..."""
BLOTCHED_FACTOR = 2.0
"""... and by more than so many times the truth's."""

_REACH, _RANGE = 8, 10
"""Mean shift: radius in px, and in Lab units."""
_STEPS = ((6, 3, 3), (4, 2, 2), (3, 1, 1))
"""Lab units between neighbours of one segment at most, after mean shift: first in the coarse, then
in what was too uneven to be one segment.
"""
_SEEDS = 4
"""Px between the places where a segment is looked for."""
_RIM = np.ones((3, 3), np.uint8)
_OLD, _NEW = 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A place of one colour in truth."""

    inside: NDArray[np.int64]
    """(n,): indices of its pixels in the picture, row by row, without the rim."""
    lightness: FloatPlane
    """(n,): the truth's there."""
    area: float
    """Share of the picture."""
    spread: float
    """The truth's own, Lab units."""


@dataclass(frozen=True, slots=True)
class BlotchedArea:
    """Areas of one picture, shares of it."""

    even: float
    """What is evenly coloured in truth."""
    blotched: float
    """The part of it that the result colours unevenly."""


def even_segments(lab: FloatPlane) -> list[Segment]:
    """The evenly coloured segments of a true picture, Lab (3, H, W), in the order of their places.

    Edges are those that mean shift leaves (Comaniciu and Meer 2002, "Mean Shift: A Robust Approach
    Toward Feature Space Analysis").
    """
    found: list[Segment] = []
    smooth = _smoothed(lab)
    taken = np.zeros(smooth.shape[:2], np.uint8)
    for steps in _STEPS:
        for mask in _connected(smooth, taken, steps):
            inside = np.flatnonzero(cv2.erode(mask, _RIM, borderValue=1))
            if not len(inside):
                continue
            light, *ab = lab.reshape(3, -1)[:, inside]
            own = spread(np.stack(ab), light)
            if own < EVEN_SPREAD:
                found.append(Segment(inside, light, float(mask.mean()), own))
                taken |= mask
    return found


def blotched_area(ab: FloatPlane, segments: Sequence[Segment]) -> BlotchedArea:
    """How much of the true segments is blotched in a result, ab (2, H, W)."""
    flat = ab.reshape(2, -1)
    bounds = [max(BLOTCHED_SPREAD, BLOTCHED_FACTOR * segment.spread) for segment in segments]
    blotched = [
        segment.area
        for segment, bound in zip(segments, bounds, strict=True)
        if spread(flat[:, segment.inside], segment.lightness) > bound
    ]
    return BlotchedArea(sum(segment.area for segment in segments), sum(blotched))


def spread(ab: FloatPlane, light: FloatPlane) -> float:
    """Root mean square distance of ab (2, n) from its straight line over lightness (n,)."""
    x = light.astype(np.float64) - light.mean(dtype=np.float64)
    y = ab.astype(np.float64) - ab.mean(axis=1, keepdims=True, dtype=np.float64)
    variance = np.square(x).mean()
    slope = (y @ x / len(x) / variance if variance > 1e-6 else np.zeros(2))[:, None]
    return float(np.sqrt(np.square(y - slope * x).mean(axis=1).sum()))


def _smoothed(lab: FloatPlane) -> NDArray[np.uint8]:
    """Lab (3, H, W) in whole units, ab + 128, (H, W, 3), with flat parts between the edges."""
    codes = np.stack([lab[0], lab[1] + 128, lab[2] + 128], axis=-1)
    codes = np.ascontiguousarray(codes.round().clip(0, 255).astype(np.uint8))
    return np.asarray(cv2.pyrMeanShiftFiltering(codes, _REACH, _RANGE, maxLevel=1), np.uint8)


def _connected(
    smooth: NDArray[np.uint8], taken: NDArray[np.uint8], steps: tuple[int, int, int]
) -> list[NDArray[np.uint8]]:
    """Masks (H, W), 0 or 1, of the large places outside `taken` without an edge in them."""
    height, width = smooth.shape[:2]
    seen = np.pad(taken, 1)
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | _NEW << 8
    masks = []
    for row in range(0, height, _SEEDS):
        for column in range(0, width, _SEEDS):
            if seen[row + 1, column + 1]:
                continue
            area, _, _, (left, top, across, down) = cv2.floodFill(
                smooth, seen, (column, row), 0, steps, steps, flags
            )
            box = seen[top + 1 : top + 1 + down, left + 1 : left + 1 + across]
            new = box == _NEW
            box[new] = _OLD
            if area >= LEAST_AREA * height * width:
                mask = np.zeros((height, width), np.uint8)
                mask[top : top + down, left : left + across] = new
                masks.append(mask)
    return masks
