"""Carries the colours that are known of a few frames of a shot to all of its frames.

Motion between neighbours is chained from every frame back, or ahead, to the frame that is known,
whose colours are then read once: nothing is blurred on the way. A place is believed as far as it
has the lightness it had there (exposure apart), less where the forward-backward test lost it; what
was not found again takes from what is around it and of its lightness, and fades to unknown. It
knows neither films nor where colours come from.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from filmcolor.guide.scratch import Scratch
from filmcolor.guide.spread import fill
from filmcolor.stages.flow import FlowEstimator, FlowSettings, sample, sampling_grid
from filmcolor.stages.flow_average import likeness, reduced
from filmcolor.types import FloatPlane

Sums = NDArray[np.float16]

_LIGHT, _AHEAD, _SUMS = 1, 3, 5
"""Channels that are kept of each frame until the shot is done."""
PLACE_BYTES = np.dtype(np.float16).itemsize * (_LIGHT + _AHEAD + _SUMS)
"""On the disk meanwhile, of a place of the grid and frame."""
_NO_TIME = 0.02
"""Frames: what stands for the distance of a known frame from itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """What is known of one frame."""

    ab: FloatPlane
    """(2, h, w), Lab units."""
    confidence: FloatPlane
    """(h, w), 0..1."""


@dataclass(frozen=True, slots=True)
class CarrySettings:
    """When carried colour is believed; the values were measured, see docs/experiments.md."""

    tolerance: float = 10.0  # L*: lightness this far off means another surface
    lost: float = 0.15  # what is left of the confidence where the forward-backward test fails
    trust: tuple[float, float] = (0.02, 0.12)  # of one step: fails below, holds above
    enough: tuple[float, float] = (0.35, 0.6)
    """Share of the picture found again from which the rest begins to be filled, and wholly is."""
    flow: FlowSettings = field(default_factory=FlowSettings)


AnchorAt = Callable[[int, FloatPlane], Anchor | None]
"""What is known of a frame, by its place in the shot; its lightness (h, w) on the ab grid."""


class ShotCarry:
    """Takes the frames of one shot in order, then tells what is known of each. A context manager.

    Where several frames are known, the nearer in time counts for more. Holds one frame and the
    known ones within reach; the rest lies in files without a name in the folder `scratch`,
    `PLACE_BYTES` a place of the grid and frame, for which room is taken at the start. Raises
    `JobError` if there is none.
    """

    def __init__(
        self,
        count: int,
        grid: tuple[int, int],
        anchor_at: AnchorAt,
        scratch: Path,
        settings: CarrySettings | None = None,
        *,
        reach: int | None = None,
    ) -> None:
        """`count` is the number of the shot's frames, `reach` how many frames away a known frame
        counts, None for any; with many known frames it bounds the work.
        """
        self._count, self._grid, self._anchor_at = count, grid, anchor_at
        self._settings = settings or CarrySettings()
        self._reach = count if reach is None else reach
        self._columns, self._rows = sampling_grid(*grid)
        self._places: list[int] = []
        """Of all known frames."""
        self._known: dict[int, _Known] = {}
        """Of those within reach."""
        self._estimator: FlowEstimator | None = None
        self._before: NDArray[np.uint8] | None = None
        self._place = 0
        with ExitStack() as files:

            def store(channels: int) -> Scratch:
                made = Scratch(scratch, (*grid, channels), np.float16, count)
                files.callback(made.close)
                return made

            self._light, self._ahead, self._sums = store(_LIGHT), store(_AHEAD), store(_SUMS)
            self._passed = Scratch(scratch, (*grid, 4), np.float32)
            """Colours of known frames that are out of reach, by their number."""
            files.callback(self._passed.close)
            self._files = files.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, lightness: FloatPlane) -> None:
        """Take the lightness (H, W), L*, of the next frame."""
        place = self._place
        self._place += 1
        if self._estimator is None:
            size = lightness.shape[0], lightness.shape[1]
            self._estimator = FlowEstimator(size, self._grid, self._settings.flow)
        picture = self._estimator.prepare(lightness)
        own = reduced(lightness, self._grid)
        self._light.write(place, own)
        for start in [start for start in self._known if place - start > self._reach]:
            self._passed.write(bisect_right(self._places, start) - 1, self._known.pop(start).color)
        if self._before is not None:
            motion = self._estimator.between(self._before, picture)
            self._ahead.write(place - 1, motion.forward)
            for each in self._known.values():
                each.chain = self._extended(each.chain, motion.backward)
        self._before = picture
        if (anchor := self._anchor_at(place, own)) is not None:
            self._places.append(place)
            self._known[place] = _Known(np.dstack([*anchor.ab, anchor.confidence, own]))
        sums = np.zeros((*self._grid, _SUMS), np.float16)
        for start, each in self._known.items():
            self._tell(sums, place - start, each, own)
        self._sums.write(place, sums)

    def found(self) -> Generator[Anchor, None, None]:
        """What is known of each frame, in order; once, after the last was added."""
        if self._place != self._count:
            raise ValueError(f"{self._place} frames of a shot of {self._count}")
        for each in self._known.values():
            each.chain = None
        for place in range(max(self._places, default=0) - 1, -1, -1):
            known = self._ahead_of(place)
            if not known:
                continue
            link = self._ahead.read(place).astype(np.float32)
            own = self._light.read(place)[..., 0].astype(np.float32)
            sums = self._sums.read(place)
            for start, each in known:
                each.chain = self._extended(each.chain, link)
                self._tell(sums, start - place, each, own)
            self._sums.write(place, sums)
        for place in range(self._count):
            own = self._light.read(place)[..., 0].astype(np.float32)
            yield self._settled(self._sums.read(place).astype(np.float32), own)

    def _ahead_of(self, place: int) -> list[tuple[int, _Known]]:
        """The known frames after one within reach, in order, on the way back; they are read again
        when they come within reach, and let go behind it.
        """
        first = bisect_right(self._places, place)
        last = bisect_right(self._places, place + self._reach)
        for start in [start for start in self._known if start > place + self._reach]:
            del self._known[start]
        for number in range(first, last):
            if self._places[number] not in self._known:
                color = self._passed.read(number)
                self._known[self._places[number]] = _Known(color)
        return [(start, self._known[start]) for start in self._places[first:last]]

    def _settled(self, sums: FloatPlane, own: FloatPlane) -> Anchor:
        """What the sums of a frame come to; places not found again take from those around them."""
        found = sums[..., 4]
        values = sums[..., 1:4].copy()
        values[..., :2] = sums[..., :2] / np.maximum(sums[..., 2:3], 1e-6)
        values[..., 2] = sums[..., 3] / np.maximum(found, 1e-6)
        if found.min() < 1:
            values, belief = fill(values, found, own)
            low, high = self._settings.enough
            share = np.clip((found.mean() - low) / (high - low), 0, 1)
            values[..., 2] *= np.maximum(found, belief * share)
        return Anchor(np.stack([values[..., 0], values[..., 1]]), values[..., 2])

    def _extended(self, chain: FloatPlane | None, link: FloatPlane) -> FloatPlane:
        """The chain of a frame's neighbour with the step there put before it."""
        low, high = self._settings.trust
        trust = np.clip((link[..., 2] - low) / (high - low), 0, 1)
        if chain is None:
            return np.dstack([link[..., :2], trust]).astype(np.float32, copy=False)
        longer = sample(chain, self._columns + link[..., 0], self._rows + link[..., 1])
        longer[..., :2] += link[..., :2]
        longer[..., 2] *= trust
        return longer

    def _tell(self, sums: Sums, away: int, known: _Known, own: FloatPlane) -> None:
        """Add what a known frame says of another so many frames away, whose lightness is `own`, to
        its sums (a, b, weight; the largest confidence, and how well a place was found again at
        best)."""
        seen, found = known.color, np.ones_like(own)
        if known.chain is not None:
            chain, lost = known.chain, self._settings.lost
            seen = sample(known.color, self._columns + chain[..., 0], self._rows + chain[..., 1])
            like = likeness(own, seen[..., 3], chain[..., 2], self._settings.tolerance)
            found = like * (lost + (1 - lost) * chain[..., 2])
        confidence = seen[..., 2] * found
        weight = confidence / np.float32(away + _NO_TIME)
        sums[..., :2] += seen[..., :2] * weight[..., None]
        sums[..., 2] += weight
        np.maximum(sums[..., 3], confidence, out=sums[..., 3])
        np.maximum(sums[..., 4], found, out=sums[..., 4])


@dataclass(slots=True, eq=False)
class _Known:
    """A frame that is known, and the way there from the frame that is looked at."""

    color: FloatPlane
    """(h, w, 4): a, b, confidence and lightness."""
    chain: FloatPlane | None = None
    """(h, w, 3): dx, dy and trust; None at the frame itself."""
