"""EXIF blocks: read a few entries, replace a few, and leave every other byte as it is.

An EXIF block is a small TIFF file (TIFF 6.0; CIPA DC-008): a header, and directories whose entries
point into the block. Instead of writing it anew, which breaks maker notes and loses types, the
main directory alone is rewritten behind the old bytes and the header is pointed to it. Blocks that
have to be made anew are made in `exif_directory`.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction

from filmcolor.events import Notice
from filmcolor.media.images.exif_directory import (
    ASCII,
    BYTE,
    EXIF_IFD,
    GPS_IFD,
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    UTF8,
    Entry,
    Layout,
    Order,
    layout_and_start,
    rebuilt,
)

WIDTH, HEIGHT = 256, 257
DESCRIPTION = 270
ORIENTATION = 274
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
ARTIST, COPYRIGHT = 315, 33432
LIMIT = 65527
"""Bytes of the largest block that a JPEG file can hold."""

METADATA = frozenset(
    {
        *(269, DESCRIPTION, 271, 272, ORIENTATION, 285, 305, 306, ARTIST, 316, COPYRIGHT),
        *(18246, 18249, EXIF_IFD, GPS_IFD),
        *range(40091, 40096),
    }
)
"""What TIFF files say about a picture, as against how its samples are stored: document name,
description, make, model, orientation, page name, software, date, artist, computer, copyright,
ratings, the EXIF and GPS directories, and the Windows titles.
"""

_PREFIX = b"Exif\x00\x00"
_EMPTY = b"II*\x00\x08\x00\x00\x00" + bytes(6)
_NUMBERS = {BYTE: "B", SHORT: "H", LONG: "I"}
_TEXT_KINDS = (ASCII, BYTE, UNDEFINED, UTF8)
_PIXEL_SIZE = (40962, 40963)
_FOCAL_PLANE_RESOLUTION = (41486, 41487)
_INCH_PER_UNIT = {2: 1.0, 3: 2.54}

Value = bytes | int | Fraction | Entry
"""What an entry is given: ASCII text, a SHORT, a RATIONAL, or an entry as it is."""


@dataclass(frozen=True)
class ExifBlock:
    """An EXIF block and the entries of its main directory."""

    block: bytes
    """Without the "Exif" prefix that JPEG puts before it."""
    order: Order
    entries: Mapping[int, bytes]
    """The 12 bytes of every entry by tag."""

    @classmethod
    def parse(cls, block: bytes) -> ExifBlock:
        """Read a block, with or without prefix; empty bytes are an empty block.

        Raises `ValueError` when the main directory is not whole.
        """
        block = block.removeprefix(_PREFIX) or _EMPTY
        layout, offset = layout_and_start(block)
        order = layout.order
        if layout.count != "H":
            raise ValueError("a BigTIFF header")
        if offset + 2 > len(block):
            raise ValueError("no main directory")
        (count,) = struct.unpack_from(order + "H", block, offset)
        stop = offset + 2 + 12 * count
        if stop > len(block):
            raise ValueError("main directory cut off")
        raw = [block[at : at + 12] for at in range(offset + 2, stop, 12)]
        return cls(block, order, {struct.unpack_from(order + "H", e)[0]: e for e in raw})

    def entry(self, tag: int) -> Entry | None:
        """An entry of the main directory; None where there is none, or it points nowhere."""
        raw = self.entries.get(tag)
        if raw is None:
            return None
        return Layout(self.order).entry(raw, self.block)[1]

    def number(self, tag: int, default: int) -> int:
        """The value of an entry that is one BYTE, SHORT or LONG."""
        entry = self.entry(tag)
        letter = None if entry is None or entry.count != 1 else _NUMBERS.get(entry.kind)
        if entry is None or letter is None:
            return default
        return int(struct.unpack(self.order + letter, entry.payload)[0])

    def text(self, tag: int) -> bytes:
        """The bytes of an entry of text without closing zeros and blanks; empty if there is none.

        Text is ASCII by the standard, UTF-8 since EXIF 3.0, BYTE or UNDEFINED by some writers.
        """
        entry = self.entry(tag)
        if entry is None or entry.kind not in _TEXT_KINDS:
            return b""
        return entry.payload.rstrip(b"\x00 ")

    def fraction(self, tag: int) -> Fraction | None:
        """The value of an entry that is one RATIONAL above zero."""
        entry = self.entry(tag)
        if entry is None or (entry.kind, entry.count) != (RATIONAL, 1):
            return None
        above, below = struct.unpack(self.order + "II", entry.payload)
        return Fraction(above, below) if above and below else None

    def dpi(self) -> tuple[float, float] | None:
        """Pixels per inch, across and down, if the block states them."""
        across, down = self.fraction(X_RESOLUTION), self.fraction(Y_RESOLUTION)
        inch = _INCH_PER_UNIT.get(self.number(RESOLUTION_UNIT, 2))
        if across is None or down is None or inch is None:
            return None
        return float(across) * inch, float(down) * inch

    def with_values(
        self, values: Mapping[int, Value], keep: Collection[int] | None = None
    ) -> bytes:
        """The block with these entries of the main directory set; a thumbnail is unhooked.

        The thumbnail, a second directory, shows the picture without colour and so must not stay.
        `keep` names the old entries that stay, unless they point nowhere: in the picture's file
        they would point into its samples, or past its end. None: all stay as they are.
        """
        extra = b""
        base = len(self.block) + len(self.block) % 2
        entries = {
            tag: raw
            for tag, raw in self.entries.items()
            if keep is None or (tag in keep and self.entry(tag) is not None)
        }
        directory = 2 + 12 * len({*entries, *values}) + 4
        for tag, value in values.items():
            new = self._packed(value)
            payload = new.payload
            if len(payload) > 4:
                place = struct.pack(self.order + "I", base + directory + len(extra))
                extra += payload + bytes(len(payload) % 2)
            else:
                place = payload.ljust(4, b"\x00")
            entries[tag] = struct.pack(self.order + "HHI", tag, new.kind, new.count) + place
        body = b"".join(entries[tag] for tag in sorted(entries))
        head = self.block[:4] + struct.pack(self.order + "I", base)
        count_bytes = struct.pack(self.order + "H", len(entries))
        old = self.block[8:].ljust(base - 8, b"\x00")
        return head + old + count_bytes + body + bytes(4) + extra

    def shorts(self, *values: int) -> Entry:
        """An entry of SHORTs."""
        return Entry(SHORT, len(values), struct.pack(f"{self.order}{len(values)}H", *values))

    def longs(self, *values: int) -> Entry:
        """An entry of LONGs."""
        return Entry(LONG, len(values), struct.pack(f"{self.order}{len(values)}I", *values))

    def _packed(self, value: Value) -> Entry:
        if isinstance(value, Entry):
            return value
        if isinstance(value, bytes):
            return Entry(ASCII, len(value) + 1, value + b"\x00")
        if isinstance(value, int):
            return self.shorts(value)
        packed = struct.pack(self.order + "II", value.numerator, value.denominator)
        return Entry(RATIONAL, 1, packed)


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
        values.update(resolution(dpi))
    return parsed.with_values(values)


def resolution(dpi: tuple[float, float]) -> dict[int, Value]:
    """The entries that state so many pixels per inch, across and down."""
    return {
        X_RESOLUTION: Fraction(dpi[0]).limit_denominator(10_000),
        Y_RESOLUTION: Fraction(dpi[1]).limit_denominator(10_000),
        RESOLUTION_UNIT: 2,  # inch
    }


def fitting(block: bytes, label: str) -> tuple[bytes, Notice | None]:
    """A labelled block that a JPEG file can hold; says so when the old one had to be left out."""
    whole = labelled(block, label)
    if len(whole) <= LIMIT:
        return whole, None
    whole = labelled(rebuilt(block), label)  # without the thumbnail's bytes
    if len(whole) <= LIMIT:
        return whole, None
    return labelled(b"", label), Notice("its EXIF is too long for JPEG: left out", warning=True)


def enlarged(block: bytes, factor: int) -> bytes:
    """The block of a picture of so many times as many rows and columns, as large on paper."""
    if not block:
        return block
    content = bytearray(block)
    parsed = ExifBlock.parse(block)
    start = parsed.number(EXIF_IFD, 0)
    if 0 < start <= len(block) - 2:
        _enlarge_details(content, parsed.order, start, factor)
    values: dict[int, Value] = {}
    for tag in (X_RESOLUTION, Y_RESOLUTION):
        old = parsed.fraction(tag)
        if old is not None and old.numerator * factor < 1 << 32:
            values[tag] = old * factor
    for tag in (WIDTH, HEIGHT):
        if size := parsed.number(tag, 0):
            values[tag] = parsed.longs(size * factor)
    return ExifBlock.parse(bytes(content)).with_values(values)


def _enlarge_details(content: bytearray, order: str, start: int, factor: int) -> None:
    """Correct the sizes that the EXIF directory states, in place."""
    (count,) = struct.unpack_from(order + "H", content, start)
    done: set[int] = set()
    for at in range(start + 2, min(start + 2 + 12 * count, len(content) - 11), 12):
        tag, kind, number, place = struct.unpack_from(order + "HHII", content, at)
        if number != 1:
            continue
        if tag in _PIXEL_SIZE and kind in (SHORT, LONG):
            (size,) = struct.unpack_from(order + _NUMBERS[kind], content, at + 8)
            struct.pack_into(order + "HII", content, at + 2, LONG, 1, size * factor)
        elif tag in _FOCAL_PLANE_RESOLUTION and kind == RATIONAL and place not in done:
            done.add(place)  # both may point to one value
            if place + 8 <= len(content):
                above, below = struct.unpack_from(order + "II", content, place)
                larger = Fraction(above * factor, below or 1)
                if below and larger.numerator < 1 << 32:
                    parts = larger.numerator, larger.denominator
                    struct.pack_into(order + "II", content, place, *parts)
