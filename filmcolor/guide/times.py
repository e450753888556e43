"""The frames of a film by their times, as people say them: counted from the film's first frame.

It knows a film's plan, and no files.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from filmcolor.film.plan import FilmPlan
from filmcolor.timecode import name_of

_SLACK = Fraction(1, 1000)
"""Seconds by which a time in a name may be off."""


class FilmTimes:
    """The frames of a film, or of a part of it, by their times."""

    def __init__(self, film: FilmPlan, origin: int, length: Fraction | None) -> None:
        """`origin` is the pts of the film's first frame, `length` its seconds if known."""
        self._film, self._origin = film, origin
        self._start, self._last = int(film.pts[0]), max(1, film.lasting)
        self._end = int(film.pts[-1]) + self._last
        self.film_end = max((self._end - origin) * film.time_base, length or Fraction(0))
        """In seconds."""
        self.outside = 0
        """How many times were asked for that are in the film, but not in the part."""

    @property
    def start(self) -> Fraction:
        """When the first frame of the part is shown, in seconds."""
        return (self._start - self._origin) * self._film.time_base

    @property
    def end(self) -> Fraction:
        """When its last frame ends, in seconds."""
        return (self._end - self._origin) * self._film.time_base

    def frame(self, seconds: Fraction) -> int | None:
        """The frame nearest to a time, None outside of the part; `ValueError` outside the film."""
        film = self._film
        ticks = self._ticks(seconds)
        slack = _SLACK / film.time_base
        end = max(Fraction(self._end), int(film.pts[-1]) + slack)
        if self._start - slack <= ticks < end:
            return min(self._nearest(ticks), film.frames - 1)
        if seconds >= self.film_end:
            raise self._too_late(seconds)
        self.outside += 1
        return None

    def edge(self, seconds: Fraction) -> int:
        """The frame whose beginning is nearest to a time, the number of frames at their end; times
        outside of the part are at its edges. `ValueError` after the film.
        """
        if seconds > self.film_end + self._last * self._film.time_base / 2:
            raise self._too_late(seconds)
        return self._nearest(self._ticks(seconds))

    def edge_seconds(self, edge: int) -> Fraction:
        """When a frame begins, or the last one ends, in seconds."""
        if edge == self._film.frames:
            return self.end
        return (int(self._film.pts[edge]) - self._origin) * self._film.time_base

    def _ticks(self, seconds: Fraction) -> Fraction:
        return seconds / self._film.time_base + self._origin

    def _nearest(self, ticks: Fraction) -> int:
        """The frame that begins nearest to it; their number if the end is nearer."""
        film = self._film
        after = int(np.searchsorted(film.pts, float(ticks)))
        near = range(max(0, after - 1), min(film.frames, after + 1))
        best = min(near, key=lambda index: abs(int(film.pts[index]) - ticks))
        is_end = abs(self._end - ticks) < abs(int(film.pts[best]) - ticks)
        return film.frames if is_end else best

    def _too_late(self, seconds: Fraction) -> ValueError:
        late, end = (name_of(each).replace("-", ":") for each in (seconds, self.film_end))
        return ValueError(f"{late} is after the film's end at {end}")
