"""Reading a film frame by frame: native luma planes, exact pts, in display order, each frame once.

Decoding is done in `passes`. Colour is not decided here, nor are the other streams read.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from fractions import Fraction
from typing import Self, TypeVar

from av.video.frame import VideoFrame

from filmcolor.errors import MediaError
from filmcolor.events import Notice
from filmcolor.media.images.sequence import find_sequence
from filmcolor.media.open import PIPE
from filmcolor.media.read.damage import Damage, length_notices
from filmcolor.media.read.frame_passes import FramePasses
from filmcolor.media.read.normalize import (
    check_size,
    deinterlaced,
    format_changed,
    has_first_format,
    normalized,
)
from filmcolor.media.read.passes import Passes
from filmcolor.media.read.planes import PlaneReader
from filmcolor.media.read.timestamps import Timed
from filmcolor.media.watchdog import FILE_SECONDS, PIPE_SECONDS, Heartbeat, with_timeout
from filmcolor.options import OnError
from filmcolor.types import Frame, VideoInfo

T = TypeVar("T")

Look = Callable[[int, VideoFrame, int], None]
"""Is shown the number of a frame, the decoder's picture for it, and its time in ticks."""


class FilmReader:
    """A film, opened: what it is (`info`), its frames, a few samples, and what there is to say.

    `on_error` says what becomes of frames that cannot be decoded: "stop" raises `MediaError` with
    the place of the first one; "repeat" gives the last good frame's luma in their place, at their
    own times, and brings frames of another size to that of the first. Notices count them.

    Use as a context manager. Raises `MediaError` for what cannot be read as a film, and when
    reading hangs (see `watchdog`).
    """

    def __init__(
        self,
        path: str,
        on_error: OnError = "stop",
        rate: Fraction | None = None,
        matrix: int | None = None,
        *,
        is_matte: bool = False,
    ) -> None:
        """`path` may name a frame sequence (see `images.sequence`), whose frames follow each other
        at `rate`, and whose R'G'B' becomes the luma of `matrix` (see `FramePasses`), unless it
        `is_matte` (see `PlaneReader`).
        """
        self._path, self._is_matte = path, is_matte
        self._on_error = on_error
        self._notices: list[Notice] = []
        self._heartbeat = Heartbeat()

        def opened() -> Generator[Passes | FramePasses, None, None]:
            sequence = find_sequence(path)
            told = on_error, self._heartbeat, self._notices.append
            if sequence is None:
                yield Passes(path, *told)
            else:
                yield FramePasses(path, sequence, *told, rate, matrix)

        (self._passes,) = self._timed_out(opened())
        if self.info.conversion:
            self._notices.append(Notice(self.info.conversion))
        if self.info.fields_contradict:
            first = "top" if self.info.top_field_first else "bottom"
            self._notices.append(
                Notice(
                    f"its frames say that their {first} field comes first, the file's header says "
                    "the other: the frames are believed",
                    warning=True,
                )
            )

    def _timed_out(self, items: Generator[T, None, None]) -> Generator[T, None, None]:
        """The same items, or `MediaError` when reading hangs."""
        # A pipe times out by itself; here it is given longer than that.
        seconds = 2 * PIPE_SECONDS if self._path == PIPE else FILE_SECONDS
        name = "standard input" if self._path == PIPE else self._path
        return with_timeout(items, self._heartbeat, name, seconds)

    @property
    def info(self) -> VideoInfo:
        """What the film is."""
        return self._passes.info

    @property
    def can_seek(self) -> bool:
        """Whether a place is found without decoding all before it."""
        return self._passes.can_seek

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close a pipe; passes over a file close what they opened themselves."""
        self._passes.close()

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
        look: Look | None = None,
    ) -> Generator[Frame, None, None]:
        """Every frame in display order, counted from 0; or those of a part of the film.

        `start_seconds` and `duration_seconds` select the frames with start <= t < start + duration,
        t being the time since the film's first frame. `deinterlace` gives one whole frame for each
        interlaced one (its luma is then no longer the source's). `look` is shown what each was made
        of, before it, maybe in another thread. Raises `MediaError` when nothing
        can be decoded, when reading hangs, when no frame is in the part, and unless told to repeat
        when the picture changes its size and when the data are damaged.
        """
        part = start_seconds or Fraction(0), duration_seconds
        shown = self._frames(*part, is_whole=deinterlace, with_chroma=with_chroma, look=look)
        return self._timed_out(shown)

    def _frames(
        self,
        start: Fraction,
        length: Fraction | None,
        *,
        is_whole: bool,
        with_chroma: bool,
        look: Look | None,
    ) -> Generator[Frame, None, None]:
        stop = None if length is None else start + length
        damage = self._passes.damage()
        timed, origin = self._passes.pictures_from(start, damage)
        frames = _FrameMaker(
            self.info, is_whole=is_whole, with_chroma=with_chroma, is_matte=self._is_matte
        )
        index, last, lasts, unexpected = 0, origin, 0, 0
        with closing(self._normalized(timed, damage, is_whole=is_whole)) as entries:
            for entry in entries:
                seconds = (entry.pts - origin) * self.info.time_base
                if stop is not None and seconds >= stop:
                    break
                last, lasts = entry.pts, entry.duration
                if seconds < start:
                    continue
                if look is not None:
                    look(index, entry.picture, entry.pts)
                yield frames.frame(entry, index)
                index += 1
                unexpected += entry.picture.interlaced_frame and not self.info.interlaced
        length_seconds = (last - origin) * self.info.time_base
        if index == 0:
            raise MediaError(
                f"{self._passes.name}: no frame at {float(start):g} s: "
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
            states = self._passes.states_length
            self._notices.extend(length_notices(self.info, damage, origin, (last, lasts), states))

    def frames_from(
        self, pts: int, *, deinterlace: bool = False, seek: bool = True
    ) -> Generator[Frame, None, None]:
        """The film's frames from the one at `pts` on, in ticks, counted from 0.

        Where seeking can be trusted (and `seek` allows it), decoding begins a little before it,
        elsewhere at the film's beginning. Raises `MediaError` as `frames` does.
        """
        return self._timed_out(self._frames_from(pts, is_whole=deinterlace, seek=seek))

    def _frames_from(self, pts: int, *, is_whole: bool, seek: bool) -> Generator[Frame, None, None]:
        damage = Damage(self.info.time_base)
        passes = self._passes
        timed = passes.landed(pts, damage) if seek else passes.pictures(None, damage)
        frames = _FrameMaker(self.info, is_whole=is_whole)
        with closing(self._normalized(timed, damage, is_whole=is_whole)) as entries:
            for index, entry in enumerate(entry for entry in entries if entry.pts >= pts):
                yield frames.frame(entry, index)

    def _normalized(
        self, timed: Generator[Timed, None, None], damage: Damage, *, is_whole: bool
    ) -> Generator[Timed, None, None]:
        """The same pictures, scaled to the first one's size if asked to go on, and deinterlaced."""
        if self._on_error == "repeat":
            timed = normalized(timed, self.info, damage)
        return deinterlaced(timed, self.info) if is_whole else timed

    def first_pts(self) -> int:
        """When the film begins, in ticks: times that people give count from there.

        Of a pipe only after `sample`, which has read its first frame. Raises `MediaError` as
        `frames` does.
        """
        if (kept := self._passes.first_kept()) is not None:
            return kept
        with closing(self.frames()) as frames:
            return next(frames).pts

    def sample(self, count: int) -> list[Frame]:
        """Up to `count` frames spread over the film, with chroma, in order; indices are not the
        film's.

        A pipe gives its first frames, which `frames` delivers again. Raises `MediaError` when no
        frame can be decoded.
        """
        return list(self._timed_out(self._samples(count)))

    def _samples(self, count: int) -> Generator[Frame, None, None]:
        entries = self._passes.samples(count)
        usable = [entry for entry in entries if has_first_format(entry.picture, self.info)]
        frames = _FrameMaker(self.info, with_chroma=True)
        for index, entry in enumerate(usable[:count]):
            yield frames.frame(entry, index)


class _FrameMaker:
    """Makes `Frame`s of one pass's pictures."""

    def __init__(
        self,
        info: VideoInfo,
        *,
        is_whole: bool = False,
        with_chroma: bool = False,
        is_matte: bool = False,
    ) -> None:
        """`is_whole`: pictures are deinterlaced."""
        self._info, self._with_chroma = info, with_chroma
        self._reader = PlaneReader(info.layout, info.tags.matrix, is_matte=is_matte)
        self._has_fields = info.interlaced and not is_whole

    def frame(self, entry: Timed, index: int) -> Frame:
        """Frame `index`; `MediaError` for one of another size or pixel format than the first."""
        info, picture = self._info, entry.picture
        check_size(entry, info, index)
        name = picture.format.name
        try:
            luma, chroma = self._reader.read(picture, with_chroma=self._with_chroma)
        except ValueError as error:
            raise format_changed(info, index, entry.pts, name, info.source_format) from error
        interlaced = self._has_fields and (picture.interlaced_frame or not info.frames_state_fields)
        return Frame(
            index,
            entry.pts,
            luma,
            entry.duration,
            chroma,
            interlaced=interlaced,
            ancillary=entry.ancillary,
        )
