"""The directories of TIFF files and EXIF blocks: read entry by entry, and laid out anew.

Values stay the bytes they are, whatever their type (TIFF 6.0; the BigTIFF extension; CIPA DC-008).
What points into the old file (maker notes may) is lost where a block is laid out anew.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, UTF8 = 1, 2, 3, 4, 5, 7, 129
EXIF_IFD, GPS_IFD = 34665, 34853

Order = Literal["<", ">"]
"""Byte order, as `struct` has it."""

# Bytes of one value by type, those with signs, floats and directories too.
_SIZES = {
    **{BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, 6: 1, UNDEFINED: 1, 8: 2, 9: 4, 10: 8},
    **{11: 4, 12: 8, 13: 4, UTF8: 1},
}
_POINTERS = {LONG: "I", 13: "I", 16: "Q", 18: "Q"}
_BIG_SIZES = {16: 8, 17: 8, 18: 8}  # 64-bit types, which an EXIF block cannot hold
_INTEROPERABILITY_IFD = 40965
_NESTED: dict[int, tuple[int, ...]] = {EXIF_IFD: (_INTEROPERABILITY_IFD,), GPS_IFD: ()}
_OTHER_DIRECTORIES = frozenset({330, 400})  # of other pictures: their offsets mean nothing here


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a directory: its type, how many values, and their bytes."""

    kind: int
    count: int
    payload: bytes


Directory = dict[int, "Entry | Directory"]
"""Entries by tag; a directory that an entry points to stands in its place."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the numbers of a file's directories are stored."""

    order: Order
    count: str = "H"
    offset: str = "I"

    @property
    def entry_size(self) -> int:
        """Bytes of an entry."""
        return 4 + 2 * struct.calcsize(self.order + self.offset)

    def entry(self, raw: bytes, content: bytes) -> tuple[int, Entry | None]:
        """The tag of an entry's bytes, and the entry whose values may lie elsewhere in `content`.

        None where it is of a type unknown, or points nowhere.
        """
        tag, kind, count = struct.unpack_from(f"{self.order}HH{self.offset}", raw)
        room = struct.calcsize(self.order + self.offset)
        size = count * {**_SIZES, **_BIG_SIZES}.get(kind, 0)
        payload = raw[4 + room : 4 + room + size]
        if size > room:
            (place,) = struct.unpack_from(self.order + self.offset, raw, 4 + room)
            payload = content[place : place + size]
        return tag, Entry(kind, count, payload) if size and len(payload) == size else None

    def directory(self, content: bytes, at: int) -> dict[int, Entry]:
        """The entries of the directory at this place, as far as they can be read."""
        (count,) = struct.unpack_from(self.order + self.count, content, at)
        first = at + struct.calcsize(self.order + self.count)
        found = {}
        for number in range(min(count, (len(content) - first) // self.entry_size)):
            at = first + number * self.entry_size
            tag, entry = self.entry(content[at : at + self.entry_size], content)
            if entry is not None:
                found[tag] = entry
        return found


_LAYOUTS = {
    b"II*\x00": Layout("<"),
    b"MM\x00*": Layout(">"),
    b"II+\x00": Layout("<", "Q", "Q"),
    b"MM\x00+": Layout(">", "Q", "Q"),
}
"""By the first bytes of a file; the last two are BigTIFF."""


def layout_and_start(content: bytes) -> tuple[Layout, int]:
    """How a file is laid out, and where its main directory is; `ValueError` if it is none."""
    layout = _LAYOUTS.get(content[:4])
    if layout is None or len(content) < 8:
        raise ValueError("no TIFF header")
    at = 4 if layout.offset == "I" else 8
    return layout, struct.unpack_from(layout.order + layout.offset, content, at)[0]


def rebuilt(content: bytes, wanted: Collection[int] | None = None) -> bytes:
    """An EXIF block with the main entries of a TIFF file or another block, and what they point to.

    `wanted` names the entries of the main directory that are taken; None: all. Empty if there are
    none. Raises `ValueError` or `struct.error` for what is no TIFF file.
    """
    layout, start = layout_and_start(content)
    main = {
        tag: entry
        for tag, entry in layout.directory(content, start).items()
        if (wanted is None or tag in wanted) and tag not in _OTHER_DIRECTORIES
    }
    nested = _with_nested(content, layout, main, tuple(_NESTED))
    if not nested:
        return b""
    head = (b"II*\x00" if layout.order == "<" else b"MM\x00*") + struct.pack(layout.order + "I", 8)
    return head + laid_out(nested, layout.order, 8)


def _with_nested(
    content: bytes, layout: Layout, entries: Mapping[int, Entry], pointers: Collection[int]
) -> Directory:
    """The entries that an EXIF block can hold, with the directories that `pointers` point to."""
    found: Directory = {}
    for tag, entry in entries.items():
        letter = _POINTERS.get(entry.kind) if tag in pointers and entry.count == 1 else None
        if letter is not None:
            (at,) = struct.unpack(layout.order + letter, entry.payload)
            if at + 2 <= len(content):
                inner = layout.directory(content, at)
                nested = _with_nested(content, layout, inner, _NESTED.get(tag, ()))
                if nested:
                    found[tag] = nested
        elif entry.kind in _SIZES and tag not in pointers:
            found[tag] = entry
    return found


def laid_out(directory: Directory, order: Order, base: int) -> bytes:
    """The bytes of a directory that begins at `base`, with all that it points to behind it."""
    after = base + 2 + 12 * len(directory) + 4
    body, extra = b"", b""
    for tag in sorted(directory):
        item = directory[tag]
        place = after + len(extra)
        if isinstance(item, Entry):
            kind, count, payload = item.kind, item.count, item.payload
        else:
            kind, count, payload = LONG, 1, struct.pack(order + "I", place)
            extra += laid_out(item, order, place)
        if len(payload) > 4:
            extra += payload + bytes(len(payload) % 2)
            payload = struct.pack(order + "I", place)
        body += struct.pack(order + "HHI", tag, kind, count) + payload.ljust(4, b"\x00")
    return struct.pack(order + "H", len(directory)) + body + bytes(4) + extra
