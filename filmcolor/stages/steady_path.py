"""Exposure and place of each frame beside those of the frames around it: flicker and gate weave.

Both are measured from frame to frame on small pictures and laid end to end over the frames around,
as far as `REACH` and as the pictures let them be compared. What a frame should have is read off a
line through these: pans and fades go on, what goes to and fro does not. Where a fade or a pan sets
in, the line is short, or that of one side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.stages.exposure import SAME, Exposure, between, thumbnail
from filmcolor.types import FloatPlane

REACH = 48
"""Frames on each side that are looked at."""
_LONG_SIDE = 640
"""Px of the longer side of the pictures whose places are compared, at most."""
_LENGTHS = (6, 12, 24, REACH + 1)
"""Frames on one side, the one in question included, that its course is read off."""
_SURE = 1.5
"""Standard errors by which a value may be off."""
_LEAST_WAVERING = 0.02
"""Codes or px: standard deviation of what is measured, at least."""
_ROUNDS = 3
_REFINEMENTS = 4
_LEAST_RESPONSE = 0.03
"""Of the peak of the phase correlation: below it two pictures cannot be compared."""
_LARGEST_SHIFT = 0.04
"""Of the longer side, from a frame to the next: more is a cut or a throw, not weave."""
_LARGEST_WEAVE = 0.015
"""Of the longer side."""


@dataclass(slots=True, eq=False)
class Measured:
    """What was measured of one frame and of the way from it to the next."""

    thumbnail: FloatPlane | None
    """None where exposure is not asked for."""
    picture: FloatPlane | None
    """None where place is not asked for."""
    scale: float = 1.0
    """Px of the frame for one of `picture`."""
    most: float = 0.0
    """Px: what is further from its place is not weave, and stays."""
    exposure: Exposure | None = None
    """What brings it to the exposure of the next frame; None where there is no telling."""
    shift: tuple[float, float] | None = None
    """How far the next frame's picture lies from its own, (dx, dy) in px of the frame."""


class PathMeter:
    """Measures the frames of one film; not to be shared between threads."""

    def __init__(self, *, exposure: bool, place: bool) -> None:
        self._exposure, self._place = exposure, place
        self._window: FloatPlane | None = None

    def measured(self, plane: NDArray[np.uint8]) -> Measured:
        """Take a frame's luma, 8-bit codes (h, w)."""
        small = thumbnail(plane.astype(np.float32)) if self._exposure else None
        if not self._place:
            return Measured(small, None)
        height, width = plane.shape
        scale = max(1.0, max(height, width) / _LONG_SIDE)
        size = (max(2, round(width / scale)), max(2, round(height / scale)))
        picture = cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        most = _LARGEST_WEAVE * max(height, width)
        return Measured(small, np.asarray(picture, np.float32), width / size[0], most)

    def join(self, first: Measured, second: Measured) -> None:
        """Measure the way from a frame to the next of its shot."""
        if first.thumbnail is not None and second.thumbnail is not None:
            first.exposure = between(first.thumbnail, second.thumbnail)
        if first.picture is not None and second.picture is not None:
            first.shift = self._shift(first.picture, second.picture, first.scale)
            first.picture = None

    def _shift(
        self, first: FloatPlane, second: FloatPlane, scale: float
    ) -> tuple[float, float] | None:
        height, width = first.shape
        if self._window is None or self._window.shape != first.shape:
            made = cv2.createHanningWindow((width, height), cv2.CV_32F)
            self._window = np.asarray(made, np.float32)
        # OpenCV would multiply the pictures by the window where they lie.
        soft = first * self._window, second * self._window
        (across, down), response = cv2.phaseCorrelate(*soft)
        if response < _LEAST_RESPONSE:
            return None
        across, down = _refined(first, second, (across, down))
        if max(abs(across), abs(down)) > _LARGEST_SHIFT * max(height, width):
            return None
        return scale * across, scale * down


def _refined(
    first: FloatPlane, second: FloatPlane, guess: tuple[float, float]
) -> tuple[float, float]:
    """The shift by least squares on what moves alike, to a few hundredths of a px (Lucas and
    Kanade, IJCAI 1981, with weights that leave out what moves by itself).
    """
    height, width = first.shape
    margin = max(2, min(height, width) // 24)
    inner = slice(margin, height - margin), slice(margin, width - margin)
    one, other = cv2.GaussianBlur(first, (0, 0), 1.0), cv2.GaussianBlur(second, (0, 0), 1.0)
    slopes = [(cv2.Scharr(one, cv2.CV_32F, *axis) / 32)[inner] for axis in ((1, 0), (0, 1))]
    here = one[inner]
    shift = np.array(guess, np.float64)
    for _ in range(_REFINEMENTS):
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        brought = cv2.warpAffine(
            other, matrix, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE
        )
        error = brought[inner] - here
        error -= np.median(error[::4, ::4])
        usual = max(1.0, 1.48 * float(np.median(np.abs(error[::4, ::4]))))
        weight = 1 / np.square(1 + np.square(error / (2 * usual)))
        across, down = (weight * slope for slope in slopes)
        shared = float((across * slopes[1]).sum())
        square = np.array(
            [
                [float((across * slopes[0]).sum()) + 1e-3, shared],
                [shared, float((down * slopes[1]).sum()) + 1e-3],
            ]
        )
        step = np.linalg.solve(square, -np.array([(across * error).sum(), (down * error).sum()]))
        shift += step
        if np.abs(step).max() < 0.01:
            break
    return float(shift[0]), float(shift[1])


def steady_exposure(around: Sequence[Measured], center: int) -> Exposure:
    """What brings a frame to the exposure that it should have."""
    own = around[center].thumbnail
    assert own is not None
    low, high = (float(code) for code in np.percentile(own, (10, 90)))
    if high - low < 8:
        low, high = (low + high) / 2 - 4, (low + high) / 2 + 4
    here = np.array([low, high])
    forward, backward = [here], []
    for each in around[center:-1]:
        if each.exposure is None:
            break
        forward.append(each.exposure.gain * forward[-1] + each.exposure.offset)
    last = here
    for each in reversed(around[:center]):
        if each.exposure is None:
            break
        back = each.exposure.inverse
        last = back.gain * last + back.offset
        backward.append(last)
    levels = np.stack([*reversed(backward), *forward])
    dark, light = map(float, steady_value(levels, len(backward)))
    if max(abs(dark - low), abs(light - high)) < 0.5 or light - dark < 1:
        return SAME
    gain = (light - dark) / (high - low)
    return Exposure(gain, dark - gain * low)


def steady_place(around: Sequence[Measured], center: int) -> tuple[float, float]:
    """How far a frame's picture is to be moved to lie where it should, (dx, dy) in px."""
    forward, backward = [np.zeros(2)], []
    for each in around[center:-1]:
        if each.shift is None:
            break
        forward.append(forward[-1] + each.shift)
    last = np.zeros(2)
    for each in reversed(around[:center]):
        if each.shift is None:
            break
        last = last - each.shift
        backward.append(last)
    across, down = map(
        float, steady_value(np.stack([*reversed(backward), *forward]), len(backward))
    )
    picture = around[center]
    return (across, down) if max(abs(across), abs(down)) <= picture.most else (0.0, 0.0)


def steady_value(path: NDArray[np.float64], center: int) -> NDArray[np.float64]:
    """What the values (n, 2) of a row of frames should be at one of them: read off the course of
    those before and of those after it, as much of either as goes straight on (the intersection of
    confidence intervals: Goldenshluger and Nemirovski, Math. Methods of Statistics 6, 1997). Of
    fewer than a handful, their mean.
    """
    usual = _wavering(path)
    found = [
        _read_off(side, usual)
        for side in (path[center::-1], path[center:])
        if len(side) >= _LENGTHS[0]
    ]
    if not found:
        return np.asarray(path.mean(axis=0))
    weights = np.stack([1 / np.square(error) for _, error in found])
    values = np.stack([value for value, _ in found])
    return np.asarray((weights * values).sum(axis=0) / weights.sum(axis=0))


def _wavering(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation of values (n, 2) about their course, from second differences."""
    if len(path) < 4:
        return np.full(path.shape[1], _LEAST_WAVERING)
    off = np.abs(np.diff(path, 2, axis=0))
    usual = np.median(off, axis=0) / (0.6745 * np.sqrt(6))
    return np.asarray(np.maximum(usual, _LEAST_WAVERING))


def _read_off(
    side: NDArray[np.float64], usual: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The value at the first of a row of values (n, 2), and its standard error: off the longest
    line from it that agrees with all shorter ones, or off a level if that does too.
    """
    low, high = np.full(side.shape[1], -np.inf), np.full(side.shape[1], np.inf)
    best, longest = (side[0], usual), 0
    for order, spread in ((1, 2.0), (0, 1.0)):
        for length in _LENGTHS:
            count = min(length, len(side))
            if order == 0 and count > longest:
                break
            value, error = _fit(side[:count], order), spread * usual / np.sqrt(count)
            narrow = np.maximum(low, value - _SURE * error), np.minimum(high, value + _SURE * error)
            if np.any(narrow[0] > narrow[1]):
                break
            low, high = narrow
            if np.all(error <= best[1]):
                best = value, error
            longest = max(longest, count)
            if count < length:
                break
    return best


def _fit(values: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """The value at the first place of a level (order 0) or a line (1) through values (n, 2);
    outliers, such as flashes, count less.
    """
    times = np.arange(len(values), dtype=np.float64)
    weight = np.ones(len(values))
    at = values.mean(axis=0)
    for _ in range(_ROUNDS):
        total = weight.sum()
        mean_time = (weight * times).sum() / total
        mean = (weight[:, None] * values).sum(axis=0) / total
        off = times - mean_time
        slope = order * (weight[:, None] * off[:, None] * values).sum(axis=0)
        slope = slope / (weight * off**2).sum()
        at = mean - slope * mean_time
        error = np.abs(values - mean - slope * off[:, None]).max(axis=1)
        middle = max(float(np.median(error)), 0.05)
        weight = 1 / np.maximum(1, error / (2.5 * middle))
    return np.asarray(at)
