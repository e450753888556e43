"""The pages of TIFF files: which one is the picture, and what kinds are not read (TIFF 6.0)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from PIL.TiffImagePlugin import COMPRESSION_INFO

from filmcolor.errors import MediaError
from filmcolor.events import Notice
from filmcolor.media.images.exif_directory import LONG, Entry, layout_and_start

_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION = 254, 255, 256, 257, 258, 259
_PHOTOMETRIC, _OFFSETS, _SAMPLES, _SIZES, _PLANAR = 262, 273, 277, 279, 284
_TILE_OFFSETS, _TILE_SIZES, _SUB_DIRECTORIES = 324, 325, 330
_FORMAT, _DNG = 339, 50706
_CFA, _LONG8 = 32803, 16
_LETTERS = {1: "B", 3: "H", LONG: "I", _LONG8: "Q"}
_PLANE_BY_PLANE = 2
_FORMATS = {1: "unsigned", 2: "signed", 3: "floating-point"}
_MOST_PAGES = 10_000


@dataclass(frozen=True, eq=False)
class Page:
    """One directory of a TIFF file, its place, and that of its pointer to the next."""

    at: int
    pointer: int
    entries: dict[int, Entry]
    order: str

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The whole numbers of an entry; none if it holds no such."""
        entry = self.entries.get(tag)
        letter = None if entry is None else _LETTERS.get(entry.kind)
        if entry is None or letter is None:
            return ()
        return struct.unpack(f"{self.order}{entry.count}{letter}", entry.payload)

    def number(self, tag: int, default: int) -> int:
        """The first number of an entry."""
        return (*self.numbers(tag), default)[0]

    @property
    def is_reduced(self) -> bool:
        """Whether it is marked as a thumbnail."""
        return bool(self.number(_SUBFILE, 0) & 1) or self.number(_OLD_SUBFILE, 1) == 2

    @property
    def is_mask(self) -> bool:
        """Whether it is the transparency mask of another page."""
        return bool(self.number(_SUBFILE, 0) & 4)

    @property
    def area(self) -> int:
        """Pixels."""
        return self.number(_WIDTH, 0) * self.number(_HEIGHT, 0)


def pages(content: bytes) -> list[Page]:
    """The pages of a TIFF file, as far as they can be read; `ValueError` if it is none."""
    layout, at = layout_and_start(content)
    size = struct.calcsize(layout.order + layout.count)
    found: list[Page] = []
    seen: set[int] = set()
    while at and at not in seen and at + size <= len(content) and len(found) < _MOST_PAGES:
        seen.add(at)
        (count,) = struct.unpack_from(layout.order + layout.count, content, at)
        pointer = at + size + count * layout.entry_size
        found.append(Page(at, pointer, layout.directory(content, at), layout.order))
        if pointer + struct.calcsize(layout.order + layout.offset) > len(content):
            break
        (at,) = struct.unpack_from(layout.order + layout.offset, content, pointer)
    return found


def with_picture_first(content: bytes) -> tuple[bytes, Notice | None]:
    """The file with its picture as the only page, where its first page is a thumbnail.

    The picture is the largest page that is not marked as reduced. Every other file stays as it is.
    Raises `MediaError`, without the file's name, where there is no such page.
    """
    found = pages(content)
    if not found:
        return content, None
    first = found[0]
    if _DNG in first.entries or first.number(_PHOTOMETRIC, 0) == _CFA:
        raise MediaError("a camera's raw file; develop it to TIFF first")
    if not first.is_reduced:
        return content, None
    full = [page for page in found if not (page.is_reduced or page.is_mask) and page.area]
    if not full:
        if _SUB_DIRECTORIES in first.entries:
            raise MediaError(
                "a thumbnail whose picture lies in a directory of its own, as in a camera's raw "
                "file; develop it to TIFF first"
            )
        raise MediaError("all its pages are marked as thumbnails; save the picture itself as TIFF")
    page = max(full, key=lambda each: each.area)
    layout, _ = layout_and_start(content)
    patched = bytearray(with_main_directory(content, page.at))
    room = struct.calcsize(layout.order + layout.offset)
    if page.pointer + room <= len(patched):
        patched[page.pointer : page.pointer + room] = bytes(room)
    text = f"begins with a thumbnail: page {found.index(page) + 1} of {len(found)} is coloured"
    others = len(full) > 1
    return bytes(patched), Notice(f"{text}, the largest" if others else text, warning=others)


def with_main_directory(content: bytes, at: int) -> bytes:
    """The file with the directory at this place as its first."""
    layout, _ = layout_and_start(content)
    patched = bytearray(content)
    struct.pack_into(layout.order + layout.offset, patched, 4 if layout.offset == "I" else 8, at)
    return bytes(patched)


def refuse_unread(content: bytes) -> None:
    """Raise `MediaError`, without the file's name, for whole files of kinds that are not read."""
    page = first_page(content)
    if page is None:
        return
    method = page.number(_COMPRESSION, 1)
    if method not in COMPRESSION_INFO:
        raise MediaError(
            f"compressed by method {method}, which is not supported; save it anew, with LZW or "
            "without compression"
        )


def kind_of(content: bytes) -> str | None:
    """What a TIFF is that Pillow does not open, in words; None if it is not whole."""
    page = first_page(content)
    if page is None or not page.area or not is_whole(page, content):
        return None
    samples = page.number(_SAMPLES, 1)
    form = _FORMATS.get(page.number(_FORMAT, 1), "undefined")
    bits = "/".join(map(str, sorted(set(page.numbers(_BITS)) or {1})))
    return (
        f"a TIFF of {samples} {form} {'sample' if samples == 1 else 'samples'} of {bits} bits "
        f"(photometric interpretation {page.number(_PHOTOMETRIC, 1)})"
    )


def first_page(content: bytes) -> Page | None:
    """The first page; None where there is none that can be read."""
    try:
        return next(iter(pages(content)), None)
    except (ValueError, struct.error):
        return None


def is_whole(page: Page, content: bytes) -> bool:
    """Whether the file holds all strips or tiles that the page names."""
    for places, sizes in ((_OFFSETS, _SIZES), (_TILE_OFFSETS, _TILE_SIZES)):
        found = page.numbers(places)
        if found:
            ends = [at + size for at, size in zip(found, page.numbers(sizes), strict=False)]
            planes = page.number(_SAMPLES, 1) if page.number(_PLANAR, 1) == _PLANE_BY_PLANE else 1
            is_complete = len(ends) == len(found) and len(ends) % max(planes, 1) == 0
            return is_complete and max(ends) <= len(content)
    return False
