"""Reading a film frame by frame: native luma planes, exact pts, in display order, each frame once.

`FilmReader` opens its file anew for every pass, so that nothing of one pass shows in another; a
pipe is read once. Colour is not its concern, nor are the other streams.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from types import TracebackType
from typing import Self

import av
import av.error
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from filmcolor.errors import MediaError
from filmcolor.media.clock import Timed, stamp
from filmcolor.media.deinterlace import deinterlace
from filmcolor.media.planes import PlaneReader
from filmcolor.media.probe import describe, first_frames
from filmcolor.media.source import PIPE, film_stream, media_errors, open_source
from filmcolor.types import Frame, Notice, VideoInfo

# Containers whose seeking lands on a key frame at or before the time asked for, with true pts. The
# others (MPEG-1/2 streams, AVI, raw streams) are read from their beginning.
_SEEKABLE = ("mov,", "matroska")
_LEAD_SECONDS = 2  # how much earlier than asked for a seek goes
_SAMPLE_PIXELS = 25_000_000  # decoded at most on the way from a key frame to a sample
_STRIDE_PIXELS = 200_000_000  # decoded at most for samples taken in one pass from the beginning


class FilmReader:
    """A film, opened: what it is (`info`), its frames, a few samples, and what there is to say.

    Use as a context manager. Raises `MediaError` for what cannot be read as a film.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._notices: list[Notice] = []
        self._pipe: InputContainer | None = None
        self._kept: list[VideoFrame] = []
        self._piped: Iterator[VideoFrame] | None = None
        container = open_source(path)
        try:
            stream = film_stream(container, path)
            is_pipe = path == PIPE
            firsts = [] if is_pipe else first_frames(container, stream)
            self.info: VideoInfo = describe(path, container, stream, firsts)
            if is_pipe:
                self._pipe = container
                self._piped = self._decoded(container, stream)
        finally:
            if self._pipe is None:
                container.close()
        if self.info.conversion:
            self._notices.append(Notice(self.info.conversion))

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
        can be decoded, when the picture changes its size, when the data are damaged, and when no
        frame is in the part.
        """
        start = start_seconds or Fraction(0)
        stop = None if duration_seconds is None else start + duration_seconds
        timed, origin = self._timed_from(start)
        if deinterlace:
            timed = _deinterlaced(timed, self.info)
        reader = PlaneReader(self.info.layout, self.info.tags.matrix)
        index, last = 0, origin
        try:
            for entry in timed:
                seconds = (entry.pts - origin) * self.info.time_base
                if stop is not None and seconds >= stop:
                    break
                last = entry.pts
                if seconds < start:
                    continue
                yield self._frame(reader, entry, index, with_chroma=with_chroma)
                index += 1
        finally:
            timed.close()
        if index == 0:
            length = float((last - origin) * self.info.time_base)
            raise MediaError(
                f"{self._name}: no frame at {float(start):g} s: "
                f"its last frame is at {length:.2f} s, choose an earlier --start"
            )

    def frames_from(
        self, pts: int, *, deinterlace: bool = False, seek: bool = True
    ) -> Generator[Frame, None, None]:
        """The film's frames from the one at `pts` on, in ticks, counted from 0.

        Where seeking can be trusted (and `seek` allows it), decoding begins a little before it,
        elsewhere at the film's beginning. Raises `MediaError` as `frames` does.
        """
        timed = self._landed(pts) if seek else self._timed(None)
        if deinterlace:
            timed = _deinterlaced(timed, self.info)
        reader = PlaneReader(self.info.layout, self.info.tags.matrix)
        index = 0
        try:
            for entry in timed:
                if entry.pts >= pts:
                    yield self._frame(reader, entry, index, with_chroma=False)
                    index += 1
        finally:
            timed.close()

    def sample(self, count: int) -> list[Frame]:
        """Up to `count` frames spread over the film, with chroma, in order; indices are not the
        film's.

        A pipe gives its first frames, which `frames` delivers again. Raises `MediaError` when no
        frame can be decoded.
        """
        if self._piped is not None:
            while len(self._kept) < count and (frame := next(self._piped, None)) is not None:
                self._kept.append(frame)
            entries = list(stamp(iter(self._kept), self.info))
        else:
            entries = self._sampled(count)
        if not entries:
            raise MediaError(f"{self._name}: no frame of its video can be decoded")
        reader = PlaneReader(self.info.layout, self.info.tags.matrix)
        size = self.info.width, self.info.height
        alike = [entry for entry in entries if (entry.picture.width, entry.picture.height) == size]
        return [
            self._frame(reader, entry, index, with_chroma=True)
            for index, entry in enumerate(alike[:count])
        ]

    @property
    def _name(self) -> str:
        return "standard input" if self._path == PIPE else self._path

    @property
    def _can_seek(self) -> bool:
        return self._path != PIPE and self.info.container.startswith(_SEEKABLE)

    def _frame(self, reader: PlaneReader, entry: Timed, index: int, *, with_chroma: bool) -> Frame:
        picture = entry.picture
        _check_size(picture, self.info, index)
        try:
            luma, chroma = reader.read(picture, with_chroma=with_chroma)
        except ValueError as error:
            raise _changed(
                self.info, index, picture.format.name, self.info.source_format
            ) from error
        return Frame(index, entry.pts, luma, entry.duration, chroma)

    def _timed_from(self, start: Fraction) -> tuple[Generator[Timed, None, None], int]:
        """The film's frames from shortly before `start`, and the pts of its very first one."""
        timed = self._timed(None)
        first = next(timed, None)
        if first is None:
            raise MediaError(f"{self._name}: no frame of its video can be decoded")
        wanted = first.pts + start / self.info.time_base
        if not self._can_seek or start <= _LEAD_SECONDS:
            return _rejoin([first], timed), first.pts
        timed.close()
        return self._landed(wanted), first.pts

    def _landed(self, pts: int | Fraction) -> Generator[Timed, None, None]:
        """The film's frames from shortly before `pts`, or all where seeking cannot be trusted."""
        if self._can_seek:
            timed = self._timed(int(pts - _LEAD_SECONDS / self.info.time_base))
            landed = next(timed, None)
            if landed is not None and landed.pts <= pts:
                return _rejoin([landed], timed)
            timed.close()
        return self._timed(None)

    def _timed(self, seek_to: int | None) -> Generator[Timed, None, None]:
        """The film's frames with their times; a file is opened for them and closed after them."""
        if self._path == PIPE:
            if self._piped is None:
                raise MediaError("standard input: read already, it cannot be read twice")
            piped, self._piped = chain(self._take_kept(), self._piped), None
            yield from stamp(piped, self.info, self._notices.append)
            return
        with open_source(self._path) as container:
            stream = film_stream(container, self._path)
            if seek_to is not None:
                with media_errors(self._path):
                    container.seek(seek_to, stream=stream)
            pictures = self._decoded(container, stream)
            yield from stamp(pictures, self.info, self._notices.append)

    def _take_kept(self) -> Iterator[VideoFrame]:
        kept, self._kept = deque(self._kept), []
        while kept:
            yield kept.popleft()

    def _decoded(
        self, container: InputContainer, stream: VideoStream
    ) -> Generator[VideoFrame, None, None]:
        """Everything the decoder gives, flushed at the end.

        What cannot be decoded before the first frame is passed over (a recording may begin between
        two key frames); later it is an error, told with its place.
        """
        count, seconds = 0, 0.0
        latest: int | None = None  # the highest time sent to the decoder
        shown: int | None = None  # the highest time it gave back
        packets = container.demux(stream)
        while True:
            is_flush = False
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                is_flush = packet.size == 0
                if packet.pts is not None and not packet.is_discard:
                    latest = packet.pts if latest is None else max(latest, packet.pts)
                pictures = packet.decode()
            except (av.error.FFmpegError, OSError) as error:
                if is_flush and latest is not None:
                    break
                if count == 0 and isinstance(error, av.error.InvalidDataError):
                    continue
                raise MediaError(
                    f"{self._name}: damaged after frame {count} ({seconds:.2f} s): "
                    "repair it, or colour the part before with --duration"
                ) from error
            for picture in pictures:
                count += 1
                if picture.pts is not None:
                    shown = picture.pts if shown is None else max(shown, picture.pts)
                    seconds = float(picture.pts * self.info.time_base)
                yield picture
        is_parallel = stream.thread_type != ThreadType.SLICE and self._path != PIPE
        if is_parallel and latest is not None and (shown is None or shown < latest):
            yield from self._tail(shown)

    def _tail(self, shown: int | None) -> Generator[VideoFrame, None, None]:
        """The frames after the time `shown`, decoded without frame threads.

        When frames are decoded in parallel, an error among the last of them hides those behind it;
        decoded one by one, the same data show whether something is missing, and where.
        """
        with open_source(self._path) as container:
            stream = film_stream(container, self._path, ThreadType.SLICE)
            if self._can_seek and shown is not None:
                with media_errors(self._path):
                    container.seek(shown - int(_LEAD_SECONDS / self.info.time_base), stream=stream)
            for picture in self._decoded(container, stream):
                if picture.pts is not None and (shown is None or picture.pts > shown):
                    yield picture

    def _sampled(self, count: int) -> list[Timed]:
        """Frames at the middle of `count` equal parts, or as near as a few decoded frames come."""
        pixels = self.info.width * self.info.height
        frames = self.info.frame_count
        is_short = frames is not None and frames * pixels <= _STRIDE_PIXELS
        if is_short or not self._can_seek or self.info.duration is None:
            return self._strided(count)
        reach = max(1, _SAMPLE_PIXELS // pixels)
        found: dict[int, Timed] = {}
        with open_source(self._path) as container:
            stream = film_stream(container, self._path)
            origin = stream.start_time or 0
            for part in range(count):
                moment = self.info.duration * (2 * part + 1) / (2 * count)
                wanted = origin + int(moment / self.info.time_base)
                with media_errors(self._path):
                    container.seek(wanted, stream=stream)
                with closing(stamp(self._decoded(container, stream), self.info)) as timed:
                    landed = _nearest(timed, wanted, reach)
                if landed is not None:
                    found[landed.pts] = landed
        return [found[pts] for pts in sorted(found)] or self._strided(count)

    def _strided(self, count: int) -> list[Timed]:
        """Frames evenly spread over a short film, or over the beginning of one without seeking."""
        reach = max(count, _STRIDE_PIXELS // (self.info.width * self.info.height))
        if self.info.frame_count is not None:
            reach = min(reach, max(count, self.info.frame_count))
        step = max(1, reach // count)
        found: list[Timed] = []
        with closing(self._timed(None)) as timed:
            for number, entry in zip(range(step * count), timed, strict=False):
                if number == step // 2:
                    found.clear()  # the film is at least so long: its first frame is not needed
                if number == 0 or number % step == step // 2:
                    found.append(entry)
        return found


def _rejoin(
    firsts: Sequence[Timed], rest: Generator[Timed, None, None]
) -> Generator[Timed, None, None]:
    """Entries taken from a generator, and then the rest of it; closes it."""
    try:
        yield from firsts
        yield from rest
    finally:
        rest.close()


def _nearest(timed: Iterable[Timed], wanted: int, reach: int) -> Timed | None:
    """The last of at most `reach` entries that is not after `wanted`, or the first one."""
    best: Timed | None = None
    for number, entry in enumerate(timed):
        if best is not None and (entry.pts > wanted or number >= reach):
            break
        best = entry
    return best


def _deinterlaced(
    timed: Generator[Timed, None, None], info: VideoInfo
) -> Generator[Timed, None, None]:
    """The same entries with whole pictures; their times stay."""
    waiting: deque[Timed] = deque()

    def pictures() -> Iterator[VideoFrame]:
        for index, entry in enumerate(timed):
            _check_size(entry.picture, info, index)
            waiting.append(entry)
            yield entry.picture

    try:
        for picture in deinterlace(pictures(), info):
            yield replace(waiting.popleft(), picture=picture)
        if waiting:
            raise MediaError(f"{info.path}: {len(waiting)} frames were lost in deinterlacing")
    finally:
        timed.close()


def _check_size(picture: VideoFrame, info: VideoInfo, index: int) -> None:
    if (picture.width, picture.height) != (info.width, info.height):
        now, before = f"{picture.width}x{picture.height}", f"{info.width}x{info.height}"
        raise _changed(info, index, now, before)


def _changed(info: VideoInfo, index: int, now: str, before: str) -> MediaError:
    return MediaError(
        f"{info.path}: frame {index} is {now}, the film began as {before}: "
        "cut it there and colour the parts one by one"
    )
