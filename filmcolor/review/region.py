"""What lies under a click: the place itself as far as a colour would reach from there, or all
places of the picture that look like it; as an outline and as points for a stroke.

It knows a frame's lightness and what the network sees of it, and nothing of requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.guide.geometry import Screen
from filmcolor.guide.spread import spread
from filmcolor.options import Stroke
from filmcolor.types import FloatPlane

Mask = NDArray[np.bool_]
Outline = list[list[list[int]]]
"""Closed lines of [x, y], px of the displayed film."""

_MOST_POINTS = 40
"""Of a stroke over places that look alike."""
_ALIKE = -1.0
"""Nats, as of `Places.likeness`: places that are less alike are others."""
_FEATURE_SCALE = 0.4
_LIGHTNESS_SIGMA = 9.0
"""L*: narrower than where colours are pooled, for people see what they click."""
_INSIDE = 0.5
_LEAST_SHARE = 2e-4
"""Of the picture: smaller parts are not outlined."""


@dataclass(frozen=True, slots=True)
class Region:
    """What would be coloured."""

    points: tuple[tuple[float, float], ...]
    """Of the stroke, px of the displayed film."""
    mask: Mask
    """On the grid of the ab field, as the frame is stored."""


def region_at(
    screen: Screen, point: tuple[float, float], lightness: FloatPlane, features: FloatPlane | None
) -> Region:
    """The region at a point: with `features` (F, h, w), each place's of length 1 on a coarser grid,
    all that looks alike; `lightness` (h, w), L*, is that of the grid. Both as the frame is stored.
    Raises `ValueError` for a point outside of the picture.
    """
    seed = screen.seeds(Stroke(Fraction(0), "#808080", points=(point,)))
    if features is None:
        return Region((point,), reached(np.stack([seed]), lightness))
    alike = _alike(seed, lightness, features)
    seeds = np.stack([seed, *(_only(place, seed.shape) for place in _spread_over(alike, seed))])
    mask = reached(np.stack([seeds.any(axis=0)]), lightness)
    places = [_center(screen, place) for place in seeds[1:]]
    return Region((point, *places), mask)


def reached(seeds: Mask, lightness: FloatPlane) -> Mask:
    """The places that colours reach from seeds (n, h, w)."""
    _, reach = spread(seeds, np.zeros((len(seeds), 2), np.float32), lightness)
    return reach >= _INSIDE


def _alike(seed: Mask, lightness: FloatPlane, features: FloatPlane) -> Mask:
    height, width = lightness.shape
    planes = np.stack([cv2.resize(plane, (width, height)) for plane in features])
    large = planes / (np.linalg.norm(planes, axis=0) + 1e-6)
    row, column = np.argwhere(seed)[0]
    cosine = np.tensordot(large[:, row, column], large, axes=1)
    far = (lightness - lightness[row, column]) / _LIGHTNESS_SIGMA
    found: Mask = (cosine - 1) / _FEATURE_SCALE - far**2 / 2 > _ALIKE
    return found


def _spread_over(alike: Mask, seed: Mask) -> list[tuple[int, int]]:
    """At most `_MOST_POINTS` places, evenly over all that are alike."""
    opened = cv2.morphologyEx(alike.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    step = 2
    while True:
        rows, columns = np.nonzero(opened)
        keep = (rows % step == step // 2) & (columns % step == step // 2)
        if keep.sum() <= _MOST_POINTS:
            break
        step += 1
    places = zip(rows[keep].tolist(), columns[keep].tolist(), strict=True)
    return [(row, column) for row, column in places if not seed[row, column]]


def _only(place: tuple[int, int], shape: tuple[int, ...]) -> Mask:
    found = np.zeros(shape, np.bool_)
    found[place] = True
    return found


def _center(screen: Screen, mask: Mask) -> tuple[float, float]:
    """The middle of a place, px of the displayed film."""
    shown = displayed(screen, mask)
    rows, columns = np.nonzero(shown)
    return float(int(columns.mean())), float(int(rows.mean()))


def displayed(screen: Screen, mask: Mask) -> NDArray[np.uint8]:
    """A mask of the grid as the film is displayed: 0 or 1 at each px."""
    box, (height, width) = screen.box, screen.stored
    stored = np.zeros((height, width), np.float32)
    inside = cv2.resize(mask.astype(np.float32), box.size[::-1], interpolation=cv2.INTER_LINEAR)
    stored[box.top : box.bottom, box.left : box.right] = inside
    turned = np.ascontiguousarray(np.rot90(stored, screen.turns))
    shown = cv2.resize(turned, screen.displayed[::-1], interpolation=cv2.INTER_LINEAR)
    if not (shown >= _INSIDE).any():
        return np.asarray(shown >= shown.max(), np.uint8)
    return np.asarray(shown >= _INSIDE, np.uint8)


def outline(shown: NDArray[np.uint8]) -> Outline:
    """The lines around a mask of the displayed film."""
    smooth = cv2.medianBlur(shown, 2 * round(max(shown.shape) / 128) + 1)
    even = smooth if smooth.any() else shown
    lines, _ = cv2.findContours(even, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for line in lines:
        points = cv2.approxPolyDP(line, 1.0, closed=True)[:, 0]
        if len(points) > 2 and cv2.contourArea(line) >= _LEAST_SHARE * shown.size:
            found.append([[int(x), int(y)] for x, y in points])
    return found or [[[int(x), int(y)] for x, y in line[:, 0]] for line in lines]
