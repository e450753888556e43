"""From strokes to the things they touch: how far a colour reaches in one frame.

A colour spreads from its stroke over places of like lightness and stops at edges: the geodesic
distance over lightness, as in Bai and Sapiro, "A Geodesic Framework for Fast Interactive Image and
Video Segmentation and Matting" (ICCV 2007); near strokes of several colours they are blended.
It knows neither films nor networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.types import FloatPlane

_Part = tuple[slice, slice]

_FAR = np.float32(1e6)


@dataclass(frozen=True, slots=True)
class SpreadSettings:
    """How far a stroke reaches; the values were measured, see docs/experiments.md."""

    step: float = 0.05  # distance of two neighbouring places of one lightness
    lightness: float = 6.0  # L*: a difference that is as far as 1
    texture: float = 10.0  # L*: smaller differences are evened out first, within two places
    reach: float = 1.4  # distance at which a colour counts for half
    sharpness: float = 8.0  # how suddenly it ends there
    doubt: float = 3.0  # distance that a place stands for that was not found again at all
    fading: float = 3.0  # distance at which a value from elsewhere is believed by 1 / e
    blending: float = 0.5  # distance by which another stroke is farther when it counts for 1 / e


def geodesic_distance(
    seeds: NDArray[np.bool_], lightness: FloatPlane, settings: SpreadSettings
) -> FloatPlane:
    """Shortest way from each of n sets of places, (n, h, w), over lightness (h, w), L*."""
    found = np.where(seeds, np.float32(0), _FAR)
    steps = _steps(lightness, settings)
    for _ in range(found.shape[1] * found.shape[2]):
        before = found.copy()
        for start, end, cost in steps:
            ahead = found[(slice(None), *end)]
            np.minimum(ahead, found[(slice(None), *start)] + cost, out=ahead)
        if np.array_equal(before, found):
            break
    return found


def _steps(
    lightness: FloatPlane, settings: SpreadSettings
) -> list[tuple[_Part, _Part, FloatPlane]]:
    """From every place to its eight neighbours: those it goes from, those it leads to, how far."""
    scaled = lightness / np.float32(settings.lightness)
    steps = []
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        there, here = _overlap(down, across), _overlap(-down, -across)
        cost = np.abs(scaled[there] - scaled[here])
        cost += np.float32(settings.step * np.hypot(down, across))
        steps += [(here, there, cost), (there, here, cost)]
    return steps


def _overlap(down: int, across: int) -> _Part:
    """The places that have a neighbour so many rows up and columns to the left."""
    rows = slice(down, None) if down >= 0 else slice(None, down)
    columns = slice(across, None) if across >= 0 else slice(None, across)
    return rows, columns


def spread(
    seeds: NDArray[np.bool_],
    colors: FloatPlane,
    lightness: FloatPlane,
    settings: SpreadSettings | None = None,
) -> tuple[FloatPlane, FloatPlane]:
    """What n strokes say of a frame: ab (2, h, w), and how far they reach, (h, w) 0..1.

    `seeds` (n, h, w) are the places of each stroke, none of them empty, `colors` (n, 2) their ab,
    `lightness` (h, w) is L* of the frame. A stroke's own places have its colour for certain.
    """
    settings = settings or SpreadSettings()
    distance = geodesic_distance(seeds, _evened(lightness, settings), settings)
    nearest = distance.min(axis=0)
    reach = 1.0 / (1.0 + (nearest / settings.reach) ** settings.sharpness)
    reach = cv2.medianBlur(reach.astype(np.float32), 3)  # no lone holes
    weights = np.exp((nearest - distance) / settings.blending) / (distance + 2 * settings.step)
    weights /= weights.sum(axis=0)
    ab = np.einsum("nhw,nc->chw", weights, colors)
    touched = seeds.any(axis=0)
    return ab.astype(np.float32), np.where(touched, np.float32(1), reach).astype(np.float32)


def fill(
    values: FloatPlane,
    found: FloatPlane,
    lightness: FloatPlane,
    settings: SpreadSettings | None = None,
) -> tuple[FloatPlane, FloatPlane]:
    """Values (h, w, channels) of places that were not `found` (h, w; 1 found, 0 not) from the
    nearest ones that were, on the way of least change of lightness (h, w), L*.

    Returns all values, and how far each is to be believed, (h, w) 0..1.
    """
    settings = settings or SpreadSettings()
    distance = settings.doubt * (1 - found)
    values = values.copy()
    steps = _steps(_evened(lightness, settings), settings)
    for _ in range(values.shape[0] + values.shape[1]):
        changed = False
        for start, end, cost in steps:
            reached = distance[start] + cost
            nearer = reached < distance[end]
            if nearer.any():
                changed = True
                distance[end][nearer] = reached[nearer]
                values[end][nearer] = values[start][nearer]
        if not changed:
            break
    return values, np.exp(-np.square(distance / np.float32(settings.fading)))


def _evened(lightness: FloatPlane, settings: SpreadSettings) -> FloatPlane:
    even = cv2.bilateralFilter(lightness, 5, settings.texture, 2.5)
    return even.astype(np.float32, copy=False)
