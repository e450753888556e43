"""Passes over a frame sequence: its pictures with their times, from any place or a few samples.

The same for a film whose frames are a file each as `passes` is for a film in one file. A frame's
time is its place in the sequence, whatever is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from fractions import Fraction
from math import ceil

from filmcolor.errors import MediaError
from filmcolor.events import Notice
from filmcolor.media.images.frame_decoder import DecodedFrame, read_frame
from filmcolor.media.images.sequence import FrameSequence
from filmcolor.media.open import refuse_absurd_size
from filmcolor.media.pixel_formats import format_plan, working_format
from filmcolor.media.read.damage import Damage
from filmcolor.media.read.timestamps import Timed
from filmcolor.media.rgb import settled_matrix
from filmcolor.media.watchdog import Heartbeat
from filmcolor.options import OnError
from filmcolor.types import ColorTags, StreamInfo, VideoInfo

DEFAULT_RATE = Fraction(24)
"""Frames a second of a sequence of which nobody says it."""
CONTAINER = "image2"
"""FFmpeg's name of what is no container."""
_HIGHEST_STATED = 120
_HDR_TRANSFERS = (16, 18)
_UNTAGGED = 2


class FramePasses:
    """One frame sequence as it is decoded; has what `Passes` has.

    Raises `MediaError` for numbers that are missing and for frames that cannot be decoded, unless
    `on_error` is "repeat": then the frame before stands in their place, and those before the first
    good one are passed over.
    """

    can_seek = True
    states_length = True

    def __init__(
        self,
        name: str,
        sequence: FrameSequence,
        on_error: OnError,
        heartbeat: Heartbeat,
        notify: Callable[[Notice], None],
        rate: Fraction | None,
        matrix: int | None,
    ) -> None:
        """`rate` in frames a second, else what the first file states. `matrix` (H.273) is that of
        the luma that R'G'B' is to become, else that of players.
        """
        self.name = name
        self._sequence, self._repeats = sequence, on_error == "repeat"
        self._heartbeat = heartbeat
        self._check_missing(notify)
        self._origin, first = self._first_good()
        for notice in first.notices:
            notify(notice)
        stated = first.rate if first.rate and 1 <= first.rate <= _HIGHEST_STATED else None
        if rate is None:
            taken = stated or DEFAULT_RATE
            who = "its files say so" if stated else "its files do not state it"
            notify(Notice(f"{float(taken):.6g} frames a second ({who}): --fps sets another rate"))
        self.info = _describe(name, sequence, first, rate or stated or DEFAULT_RATE, matrix)

    def _check_missing(self, notify: Callable[[Notice], None]) -> None:
        sequence = self._sequence
        if not sequence.missing:
            return
        count = sequence.missing
        numbers = "one number is" if count == 1 else f"{count} numbers are"
        text = f"{numbers} missing ({sequence.missing_text})"
        if not self._repeats:
            raise MediaError(
                f"{self.name}: {text}: copy the files again, or have the frame before in place of "
                "each with --on-error repeat"
            )
        notify(Notice(f"{text}: the frame before stands in place of each", warning=True))

    def _first_good(self) -> tuple[int, DecodedFrame]:
        why: MediaError | None = None
        for index in range(len(self._sequence)):
            self._heartbeat.beat()
            try:
                return index, read_frame(self._sequence.path(index))
            except MediaError as error:
                if not self._repeats:
                    raise
                why = error
        raise MediaError(f"{self.name}: none of its frames can be read ({why})")

    def _read(self, index: int) -> DecodedFrame | None:
        """A frame; None for one in whose place another is to stand."""
        self._heartbeat.beat()
        try:
            return read_frame(self._sequence.path(index))
        except MediaError as error:
            if self._repeats:
                return None
            raise MediaError(
                f"{error}; or have the frame before in its place with --on-error repeat"
            ) from error

    def close(self) -> None:
        """Nothing stays open."""

    def damage(self) -> Damage:
        """What one pass takes note of."""
        return Damage(self.info.time_base)

    def first_kept(self) -> int | None:
        """Time of the first frame."""
        return self._origin

    def samples(self, count: int) -> list[Timed]:
        """Frames at the middle of `count` equal parts; damaged ones are passed over."""
        total = len(self._sequence)
        places = sorted({(2 * part + 1) * total // (2 * count) for part in range(count)})
        found = []
        for index in places:
            with suppress(MediaError):
                if (frame := self._read(index)) is not None:
                    found.append(Timed(frame.picture, index, 1))
        return found or [Timed(read_frame(self._sequence.path(self._origin)).picture, 0, 1)]

    def pictures_from(
        self, start: Fraction, damage: Damage
    ) -> tuple[Generator[Timed, None, None], int]:
        """The frames from `start` seconds on, and the time of the very first one."""
        return self.landed(self._origin + start / self.info.time_base, damage), self._origin

    def landed(self, pts: int | Fraction, damage: Damage) -> Generator[Timed, None, None]:
        """The frames from `pts` on."""
        return self.pictures(ceil(pts), damage)

    def pictures(self, seek_to: int | None, damage: Damage) -> Generator[Timed, None, None]:
        """The frames from that one on, or all; from earlier ones where it cannot be decoded."""
        start = max(self._origin, min(seek_to or 0, len(self._sequence) - 1))
        found = self._read(start)
        while found is None and start > self._origin:
            start -= 1
            found = self._read(start)
        shown = found
        for index in range(start, len(self._sequence)):
            if index > start:
                found = self._read(index)
            if found is not None:
                shown = found
                damage.count, damage.last = damage.count + 1, index
                yield Timed(found.picture, index, 1)
            elif shown is not None:
                damage.repeat(shown.picture, index, 1)
                yield Timed(shown.picture, index, 1)


def _describe(
    name: str,
    sequence: FrameSequence,
    first: DecodedFrame,
    rate: Fraction,
    matrix: int | None,
) -> VideoInfo:
    picture = first.picture
    width, height, source_format = picture.width, picture.height, picture.format.name
    refuse_absurd_size(name, width, height)
    layout, _, conversion = working_format(source_format)
    transfer = int(picture.color_trc) if picture.color_trc in _HDR_TRANSFERS else _UNTAGGED
    stated = int(picture.colorspace) if first.kind == "JPEG" else _UNTAGGED
    tags = ColorTags(stated, _UNTAGGED, transfer, True)
    if matrix is not None or format_plan(source_format).model not in ("ycbcr", "bits"):
        tags = ColorTags(matrix or settled_matrix(tags, height), _UNTAGGED, transfer, True)
    codec = "mjpeg" if first.kind == "JPEG" else first.kind.lower()
    return VideoInfo(
        path=name,
        container=CONTAINER,
        stream_index=0,
        codec=codec,
        width=width,
        height=height,
        source_format=source_format,
        layout=layout,
        tags=tags,
        time_base=1 / rate,
        rate=rate,
        frame_count=len(sequence),
        duration=len(sequence) / rate,
        sample_aspect_ratio=first.sample_aspect_ratio,
        rotation=first.rotation,
        conversion=conversion,
        streams=(StreamInfo(0, "video", codec, detail=f"{width}x{height}"),),
        first_number=sequence.first,
    )
