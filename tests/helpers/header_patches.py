"""Changes the headers of finished films, byte by byte: edit lists, hidden borders, languages; and
puts captions into H.264.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Stream

_PARENTS = {b"moov": 8, b"trak": 8, b"edts": 8, b"mdia": 8, b"minf": 8, b"stbl": 8, b"stsd": 16}
LANGUAGE_BCP47 = 0x22B59D
CROPS = (0x54BB, 0x54CC, 0x54AA, 0x54DD)
"""PixelCropTop, -Left, -Bottom and -Right of Matroska."""
_NAME, _VIDEO, _VOID = 0x536E, 0xE0, 0xEC
ROOM = "x" * 60
"""A name of a track whose bytes `with_elements` uses."""


def with_edits(
    source: Path, target: Path, edits: Sequence[tuple[int, int]], track: int = 1
) -> None:
    """Give a track of an mp4 another edit list.

    `edits`: duration in ticks of the film, beginning in ticks of the track.
    """
    entries = b"".join(struct.pack(">Iihh", *edit, 1, 0) for edit in edits)
    box = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
    _replace(source, target, b"elst", track, box)


def edits(film: Path, track: int = 1) -> tuple[int, int]:
    """The first entry of a track's edit list."""
    content = film.read_bytes()
    start = _find(content, 0, len(content), b"elst")[track][-1]
    duration, begin = struct.unpack_from(">Ii", content, start + 16)
    return int(duration), int(begin)


def with_clean_aperture(source: Path, target: Path, width: int, height: int) -> None:
    """Hide the borders around so many pixels in the middle of an mp4 or mov of H.264."""
    clap = struct.pack(">I4s8i", 40, b"clap", width, 1, height, 1, 0, 1, 0, 1)
    content = source.read_bytes()
    (chain,) = _find(content, 0, len(content), b"avc1")
    (size,) = struct.unpack_from(">I", content, chain[-1])
    entry = content[chain[-1] : chain[-1] + size]
    _replace(source, target, b"avc1", 0, struct.pack(">I", size + 40) + entry[4:] + clap)


def _replace(source: Path, target: Path, name: bytes, number: int, box: bytes) -> None:
    content = bytearray(source.read_bytes())
    chain = _find(content, 0, len(content), name)[number]
    (size,) = struct.unpack_from(">I", content, chain[-1])
    if content.index(b"moov") < content.index(b"mdat"):
        for *_, at in _find(content, 0, len(content), b"stco"):
            (count,) = struct.unpack_from(">I", content, at + 12)
            places = struct.unpack_from(f">{count}I", content, at + 16)
            moved = [place + len(box) - size for place in places]
            struct.pack_into(f">{count}I", content, at + 16, *moved)
    content[chain[-1] : chain[-1] + size] = box
    for parent in chain[:-1]:
        (before,) = struct.unpack_from(">I", content, parent)
        struct.pack_into(">I", content, parent, before + len(box) - size)
    target.write_bytes(content)


def _find(
    content: bytes | bytearray, start: int, stop: int, wanted: bytes
) -> list[tuple[int, ...]]:
    """The places of all boxes of a name, each behind those of the boxes that it is in."""
    found: list[tuple[int, ...]] = []
    while start + 8 <= stop:
        size, name = struct.unpack_from(">I4s", content, start)
        if name == wanted:
            found.append((start,))
        elif name in _PARENTS:
            inner = _find(content, start + _PARENTS[name], start + size, wanted)
            found += [(start, *chain) for chain in inner]
        start += size
    return found


def with_elements(
    source: Path, target: Path, track: int, elements: Mapping[int, bytes], *, video: bool = False
) -> None:
    """Add elements to a track of a Matroska file, or to what it says of its picture, in the room of
    its name `ROOM`; the file keeps its length.
    """
    content = source.read_bytes()
    names = [at for at in range(len(content)) if content.startswith(_head(_NAME, len(ROOM)), at)]
    at = names[track] if len(names) > 1 else names[0]
    length = len(_head(_NAME, len(ROOM))) + len(ROOM)
    added = b"".join(_head(name, len(each)) + each for name, each in elements.items())
    void = _head(_VOID, length - len(added) - 2) + bytes(length - len(added) - 2)
    if not video:
        target.write_bytes(content[:at] + added + void + content[at + length :])
        return
    # The picture's element comes behind the name: what is between moves back.
    begin = content.index(bytes([_VIDEO]), at + length)
    size = content[begin + 1] & 0x7F
    assert content[begin + 1] & 0x80
    inner = content[begin + 2 : begin + 2 + size] + added
    rest = content[at + length : begin] + _head(_VIDEO, len(inner)) + inner + void
    end = begin + 2 + size
    changed = content[:at] + rest + content[end:]
    assert len(changed) == len(content)
    target.write_bytes(changed)


def _head(name: int, size: int) -> bytes:
    assert size < 127
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + bytes([0x80 | size])


def with_captions(source: Path, target: Path, captions: Mapping[int, bytes]) -> None:
    """Copy an mp4 or mkv of H.264 with captions put into some of its pictures, each as cc_data."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        after.metadata.update(before.metadata)
        streams = {
            stream.index: after.add_stream_from_template(stream)  # type: ignore[type-var]
            for stream in before.streams
        }
        film = before.streams.video[0].index
        packets = [packet for packet in before.demux() if packet.dts is not None]
        times = sorted(each.pts for each in packets if each.stream_index == film and each.size)
        for packet in packets:
            index = packet.stream_index
            said = captions.get(times.index(packet.pts)) if index == film else None
            copy = packet if said is None else _spoken(packet, said)
            copy.stream = streams[index]
            after.mux_one(copy)


def _spoken(packet: Packet[Stream], cc_data: bytes) -> Packet[Stream]:
    """The packet behind a message (SEI) with captions, ATSC A/53 part 4."""
    said = b"\xb5\0\x31GA94\x03" + bytes([0x40 | len(cc_data) // 3, 0xFF]) + cc_data + b"\xff"
    assert b"\0\0" not in said
    unit = b"\x06\x04" + bytes([len(said)]) + said + b"\x80"
    copy: Packet[Stream] = Packet(len(unit).to_bytes(4, "big") + unit + bytes(packet))
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
    return copy
