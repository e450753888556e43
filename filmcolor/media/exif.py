"""EXIF blocks: read a few entries, replace a few, and leave every other byte as it is.

An EXIF block is a small TIFF file (TIFF 6.0; CIPA DC-008): a header, and directories whose entries
point into the block. Instead of writing it anew, which breaks maker notes and loses types, the
main directory alone is rewritten behind the old bytes and the header is pointed to it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from filmcolor.types import Notice

DESCRIPTION = 270
ORIENTATION = 274
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
EXIF_IFD, GPS_IFD = 34665, 34853
LIMIT = 65527
"""Bytes of the largest block that a JPEG file can hold."""

_PREFIX = b"Exif\x00\x00"
_EMPTY = b"II*\x00\x08\x00\x00\x00" + bytes(6)
_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}
_ASCII, _SHORT, _RATIONAL = 2, 3, 5

# What TIFF files say about a picture, as against how its samples are stored: document name,
# description, make, model, orientation, page name, software, date, artist, computer, the EXIF and
# GPS directories, copyright, and the Windows titles.
_METADATA = (
    *(269, 270, 271, 272, 274, 285, 305, 306, 315, 316, 33432, EXIF_IFD, GPS_IFD),
    *range(40091, 40096),
)

Value = bytes | int | Fraction
"""What an entry is given: ASCII text, a SHORT, or a RATIONAL."""


@dataclass(frozen=True)
class ExifBlock:
    """An EXIF block and the entries of its main directory."""

    block: bytes
    """Without the "Exif" prefix that JPEG puts before it."""
    order: str
    """Byte order, "<" or ">", as `struct` has it."""
    entries: Mapping[int, bytes]
    """The 12 bytes of every entry by tag."""

    @classmethod
    def parse(cls, block: bytes) -> ExifBlock:
        """Read a block, with or without prefix; empty bytes are an empty block.

        Raises `ValueError` when the main directory is not whole.
        """
        block = block.removeprefix(_PREFIX) or _EMPTY
        order = _ORDERS.get(block[:4])
        if order is None or len(block) < 8:
            raise ValueError("no TIFF header")
        (offset,) = struct.unpack_from(order + "I", block, 4)
        if offset + 2 > len(block):
            raise ValueError("no main directory")
        (count,) = struct.unpack_from(order + "H", block, offset)
        stop = offset + 2 + 12 * count
        if stop > len(block):
            raise ValueError("main directory cut off")
        raw = [block[at : at + 12] for at in range(offset + 2, stop, 12)]
        return cls(block, order, {struct.unpack_from(order + "H", e)[0]: e for e in raw})

    def short(self, tag: int, default: int) -> int:
        """The value of a SHORT entry."""
        entry = self.entries.get(tag)
        if entry is None:
            return default
        kind, count, value = struct.unpack_from(self.order + "HIH", entry, 2)
        return int(value) if (kind, count) == (_SHORT, 1) else default

    def text(self, tag: int) -> bytes:
        """The bytes of an ASCII entry without closing zeros and blanks; empty if there is none."""
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        kind, count, offset = struct.unpack_from(self.order + "HII", entry, 2)
        if kind != _ASCII:
            return b""
        value = entry[8 : 8 + count] if count <= 4 else self.block[offset : offset + count]
        return value.rstrip(b"\x00 ")

    def with_values(self, values: Mapping[int, Value]) -> bytes:
        """The block with these entries of the main directory set; a thumbnail is unhooked.

        The thumbnail, a second directory, shows the picture without colour and so must not stay.
        """
        extra = b""
        base = len(self.block) + len(self.block) % 2
        entries = dict(self.entries)
        directory = 2 + 12 * len({*entries, *values}) + 4
        for tag, value in values.items():
            kind, count, payload = self._packed(value)
            if len(payload) > 4:
                place = struct.pack(self.order + "I", base + directory + len(extra))
                extra += payload + bytes(len(payload) % 2)
            else:
                place = payload.ljust(4, b"\x00")
            entries[tag] = struct.pack(self.order + "HHI", tag, kind, count) + place
        body = b"".join(entries[tag] for tag in sorted(entries))
        head = self.block[:4] + struct.pack(self.order + "I", base)
        count_bytes = struct.pack(self.order + "H", len(entries))
        old = self.block[8:].ljust(base - 8, b"\x00")
        return head + old + count_bytes + body + bytes(4) + extra

    def _packed(self, value: Value) -> tuple[int, int, bytes]:
        if isinstance(value, bytes):
            return _ASCII, len(value) + 1, value + b"\x00"
        if isinstance(value, int):
            return _SHORT, 1, struct.pack(self.order + "H", value)
        packed = struct.pack(self.order + "II", value.numerator, value.denominator)
        return _RATIONAL, 1, packed


def joined(existing: bytes, label: str) -> bytes:
    """A description with the label behind what it said before."""
    added = label.encode()
    if added in existing:
        return existing
    return existing + b"; " + added if existing else added


def labelled(block: bytes, label: str, dpi: tuple[float, float] | None = None) -> bytes:
    """The block with `label` in its description and, unless it states one, the resolution."""
    parsed = ExifBlock.parse(block)
    values: dict[int, Value] = {DESCRIPTION: joined(parsed.text(DESCRIPTION), label)}
    if dpi is not None and X_RESOLUTION not in parsed.entries:
        values[X_RESOLUTION] = Fraction(dpi[0]).limit_denominator(10_000)
        values[Y_RESOLUTION] = Fraction(dpi[1]).limit_denominator(10_000)
        values[RESOLUTION_UNIT] = 2  # inch
    return parsed.with_values(values)


def fitting(block: bytes, label: str) -> tuple[bytes, Notice | None]:
    """A labelled block that a JPEG file can hold; says so when the old one had to be left out."""
    whole = labelled(block, label)
    if len(whole) <= LIMIT:
        return whole, None
    compact = Image.Exif()
    compact.load(_PREFIX + block)
    whole = labelled(compact.tobytes(), label)  # without the thumbnail's bytes
    if len(whole) <= LIMIT:
        return whole, None
    return labelled(b"", label), Notice("its EXIF is too long for JPEG: left out", warning=True)


def from_tiff(entries: Image.Exif) -> bytes:
    """The EXIF block of what a TIFF file says about its picture; empty if it says nothing."""
    found = _metadata(entries)
    if not found:
        return b""
    block = Image.Exif()
    for tag, value in found.items():
        block[tag] = value
    return block.tobytes().removeprefix(_PREFIX)


def put_into(directory: ImageFileDirectory_v2, block: bytes) -> None:
    """Set the entries of an EXIF block in the directory of a TIFF file."""
    entries = Image.Exif()
    entries.load(_PREFIX + block)
    for tag, value in _metadata(entries).items():
        directory[tag] = value


def _metadata(entries: Image.Exif) -> dict[int, Any]:
    """The metadata entries; text as bytes, since Pillow would write "?" for an umlaut."""
    found: dict[int, Any] = {}
    for tag in _METADATA:
        value = entries.get_ifd(tag) if tag in (EXIF_IFD, GPS_IFD) else entries.get(tag)
        if value:
            found[tag] = value.encode("latin-1", "replace") if isinstance(value, str) else value
    return found
