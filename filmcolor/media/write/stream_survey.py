"""What the head of a file shows of its streams: what each is, when it begins, a packet of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from filmcolor.media.played import PlayedPackets
from filmcolor.media.straight_packets import packets_of

# What the search for the first timestamps reads at most: packets.
_SEARCH_PACKETS = 4000
_SEARCH_FILM_PACKETS = 32


@dataclass(frozen=True, slots=True)
class Survey:
    """What the head of a file shows."""

    times: Mapping[int, Fraction]
    """Earliest pts in seconds of the streams that were met, by index."""
    packets: Mapping[int, Packet[Stream]]
    """A first packet of each."""
    early: Mapping[int, Fraction]
    """Seconds by which the first played packet of sound that is cut begins before its cut."""


def codec_name(stream: Stream) -> str:
    """FFmpeg's codec name of a stream, "unknown" if it has none."""
    if stream.codec_context is not None:
        return stream.codec_context.codec.canonical_name
    return getattr(stream, "name", None) or "unknown"  # only data streams have one


def is_attached_picture(stream: Stream) -> bool:
    """Whether it is a still picture attached to the file: not a film."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def survey_streams(source: InputContainer, film: int) -> Survey:
    """Look at the head of the file: where each stream begins, and a packet of it.

    Reads on until every sound track and enough of the film have been seen, up to a limit. Frames of
    the film and sound that the container itself hides (outside an edit list) do not count.
    """
    times: dict[int, Fraction] = {}
    packets: dict[int, Packet[Stream]] = {}
    early: dict[int, Fraction] = {}
    seen_of_film = 0
    streams = [each for each in source.streams if each.type not in ("attachment", "unknown")]
    awaited = {each.index for each in streams if each.type == "audio"}
    sounds = {index: PlayedPackets(keeps_lead=False) for index in awaited}
    for number, packet in enumerate(_readable(packets_of(source, streams))):
        time = packet_time(packet)
        index = packet.stream_index
        if time is None or is_attached_picture(packet.stream):
            continue
        packets.setdefault(index, packet)
        seen_of_film += index == film
        if (sound := sounds.get(index)) is not None:
            for played in sound.of(packet):
                time = packet_time(played) or time
                times[index] = min(time, times.get(index, time))
            if not sound.has_begun:
                continue
            if sound.is_cut and packet.stream.start_time is not None:
                early.setdefault(index, packet.stream.start_time * packet.time_base - time)
        elif not (packet.is_discard and index == film):
            times[index] = min(time, times.get(index, time))
        awaited.discard(index)
        if number >= _SEARCH_PACKETS or (not awaited and seen_of_film >= _SEARCH_FILM_PACKETS):
            break
    return Survey(times, packets, early)


def _readable(packets: Iterator[Packet[Stream]]) -> Iterator[Packet[Stream]]:
    """Packets up to where the file cannot be read; whoever reads the film tells the place."""
    with contextlib.suppress(av.FFmpegError, OSError):
        yield from packets


def is_shown_until_next(packet: Packet[Stream]) -> bool:
    """Whether a subtitle does not say how long it is shown, and is whole by itself.

    Those of Blu-rays are in a packet each in Matroska, in several in a transport stream: a whole
    one begins with its composition and ends with its end segment.
    """
    if packet.stream.type != "subtitle" or packet.duration or not packet.size:
        return False
    content = bytes(packet)
    is_whole = content[:1] == b"\x16" and content[-3:] == b"\x80\0\0"
    return is_whole or codec_name(packet.stream) != "hdmv_pgs_subtitle"


def packet_time(packet: Packet[Stream]) -> Fraction | None:
    """Presentation time in seconds; None for the empty packets at the end of a stream."""
    ticks = packet.pts if packet.pts is not None else packet.dts
    if ticks is None or packet.time_base is None:
        return None
    return ticks * packet.time_base
