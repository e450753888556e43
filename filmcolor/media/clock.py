"""The time of every frame: its own pts, and what stands in where the container has none."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from fractions import Fraction

from av.video.frame import VideoFrame

from filmcolor.types import Notice, VideoInfo

# Demuxers of bare video streams: what they give as pts is made up, and wrong with B-frames.
_UNTIMED = {
    *("h261", "h263", "h264", "hevc", "vvc", "evc", "obu", "m4v", "mpegvideo", "mjpeg"),
    *("vc1", "dirac", "cavsvideo", "avs2", "avs3"),
}
_ASSUMED_RATE = Fraction(25)  # frames a second, where nothing says anything
_MOST_HELD = 16  # pictures held back while waiting for a first known time


@dataclass(frozen=True, slots=True)
class Timed:
    """A decoded picture and its time, in ticks of the film's time base."""

    picture: VideoFrame
    pts: int
    duration: int
    """Ticks; 0 when the source does not say."""


def stamp(
    pictures: Iterable[VideoFrame],
    info: VideoInfo,
    tell: Callable[[Notice], None] = lambda notice: None,
) -> Generator[Timed, None, None]:
    """Give every picture its pts: the container's, else its dts, else counted on at the rate.

    Pictures before the first known time (raw streams have none at all) are counted back from it. A
    time that does not advance is moved one tick after the one before, since no container can hold
    it; `tell` is told once.
    """
    step = _step(info)
    held: list[VideoFrame] = []
    last: int | None = None
    own_step = step
    is_told = False
    is_untimed = info.container in _UNTIMED
    for picture in pictures:
        known = None if is_untimed else _known(picture)
        if known is None and last is None and len(held) < _MOST_HELD:
            held.append(picture)
            continue
        if known is None:
            known = _lasting(held, step) if last is None else last + own_step
        yield from _before(held, known, step)
        held.clear()
        if last is not None and known <= last:
            known = last + 1
            if not is_told:
                is_told = True
                tell(Notice("frame times that did not advance were moved by a tick", warning=True))
        last, own_step = known, _own_step(picture, step)
        yield Timed(picture, known, picture.duration)
    yield from _before(held, _lasting(held, step), step)


def _known(picture: VideoFrame) -> int | None:
    return picture.pts if picture.pts is not None else picture.dts


def _before(held: list[VideoFrame], known: int, step: int) -> Generator[Timed, None, None]:
    """Pictures without times, counted back from the time of the one after them."""
    pts = known - _lasting(held, step)
    for picture in held:
        yield Timed(picture, pts, picture.duration)
        pts += _own_step(picture, step)


def _lasting(held: list[VideoFrame], step: int) -> int:
    """Ticks that these pictures last."""
    return sum(_own_step(picture, step) for picture in held)


def _step(info: VideoInfo) -> int:
    """Ticks from one frame to the next at the film's rate, at least 1."""
    return max(1, round(1 / (info.rate or _ASSUMED_RATE) / info.time_base))


def _own_step(picture: VideoFrame, step: int) -> int:
    return picture.duration if picture.duration > 0 else step
