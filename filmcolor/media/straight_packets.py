"""Packets of an open file in their order, their times carried on where they begin anew.

The reader of the film, the copier of the other streams and the comparison of two films all read by
this, and so take the same decisions. What is decided stands in `splices`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from filmcolor.media.mov_boxes import read_tracks
from filmcolor.media.open import is_strung
from filmcolor.media.played import PlayedPackets, is_pcm
from filmcolor.media.splices import TimestampRepair, shown_at, ticks_of

MOST_RETRIES = 100
"""Reads that may fail one after the other before the file is at its end."""
_BYTE_CODECS = ("adpcm_g726", "adpcm_g722")


class StraightPackets:
    """Iterates over the packets of some streams of an open file, their times carried on.

    Where times can leap at all, the other streams are read besides, for the decision to be the same
    whoever reads, and for where the file ends. Sound, text and data that an edit list cuts away are
    left out. Raises what FFmpeg raises; `again` reads on behind such a place.
    """

    def __init__(
        self,
        container: InputContainer,
        film: int,
        wanted: Collection[int],
        *,
        keeps_lead: bool = False,
    ) -> None:
        """`film` and `wanted` are indexes of streams; those that nobody needs are discarded.

        `keeps_lead` as in `PlayedPackets`.
        """
        self._container = container
        self._film = film
        self._wanted = frozenset(wanted)
        # mp4 and mov hold how long each packet lasts: their times cannot begin anew on the way, and
        # go back only to packets that are decoded, but not shown, where an edit list goes on.
        self._can_leap = can_leap = not container.format.name.startswith("mov,")
        sounds = [each for each in container.streams.audio if each.index in self._wanted]
        pcm = {each.index for each in sounds if not can_leap and is_pcm(each)}
        tracks = read_tracks(container.name.removeprefix("file:")) if pcm else []
        ends = {at: track.end for at, track in enumerate(tracks)}
        self.sounds = {
            each.index: PlayedPackets(keeps_lead, each.index in pcm, ends.get(each.index))
            for each in sounds
        }
        """What is played of each sound track."""
        self._texts = {
            stream.index for stream in container.streams if stream.type in ("subtitle", "data")
        }
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
        self._played: deque[Packet[Stream]] = deque()
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
            if self._played:
                return self._played.popleft()
            # By the stream itself: PyAV gives the packet after the last the number 0.
            wanted = (each for each in self._ready if each.stream.index in self._wanted)
            packet = next(wanted, None)
            if packet is not None:
                self._played.extend(self._heard(packet))
                continue
            if self._is_over:
                raise StopIteration
            self._ready = self._next()

    def _heard(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """The packet, or what is to be copied now that it has come."""
        sound = self.sounds.get(packet.stream_index)
        if sound is not None and not is_last(packet):
            return sound.of(packet)
        return [] if packet.is_discard and packet.stream_index in self._texts else [packet]

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
        return self.straight.feed(packet) if self._can_leap else iter((packet,))


def is_last(packet: Packet[Stream]) -> bool:
    """Whether it is the empty packet after a stream's last; AVI has empty ones in between."""
    return packet.size == 0 and packet.pts is None and packet.dts is None


def packets_of(container: InputContainer, streams: Iterable[Stream]) -> Iterator[Packet[Stream]]:
    """The packets of some streams of an open file, and the empty ones behind them.

    Of a track that the file gains on the way PyAV knows nothing, and stumbles at the end.
    """
    byte_clocks = {each.index: clock for each in streams if (clock := _byte_clock(container, each))}
    with suppress(IndexError):
        for packet in container.demux(list(streams)):
            if (clock := byte_clocks.get(packet.stream_index)) is not None and packet.size:
                packet.time_base, packet.duration = clock, packet.size
            yield packet


def _byte_clock(container: InputContainer, stream: Stream) -> Fraction | None:
    """Seconds of a byte of sound in AVI whose times count bytes, of which each, by a header as
    FFmpeg writes it, would last as long as a packet; None of all else.
    """
    if not isinstance(stream, AudioStream) or container.format.name != "avi":
        return None
    codec, rate = stream.codec_context.codec.canonical_name, stream.codec_context.bit_rate
    entries, base = list(stream.index_entries[:2]), stream.time_base
    if codec not in _BYTE_CODECS or len(entries) < 2 or not base or not rate:
        return None
    byte = Fraction(8, rate)
    counts_bytes = entries[1].timestamp - entries[0].timestamp == entries[0].size
    return byte if counts_bytes and base > byte else None


def has_gained_sound(container: InputContainer) -> bool:
    """Whether a file that has been read shows a sound track by now, of which its head said nothing.

    PyAV lists the tracks of the head alone.
    """
    if container.streams.audio:
        return False
    try:
        container.streams.best("audio")
    except IndexError:
        return True
    return False
