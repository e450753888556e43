"""What Pillow does not make of TIFF files: which page is the picture, what kinds are not read, and
16-bit samples that lie plane by plane or are grey with alpha (TIFF 6.0).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from PIL.TiffImagePlugin import COMPRESSION_INFO

from filmcolor.errors import MediaError
from filmcolor.events import Notice
from filmcolor.media.images.decoded import Decoded, decoded
from filmcolor.media.images.exif_directory import LONG, Directory, Entry, laid_out, layout_and_start
from filmcolor.media.images.picture import Codes

_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION = 254, 255, 256, 257, 258, 259
_PHOTOMETRIC, _FILL_ORDER, _OFFSETS, _SAMPLES = 262, 266, 273, 277
_ROWS, _SIZES, _PLANAR, _PREDICTOR = 278, 279, 284, 317
_TILE_OFFSETS, _TILE_SIZES, _SUB_DIRECTORIES = 324, 325, 330
_EXTRA, _FORMAT, _DNG = 338, 339, 50706
_OF_PIXELS = (
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _OFFSETS, _SAMPLES),
    *(_ROWS, _SIZES, _PLANAR, _PREDICTOR),
)
_OLD_JPEG, _CFA, _LONG8, _BLACK_IS_ZERO, _CMYK = 6, 32803, 16, 1, 5
_LETTERS = {1: "B", 3: "H", LONG: "I", _LONG8: "Q"}
_ASSOCIATED, _STRAIGHT = 1, 2
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
    patched = bytearray(content)
    place = 4 if layout.offset == "I" else 8
    struct.pack_into(layout.order + layout.offset, patched, place, page.at)
    room = struct.calcsize(layout.order + layout.offset)
    if page.pointer + room <= len(patched):
        patched[page.pointer : page.pointer + room] = bytes(room)
    text = f"begins with a thumbnail: page {found.index(page) + 1} of {len(found)} is coloured"
    others = len(full) > 1
    return bytes(patched), Notice(f"{text}, the largest" if others else text, warning=others)


def refuse_unread(content: bytes) -> None:
    """Raise `MediaError`, without the file's name, for whole files of kinds that are not read."""
    page = _first(content)
    if page is None:
        return
    method = page.number(_COMPRESSION, 1)
    if method == _OLD_JPEG:
        raise MediaError(
            "compressed as old-style JPEG, which is not supported; save it anew, with LZW or "
            "without compression"
        )
    if method not in COMPRESSION_INFO:
        raise MediaError(
            f"compressed by method {method}, which is not supported; save it anew, with LZW or "
            "without compression"
        )
    if page.number(_PHOTOMETRIC, 1) == _CMYK and max(page.numbers(_BITS), default=1) > 8:
        raise MediaError("CMYK of 16 bits is not supported; save it as RGB, grey or 8-bit CMYK")


def kind_of(content: bytes) -> str | None:
    """What a TIFF is that Pillow does not open, in words; None if it is not whole."""
    page = _first(content)
    if page is None or not page.area or not _is_whole(page, content):
        return None
    samples = page.number(_SAMPLES, 1)
    form = _FORMATS.get(page.number(_FORMAT, 1), "undefined")
    bits = "/".join(map(str, sorted(set(page.numbers(_BITS)) or {1})))
    return (
        f"a TIFF of {samples} {form} {'sample' if samples == 1 else 'samples'} of {bits} bits "
        f"(photometric interpretation {page.number(_PHOTOMETRIC, 1)})"
    )


def is_grey_with_alpha_16(content: bytes) -> bool:
    """Whether it holds unsigned grey of 16 bits and one more channel, side by side."""
    page = _first(content)
    return (
        page is not None
        and page.number(_PHOTOMETRIC, 0) == _BLACK_IS_ZERO
        and page.numbers(_BITS) == (16, 16)
        and page.number(_FORMAT, 1) == 1
        and page.number(_PLANAR, 1) == 1
    )


def decoded_16(content: bytes) -> tuple[Decoded, int]:
    """Samples of 16 bit that lie plane by plane, or are grey with alpha, and how many channels of
    unstated meaning were left out.

    Raises `ValueError` for what is damaged, and `MediaError`, without the file's name.
    """
    page = _first(content)
    if page is None or not _is_whole(page, content):
        raise ValueError("its samples lie beyond its end")
    if _TILE_OFFSETS in page.entries:
        raise MediaError(
            "16-bit planes, or grey with alpha, in tiles: not supported; save it in strips"
        )
    # FFmpeg is strict about entries that it does not know: it is given those of the pixels alone.
    entries: Directory = {tag: page.entries[tag] for tag in _OF_PIXELS if tag in page.entries}
    for tag in (_WIDTH, _HEIGHT, _OFFSETS, _ROWS, _SIZES):
        if tag in page.entries:
            values = page.numbers(tag)
            packed = struct.pack(f"{page.order}{len(values)}I", *values)
            entries[tag] = Entry(LONG, len(values), packed)
    layout, _ = layout_and_start(content)
    place = len(content) + len(content) % 2
    head = b"II*\x00" if layout.order == "<" else b"MM\x00*"
    head += struct.pack(layout.order + "I", place)
    body = content[8:].ljust(place - 8, b"\x00") + laid_out(entries, layout.order, place)
    try:
        pixels = decoded(head + body, "TIFF")
    except ValueError as error:
        raise MediaError(
            "damaged, or 16-bit planes or grey with alpha in a rare form; copy it from the "
            "original again, or save it as interleaved RGB or plain grey"
        ) from error
    codes, alpha = pixels.codes, pixels.alpha
    if page.number(_PHOTOMETRIC, 1) == _BLACK_IS_ZERO and codes.ndim == 3:
        codes = codes[..., 0].copy()
    if alpha is None:
        return Decoded(codes, None, 16), 0
    kind = page.number(_EXTRA, 0)
    if kind not in (_ASSOCIATED, _STRAIGHT):
        return Decoded(codes, None, 16), 1
    return Decoded(straight(codes, alpha) if kind == _ASSOCIATED else codes, alpha, 16), 0


def straight(codes: Codes, alpha: Codes) -> Codes:
    """16-bit grey or R'G'B' codes that were multiplied with `alpha`, as they were before."""
    divisor = np.maximum(alpha, 1)
    if codes.ndim == 3:
        divisor = divisor[..., None]
    return np.minimum(np.rint(codes.astype(np.float64) * 65535 / divisor), 65535).astype(np.uint16)


def _first(content: bytes) -> Page | None:
    try:
        return next(iter(pages(content)), None)
    except (ValueError, struct.error):
        return None


def _is_whole(page: Page, content: bytes) -> bool:
    """Whether the file holds all strips or tiles that the page names."""
    for places, sizes in ((_OFFSETS, _SIZES), (_TILE_OFFSETS, _TILE_SIZES)):
        found = page.numbers(places)
        if found:
            ends = [at + size for at, size in zip(found, page.numbers(sizes), strict=False)]
            planes = page.number(_SAMPLES, 1) if page.number(_PLANAR, 1) == _PLANE_BY_PLANE else 1
            is_complete = len(ends) == len(found) and len(ends) % max(planes, 1) == 0
            return is_complete and max(ends) <= len(content)
    return False
