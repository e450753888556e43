"""The time of every frame: its own pts, and what stands in where the container has none."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from itertools import chain, pairwise

from av.video.frame import VideoFrame

from filmcolor.events import Notice
from filmcolor.media.read.damage import ASTRAY, Decoded
from filmcolor.media.splices import FAR_SECONDS
from filmcolor.media.timebase import frame_ticks
from filmcolor.types import Ancillary, VideoInfo

UNTIMED = {
    *("h261", "h263", "h264", "hevc", "vvc", "evc", "obu", "m4v", "mpegvideo", "mjpeg"),
    *("vc1", "dirac", "cavsvideo", "avs2", "avs3"),
}
"""Demuxers of bare video streams: what they give as pts is made up, and wrong with B-frames."""
_MOST_HELD = 16  # pictures held back while waiting for a first known time, or for one in order
_HELD_IN_DOUBT = 4  # pictures behind a gap that may be a reordered one's place


@dataclass(frozen=True, slots=True)
class Timed:
    """A decoded picture and its time, in ticks of the film's time base."""

    picture: VideoFrame
    pts: int
    duration: int
    """Ticks; 0 when the source does not say."""
    ancillary: Ancillary | None = None
    """What is said beside it; of a picture that stands in for another nothing."""


def stamp(
    pictures: Iterable[Decoded],
    info: VideoInfo,
    notify: Callable[[Notice], None] = lambda notice: None,
    *,
    holds: bool = True,
) -> Generator[Timed, None, None]:
    """Give every picture its pts: the container's, else its dts, else counted on at the rate.

    Pictures before the first known time (raw streams have none at all) are counted back from it. A
    single time far from those around it is not believed. Where times are in another order than the
    pictures, these get them sorted. Any other that does not advance is moved one tick after the one
    before, since no container can hold it.
    `notify` is told once of each, of the last at the end. Unless `holds`, no picture is held back
    to see whether a later time comes before its own, where the film is not known for that.
    (Where times begin anew, the packets' are carried on before: see `splices`.)
    """
    clock = _Clock(info, notify)
    held: list[Decoded] = []
    is_untimed = info.container in UNTIMED
    if not is_untimed and (holds or info.times_disordered):
        pictures = _InOrder(info).of(pictures)
    try:
        for decoded, after in pairwise(chain(pictures, (None,))):
            assert decoded is not None  # only the last one is
            following = None if after is None else after.time
            pts = None if is_untimed else clock.place(decoded.time, following)
            if pts is None and clock.last is None and len(held) < _MOST_HELD:
                held.append(decoded)
                continue
            if pts is None:
                pts = clock.counted_on(held)
            yield from clock.before(held, pts)
            held.clear()
            yield clock.timed(decoded, pts)
        yield from clock.before(held, clock.lasting(held))
    finally:
        clock.tell_pushed()


class _InOrder:
    """The pictures in their order, with times that are in order too.

    Some files give a picture the time of its packet's turn (VC-1 and RealVideo with B-frames: 0,
    84, 42, 167 ms). All times are right but one picture's place, and are sorted in a window;
    unknown ones stay unknown. Until that is seen of a film, pictures are held back only behind a
    gap, which such times always begin with: two pictures, or as many as may have been reordered.
    """

    def __init__(self, info: VideoInfo) -> None:
        self._step = frame_ticks(info.rate, info.time_base)
        self._far = FAR_SECONDS / info.time_base
        self._is_sorting = info.times_disordered
        self._waiting: deque[Decoded] = deque()
        self._last: int | None = None

    def of(self, pictures: Iterable[Decoded]) -> Generator[Decoded, None, None]:
        """The same pictures, each with the time of its place."""
        for decoded in pictures:
            self._waiting.append(decoded)
            while self._waiting and len(self._waiting) > self._held():
                yield self._first()
        while self._waiting:
            self._held()
            yield self._first()

    def _held(self) -> int:
        """How many pictures are held back now."""
        first = self._waiting[0].time
        if self._is_sorting or first is None or self._last is None:
            return _MOST_HELD if self._is_sorting else 0
        later = (each.time for each in self._waiting if each.time is not None)
        self._is_sorting = any(self._last < time < first < time + self._far for time in later)
        if self._is_sorting:
            return _MOST_HELD
        return _HELD_IN_DOUBT if 3 * self._step < 2 * (first - self._last) else 1

    def _first(self) -> Decoded:
        decoded = self._waiting.popleft()
        if decoded.time is None:
            return decoded
        if self._is_sorting:
            times = (
                (each.time, at) for at, each in enumerate(self._waiting) if each.time is not None
            )
            least, at = min(times, default=(decoded.time, 0))
            if least < decoded.time:
                self._waiting[at] = replace(self._waiting[at], time=decoded.time)
                decoded = replace(decoded, time=least)
        if self._last is not None and decoded.time is not None:
            self._step = max(1, decoded.time - self._last)
        self._last = decoded.time
        return decoded


class _Clock:
    """Where the film's time stands."""

    def __init__(self, info: VideoInfo, notify: Callable[[Notice], None]) -> None:
        self._tick = info.time_base
        self._step = frame_ticks(info.rate, info.time_base)
        self._notify = notify
        self._noticed: set[str] = set()
        self._own_step = self._step
        self._pushed = 0
        self.last: int | None = None

    def place(self, time: int | None, following: int | None) -> int | None:
        """Where a picture of this time goes; None: its time is unknown, or not believed."""
        if time is None or self.last is None:
            return time
        is_far = abs(time - self.last) * self._tick >= FAR_SECONDS
        goes_on = following is not None and following > self.last
        if is_far and goes_on and not self.last < time <= (following or 0):
            self._notice(ASTRAY)
            return None
        if time > self.last:
            return time
        self._pushed += 1
        return self.last + 1

    def tell_pushed(self) -> None:
        """Tell how many times did not advance."""
        if self._pushed:
            what = "1 frame time" if self._pushed == 1 else f"{self._pushed} frame times"
            self._notice(f"{what} that did not advance: moved by a tick")

    def counted_on(self, held: list[Decoded]) -> int:
        """The time of a picture that has none of its own."""
        return self.lasting(held) if self.last is None else self.last + self._own_step

    def timed(self, decoded: Decoded, pts: int) -> Timed:
        """The picture at its time, which is now the last one."""
        self.last, self._own_step = pts, _own_step(decoded, self._step)
        return Timed(decoded.picture, pts, decoded.duration, decoded.ancillary)

    def before(self, held: list[Decoded], pts: int) -> Generator[Timed, None, None]:
        """Pictures without times, counted back from the time of the one after them."""
        pts = pts - self.lasting(held)
        for decoded in held:
            yield Timed(decoded.picture, pts, decoded.duration, decoded.ancillary)
            pts += _own_step(decoded, self._step)

    def lasting(self, held: list[Decoded]) -> int:
        """Ticks that these pictures last."""
        return sum(_own_step(decoded, self._step) for decoded in held)

    def _notice(self, text: str) -> None:
        if text not in self._noticed:
            self._noticed.add(text)
            self._notify(Notice(text, warning=True))


def _own_step(decoded: Decoded, step: int) -> int:
    return decoded.duration if decoded.duration > 0 else step
