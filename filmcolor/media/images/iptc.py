"""Captions of archives and press (IPTC-IIM), in and out: they stand in Photoshop's image resources
in JPEG (APP13), TIFF, PSD and PNG files, in TIFF by themselves too.

Their bytes stay as they are, whatever character set they state.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from filmcolor.media.images.exif import ExifBlock
from filmcolor.media.images.exif_directory import rebuilt

IIM = 1028
_KEPT = (IIM, 1034, 1035)
"""Captions, the mark of copyright and its address; the others describe the old file's pixels."""
TIFF_IIM, TIFF_RESOURCES = 33723, 34377
APP13 = b"Photoshop 3.0\x00"
PNG_KEYWORD = "Raw profile type iptc"


def resources(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Numbers and contents of Photoshop's image resources, as they stand in a PSD or a JPEG."""
    at = 0
    while content[at : at + 4] == b"8BIM" and at + 12 <= len(content):
        (number,) = struct.unpack_from(">H", content, at + 4)
        name = content[at + 6] + 1
        start = at + 6 + name + name % 2
        if start + 4 > len(content):
            return
        (size,) = struct.unpack_from(">I", content, start)
        yield number, content[start + 4 : start + 4 + size]
        at = start + 4 + size + size % 2


def captions(content: bytes) -> bytes:
    """Of image resources, or a record of IPTC-IIM alone, those resources that stay."""
    content = content.removeprefix(APP13)
    found = {IIM: content} if content[:1] == b"\x1c" else dict(resources(content))
    return packed({number: found[number] for number in _KEPT if found.get(number)})


def packed(found: dict[int, bytes]) -> bytes:
    """Image resources without names."""
    return b"".join(
        struct.pack(">4sHHI", b"8BIM", number, 0, len(body)) + body + bytes(len(body) % 2)
        for number, body in found.items()
    )


def of_jpeg(segments: list[tuple[str, bytes]]) -> bytes:
    """Of a JPEG's application segments, in order; long resources go on in the next segment."""
    parts = [
        body[len(APP13) :] for name, body in segments if name == "APP13" and APP13 in body[:14]
    ]
    return captions(b"".join(parts))


def of_tiff(content: bytes) -> bytes:
    """Of a TIFF file; its own entry goes before what is among the resources."""
    block = rebuilt(content, {TIFF_IIM, TIFF_RESOURCES})
    if not block:
        return b""
    parsed = ExifBlock.parse(block)
    iim, whole = parsed.entry(TIFF_IIM), parsed.entry(TIFF_RESOURCES)
    found = {} if whole is None else dict(resources(captions(whole.payload)))
    if iim is not None and iim.payload[:1] == b"\x1c":
        found[IIM] = iim.payload
    return packed(found)


def of_png(profile: str) -> bytes:
    """Of a PNG's raw profile: hexadecimal under three lines."""
    return captions(bytes.fromhex("".join(profile.split("\n")[3:])))


def png_profile(block: bytes) -> str:
    """What `of_png` reads."""
    return f"\niptc\n{len(block):8}\n{block.hex()}\n"


def jpeg_segment(block: bytes) -> bytes:
    """The application segment that holds these resources, up to 65,519 bytes."""
    body = APP13 + block
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
