"""Temporal smoothing of ab at model size: steady colour inside a shot, none across a cut.

Every method has finite support: a frame's colour depends on at most `RADIUS` frames on each side,
inside its own shot, so that a film may be divided anywhere as long as the pieces overlap by
`RADIUS`. It knows lightness and ab, not codes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.flow import FlowEstimator, FlowSettings, Motion, sample, sampling_grid
from filmcolor.options import Smoothing
from filmcolor.types import ColorField, Field, Frame

RADIUS = 5
"""Frames on each side that a frame's colour depends on."""


@dataclass(frozen=True, slots=True)
class SmoothSettings:
    """Weights of the neighbours; the values were measured, see docs/experiments.md."""

    radius: int = RADIUS  # frames on each side; the average method looks back only
    spread: float = 3.5  # frames: standard deviation of the weight over time
    tolerance: float = 3.0  # L*: lightness this far off means another surface
    momentum: float = 0.7  # share of the past in the moving average
    flow: FlowSettings = field(default_factory=FlowSettings)


@dataclass(slots=True, eq=False)
class _Entry:
    """One frame in the window, with what its neighbours need of it."""

    frame: Frame
    field: ColorField
    packed: Field
    """(h, w, 3): a, b and lightness on the ab grid."""
    picture: NDArray[np.uint8] | None = None
    motion: Motion | None = None
    """Between this frame and the next one of the shot."""


def _pack(colors: ColorField) -> Field:
    """ab and lightness on one grid, (h, w, 3)."""
    _, height, width = colors.ab.shape
    small = cv2.resize(colors.lightness, (width, height), interpolation=cv2.INTER_AREA)
    return np.dstack([colors.ab[0], colors.ab[1], small]).astype(np.float32, copy=False)


def _likeness(own: Field, other: Field, trust: Field, tolerance: float) -> Field:
    """Weight 0..1 of a neighbour's lightness being that of the same surface; all (h, w).

    The neighbour's exposure is first brought to the frame's own by a gain and an offset fitted
    where trust is high, so that flicker of the whole picture counts for nothing.
    """
    total = float(trust.sum()) + 1e-3
    mean_own, mean_other = float((trust * own).sum()) / total, float((trust * other).sum()) / total
    centred_own, centred_other = own - mean_own, other - mean_other
    spread = float((trust * np.square(centred_other)).sum()) / total
    shared = float((trust * centred_own * centred_other).sum()) / total
    gain = min(max((shared + 4.0) / (spread + 4.0), 0.5), 2.0)
    difference = centred_own - gain * centred_other
    return np.exp(np.square(difference) * (-0.5 / tolerance**2))


class _FlowFilter:
    """Average over the window along the motion, for one field size."""

    def __init__(self, entry: _Entry, settings: SmoothSettings) -> None:
        self.settings = settings
        self.sizes = entry.field.lightness.shape, entry.field.ab.shape
        grid = (entry.field.ab.shape[1], entry.field.ab.shape[2])
        height, width = entry.field.lightness.shape
        self.estimator = FlowEstimator((height, width), grid, settings.flow)
        self.columns, self.rows = sampling_grid(*grid)

    def link(self, first: _Entry, second: _Entry) -> None:
        """Estimate the motion between two neighbours."""
        for entry in (first, second):
            if entry.picture is None:
                entry.picture = self.estimator.prepare(entry.field.lightness)
        assert first.picture is not None and second.picture is not None
        first.motion = self.estimator.between(first.picture, second.picture)

    def average(self, window: list[_Entry], center: int) -> Field:
        """ab (2, h, w) of one frame of the window, which holds frames of one shot only."""
        own = window[center].packed
        total = own[..., :2].copy()
        weights = np.ones(own.shape[:2], np.float32)
        for step in (1, -1):
            chain: Field | None = None
            position = center
            while 0 <= position + step < len(window):
                link = window[position if step > 0 else position - 1].motion
                assert link is not None
                chain = self._extend(chain, link.forward if step > 0 else link.backward)
                position += step
                self._add(total, weights, own, window[position].packed, chain, position - center)
        total /= weights[..., None]
        return np.ascontiguousarray(total.transpose(2, 0, 1))

    def _extend(self, chain: Field | None, link: Field) -> Field:
        """Lengthen a chain of motions (dx, dy, trust) by one frame."""
        if chain is None:
            return link
        x, y = self.columns + chain[..., 0], self.rows + chain[..., 1]
        onward = sample(link, x, y)
        onward[..., :2] += chain[..., :2]
        onward[..., 2] *= chain[..., 2]
        return onward

    def _add(
        self, total: Field, weights: Field, own: Field, other: Field, chain: Field, distance: int
    ) -> None:
        """Add a neighbour, warped along the chain, to the weighted sum."""
        x, y = self.columns + chain[..., 0], self.rows + chain[..., 1]
        warped = sample(other, x, y, cubic=True)
        trust = chain[..., 2]
        weight = trust * _likeness(own[..., 2], warped[..., 2], trust, self.settings.tolerance)
        weight *= np.float32(np.exp(-0.5 * (distance / self.settings.spread) ** 2))
        weights += weight
        total += warped[..., :2] * weight[..., None]


def _moving_average(window: list[_Entry], center: int, settings: SmoothSettings) -> Field:
    """ab (2, h, w) from this frame and those before it in the window, without motion."""
    own = window[center].packed
    total = own[..., :2].copy()
    weights = np.ones(own.shape[:2], np.float32)
    full = np.ones_like(weights)
    for position in range(center):
        other = window[position].packed
        weight = _likeness(own[..., 2], other[..., 2], full, settings.tolerance)
        weight *= np.float32(settings.momentum ** (center - position))
        weights += weight
        total += other[..., :2] * weight[..., None]
    total /= weights[..., None]
    return np.ascontiguousarray(total.transpose(2, 0, 1))


def _shots(
    fields: Iterable[tuple[Frame, ColorField]],
) -> Generator[tuple[_Entry, bool], None, None]:
    """Entries, each with whether it begins a shot."""
    shot: int | None = None
    for frame, colors in fields:
        if frame.index != colors.index:
            raise ValueError(f"frame {frame.index} came with the colour of frame {colors.index}")
        yield _Entry(frame, colors, _pack(colors)), frame.shot != shot
        shot = frame.shot


def smooth(
    fields: Iterable[tuple[Frame, ColorField]],
    method: Smoothing,
    settings: SmoothSettings | None = None,
) -> Generator[tuple[Frame, ColorField], None, None]:
    """Yield the same frames with steadied colour, in order, each with its own field.

    "flow" averages over `radius` frames on each side along the motion and reads that many frames
    ahead; "ema" is an exponential average over the `radius` frames before, without motion; "none"
    hands everything through. Nothing crosses a change of `Frame.shot`. Holds `2 * radius + 1`
    frames at most.
    """
    settings = settings or SmoothSettings()
    if method == "none":
        yield from fields
        return
    ahead = settings.radius if method == "flow" else 0
    window: deque[_Entry] = deque()
    waiting = 0  # entries at the window's end that were not yielded yet
    flow: _FlowFilter | None = None

    def settle() -> tuple[Frame, ColorField]:
        nonlocal waiting
        entries = list(window)
        center = len(entries) - waiting
        entry = entries[center]
        near = entries[max(0, center - settings.radius) : center + ahead + 1]
        center = min(center, settings.radius)
        if flow is not None:
            ab = flow.average(near, center)
        else:
            ab = _moving_average(near, center, settings)
        waiting -= 1
        while len(window) - waiting > settings.radius:
            window.popleft()
        return entry.frame, replace(entry.field, ab=ab)

    for entry, begins in _shots(fields):
        if begins:
            while waiting:
                yield settle()
            window.clear()
        if method == "flow":
            sizes = entry.field.lightness.shape, entry.field.ab.shape
            if flow is None or flow.sizes != sizes:
                flow = _FlowFilter(entry, settings)
            if window:
                flow.link(window[-1], entry)
        window.append(entry)
        waiting += 1
        if waiting > ahead:
            yield settle()
    while waiting:
        yield settle()
