"""One pass over a film and its result: shots, a pair of pictures of each, measures here and there.

Frames come in pairs; a few dozen small ones are held at a time. Measured are *looks*: three frames
in a row, every so often, and at least one in each shot. It must not know files or HTML.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from filmcolor.analysis.frame_signature import BLANK_CONTRAST, frame_signature
from filmcolor.analysis.shots import ShotFinder
from filmcolor.evaluate.film_figures import known_mean
from filmcolor.evaluate.video import measure_films
from filmcolor.report.pictures import PictureStore, Reducer
from filmcolor.types import Box, Frame, VideoInfo
from filmcolor.visual.rgb import reduced_size, resized

MEASURED_SIDE = 256
"""Short side in px of the pictures that are measured: that of `filmcolor evaluate`."""
_MOST_LOOKS = 400
"""Looks at a film, beside one a shot."""
_LOOK_FRAMES = 3
_LEAST_STEP = 12
"""Least frames from one look to the next: a look takes as long as decoding some dozen frames."""
_FIRST_PLACE = 1
"""Place in its shot of the first look's first frame: the very first frame may be half a cut."""
_UNKNOWN_STEP = 24
"""Frames from one look to the next in a film that does not say how long it is."""


@dataclass(frozen=True, slots=True)
class Look:
    """What three frames in a row show."""

    seconds: float
    """When, from the first frame of the film or of the part."""
    colorfulness: float
    """Hasler and Süsstrunk's, mean of the three."""
    flicker: float
    """ab units by which the middle frame is off its neighbours' mean; NaN if any shows nothing."""
    level: float
    """Mean luma, 8-bit codes."""
    blank: bool
    """It shows nothing: black, white, leader."""


@dataclass(slots=True)
class ShotFacts:
    """One shot."""

    number: int
    """From 0."""
    start: float
    """Seconds, from the first frame of the film or of the part."""
    stop: float = 0.0
    frames: int = 0
    interlaced: int = 0
    """Frames of the film that are interlaced."""
    shown: float = 0.0
    """Moment of its pictures."""
    looks: list[Look] = field(default_factory=list)

    @property
    def colorfulness(self) -> float:
        """Mean over the looks that show something; NaN if none does."""
        return known_mean([look.colorfulness for look in self.telling])

    @property
    def flicker(self) -> float:
        """Root mean square over the looks; NaN where it cannot be told."""
        return math.sqrt(known_mean([look.flicker**2 for look in self.telling]))

    @property
    def level(self) -> float:
        """Mean luma of the looks that show something, 8-bit codes; NaN if none does."""
        return known_mean([look.level for look in self.telling])

    @property
    def telling(self) -> list[Look]:
        """The looks that show something."""
        return [look for look in self.looks if not look.blank]


@dataclass(frozen=True, slots=True, eq=False)
class _Small:
    """A pair of frames, made small."""

    place: int
    seconds: float
    film: Frame
    result: Frame


class Gatherer:
    """Takes pairs of frames that belong together, in order; afterwards `finish`, then look."""

    def __init__(
        self,
        film: VideoInfo,
        result: VideoInfo,
        box: Box | None,
        total: int | None,
        store: PictureStore,
    ) -> None:
        """`total`: frames expected, if known. Pictures go into `store`, by the shot's number."""
        self.step = _UNKNOWN_STEP if total is None else max(_LEAST_STEP, -(-total // _MOST_LOOKS))
        """Frames from one look to the next within a shot."""
        self.shots: list[ShotFacts] = []
        self.measured = 0
        """Frames that were measured."""
        self._time_base = film.time_base
        self._depth = result.layout.bit_depth
        self._film, self._result = Reducer(film, box), Reducer(result, box)
        self._finder = ShotFinder(film.layout.bit_depth)
        self._waiting: deque[tuple[float, Frame, Frame]] = deque()
        self._origin: int | None = None
        self._nominal = 0.0 if film.rate is None else float(1 / film.rate)
        self._store = store
        self._run: list[_Small] = []
        self._candidates: deque[_Small] = deque(maxlen=3)

    def take(self, wanted: Frame, found: Frame) -> None:
        """A frame of the film, and that of the result that belongs to it, with their chroma."""
        if self._origin is None:
            self._origin = wanted.pts
        seconds = float((wanted.pts - self._origin) * self._time_base)
        self._waiting.append((seconds, self._film.reduce(wanted), self._result.reduce(found)))
        placed = self._finder.add(wanted.luma)
        if placed is not None:
            self._place(*placed)

    def finish(self) -> None:
        """There are no more."""
        for shot, place in self._finder.finish():
            self._place(shot, place)
        if self.shots:
            self._close(self.shots[-1].stop)

    def _place(self, number: int, place: int) -> None:
        seconds, film, result = self._waiting.popleft()
        if number == len(self.shots):
            if self.shots:
                self._close(seconds)
            self.shots.append(ShotFacts(number, seconds))
        shot, small = self.shots[-1], _Small(place, seconds, film, result)
        shot.frames += 1
        shot.stop = seconds + self._nominal
        shot.interlaced += film.interlaced
        if place & (place - 1) == 0:
            self._candidates.append(small)
        if place >= _FIRST_PLACE and (place - _FIRST_PLACE) % self.step < _LOOK_FRAMES:
            self._run.append(small)
            if len(self._run) == _LOOK_FRAMES:
                self._measure(shot)

    def _close(self, stop: float) -> None:
        """The last shot ends there."""
        shot = self.shots[-1]
        shot.stop = stop
        if not shot.looks:  # too short for a whole look
            self._run = self._run or [self._candidates[-1]]
            self._measure(shot)
        self._run = []
        middle = (shot.frames - 1) / 2
        shown = min(self._candidates, key=lambda small: abs(small.place - middle))
        shot.shown = shown.seconds
        before, after = self._film.picture(shown.film), self._result.picture(shown.result)
        self._store.add(shot.number, before, after)
        self._candidates.clear()

    def _measure(self, shot: ShotFacts) -> None:
        """Look at the frames of the run."""
        whole = [self._result.picture(small.result) for small in self._run]
        size = reduced_size((whole[0].shape[0], whole[0].shape[1]), 1.0, MEASURED_SIDE)
        pictures = [resized(picture, size) for picture in whole]
        figures = measure_films((0, {"": picture}) for picture in pictures)[""].frames
        middle = len(self._run) // 2
        seen = frame_signature(self._run[middle].result.luma, self._depth)
        shot.looks.append(
            Look(
                self._run[middle].seconds,
                known_mean([each.colorfulness for each in figures]),
                figures[middle].flicker,
                seen.level,
                seen.contrast < BLANK_CONTRAST,
            )
        )
        self.measured += len(self._run)
        self._run = []
