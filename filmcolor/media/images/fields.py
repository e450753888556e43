"""What each kind of picture file holds of a `Picture`, and what becomes of the rest.

One row a format, one field for each field of `Picture` that a file may hold or not. What a format
has no place for is carried over to a place of the same meaning; what is lost is named in one line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from filmcolor.events import Notice
from filmcolor.media.images.exif import (
    ARTIST,
    COPYRIGHT,
    DESCRIPTION,
    LIMIT,
    ORIENTATION,
    ExifBlock,
)
from filmcolor.media.images.picture import Picture

_ANY = 1 << 32
_MARKER = 65533  # bytes in one JPEG marker
COMMENT = "Comment"
"""Keyword of a JPEG comment, and of the PNG text that is one."""


@dataclass(frozen=True, slots=True)
class Holds:
    """What a format holds; the fields are called as those of `Picture`."""

    name: str
    """For people."""
    layout: int
    """Bits a sample, at most."""
    alpha: bool
    exif: int
    """Bytes at most."""
    icc: bool
    dpi: tuple[float, float]
    """Least and largest resolution, pixels per inch, in its own place or in EXIF."""
    orientation: bool
    """If not, the pixels are turned."""
    xmp: int
    """Bytes at most."""
    text: tuple[str, ...] | None
    """Keywords; None: any."""
    text_bytes: int = _ANY
    iptc: int = 0
    """Bytes at most."""


_IN_EXIF = (1e-4, 4e9)
_NO_DPI = (1.0, 0.0)
HOLDS = {
    "JPEG": Holds(
        "JPEG", 8, False, LIMIT, True, (0.5, 65535), True, 65504, (COMMENT,), _MARKER, 65519
    ),
    "PNG": Holds("PNG", 16, True, _ANY, True, (0.02, 1e8), True, _ANY, None, iptc=_ANY),
    "WEBP": Holds("WebP", 8, True, _ANY, True, _IN_EXIF, True, _ANY, ()),
    "TIFF": Holds("TIFF", 16, True, _ANY, True, _IN_EXIF, True, _ANY, (), iptc=_ANY),
    "BMP": Holds("BMP", 8, False, 0, False, (0.02, 5e7), False, 0, ()),
    "HEIC": Holds("HEIC", 10, True, _ANY, True, _IN_EXIF, False, _ANY, ()),
    "AVIF": Holds("AVIF", 8, True, _ANY, True, _IN_EXIF, True, _ANY, ()),
    "JPEG 2000": Holds("JPEG 2000", 16, False, _ANY, False, _IN_EXIF, False, _ANY, ()),
    "PNM": Holds("PPM", 16, False, 0, False, _NO_DPI, False, 0, ()),
    "TGA": Holds("TGA", 8, True, 0, False, _NO_DPI, False, 0, ()),
    "PCX": Holds("PCX", 8, False, 0, False, _NO_DPI, False, 0, ()),
    "SGI": Holds("SGI", 16, True, 0, False, _NO_DPI, False, 0, ()),
    "DPX": Holds("DPX", 16, False, 0, False, _NO_DPI, False, 0, ()),
}
"""By format. What of a block too long for JPEG can stay, `exif.fitting` knows."""

CARRIED = {
    "Author": ARTIST,
    "Copyright": COPYRIGHT,
    "Description": DESCRIPTION,
    COMMENT: DESCRIPTION,
}
"""Texts that EXIF has an entry for, those first that have the better claim to it."""


def fitted(picture: Picture, kind: str) -> tuple[Picture, tuple[Notice, ...]]:
    """The picture with nothing besides its pixels that the format does not hold, and what is lost.

    The pixels stay: whoever writes them brings them to the format's depth, and turns them upright
    where it holds no orientation.
    """
    holds = HOLDS[kind]
    notices, lost = [], []
    if picture.format not in HOLDS:
        text = f"{picture.format} is not written: it became a {holds.name} of {picture.bits} bits"
        notices.append(Notice(text))
    if picture.bits > holds.layout:
        text = f"{holds.name} holds {holds.layout} bits of its {picture.bits}: choose .png or .tif"
        notices.append(Notice(text, warning=True))
    alpha = picture.alpha
    if alpha is not None and not holds.alpha:
        alpha = None
        text = (
            f"{holds.name} holds no transparency: left out; choose .png, .webp or .tif to keep it"
        )
        notices.append(Notice(text, warning=True))
    exif, icc, dpi, xmp = picture.exif, picture.icc, picture.dpi, picture.xmp
    kept, rest = _divided(picture, holds)
    if exif and not holds.exif:
        exif = b""
        lost.append("EXIF")
    elif holds.exif:
        exif, rest = _carried(exif, rest, holds.exif)
    if icc is not None and not holds.icc:
        icc = None
        lost.append("ICC profile")
    if dpi is not None and not all(holds.dpi[0] <= each <= holds.dpi[1] for each in dpi):
        dpi = None
        lost.append("resolution")
    if xmp is not None and len(xmp) > holds.xmp:
        lost.append(f"XMP of {len(xmp)} bytes")
        xmp = None
    iptc = picture.iptc
    if len(iptc) > holds.iptc:
        iptc = b""
        lost.append("IPTC captions")
    if rest:
        lost.append(f"text ({', '.join(rest)})")
    if lost:
        way_out = "" if kind == "PNG" else "; .png keeps it"
        notices.append(
            Notice(f"{holds.name} cannot hold: {', '.join(lost)}; left out{way_out}", warning=True)
        )
    if exif and not holds.orientation and ORIENTATION in ExifBlock.parse(exif).entries:
        exif = ExifBlock.parse(exif).with_values({ORIENTATION: 1})
    fit = replace(picture, alpha=alpha, exif=exif, icc=icc, dpi=dpi, xmp=xmp, iptc=iptc, text=kept)
    return fit, tuple(notices)


def _divided(picture: Picture, holds: Holds) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
    """The texts that the format has a place for, and the others."""
    kept, rest = [], {}
    for keyword, words in picture.text:
        known = holds.text is None or keyword in holds.text
        if known and len(words.encode()) <= holds.text_bytes:
            kept.append((keyword, words))
        else:
            rest[keyword] = words
    return tuple(kept), rest


def _carried(exif: bytes, texts: dict[str, str], limit: int) -> tuple[bytes, dict[str, str]]:
    """The EXIF block with the texts that it has a free entry for, and those that it has not."""
    parsed = ExifBlock.parse(exif)
    values: dict[int, bytes] = {}
    rest = dict(texts)
    for keyword, tag in CARRIED.items():
        words = texts.get(keyword, "").strip().encode()
        stated = values.get(tag, parsed.text(tag))
        if keyword not in texts or (stated and words not in stated):
            continue
        if words and not stated:
            if len(exif) + sum(map(len, values.values())) + len(words) > limit:
                continue
            values[tag] = words
        del rest[keyword]
    return (parsed.with_values(dict(values)) if values else exif), rest
