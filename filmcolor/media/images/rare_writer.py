"""The rarer picture formats out: HEIC, AVIF, JPEG 2000, PPM, TGA, PCX, SGI and DPX.

What a format has no place for is taken away, and told, before (`fields.fitted`). Where it has a
place for words, they say that the colours are synthetic.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from filmcolor.media.images import exif
from filmcolor.media.images.decoded import encoded, encoded_codes, write_heic
from filmcolor.media.images.picture import Codes, Picture
from filmcolor.media.images.rare import EXIF_BOX, XMP_BOX, box

WITHOUT_WORDS = ("PCX",)
"""Formats that cannot say that their colours are synthetic."""

_SGI_NAME = slice(24, 104)
_DPX_CREATOR = slice(160, 260)


def rare_bytes(kind: str, pixels: Codes, picture: Picture, label: str, quality: int) -> bytes:
    """A file of R'G'B' codes (and alpha, where the format holds it), 8 or 16 bit, shape (H, W, 3
    or 4), turned upright where the format holds no orientation.

    `picture` is what goes along with them, fitted to the format. Raises `MediaError`, `ValueError`
    and `OSError`.
    """
    block = exif.labelled(picture.exif, label, picture.dpi)
    bits = 8 if pixels.dtype == np.uint8 else 16
    if kind == "HEIC":
        return write_heic(pixels, bits, quality, exif=block, icc=picture.icc, xmp=picture.xmp)
    if kind == "AVIF":
        return _by_pillow(
            pixels,
            "AVIF",
            quality=quality,
            subsampling="4:4:4",
            exif=block,
            icc_profile=picture.icc or b"",
            xmp=picture.xmp or b"",
        )
    if kind == "JPEG 2000":
        boxes = box(b"uuid", EXIF_BOX + block)
        if picture.xmp:
            boxes += box(b"uuid", XMP_BOX + picture.xmp)
        return encoded(pixels, kind, bits) + boxes
    if kind == "PNM":
        height, width, _ = pixels.shape
        peak = (1 << bits) - 1
        head = f"P6\n# {' '.join(label.split())}\n{width} {height}\n{peak}\n"
        return head.encode() + pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    if kind == "TGA":
        return _by_pillow(pixels, "TGA", id_section=label.encode()[:255])
    if kind == "PCX":
        return _by_pillow(pixels, "PCX")
    if kind == "DPX" and bits == 16 and picture.bits in (10, 12):
        bits = picture.bits
    return _signed(encoded(pixels, kind, bits), _SGI_NAME if kind == "SGI" else _DPX_CREATOR, label)


def dpx_bytes(codes: Codes, bits: int, label: str) -> bytes:
    """A DPX file of R'G'B' codes (H, W, 3) of 8, 10, 12 or 16 bits. Raises `ValueError`."""
    return _signed(encoded_codes(codes, "DPX", bits), _DPX_CREATOR, label)


def _signed(file: bytes, place: slice, label: str) -> bytes:
    """The file with a label in a place of its header."""
    content, room = bytearray(file), place.stop - place.start
    content[place] = label.encode()[: room - 1].ljust(room, b"\x00")
    return bytes(content)


def _by_pillow(pixels: Codes, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()
