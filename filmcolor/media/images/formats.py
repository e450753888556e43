"""What kind of picture a file is: by the bytes it begins with, or by its name."""

from __future__ import annotations

import re
from pathlib import Path

MAGIC_BYTES = 64
"""How much of a file's head `picture_format` wants to see."""

_SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".hif": "HEIC",
    ".avif": "AVIF",
    ".jp2": "JPEG 2000",
    ".jpx": "JPEG 2000",
    ".jpf": "JPEG 2000",
    ".j2k": "JPEG 2000",
    ".j2c": "JPEG 2000",
    ".jpc": "JPEG 2000",
    ".ppm": "PNM",
    ".pnm": "PNM",
    ".pgm": "PNM",
    ".pbm": "PNM",
    ".pam": "PNM",
    ".pfm": "PNM",
    ".tga": "TGA",
    ".psd": "PSD",
    ".exr": "EXR",
    ".pcx": "PCX",
    ".sgi": "SGI",
    ".dpx": "DPX",
}

_INSTEAD = {
    **dict.fromkeys((".psd", ".exr"), ".tif"),
    **dict.fromkeys((".pgm", ".pbm", ".pam", ".pfm"), ".ppm"),
    **dict.fromkeys((".jpx", ".jpf", ".j2k", ".j2c", ".jpc"), ".jp2"),
}
"""What coloured pictures of these names are written as: no writer, or no place for colour."""

# Brands of single pictures (ISO/IEC 23008-12, AV1 Image File Format); sequences are films.
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis"), "HEIC"),
    b"avif": "AVIF",
}
_PNM = re.compile(rb"(P[1-6]|P[Ff])\s+(#[^\n]*\n\s*)*(\d|$)|P[1-6]\s+#|P7\s*\n(#|[A-Z]+ )")
_TGA_DEPTHS = {1: (8,), 2: (15, 16, 24, 32), 3: (8, 16)}


def format_of_suffix(path: Path) -> str | None:
    """The format that a file's name stands for, or None for a name of no picture."""
    return _SUFFIXES.get(path.suffix.lower())


def written_suffix(path: Path) -> str:
    """The suffix that a coloured picture of this name has: its own where that can be written."""
    if format_of_suffix(path) is None:
        return ".png"
    return _INSTEAD.get(path.suffix.lower(), path.suffix)


def format_of_file(path: Path, head: bytes) -> str | None:
    """The format of a file that begins with these bytes, or None for no picture we read.

    TGA alone has nothing to be known by: there the name says so, and the header must make sense.
    """
    found = picture_format(head)
    if found is None and format_of_suffix(path) == "TGA" and _may_be_tga(head):
        return "TGA"
    return found


def picture_format(head: bytes) -> str | None:
    """The format of a file that begins with these bytes, or None for no picture we read."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return "TIFF"
    # "BM" could begin any text: reserved zeros and the size of a known header must follow.
    known_headers = (12, 40, 52, 56, 64, 108, 124)
    if head[:2] == b"BM" and head[6:10] == bytes(4) and len(head) >= 18:
        return "BMP" if int.from_bytes(head[14:18], "little") in known_headers else None
    return _rarer_format(head)


def _rarer_format(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head.startswith((b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51\x00")):
        return "JPEG 2000"
    if head.startswith((b"SDPX", b"XPDS")):
        return "DPX"
    if head.startswith(b"\x76\x2f\x31\x01"):
        return "EXR"
    if head.startswith((b"8BPS\x00\x01", b"8BPS\x00\x02")):
        return "PSD"
    if _PNM.match(head):
        return "PNM"
    # A magic of two bytes, storage, bytes a sample and number of dimensions.
    if head[:2] == b"\x01\xda" and head[2:3] in (b"\0", b"\1") and head[3:4] in (b"\1", b"\2"):
        return "SGI" if head[4:6] in (b"\0\1", b"\0\2", b"\0\3") else None
    # A magic of one byte: version, encoding and depth follow, and planes far behind.
    if len(head) >= 4 and head[0] == 10 and head[1] in (0, 2, 3, 4, 5):
        return "PCX" if head[2] in (0, 1) and head[3] in (1, 2, 4, 8) else None
    return None


def _by_brand(head: bytes) -> str | None:
    """HEIC or AVIF; of a major brand that says neither, the compatible ones decide."""
    major = head[8:12]
    if major in _BRANDS or major not in (b"mif1", b"miaf"):
        return _BRANDS.get(major)
    stop = min(int.from_bytes(head[:4], "big"), len(head))
    brands = (_BRANDS.get(head[at : at + 4]) for at in range(16, stop, 4))
    return next((brand for brand in brands if brand is not None), None)


def _may_be_tga(head: bytes) -> bool:
    if len(head) < 18 or head[1] not in (0, 1) or head[17] & 0xC0:
        return False
    size = int.from_bytes(head[12:14], "little") * int.from_bytes(head[14:16], "little")
    return size > 0 and head[16] in _TGA_DEPTHS.get(head[2] & ~8, ())
