"""Encodes a run of the film's frames into a file of its own, to be joined later (see `join`).

    with SegmentWriter(plan, "0003.seg") as writer:
        for frame in frames:
            writer.write(frame)
        facts = writer.finish(next_pts)

The file holds the encoder's packets in coded order, each with its frame's number in the segment
instead of a time, so it does not depend on where in the film it stands. Knows nothing of sound,
chapters or the film's container.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from filmcolor.errors import MediaError
from filmcolor.media.open import media_errors
from filmcolor.media.partfile import PartFile
from filmcolor.media.timebase import Clock, lift_to_zero
from filmcolor.media.write.ancillary_units import with_ancillary
from filmcolor.media.write.encoder_input import Pacer, encoder_picture
from filmcolor.media.write.encoder_settings import EncoderSettings, quiet_libraries
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.media.write.scheduling import ordinary_scheduling
from filmcolor.media.write.writing_errors import writing_errors
from filmcolor.types import Ancillary, ColorFrame

_TICK = Fraction(1, 1000)
"""Seconds that stand for one frame in a segment's file; whole ticks of whatever it is kept in."""

WAY_OUT = "remove it and run the same command again"
"""What to do about a segment that cannot be used."""

_START_CODE = re.compile(rb"\x00{2,}\x01")
_HEVC_REMARKS = (39, 40)
"""Types of network abstraction layer units with supplemental information (ITU-T H.265, 7.4.2.2)."""

# FFmpeg is to hand out what stands there: correct nothing, and decode nothing to learn more.
_AS_IT_STANDS = {"fflags": "nofillin+noparse", "probesize": "32", "analyzeduration": "0"}

_MOV = "mov,mp4,m4a,3gp,3g2,mj2"
_FORMATS = ("nut", "matroska,webm", _MOV)
"""FFmpeg's names of the demuxers for what `Encoder.segment_format` may be."""

_NUT_INDEX = bytes.fromhex("4e58dd672f23e64e")


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What is known of a segment once it is written."""

    frames: int
    bytes: int
    reorder: int
    """Frames by which its coded order departs from the order of presentation, at most."""


class SegmentWriter:
    """Writes one segment of a film as a plan says; a context manager, used once.

    Frames come in presentation order; the first becomes a key frame, and no frame looks past it or
    past the segment's end. The file appears under its name, durable, only after `finish`; leaving
    the block without it removes the partial file. Raises `MediaError` when encoder or disk fail.
    """

    def __init__(self, plan: OutputPlan, path: str) -> None:
        """`plan` names a container, whose encoder settings and clock are used; `path` is new."""
        if plan.settings is None:
            raise ValueError("the plan names no encoder")
        self._plan = plan
        self._settings: EncoderSettings = plan.settings
        self._part = PartFile(path, overwrite=True)
        self._pacer = Pacer(plan)
        self._clock = Clock(plan.frame_time_base, plan.time_base, plan.offset_seconds)
        self._numbers: dict[int, tuple[int, Ancillary | None]] = {}
        self._given = 0
        self._written = 0
        self._reorder = 0
        self._shift = 0
        self._is_open = False

    def __enter__(self) -> Self:
        quiet_libraries()
        self._part.check()
        try:
            with self._translated():
                self._container = av.open(
                    self._part.path, "w", format=self._settings.encoder.segment_format
                )
                self._is_open = True
                self._stream = self._settings.add_stream(self._container)
                self._stream.time_base = _TICK
                with ordinary_scheduling():
                    self._container.start_encoding()
                # Room for decoding times, which the file's format wants and nobody reads.
                self._shift = self._settings.reorder_depth(self._stream.codec_context)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the partial file unless `finish` has made it whole."""
        self._close()

    def write(self, frame: ColorFrame) -> None:
        """Take one frame, in the planes that `FilmWriter.write` takes."""
        if (paced := self._pacer.take(frame)) is not None:
            self._encode(*paced)

    def finish(self, next_pts: int | None) -> SegmentFacts:
        """Write what is left and give the file its name.

        `next_pts` is the time of the frame after the segment, in source ticks; None: there is none.
        """
        paced = self._pacer.finish(next_pts)
        if paced is None:
            raise MediaError(f"{self._part.target}: a segment without frames; nothing was written")
        self._encode(*paced)
        with self._translated():
            self._mux(self._stream.encode(None))
            if self._written != self._given:
                raise MediaError(
                    f"{self._part.target}: the encoder gave back {self._written} of "
                    f"{self._given} frames; use another --codec"
                )
            self._container.close()
            self._is_open = False
            size = os.path.getsize(self._part.path)
        self._part.commit()
        return SegmentFacts(self._given, size, self._reorder)

    def _encode(self, frame: ColorFrame, duration: int) -> None:
        if self._given == 0:
            frame = replace(frame, key=True)
            # As in the film itself: no encoder is given a time before zero.
            first = frame.pts * self._plan.frame_time_base
            least = lift_to_zero(first, self._plan.time_base)
            self._clock.offset_seconds = max(self._clock.offset_seconds, least)
        picture = encoder_picture(frame, self._plan)
        picture.pts = self._clock(frame.pts)
        picture.duration = self._clock.duration(duration)
        self._numbers[picture.pts] = self._given, frame.ancillary
        self._given += 1
        with self._translated():
            self._mux(self._stream.encode(picture))

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            known = None if packet.pts is None else self._numbers.pop(packet.pts, None)
            if known is None:
                raise MediaError(
                    f"{self._part.target}: the encoder changed a frame's time; use another --codec"
                )
            number, said = known
            ahead = self._written - number
            if ahead > self._shift:
                raise MediaError(
                    f"{self._part.target}: the encoder moved a frame too far; use another --codec"
                )
            self._reorder = max(self._reorder, ahead)
            if said is not None:
                packet = with_ancillary(packet, said, self._settings.codec, self._settings.rate)
            packet.time_base = _TICK
            packet.pts, packet.dts, packet.duration = number + self._shift, self._written, 1
            self._container.mux_one(packet)
            self._written += 1

    def _close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self._part.discard()
        # Writing the end of a file that nobody wants may fail; that is no news.
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()
        # Again, for systems that do not let go of an open file.
        self._part.discard()

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        return writing_errors(self._part.target, lambda: self._written)


class SegmentReader:
    """Reads a segment back: the encoder's headers, and its packets with their frames' numbers."""

    def __init__(self, path: str) -> None:
        """Open `path`; `MediaError` if it is not there or not a segment."""
        self._path = path
        with media_errors(path):
            self._container: InputContainer = av.open(
                f"file:{path}", "r", options=_AS_IT_STANDS, metadata_errors="replace"
            )
        video = [each for each in self._container.streams.video if each.codec_context is not None]
        kind = self._container.format.name
        is_whole = bool(video) and kind in _FORMATS
        if kind == "nut":
            is_whole = is_whole and _ends_with_index(path)
        elif kind == _MOV:
            is_whole = is_whole and video[0].codec_context.name == "dnxhd"  # only these lie in mov
        if not is_whole:
            self._container.close()
            raise MediaError(f"{path}: not a whole segment: {WAY_OUT}")
        self._stream = video[0]

    @property
    def extradata(self) -> bytes | None:
        """The codec's headers outside of the packets."""
        return self._stream.codec_context.extradata

    @property
    def decoder_headers(self) -> list[bytes]:
        """What of `extradata` a decoder goes by: segments are of one film only if it is equal.

        Not the remark of x265 on its settings, in which the number of the machine's processors is.
        """
        extradata = self.extradata or b""
        if self._stream.codec_context.codec.canonical_name != "hevc":
            return [extradata]
        units = _START_CODE.split(extradata)
        return [unit for unit in units if unit and unit[0] >> 1 not in _HEVC_REMARKS]

    def packets(self) -> Iterator[tuple[int, Packet[VideoStream]]]:
        """(number of the frame in the segment, its packet) in coded order.

        Raises `MediaError` for a packet without one. The first packet is the first frame's.
        """
        first: Fraction | None = None
        with media_errors(self._path):
            for packet in self._container.demux(self._stream):
                if not packet.size:
                    continue
                if packet.pts is None or packet.is_corrupt:
                    raise MediaError(f"{self._path}: damaged: {WAY_OUT}")
                at = packet.pts * packet.time_base / _TICK
                first = at if first is None else first
                yield int(at - first), packet

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()


def _ends_with_index(path: str) -> bool:
    """Whether a NUT file is whole: FFmpeg takes what is left of a packet for the packet.

    A whole one ends with its index, the index with its own length and a checksum of 32 bits.
    """
    with media_errors(path), open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 12))
        length = int.from_bytes(file.read(8), "big")
        file.seek(max(0, size - length))
        return file.read(len(_NUT_INDEX)) == _NUT_INDEX
