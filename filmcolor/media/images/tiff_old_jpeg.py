"""Old-style JPEG in TIFF (TIFF 6.0, section 22), as copiers wrote it, made JPEG of the usual kind.

The files state where a JPEG file lies within them, or its tables alone. What comes out is the same
file with a directory more, which names one strip that is a whole JPEG file (TIFF Technical Note 2).
"""

from __future__ import annotations

import struct

from filmcolor.errors import MediaError
from filmcolor.media.images.exif_directory import LONG, SHORT, Directory, Entry, laid_out
from filmcolor.media.images.tiff import Page, pages, with_main_directory

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _ROWS, _SIZES, _PLANAR = 273, 277, 278, 279, 284
_FILE, _FILE_SIZE, _RESTARTS, _QUANTIZATION, _DC, _AC = 513, 514, 515, 519, 520, 521
_SUBSAMPLING = 530
_OF_OLD_JPEG = (512, _FILE, _FILE_SIZE, _RESTARTS, 517, 518, _QUANTIZATION, _DC, _AC)
_OLD, _NEW, _YCBCR = 6, 7, 6
_START, _END, _SCAN = b"\xff\xd8", b"\xff\xd9", b"\xff\xda"


def with_usual_jpeg(content: bytes) -> bytes:
    """The file with its first page compressed as JPEG of the usual kind, where it is the old one.

    Every other file stays as it is. Raises `MediaError`, without the file's name.
    """
    found = pages(content)
    if not found or found[0].number(_COMPRESSION, 1) != _OLD:
        return content
    page = found[0]
    jpeg = _whole(page, content) or _from_tables(page, content)
    if jpeg is None or content[2:4] not in (b"*\0", b"\0*"):  # none in BigTIFF
        raise MediaError(
            "compressed as old-style JPEG of a rare form; save it anew, with LZW or without "
            "compression"
        )
    entries: Directory = {
        tag: entry for tag, entry in page.entries.items() if tag not in _OF_OLD_JPEG
    }
    place = len(content) + len(content) % 2
    order = page.order
    numbers = {_OFFSETS: place, _SIZES: len(jpeg), _ROWS: page.number(_HEIGHT, 0)}
    for tag, number in numbers.items():
        entries[tag] = Entry(LONG, 1, struct.pack(order + "I", number))
    entries[_COMPRESSION] = Entry(SHORT, 1, struct.pack(order + "H", _NEW))
    start = place + len(jpeg) + len(jpeg) % 2
    body = content.ljust(place, b"\0") + jpeg.ljust(start - place, b"\0")
    return with_main_directory(body + laid_out(entries, "<" if order == "<" else ">", start), start)


def _strips(page: Page, content: bytes) -> list[bytes]:
    sizes = page.numbers(_SIZES)
    places = page.numbers(_OFFSETS)
    if not sizes and len(places) == 1:
        return [content[places[0] :]]
    return [content[at : at + size] for at, size in zip(places, sizes, strict=False)]


def _whole(page: Page, content: bytes) -> bytes | None:
    """The JPEG file that the page names; its scan may lie in strips of their own."""
    at, size = page.number(_FILE, 0), page.number(_FILE_SIZE, 0)
    jpeg = content[at : at + size] if size else content[at:]
    if not at or not jpeg.startswith(_START):
        strips = _strips(page, content)
        return strips[0] if len(strips) == 1 and strips[0].startswith(_START) else None
    if _SCAN not in jpeg or jpeg.endswith(_scan_head(jpeg)):
        jpeg = jpeg.removesuffix(_END) + b"".join(_strips(page, content))
    return jpeg if jpeg.rstrip(b"\0").endswith(_END) else jpeg + _END


def _scan_head(jpeg: bytes) -> bytes:
    """The header of the scan, behind which its data stand."""
    at = jpeg.rfind(_SCAN)
    size = int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return jpeg[at : at + 2 + size]


def _from_tables(page: Page, content: bytes) -> bytes | None:
    """A JPEG file of the tables that the page names and its only strip (ITU-T T.81)."""
    samples, strips = page.number(_SAMPLES, 1), _strips(page, content)
    tables = [page.numbers(tag) for tag in (_QUANTIZATION, _DC, _AC)]
    is_known = samples in (1, 3) and page.number(_PLANAR, 1) == 1 and len(strips) == 1
    if not is_known or any(len(places) != samples for places in tables):
        return None
    jpeg = _START
    for number in range(samples):
        quantization, *codes = (places[number] for places in tables)
        jpeg += _segment(0xDB, bytes([number]) + content[quantization : quantization + 64])
        for kind, at in enumerate(codes):
            counts = content[at : at + 16]
            body = counts + content[at + 16 : at + 16 + sum(counts)]
            jpeg += _segment(0xC4, bytes([kind << 4 | number]) + body)
    across, down = 1, 1
    if samples == 3 and page.number(_PHOTOMETRIC, _YCBCR) == _YCBCR:
        across, down = (*page.numbers(_SUBSAMPLING), 2, 2)[:2]
    frame = struct.pack(">BHHB", 8, page.number(_HEIGHT, 0), page.number(_WIDTH, 0), samples)
    for number in range(samples):
        frame += bytes([number + 1, 0x11 if number else across << 4 | down, number])
    jpeg += _segment(0xC0, frame)
    if restarts := page.number(_RESTARTS, 0):
        jpeg += _segment(0xDD, struct.pack(">H", restarts))
    parts = b"".join(bytes([number + 1, number << 4 | number]) for number in range(samples))
    return jpeg + _segment(0xDA, bytes([samples]) + parts + b"\0\x3f\0") + strips[0] + _END


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
