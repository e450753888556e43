"""Exposure that wavers from frame to frame, as seen in small pictures of a shot.

Between two frames a gain and an offset are fitted to what stays the same; a frame's own exposure is
brought to the middle of those around it. It knows codes as numbers, not files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from filmcolor.types import FloatPlane

_LONG_SIDE = 48
"""Px of the longer side of the pictures that exposure is fitted to."""
_ROUNDS = 4
"""Times that places which do not fit are given less weight and the fit is made again."""
_FITS = 4.0
"""8-bit codes: a place that is off by so much counts half."""
_LEAST_FITTING = 0.4
"""Share of the picture that must fit two frames to say how their exposures differ."""
_GAINS = (0.4, 2.5)
_UNSEEN, _SEEN = 2.0, 4.0
"""8-bit codes: a change of exposure below the first is left, above the second evened wholly."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What brings codes to another exposure: `gain` times the code and `offset`, 8-bit codes."""

    gain: float = 1.0
    offset: float = 0.0

    @property
    def inverse(self) -> Exposure:
        """The way back."""
        return Exposure(1 / self.gain, -self.offset / self.gain)

    def at(self, code: float) -> float:
        """What a code becomes."""
        return self.gain * code + self.offset

    def applied(self, plane: FloatPlane) -> FloatPlane:
        """What a plane of codes becomes, unrounded."""
        return plane * np.float32(self.gain) + np.float32(self.offset)


SAME = Exposure()


def thumbnail(plane: FloatPlane) -> FloatPlane:
    """What exposure is fitted to, of a plane of 8-bit codes (h, w)."""
    height, width = plane.shape
    scale = min(1.0, _LONG_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def between(first: FloatPlane, second: FloatPlane) -> Exposure | None:
    """What brings the first thumbnail to the exposure of the second; None if they differ in more
    than exposure.
    """
    is_open = (first > 4) & (first < 250) & (second > 4) & (second < 250)
    x, y = first[is_open].astype(np.float64), second[is_open].astype(np.float64)
    if len(x) < _LEAST_FITTING * first.size:
        return None
    weight = np.ones_like(x)
    found = SAME
    for number in range(_ROUNDS):
        total = weight.sum()
        mean_x, mean_y = (weight * x).sum() / total, (weight * y).sum() / total
        centred = weight * (x - mean_x)
        shared, spread = (centred * (y - mean_y)).sum(), (centred * (x - mean_x)).sum()
        ridge = 16.0 * total
        gain = float(np.clip((shared + ridge) / (spread + ridge), *_GAINS))
        found = Exposure(gain, float(mean_y - gain * mean_x))
        off = np.abs(found.gain * x + found.offset - y)
        scale = max(_FITS, float(np.median(off)) if number < _ROUNDS - 2 else _FITS)
        weight = 1 / (1 + np.square(off / scale)) ** 2
    return found if (off < 2 * _FITS).sum() >= _LEAST_FITTING * first.size else None


def evening(own: FloatPlane, others: Sequence[Exposure | None]) -> Exposure:
    """What brings a frame with this thumbnail to the middle of its own exposure and of those of
    the frames around it, which `others` would bring it to.

    A change that is not seen is left as it is.
    """
    known = [SAME, *(each for each in others if each is not None)]
    if len(known) < 3:
        return SAME
    low, high = (float(code) for code in np.percentile(own, (10, 90)))
    if high - low < 8:
        low, high = low - 4, high + 4
    dark, light = (_middle([each.at(code) for each in known]) for code in (low, high))
    largest = max(abs(dark - low), abs(light - high))
    share = min(max((largest - _UNSEEN) / (_SEEN - _UNSEEN), 0.0), 1.0)
    if share == 0:
        return SAME
    dark, light = low + share * (dark - low), high + share * (light - high)
    gain = min(max((light - dark) / (high - low), _GAINS[0]), _GAINS[1])
    return Exposure(gain, (dark + light - gain * (low + high)) / 2)


def _middle(values: Sequence[float]) -> float:
    """The mean of the middle three fifths: one frame of five that flashes counts for nothing."""
    ordered = sorted(values)
    cut = round(len(ordered) / 5)
    return float(np.mean(ordered[cut : len(ordered) - cut]))
