"""Picture files that Pillow does not read, or not at their depth: HEIC, JPEG 2000, PNM, PSD, EXR,
SGI and DPX. Their pixels, and what they say besides.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from filmcolor.errors import MediaError
from filmcolor.events import Notice
from filmcolor.media.images.decoded import Decoded, decoded, read_heic
from filmcolor.media.images.exif import METADATA, ORIENTATION, ExifBlock
from filmcolor.media.images.exif_directory import rebuilt
from filmcolor.media.images.icc import srgb_of
from filmcolor.media.images.iptc import captions, of_tiff, resources
from filmcolor.media.images.tiff import pages
from filmcolor.media.images.tiff_samples import decoded_deep

RARE = frozenset({"HEIC", "JPEG 2000", "PNM", "PSD", "EXR", "SGI", "DPX"})

EXIF_BOX = b"JpgTiffExif->JP2"
XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""Which boxes of a JPEG 2000 file (type "uuid") hold EXIF and XMP."""

_PSD_ICC, _PSD_VERSION, _PSD_EXIF, _PSD_XMP, _PSD_RESOLUTION = 1039, 1057, 1058, 1060, 1005
_PSD_MODES_OF_FFMPEG = (0, 1, 2, 3, 8)  # bitmap, grey, indexed, RGB, duotone
_PSD_CMYK = 4
_PHOTOMETRIC, _CIELAB = 262, 8
_ICC, _XMP, _RESOLUTION = 34675, 700, (282, 283, 296)
_DPX_TRANSFER, _DPX_FILM, _DPX_HEADER = 801, 1664, 2048
_DPX_LOGARITHMIC = (1, 3)  # printing density, logarithmic (SMPTE ST 268-1)


@dataclass(frozen=True, eq=False)
class RarePicture:
    """What is in a file of one of the kinds `RARE`."""

    pixels: Decoded
    exif: bytes = b""
    icc: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes = b""
    dpi: tuple[float, float] | None = None
    orientation: int = 1
    lossless: bool = True
    notices: tuple[Notice, ...] = ()


def read_rare(content: bytes, kind: str) -> RarePicture:
    """Read a file of one of the kinds `RARE`, or a TIFF of samples that Pillow does not
    decode.

    Raises `MediaError` without the file's name, and what Pillow's decoders raise.
    """
    if kind == "HEIC":
        return _heic(content)
    if kind == "JPEG 2000":
        return _jpeg2000(content)
    if kind == "PSD":
        return _psd(content)
    if kind == "TIFF":
        return _tiff(content)
    found = RarePicture(decoded(content, kind))
    if found.pixels.is_light:
        return replace(found, notices=(Notice("holds linear light: it became sRGB codes"),))
    return replace(found, notices=tuple(dpx_notices(content))) if kind == "DPX" else found


def _tiff(content: bytes) -> RarePicture:
    pixels, left_out = decoded_deep(content)
    found = pages(content)
    notices = []
    if len(found) > 1:
        text = f"holds {len(found)} pages: only the first is coloured"
        notices.append(Notice(text, warning=True))
    if found[0].number(_PHOTOMETRIC, 0) == _CIELAB:
        notices.append(Notice("is CIELAB: converted to sRGB"))
    if left_out:
        text = "has a channel of unstated meaning (not marked as transparency): left out"
        notices.append(Notice(text, warning=True))
    exif = rebuilt(content, METADATA)
    of_colors = (_XMP,) if found[0].number(_PHOTOMETRIC, 0) == _CIELAB else (_ICC, _XMP)
    said = {tag: found[0].entries[tag].payload for tag in of_colors if tag in found[0].entries}
    return RarePicture(
        pixels,
        ExifBlock.parse(exif).block if exif else b"",
        said.get(_ICC),
        said.get(_XMP),
        of_tiff(content),
        ExifBlock.parse(rebuilt(content, _RESOLUTION)).dpi(),
        orientation=found[0].number(ORIENTATION, 1),
        notices=tuple(notices),
    )


def dpx_notices(content: bytes) -> Iterator[Notice]:
    """What is to be said of a DPX file's header."""
    if content[_DPX_TRANSFER] in _DPX_LOGARITHMIC:
        text = "holds logarithmic densities: coloured as they are; grade it to video levels first"
        yield Notice(text, warning=True)
    if content[_DPX_FILM:_DPX_HEADER].strip(b"\x00\xff"):
        yield Notice(
            "what its DPX header says of film, reel and timecode is left out", warning=True
        )


def _heic(content: bytes) -> RarePicture:
    found = read_heic(content)
    if found.is_hdr:
        raise MediaError("an HDR picture (PQ or HLG): convert it to SDR first")
    exif = found.exif
    if exif:  # libheif has turned the pixels
        exif = ExifBlock.parse(exif).with_values({ORIENTATION: 1})
    notices = []
    if found.count > 1:
        text = f"holds {found.count} pictures: only the main one is coloured"
        notices.append(Notice(text, warning=True))
    return RarePicture(
        found.pixels, exif, found.icc, found.xmp, lossless=False, notices=tuple(notices)
    )


def _jpeg2000(content: bytes) -> RarePicture:
    with Image.open(io.BytesIO(content), formats=("JPEG2000",)) as image:
        image.load()  # finds it whole, or not
        dpi = image.info.get("dpi")
        if image.mode == "CMYK":
            rgb = np.asarray(srgb_of(image, None))
            pixels = Decoded(rgb, None, 8)
        else:
            pixels = decoded(content, "JPEG 2000")
    exif, xmp, icc = b"", None, None
    for name, body in _boxes(content):
        if name == b"uuid" and body[:16] == EXIF_BOX:
            exif = body[16:]
        elif name == b"uuid" and body[:16] == XMP_BOX:
            xmp = body[16:]
        elif name == b"jp2h":
            colors = [inner for box, inner in _boxes(body) if box == b"colr"]
            icc = next((each[3:] for each in colors if each[:1] == b"\x02"), None)
    if exif:
        exif = ExifBlock.parse(exif).block
    return RarePicture(pixels, exif, icc, xmp, dpi=dpi, lossless=False)


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Types and contents of the boxes that follow each other here (ISO/IEC 15444-1, annex I)."""
    at = 0
    while at + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        head = 8
        if size == 1 and at + 16 <= len(content):
            (size,), head = struct.unpack_from(">Q", content, at + 8), 16
        stop = len(content) if size == 0 else at + size
        if stop < at + head or stop > len(content):
            return
        yield name, content[at + head : stop]
        at = stop


def box(name: bytes, body: bytes) -> bytes:
    """A box of a JPEG 2000 file."""
    return struct.pack(">I4s", 8 + len(body), name) + body


def _psd(content: bytes) -> RarePicture:
    bits, mode = struct.unpack_from(">HH", content, 22)
    (skip,) = struct.unpack_from(">I", content, 26)
    at = 30 + skip
    (length,) = struct.unpack_from(">I", content, at)
    said = dict(resources(content[at + 4 : at + 4 + length]))
    if said.get(_PSD_VERSION, b"\0\0\0\0\1")[4:5] == b"\0":
        raise MediaError(
            'holds its layers alone: save it with "maximize compatibility", or as a flat TIFF'
        )
    icc = said.get(_PSD_ICC)
    notices: tuple[Notice, ...] = ()
    if mode in _PSD_MODES_OF_FFMPEG:
        pixels = decoded(content, "PSD")
    elif mode == _PSD_CMYK and bits == 8:
        with Image.open(io.BytesIO(content), formats=("PSD",)) as image:
            pixels = Decoded(np.asarray(srgb_of(image, icc)), None, 8)
        icc, notices = None, (Notice("is CMYK: converted to sRGB"),)
    else:
        raise MediaError(
            f"a PSD of colour mode {mode} and {bits} bits: not supported; save it as RGB or grey"
        )
    dpi = None
    if len(stated := said.get(_PSD_RESOLUTION, b"")) >= 12:  # 16.16 pixels per inch
        across, down = (struct.unpack_from(">I", stated, at)[0] / 65536 for at in (0, 8))
        dpi = (across, down) if across and down else None
    exif = said.get(_PSD_EXIF, b"")
    if exif:
        exif = ExifBlock.parse(exif).with_values({ORIENTATION: 1})
    iptc = captions(content[at + 4 : at + 4 + length])
    return RarePicture(pixels, exif, icc, said.get(_PSD_XMP), iptc, dpi, notices=notices)
