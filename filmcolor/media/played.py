"""Which packets of a sound track are played: those that an edit list cuts away are left out.

FFmpeg hands them out all the same, marked for discarding. `straight_packets` reads by this.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from av.packet import Packet
from av.stream import Stream

_LEAD_PACKETS = 4
"""As much as a decoder needs to settle (Opus 80 ms, AAC and MP3 two packets), and no more than
encoders put in front of the sound: so many packets before the first played one are no cut.
"""


@dataclass(slots=True)
class PlayedPackets:
    """Takes the packets of one track in their order, gives back those that are to be copied.

    Before the first played one stand the few that its decoder settles with, still marked: of a
    track that begins later than its packets only if `keeps_lead`, for a file that can hide them.
    """

    keeps_lead: bool
    is_pcm: bool = False
    hidden: int = 0
    """Packets before the first played one."""
    has_begun: bool = False
    _end: int | None = None
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
        packet = self._from_the_last(packet)
        lead = list(self._held) if self.keeps_lead or not self.is_cut else []
        self._held.clear()
        return [*lead, packet]

    def _from_the_last(self, packet: Packet[Stream]) -> Packet[Stream]:
        """The packet; of PCM what is left of it behind the end of the one before.

        That one reaches over its cut, and a file that plays PCM without a pause would play all that
        follows later.
        """
        pts, lasts = packet.pts, packet.duration
        if not self.is_pcm or pts is None or not lasts:
            return packet
        over = 0 if self._end is None else self._end - pts
        self._end = pts + lasts
        if not 0 < over < lasts or packet.size % lasts:
            return packet
        rest: Packet[Stream] = Packet(bytes(packet)[over * packet.size // lasts :])
        rest.stream, rest.time_base, rest.is_keyframe = packet.stream, packet.time_base, True
        rest.pts = rest.dts = pts + over
        rest.duration = lasts - over
        return rest


def is_pcm(stream: Stream) -> bool:
    """Whether a track's packets are as long as their bytes say."""
    context = stream.codec_context
    return context is not None and context.codec.canonical_name.startswith("pcm_")
