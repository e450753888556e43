"""Writes into a finished Matroska file what FFmpeg's muxer was not told: the shape of the pixels,
what is shown of the picture, and what sound is that only Windows' headers describe; reads what is
shown, which PyAV does not tell; and looks where the first of several films in one file ends.

PyAV gives no way to set a stream's sample aspect ratio, and the muxer takes it from nowhere else;
FFV1, ProRes and AV1 in Matroska would lose it. The track's name is written with room behind it
(`with_room`); afterwards `write_display_shape` puts the display elements into that room, in place.
PyAV likewise refuses to add WMA, ADPCM, mu-law and their like to Matroska, which holds them as
A_MS/ACM: they are written as PCM, and `write_sound_formats` states afterwards what they are.
The elements are RFC 9559.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

from filmcolor.media.ebml import (
    CRC,
    SEGMENT,
    UNKNOWN_SIZES,
    Element,
    elements,
    encoded,
    find,
    patch,
    read_head,
    unsigned,
)
from filmcolor.types import Box

_HEADER = bytes.fromhex("1a45dfa3")
TRACKS = 0x1654AE6B
TRACK_ENTRY = 0xAE
_NAME = 0x536E
_VIDEO = 0xE0
_AUDIO = 0xE1
_NUMBER = 0xD7
_TYPE = 0x83
_TYPE_VIDEO = 1
_PIXEL_WIDTH = 0xB0
_PIXEL_HEIGHT = 0xBA
_CROP_TOP = 0x54BB
_CROP_LEFT = 0x54CC
_CROP_BOTTOM = 0x54AA
_CROP_RIGHT = 0x54DD
_CODEC = 0x86
_CODEC_PRIVATE = 0x63A2
_BIT_DEPTH = 0x6264
_BITS_AT = slice(14, 16)  # wBitsPerSample of a WAVEFORMATEX
_DISPLAY_WIDTH = 0x54B0
_DISPLAY_HEIGHT = 0x54BA
_DISPLAY_UNIT = 0x54B2
_UNIT_ASPECT_RATIO = 3

_MOST_BYTES = 1 << 24  # of tracks that are read
_ROOM = 72
"""Bytes, more than what the elements of display and crop add."""
_SOUND_ROOM = 16
"""And what is written of a sound's codec besides its format."""


def with_room(name: str, wave_format: bytes = b"") -> str:
    """A track's name with the room that `write_display_shape` uses up, or, for sound of this
    format, `write_sound_formats`; never seen, since it is replaced.
    """
    return name + " " * _room(wave_format)


def _room(wave_format: bytes) -> int:
    return _SOUND_ROOM + len(wave_format) if wave_format else _ROOM


def read_crops(path: str) -> list[Box | None]:
    """What is shown of the pictures of each track of pictures, in their order; None for all."""
    with open(path, "rb") as file:
        found = find(file, TRACKS)
        if found is None:
            return []
        position, size = found
        file.seek(position)
        tracks = file.read(min(size, _MOST_BYTES))
    try:
        entries = [dict(_contents(each.content)) for each in elements(tracks) if _is_entry(each)]
        return [
            _crop(dict(_contents(entry.get(_VIDEO, b""))))
            for entry in entries
            if int.from_bytes(entry.get(_TYPE, b""), "big") == _TYPE_VIDEO
        ]
    except IndexError:  # damaged
        return []


def _is_entry(element: Element) -> bool:
    return element.identity == TRACK_ENTRY


def _contents(content: bytes) -> Iterator[tuple[int, bytes]]:
    return ((each.identity, each.content) for each in elements(content))


def _crop(video: Mapping[int, bytes]) -> Box | None:
    def number(identity: int) -> int:
        return int.from_bytes(video.get(identity, b""), "big")

    right = number(_PIXEL_WIDTH) - number(_CROP_RIGHT)
    crop = Box(
        number(_CROP_TOP),
        number(_CROP_LEFT),
        number(_PIXEL_HEIGHT) - number(_CROP_BOTTOM),
        right,
    )
    is_whole = crop.size == (number(_PIXEL_HEIGHT), number(_PIXEL_WIDTH))
    return None if is_whole or min(crop.size) <= 0 else crop


def write_display_shape(
    path: str, width: int, height: int, aspect: Fraction, crop: Box | None = None
) -> bool:
    """State in the track with room that pixels are `aspect` wide, and that only `crop` is shown;
    False if there is no such track.

    The file keeps its length; the name gets back what it was.
    """
    shown = crop.size if crop is not None else (height, width)
    shape = Fraction(shown[1], shown[0]) * aspect
    margins = _margins(crop, width, height)

    def reshaped(parts: list[Element]) -> list[Element] | None:
        if all(part.identity != _VIDEO for part in parts):
            return None
        named = without_room(parts, _ROOM)
        return named and [_reshape(part, shape, margins) for part in named]

    return patch_tracks(path, reshaped)


def write_sound_formats(path: str, formats: Mapping[int, bytes]) -> bool:
    """State what the sound of these tracks is, by number, each with room for it: a WAVEFORMATEX.

    False if there is no such track. The file keeps its length; names get back what they were.
    """

    def described(parts: list[Element]) -> list[Element] | None:
        number = next((each.content for each in parts if each.identity == _NUMBER), b"")
        wave_format = formats.get(int.from_bytes(number, "big"))
        named = wave_format and without_room(parts, _room(wave_format))
        if not wave_format or not named:
            return None
        codec = [Element(_CODEC, b"A_MS/ACM"), Element(_CODEC_PRIVATE, wave_format)]
        kept = [each for each in named if each.identity not in (_CODEC, _CODEC_PRIVATE)]
        return [_with_depth(part, wave_format) for part in kept] + codec

    return patch_tracks(path, described)


Edit = Callable[[list[Element]], list[Element] | None]
"""The parts of a track as they should be; None: as they are."""


def patch_tracks(path: str, edit: Edit) -> bool:
    """Write the file's tracks anew, in place; whether any was changed."""

    def edited(tracks: bytes) -> bytes | None:
        entries = [entry for entry in elements(tracks) if entry.identity != CRC]
        is_changed = False
        for at, entry in enumerate(entries):
            parts = edit(list(elements(entry.content))) if _is_entry(entry) else None
            if parts is not None:
                entries[at] = Element(TRACK_ENTRY, b"".join(map(encoded, parts)))
                is_changed = True
        return b"".join(map(encoded, entries)) if is_changed else None

    return patch(path, TRACKS, edited)


def segment_end(path: str) -> int | None:
    """Where a file's first film ends, in bytes; None where that is not stated, as in one that was
    broken off or written into a pipe.
    """
    with open(path, "rb") as file:
        length = os.fstat(file.fileno()).st_size
        while (head := read_head(file)) is not None:
            identity, size = head
            if identity == SEGMENT:
                return None if size in UNKNOWN_SIZES else file.tell() + size
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


def without_room(parts: list[Element], room: int) -> list[Element] | None:
    """The parts with the room taken out of the track's name, an empty one left out; None if it has
    no room.
    """
    name = next((part.content for part in parts if part.identity == _NAME), b"")
    if not name.endswith(b" " * room):
        return None
    named = [Element(_NAME, name[:-room])] if len(name) > room else []
    return [part for part in parts if part.identity != _NAME] + named


def _with_depth(part: Element, wave_format: bytes) -> Element:
    """The part; that of the sound with the format's bits a sample instead of PCM's."""
    if part.identity != _AUDIO:
        return part
    kept = [each for each in elements(part.content) if each.identity != _BIT_DEPTH]
    if bits := int.from_bytes(wave_format[_BITS_AT], "little"):
        kept.append(unsigned(_BIT_DEPTH, bits))
    return Element(_AUDIO, b"".join(map(encoded, kept)))


def _margins(crop: Box | None, width: int, height: int) -> list[Element]:
    """The elements that say how much is not shown on each side."""
    if crop is None:
        return []
    sides = (
        (_CROP_TOP, crop.top),
        (_CROP_LEFT, crop.left),
        (_CROP_BOTTOM, height - crop.bottom),
        (_CROP_RIGHT, width - crop.right),
    )
    return [unsigned(identity, pixels) for identity, pixels in sides if pixels]


def _reshape(part: Element, shape: Fraction, margins: list[Element]) -> Element:
    """The entry's part, that of the picture with the shape in it."""
    if part.identity != _VIDEO:
        return part
    display = (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT)
    kept = [each for each in elements(part.content) if each.identity not in display]
    kept.append(unsigned(_DISPLAY_WIDTH, shape.numerator))
    kept.append(unsigned(_DISPLAY_HEIGHT, shape.denominator))
    kept.append(unsigned(_DISPLAY_UNIT, _UNIT_ASPECT_RATIO))
    kept += margins
    return Element(_VIDEO, b"".join(encoded(each) for each in kept))
