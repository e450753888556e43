"""Which packets of a sound track are played: those that an edit list cuts away are left out, and
PCM is cut within them.

FFmpeg hands them out all the same, marked for discarding. `straight_packets` reads by this.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from filmcolor.media.timebase import round_half_up

_LEAD_PACKETS = 4
"""As much as a decoder needs to settle (Opus 80 ms, AAC and MP3 two packets), and no more than
encoders put in front of the sound: so many packets before the first played one are no cut.
"""
CLOCK = Fraction(2, 1000)
"""Seconds that an edit list may be off by its own clock, whose ticks are coarser than the sound's.
"""


@dataclass(slots=True)
class PlayedPackets:
    """Takes the packets of one track in their order, gives back those that are to be copied.

    Before the first played one stand the few that its decoder settles with, still marked: of a
    track that begins later than its packets only if `keeps_lead`, for a file that can hide them.
    """

    keeps_lead: bool
    is_pcm: bool = False
    end: Fraction | None = None
    """Seconds at which its edit list ends it."""
    hidden: int = 0
    """Packets before the first played one."""
    has_begun: bool = False
    _last: int | None = None
    _sample_bytes: int = 0
    _held: deque[Packet[Stream]] = field(default_factory=lambda: deque(maxlen=_LEAD_PACKETS))

    @property
    def is_cut(self) -> bool:
        """Whether sound was cut away before the first played packet."""
        return self.hidden > _LEAD_PACKETS

    def of(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """What is to be copied now that this packet has come."""
        if packet.is_discard:
            if not self.has_begun:
                self.hidden += 1
                self._held.append(packet)
            return []
        self.has_begun = True
        packet = self._part(packet)
        lead = list(self._held) if self.keeps_lead or not self.is_cut else []
        self._held.clear()
        return [*lead, packet]

    def _part(self, packet: Packet[Stream]) -> Packet[Stream]:
        """The packet; of PCM what of it lies behind the one before, and before the track's end.

        One before a cut reaches over it, and a file that plays PCM without a pause would play all
        that follows later.
        """
        pts, lasts = packet.pts, packet.duration
        if not self.is_pcm or pts is None or not lasts:
            return packet
        if not self._sample_bytes and packet.size % lasts == 0:
            self._sample_bytes = packet.size // lasts
        if not self._sample_bytes:
            return packet
        whole = stop = pts + packet.size // self._sample_bytes
        first = pts if self._last is None else max(pts, self._last)
        self._last = stop
        if self.end is not None and stop - self.end / packet.time_base > CLOCK / packet.time_base:
            stop = round_half_up(self.end / packet.time_base)
        if first >= stop or (first, stop) == (pts, whole):
            return packet
        size = self._sample_bytes
        part: Packet[Stream] = Packet(bytes(packet)[(first - pts) * size : (stop - pts) * size])
        part.stream, part.time_base, part.is_keyframe = packet.stream, packet.time_base, True
        part.pts = part.dts = first
        part.duration = stop - first
        return part


def is_pcm(stream: Stream) -> bool:
    """Whether a track's packets are as long as their bytes say."""
    context = stream.codec_context
    return context is not None and context.codec.canonical_name.startswith("pcm_")
