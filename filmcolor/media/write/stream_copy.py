"""Copies the source's other streams into the result, packet by packet, beside the coloured film.

The source is opened a second time and read only as far as the film has been written, so that memory
does not grow and the file is interleaved as it should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from filmcolor.errors import MediaError
from filmcolor.media.matroska import with_room
from filmcolor.media.mov_boxes import read_tracks
from filmcolor.media.open import CAPTION_SECONDS, film_stream, open_before, open_source
from filmcolor.media.retiming import Retiming
from filmcolor.media.straight_packets import MOST_RETRIES, StraightPackets
from filmcolor.media.timebase import round_half_up
from filmcolor.media.write.container_tags import stream_metadata
from filmcolor.media.write.containers import Container, add_copy, wave_format
from filmcolor.media.write.sound import SoundConverter, add_lossless
from filmcolor.media.write.sound_edges import SoundEdges
from filmcolor.media.write.stream_survey import (
    is_attached_picture,
    is_shown_until_next,
    packet_time,
)
from filmcolor.media.write.streams import StreamPlan, read_covers
from filmcolor.media.write.subtitles import SubtitleConverter, fill_duration
from filmcolor.options import OnError

_SEEK_MARGIN_SECONDS = 10
"""How much earlier than asked to begin reading, since seeking may land late."""
_INTERLEAVED_SECONDS = 10
"""How far apart packets of one moment may lie in a file, in time."""
_COARSEST = Fraction(1, 1000)
"""Seconds of a tick by which sound may be off unheard."""


class StreamCopier:
    """Feeds an output container with all streams of the plan but the film itself.

    Call order: `add_stream` for every plan in the order of the result, `start`, `copy_until` as the
    film grows, of a part of the film `finish`, `close`. Times are seconds of the source's clock;
    `offset` is added on the way out. Where there is a `retiming`, what is no sound goes where the
    frames go beside it.
    """

    def __init__(
        self,
        path: str,
        plans: Sequence[StreamPlan],
        container: OutputContainer,
        kind: Container,
        *,
        trimmed: bool,
        on_error: OnError = "stop",
    ) -> None:
        """Open `path`, whose streams go into `container`; `trimmed`: a part of the film is written.

        `on_error` "repeat" passes over what cannot be read, of which the film's reader tells.
        """
        self._path = path
        self._retries = MOST_RETRIES if on_error == "repeat" else 0
        self._container, self._format = container, kind
        self._trimmed = trimmed
        self._templates = open_source(path)
        self._reader: InputContainer | None = None
        covers = [
            plan.index for plan in plans if is_attached_picture(self._templates.streams[plan.index])
        ]
        self._covers = read_covers(self._templates, covers)
        self._outputs: dict[int, Stream] = {}
        self.wave_formats: dict[int, bytes] = {}
        """Of sound that stands as PCM, by the number of its track (see `write_sound_formats`)."""
        is_mov = self._templates.format.name.startswith("mov,")
        ends = (track.end for track in (read_tracks(path) if is_mov else ()))
        self.edges = SoundEdges({at: end for at, end in enumerate(ends) if end is not None})
        """Of sound whose beginning has to be written into the file afterwards."""
        self._cover_outputs: dict[int, Stream] = {}
        self._converters: dict[int, SubtitleConverter] = {}
        self._sounds: dict[int, SoundConverter] = {}
        self._last_dts: dict[int, int] = {}
        self._shown: dict[int, Packet[Stream]] = {}
        self._film = film_stream(self._templates, path).index
        self._packets: StraightPackets | None = None
        self._pending: Packet[Stream] | None = None
        self._first: Fraction | None = None
        self._last: Fraction | None = None
        self._offset = Fraction(0)
        self._retiming: Retiming | None = None

    def source_time(self, seconds: Fraction) -> Fraction:
        """When in the source these streams are where they are at this time of the result."""
        retiming = self._retiming
        return seconds - self._offset if retiming is None else retiming.source(seconds)

    def add_stream(self, plan: StreamPlan) -> None:
        """Make the output stream for `plan`, with the source's metadata and disposition."""
        container = self._container
        source = self._templates.streams[plan.index]
        output: Stream
        wave = b""
        if plan.action == "attach":
            if plan.index in self._covers:
                container.add_attachment(plan.filename, plan.mimetype, self._covers[plan.index])
            return
        if plan.action == "copy":
            wave = wave_format(self._format, source)
            output = add_copy(container, source, wave)
            if wave:
                self.wave_formats[output.index + 1] = wave
        elif plan.lossless is not None and isinstance(source, AudioStream):
            output = add_lossless(container, source, plan.lossless)
            self._sounds[plan.index] = SoundConverter(source, output, plan.lossless)
        else:
            output = container.add_stream(plan.action)
            if not isinstance(source, SubtitleStream) or not isinstance(output, SubtitleStream):
                raise TypeError(f"{plan.name} is no subtitle stream")
            output.time_base = source.time_base
            self._converters[plan.index] = SubtitleConverter(source, output)
        changed = self._trimmed or plan.action != "copy"
        output.metadata.update(stream_metadata(source.metadata, self._format, changed=changed))
        if wave:
            key = next((key for key in output.metadata if key.lower() == "title"), "title")
            output.metadata[key] = with_room(output.metadata.get(key, ""), wave)
        output.disposition = source.disposition
        if is_attached_picture(source):
            self._cover_outputs[plan.index] = output
        elif source.type != "attachment":
            self._outputs[plan.index] = output

    def start(
        self,
        offset: Fraction,
        first: Fraction | None,
        last: Fraction | None,
        retiming: Retiming | None = None,
    ) -> None:
        """Write from `first` to `last` seconds (None: all), shifting everything by `offset`.

        `retiming` is for streams that are all sound, which are shifted, or none of them.
        """
        self._offset, self._first, self._last = offset, first, last
        if not any(output.type == "audio" for output in self._outputs.values()):
            self._retiming = retiming
        for sound in self._sounds.values():
            if sound.decoder.span is not None:
                sound.decoder.span.first = first or Fraction(0)
        for index, output in self._cover_outputs.items():
            if index in self._covers:
                picture: Packet[Stream] = Packet(self._covers[index])
                picture.stream, picture.time_base = output, Fraction(1, 1000)
                picture.pts = picture.dts = 0
                picture.is_keyframe = True
                self._container.mux_one(picture)
        if self._outputs:
            self._reader = open_source(self._path) if first is None else self._open_before(first)
            self._packets = StraightPackets(
                self._reader, self._film, self._outputs, keeps_lead=self._format.is_mov
            )

    def copy_until(self, time: Fraction | None) -> None:
        """Write the packets before `time` seconds of the source's clock, up to the first one that
        is not; None: all the rest.
        """
        while (packet := self._next()) is not None:
            at = _decode_time(packet)
            if time is not None and at is not None and at >= time:
                break
            self._pending = None
            if at is not None:
                self._write(packet)
        if time is None or (self._first is not None and time > self._first):
            self._write_shown()
        if time is None:
            self._end_sounds(None)

    def finish(self, time: Fraction) -> None:
        """Write every packet before `time`, those too that lie behind later ones of other streams
        in the file.
        """
        while (packet := self._next()) is not None:
            at = _decode_time(packet)
            self._pending = None
            if at is None or at < time:
                self._write(packet)
            elif at >= time + _INTERLEAVED_SECONDS:
                break
        self._write_shown()
        self._end_sounds(time)

    def close(self) -> None:
        """Let go of the source."""
        self._pending = None
        self._packets = None
        if self._reader is not None:
            self._reader.close()
        self._templates.close()

    def _next(self) -> Packet[Stream] | None:
        failed = 0
        while self._pending is None and self._packets is not None:
            try:
                self._pending = next(self._packets, None)
            except (av.FFmpegError, OSError) as error:
                failed += 1
                if failed <= self._retries:
                    self._packets.again()
                    continue
                if self._retries:
                    return None
                raise MediaError(
                    f"{self._path}: its other streams cannot be read on ({error}); "
                    "repair the file first, or go on regardless with --on-error repeat"
                ) from error
            if self._pending is None:
                return None
        return self._pending

    def _open_before(self, first: Fraction) -> InputContainer:
        """The source, opened before `first`: where there are subtitles, so far that those are read
        that are still shown.
        """
        kinds = {output.type for output in self._outputs.values()}
        sound = [index for index, output in self._outputs.items() if output.type == "audio"]
        margin = CAPTION_SECONDS if "subtitle" in kinds else _SEEK_MARGIN_SECONDS
        return open_before(self._path, first, margin, sound or [self._film])

    def _write(self, packet: Packet[Stream]) -> None:
        """Trim one packet, and put what is left of it."""
        fill_duration(packet)
        if self._trim(packet):
            if packet.stream_index in self._shown:
                self._write_shown()
            self._put(packet)

    def _write_shown(self) -> None:
        """Put the subtitles that were still shown when the part began."""
        for packet in self._shown.values():
            if self._first is not None:
                packet.pts = packet.dts = round_half_up(self._first / packet.time_base)
            self._put(packet)
        self._shown.clear()

    def _end_sounds(self, time: Fraction | None) -> None:
        """Put what is left of sound that is converted, and that may have to fit the film's end."""
        for index, sound in self._sounds.items():
            if sound.decoder.span is not None:
                sound.decoder.span.end = time
            for packet in sound(None):
                self._mux(index, packet)

    def _put(self, packet: Packet[Stream]) -> None:
        """Convert and mux one packet."""
        index = packet.stream_index
        if (sound := self._sounds.get(index)) is not None:
            for converted in sound(packet):
                self._mux(index, converted)
            return
        converter = self._converters.get(index)
        if converter is not None:
            text = converter(packet)
            if text is None:
                return
            packet = text
        self._mux(index, packet)

    def _mux(self, index: int, packet: Packet[Stream]) -> None:
        """Shift and mux one packet of the result's stream for `index`."""
        _refine(packet)
        shift = 0
        if self._retiming is None:
            shift = round_half_up(self._offset / packet.time_base)
        else:
            _retime(packet, self._retiming)
        dts = packet.dts if packet.dts is not None else packet.pts
        if dts is None:
            return
        output = self._outputs[index]
        is_edited = output.type == "audio" and self._format.is_mov and not self._trimmed
        if is_edited and not self.edges.takes(packet, output.index, shift):
            return
        pts = packet.pts if packet.pts is not None else dts
        # Muxers refuse a dts that does not grow; broken sources have them. Subtitles may begin
        # together, but in mp4.
        grows = output.type not in ("subtitle", "data") or self._format.is_mov
        last = self._last_dts.get(index, dts + shift - 1)
        dts = max(dts + shift, last + grows)
        self._last_dts[index] = dts
        if not packet.duration and output.type == "audio":
            # AVI tells none for FLAC, and mp4 hides what lasts no time.
            packet.duration = dts - last
        if packet.size and packet.has_sidedata("new_extradata"):
            packet = _without_header(packet)
        packet.dts, packet.pts = dts, max(pts + shift, dts)
        packet.stream = output
        self._container.mux_one(packet)

    def _trim(self, packet: Packet[Stream]) -> bool:
        """Whether the packet belongs to the part being written; a subtitle is cut to it.

        One that does not say how long it is shown (pictures of a Blu-ray) is shown until the next.
        """
        start = packet_time(packet)
        if start is None:
            return False
        sound = self._sounds.get(packet.stream_index)
        if sound is not None and sound.decoder.span is not None:
            return True  # cut when it is decoded
        if packet.stream.type != "subtitle":
            return self._first is None or start >= self._first
        if self._first is not None and start < self._first and is_shown_until_next(packet):
            self._shown[packet.stream_index] = packet
            return False
        stop = start + (packet.duration or 0) * packet.time_base
        first = start if self._first is None else max(start, self._first)
        last = stop if self._last is None else min(stop, self._last)
        if (first, last) == (start, stop):
            return True
        if last <= first:
            return False
        packet.pts = packet.dts = round_half_up(first / packet.time_base)
        packet.duration = round_half_up((last - first) / packet.time_base)
        return True


def _refine(packet: Packet[Stream]) -> None:
    """Count the packet's times in fine ticks: AVI's are as long as a packet, and the shift is not a
    whole number of them.
    """
    base = packet.time_base
    if base is None or base <= _COARSEST:
        return
    times = ceil(base / _COARSEST)
    pts, dts, duration = packet.pts, packet.dts, packet.duration
    packet.time_base = base / times
    packet.pts = None if pts is None else pts * times
    packet.dts = None if dts is None else dts * times
    packet.duration = (duration or 0) * times


def _retime(packet: Packet[Stream], retiming: Retiming) -> None:
    """Put the packet where the frames go at which it is decoded and shown."""
    base = packet.time_base
    if packet.pts is not None and packet.duration:
        stop = retiming.shown((packet.pts + packet.duration) * base)
        packet.duration = max(1, round_half_up((stop - retiming.shown(packet.pts * base)) / base))
    for name in ("pts", "dts"):
        if (ticks := getattr(packet, name)) is not None:
            setattr(packet, name, round_half_up(retiming.shown(ticks * base) / base))


def _without_header(packet: Packet[Stream]) -> Packet[Stream]:
    """The same packet without the codec's header, which FLV repeats where recordings were strung
    together: the header of the result stands, and the muxer of Matroska would write over the file.
    """
    plain: Packet[Stream] = Packet(bytes(packet))
    plain.time_base, plain.duration = packet.time_base, packet.duration
    plain.is_keyframe = packet.is_keyframe
    for side in packet.iter_sidedata():
        if side.data_type != "new_extradata":
            plain.set_sidedata(side)
    return plain


def _decode_time(packet: Packet[Stream]) -> Fraction | None:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return None if ticks is None or packet.time_base is None else ticks * packet.time_base
