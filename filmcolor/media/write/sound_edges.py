"""Where sound begins and ends within its packets, in mp4 and mov.

A source's edit list may say so to the sample; FFmpeg's muxer cuts at packets, but before zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from filmcolor.media.mov_boxes import SoundStart
from filmcolor.media.played import CLOCK, is_pcm
from filmcolor.media.timebase import round_half_up


@dataclass(slots=True)
class SoundEdges:
    """Notes where the tracks of the result begin, and shortens their last packets."""

    ends: Mapping[int, Fraction]
    """Seconds at which streams of the source are ended by their edit lists."""
    starts: dict[int, SoundStart] = field(default_factory=dict)
    """Of sound with packets before it begins, by the number of its track (see
    `write_sound_starts`).
    """
    _begun: set[int] = field(default_factory=set)

    def takes(self, packet: Packet[Stream], track: int, shift: int) -> bool:
        """Whether a packet is written, whose times will be moved by `shift`: one from before the
        beginning has a place only where nothing is played, behind zero or before it.
        """
        begin, end = packet.stream.start_time, self.ends.get(packet.stream_index)
        if begin is None or packet.pts is None:
            return True
        if track not in self._begun:
            first, start = packet.pts + shift, begin + shift
            if packet.is_discard and first <= 0 < start:
                return False  # from zero on FFmpeg's muxer leaves no pause to write into
            self._begun.add(track)
            if 0 < first < start:
                base = packet.time_base
                self.starts[track] = SoundStart(start * base, (start - first) * base)
        if end is None or not packet.duration or is_pcm(packet.stream):
            return True
        left = round_half_up(end / packet.time_base) - packet.pts
        if 0 < left < packet.duration - CLOCK / packet.time_base:
            packet.duration = left
        return True
