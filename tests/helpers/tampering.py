"""Writes films anew with PyAV, changed in one place: what `verify` has to notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tests.helpers.clips import fill_plane, plane_codes

FrameEdit = Callable[[int, VideoFrame], VideoFrame | None]
"""Gets the number of a frame and the frame; gives it back changed, or None to leave it out."""
PacketEdit = Callable[[int, "Packet[Stream]"], "Packet[Stream] | None"]

_CODECS = {".mkv": ("ffv1", {}), ".mp4": ("libx264", {"crf": "18", "preset": "ultrafast"})}


def rewrite(
    source: Path,
    target: Path,
    *,
    frames: FrameEdit | None = None,
    packets: PacketEdit | None = None,
    kind: str = "audio",
    without: Collection[str] = (),
    comment: str | None = None,
    attachment: bytes | None = None,
) -> None:
    """Copy a film, sound, subtitles, chapters, attachments and tags included.

    `frames` changes the picture, which is then encoded anew; `packets` the packets of all streams
    of a `kind`. `without` names kinds of streams, or "chapters", that are left out.
    """
    with (
        av.open(str(source)) as before,
        av.open(str(target), "w", container_options=_clocks(before, target)) as after,
    ):
        after.metadata.update(before.metadata)
        if comment is not None:
            for key in [key for key in after.metadata if key.lower() == "comment"]:
                del after.metadata[key]
            after.metadata["comment"] = comment
        if "chapters" not in without:
            after.set_chapters(before.chapters())
        outputs: dict[int, Stream] = {}
        for stream in before.streams:
            if stream.type in (*without, "data"):
                continue
            if isinstance(stream, AttachmentStream):
                content = stream.data if attachment is None else attachment
                after.add_attachment(stream.name or "", stream.mimetype or "", content)
                continue
            if isinstance(stream, VideoStream) and frames is not None:
                codec, settings = _CODECS[target.suffix]
                film = after.add_stream(codec, rate=stream.average_rate, options=dict(settings))
                assert isinstance(film, VideoStream)
                film.width, film.height, film.pix_fmt = stream.width, stream.height, stream.pix_fmt
                film.codec_context.time_base = film.time_base = stream.time_base
                outputs[stream.index] = film
            else:
                outputs[stream.index] = after.add_stream_from_template(stream, opaque=True)
            outputs[stream.index].metadata.update(stream.metadata)
        after.start_encoding()
        count: Counter[int] = Counter()
        for packet in before.demux([before.streams[index] for index in outputs]):
            index, output = packet.stream.index, outputs[packet.stream.index]
            if isinstance(output, VideoStream) and frames is not None:
                for frame in packet.decode():
                    changed = frames(count[index], _copied(frame))
                    count[index] += 1
                    if changed is not None:
                        changed.pict_type = av.video.frame.PictureType.NONE
                        after.mux(output.encode(changed))
                continue
            if packet.dts is None:
                continue
            if packets is not None and packet.stream.type == kind:
                count[index] += 1
                edited = packets(count[index] - 1, packet)
                if edited is None:
                    continue
                packet = edited
            packet.stream = output
            after.mux(packet)
        for output in outputs.values():
            if isinstance(output, VideoStream) and frames is not None:
                after.mux(output.encode(None))


def _copied(frame: VideoFrame) -> VideoFrame:
    """A frame of its own: the decoder still looks at the one that it gave."""
    copy = VideoFrame(frame.width, frame.height, frame.format.name)
    for plane in range(len(frame.planes)):
        fill_plane(copy, plane, plane_codes(frame, plane))
    copy.pts, copy.time_base, copy.duration = frame.pts, frame.time_base, frame.duration
    return copy


def _clocks(film: InputContainer, target: Path) -> dict[str, str]:
    """What keeps the times of mp4 as they are."""
    if target.suffix != ".mp4":
        return {}
    scale = str(film.streams.video[0].time_base.denominator)
    return {"video_track_timescale": scale, "movie_timescale": "48000"}


def without_frame(wanted: int) -> FrameEdit:
    """Leaves out one frame."""
    return lambda number, frame: None if number == wanted else frame


def with_block(wanted: int, codes: int, side: int = 16) -> FrameEdit:
    """Makes the block at x 16, y 16 of one frame so much brighter."""

    def edit(number: int, frame: VideoFrame) -> VideoFrame:
        if number == wanted:
            luma = plane_codes(frame, 0)
            part = luma[16 : 16 + side, 16 : 16 + side]
            part[:] = np.minimum(part.astype(np.int32) + codes, 255)
            fill_plane(frame, 0, luma)
        return frame

    return edit


def without_color(*wanted: int) -> FrameEdit:
    """Makes some frames grey."""

    def edit(number: int, frame: VideoFrame) -> VideoFrame:
        if number in wanted:
            for plane in (1, 2):
                fill_plane(frame, plane, np.full_like(plane_codes(frame, plane), 128))
        return frame

    return edit


def negative(number: int, frame: VideoFrame) -> VideoFrame:
    """Black becomes white: a picture with nothing in common with the one it was."""
    luma = plane_codes(frame, 0)
    fill_plane(frame, 0, 255 - luma)
    return frame


def at_another_time(wanted: int, ticks: int) -> FrameEdit:
    """Shows one frame so many ticks later."""

    def edit(number: int, frame: VideoFrame) -> VideoFrame:
        if number == wanted:
            assert frame.pts is not None
            frame.pts += ticks
        return frame

    return edit


def evenly_without_frame(wanted: int) -> FrameEdit:
    """Leaves out one frame and lets those behind it move up, so that no gap shows."""
    times: list[int | None] = []

    def edit(number: int, frame: VideoFrame) -> VideoFrame | None:
        times.append(frame.pts)
        if number == wanted:
            return None
        if number > wanted:
            frame.pts = times[number - 1]
        return frame

    return edit


def twice(wanted: int) -> FrameEdit:
    """One frame takes the time of the next one too: the next one's picture is lost."""
    held: list[VideoFrame] = []

    def edit(number: int, frame: VideoFrame) -> VideoFrame:
        if number == wanted:
            held.append(frame)
        if number == wanted + 1:
            for plane in range(3):
                fill_plane(frame, plane, plane_codes(held[0], plane))
        return frame

    return edit


def later(seconds: float) -> PacketEdit:
    """Shifts all packets."""

    def edit(number: int, packet: Packet[Stream]) -> Packet[Stream]:
        ticks = round(seconds / packet.time_base)
        assert packet.pts is not None
        assert packet.dts is not None
        packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
        return packet

    return edit


def without_packet(wanted: int) -> PacketEdit:
    """Leaves out one packet."""
    return lambda number, packet: None if number == wanted else packet


def with_other_bytes(wanted: int) -> PacketEdit:
    """Changes the last byte of one packet."""

    def edit(number: int, packet: Packet[Stream]) -> Packet[Stream]:
        if number != wanted:
            return packet
        content = bytearray(bytes(packet))
        content[-1] ^= 1
        changed: Packet[Stream] = Packet(bytes(content))
        changed.time_base, changed.pts, changed.dts = packet.time_base, packet.pts, packet.dts
        changed.duration, changed.is_keyframe = packet.duration, packet.is_keyframe
        return changed

    return edit
