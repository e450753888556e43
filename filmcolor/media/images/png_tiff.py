"""PNG and TIFF files of R'G'B' codes, with all that a `Picture` says besides its pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from filmcolor.media.images import exif, iptc
from filmcolor.media.images.exif_directory import BYTE, UNDEFINED, Entry, Order
from filmcolor.media.images.fields import COMMENT
from filmcolor.media.images.picture import Codes, Picture

_STRIP = 1 << 20  # bytes of a TIFF strip before compression
_INCH = 0.0254  # metres
_PLAIN, _DEFLATE = 1, 8
_DIFFERENCES = 2


def png_bytes(pixels: Codes, picture: Picture, label: str) -> bytes:
    """A PNG file of codes (H, W, 3), or of 4 channels with straight alpha, 8 or 16 bit.

    OpenCV packs the pixels; the chunks around them are written here. Raises `ValueError`.
    """
    packed, encoded = cv2.imencode(".png", pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])
    if not packed:
        raise ValueError("the PNG encoder failed")
    whole = encoded.tobytes()
    after_header = 8 + 25  # signature, IHDR
    return whole[:after_header] + _png_chunks(picture, label) + whole[after_header:]


def _png_chunks(picture: Picture, label: str) -> bytes:
    chunks = b""
    if picture.icc is not None:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc))
    if picture.dpi is not None:
        per_metre = [round(value / _INCH) for value in picture.dpi]
        chunks += _chunk(b"pHYs", struct.pack(">IIB", *per_metre, 1))
    chunks += _chunk(b"eXIf", exif.labelled(picture.exif, label))
    text = dict(picture.text)
    comment = text.pop(COMMENT, "")
    text[COMMENT] = exif.joined(comment.encode(), label).decode()
    for keyword, words in text.items():
        chunks += _text_chunk(keyword, words.encode())
    if picture.xmp:
        chunks += _text_chunk("XML:com.adobe.xmp", picture.xmp)
    if picture.iptc:
        profile = iptc.png_profile(picture.iptc).encode()
        chunks += _chunk(b"zTXt", iptc.PNG_KEYWORD.encode() + bytes(2) + zlib.compress(profile))
    return chunks


@dataclass(frozen=True, slots=True)
class PixelRows:
    """Codes (H, W, channels) whose rows are made when they are read."""

    shape: tuple[int, ...]
    itemsize: int
    """Bytes of a code."""
    made: Callable[[slice], Codes]

    def __getitem__(self, rows: slice) -> Codes:
        return self.made(rows)


def tiff_bytes(
    pixels: Codes | PixelRows, picture: Picture, label: str, *, is_packed: bool = True
) -> bytes:
    """A TIFF file of codes (H, W, 3), or of 4 channels with straight alpha, 8 or 16 bit.

    Interleaved strips, Deflate with horizontal differencing (TIFF 6.0 and supplement 2), or as they
    are unless `is_packed`. The EXIF block, a TIFF file without pixels, becomes one with pixels, in
    its byte order: what it points to stays where it is.
    """
    height, width, channels = pixels.shape
    rows = max(1, _STRIP // (width * channels * pixels.itemsize))
    block = exif.ExifBlock.parse(exif.labelled(picture.exif, label))
    pack = _deflated if is_packed else _in_order
    strips = [pack(pixels[top : top + rows], block.order) for top in range(0, height, rows)]
    lengths = [len(strip) for strip in strips]
    entries: dict[int, exif.Value] = {
        256: block.longs(width),
        257: block.longs(height),
        258: block.shorts(*(pixels.itemsize * 8,) * channels),  # bits per sample
        259: _DEFLATE if is_packed else _PLAIN,
        262: 2,  # RGB
        273: block.longs(*lengths),  # to be the offsets
        277: channels,
        278: block.longs(rows),
        279: block.longs(*lengths),
        284: 1,  # interleaved
    }
    if is_packed:
        entries[317] = _DIFFERENCES
    if channels == 4:
        entries[338] = 2  # straight alpha
    if picture.dpi is not None:
        entries.update(exif.resolution(picture.dpi))
    if picture.xmp:
        entries[700] = Entry(BYTE, len(picture.xmp), picture.xmp)
    if picture.iptc:
        entries[iptc.TIFF_RESOURCES] = Entry(BYTE, len(picture.iptc), picture.iptc)
        if iim := dict(iptc.resources(picture.iptc)).get(iptc.IIM):
            entries[iptc.TIFF_IIM] = Entry(UNDEFINED, len(iim), iim)
    if picture.icc is not None:
        entries[34675] = Entry(UNDEFINED, len(picture.icc), picture.icc)
    start = len(block.with_values(entries, exif.METADATA))
    offsets = np.cumsum([start, *lengths[:-1]])
    entries[273] = block.longs(*(int(offset) for offset in offsets))
    return b"".join([block.with_values(entries, exif.METADATA), *strips])


def _chunk(name: bytes, content: bytes) -> bytes:
    """A PNG chunk (ISO/IEC 15948)."""
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def _text_chunk(keyword: str, words: bytes) -> bytes:
    """An international text chunk, uncompressed, of UTF-8 words."""
    return _chunk(b"iTXt", keyword.encode("latin-1", "replace")[:79] + bytes(5) + words)


def _deflated(strip: Codes, order: Order) -> bytes:
    """A strip's samples, each less its left neighbour's, in this byte order, compressed."""
    differences = strip.copy()
    differences[:, 1:] -= strip[:, :-1]  # modulo the type's size, as meant
    return zlib.compress(_in_order(differences, order), 6)


def _in_order(strip: Codes, order: Order) -> bytes:
    """A strip's samples in this byte order."""
    return strip.astype(strip.dtype.newbyteorder(order)).tobytes()
