"""How far a run is: its length, its place on the way through the phases, when it is evaluated.

A run's way goes from 0 to 1 over the phases of its recipe. With another length before its end it
goes on from the place that it has reached, and is at 1 when the new length is. With more after its
end it goes on from 1 to 2: in its last phase, whose optimizers and rate go on as they are; a cosine
that had come down rises a little and falls again (`Trainer`). It must not know networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from filmcolor.train.recipe_parts import Recipe


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long a run is, in steps or in seconds of training, and where that was given."""

    steps: int | None = None
    seconds: float | None = None
    since: float = 0.0
    """Steps or seconds that had been trained when this length was given."""
    start: float = 0.0
    """Place on the way then."""

    def progress(self, step: int, elapsed: float) -> float:
        """How far the run is, 0..1, from its very beginning."""
        done, length = self._measured(step, elapsed)
        return min(1.0, done / length) if length else 1.0

    def share(self, step: int, elapsed: float) -> float:
        """How far it is since this length was given, 0..1."""
        done, length = self._measured(step, elapsed)
        return min(1.0, (done - self.since) / (length - self.since)) if length > self.since else 1.0

    def place(self, share: float) -> float:
        """The place on the way, 0..2, at a share."""
        end = 1.0 if self.start < 1 else 2.0
        return end if share >= 1 else self.start + (end - self.start) * share

    def changed(self, length: Schedule, step: int, elapsed: float) -> Schedule:
        """The same run, so far trained, with another length; the same one changes nothing."""
        if (length.steps, length.seconds) == (self.steps, self.seconds):
            return self
        place = self.place(self.share(step, elapsed))
        since, _ = length._measured(step, elapsed)
        return Schedule(length.steps, length.seconds, since, 1.0 if place >= 2 else place)

    def _measured(self, step: int, elapsed: float) -> tuple[float, float]:
        """What is trained and what is to be trained, in steps or in seconds."""
        if self.steps is not None:
            return float(step), float(self.steps)
        return elapsed, self.seconds or 0.0


def phase_at(recipe: Recipe, place: float) -> tuple[int, float]:
    """Number of the phase that is on at a place, and how far it is, 0..1."""
    shares = [phase.share for phase in recipe.default_phases]
    ends = np.cumsum(shares) / sum(shares)
    number = min(len(ends) - 1, int(np.searchsorted(ends, place, side="right")))
    begin = 0.0 if number == 0 else float(ends[number - 1])
    return number, (min(place, 1.0) - begin) / (float(ends[number]) - begin)


def evaluations_due(share: float, count: int) -> int:
    """How many of `count` evaluations, spread evenly, are due at a share."""
    return sum(share >= number / count for number in range(1, count + 1))
