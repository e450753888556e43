"""Clocks: from the film's ticks to the container's, exactly where the container can.

Pure arithmetic on integers and fractions; it opens nothing and knows no encoder.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, lcm

MATROSKA_TIME_BASE = Fraction(1, 1000)
LEAST_TIMESCALE = 10_000
"""Ticks a second that mp4 tracks have at least; reached by whole factors, so nothing is rounded."""
LARGEST_TIMESCALE = 2**31 - 1
"""mp4 holds a time scale in 32 bits, FFmpeg in a signed integer."""
LONGEST_TICKS = 2**31 - 1
"""As long as no frame of an mp4 may last, for the same reason."""

FALLBACK_RATE = Fraction(25)
"""Frames a second where the film states no rate; a film with times is not changed by it."""


_COUNTED_RATES = [
    *(Fraction(rate) for rate in (24, 25, 30, 48, 50, 60)),
    *(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60)),
]


def counted_rate(rate: Fraction) -> Fraction:
    """The rate by which post houses count frames that a film's rate means, which may be rounded or
    measured; the same rate if it is none of them.
    """
    near = min(_COUNTED_RATES, key=lambda counted: abs(counted - rate))
    return near if abs(near - rate) < near / 2500 else rate


def frame_ticks(rate: Fraction | None, time_base: Fraction) -> int:
    """Ticks from one frame to the next at a film's rate, at least 1."""
    return max(1, round(1 / ((rate or FALLBACK_RATE) * time_base)))


def round_half_up(value: Fraction) -> int:
    """Nearest integer, halves upward."""
    return floor(value + Fraction(1, 2))


def exact_time_base(source: Fraction) -> Fraction:
    """1/n seconds such that every tick of `source` is a whole number of them, n at least 10,000.

    The denominator of a time base that FFmpeg gives fits 31 bits, and so does the result.
    """
    scale = source.denominator
    while scale < LEAST_TIMESCALE:
        scale *= 2
    return Fraction(1, scale)


def movie_timescale(video: Fraction, sample_rates: Iterable[int]) -> int:
    """Time scale of an mp4's edit lists: exact for the video and, if it fits, for the sound."""
    scale = video.denominator
    for rate in sample_rates:
        common = lcm(scale, rate)
        if common <= LARGEST_TIMESCALE:
            scale = common
    return scale


def is_exact(source: Fraction, output: Fraction) -> bool:
    """Whether every tick of `source` is a whole number of ticks of `output`."""
    return (source / output).denominator == 1


def lift_to_zero(earliest_seconds: Fraction, time_base: Fraction) -> Fraction:
    """Least whole number of ticks, in seconds, that lifts `earliest_seconds` to zero or later."""
    return max(0, ceil(-earliest_seconds / time_base)) * time_base


@dataclass(slots=True)
class Clock:
    """Turns pts of the film into pts of the output, in presentation order.

    A tick that would not come after the one before it (two frames within a millisecond in Matroska)
    becomes the next free one, so that no frame is lost and the order is kept.
    """

    source: Fraction
    """Time base of the pts that come in."""
    output: Fraction
    """Time base of the pts that go out."""
    offset_seconds: Fraction = Fraction(0)
    """Added to every time."""
    _last: int | None = field(default=None, init=False)

    def __call__(self, pts: int) -> int:
        ticks = round_half_up((pts * self.source + self.offset_seconds) / self.output)
        if self._last is not None:
            ticks = max(ticks, self._last + 1)
        self._last = ticks
        return ticks

    def duration(self, ticks: int) -> int:
        """Ticks of the output, at least 1, for `ticks` of the source."""
        return max(1, round_half_up(ticks * self.source / self.output))


@dataclass(slots=True)
class DecodeClock:
    """Decoding times for packets in coded order, whatever the encoder says of them.

    Packet k is decoded at the presentation time of frame k - `depth`, and before the first frame in
    steps of its duration; never later than it is shown if no frame is moved by more than `depth`.
    (x265 gives no usable times when the film is shorter than its look-ahead.)
    """

    depth: int
    """Frames by which the encoder may reorder."""
    _ahead: deque[int] = field(default_factory=deque, init=False)

    def give(self, pts: int, duration: int) -> None:
        """Take note of a frame, in presentation order, ticks of the output."""
        if not self._ahead and self.depth:
            self._ahead.extend(pts - step * duration for step in range(self.depth, 0, -1))
        self._ahead.append(pts)

    def next(self) -> int:
        """Decoding time of the next packet in coded order."""
        return self._ahead.popleft()


@dataclass(frozen=True, slots=True)
class Chapter:
    """A named stretch of the film, in seconds of the source's clock."""

    start: Fraction
    stop: Fraction
    metadata: dict[str, str]


def fit_chapters(
    chapters: Iterable[Chapter],
    offset: Fraction,
    first: Fraction | None,
    last: Fraction | None,
) -> list[Chapter]:
    """Chapters overlapping `first`..`last` (source seconds), clipped to it, shifted by `offset`."""
    fitted = []
    for chapter in chapters:
        if first is not None and chapter.start < first and chapter.stop <= first:
            continue
        if last is not None and chapter.start >= last:
            continue
        start = chapter.start if first is None else max(chapter.start, first)
        stop = chapter.stop if last is None else min(chapter.stop, last)
        fitted.append(Chapter(start + offset, stop + offset, chapter.metadata))
    return fitted
