"""Reads and writes what FFmpeg's reader and muxer of mp4 and mov do not tell PyAV: the clean
aperture of the picture, how often sound is cut by its edit list, and where it begins.

Boxes are ISO/IEC 14496-12 (`clap`, `elst`) and Apple's QuickTime File Format. A finished file keeps
its length: a track's name is written with room behind it (`name_with_room`), which `clap` takes up.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from filmcolor.media.timebase import round_half_up
from filmcolor.types import Box

_CLAP_BYTES = 40
_USUAL_NAME = "VideoHandler"  # which FFmpeg's muxer gives a track of pictures without a name
_NAME_AT = 24  # of a handler's name, in its box's content
_LARGEST_INDEX = 1 << 28  # bytes of a moov that are read
_VISUAL_BYTES = 78  # of a picture's sample entry before the boxes in it
_LEAST_ENTRY = 12


@dataclass(frozen=True, slots=True)
class _Box:
    """A box: its name, where it begins, where its content begins and ends."""

    name: bytes
    start: int
    body: int
    stop: int


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """What the boxes of a track say."""

    crop: Box | None
    """The clean aperture, within the picture; None without one, or where it is the picture."""
    has_shape: bool
    """Whether it states the shape of its pixels."""
    cuts: int
    """Places at which its edit list goes on from elsewhere."""
    end: Fraction | None
    """Seconds at which its edit list ends it; None where it does not say."""


@dataclass(frozen=True, slots=True)
class SoundStart:
    """Sound that begins later than its first packet."""

    seconds: Fraction
    """When it begins."""
    lead: Fraction
    """How much of its packets lies before, in seconds."""


def name_with_room(name: str) -> str:
    """A track's name with the room that `write_clean_aperture` uses up."""
    return (name or _USUAL_NAME) + " " * _CLAP_BYTES


def read_tracks(path: str) -> list[TrackFacts]:
    """What the boxes of the tracks say, in the order of the file; nothing where it has no index."""
    found = _read_index(path)
    if found is None:
        return []
    index, _ = found
    tick = Fraction(1, _timescale(index, next(_path(index, _whole(index), b"mvhd"), None)))
    return [_facts(index, trak, tick) for trak in _children(index, _whole(index), b"trak")]


def write_clean_aperture(path: str, track: int, crop: Box, aspect: Fraction) -> bool:
    """State in a track with room that only `crop` of its picture is shown, of pixels this wide.

    `track` counts from 0. False if there is no such track, or no room.
    """
    found = _read_index(path)
    if found is None:
        return False
    index, at = found
    trak = next(_nth(index, b"trak", track), None)
    if trak is None:
        return False
    content = bytearray(index)
    entry, size = _visual(index, trak)
    handler = next(_path(index, trak, b"mdia", b"hdlr"), None)
    header = next(_path(index, trak, b"tkhd"), None)
    if entry is None or handler is None or header is None:
        return False
    name = index[handler.body + _NAME_AT : handler.stop]
    is_counted = not name.endswith(b"\0")  # a string of QuickTime, with its length in front
    room = handler.stop - _CLAP_BYTES - (not is_counted)
    if not name.rstrip(b"\0").endswith(b" " * _CLAP_BYTES):
        return False
    height, width = crop.size
    struct.pack_into(
        ">II", content, header.stop - 8, round_half_up(width * aspect) << 16, height << 16
    )
    # From behind, so that what stands before keeps its place.
    content[entry.stop : entry.stop] = _clap(crop, size)
    for names in ((b"mdia", b"minf"), (b"mdia", b"minf", b"stbl"), _STSD):
        for box in _path(index, trak, *names):
            _grow(content, box.start, _CLAP_BYTES)
    _grow(content, entry.start, _CLAP_BYTES)
    del content[room : room + _CLAP_BYTES]
    _grow(content, handler.start, -_CLAP_BYTES)
    if is_counted:
        content[handler.body + _NAME_AT] -= _CLAP_BYTES
    _write(path, at, content)
    return True


def write_sound_starts(path: str, starts: Mapping[int, SoundStart]) -> bool:
    """State where sound begins that has packets before, by the number of its track, from 0;
    whether there was a place for all.

    A track's edit list is a pause and all of its packets; the pause takes up what is not heard.
    """
    found = _read_index(path)
    if found is None:
        return False
    index, at = found
    content = bytearray(index)
    scale = _timescale(index, next(_path(index, _whole(index), b"mvhd"), None))
    done = 0
    for track, start in starts.items():
        for trak in _nth(index, b"trak", track):
            clock = _timescale(index, next(_path(index, trak, b"mdia", b"mdhd"), None))
            for box in _path(index, trak, b"edts", b"elst"):
                done += _delay(content, box, start, Fraction(1, scale), Fraction(1, clock))
    _write(path, at, content)
    return done == len(starts)


_STSD = (b"mdia", b"minf", b"stbl", b"stsd")


def _delay(
    content: bytearray, box: _Box, start: SoundStart, tick: Fraction, sound_tick: Fraction
) -> bool:
    """Make a pause and a stretch of sound begin at `start`; ticks are those of film and sound.

    False if the list is of another kind.
    """
    entries = _entries(content, box)
    if len(entries) != 2 or entries[0][1] != -1 or entries[1][1] != 0:
        return False
    pause = round_half_up(start.seconds / tick)
    lasts = entries[0][0] + entries[1][0] - pause
    if lasts <= 0:
        return False
    form = ">Qq4x" if content[box.body] else ">Ii4x"
    size = struct.calcsize(form)
    lead = round_half_up(start.lead / sound_tick)
    for number, (duration, time) in enumerate(((pause, -1), (lasts, lead))):
        struct.pack_into(form[:-2], content, box.body + 8 + number * size, duration, time)
    return True


def _facts(index: bytes, trak: _Box, tick: Fraction) -> TrackFacts:
    """`tick` is that of an edit list's durations, in seconds."""
    edits = [
        entry for box in _path(index, trak, b"edts", b"elst") for entry in _entries(index, box)
    ]
    lasts = [duration for duration, _ in edits]
    cuts = sum(time != -1 for _, time in edits) - 1
    entry, size = _visual(index, trak)
    crop, has_shape = None, False
    if entry is not None:
        inner = _Box(b"", entry.start, entry.body + _VISUAL_BYTES, entry.stop)
        for box in _children(index, inner):
            if box.name == b"clap":
                crop = _aperture(index, box, size)
            has_shape = has_shape or box.name == b"pasp"
    end = sum(lasts) * tick if lasts and all(lasts) else None
    return TrackFacts(crop, has_shape, max(0, cuts), end)


def _aperture(index: bytes, box: _Box, size: tuple[int, int]) -> Box | None:
    """What a `clap` cuts out of a picture of (height, width); None if it is no part of it."""
    if box.stop - box.body < _CLAP_BYTES - 8:
        return None
    numbers = struct.unpack_from(">8i", index, box.body)
    if any(below <= 0 for below in numbers[1::2]):
        return None
    width, height, right, down = (
        Fraction(above, below) for above, below in zip(numbers[::2], numbers[1::2], strict=True)
    )
    left = round_half_up((size[1] - width) / 2 + right)
    top = round_half_up((size[0] - height) / 2 + down)
    crop = Box(top, left, top + round_half_up(height), left + round_half_up(width))
    is_inside = 0 <= left < crop.right <= size[1] and 0 <= top < crop.bottom <= size[0]
    return crop if is_inside and crop.size != size else None


def _clap(crop: Box, size: tuple[int, int]) -> bytes:
    """The box; how far its centre lies from the picture's is counted in halves."""
    height, width = crop.size
    right, down = crop.left + crop.right - size[1], crop.top + crop.bottom - size[0]
    return struct.pack(">I4s8i", _CLAP_BYTES, b"clap", width, 1, height, 1, right, 2, down, 2)


def _visual(index: bytes, trak: _Box) -> tuple[_Box | None, tuple[int, int]]:
    """The first sample entry of a track of pictures, and their (height, width)."""
    handler = next(_path(index, trak, b"mdia", b"hdlr"), None)
    if handler is None or index[handler.body + 8 : handler.body + 12] != b"vide":
        return None, (0, 0)
    for stsd in _path(index, trak, *_STSD):
        inner = _Box(b"", stsd.start, stsd.body + 8, stsd.stop)
        for entry in _children(index, inner):
            if entry.stop - entry.body >= _VISUAL_BYTES:
                width, height = struct.unpack_from(">HH", index, entry.body + 24)
                return entry, (height, width)
    return None, (0, 0)


def _entries(index: bytes | bytearray, box: _Box) -> list[tuple[int, int]]:
    """(duration, time) of the entries of an `elst`."""
    form = ">Qq4x" if index[box.body] else ">Ii4x"
    stop = box.stop - (box.stop - box.body - 8) % struct.calcsize(form)
    return list(struct.iter_unpack(form, index[box.body + 8 : stop]))


def _timescale(index: bytes, box: _Box | None) -> int:
    """Ticks a second of an `mvhd` or `mdhd`, at least 1."""
    if box is None:
        return 1
    at = box.body + (20 if index[box.body] else 12)
    return max(1, int.from_bytes(index[at : at + 4], "big"))


def _read_index(path: str) -> tuple[bytes, int] | None:
    """The content of the file's `moov`, and where it begins."""
    with open(path, "rb") as file:
        length, at = os.fstat(file.fileno()).st_size, 0
        while at + 8 <= length:
            file.seek(at)
            head = file.read(16)
            size, name, long = int.from_bytes(head[:4], "big"), head[4:8], head[8:16]
            skip = 16 if size == 1 else 8
            size = {0: length - at, 1: int.from_bytes(long, "big")}.get(size, size)
            if size < skip or at + size > length:
                return None
            if name == b"moov":
                if size > _LARGEST_INDEX:
                    return None
                file.seek(at + skip)
                return file.read(size - skip), at + skip
            at += size
    return None


def _write(path: str, at: int, content: bytearray) -> None:
    with open(path, "rb+") as file:
        file.seek(at)
        file.write(content)


def _whole(index: bytes) -> _Box:
    return _Box(b"moov", 0, 0, len(index))


def _children(index: bytes, box: _Box, name: bytes | None = None) -> Iterator[_Box]:
    """The boxes in another, or those of this name; up to what is damaged."""
    at = box.body
    while at + 8 <= box.stop:
        size = int.from_bytes(index[at : at + 4], "big")
        if size < 8 or at + size > box.stop:
            return
        if name in (None, index[at + 4 : at + 8]):
            yield _Box(index[at + 4 : at + 8], at, at + 8, at + size)
        at += size


def _path(index: bytes, box: _Box, *names: bytes) -> Iterator[_Box]:
    """The box that is found by going down these names, if there is one."""
    for name in names:
        inner = next(_children(index, box, name), None)
        if inner is None or inner.stop - inner.body < _LEAST_ENTRY:
            return
        box = inner
    yield box


def _nth(index: bytes, name: bytes, number: int) -> Iterator[_Box]:
    """The box of this name and number in the index, if there is one."""
    for at, box in enumerate(_children(index, _whole(index), name)):
        if at == number:
            yield box


def _grow(content: bytearray, at: int, by: int) -> None:
    struct.pack_into(">I", content, at, int.from_bytes(content[at : at + 4], "big") + by)
