"""What is settled about a film before it is coloured, and holds however the work is divided.

A plan is a pure function of the film and the options: whoever makes it, makes the same one. It
knows frames by number and time, not files.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filmcolor.errors import JobError
from filmcolor.stages.cast import Cast
from filmcolor.stages.chroma_drift import Drift
from filmcolor.stages.smooth import REACH
from filmcolor.stages.things import PackedThings
from filmcolor.types import Frame, Shot

SHORTEST_SECONDS = 5
"""A segment is at least so long, unless the film is shorter or the next shot is too long."""
LONGEST_SECONDS = 20
"""A longer shot is divided."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of frames that is coloured and encoded by itself: start..stop, half-open."""

    number: int
    start: int
    stop: int

    @property
    def frames(self) -> int:
        """How many."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True, eq=False)
class FilmPlan:
    """Every frame of a film or of a part of it, its shots, the things in each or the drift of its
    palette.
    """

    shots: tuple[Shot, ...]
    """One after another, from frame 0 on."""
    pts: NDArray[np.int64]
    """Of every frame, in ticks of the film's time base."""
    time_base: Fraction
    last_duration: int = 0
    """Of the last frame, in ticks; 0 when the source does not say."""
    stride: int = 1
    drift: Drift = field(default_factory=Drift)
    """Of shots without things."""
    things: Mapping[int, PackedThings] = field(default_factory=dict)
    """By number of the shot, where the model is coherent: what its frames decide by."""
    cast: Cast = field(default_factory=Cast)
    """Which things of the shots that were found are one."""
    found: tuple[Shot, ...] = ()
    """What divides the film into segments instead of `shots`: those that were found in it, where
    people have set others."""

    @property
    def frames(self) -> int:
        """How many frames the film has."""
        return len(self.pts)

    def mark(self, frames: Iterable[Frame], first: int = 0) -> Generator[Frame, None, None]:
        """Yield the same frames, in order, numbered from `first` on, with shot and place in it.

        Raises `JobError` if their times are not those of the plan.
        """
        number = self.shot_at(first)
        for index, frame in enumerate(frames, first):
            if index >= self.frames or frame.pts != self.pts[index]:
                raise JobError(
                    f"frame {index} of the film is not what it was when the film was analysed: "
                    "was it changed meanwhile? Run the same command again"
                )
            if index >= self.shots[number].stop:
                number += 1
            place = index - self.shots[number].start
            yield replace(frame, index=index, shot=number, place=place)

    def shot_at(self, index: int) -> int:
        """Number of the shot that a frame is in."""
        starts = [shot.start for shot in self.shots]
        return int(np.searchsorted(starts, index, side="right")) - 1

    def needed(self, segment: Segment) -> tuple[int, int]:
        """Start and stop (half-open) of the frames that a segment's colours depend on."""
        first, last = self.shot_at(segment.start), self.shot_at(segment.stop - 1)
        before, after = self.shots[first], self.shots[last]
        start = max(before.start, segment.start - REACH)
        # Colour is carried from the frames that the model saw, counted from the shot's start.
        start -= (start - before.start) % self.stride
        return start, min(after.stop, segment.stop + REACH)

    @property
    def lasting(self) -> int:
        """Ticks that the last frame is shown: as long as the one before it where the source does
        not say; 0 if there is none.
        """
        if self.last_duration or self.frames < 2:
            return self.last_duration
        return int(self.pts[-1] - self.pts[-2])

    def seconds(self, start: int, stop: int) -> Fraction:
        """How long the frames start..stop last."""
        if stop < self.frames:
            ticks = int(self.pts[stop] - self.pts[start])
        else:
            ticks = int(self.pts[-1] - self.pts[start]) + self.last_duration
        return ticks * self.time_base

    def segments(
        self, shortest: float = SHORTEST_SECONDS, longest: float = LONGEST_SECONDS
    ) -> tuple[Segment, ...]:
        """The whole film as runs of whole shots, `shortest` to `longest` seconds where possible.

        Shots that people have set do not move them: work on the others stays good.
        """
        runs: list[tuple[int, int]] = []
        for start, stop in self._pieces(longest):
            open_run = runs and self.seconds(*runs[-1]) < shortest
            if open_run and self.seconds(runs[-1][0], stop) <= longest:
                runs[-1] = runs[-1][0], stop
            else:
                runs.append((start, stop))
        if len(runs) > 1 and self.seconds(*runs[-1]) < shortest:
            (start, _), (_, stop) = runs[-2:]
            if self.seconds(start, stop) <= longest:
                runs[-2:] = [(start, stop)]
        return tuple(Segment(number, *run) for number, run in enumerate(runs))

    def _pieces(self, longest: float) -> Generator[tuple[int, int], None, None]:
        """The shots, or those found, long ones in equal parts."""
        for shot in self.found or self.shots:
            count = shot.stop - shot.start
            parts = min(count, -int(-self.seconds(shot.start, shot.stop) // Fraction(longest)))
            edges = [shot.start + count * part // max(1, parts) for part in range(parts)]
            yield from zip(edges or [shot.start], [*edges[1:], shot.stop], strict=True)

    def revised(
        self, shots: tuple[Shot, ...], drift: Drift, things: Mapping[int, PackedThings]
    ) -> FilmPlan:
        """The plan with other shots, and with the segments that it had."""
        found = self.found or self.shots
        return replace(self, shots=shots, drift=drift, things=things, found=found)

    def to_json(self) -> dict[str, Any]:
        """All of it but `found`, in what JSON can hold; `things` are those of `cast`."""
        steps = np.diff(self.pts, prepend=np.int64(0))
        return {
            "shots": [[shot.start, shot.stop, shot.ends_by] for shot in self.shots],
            "pts_steps": steps.tolist(),
            "time_base": str(self.time_base),
            "last_duration": self.last_duration,
            "stride": self.stride,
            "drift": {str(shot): path for shot, path in self.drift.paths.items()},
            "things": {
                str(shot): [b64encode(each).decode(), self.cast.members[shot]]
                for shot, each in self.cast.found.items()
            },
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FilmPlan:
        """The plan that `to_json` gave.

        Raises `ValueError`, `TypeError`, `KeyError` or `ArithmeticError` if it is none.
        """
        drift = {
            int(shot): tuple((int(place), float(a), float(b)) for place, a, b in path)
            for shot, path in values["drift"].items()
        }
        stored = {int(shot): each for shot, each in values["things"].items()}
        cast = Cast(
            {shot: b64decode(text) for shot, (text, _) in stored.items()},
            {shot: tuple(map(int, numbers)) for shot, (_, numbers) in stored.items()},
        )
        plan = cls(
            shots=tuple(Shot(int(a), int(b), why) for a, b, why in values["shots"]),
            pts=np.cumsum(np.array(values["pts_steps"], np.int64)),
            time_base=Fraction(values["time_base"]),
            last_duration=int(values["last_duration"]),
            stride=int(values["stride"]),
            drift=Drift(drift),
            things=cast.shown(),
            cast=cast,
        )
        edges = [shot.start for shot in plan.shots] + [plan.frames]
        if not plan.shots or edges != [0, *(shot.stop for shot in plan.shots)]:
            raise ValueError("the shots do not make up the film")
        return plan
