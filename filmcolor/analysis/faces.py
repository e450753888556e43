"""Frontal faces in the luma of a picture.

A boosted cascade over multi-scale block local binary patterns (Viola and Jones 2001, "Rapid Object
Detection Using a Boosted Cascade of Simple Features"; Liao et al. 2007, "Learning Multi-scale Block
Local Binary Patterns for Face Recognition"). The cascade is OpenCV's `lbpcascade_frontalface`
(Apache License 2.0), which packages of OpenCV 5 neither bring nor run. It takes things for faces
that are none; who wants to be sure asks for their colour too. It must not know colour or files of
films.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.types import Box

_SIDE = 24
"""Px: the window of the cascade, and the smallest face that is found."""
_SHRINK = 1.2
"""From one size of faces to the next."""
_STEP = 2
"""Px from one window to the next."""
_LEAST_ALIKE = 2
"""So many windows that overlap make a face."""
_OVERLAP = 0.3
"""Share of the union that two windows of one face have in common."""
_NEIGHBORS = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
"""Blocks around the middle one (row, column), the highest bit first."""


@dataclass(frozen=True, slots=True, eq=False)
class _Cascade:
    blocks: NDArray[np.int64]
    """(F, 4): left, top, width and height of the first of 3 x 3 blocks, px."""
    feature: NDArray[np.int64]
    """(W,): which of them each weak classifier looks at."""
    is_low: NDArray[np.bool_]
    """(W, 256): whether a pattern gets the first of its votes."""
    votes: NDArray[np.float32]
    """(W, 2)."""
    stops: NDArray[np.int64]
    """(S,): number of the weak classifier at which each stage ends."""
    least: NDArray[np.float32]
    """(S,): votes by which a window passes a stage."""


@lru_cache(maxsize=1)
def _cascade() -> _Cascade:
    with (files("filmcolor.analysis") / "frontal_face.npz").open("rb") as stored:
        parts = np.load(stored)
        low = np.unpackbits(parts["low"], axis=1, bitorder="little").astype(bool)
        return _Cascade(
            parts["blocks"].astype(np.int64),
            parts["feature"].astype(np.int64),
            low,
            parts["votes"],
            parts["stops"].astype(np.int64),
            parts["least"],
        )


def find_faces(luma: NDArray[np.uint8]) -> list[Box]:
    """Where faces are in 8-bit luma (H, W), the largest first; only of `_SIDE` px and more."""
    found: list[tuple[float, float, float]] = []
    scale = 1.0
    while min(luma.shape) / scale >= _SIDE:
        size = (round(luma.shape[1] / scale), round(luma.shape[0] / scale))
        small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
        if min(small.shape) >= _SIDE:
            rows, columns = _windows(np.asarray(small, np.uint8), _cascade())
            found += [
                (x * scale, y * scale, _SIDE * scale) for y, x in zip(rows, columns, strict=True)
            ]
        scale *= _SHRINK
    return _grouped(found, luma.shape)


def _windows(
    small: NDArray[np.uint8], cascade: _Cascade
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the windows that pass every stage."""
    sums = cv2.integral(small).astype(np.int64)
    width = sums.shape[1]
    tops, lefts = np.meshgrid(
        np.arange(0, small.shape[0] - _SIDE + 1, _STEP),
        np.arange(0, small.shape[1] - _SIDE + 1, _STEP),
        indexing="ij",
    )
    at = (tops * width + lefts).ravel()
    flat, start = sums.ravel(), 0
    for stop, least in zip(cascade.stops, cascade.least, strict=True):
        score = np.zeros(len(at), np.float32)
        for weak in range(start, stop):
            pattern = _patterns(flat, at, width, cascade.blocks[cascade.feature[weak]])
            low, high = cascade.votes[weak]
            score += np.where(cascade.is_low[weak][pattern], low, high)
        at, start = at[score >= least], stop
    return at // width, at % width


def _patterns(
    sums: NDArray[np.int64], at: NDArray[np.int64], width: int, block: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The 8-bit pattern of 3 x 3 blocks in each window: which are no darker than the middle."""
    left, top, across, down = block
    corner = {
        (row, column): sums[at + (top + row * down) * width + left + column * across]
        for row in range(4)
        for column in range(4)
    }

    def block_sum(row: int, column: int) -> NDArray[np.int64]:
        total: NDArray[np.int64] = corner[row, column] + corner[row + 1, column + 1]
        total -= corner[row, column + 1] + corner[row + 1, column]
        return total

    middle, pattern = block_sum(1, 1), np.zeros(len(at), np.int64)
    for row, column in _NEIGHBORS:
        pattern = pattern * 2 + (block_sum(row, column) >= middle)
    return pattern


def _grouped(found: list[tuple[float, float, float]], shape: tuple[int, ...]) -> list[Box]:
    """One box for windows that overlap, where these are enough."""
    groups: list[list[tuple[float, float, float]]] = []
    for window in sorted(found, key=lambda each: -each[2]):
        near = next((group for group in groups if _overlap(group[0], window) > _OVERLAP), None)
        if near is None:
            groups.append([window])
        else:
            near.append(window)
    boxes = []
    for group in groups:
        if len(group) >= _LEAST_ALIKE:
            left, top, side = np.mean(group, axis=0)
            right, bottom = min(shape[1], round(left + side)), min(shape[0], round(top + side))
            boxes.append(Box(top=round(top), left=round(left), bottom=bottom, right=right))
    return boxes


def _overlap(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Intersection over union of two squares (left, top, side)."""
    across, down = (
        max(0.0, min(one[n] + one[2], other[n] + other[2]) - max(one[n], other[n])) for n in (0, 1)
    )
    both = across * down
    return both / (one[2] ** 2 + other[2] ** 2 - both)
