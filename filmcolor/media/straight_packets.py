"""Packets of an open file in their order, their times carried on where they begin anew.

The reader of the film, the copier of the other streams and the comparison of two films all read by
this, and so take the same decisions. What is decided stands in `splices`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fractions import Fraction
from itertools import chain

from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from filmcolor.media.open import has_gained_sound, is_strung, packets_of
from filmcolor.media.splices import TimestampRepair, shown_at, ticks_of

MOST_RETRIES = 100
"""Reads that may fail one after the other before the file is at its end."""


class StraightPackets:
    """Iterates over the packets of some streams of an open file, their times carried on.

    Where times can leap at all, the other streams are read besides, for the decision to be the same
    whoever reads, and for where the file ends. Raises what FFmpeg raises; `again` reads on behind
    such a place.
    """

    def __init__(self, container: InputContainer, film: int, wanted: Collection[int]) -> None:
        """`film` and `wanted` are indexes of streams; those that nobody needs are discarded."""
        self._container = container
        self._film = film
        self._wanted = frozenset(wanted)
        # mp4 and mov hold how long each packet lasts: their times cannot begin anew on the way.
        can_leap = not container.format.name.startswith("mov,")
        self._read = [
            stream
            for stream in container.streams
            if stream.index in self._wanted or (can_leap and stream.type != "attachment")
        ]
        read = {stream.index for stream in self._read}
        for stream in container.streams:
            if stream.index not in read:
                stream.discard = Discard.all
        # Matroska has no decoding times: those that FFmpeg makes lag behind where times leap.
        strung = is_strung(container)
        self._is_guessed = strung and container.format.name.startswith("matroska")
        self.straight = TimestampRepair(film, strung, by_display=self._is_guessed)
        self._ends: dict[int, tuple[int, Fraction]] = {}
        self._ready: Iterator[Packet[Stream]] = iter(())
        self._is_over = False
        self.has_gained_sound = False
        """Whether there was sound, known at the end, of which the head of the file says nothing."""
        self.again()

    def again(self) -> None:
        """Read on after an error."""
        self._packets = packets_of(self._container, self._read) if self._read else iter(())

    @property
    def end(self) -> Fraction | None:
        """Latest end of all packets read so far, in seconds, not moved."""
        return max((ticks * base for ticks, base in self._ends.values()), default=None)

    def __iter__(self) -> Iterator[Packet[Stream]]:
        return self

    def __next__(self) -> Packet[Stream]:
        while True:
            for packet in self._ready:
                if packet.stream.index in self._wanted:  # PyAV gives the last ones another number
                    return packet
            if self._is_over:
                raise StopIteration
            self._ready = self._next()

    def _next(self) -> Iterator[Packet[Stream]]:
        packet = next(self._packets, None)
        if packet is None or is_last(packet):  # the last of its stream, after all of the others
            self._is_over = True
            self.has_gained_sound = has_gained_sound(self._container)
        if packet is None:
            return self.straight.flush()
        if self._is_over:
            return chain(self.straight.flush(), [packet], self._packets)
        if self._is_guessed and packet.stream_index == self._film and packet.pts is not None:
            packet.dts = None
        at = ticks_of(packet)
        if at is not None:
            last, base = self._ends.get(packet.stream_index, (at, packet.time_base))
            end = shown_at(packet, at) + (packet.duration or 0)
            self._ends[packet.stream_index] = max(last, end), base
        return self.straight.feed(packet)


def is_last(packet: Packet[Stream]) -> bool:
    """Whether it is the empty packet after a stream's last; AVI has empty ones in between."""
    return packet.size == 0 and packet.pts is None and packet.dts is None
