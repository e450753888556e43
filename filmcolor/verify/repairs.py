"""Luma of a film that was restored on the way (`filmcolor run --restore`): what such repairs may
change, and what is left of a difference without it.

Measured here anew, frame by frame, from source and result alone: a gain and an offset for flicker,
a shift for weave, the mean of small squares for noise, and a share of the pixels for dust and
scratches. It knows nothing of how the repairs are made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

import cv2
import numpy as np

from filmcolor.types import FloatPlane, Luma

MOST_MENDED = 0.08
"""Share of a frame's pixels that dust and scratches may have hidden."""
LARGEST_SHIFT = 0.02
"""Of the longer side: no weave moves a picture further."""
GAINS = (0.4, 2.5)
"""Least and greatest change of exposure."""
_SQUARE = (7, 7)
MAY_CHANGE = {
    "dust": f"dust, {MOST_MENDED:.0%} of a frame's pixels, with scratches",
    "scratches": f"scratches, {MOST_MENDED:.0%} of a frame's pixels, with dust",
    "flicker": "flicker, a gain and an offset for each frame",
    "weave": f"weave, a shift of {LARGEST_SHIFT:.0%} of the longer side",
    "noise": f"noise, what the mean of {_SQUARE[0]}x{_SQUARE[1]} pixels does not show",
}
"""In words, for each kind of repairs."""
_LABEL = re.compile(r"\brestored: ([a-z ]+)")
_PLAIN = 6.0
"""8-bit codes: what is so near is not taken for a repaired place in a film coded with loss."""
_ROUNDS = 5


def stated_repairs(texts: Iterable[str]) -> tuple[str, ...]:
    """What the label of a result says was repaired, of those of `MAY_CHANGE`."""
    said = {word for text in texts for found in _LABEL.findall(text) for word in found.split()}
    return tuple(kind for kind in MAY_CHANGE if kind in said)


def keeps_codes(kinds: tuple[str, ...]) -> bool:
    """Whether all codes but those of repaired places are the source's."""
    return set(kinds) <= {"dust", "scratches"}


def as_repaired(
    source: Luma, result: Luma, kinds: tuple[str, ...], bit_depth: int, *, lossless: bool
) -> Luma:
    """The source's luma (h, w) with what repairs of these kinds may have changed as the result has
    it: what differs from the result then, they do not explain.
    """
    if np.array_equal(source, result):
        return source
    scale = np.float32(1 << (bit_depth - 8))
    plane, found = source.astype(np.float32) / scale, result.astype(np.float32) / scale
    rim = 0
    if "weave" in kinds:
        plane, rim = _moved(plane, found)
    if "flicker" in kinds:
        plane = _exposed(plane, found)
    plane = _with_rim(plane, found, rim)
    if "noise" in kinds:
        plane = found + cv2.blur(plane - found, _SQUARE)
    if "dust" in kinds or "scratches" in kinds:
        least = 0.0 if lossless and keeps_codes(kinds) else _PLAIN
        mended = np.abs(plane - found) > least
        if float(np.mean(mended)) <= MOST_MENDED:
            plane = np.where(mended, found, plane).astype(np.float32)
    most = (1 << bit_depth) - 1
    return cast("Luma", np.clip(np.rint(plane * scale), 0, most).astype(source.dtype))


def _with_rim(plane: FloatPlane, other: FloatPlane, rim: int) -> FloatPlane:
    """The plane with so many px at each side as the other has them."""
    if not rim:
        return plane
    height, width = plane.shape
    inner = slice(rim, max(rim, height - rim)), slice(rim, max(rim, width - rim))
    made = other.copy()
    made[inner] = plane[inner]
    return made


def _moved(plane: FloatPlane, found: FloatPlane) -> tuple[FloatPlane, int]:
    """The plane moved to where the other lies, and how many px at its sides came from outside."""
    height, width = plane.shape
    window = np.asarray(cv2.createHanningWindow((width, height), cv2.CV_32F), np.float32)
    (across, down), _ = cv2.phaseCorrelate(plane * window, found * window)
    largest = LARGEST_SHIFT * max(height, width)
    if max(abs(across), abs(down)) > largest:
        return plane, 0
    matrix = np.array([[1, 0, across], [0, 1, down]], np.float64)
    try:
        _, better = cv2.findTransformECC(
            found,
            plane,
            np.array([[1, 0, -across], [0, 1, -down]], np.float32),
            cv2.MOTION_TRANSLATION,
            (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 1e-4),
            np.full(found.shape, 255, np.uint8),
            3,
        )
        matrix = np.array([[1, 0, -better[0, 2]], [0, 1, -better[1, 2]]], np.float64)
    except cv2.error:  # nothing in the picture to hold on to
        pass
    moved = cv2.warpAffine(plane, matrix, (width, height), flags=cv2.INTER_LANCZOS4)
    return np.asarray(moved, np.float32), int(np.ceil(max(abs(across), abs(down)))) + 4


def _exposed(plane: FloatPlane, found: FloatPlane) -> FloatPlane:
    """The plane with the gain and the offset that bring most of it nearest to the other."""
    x, y = plane[::3, ::3].ravel().astype(np.float64), found[::3, ::3].ravel().astype(np.float64)
    is_open = ((x > 1) & (x < 254) & (y > 1) & (y < 254)).astype(np.float64) + 1e-6
    weight = is_open
    gain, offset = 1.0, 0.0
    for _ in range(_ROUNDS):
        total = weight.sum()
        mean_x, mean_y = (weight * x).sum() / total, (weight * y).sum() / total
        spread = (weight * (x - mean_x) ** 2).sum() + 1e-3
        gain = float((weight * (x - mean_x) * (y - mean_y)).sum() / spread)
        gain = min(max(gain, GAINS[0]), GAINS[1])
        offset = float(mean_y - gain * mean_x)
        off = np.abs(gain * x + offset - y)
        usual = max(1.0, float(np.median(off)))
        weight = is_open / (1 + (off / (3 * usual)) ** 2) ** 2
    brought = plane * np.float32(gain) + np.float32(offset)
    return np.asarray(np.clip(brought, 0, 255), np.float32)
