"""Reading a film frame by frame: native luma planes, exact pts, in display order, each frame once.

`FilmReader` opens its file anew for every pass, so that nothing of one pass shows in another; a
pipe is read once. Colour is not its concern, nor are the other streams.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from types import TracebackType
from typing import Self, TypeVar

from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.stream import VideoStream

from filmcolor.errors import MediaError
from filmcolor.events import Notice
from filmcolor.media.read.damage import Damage, Decoded, Step, length_notices
from filmcolor.media.read.normalize import alike, changed, check_size, deinterlaced, is_alike
from filmcolor.media.read.open import (
    PIPE,
    SEEKABLE,
    can_seek,
    film_stream,
    media_errors,
    open_source,
)
from filmcolor.media.read.packets import repeating, strictly
from filmcolor.media.read.planes import PlaneReader
from filmcolor.media.read.probe import describe, first_frames
from filmcolor.media.read.sampling import (
    is_short,
    nearest,
    sample_reach,
    sample_times,
    strided,
    thinned,
)
from filmcolor.media.read.timestamps import ASSUMED_RATE, UNTIMED, Timed, stamp
from filmcolor.media.read.watchdog import FILE_SECONDS, PIPE_SECONDS, Heartbeat, with_timeout
from filmcolor.options import OnError
from filmcolor.types import Frame, VideoInfo

T = TypeVar("T")

# Containers that hold the pts themselves; in others (AVI, ASF) FFmpeg guesses them for B-frames.
_TRUE_PTS = (*SEEKABLE, "mpegts", "mpeg", "flv", "nut")
# Codecs that give a picture for every packet; others hide some, or say "as before" in some.
_ONE_A_PACKET = {
    *("h264", "hevc", "mpeg1video", "mpeg2video", "ffv1", "prores", "mjpeg", "vp9", "av1"),
    *("dnxhd", "huffyuv", "rawvideo"),
}
_LEAD_SECONDS = 2  # how much earlier than asked for a seek goes


class FilmReader:
    """A film, opened: what it is (`info`), its frames, a few samples, and what there is to say.

    `on_error` says what becomes of frames that cannot be decoded: "stop" raises `MediaError` with
    the place of the first one; "repeat" gives the last good frame's luma in their place, at their
    own times, and brings frames of another size to that of the first. Notices count them.

    Use as a context manager. Raises `MediaError` for what cannot be read as a film, and when
    reading hangs (see `watchdog`).
    """

    def __init__(self, path: str, on_error: OnError = "stop") -> None:
        self._path = path
        self._on_error = on_error
        self._notices: list[Notice] = []
        self._pulse = Heartbeat()
        self._pipe: InputContainer | None = None
        self._kept: list[Decoded] = []
        self._piped: Generator[Decoded, None, None] | None = None
        self._damage = Damage(Fraction(1))  # of a pipe, which is read but once
        (self.info,) = self._patiently(self._opened())
        self._damage.time_base = self.info.time_base
        if self.info.conversion:
            self._notices.append(Notice(self.info.conversion))

    def _opened(self) -> Generator[VideoInfo, None, None]:
        container = open_source(self._path, self._pulse)
        try:
            stream = film_stream(container, self._path, self._threads)
            is_pipe = self._path == PIPE
            firsts = [] if is_pipe else first_frames(container, stream, self._pulse)
            info = describe(self._path, container, stream, firsts)
            self._is_seekable = not is_pipe and can_seek(container)
            self._states_length = bool(stream.duration)
            if is_pipe:
                self._pipe = container
                self._piped = self._decoded(container, stream, self._damage)
        finally:
            if self._pipe is None:
                container.close()
        yield info

    def _patiently(self, items: Generator[T, None, None]) -> Generator[T, None, None]:
        """The same items, or `MediaError` when reading hangs."""
        # A pipe times out by itself; here it is given longer than that.
        seconds = 2 * PIPE_SECONDS if self._path == PIPE else FILE_SECONDS
        return with_timeout(items, self._pulse, self._name, seconds)

    @property
    def _step(self) -> Step:
        info = self.info
        ticks = max(1, round(1 / ((info.rate or ASSUMED_RATE) * info.time_base)))
        is_timed = info.container.startswith(_TRUE_PTS) and info.container not in UNTIMED
        is_plain = info.rate is not None and info.codec in _ONE_A_PACKET and not info.interlaced
        return Step(ticks, is_timed and is_plain)

    @property
    def _threads(self) -> ThreadType:
        """Frame threads tell an error too late to know its frame."""
        return ThreadType.AUTO if self._on_error == "stop" else ThreadType.SLICE

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of a pipe; passes over a file close what they opened themselves."""
        self._kept.clear()
        self._piped = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    @property
    def notices(self) -> list[Notice]:
        """What the user should know of this film, so far; grows while frames are read."""
        return list(self._notices)

    def frames(
        self,
        *,
        start_seconds: Fraction | None = None,
        duration_seconds: Fraction | None = None,
        deinterlace: bool = False,
        with_chroma: bool = False,
    ) -> Generator[Frame, None, None]:
        """Every frame in display order, counted from 0; or those of a part of the film.

        `start_seconds` and `duration_seconds` select the frames with start <= t < start + duration,
        t being the time since the film's first frame. `deinterlace` gives one whole frame for each
        interlaced one (its luma is then no longer the source's). Raises `MediaError` when nothing
        can be decoded, when reading hangs, when no frame is in the part, and unless told to repeat
        when the picture changes its size and when the data are damaged.
        """
        part = start_seconds or Fraction(0), duration_seconds
        return self._patiently(self._frames(*part, is_whole=deinterlace, with_chroma=with_chroma))

    def _frames(
        self, start: Fraction, length: Fraction | None, *, is_whole: bool, with_chroma: bool
    ) -> Generator[Frame, None, None]:
        stop = None if length is None else start + length
        damage = self._damage if self._path == PIPE else Damage(self.info.time_base)
        timed, origin = self._timed_from(start, damage)
        if self._on_error == "repeat":
            timed = alike(timed, self.info, damage)
        if is_whole:
            timed = deinterlaced(timed, self.info)
        reader = PlaneReader(self.info.layout, self.info.tags.matrix)
        index, last, unexpected = 0, origin, 0
        try:
            for entry in timed:
                seconds = (entry.pts - origin) * self.info.time_base
                if stop is not None and seconds >= stop:
                    break
                last = entry.pts
                if seconds < start:
                    continue
                frame = self._frame(reader, entry, index, with_chroma=with_chroma)
                yield replace(frame, interlaced=False) if is_whole else frame
                index += 1
                unexpected += entry.picture.interlaced_frame and not self.info.interlaced
        finally:
            timed.close()
        length_seconds = (last - origin) * self.info.time_base
        if index == 0:
            raise MediaError(
                f"{self._name}: no frame at {float(start):g} s: "
                f"its last frame is at {float(length_seconds):.2f} s, choose an earlier --start"
            )
        self._notices.extend(damage.notices())
        if unexpected:
            self._notices.append(
                Notice(
                    f"{unexpected} frames are interlaced, but the film does not begin so: their "
                    "fields are not told apart",
                    warning=True,
                )
            )
        if stop is None:
            states = self._states_length
            self._notices.extend(length_notices(self.info, damage, origin, last, states))

    def frames_from(
        self, pts: int, *, deinterlace: bool = False, seek: bool = True
    ) -> Generator[Frame, None, None]:
        """The film's frames from the one at `pts` on, in ticks, counted from 0.

        Where seeking can be trusted (and `seek` allows it), decoding begins a little before it,
        elsewhere at the film's beginning. Raises `MediaError` as `frames` does.
        """
        return self._patiently(self._frames_from(pts, is_whole=deinterlace, seek=seek))

    def _frames_from(self, pts: int, *, is_whole: bool, seek: bool) -> Generator[Frame, None, None]:
        damage = Damage(self.info.time_base)
        timed = self._landed(pts, damage) if seek else self._timed(None, damage)
        if self._on_error == "repeat":
            timed = alike(timed, self.info, damage)
        if is_whole:
            timed = deinterlaced(timed, self.info)
        reader = PlaneReader(self.info.layout, self.info.tags.matrix)
        index = 0
        try:
            for entry in timed:
                if entry.pts >= pts:
                    frame = self._frame(reader, entry, index, with_chroma=False)
                    yield replace(frame, interlaced=False) if is_whole else frame
                    index += 1
        finally:
            timed.close()

    def first_pts(self) -> int:
        """When the film begins, in ticks: times that people give count from there.

        Of a pipe only after `sample`, which has read its first frame. Raises `MediaError` as
        `frames` does.
        """
        if self._kept:
            return next(stamp(iter(self._kept[:1]), self.info)).pts
        with closing(self.frames()) as frames:
            return next(frames).pts

    def sample(self, count: int) -> list[Frame]:
        """Up to `count` frames spread over the film, with chroma, in order; indices are not the
        film's.

        A pipe gives its first frames, which `frames` delivers again. Raises `MediaError` when no
        frame can be decoded.
        """
        return list(self._patiently(self._samples(count)))

    def _samples(self, count: int) -> Generator[Frame, None, None]:
        if self._piped is not None:
            while len(self._kept) < count and (decoded := next(self._piped, None)) is not None:
                self._kept.append(decoded)
            entries = list(stamp(iter(self._kept), self.info))
        else:
            entries = self._sampled(count)
        if not entries:
            raise MediaError(f"{self._name}: no frame of its video can be decoded")
        reader = PlaneReader(self.info.layout, self.info.tags.matrix)
        alike = [entry for entry in entries if is_alike(entry.picture, self.info)]
        for index, entry in enumerate(alike[:count]):
            yield self._frame(reader, entry, index, with_chroma=True)

    @property
    def _name(self) -> str:
        return "standard input" if self._path == PIPE else self._path

    @property
    def can_seek(self) -> bool:
        """Whether a place is found without decoding all before it."""
        return self._is_seekable

    def _frame(self, reader: PlaneReader, entry: Timed, index: int, *, with_chroma: bool) -> Frame:
        picture = entry.picture
        check_size(picture, self.info, index)
        try:
            luma, chroma = reader.read(picture, with_chroma=with_chroma)
        except ValueError as error:
            raise changed(self.info, index, picture.format.name, self.info.source_format) from error
        info = self.info
        has_fields = info.interlaced and (picture.interlaced_frame or not info.frames_state_fields)
        return Frame(index, entry.pts, luma, entry.duration, chroma, interlaced=has_fields)

    def _timed_from(
        self, start: Fraction, damage: Damage
    ) -> tuple[Generator[Timed, None, None], int]:
        """The film's frames from shortly before `start`, and the pts of its very first one."""
        seeks = self.can_seek and start > _LEAD_SECONDS
        # Between the first frame and those after a seek nothing is lost.
        timed = self._timed(None, Damage(self.info.time_base) if seeks else damage)
        first = next(timed, None)
        if first is None:
            raise MediaError(f"{self._name}: no frame of its video can be decoded")
        wanted = first.pts + start / self.info.time_base
        if not seeks:
            return _rejoin([first], timed), first.pts
        timed.close()
        return self._landed(wanted, damage), first.pts

    def _landed(self, pts: int | Fraction, damage: Damage) -> Generator[Timed, None, None]:
        """The film's frames from shortly before `pts`, or all where seeking cannot be trusted."""
        if self.can_seek:
            timed = self._timed(int(pts - _LEAD_SECONDS / self.info.time_base), damage)
            landed = next(timed, None)
            if landed is not None and landed.pts <= pts:
                return _rejoin([landed], timed)
            timed.close()
        return self._timed(None, damage)

    def _timed(self, seek_to: int | None, damage: Damage) -> Generator[Timed, None, None]:
        """The film's frames with their times; a file is opened for them and closed after them."""
        if self._path == PIPE:
            if self._piped is None:
                raise MediaError("standard input: read already, it cannot be read twice")
            piped, self._piped = chain(self._take_kept(), self._piped), None
            yield from stamp(piped, self.info, self._notices.append)
            return
        with open_source(self._path) as container:
            stream = film_stream(container, self._path, self._threads)
            if seek_to is not None:
                with media_errors(self._path):
                    container.seek(seek_to, stream=stream)
            pictures = self._decoded(container, stream, damage)
            yield from stamp(pictures, self.info, self._notices.append)

    def _take_kept(self) -> Iterator[Decoded]:
        kept, self._kept = deque(self._kept), []
        while kept:
            yield kept.popleft()

    def _decoded(
        self, container: InputContainer, stream: VideoStream, damage: Damage
    ) -> Generator[Decoded, None, None]:
        """Everything the decoder gives, and what `on_error` says where it gives nothing."""
        read = repeating if self._on_error == "repeat" else strictly
        try:
            yield from read(container, stream, self._name, damage, self._pulse, self._step)
        except MediaError as error:
            if self._pulse.failure not in (None, error):
                raise self._pulse.failure from error
            raise
        if self._pulse.failure is not None:
            raise self._pulse.failure
        is_parallel = stream.thread_type != ThreadType.SLICE and self._path != PIPE
        if is_parallel and damage.lacks:
            yield from self._tail(damage)

    def _tail(self, damage: Damage) -> Generator[Decoded, None, None]:
        """The frames after the last one shown, decoded without frame threads.

        When frames are decoded in parallel, an error among the last of them hides those behind it;
        decoded one by one, the same data show whether something is missing, and where.
        """
        shown = damage.last
        again = Damage(damage.time_base)
        with open_source(self._path) as container:
            stream = film_stream(container, self._path, ThreadType.SLICE)
            if self.can_seek and shown is not None:
                with media_errors(self._path):
                    container.seek(shown - int(_LEAD_SECONDS / self.info.time_base), stream=stream)
            for decoded in strictly(container, stream, self._name, again, self._pulse, self._step):
                if decoded.time is not None and (shown is None or decoded.time > shown):
                    yield damage.note(decoded)

    def _sampled(self, count: int) -> list[Timed]:
        """Frames at the middle of `count` equal parts, or as near as a few decoded frames come."""
        info = self.info
        if info.duration is None or info.container in UNTIMED or is_short(info):
            return self._strided(count)
        reach = sample_reach(info)
        found: dict[int, Timed] = {}
        with open_source(self._path) as container:
            stream = film_stream(container, self._path, self._threads)
            for wanted in sample_times(info, stream.start_time or 0, count):
                damage, landed = Damage(info.time_base), None
                # Where there is damage nothing is seen; `frames` tells its true place.
                with suppress(MediaError):
                    with media_errors(self._path):
                        container.seek(wanted, stream=stream)
                    decoded = self._decoded(container, stream, damage)
                    with closing(stamp(decoded, info)) as timed:
                        landed = nearest(timed, wanted, reach)
                if landed is not None:
                    found[landed.pts] = landed
        samples = [found[pts] for pts in sorted(found)]
        if not samples:
            return self._strided(count)
        if 2 * len(samples) < count and not self.can_seek:
            # Times leap, so that most of those asked for are not there.
            with suppress(MediaError), closing(self._timed(None, Damage(info.time_base))) as timed:
                return thinned(timed, count, info)
        return samples

    def _strided(self, count: int) -> list[Timed]:
        with closing(self._timed(None, Damage(self.info.time_base))) as timed:
            return strided(timed, count, self.info)


def _rejoin(
    firsts: Sequence[Timed], rest: Generator[Timed, None, None]
) -> Generator[Timed, None, None]:
    """Entries taken from a generator, and then the rest of it; closes it."""
    try:
        yield from firsts
        yield from rest
    finally:
        rest.close()
