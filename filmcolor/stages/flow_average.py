"""Average of ab along the motion, over the frames around one frame of a shot.

Forward and backward flow between neighbours are chained, so that a place is followed through the
window; a neighbour counts as far as the forward-backward test trusts the chain and as its lightness
is that of the same surface. It knows neither shots nor where fields come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.stages.flow import FlowEstimator, FlowSettings, Motion, sample, sampling_grid
from filmcolor.types import AbMap, FloatPlane, Uncolored

_LAST_RESORT = 1e-3
"""Weight of a colour that nothing speaks for, where a frame has none of its own."""


@dataclass(slots=True, eq=False)
class WeightedFrame:
    """One frame in the window, with what its neighbours need of it."""

    lightness: FloatPlane
    """(h, w) on the ab grid."""
    color: FloatPlane | None
    """(h, w, 4): a, b, confidence and lightness; None for a frame the network did not see."""
    picture: NDArray[np.uint8]
    """What flow is estimated on."""
    onward: Motion | None = None
    """Between this frame and the next one of the shot."""


@dataclass(frozen=True, slots=True, eq=False)
class _Chain:
    """Where the places of one frame lie in another frame of the window; all (h, w)."""

    columns: FloatPlane
    rows: FloatPlane
    trust: FloatPlane
    """0..1: that they are seen there at all."""

    def read(self, planes: FloatPlane, *, cubic: bool = False) -> FloatPlane:
        """What another frame's planes (h, w, channels) have at these places."""
        return sample(planes, self.columns, self.rows, cubic=cubic)


def grid_of(colors: AbMap | Uncolored) -> tuple[int, int]:
    """(h, w) of a frame's ab field."""
    if isinstance(colors, Uncolored):
        return colors.grid
    return colors.ab.shape[1], colors.ab.shape[2]


def reduced(lightness: FloatPlane, grid: tuple[int, int]) -> FloatPlane:
    """Lightness (H, W) on the ab grid (h, w)."""
    small = cv2.resize(lightness, (grid[1], grid[0]), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32, copy=False)


def _channel(planes: FloatPlane, number: int) -> FloatPlane:
    """One channel of (h, w, channels), lying by itself."""
    return cv2.extractChannel(planes, number).astype(np.float32, copy=False)


def likeness(
    own: FloatPlane, other: FloatPlane, trust: FloatPlane | None, tolerance: float
) -> FloatPlane:
    """Weight 0..1 of another frame's lightness being that of the same surface; all (h, w).

    The other's exposure is first brought to the frame's own by a gain and an offset fitted where
    `trust` is high, so that flicker of the whole picture counts for nothing. `tolerance` is in L*.
    """
    if trust is None:
        trust = np.ones_like(own)
    total = float(trust.sum()) + 1e-3
    mean_own, mean_other = float(np.vdot(trust, own)) / total, float(np.vdot(trust, other)) / total
    centred_own, centred_other = own - mean_own, other - mean_other
    trusted = trust * centred_other
    spread = float(np.vdot(trusted, centred_other)) / total
    shared = float(np.vdot(trusted, centred_own)) / total
    gain = min(max((shared + 4.0) / (spread + 4.0), 0.5), 2.0)
    difference = centred_own - gain * centred_other
    return np.exp(np.square(difference) * (-0.5 / tolerance**2))


class FlowAverage:
    """Motion and averages for fields of one size; not to be shared between threads."""

    def __init__(
        self, lightness_size: tuple[int, int], grid: tuple[int, int], settings: FlowSettings
    ) -> None:
        """Sizes are (height, width): of the lightness that comes in, of the ab field."""
        self.sizes = lightness_size, grid
        self._estimator = FlowEstimator(lightness_size, grid, settings)
        self._columns, self._rows = sampling_grid(*grid)

    def weighted_frame(self, colors: AbMap | Uncolored) -> WeightedFrame:
        """A frame, ready to be linked."""
        grid = grid_of(colors)
        light, color = reduced(colors.lightness, grid), None
        if isinstance(colors, AbMap):
            confidence = (
                np.ones(grid, np.float32) if colors.confidence is None else colors.confidence
            )
            color = np.dstack([*colors.ab, confidence, light]).astype(np.float32, copy=False)
        return WeightedFrame(light, color, self._estimator.prepare(colors.lightness))

    def link(self, first: WeightedFrame, second: WeightedFrame) -> None:
        """Estimate the motion between two neighbours."""
        first.onward = self._estimator.between(first.picture, second.picture)

    def average(
        self, window: Sequence[WeightedFrame], center: int, spread: float, tolerance: float
    ) -> FloatPlane:
        """(h, w, 4), as `WeightedFrame.color`, of one frame of a linked window of one shot.

        `spread` is the standard deviation of a neighbour's weight over time, in frames; `tolerance`
        as in `likeness`. Confidence weighs, and comes out as the weighted mean of what went in.
        A frame without colour gets it from the neighbours, where none can be trusted from the
        nearest one on either side. Raises `ValueError` if no frame of the window has colour.
        """
        own = window[center]
        sums = np.zeros((*own.lightness.shape, 4), np.float32)
        weights = np.zeros(own.lightness.shape, np.float32)
        if own.color is not None:
            self._add(sums, weights, own.color.copy(), np.ones_like(weights))
        for step in (1, -1):
            chain: _Chain | None = None
            has_color = False
            position = center
            while 0 <= position + step < len(window):
                link = window[position if step > 0 else position - 1].onward
                if link is None:
                    raise ValueError(f"frame {position} of the window is not linked")
                chain = self._extended(chain, link.forward if step > 0 else link.backward)
                position += step
                color = window[position].color
                if color is None:
                    continue
                distance = abs(position - center)
                seen = chain.read(color, cubic=True)
                other = _channel(seen, 3)
                weight = chain.trust * likeness(own.lightness, other, chain.trust, tolerance)
                weight *= np.float32(np.exp(-0.5 * (distance / spread) ** 2))
                if own.color is None and not has_color:
                    weight += np.float32(_LAST_RESORT * 0.5**distance)
                has_color = True
                self._add(sums, weights, seen, weight)
        if not weights.any():
            raise ValueError("no frame of the window has colour")
        sums[..., :2] /= np.maximum(sums[..., 2:3], 1e-12)
        sums[..., 2] /= np.maximum(weights, 1e-12)
        sums[..., 3] = own.lightness
        return sums

    def _extended(self, chain: _Chain | None, link: FloatPlane) -> _Chain:
        """A chain of motions lengthened by one frame's (dx, dy, trust)."""
        onward = link if chain is None else chain.read(link)
        across, down, trust = (_channel(onward, number) for number in range(3))
        if chain is None:
            return _Chain(self._columns + across, self._rows + down, trust)
        return _Chain(chain.columns + across, chain.rows + down, trust * chain.trust)

    @staticmethod
    def _add(sums: FloatPlane, weights: FloatPlane, color: FloatPlane, weight: FloatPlane) -> None:
        """Add a colour (h, w, 4), which is used up, to the sums; ab weighed by confidence too."""
        weights += weight
        confidence = np.clip(_channel(color, 2), np.float32(1e-3), np.float32(1.0))
        cv2.insertChannel(confidence, color, 2)
        confidence *= weight
        # Whole pixels at once: channel by channel takes several times as long.
        sums += cv2.multiply(
            color, cv2.merge((confidence, confidence, weight, np.zeros_like(weight)))
        )
