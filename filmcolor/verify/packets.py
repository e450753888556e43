"""Sound, subtitles and data of two films, packet by packet, byte for byte, at their times.

Both files are read once, side by side; of packets whose counterpart has not come yet only a digest
is kept. Which streams belong together is settled elsewhere (see `streams`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from filmcolor.media.open import film_stream, media_errors
from filmcolor.media.straight_packets import StraightPackets, packets_of
from filmcolor.media.write.stream_survey import packet_time
from filmcolor.media.write.streams import StreamPlan
from filmcolor.verify.findings import Findings
from filmcolor.verify.packet_items import ItemReader, Part
from filmcolor.verify.packet_match import PacketMatch

_REPORT_PACKETS = 500


@dataclass(frozen=True, slots=True)
class StreamPair:
    """A stream of the source and the one of the result that holds it."""

    plan: StreamPlan
    source: int
    """Index in the source."""
    result: int
    """Index in the result."""


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
    containers are freshly opened and are read to their ends. Where the film has another rate, the
    pairs are all sound, or none is.
    """
    # Those of mp4 and mov cannot begin anew; they go back where an edit list hides some.
    straightens = not source.format.name.startswith("mov,")
    sides = (
        _Side([pair.source for pair in pairs], source, straightens=straightens),
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
                ItemReader(streams[0], part, convert_to, lossless, part.film),
                ItemReader(streams[1], None, None, lossless, shifted),
            )
        )
        ticks = [stream.time_base or Fraction(0) for stream in streams]
        matches.append(PacketMatch(pair.plan.name, part.offset, tolerance + sum(ticks), findings))
    count = 0
    while (at := _behind(sides, part)) is not None:
        side = sides[at]
        with media_errors(source.name if at == 0 else result.name):
            packet = side.next()
        if packet is None or packet_time(packet) is None:
            continue
        number = side.indexes.index(packet.stream_index)
        match = matches[number]
        (match.wanted, match.found)[at].extend(readers[number][at].items(packet))
        match.is_silent = any(reader.is_cut for reader in readers[number])
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


def _behind(sides: tuple[_Side, _Side], part: Part) -> int | None:
    """Which of the two to read on: the one that is less far; None when both are over."""
    first, second = sides
    if first.is_over or second.is_over:
        return None if first.is_over and second.is_over else int(first.is_over)
    if first.seconds is None or second.seconds is None:
        return 0 if first.seconds is None else 1
    return int(second.seconds < part.shown(first.seconds) + part.offset)
