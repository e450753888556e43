"""Writes into a finished Matroska file what FFmpeg's muxer was not told: the shape of the pixels;
and looks where the first of several films in one file ends.

PyAV gives no way to set a stream's sample aspect ratio, and the muxer takes it from nowhere else;
FFV1, ProRes and AV1 in Matroska would lose it. The track's name is written with room behind it
(`with_room`); afterwards `write_display_shape` puts the display elements into that room, in place.
EBML is RFC 8794, the elements are RFC 9559.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

_HEADER = bytes.fromhex("1a45dfa3")
_SEGMENT = 0x18538067
_TRACKS = 0x1654AE6B
_CLUSTER = 0x1F43B675
_TRACK_ENTRY = 0xAE
_NAME = 0x536E
_VIDEO = 0xE0
_DISPLAY_WIDTH = 0x54B0
_DISPLAY_HEIGHT = 0x54BA
_DISPLAY_UNIT = 0x54B2
_UNIT_ASPECT_RATIO = 3
_CRC = 0xBF
_VOID = 0xEC

_UNKNOWN_SIZES = {(1 << 7 * length) - 1 for length in range(1, 9)}

_ROOM = " " * 40
"""Larger than what the display elements add; never seen, since it is replaced."""


@dataclass(frozen=True, slots=True)
class _Element:
    identity: int
    content: bytes


def with_room(name: str) -> str:
    """A track's name with the room that `write_display_shape` uses up."""
    return name + _ROOM


def write_display_shape(path: str, width: int, height: int, aspect: Fraction) -> bool:
    """State in the track with room that pixels are `aspect` wide; False if there is no such track.

    The file keeps its length; the name gets back what it was.
    """
    with open(path, "rb+") as file:
        found = _find_tracks(file)
        if found is None:
            return False
        position, size = found
        file.seek(position)
        tracks = file.read(size)
        shape = Fraction(width, height) * aspect
        patched = _patch_tracks(tracks, shape)
        if patched is None:
            return False
        file.seek(position)
        file.write(patched)
        return True


def segment_end(path: str) -> int | None:
    """Where a file's first film ends, in bytes; None where that is not stated, as in one that was
    broken off or written into a pipe.
    """
    with open(path, "rb") as file:
        length = os.fstat(file.fileno()).st_size
        while (head := _read_head(file)) is not None:
            identity, size = head
            if identity == _SEGMENT:
                return None if size in _UNKNOWN_SIZES else file.tell() + size
            if size > length:
                return None  # damaged
            file.seek(size, 1)
    return None


def is_matroska(path: str, at: int = 0) -> bool:
    """Whether a film begins at this byte of a file."""
    with open(path, "rb") as file:
        if at > os.fstat(file.fileno()).st_size:
            return False  # cut short, or damaged
        file.seek(at)
        return file.read(len(_HEADER)) == _HEADER


def _find_tracks(file: BinaryIO) -> tuple[int, int] | None:
    """Position and size of the content of the Tracks element."""
    while (head := _read_head(file)) is not None:
        identity, size = head
        if identity == _TRACKS:
            return file.tell(), size
        if identity == _CLUSTER:
            return None
        if identity != _SEGMENT:
            file.seek(size, 1)
    return None


def _read_head(file: BinaryIO) -> tuple[int, int] | None:
    head = file.read(12)
    if len(head) < 2:
        return None
    whole = head.ljust(12, b"\0")  # the file may end in it
    identity, at = _read_number(whole, 0, keep_marker=True)
    size, at = _read_number(whole, at, keep_marker=False)
    file.seek(at - len(head), 1)
    return identity, size


def _read_number(data: bytes, at: int, *, keep_marker: bool) -> tuple[int, int]:
    """A variable-length number at `at`, and where it ends."""
    length = 9 - data[at].bit_length()
    number = int.from_bytes(data[at : at + length], "big")
    if not keep_marker:
        number &= (1 << (7 * length)) - 1
    return number, at + length


def _elements(data: bytes) -> Iterator[_Element]:
    at = 0
    while at < len(data):
        identity, at = _read_number(data, at, keep_marker=True)
        size, at = _read_number(data, at, keep_marker=False)
        yield _Element(identity, data[at : at + size])
        at += size


def _encode(element: _Element, *, size_length: int = 0) -> bytes:
    """The element's bytes; `size_length` bytes for its size, as few as it needs if 0."""
    identity = element.identity.to_bytes((element.identity.bit_length() + 7) // 8, "big")
    size = len(element.content)
    length = size_length or next(n for n in range(1, 9) if size < (1 << (7 * n)) - 1)
    return identity + (size | 1 << (7 * length)).to_bytes(length, "big") + element.content


def _void(length: int) -> bytes:
    """An element that means nothing, `length` bytes in all, at least 2."""
    if length < 128:
        return _encode(_Element(_VOID, bytes(length - 2)), size_length=1)
    return _encode(_Element(_VOID, bytes(length - 9)), size_length=8)


def _unsigned(identity: int, number: int) -> _Element:
    return _Element(identity, number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))


def _patch_tracks(tracks: bytes, shape: Fraction) -> bytes | None:
    """The content of Tracks with the shape written in, of the same length."""
    entries = [entry for entry in _elements(tracks) if entry.identity != _CRC]
    place = next((at for at, entry in enumerate(entries) if _has_room(entry)), None)
    if place is None:
        return None
    parts = [_reshape(part, shape) for part in _elements(entries[place].content)]
    reshaped = b"".join(_encode(part) for part in parts if part is not None)
    entries[place] = _Element(_TRACK_ENTRY, reshaped)
    body = b"".join(_encode(entry) for entry in entries)
    checksum = len(_encode(_Element(_CRC, bytes(4)))) if tracks[0] == _CRC else 0
    left = len(tracks) - checksum - len(body)
    if left < 2:
        return None
    body += _void(left)
    if not checksum:
        return body
    return _encode(_Element(_CRC, zlib.crc32(body).to_bytes(4, "little"))) + body


def _has_room(entry: _Element) -> bool:
    room = _ROOM.encode()
    return entry.identity == _TRACK_ENTRY and any(
        part.identity == _NAME and part.content.endswith(room) for part in _elements(entry.content)
    )


def _reshape(part: _Element, shape: Fraction) -> _Element | None:
    """The entry's part with the shape in it (Video), or without the room (Name, if any is left)."""
    if part.identity == _NAME:
        name = part.content.removesuffix(_ROOM.encode())
        return _Element(_NAME, name) if name else None
    if part.identity != _VIDEO:
        return part
    display = (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT)
    kept = [each for each in _elements(part.content) if each.identity not in display]
    kept.append(_unsigned(_DISPLAY_WIDTH, shape.numerator))
    kept.append(_unsigned(_DISPLAY_HEIGHT, shape.denominator))
    kept.append(_unsigned(_DISPLAY_UNIT, _UNIT_ASPECT_RATIO))
    return _Element(_VIDEO, b"".join(_encode(each) for each in kept))
