"""A film at another speed: the same frames, each shown as long as the others.

Knows when a frame was shown and when it is shown now, and so where anything goes that belongs to a
frame: a subtitle, a chapter. Sound is not stretched, and is no concern of it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from filmcolor.events import Notice
from filmcolor.media.timebase import Chapter, fit_chapters
from filmcolor.types import VideoInfo

_ROUNDED_SECONDS = Fraction(2, 1000)
"""Sources round times to the millisecond."""
_SHORT_TICK = Fraction(1, 100)
_STATED = re.compile(
    r".*by filmcolor .*; shown at (?P<rate>\d+(?:/\d+)?) frames a second", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Retiming:
    """When the frames of a film, or of a part of it, are shown in it and in the result.

    Times are seconds: in the source of its own clock, in the result from its first frame on. Within
    a frame, and before the first one and after the last one, time goes on as it does in between.
    """

    pts: Sequence[int]
    """Of all frames, at least one, in ticks of the source."""
    time_base: Fraction
    lasting: int
    """Ticks that the last frame is shown in the source, at least 1."""
    rate: Fraction
    """Frames a second of the result: frame i is shown at i / rate."""

    @property
    def first(self) -> Fraction:
        """When the first frame is shown in the source."""
        return self.pts[0] * self.time_base

    @property
    def end(self) -> Fraction:
        """When the last frame ends in the source."""
        return (self.pts[-1] + self.lasting) * self.time_base

    def shown(self, seconds: Fraction) -> Fraction:
        """Where in the result what belongs there in the source."""
        if seconds < self.first:
            return seconds - self.first
        if seconds >= self.end:
            return len(self.pts) / self.rate + seconds - self.end
        ticks = seconds / self.time_base
        index = bisect_right(self.pts, ticks) - 1
        return (index + (ticks - self.pts[index]) / self._step(index)) / self.rate

    def source(self, seconds: Fraction) -> Fraction:
        """Where in the source what is there in the result: `shown`, the other way round."""
        place = seconds * self.rate
        if place < 0:
            return self.first + seconds
        if place >= len(self.pts):
            return self.end + seconds - len(self.pts) / self.rate
        index = int(place)
        return (self.pts[index] + (place - index) * self._step(index)) * self.time_base

    def chapters(
        self, chapters: Iterable[Chapter], first: Fraction | None, last: Fraction | None
    ) -> list[Chapter]:
        """Those that overlap `first`..`last` (source seconds), at the frames they had."""
        return [
            replace(each, start=self.shown(each.start), stop=self.shown(each.stop))
            for each in fit_chapters(chapters, Fraction(0), first, last)
        ]

    def _step(self, index: int) -> int:
        """Ticks that a frame is shown in the source."""
        is_last = index + 1 == len(self.pts)
        return self.lasting if is_last else self.pts[index + 1] - self.pts[index]


def wanted_rate(info: VideoInfo, fps: Fraction | None) -> Fraction | None:
    """The rate that a film gets in place of its own times; None where these stay, as those of a
    sequence, whose rate `fps` is.
    """
    return None if info.is_sequence else fps


def unequal_notices(pts: Sequence[int], time_base: Fraction) -> Iterator[Notice]:
    """What to say of frames (their times in ticks) that do not last alike and will."""
    steps = [after - before for before, after in pairwise(pts)]
    least, most = min(steps, default=0), max(steps, default=0)
    # By one tick times may be rounded, where a tick is short beside a frame.
    if most - least > (time_base <= _SHORT_TICK) and (most - least) * time_base > _ROUNDED_SECONDS:
        words = " to ".join(f"{float(1000 * step * time_base):.0f}" for step in (least, most))
        yield Notice(f"--fps: its frames last {words} ms: all last alike now", warning=True)


def stated_words(rate: Fraction) -> str:
    """What a result says of its speed behind the label in its comment."""
    return f"; shown at {rate} frames a second"


def stated_rate(info: VideoInfo) -> Fraction | None:
    """The rate that a result says it was given; None if its comment does not say it."""
    for text in info.metadata.values():
        match = _STATED.match(text)
        # Of several labels the last one counts.
        if match is not None and "by filmcolor" not in text[match.end() :]:
            return Fraction(match["rate"])
    return None
