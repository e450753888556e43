"""What the header of an mp4, mov or Matroska tells a player and PyAV does not hand on: the borders
that are cut off, the shape of the pixels that goes with them, and languages.

It reads bytes, and nothing of filmcolor's own readers and writers. EBML is RFC 8794, the elements
are RFC 9559; the boxes are ISO/IEC 14496-12.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

_SEGMENT, _TRACKS, _TRACK, _CHAPTERS = 0x18538067, 0x1654AE6B, 0xAE, 0x1043A770
_TRACK_TYPE, _VIDEO, _LANGUAGE, _LANGUAGE_BCP47 = 0x83, 0xE0, 0x22B59C, 0x22B59D
_CROPS = (0x54BB, 0x54CC, 0x54AA, 0x54DD)  # top, left, bottom, right
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT, _UNIT_UNKNOWN = 0x54B0, 0x54BA, 0x54B2, 4
_WIDTH, _HEIGHT = 0xB0, 0xBA
_EDITION, _ATOM, _DISPLAY, _CHAPTER_LANGUAGE, _CHAPTER_BCP47 = 0x45B9, 0xB6, 0x80, 0x437C, 0x437D
_STREAM_TYPES = (1, 2, 0x11, 0x21)  # of which FFmpeg makes streams
_UNSAID = "und"

_TO_ENTRIES = (b"mdia", b"minf", b"stbl", b"stsd")
_ENTRIES_AT, _VISUAL_AT = 8, 78  # bytes before the boxes inside of stsd, and of a picture's entry
_LARGEST = 1 << 16  # bytes of a value


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says beside what FFmpeg tells."""

    crop: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Pixels cut off at the top, left, bottom and right of the film."""
    pixel_aspect: Fraction | None = None
    """How wide a pixel is shown; None where FFmpeg's word holds, as always without a crop."""
    languages: tuple[str, ...] = ()
    """Of the streams, in FFmpeg's order; BCP 47 where that says more. Matroska only."""
    editions: int = 0
    """How many sets of chapters there are; Matroska only."""
    chapter_languages: frozenset[str] = frozenset()
    """Those that titles of chapters are stated to be in; Matroska only."""


def read_header(path: str, container: str, film: int, identity: int) -> Header:
    """The header of a file in the format that FFmpeg calls `container`.

    `film` is the index of the picture's stream, `identity` FFmpeg's id of it. Nothing is said where
    the bytes do not make sense: what FFmpeg could open is then all there is.
    """
    with open(path, "rb") as file:
        end = os.fstat(file.fileno()).st_size
        try:
            if container.startswith("matroska"):
                return _matroska(file, end, film)
            if container.startswith("mov,"):
                return _mov(file, end, identity)
        except (struct.error, ValueError, ZeroDivisionError):
            pass
    return Header()


def _matroska(file: BinaryIO, end: int, film: int) -> Header:
    tracks: list[_Span] = []
    editions: list[_Span] = []
    for segment in _elements(file, 0, end, {_SEGMENT}):
        for part in _elements(file, *segment.inside, {_TRACKS, _CHAPTERS}):
            if part.name == _TRACKS:
                tracks += _elements(file, *part.inside, {_TRACK})
            else:
                editions += _elements(file, *part.inside, {_EDITION})
        break
    tracks = [each for each in tracks if _number(file, each, _TRACK_TYPE) in _STREAM_TYPES]
    crop, aspect = (0, 0, 0, 0), None
    for video in _elements(file, *tracks[film].inside, {_VIDEO}) if film < len(tracks) else ():
        top, left, bottom, right = (_number(file, video, each) for each in _CROPS)
        crop = top, left, bottom, right
        wide = _number(file, video, _WIDTH) - left - right
        high = _number(file, video, _HEIGHT) - top - bottom
        shown = _number(file, video, _DISPLAY_WIDTH), _number(file, video, _DISPLAY_HEIGHT)
        if any(crop) and all(shown) and _number(file, video, _DISPLAY_UNIT) < _UNIT_UNKNOWN:
            aspect = Fraction(*shown) / Fraction(wide, high)
    displays = [
        display
        for edition in editions
        for atom in _elements(file, *edition.inside, {_ATOM})
        for display in _elements(file, *atom.inside, {_DISPLAY})
    ]
    said = {_language(file, each, _CHAPTER_LANGUAGE, _CHAPTER_BCP47) for each in displays}
    return Header(
        crop=crop,
        pixel_aspect=aspect,
        languages=tuple(_language(file, each, _LANGUAGE, _LANGUAGE_BCP47) for each in tracks),
        editions=len(editions),
        chapter_languages=frozenset(said - {_UNSAID}),
    )


def _mov(file: BinaryIO, end: int, identity: int) -> Header:
    for track in _boxes(file, 0, end, b"moov", b"trak"):
        heads = list(_boxes(file, *track.inside, b"tkhd"))
        if not heads or _track_number(_content(file, heads[0])) != identity:
            continue
        for table in _boxes(file, *track.inside, *_TO_ENTRIES):
            start, stop = table.inside
            for entry in _boxes(file, start + _ENTRIES_AT, stop):
                return _picture_entry(file, entry.inside[0] + _VISUAL_AT, entry.inside)
    return Header()


def _picture_entry(file: BinaryIO, boxes_at: int, inside: tuple[int, int]) -> Header:
    """What the sample entry of a picture says; its sides stand in the 24th byte and after it."""
    file.seek(inside[0] + 24)
    width, height = struct.unpack(">HH", file.read(4))
    aspect = Fraction(1)
    for box in _boxes(file, boxes_at, inside[1], b"pasp"):
        aspect = Fraction(*struct.unpack(">II", _content(file, box)[:8]))
    for box in _boxes(file, boxes_at, inside[1], b"clap"):
        numbers = struct.unpack(">8i", _content(file, box)[:32])
        wide, high, right, down = (Fraction(*numbers[at : at + 2]) for at in range(0, 8, 2))
        left, top = (width - wide) / 2 + right, (height - high) / 2 + down
        crop = top, left, height - high - top, width - wide - left
        if any(crop):
            first, second, third, fourth = (round(each) for each in crop)
            return Header((first, second, third, fourth), aspect)
    return Header()


@dataclass(frozen=True, slots=True)
class _Span:
    """An element or a box, without its head."""

    name: object
    inside: tuple[int, int]
    """Bytes of the file, half-open."""


def _elements(file: BinaryIO, start: int, stop: int, wanted: Collection[int]) -> Iterator[_Span]:
    """The wanted elements of EBML between two places; ends where a length is unknown or untrue."""
    while start < stop:
        file.seek(start)
        name, size = _vint(file, marked=True), _vint(file)
        first = file.tell()
        if name is None or size is None:
            return
        if name in wanted:
            yield _Span(name, (first, min(first + size, stop)))
        start = first + size


def _vint(file: BinaryIO, *, marked: bool = False) -> int | None:
    """A number of EBML; a length of all ones (unknown) is more than any file has."""
    head = file.read(1)
    if not head or not head[0]:
        return None
    length = 9 - head[0].bit_length()
    number = int.from_bytes(head + file.read(length - 1), "big")
    return number if marked else number & ((1 << 7 * length) - 1)


def _number(file: BinaryIO, parent: _Span, name: int) -> int:
    return int.from_bytes(_value(file, parent, name), "big")


def _language(file: BinaryIO, parent: _Span, *names: int) -> str:
    """The language by its ISO 639-2 code, or by BCP 47 where that says more than a language."""
    plain, exact = (_value(file, parent, each).rstrip(b"\0").decode("latin-1") for each in names)
    return exact if "-" in exact else plain or exact or _UNSAID


def _value(file: BinaryIO, parent: _Span, name: int) -> bytes:
    for element in _elements(file, *parent.inside, {name}):
        return _content(file, element)
    return b""


def _boxes(file: BinaryIO, start: int, stop: int, *path: bytes) -> Iterator[_Span]:
    """The boxes that a path of names leads to; all of one level without a path."""
    while start + 8 <= stop:
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        first = start + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            first += 8
        end = start + size if size else stop
        if not first <= end <= stop:
            return
        if not path or name == path[0]:
            if len(path) > 1:
                yield from _boxes(file, first, end, *path[1:])
            else:
                yield _Span(name, (first, end))
        start = end


def _track_number(head: bytes) -> int:
    at = 20 if head[:1] == b"\1" else 12  # a version with longer times
    return int(struct.unpack_from(">I", head, at)[0])


def _content(file: BinaryIO, span: _Span) -> bytes:
    start, stop = span.inside
    file.seek(start)
    return file.read(min(stop - start, _LARGEST))
