"""Text subtitles from one codec to another, by way of FFmpeg's own decoder and encoder."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from fractions import Fraction

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream

from filmcolor.media.legacy_text import decoded
from filmcolor.media.straight_packets import packets_of
from filmcolor.media.timebase import round_half_up

_MUXERS = {"mov_text": "mp4", "subrip": "matroska"}
_UNKNOWN_MILLISECONDS = 2**32 - 1
_INTERLEAVED_SECONDS = 10
"""How far apart packets of one moment may lie in a file, in time."""


class SubtitleConverter:
    """Turns the packets of a text subtitle stream into those of another codec, times unchanged.

    Italics, bold and colours go over as far as the target codec has them; positions may not. A line
    that is not UTF-8 is read in the code page of Western Windows; one that cannot be converted is
    left out. Both are counted.
    """

    def __init__(self, source: SubtitleStream, target: SubtitleStream) -> None:
        """Prepare `target`, a fresh output stream; must be called before the header is written."""
        self._source = source
        self._target: SubtitleCodecContext = target.codec_context
        self._is_mov_text = source.codec_context.codec.canonical_name == "mov_text"
        self.legacy = 0
        """Lines that were not UTF-8."""
        self.skipped = 0
        """Lines that could not be converted."""
        source.codec_context.open(strict=False)
        # The encoder reads the styles from the decoder's header.
        self._target.subtitle_header = source.codec_context.subtitle_header or b""

    def __call__(self, packet: Packet[Stream]) -> Packet[Stream] | None:
        """The converted packet, with the times and time base of `packet`; None if it is empty."""
        try:
            subtitle = self._source.decode2(self._in_utf8(packet))
            if subtitle is None or len(subtitle) == 0:
                return None
            converted = self._target.encode_subtitle(subtitle)
        except (av.FFmpegError, ValueError):
            self.skipped += 1
            return None
        if converted.size == 0:
            return None
        converted.time_base = packet.time_base
        converted.pts = packet.pts
        converted.dts = packet.dts if packet.dts is not None else packet.pts
        converted.duration = packet.duration
        return converted

    def _in_utf8(self, packet: Packet[Stream]) -> Packet[Stream]:
        content = bytes(packet)
        stop = len(content)
        start = 0
        if self._is_mov_text:
            start, stop = 2, 2 + int.from_bytes(content[:2], "big")
            if content[2:4] in (b"\xfe\xff", b"\xff\xfe"):
                return packet  # UTF-16
        text, is_legacy = decoded(content[start:stop])
        if not is_legacy:
            return packet
        self.legacy += 1
        words = text.encode()
        size = len(words).to_bytes(2, "big") if self._is_mov_text else b""
        recoded: Packet[Stream] = Packet(size + words + content[stop:])
        recoded.stream, recoded.time_base = packet.stream, packet.time_base
        recoded.pts, recoded.dts, recoded.duration = packet.pts, packet.dts, packet.duration
        return recoded


def fill_duration(packet: Packet[Stream]) -> None:
    """Give a subtitle of a DVD the duration that its own commands state, if the file gives none.

    Programme streams give none, and mp4 hides a last packet that lasts no time.
    """
    stream = packet.stream
    if packet.duration or not packet.size or not isinstance(stream, SubtitleStream):
        return
    if stream.codec_context.codec.canonical_name != "dvd_subtitle" or packet.time_base is None:
        return
    with contextlib.suppress(av.FFmpegError, ValueError):
        shown = stream.decode2(packet)
        if shown is not None and 0 < shown.end_display_time < _UNKNOWN_MILLISECONDS:
            packet.duration = round_half_up(
                Fraction(shown.end_display_time, 1000) / packet.time_base
            )


def trial_converter(
    source: SubtitleStream, codec: str
) -> tuple[SubtitleConverter, OutputContainer]:
    """A converter whose packets go nowhere, and the file in memory that must outlive it."""
    scratch = av.open(io.BytesIO(), "w", format=_MUXERS[codec])
    target = scratch.add_stream(codec)
    if not isinstance(target, SubtitleStream):
        raise TypeError(f"{codec} is no subtitle codec")
    return SubtitleConverter(source, target), scratch


def try_conversion(
    source: InputContainer,
    codecs: Mapping[int, str],
    film: int,
    first: Fraction | None,
    last: Fraction | None,
) -> dict[int, SubtitleConverter]:
    """Convert every line of some text streams in memory: what has been counted, by stream.

    `codecs` gives the codec for the index of each stream; `first` and `last` limit it to a part, in
    seconds. Reads a freshly opened `source`, of which it decodes nothing else, up to where it
    cannot be read: whoever reads the film tells the place.
    """
    trials = {}
    for index, codec in codecs.items():
        stream = source.streams[index]
        if isinstance(stream, SubtitleStream):
            trials[index] = trial_converter(stream, codec)
    wanted = {*trials, film} if last is not None else set(trials)
    for stream in source.streams:
        if stream.index not in wanted:
            stream.discard = Discard.all
    with contextlib.suppress(av.FFmpegError, OSError):
        for packet in packets_of(source, [source.streams[index] for index in sorted(wanted)]):
            if packet.pts is None or packet.time_base is None or not packet.size:
                continue
            start = packet.pts * packet.time_base
            stop = start + (packet.duration or 0) * packet.time_base
            if last is not None and start >= last:
                if start >= last + _INTERLEAVED_SECONDS:
                    break
            elif packet.stream_index in trials and (first is None or max(start, stop) >= first):
                trials[packet.stream_index][0](packet)
    return {index: converter for index, (converter, _) in trials.items()}
