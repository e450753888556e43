"""Packets of one stream as items that can be compared: trimmed, converted, in equal pieces.

Containers cut and wrap the same sound and text differently; that is taken away here. It compares
nothing (see `packet_match`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import blake2b

from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from filmcolor.media.retiming import Retiming
from filmcolor.media.write.sound import Lossless
from filmcolor.media.write.stream_survey import codec_name, is_shown_until_next, packet_time
from filmcolor.media.write.subtitles import SubtitleConverter, trial_converter
from filmcolor.verify.samples import DecodedSamples

_PCM = re.compile(r"pcm_(?:[sfu](?P<bits>\d+)|alaw|mulaw)")
_PCM_SAMPLES = 1024
"""PCM is compared in pieces of so many samples: every container cuts its packets differently."""
_ADTS_BYTES = 7, 9
"""Header of raw AAC without and with a checksum; mp4 and Matroska take the sound without it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of the source is in the result, in seconds of the source's clock."""

    offset: Fraction
    """Added to all times on the way."""
    first: Fraction | None = None
    last: Fraction | None = None
    """Subtitles are cut to these."""
    end: Fraction | None = None
    """Packets from here on are left out."""
    film: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))
    """Where the first of its frames begins and the last ends."""
    retiming: Retiming | None = None
    """Where what is no sound goes, before `offset` is added."""

    def shown(self, seconds: Fraction) -> Fraction:
        """Where it is in the result, but for the offset."""
        return seconds if self.retiming is None else self.retiming.shown(seconds)

    def for_sound(self) -> Part:
        """The same for sound, which is not stretched, nor longer than the picture of a part."""
        retiming = self.retiming
        if retiming is None:
            return self
        end = None if self.end is None else retiming.first + len(retiming.pts) / retiming.rate
        return replace(self, offset=self.offset - retiming.first, end=end, retiming=None)


@dataclass(frozen=True, slots=True)
class PacketItem:
    """What has to be alike of a packet."""

    seconds: Fraction
    lasts: Fraction
    """0 where it does not matter."""
    digest: bytes
    may_go: bool = False
    """Whether a player does not play all of it, so that it may be left out (see `heard`)."""
    is_cut: bool = False
    """Whether an edit list hides it: then its time does not matter."""


@dataclass(slots=True)
class _Pieces:
    """Cuts the bytes of PCM into equal pieces; only a gap in time begins a new one early."""

    size: int
    rate: int
    """Bytes a second."""
    _begin: Fraction = Fraction(0)
    _held: bytes = b""

    def cut(self, seconds: Fraction, content: bytes) -> Iterator[tuple[Fraction, bytes]]:
        """The pieces that are complete now, with their times."""
        due = self._begin + Fraction(len(self._held), self.rate)
        if self._held and abs(seconds - due) > Fraction(2, 1000):
            yield from self.rest()
        if not self._held:
            self._begin = seconds
        held = self._held + content
        while len(held) >= self.size:
            yield self._begin, held[: self.size]
            held = held[self.size :]
            self._begin += Fraction(self.size, self.rate)
        self._held = held

    def rest(self) -> Iterator[tuple[Fraction, bytes]]:
        """What is left over."""
        if self._held:
            yield self._begin, self._held
        self._held = b""


class ItemReader:
    """Turns the packets of one stream into items: trimmed, converted, in comparable pieces."""

    def __init__(
        self,
        stream: Stream,
        part: Part | None,
        convert_to: str | None = None,
        lossless: Lossless | None = None,
        span: tuple[Fraction, Fraction] | None = None,
    ) -> None:
        """`part` limits a stream of the source; None takes all. `convert_to` a text codec.

        `lossless`: what sound has become; then it is decoded on both sides. `span` is the film's,
        in seconds of its own clock.
        """
        self._part = part
        self._is_text, self._is_sound = stream.type == "subtitle", stream.type == "audio"
        self._was_cut = False
        self._codec = convert_to or codec_name(stream)
        self._pieces = _pcm_pieces(stream)
        self._samples: DecodedSamples | None = None
        if lossless is not None and isinstance(stream, AudioStream):
            self._samples = DecodedSamples(stream, lossless, span)
            self._pieces = _Pieces(_PCM_SAMPLES * self._samples.align, self._samples.rate)
        self.is_cut = False
        """Whether it is PCM that a player does not play as a whole: then pieces prove nothing."""
        self._shown: Packet[Stream] | None = None
        self._scratch = None
        self._converter: SubtitleConverter | None = None
        if convert_to is not None and isinstance(stream, SubtitleStream):
            self._converter, self._scratch = trial_converter(stream, convert_to)

    def items(self, packet: Packet[Stream]) -> Iterator[PacketItem]:
        """What one packet amounts to; nothing if it lies outside of the part or holds nothing."""
        seconds = packet_time(packet)
        if seconds is None or packet.size == 0:
            return
        lasts = (packet.duration or 0) * packet.time_base if self._is_text else Fraction(0)
        first = None if self._part is None else self._part.first
        if first is not None and seconds < first and is_shown_until_next(packet):
            self._shown = packet  # until the next
            return
        yield from self._still_shown()
        if self._part is not None and not (self._samples and self._samples.fits):
            decoded = seconds if packet.dts is None else packet.dts * packet.time_base
            span = self._within(self._part, seconds, seconds + lasts, decoded)
            if span is None:
                return
            seconds = self._part.shown(span[0])
            lasts = self._part.shown(span[1]) - seconds
        yield from self._whole(packet, seconds, lasts)

    def _still_shown(self) -> Iterator[PacketItem]:
        """A subtitle of before the part that does not say how long it is shown."""
        packet, self._shown = self._shown, None
        if packet is not None and self._part is not None and self._part.first is not None:
            yield from self._whole(packet, self._part.shown(self._part.first), Fraction(0))

    def _whole(
        self, packet: Packet[Stream], seconds: Fraction, lasts: Fraction
    ) -> Iterator[PacketItem]:
        """What a packet amounts to that belongs to the part as a whole."""
        if self._samples is not None:
            yield from self._heard(packet)
            return
        if self._converter is not None:
            converted = self._converter(packet)
            if converted is None:
                return
            packet = converted
        content = self._content(bytes(packet))
        if content is None:
            return
        may_go, is_cut = self._hidden(packet)
        if self._pieces is None:
            digest = _digest(content)
            yield PacketItem(seconds, lasts, digest, may_go=may_go, is_cut=is_cut)
            return
        self.is_cut = self.is_cut or may_go
        for begin, piece in self._pieces.cut(seconds, content):
            yield PacketItem(begin, Fraction(0), _digest(piece))

    def _heard(self, packet: Packet[Stream] | None) -> Iterator[PacketItem]:
        """The samples that are decoded by now, or all that are left (None), in pieces."""
        if self._samples is None or self._pieces is None:
            return
        for seconds, content in self._samples.of(packet):
            for begin, piece in self._pieces.cut(seconds, content):
                yield PacketItem(begin, Fraction(0), _digest(piece))

    @property
    def skipped(self) -> int:
        """Lines of text that could not be converted."""
        return 0 if self._converter is None else self._converter.skipped

    def rest(self) -> Iterator[PacketItem]:
        """What is left at the end of the stream."""
        yield from self._still_shown()
        yield from self._heard(None)
        # Of sound that fits the film, the muxer decides on the samples of the last frame.
        if self._pieces is not None and not (self._samples and self._samples.fits):
            for begin, piece in self._pieces.rest():
                yield PacketItem(begin, Fraction(0), _digest(piece))

    def _within(
        self, part: Part, start: Fraction, stop: Fraction, decoded: Fraction
    ) -> tuple[Fraction, Fraction] | None:
        """What of start..stop lies in the part; None if it is left out."""
        if part.end is not None and decoded >= part.end:
            return None
        if not self._is_text:
            return (start, stop) if part.first is None or start >= part.first else None
        first = start if part.first is None else max(start, part.first)
        last = stop if part.last is None else min(stop, part.last)
        return (first, last) if last > first or (first, last) == (start, stop) else None

    def _hidden(self, packet: Packet[Stream]) -> tuple[bool, bool]:
        """Whether it is sound at the edge of what is played or beyond it, and whether it is beyond
        and no decoder's delay.
        """
        if not self._is_sound:
            return False, False
        is_trimmed = packet.has_sidedata("skip_samples")
        was_cut, self._was_cut = self._was_cut, packet.is_discard and not is_trimmed
        return is_trimmed or packet.is_discard or was_cut, self._was_cut

    def _content(self, content: bytes) -> bytes | None:
        """The bytes without what containers add or take away; None if nothing is left."""
        if self._codec == "mov_text" and content[:2] == b"\0\0":
            return None  # mp4 fills the time between two subtitles with empty ones
        if self._codec == "aac" and len(content) > max(_ADTS_BYTES):
            is_adts = content[0] == 0xFF and content[1] & 0xF6 == 0xF0
            return content[_ADTS_BYTES[not content[1] & 1] :] if is_adts else content
        return content


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()


def _pcm_pieces(stream: Stream) -> _Pieces | None:
    match = _PCM.match(codec_name(stream))
    if match is None or not isinstance(stream, AudioStream):
        return None
    context = stream.codec_context
    align = context.channels * int(match["bits"] or 8) // 8
    if align <= 0 or context.sample_rate <= 0:
        return None
    return _Pieces(align * _PCM_SAMPLES, align * context.sample_rate)
