"""What kind of picture a file is: by the bytes it begins with, or by its name."""

from __future__ import annotations

from pathlib import Path

MAGIC_BYTES = 32
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
}


def format_of_suffix(path: Path) -> str | None:
    """The format that a file's name stands for, or None for a name of no picture."""
    return _SUFFIXES.get(path.suffix.lower())


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
    return None
