"""The picture of two films, frame by frame, side by side: times, luma, colour.

Both are decoded at the same time and only a few frames of each are held. Where frames are missing,
added or moved, the two are brought together again by their times and by their luma, so that one
fault is told once. Other streams are not its concern.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from filmcolor.errors import MediaError
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.retiming import Retiming
from filmcolor.media.timebase import MATROSKA_TIME_BASE, frame_ticks, round_half_up
from filmcolor.options import VerifyOptions
from filmcolor.prefetch import prefetch
from filmcolor.types import Frame
from filmcolor.verify.findings import Findings, Place
from filmcolor.verify.picture import Difference
from filmcolor.verify.presentation import Presentation
from filmcolor.verify.tally import PictureTally, PictureVerdict

Watcher = Callable[[Frame, Frame], None]
"""Is shown a frame of the source and that of the result which belongs to it, with their chroma."""

_LATE_SECONDS = 1
_AHEAD = 5
"""Frames of each film that are looked at to find out which one is missing or added."""
_CONFIRMED = 3
"""Frames in a row that must fit better before it is believed that those after have been moved."""


@dataclass(frozen=True, slots=True)
class FilmSpan:
    """What the comparison of the picture has shown, in seconds of the source's clock."""

    frames: int
    """Of the source, that were compared."""
    first: Fraction
    """Time of the first of them."""
    end: Fraction
    """Where the last of them ends."""
    offset: Fraction
    """What is added to the source's times in the result."""
    picture: PictureVerdict
    retiming: Retiming | None = None
    """When frames are shown, if the result has another rate: then `first` and `end` are the
    source's, and `offset` is that of the result alone.
    """


class _Line:
    """The frames of one film with a look at the next few."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames = frames
        self._waiting: deque[Frame] = deque()

    def peek(self, ahead: int = 0) -> Frame | None:
        """The frame that is next, or comes so many after it; None past the end."""
        while len(self._waiting) <= ahead:
            frame = next(self._frames, None)
            if frame is None:
                return None
            self._waiting.append(frame)
        return self._waiting[ahead]

    def drop(self) -> None:
        """Go on to the next frame."""
        self._waiting.popleft()


class FilmComparison:
    """Compares the frames of two opened films of the same size; used once."""

    def __init__(
        self,
        source: FilmReader,
        result: FilmReader,
        options: VerifyOptions,
        findings: Findings,
        presentation: Presentation | None,
        *,
        exact_times: bool,
        watch: Watcher | None = None,
        rate: Fraction | None = None,
    ) -> None:
        """`exact_times`: the result's container keeps every pts. `rate`: frames a second that the
        film was to be shown at, in place of its own times.

        What is found goes into `findings`; `presentation` sees all pictures, and `watch` is
        shown every pair, in order.
        """
        self._readers = source, result
        self._source, self._result = source.info, result.info
        self._rate, self._clock = rate, source.info.time_base
        self._pts: list[int] = []
        self._lasting = 0
        if rate is not None:
            self._source = replace(source.info, time_base=1 / rate, rate=rate)
        self._options = options
        self._findings = findings
        self._presentation = presentation
        self._exact_times = exact_times
        self._watch = watch
        self._tally = PictureTally(self._source, result.info, options)
        self._tick = Fraction(0) if exact_times else MATROSKA_TIME_BASE
        self._offset = Fraction(0)
        self._shift = Fraction(0)
        """Seconds by which the frames after a missing or added one have been moved."""
        self._last_found: Frame | None = None
        self.span: FilmSpan | None = None
        """Set when `run` has ended."""

    def run(self) -> Generator[int, None, None]:
        """Compare; yields the number of frames of the source that are done."""
        reader, other = self._readers
        options, depth = self._options, self._source.queue_depth
        looks = (None, None) if self._presentation is None else self._presentation.looks
        wanted = reader.frames(
            start_seconds=options.start_seconds,
            duration_seconds=options.duration_seconds,
            deinterlace=options.deinterlace,
            with_chroma=self._watch is not None,
            look=looks[0],
        )
        written = other.frames(with_chroma=True, look=looks[1])
        with closing(prefetch(wanted, depth)) as first, closing(prefetch(written, depth)) as second:
            timed = first if self._rate is None else self._retimed(first)
            yield from self._walk(_Line(timed), _Line(self._until_damaged(second)))

    def _retimed(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The source's frames, each a tick after the other."""
        for frame in frames:
            self._pts.append(frame.pts)
            self._lasting = frame.duration
            yield replace(frame, pts=frame.index, duration=1)

    def _until_damaged(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The result's frames; what cannot be decoded of it is a fault, not an error."""
        try:
            yield from frames
        except MediaError as error:
            what, _, way_out = str(error).rpartition(": ")
            text = what if ": " in what else way_out
            self._findings.fault("damaged", f"the result cannot be decoded to its end: {text}")

    def _walk(self, source: _Line, result: _Line) -> Generator[int, None, None]:
        first = last = source.peek()
        if first is None or last is None:
            raise MediaError(f"{self._source.path}: no frame of its video can be decoded")
        if (head := result.peek()) is not None and not self._result.is_sequence:
            self._settle_offset(source, head)
        step = 0
        while (wanted := source.peek()) is not None and not self._tally.is_other_film:
            step = wanted.pts - last.pts or step
            last = wanted
            if self._meet(wanted, source, result):
                yield wanted.index + 1
        while not self._tally.is_other_film and result.peek() is not None:
            self._added(result, 1)
        lasts = last.duration or step or frame_ticks(self._source.rate, self._source.time_base)
        self._check_last(last, lasts)
        base = self._source.time_base
        retiming = self._retiming()
        self.span = FilmSpan(
            frames=last.index + 1,
            first=first.pts * base if retiming is None else retiming.first,
            end=(last.pts + lasts) * base if retiming is None else retiming.end,
            offset=self._offset,
            picture=self._tally.end(self._findings),
            retiming=retiming,
        )

    def _retiming(self) -> Retiming | None:
        if self._rate is None:
            return None
        steps = [after - before for before, after in pairwise(self._pts[-2:])]
        lasts = self._lasting or next(iter(steps), 1)
        return Retiming(self._pts, self._clock, lasts, self._rate)

    def _settle_offset(self, source: _Line, head: Frame) -> None:
        """The constant that is added to all times: what the result's first frame shows.

        If that frame is at the time that one of the next frames should have, those before it are
        missing, and it is not taken for the first.
        """
        base, at = self._source.time_base, self._seconds(head)
        near = [frame for ahead in range(_AHEAD) if (frame := source.peek(ahead)) is not None]
        first = near[0].pts * base
        promised = -first if self._options.start_seconds else Fraction(0)
        offset = at - first
        if any(abs(frame.pts * base + promised - at) <= self._tick for frame in near):
            offset = promised
        elif not self._exact_times:
            offset = round_half_up(offset / MATROSKA_TIME_BASE) * MATROSKA_TIME_BASE
        self._offset = offset
        if offset != promised:
            seconds = float(offset - promised)
            self._findings.note(f"all times are shifted by {seconds:+.6g} s, the same for all")
        elif at > _LATE_SECONDS:
            text = f"the result begins at {float(at):.6g} s, as the source does: players wait"
            self._findings.note(text)

    def _seconds(self, frame: Frame) -> Fraction:
        return frame.pts * self._result.time_base

    def _place(self, frame: Frame, detail: str = "") -> Place:
        return Place(frame.pts * self._source.time_base, frame.index, detail)

    def _late(self, wanted: Frame, found: Frame) -> Fraction:
        """Seconds by which a frame comes later than it should, after those that were moved.

        0 within what the container keeps: in Matroska a frame less than a millisecond after another
        one takes the next free one.
        """
        if self._result.is_sequence:
            return Fraction(0)  # frames have no times
        late = self._seconds(found) - wanted.pts * self._source.time_base
        late -= self._offset + self._shift
        if self._exact_times:
            return late
        before = self._last_found
        is_pushed = before is not None and found.pts - before.pts == 1 and late > 0
        return Fraction(0) if abs(late) <= self._tick or is_pushed else late

    def _meet(self, wanted: Frame, source: _Line, result: _Line) -> bool:
        """Bring the next frames of both together; whether one of the source is done with."""
        found = result.peek()
        if found is None:
            self._missing(source, 1)
            return True
        late, difference = self._late(wanted, found), self._tally.compare(wanted, found)
        can_be_same = self._tally.limits.can_be_same(difference)
        if late or not can_be_same:
            for ahead in range(1, _AHEAD):
                if self._explains(source, result, missing=ahead):
                    self._missing(source, ahead)
                    return True
                if self._explains(source, result, added=ahead):
                    self._added(result, ahead)
                    return False
            if not can_be_same and self._lies_beyond(late, source, result):
                if late > 0:
                    self._missing(source, 1)
                else:
                    self._added(result, 1)
                return late > 0
        self._pair(wanted, found, difference, late + self._shift)
        source.drop()
        result.drop()
        return True

    def _lies_beyond(self, late: Fraction, source: _Line, result: _Line) -> bool:
        """Whether one of two unlike frames has a time at which the other film is further on."""
        wanted, found = source.peek(int(late > 0)), result.peek(int(late < 0))
        if not late or wanted is None or found is None:
            return False
        return self._late(wanted, found) * late >= 0

    def _explains(self, source: _Line, result: _Line, missing: int = 0, added: int = 0) -> bool:
        """Whether all fits if so many frames are missing, or added, here.

        The next frames must be alike then. If the first of them is on time, that is enough, as long
        as it fits no worse than without. If not, the frames from here on have been moved: then
        several must fit twice as well as without. A frame that is merely coded badly is no reason.
        """
        alike = self._tally.limits.can_be_same
        for step in range(_CONFIRMED):
            wanted, found = source.peek(missing + step), result.peek(added + step)
            first, other = source.peek(step), result.peek(step)
            if wanted is None or found is None or first is None or other is None:
                break
            late = self._late(wanted, found)
            supposed, plain = self._tally.compare(wanted, found), self._tally.compare(first, other)
            if not alike(supposed):
                return False
            if step == 0 and not late:
                return not alike(plain) or supposed.rms <= plain.rms
            if supposed.rms > plain.rms / 2 or plain.is_exact:
                return False
        wanted, found = source.peek(missing), result.peek(added)
        if wanted is None or found is None:
            return False
        self._shift += self._late(wanted, found)
        return True

    def _pair(self, wanted: Frame, found: Frame, difference: Difference, late: Fraction) -> None:
        """Two frames that belong together."""
        if late:
            way = "late" if late > 0 else "early"
            detail = f"{float(abs(late)):.6g} s too {way}"
            self._findings.fault("time", "shown at another time", self._place(wanted, detail))
        self._tally.add(wanted, found, difference)
        if self._presentation is not None:
            self._presentation.pair(wanted, found, wanted.pts * self._source.time_base)
        self._last_found = found
        if self._watch is not None:
            seen = wanted if self._rate is None else replace(wanted, pts=self._pts[wanted.index])
            self._watch(seen, found)

    def _missing(self, source: _Line, count: int) -> None:
        for _ in range(count):
            if (frame := source.peek()) is not None:
                self._findings.fault("frame missing", "missing from the result", self._place(frame))
                source.drop()

    def _added(self, result: _Line, count: int) -> None:
        for _ in range(count):
            if (frame := result.peek()) is not None:
                place = Place(
                    self._seconds(frame) - self._offset, detail=f"its frame {frame.index}"
                )
                self._findings.fault("frame added", "not in the source", place)
                self._last_found = frame
                result.drop()

    def _check_last(self, frame: Frame, lasts: int) -> None:
        """Whether the last frame is shown as long as it should be, where the container says so."""
        found, expected = self._last_found, lasts * self._source.time_base
        if found is None or not self._exact_times or not found.duration:
            return
        if self._result.is_sequence:
            return
        stated = found.duration * self._result.time_base
        if abs(stated - expected) > MATROSKA_TIME_BASE:  # sources round it to the millisecond
            detail = f"{float(stated):.6g} s instead of {float(expected):.6g} s"
            text = "the last frame is not shown as long"
            self._findings.fault("last frame", text, self._place(frame, detail))
