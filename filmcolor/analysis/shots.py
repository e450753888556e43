"""Where a film's shots begin, so that colour crosses no change of picture.

Hard cuts, dissolves and fades are distinguished from what film as old as ours does anyway: exposure
flickers, frames flash or are blank, the gate weaves, the camera pans, zooms and whips. Frames are
read a bounded number ahead. It knows nothing of colour.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from filmcolor.analysis.frame_signature import frame_signature
from filmcolor.analysis.repeats import RepeatMeter
from filmcolor.analysis.shot_changes import (
    CutSettings,
    DissolveSettings,
    FadeSettings,
    Window,
    cut_strength,
    dissolve_strength,
    is_fade,
    mixture_score,
)
from filmcolor.types import Frame, Luma, PixelLayout, Shot

Change = Literal["cut", "dissolve", "fade"]


@dataclass(frozen=True, slots=True)
class ShotSettings:
    """What counts as a change of shot."""

    cut: CutSettings = field(default_factory=CutSettings)
    dissolve: DissolveSettings = field(default_factory=DissolveSettings)
    fade: FadeSettings = field(default_factory=FadeSettings)
    minimum: int = 4  # frames: no shot is shorter, unless the film is

    @property
    def delay(self) -> int:
        """Frames that are read ahead before a frame's shot is known."""
        return max(
            max(self.cut.window, self.cut.flash) + self.minimum - 1,
            max(self.dissolve.halves) + self.dissolve.apart + self.dissolve.peak,
            self.fade.reach + self.fade.hold,
        )


class ShotFinder:
    """Says of every frame of a film, `delay` frames late, in which shot it is and where there.

    Give it the luma of all frames in order by `add`, then take the rest from `finish`. Frames are
    counted from 0. A dissolve is divided at its middle, a fade at the middle of its blank frames.
    """

    def __init__(self, bit_depth: int, settings: ShotSettings | None = None) -> None:
        """`bit_depth`: of the codes that will be given."""
        self.settings = settings or ShotSettings()
        self.repeats = RepeatMeter()
        """What is seen of frames that are copies."""
        self._bit_depth = bit_depth
        self._window = Window(2 * self.settings.delay + 2)
        self._scores: dict[int, tuple[float, int]] = {}
        self._strengths: dict[int, float] = {}
        self._next = self._start = 0
        self._shots: list[Shot] = []

    def add(self, luma: Luma) -> tuple[int, int] | None:
        """Take the next frame's codes (height, width); what `finish` gives, of the frame `delay`
        frames ago, or None if there is none.
        """
        signature = frame_signature(luma, self._bit_depth)
        self.repeats.add(signature)
        self._window.add(signature)
        return self._settle() if self._window.last >= self.settings.delay else None

    def finish(self) -> Iterator[tuple[int, int]]:
        """The film is over: (number of its shot, number in its shot) of each frame that is left,
        both counted from 0.
        """
        while self._next <= self._window.last:
            yield self._settle()

    def shots(self) -> list[Shot]:
        """The shots so far, in frames from 0; the last one ends with the last settled frame."""
        if not self._next:
            return []
        return [*self._shots, Shot(self._start, self._next, "end")]

    def _settle(self) -> tuple[int, int]:
        place = self._next
        change = self._change(place)
        if change is not None:
            self._shots.append(Shot(self._start, place, change))
            self._start = place
        self._next += 1
        old = place - self.settings.dissolve.apart - self.settings.dissolve.peak
        self._scores.pop(old, None)
        self._strengths.pop(old, None)
        return len(self._shots), place - self._start

    def _change(self, place: int) -> Change | None:
        """How a shot begins at `place`, if it does."""
        if place - self._start < self.settings.minimum:
            return None
        if self._is_cut(place):
            return "cut"
        if is_fade(self._window, place, self._start, self.settings.fade):
            return "fade"
        return "dissolve" if self._is_dissolve(place) else None

    def _is_cut(self, place: int) -> bool:
        own = cut_strength(self._window, place, self.settings.cut)
        if own == 0.0:
            return False
        later = range(place + 1, place + self.settings.minimum)
        return all(cut_strength(self._window, other, self.settings.cut) <= own for other in later)

    def _is_dissolve(self, place: int) -> bool:
        apart = self.settings.dissolve.apart
        own = self._strength(place)
        if own == 0.0 or place - self._score(place)[1] < self._start:
            return False
        others = range(max(0, place - apart), place + apart + 1)
        return all((self._strength(other), other) <= (own, place) for other in others)

    def _strength(self, place: int) -> float:
        """Of a dissolve with its middle at `place`, where the score has a peak."""
        if place not in self._strengths:
            settings = self.settings.dissolve
            score, half = self._score(place)
            beside = range(max(0, place - settings.peak), place + settings.peak + 1)
            is_peak = all((self._score(other)[0], other) <= (score, place) for other in beside)
            self._strengths[place] = (
                dissolve_strength(self._window, place, half, score, settings)
                if score > 0.0 and is_peak
                else 0.0
            )
        return self._strengths[place]

    def _score(self, place: int) -> tuple[float, int]:
        if place not in self._scores:
            self._scores[place] = mixture_score(self._window, place, self.settings.dissolve)
        return self._scores[place]


def assign_shots(
    frames: Iterable[Frame], layout: PixelLayout, settings: ShotSettings | None = None
) -> Generator[Frame, None, None]:
    """Yield the same frames, in order, with `shot` and `place` set.

    Reads `settings.delay` frames ahead and holds no more.
    """
    finder = ShotFinder(layout.bit_depth, settings)
    waiting: deque[Frame] = deque()
    for frame in frames:
        waiting.append(frame)
        found = finder.add(frame.luma)
        if found is not None:
            yield replace(waiting.popleft(), shot=found[0], place=found[1])
    for shot, place in finder.finish():
        yield replace(waiting.popleft(), shot=shot, place=place)
