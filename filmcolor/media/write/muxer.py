"""Writes the film, encoded here or before, with the source's other streams into a container.

Carries out an `OutputPlan`; decides nothing itself and knows no colour.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from filmcolor.errors import MediaError
from filmcolor.media.matroska import with_room
from filmcolor.media.mov_boxes import name_with_room
from filmcolor.media.partfile import PartFile
from filmcolor.media.retiming import Retiming, stated_words
from filmcolor.media.timebase import Chapter, Clock, DecodeClock, fit_chapters, lift_to_zero
from filmcolor.media.write.after_muxing import (
    tag_with_room,
    write_picture_facts,
    write_sound_facts,
    write_source_words,
)
from filmcolor.media.write.ancillary_units import with_ancillary
from filmcolor.media.write.container_tags import labelled, written_tags
from filmcolor.media.write.encoder_settings import quiet_libraries
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.media.write.scheduling import ordinary_scheduling
from filmcolor.media.write.source_words import make_room, pad
from filmcolor.media.write.stream_copy import StreamCopier
from filmcolor.media.write.streams import StreamPlan
from filmcolor.media.write.writing_errors import writing_errors
from filmcolor.types import Ancillary

_CHAPTER_TIME_BASE = Fraction(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Encoded:
    """What is known of packets that were encoded before."""

    reorder: int
    """Frames by which their coded order departs from the order of presentation, at most."""
    extradata: bytes | None
    """The codec's headers outside of the packets, as the encoder gave them."""


class FilmMuxer:
    """One encoder, one container, and the copier of everything else.

    `put` takes frames in presentation order. A film encoded before comes in by `announce`, which
    takes the times of its frames in presentation order, and `copy`, which takes its packets in
    coded order. `finish` ends the file; `close` lets go of everything, finished or not. Errors of
    FFmpeg and of the disk become `MediaError`.
    """

    def __init__(
        self,
        plan: OutputPlan,
        *,
        label: str,
        encoded: Encoded | None = None,
        retiming: Retiming | None = None,
    ) -> None:
        """Open the target's part file and prepare every stream; the header waits for the first
        frame.

        Packets `encoded` before go into the stream of an encoder with the same settings, which gets
        no frame: what the container says of the film is then the same as if it had encoded them.
        `retiming`: when the frames of a film that gets another rate are shown.
        """
        if plan.container is None or plan.settings is None:
            raise ValueError("the plan names no container")
        self._plan = plan
        self.part = PartFile(plan.target, plan.overwrite)
        """To be committed after `finish`."""
        self._format = plan.container
        self._settings = plan.settings
        self._clock = Clock(plan.frame_time_base, plan.time_base, plan.offset_seconds)
        self._decoding = DecodeClock(0)
        self._label = label if plan.retimed is None else label + stated_words(plan.retimed)
        self._retiming = retiming
        self._encoded = encoded
        self._durations: dict[int, int] = {}
        self._said: dict[int, Ancillary] = {}
        self._given = 0
        self._muxed = 0
        self._copiers: list[StreamCopier] = []
        quiet_libraries()
        options = dict(plan.container_options)
        try:
            with self._translated():
                self._container = av.open(
                    self.part.path, "w", format=self._format.muxer, container_options=options
                )
                self._film = self._add_streams()
        except BaseException:
            self.part.discard()
            raise

    def put(
        self, frame: VideoFrame, pts: int, duration: int, said: Ancillary | None = None
    ) -> None:
        """Encode one frame; `pts`, later than the one before, and `duration` in the plan's
        `frame_time_base`.

        `said` is what is said beside it.
        """
        frame.pts = self.announce(pts, duration)
        if said is not None:
            self._said[frame.pts] = said
        frame.duration = self._durations[frame.pts]
        with self._translated():
            self._write(self._film.encode(frame))

    def announce(self, pts: int, duration: int) -> int:
        """Take note of the next frame, times as in `put`; its pts in the result."""
        with self._translated():
            if self._given == 0:
                self._begin(pts)
            shown = self._clock(pts)
            ticks = self._clock.duration(duration)
            self._durations[shown] = ticks
            self._decoding.give(shown, ticks)
            self._given += 1
            return shown

    def copy(self, packet: Packet[VideoStream], shown: int) -> None:
        """Write a packet encoded before, of the frame whose pts in the result is `shown`.

        Packet k of the film needs frames 0 to k announced.
        """
        packet.stream, packet.time_base = self._film, self._plan.time_base
        packet.pts = shown
        with self._translated():
            self._write([packet])

    def finish(self, end: int) -> None:
        """Flush the encoder, copy the rest (of a part: up to `end`, as in `put`), close."""
        with self._translated():
            if self._encoded is None:
                self._write(self._film.encode(None))
            if self._muxed != self._given or self._durations:
                raise MediaError(
                    f"{self._plan.target}: the encoder gave back {self._muxed} of "
                    f"{self._given} frames; use another --codec"
                )
            for copier in self._copiers:
                if self._plan.duration_seconds or self._format.counts_frames:
                    last = end * self._plan.frame_time_base + self._clock.offset_seconds
                    copier.finish(copier.source_time(last))
                else:
                    copier.copy_until(None)
            self._container.close()
            self._write_afterwards()
        self.close()

    def abandon(self) -> None:
        """Close, and remove the part file."""
        self.part.discard()
        self.close()
        self.part.discard()  # again, for systems that do not let go of an open file

    def close(self) -> None:
        """Close source and target; what was written stays."""
        for copier in self._copiers:
            copier.close()
        self._copiers.clear()
        # Writing the end of a file that nobody wants may fail; that is no news.
        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()

    def _write_afterwards(self) -> None:
        plan, path = self._plan, self.part.path
        write_source_words(plan, path, self._clock.offset_seconds)
        for copier in self._copiers:
            write_sound_facts(plan, path, copier.wave_formats, copier.edges.starts)
        write_picture_facts(plan, path, self._film.index)

    def _add_streams(self) -> VideoStream:
        plan = self._plan
        copiers: dict[int, StreamCopier] = {}
        for others in self._in_step():
            copier = StreamCopier(
                plan.source,
                others,
                self._container,
                self._format,
                trimmed=plan.is_trimmed,
                on_error=plan.on_error,
            )
            self._copiers.append(copier)
            copiers |= {each.index: copier for each in others}
        tags = written_tags(self._format, labelled(plan.metadata, self._label))
        self._container.metadata.update(tags)
        film: VideoStream | None = None
        for each in plan.streams:
            if each.action == "film":
                film = self._add_film()
            else:
                copiers[each.index].add_stream(each)
        if film is None:
            raise ValueError("the plan has no film among its streams")
        if plan.words is not None:
            make_room(self._container, plan.words)
        return film

    def _in_step(self) -> list[list[StreamPlan]]:
        """The source's other streams, apart where they do not go on alike: sound beside a film that
        gets another rate goes on by its own clock.
        """
        others = [each for each in self._plan.streams if each.action != "film"]
        if self._retiming is None:
            parts = [others]
        else:
            parts = [[each for each in others if each.is_sound is sound] for sound in (True, False)]
        return [part for part in parts if part]

    def _add_film(self) -> VideoStream:
        plan, encoder = self._plan, self._settings.encoder
        film = self._settings.add_stream(self._container)
        film.time_base = plan.time_base
        if encoder.mp4_tag is not None and self._format.is_mov:
            film.codec_context.codec_tag = encoder.mp4_tag
        if self._format.counts_frames:
            pass  # no place for a rotation
        elif plan.display_matrix is not None:
            film.set_display_matrix(plan.display_matrix)
        elif plan.rotation:
            film.set_display_rotation(plan.rotation)
        film.metadata.update(plan.film_metadata)
        if wanted := tag_with_room(plan):
            key = next((key for key in film.metadata if key.lower() == wanted), wanted)
            widened = name_with_room if self._format.is_mov else with_room
            film.metadata[key] = widened(film.metadata.get(key, ""))
            # Else FFmpeg's reader takes the shape from the track's size, which is that of the crop.
            film.codec_context.sample_aspect_ratio = plan.sample_aspect_ratio
        film.disposition = av.stream.Disposition(plan.disposition)
        return film

    def _begin(self, first_pts: int) -> None:
        """Settle the common shift, which a part's first frame decides, and write the header."""
        plan, clock = self._plan, self._clock
        if plan.starts_at_zero:
            clock.offset_seconds = -first_pts * plan.frame_time_base
        else:
            # Seldom: a first frame earlier than the packets at the head of the file promised.
            first_shown = first_pts * plan.frame_time_base + clock.offset_seconds
            clock.offset_seconds += lift_to_zero(first_shown, plan.time_base)
        retiming = self._retiming
        begin = first_pts * plan.source_time_base if retiming is None else retiming.first
        first = begin if plan.starts_at_zero else None
        last = None if plan.duration_seconds is None else begin + plan.duration_seconds
        if retiming is None:
            chapters = fit_chapters(plan.chapters, clock.offset_seconds, first, last)
        else:
            chapters = retiming.chapters(plan.chapters, first, last)
        if chapters:
            entries = [_chapter(number, chapter) for number, chapter in enumerate(chapters)]
            if plan.words is not None:
                pad(entries[0]["metadata"], "title", plan.words.chapters_room)
            self._container.set_chapters(entries)
        film, encoded = self._film.codec_context, self._encoded
        if encoded is not None:
            with ordinary_scheduling():
                film.open()
            # Some encoders have none of their own, and what stands there is the segment file's.
            if film.extradata is not None and encoded.extradata is not None:
                film.extradata = encoded.extradata
        with ordinary_scheduling():
            self._container.start_encoding()
        depth = self._settings.reorder_depth(film) if encoded is None else encoded.reorder
        self._decoding = DecodeClock(depth)
        offset = clock.offset_seconds if retiming is None else -begin
        for copier in self._copiers:
            copier.start(offset, first, last, retiming)

    def _write(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            if packet.pts is None or packet.pts not in self._durations:
                raise MediaError(
                    f"{self._plan.target}: the encoder changed a frame's time; use another --codec"
                )
            if (said := self._said.pop(packet.pts, None)) is not None:
                packet = with_ancillary(packet, said, self._settings.codec, self._settings.rate)
            assert packet.pts is not None
            # Without it, mp4 hides the last frame.
            packet.duration = self._durations.pop(packet.pts)
            packet.dts = self._decoding.next()
            if packet.dts > packet.pts:
                raise MediaError(
                    f"{self._plan.target}: the encoder moved a frame too far; use another --codec"
                )
            at = packet.dts * self._plan.time_base
            for copier in self._copiers:
                copier.copy_until(copier.source_time(at))
            self._container.mux_one(packet)
            self._muxed += 1

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        return writing_errors(self._plan.target, lambda: self._muxed)


def _chapter(number: int, chapter: Chapter) -> av.container.core.Chapter:
    return {
        "id": number + 1,
        "start": round(chapter.start / _CHAPTER_TIME_BASE),
        "end": round(chapter.stop / _CHAPTER_TIME_BASE),
        "time_base": _CHAPTER_TIME_BASE,
        "metadata": dict(chapter.metadata),
    }
