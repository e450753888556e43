"""Sound, subtitles and data of two films, packet by packet, byte for byte, at their times.

Both files are read once, side by side; of packets whose counterpart has not come yet only a digest
is kept. Which streams belong together is settled elsewhere (see `streams`).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import blake2b

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream
from av.subtitles.stream import SubtitleStream

from filmcolor.media.open import film_stream, media_errors, packets_of
from filmcolor.media.straight_packets import StraightPackets
from filmcolor.media.write.sound import Lossless
from filmcolor.media.write.streams import StreamPlan, codec_name, is_shown_until_next, packet_time
from filmcolor.media.write.subtitles import SubtitleConverter, trial_converter
from filmcolor.verify.findings import Findings, Place
from filmcolor.verify.samples import DecodedSamples

_PCM = re.compile(r"pcm_(?:[sfu](?P<bits>\d+)|alaw|mulaw)")
_PCM_SAMPLES = 1024
"""PCM is compared in pieces of so many samples: every container cuts its packets differently."""
_ADTS_BYTES = 7, 9
"""Header of raw AAC without and with a checksum; mp4 and Matroska take the sound without it."""
_REPORT_PACKETS = 500


@dataclass(frozen=True, slots=True)
class StreamPair:
    """A stream of the source and the one of the result that holds it."""

    plan: StreamPlan
    source: int
    """Index in the source."""
    result: int
    """Index in the result."""


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


@dataclass(frozen=True, slots=True)
class _Item:
    """What has to be alike of a packet."""

    seconds: Fraction
    lasts: Fraction
    """0 where it does not matter."""
    digest: bytes


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


class _Reader:
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
        self._is_text = stream.type == "subtitle"
        self._codec = convert_to or codec_name(stream)
        self._pieces = _pcm_pieces(stream)
        self._samples: DecodedSamples | None = None
        if lossless is not None and isinstance(stream, AudioStream):
            self._samples = DecodedSamples(stream, lossless, span)
            self._pieces = _Pieces(_PCM_SAMPLES * self._samples.align, self._samples.rate)
        self._shown: Packet[Stream] | None = None
        self._scratch = None
        self._converter: SubtitleConverter | None = None
        if convert_to is not None and isinstance(stream, SubtitleStream):
            self._converter, self._scratch = trial_converter(stream, convert_to)

    def items(self, packet: Packet[Stream]) -> Iterator[_Item]:
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
            seconds, lasts = span[0], span[1] - span[0]
        yield from self._whole(packet, seconds, lasts)

    def _still_shown(self) -> Iterator[_Item]:
        """A subtitle of before the part that does not say how long it is shown."""
        packet, self._shown = self._shown, None
        if packet is not None and self._part is not None and self._part.first is not None:
            yield from self._whole(packet, self._part.first, Fraction(0))

    def _whole(self, packet: Packet[Stream], seconds: Fraction, lasts: Fraction) -> Iterator[_Item]:
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
        if self._pieces is None:
            yield _item(seconds, lasts, content)
            return
        for begin, piece in self._pieces.cut(seconds, content):
            yield _item(begin, Fraction(0), piece)

    def _heard(self, packet: Packet[Stream] | None) -> Iterator[_Item]:
        """The samples that are decoded by now, or all that are left (None), in pieces."""
        if self._samples is None or self._pieces is None:
            return
        for seconds, content in self._samples.of(packet):
            for begin, piece in self._pieces.cut(seconds, content):
                yield _item(begin, Fraction(0), piece)

    @property
    def skipped(self) -> int:
        """Lines of text that could not be converted."""
        return 0 if self._converter is None else self._converter.skipped

    def rest(self) -> Iterator[_Item]:
        """What is left at the end of the stream."""
        yield from self._still_shown()
        yield from self._heard(None)
        # Of sound that fits the film, the muxer decides on the samples of the last frame.
        if self._pieces is not None and not (self._samples and self._samples.fits):
            for begin, piece in self._pieces.rest():
                yield _item(begin, Fraction(0), piece)

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

    def _content(self, content: bytes) -> bytes | None:
        """The bytes without what containers add or take away; None if nothing is left."""
        if self._codec == "mov_text" and content[:2] == b"\0\0":
            return None  # mp4 fills the time between two subtitles with empty ones
        if self._codec == "aac" and len(content) > max(_ADTS_BYTES):
            is_adts = content[0] == 0xFF and content[1] & 0xF6 == 0xF0
            return content[_ADTS_BYTES[not content[1] & 1] :] if is_adts else content
        return content


def _item(seconds: Fraction, lasts: Fraction, content: bytes) -> _Item:
    return _Item(seconds, lasts, blake2b(content, digest_size=16).digest())


def _pcm_pieces(stream: Stream) -> _Pieces | None:
    match = _PCM.match(codec_name(stream))
    if match is None or not isinstance(stream, AudioStream):
        return None
    context = stream.codec_context
    align = context.channels * int(match["bits"] or 8) // 8
    if align <= 0 or context.sample_rate <= 0:
        return None
    return _Pieces(align * _PCM_SAMPLES, align * context.sample_rate)


@dataclass(slots=True)
class _Match:
    """Brings the items of one pair of streams together and tells what does not fit."""

    name: str
    offset: Fraction
    tolerance: Fraction
    findings: Findings
    wanted: deque[_Item] = field(default_factory=deque)
    found: deque[_Item] = field(default_factory=deque)
    shift: Fraction = Fraction(0)
    """Seconds by which what comes now is moved."""

    def settle(self, *, final: bool = False) -> None:
        """Compare what can be compared; two of each are held to see which one is missing."""
        wanted, found = self.wanted, self.found
        while wanted and found and (final or (len(wanted) > 1 and len(found) > 1)):
            self._compare(wanted[0], found[0])
        while final and wanted:
            self._drop_missing()
        while final and found:
            self._drop_added()

    def _compare(self, first: _Item, other: _Item) -> None:
        late = other.seconds - first.seconds - self.offset
        is_equal = first.digest == other.digest
        follows = len(self.wanted) > 1 and self.wanted[1].digest == other.digest
        precedes = len(self.found) > 1 and self.found[1].digest == first.digest
        if not is_equal and (follows or (not precedes and late - self.shift > self.tolerance)):
            self._drop_missing()
        elif not is_equal and (precedes or late - self.shift < -self.tolerance):
            self._drop_added()
        else:
            if is_equal:
                self._check_times(first, other, late)
            else:
                self._fault("changed", "with other bytes", first.seconds)
            self.wanted.popleft()
            self.found.popleft()

    def _drop_missing(self) -> None:
        self._fault("missing", "missing from the result", self.wanted.popleft().seconds)

    def _drop_added(self) -> None:
        self._fault("added", "not in the source", self.found.popleft().seconds - self.offset)

    def _check_times(self, first: _Item, other: _Item, late: Fraction) -> None:
        self.shift = late if abs(late) > self.tolerance else Fraction(0)
        if self.shift:
            way = "late" if late > 0 else "early"
            detail = f"{float(abs(late)):.6g} s too {way}"
            self._fault("time", "at another time", first.seconds, detail)
        elif first.lasts and other.lasts and abs(first.lasts - other.lasts) > 2 * self.tolerance:
            detail = f"for {float(other.lasts):.6g} s instead of {float(first.lasts):.6g} s"
            self._fault("time", "shown for another time", first.seconds, detail)

    def _fault(self, kind: str, text: str, seconds: Fraction, detail: str = "") -> None:
        place = Place(seconds, detail=detail)
        self.findings.fault(f"packet {kind}", f"{self.name}, packet {text}", place)


def compare_packets(
    source: InputContainer,
    result: InputContainer,
    pairs: Sequence[StreamPair],
    part: Part,
    findings: Findings,
    *,
    tolerance: Fraction,
) -> Generator[int, None, None]:
    """Compare the packets of all pairs; yields now and then the number of packets read.

    `tolerance`: seconds that a time may be off, beside a tick of each of the two time bases. Both
    containers are freshly opened and are read to their ends.
    """
    sides = (
        _Side([pair.source for pair in pairs], source, straightens=True),
        _Side([pair.result for pair in pairs], result),
    )
    matches, readers = [], []
    shifted = part.film[0] + part.offset, part.film[1] + part.offset
    for pair in pairs:
        streams = source.streams[pair.source], result.streams[pair.result]
        is_converted = pair.plan.action in ("mov_text", "subrip")
        convert_to = pair.plan.action if is_converted else None
        lossless = pair.plan.lossless
        readers.append(
            (
                _Reader(streams[0], part, convert_to, lossless, part.film),
                _Reader(streams[1], None, None, lossless, shifted),
            )
        )
        ticks = [stream.time_base or Fraction(0) for stream in streams]
        matches.append(_Match(pair.plan.name, part.offset, tolerance + sum(ticks), findings))
    count = 0
    while (at := _behind(sides, part.offset)) is not None:
        side = sides[at]
        with media_errors(source.name if at == 0 else result.name):
            packet = side.next()
        if packet is None or packet_time(packet) is None:
            continue
        number = side.indexes.index(packet.stream_index)
        match = matches[number]
        (match.wanted, match.found)[at].extend(readers[number][at].items(packet))
        match.settle()
        count += 1
        if count % _REPORT_PACKETS == 0:
            yield count
    for match, (first, second) in zip(matches, readers, strict=True):
        match.wanted.extend(first.rest())
        match.found.extend(second.rest())
        match.settle(final=True)
        if first.skipped:
            findings.note(f"{match.name}: {first.skipped} lines could not be converted; left out")
    yield count


class _Side:
    """The packets of some streams of one file, and how far they have been read."""

    def __init__(
        self, indexes: list[int], container: InputContainer, *, straightens: bool = False
    ) -> None:
        """`straightens` carries times on where they begin anew, as those of the film are."""
        self.indexes = indexes
        self._packets: Iterator[Packet[Stream]]
        if straightens:
            film = film_stream(container, container.name).index
            self._packets = StraightPackets(container, film, indexes)
        else:
            for stream in container.streams:
                if stream.index not in indexes:
                    stream.discard = Discard.all
            chosen = [container.streams[index] for index in indexes]
            self._packets = packets_of(container, chosen) if chosen else iter(())
        self.seconds: Fraction | None = None
        self.is_over = False

    def next(self) -> Packet[Stream] | None:
        """The next packet; None past the end."""
        packet = next(self._packets, None)
        if packet is None:
            self.is_over = True
            return None
        if (seconds := packet_time(packet)) is not None:
            self.seconds = seconds
        return packet


def _behind(sides: tuple[_Side, _Side], offset: Fraction) -> int | None:
    """Which of the two to read on: the one that is less far; None when both are over."""
    first, second = sides
    if first.is_over or second.is_over:
        return None if first.is_over and second.is_over else int(first.is_over)
    if first.seconds is None or second.seconds is None:
        return 0 if first.seconds is None else 1
    return int(second.seconds < first.seconds + offset)
