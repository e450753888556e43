"""Carries the colours that are known of a few frames of a shot to all of its frames.

Motion between neighbours is chained from every frame back, or ahead, to the frame that is known,
whose colours are then read once: nothing is blurred on the way. A place is believed as far as it
has the lightness it had there (exposure apart), less where the forward-backward test lost it; what
is new fades to unknown. It knows neither films nor where colours come from.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from filmcolor.flow import FlowEstimator, FlowSettings, sample, sampling_grid
from filmcolor.flow_average import likeness, reduced
from filmcolor.types import Field

Scratch = NDArray[np.float16]


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """What is known of one frame."""

    ab: Field
    """(2, h, w), Lab units."""
    confidence: Field
    """(h, w), 0..1."""


@dataclass(frozen=True, slots=True)
class CarrySettings:
    """When carried colour is believed; the values were measured, see docs/experiments.md."""

    tolerance: float = 8.0  # L*: lightness this far off means another surface
    lost: float = 0.3  # what is left of the confidence where the forward-backward test fails
    trust: tuple[float, float] = (0.02, 0.12)  # of one step: fails below, holds above
    flow: FlowSettings = field(default_factory=FlowSettings)


AnchorAt = Callable[[int, Field], Anchor | None]
"""What is known of a frame, by its place in the shot; its lightness (h, w) on the ab grid."""


def carry(
    lights: Iterable[Field],
    count: int,
    grid: tuple[int, int],
    anchor_at: AnchorAt,
    scratch: Path,
    settings: CarrySettings | None = None,
) -> Generator[Anchor, None, None]:
    """For each of a shot's `count` frames, in order, what is known of it in the end.

    `lights` are the frames' lightness (H, W), L*. Where several frames are known, the nearer in
    time counts for more. Holds one frame and the known ones; the rest lies in a file without a name
    in the folder `scratch`, some 70 kB a frame.
    """
    settings = settings or CarrySettings()
    with ExitStack() as files:

        def store(channels: int) -> Scratch:
            file = files.enter_context(tempfile.TemporaryFile(dir=scratch))
            shape = (count, *grid, channels)
            return np.memmap(file, np.float16, "w+", shape=shape)

        light, ahead, sums = store(1), store(3), store(4)
        carrier = _Carrier(grid, settings)
        known: dict[int, _Known] = {}
        estimator: FlowEstimator | None = None
        before: NDArray[np.uint8] | None = None
        for place, lightness in enumerate(lights):
            estimator = estimator or FlowEstimator(lightness.shape, grid, settings.flow)
            picture = estimator.prepare(lightness)
            own = reduced(lightness, grid)
            light[place, ..., 0] = own
            if before is not None:
                motion = estimator.between(before, picture)
                ahead[place - 1] = motion.forward
                for each in known.values():
                    each.chain = carrier.extended(each.chain, motion.backward)
            before = picture
            if (anchor := anchor_at(place, own)) is not None:
                known[place] = _Known(np.dstack([*anchor.ab, anchor.confidence, own]))
            for start, each in known.items():
                carrier.add(sums, place, start, each, own)
        for each in known.values():
            each.chain = None
        last = max(known, default=0)
        for place in range(last - 1, -1, -1):
            link = ahead[place].astype(np.float32)
            own = light[place, ..., 0].astype(np.float32)
            for start, each in known.items():
                if start > place:
                    each.chain = carrier.extended(each.chain, link)
                    carrier.add(sums, place, start, each, own)
        for place in range(count):
            found = sums[place].astype(np.float32)
            ab = found[..., :2] / np.maximum(found[..., 2:3], 1e-6)
            yield Anchor(np.ascontiguousarray(ab.transpose(2, 0, 1)), found[..., 3].copy())


@dataclass(slots=True, eq=False)
class _Known:
    """A frame that is known, and the way there from the frame that is looked at."""

    color: Field
    """(h, w, 4): a, b, confidence and lightness."""
    chain: Field | None = None
    """(h, w, 3): dx, dy and trust; None at the frame itself."""


class _Carrier:
    """Chains of motion, and the sums they add to."""

    def __init__(self, grid: tuple[int, int], settings: CarrySettings) -> None:
        self._columns, self._rows = sampling_grid(*grid)
        self._settings = settings

    def extended(self, chain: Field | None, link: Field) -> Field:
        """The chain of a frame's neighbour with the step there put before it."""
        low, high = self._settings.trust
        trust = np.clip((link[..., 2] - low) / (high - low), 0, 1)
        if chain is None:
            return np.dstack([link[..., :2], trust]).astype(np.float32, copy=False)
        longer = sample(chain, self._columns + link[..., 0], self._rows + link[..., 1])
        longer[..., :2] += link[..., :2]
        longer[..., 2] *= trust
        return longer

    def add(self, sums: Scratch, place: int, start: int, known: _Known, own: Field) -> None:
        """Add what a known frame says of another, whose lightness is `own`, to the sums (a, b,
        weight, largest confidence)."""
        if known.chain is None:
            seen, confidence = known.color, known.color[..., 2]
        else:
            chain, lost = known.chain, self._settings.lost
            x, y = self._columns + chain[..., 0], self._rows + chain[..., 1]
            seen = sample(known.color, x, y)
            like = likeness(own, seen[..., 3], chain[..., 2], self._settings.tolerance)
            confidence = seen[..., 2] * like * (lost + (1 - lost) * chain[..., 2])
        weight = confidence / np.float32(abs(place - start) + 0.02)
        sums[place, ..., :2] += seen[..., :2] * weight[..., None]
        sums[place, ..., 2] += weight
        sums[place, ..., 3] = np.maximum(sums[place, ..., 3], confidence)
