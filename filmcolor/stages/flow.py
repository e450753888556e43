"""How the picture moves from one frame to the next, and how far that can be trusted.

Dense inverse search flow (Kroeger et al., ECCV 2016; OpenCV's DIS) on small lightness, forward
and backward, brought to the grid of the ab field. It knows neither shots nor colour; the caller
asks only for neighbours within a shot.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.types import FloatPlane

_SMALLEST_SIDE = 32
"""OpenCV's DIS reads out of bounds on narrower pictures; these are stretched to it."""


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """How flow is estimated; the values were measured, see docs/experiments.md."""

    long_side: int = 256  # px of the longer side flow is computed at, at most
    blur: float = 1.0  # px: standard deviation of the blur that keeps grain out of the matching
    finest_scale: int = 1  # halvings at which DIS stops; its FAST preset stops one earlier
    descent_steps: int = 8  # gradient steps of a patch
    refinement_steps: int = 3  # variational refinement, steps at each scale
    disagreement: float = 0.5  # ab px: flows both ways that differ so much are half trusted
    disagreement_share: float = 0.1  # and this share of the movement


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Flow between two neighbouring frames on the ab grid, both ways.

    Each is (h, w, 3) float32: where the place lies in the other frame, as (dx, dy) in ab px, and
    the trust 0..1 that it is seen there at all.
    """

    forward: FloatPlane
    backward: FloatPlane


def sampling_grid(height: int, width: int) -> tuple[FloatPlane, FloatPlane]:
    """Column and row numbers of a grid, each (height, width) float32."""
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    return columns, rows


def sample(
    planes: FloatPlane, columns: FloatPlane, rows: FloatPlane, *, cubic: bool = False
) -> FloatPlane:
    """(h, w, channels) read at fractional columns and rows; the rim goes on outside."""
    method = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    found = cv2.remap(planes, columns, rows, method, borderMode=cv2.BORDER_REPLICATE)
    return found.astype(np.float32, copy=False)


class FlowEstimator:
    """DIS flow for pictures of one size; not to be shared between threads."""

    def __init__(
        self, lightness_size: tuple[int, int], grid: tuple[int, int], settings: FlowSettings
    ) -> None:
        """Sizes are (height, width): of the lightness that comes in, of the ab grid for results."""
        scale = min(1.0, settings.long_side / max(lightness_size))
        height, width = (max(_SMALLEST_SIDE, round(side * scale)) for side in lightness_size)
        self._size = (width, height)
        self._grid = (grid[1], grid[0])
        self._to_grid = np.array([grid[1] / width, grid[0] / height], np.float32)
        self._columns, self._rows = sampling_grid(*grid)
        self._settings = settings
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._dis.setFinestScale(settings.finest_scale)
        self._dis.setGradientDescentIterations(settings.descent_steps)
        self._dis.setVariationalRefinementIterations(settings.refinement_steps)

    def prepare(self, lightness: FloatPlane) -> NDArray[np.uint8]:
        """Lightness (H, W) 0..100 as an 8-bit picture to match: small, soft, standard contrast."""
        small = cv2.resize(lightness, self._size, interpolation=cv2.INTER_AREA)
        if self._settings.blur > 0:
            small = cv2.GaussianBlur(small, (0, 0), self._settings.blur)
        mean, deviation = (float(value.item()) for value in cv2.meanStdDev(small))
        gain = 48.0 / max(deviation, 6.0)
        picture: NDArray[np.uint8] = np.clip(small * gain + (112.0 - mean * gain), 0, 255).astype(
            np.uint8
        )
        return picture

    def between(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Motion:
        """Motion between two prepared neighbours."""
        there, back = self.flow(first, second), self.flow(second, first)
        return Motion(self._with_trust(there, back), self._with_trust(back, there))

    def flow(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> FloatPlane:
        """(h, w, 2): where each place of the first lies in the second, as (dx, dy) in ab px."""
        no_guess = np.zeros((1, 1, 2), np.float32)  # of another size: not taken as a start
        flow = self._dis.calc(first, second, no_guess)
        reduced = cv2.resize(flow, self._grid, interpolation=cv2.INTER_AREA)
        return (reduced * self._to_grid).astype(np.float32, copy=False)

    def _with_trust(self, flow: FloatPlane, opposite: FloatPlane) -> FloatPlane:
        """Append the forward-backward test (Sundaram et al., ECCV 2010) as a soft third channel."""
        settings = self._settings
        x, y = self._columns + flow[..., 0], self._rows + flow[..., 1]
        returned = sample(opposite, x, y)
        error = np.square(flow + returned).sum(axis=2)
        length = np.square(flow).sum(axis=2) + np.square(returned).sum(axis=2)
        allowed = settings.disagreement**2 + settings.disagreement_share**2 * length
        trust = np.exp2(-error / allowed)
        width, height = self._grid
        inside = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
        return np.dstack([flow, trust * inside]).astype(np.float32, copy=False)
