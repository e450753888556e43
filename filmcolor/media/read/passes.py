"""Passes over a film: its decoded pictures with their times, from any place or a few samples.

A file is opened anew for every pass, so that nothing of one pass shows in another; a pipe is read
once. What becomes a `Frame` of a picture is decided in `film_reader`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from fractions import Fraction
from itertools import chain

from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.stream import VideoStream

from filmcolor.errors import MediaError
from filmcolor.events import Notice
from filmcolor.media.open import PIPE, SEEKABLE, can_seek, film_stream, media_errors, open_source
from filmcolor.media.read.damage import Damage, Decoded, Step
from filmcolor.media.read.packets import repeating, strictly
from filmcolor.media.read.probe import describe, first_frames
from filmcolor.media.read.sampling import (
    is_short,
    nearest,
    sample_reach,
    sample_times,
    strided,
    thinned,
)
from filmcolor.media.read.timestamps import UNTIMED, Timed, stamp
from filmcolor.media.timebase import frame_ticks
from filmcolor.media.watchdog import Heartbeat
from filmcolor.options import OnError

# Containers that hold the pts themselves; in others (AVI, ASF) FFmpeg guesses them for B-frames.
_TRUE_PTS = (*SEEKABLE, "mpegts", "mpeg", "flv", "nut")
# Codecs that give a picture for every packet; others hide some, or say "as before" in some.
_ONE_A_PACKET = {
    *("h264", "hevc", "mpeg1video", "mpeg2video", "ffv1", "prores", "mjpeg", "vp9", "av1"),
    *("dnxhd", "huffyuv", "rawvideo"),
}
_LEAD_SECONDS = 2  # how much earlier than asked for a seek goes


class Passes:
    """One film as it is decoded. Raises `MediaError` for what cannot be read as a film."""

    def __init__(
        self, path: str, on_error: OnError, heartbeat: Heartbeat, notify: Callable[[Notice], None]
    ) -> None:
        """`on_error` as in `FilmReader`; `heartbeat` beats while something is read; `notify` gets
        what there is to say of the times.
        """
        self._path, self._on_error, self._heartbeat, self._notify = (
            path,
            on_error,
            heartbeat,
            notify,
        )
        self.name = "standard input" if path == PIPE else path
        self._pipe: InputContainer | None = None
        self._kept: list[Decoded] = []
        self._piped: Generator[Decoded, None, None] | None = None
        self._pipe_damage = Damage(Fraction(1))
        container = open_source(path, heartbeat)
        try:
            stream = film_stream(container, path, self._threads)
            firsts = [] if path == PIPE else first_frames(container, stream, heartbeat)
            self.info = describe(path, container, stream, firsts)
            self.can_seek = path != PIPE and can_seek(container) and not self.info.times_disordered
            """Whether a place is found without decoding all before it."""
            self.states_length = bool(stream.duration)
            """Whether the header says how long the picture lasts."""
            self._pipe_damage.time_base = self.info.time_base
            if path == PIPE:
                self._pipe = container
                self._piped = self._decoded(container, stream, self._pipe_damage)
        finally:
            if self._pipe is None:
                container.close()

    def close(self) -> None:
        """Close a pipe; passes over a file close what they opened themselves."""
        self._kept.clear()
        self._piped = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def damage(self) -> Damage:
        """What one pass takes note of; a pipe has one pass."""
        return self._pipe_damage if self._path == PIPE else Damage(self.info.time_base)

    def first_kept(self) -> int | None:
        """Time of a pipe's first picture, once `samples` has read it."""
        return next(stamp(iter(self._kept[:1]), self.info)).pts if self._kept else None

    def samples(self, count: int) -> list[Timed]:
        """Up to `count` pictures spread over the film, at least one, in order.

        A pipe gives its first ones, which the pass over it delivers again.
        """
        if self._piped is None:
            entries = self._sampled(count)
        else:
            while len(self._kept) < count and (decoded := next(self._piped, None)) is not None:
                self._kept.append(decoded)
            entries = list(stamp(iter(self._kept), self.info))
        if not entries:
            raise self._undecodable()
        return entries

    def _undecodable(self) -> MediaError:
        return MediaError(f"{self.name}: no frame of its video can be decoded")

    @property
    def _step(self) -> Step:
        info = self.info
        ticks = frame_ticks(info.rate, info.time_base)
        is_timed = info.container.startswith(_TRUE_PTS) and info.container not in UNTIMED
        is_plain = info.rate is not None and info.codec in _ONE_A_PACKET and not info.interlaced
        is_disordered = info.times_disordered
        return Step(ticks, is_timed and is_plain and not is_disordered, is_disordered)

    @property
    def _threads(self) -> ThreadType:
        """Frame threads tell an error too late to know its frame."""
        return ThreadType.AUTO if self._on_error == "stop" else ThreadType.SLICE

    def pictures_from(
        self, start: Fraction, damage: Damage
    ) -> tuple[Generator[Timed, None, None], int]:
        """The film's frames from shortly before `start`, and the pts of its very first one."""
        seeks = self.can_seek and start > _LEAD_SECONDS
        # Between the first frame and those after a seek nothing is lost.
        timed = self.pictures(None, Damage(self.info.time_base) if seeks else damage)
        first = next(timed, None)
        if first is None:
            raise self._undecodable()
        wanted = first.pts + start / self.info.time_base
        if not seeks:
            return _rejoin([first], timed), first.pts
        timed.close()
        return self.landed(wanted, damage), first.pts

    def landed(self, pts: int | Fraction, damage: Damage) -> Generator[Timed, None, None]:
        """The film's frames from shortly before `pts`, or all where seeking cannot be trusted."""
        if self.can_seek:
            timed = self.pictures(int(pts - _LEAD_SECONDS / self.info.time_base), damage)
            landed = next(timed, None)
            if landed is not None and landed.pts <= pts:
                return _rejoin([landed], timed)
            timed.close()
        return self.pictures(None, damage)

    def pictures(self, seek_to: int | None, damage: Damage) -> Generator[Timed, None, None]:
        """The film's frames with their times; a file is opened for them and closed after them."""
        if self._path == PIPE:
            if self._piped is None:
                raise MediaError("standard input: read already, it cannot be read twice")
            piped, self._piped = chain(self._take_kept(), self._piped), None
            yield from stamp(piped, self.info, self._notify)
            return
        with open_source(self._path) as container:
            stream = film_stream(container, self._path, self._threads)
            if seek_to is not None:
                with media_errors(self._path):
                    container.seek(seek_to, stream=stream)
            pictures = self._decoded(container, stream, damage)
            yield from stamp(pictures, self.info, self._notify)

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
            yield from read(container, stream, self.name, damage, self._heartbeat, self._step)
        except MediaError as error:
            if self._heartbeat.failure not in (None, error):
                raise self._heartbeat.failure from error
            raise
        if self._heartbeat.failure is not None:
            raise self._heartbeat.failure
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
            rest = strictly(container, stream, self.name, again, self._heartbeat, self._step)
            for decoded in rest:
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
                    with closing(stamp(decoded, info, holds=False)) as timed:
                        landed = nearest(timed, wanted, reach)
                if landed is not None:
                    found[landed.pts] = landed
        samples = [found[pts] for pts in sorted(found)]
        if not samples:
            return self._strided(count)
        if 2 * len(samples) < count and not self.can_seek:
            # Times leap, so that most of those asked for are not there.
            with suppress(MediaError), closing(self._all_pictures()) as timed:
                return thinned(timed, count, info)
        return samples

    def _strided(self, count: int) -> list[Timed]:
        with closing(self._all_pictures()) as timed:
            return strided(timed, count, self.info)

    def _all_pictures(self) -> Generator[Timed, None, None]:
        return self.pictures(None, Damage(self.info.time_base))


def _rejoin(
    firsts: Sequence[Timed], rest: Generator[Timed, None, None]
) -> Generator[Timed, None, None]:
    """Entries taken from a generator, and then the rest of it; closes it."""
    try:
        yield from firsts
        yield from rest
    finally:
        rest.close()
