"""Picture files for the tests of `media.images`, made from arrays, some byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from filmcolor.media.images.picture import Picture

Codes = NDArray[np.uint8] | NDArray[np.uint16]
FloatPlane = NDArray[np.float32]


def ramp(height: int = 24, width: int = 36, bits: int = 8) -> Codes:
    """Grey codes that take every part of the range and have no symmetry."""
    rows, columns = np.mgrid[0:height, 0:width]
    share = (0.7 * columns / (width - 1) + 0.3 * (rows / (height - 1)) ** 2) % 1.0001
    codes: NDArray[np.float64] = np.rint(share * ((1 << bits) - 1))
    return codes.astype(np.uint8) if bits == 8 else codes.astype(np.uint16)


def colors(height: int = 24, width: int = 36, bits: int = 8, channels: int = 3) -> Codes:
    """Random codes, shape (height, width, channels)."""
    random = np.random.default_rng(5)
    shape = (height, width, channels)
    if bits == 8:
        return random.integers(0, 256, shape, dtype=np.uint8)
    return random.integers(0, 65536, shape, dtype=np.uint16)


def chroma_inside(luma: Codes, seed: int = 0) -> tuple[FloatPlane, FloatPlane]:
    """Random (Cb, Cr) whose colours lie inside the RGB cube at this luma."""
    random = np.random.default_rng(seed)
    grey = luma / np.iinfo(luma.dtype).max
    blue, red = random.uniform(-0.5, 0.5, (2, *luma.shape))
    parts = (1.402 * red, -0.344136 * blue - 0.714136 * red, 1.772 * blue)
    room = np.ones_like(grey)
    for part in parts:
        limit = np.where(part > 0, 1 - grey, -grey)
        room = np.minimum(room, np.divide(limit, part, where=part != 0, out=np.ones_like(part)))
    room = np.clip(room, 0, 1)
    return (blue * room).astype(np.float32), (red * room).astype(np.float32)


def neutral(picture: Picture) -> tuple[FloatPlane, FloatPlane]:
    """No colour, in the picture's shape."""
    return np.zeros(picture.luma.shape, np.float32), np.zeros(picture.luma.shape, np.float32)


def luma_codes(rgb: Codes) -> NDArray[np.float64]:
    """Y' of R'G'B' codes in BT.601, rounded."""
    found: NDArray[np.float64] = np.rint(rgb[..., :3].astype(float) @ [0.299, 0.587, 0.114])
    return found


def chunk(name: bytes, content: bytes) -> bytes:
    """A PNG chunk."""
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def png_chunks(path: Path) -> dict[bytes, bytes]:
    """The content of a PNG file's chunks by name (of several alike the last)."""
    content, at, found = path.read_bytes(), 8, {}
    while at < len(content):
        (size,) = struct.unpack_from(">I", content, at)
        found[content[at + 4 : at + 8]] = content[at + 8 : at + 8 + size]
        at += 12 + size
    return found


def png16(path: Path, codes: Codes, extra: Iterable[tuple[bytes, bytes]] = ()) -> Path:
    """A 16-bit PNG of 1 to 4 channels with more chunks."""
    height, width = codes.shape[:2]
    channels = codes.shape[2] if codes.ndim == 3 else 1
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in codes)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
        + b"".join(chunk(name, content) for name, content in extra)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return path


def tiff(
    path: Path, codes: Codes, tags: dict[int, tuple[int, ...]] | None = None, *, order: str = "<"
) -> Path:
    """An uncompressed TIFF of one strip; `tags` add to or replace the usual ones, as LONGs;
    no values: no such tag.
    """
    height, width = codes.shape[:2]
    channels = codes.shape[2] if codes.ndim == 3 else 1
    entries: dict[int, tuple[int, ...]] = {
        256: (width,),
        257: (height,),
        258: (codes.itemsize * 8,) * channels,
        259: (1,),
        262: (2 if channels >= 3 else 1,),
        277: (channels,),
        278: (height,),
        279: (codes.nbytes,),
        273: (8,),
        **({338: (2,)} if channels in (2, 4) else {}),
        **(tags or {}),
    }
    entries = {tag: values for tag, values in entries.items() if values}
    base = 8 + codes.nbytes
    extra, directory = b"", b""
    after = base + 2 + 12 * len(entries) + 4
    for tag in sorted(entries):
        values = struct.pack(f"{order}{len(entries[tag])}I", *entries[tag])
        place = values
        if len(values) > 4:
            place, extra = struct.pack(order + "I", after + len(extra)), extra + values
        directory += struct.pack(order + "HHI", tag, 4, len(entries[tag])) + place
    magic = b"II*\x00" if order == "<" else b"MM\x00*"
    head = magic + struct.pack(order + "I", base)
    count = struct.pack(order + "H", len(entries))
    pixels = codes.astype(codes.dtype.newbyteorder(order)).tobytes()  # type: ignore[arg-type]
    path.write_bytes(head + pixels + count + directory + bytes(4) + extra)
    return path


def srgb_profile() -> bytes:
    """An RGB profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def grey_profile(gamma: float = 1.8) -> bytes:
    """A version 2 grey profile of one gamma."""
    curve = struct.pack(">4sIIH", b"curv", 0, 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"grey\0" + bytes(78)
    tags = {b"desc": text + bytes(-len(text) % 4), b"wtpt": white, b"kTRC": curve}
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content
    head = struct.pack(">I4xI4s4s4s", start + len(body), 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    date = struct.pack(">6H", 1999, 12, 31, 0, 0, 0)
    head += date + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def through_profile(grey: NDArray[np.uint8], profile: bytes, mode: str) -> NDArray[np.uint8]:
    """Grey codes shown in sRGB through a grey ("L") or RGB profile."""
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), mode, "RGB"
    )
    shown = ImageCms.applyTransform(Image.fromarray(grey).convert(mode), transform)
    assert shown is not None
    return np.asarray(shown)


def exif_block(
    main: dict[int, tuple[int, bytes]], details: dict[int, tuple[int, bytes]], order: str = "<"
) -> bytes:
    """An EXIF block of (type, bytes) by tag; `details` are the entries of its EXIF directory."""
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 129: 1}

    def laid(entries: dict[int, tuple[int, bytes]], base: int) -> bytes:
        after, body, extra = base + 2 + 12 * len(entries) + 4, b"", b""
        for tag, (kind, content) in sorted(entries.items()):
            place = content.ljust(4, b"\0")
            if len(content) > 4:
                place = struct.pack(order + "I", after + len(extra))
                extra += content + bytes(len(content) % 2)
            body += struct.pack(order + "HHI", tag, kind, len(content) // sizes[kind]) + place
        return struct.pack(order + "H", len(entries)) + body + bytes(4) + extra

    magic = b"II*\0" if order == "<" else b"MM\0*"
    pointer = (4, bytes(4))
    start = 8 + len(laid({**main, 34665: pointer}, 8))
    first = laid({**main, 34665: (4, struct.pack(order + "I", start))}, 8)
    return magic + struct.pack(order + "I", 8) + first + laid(details, start)
