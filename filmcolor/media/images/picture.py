"""A still picture: its luma, what the file says besides, and how colour joins it.

Nothing here reads or writes files. Luma and chroma are those of JFIF: BT.601 weights over
gamma-encoded R'G'B', full range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from filmcolor.events import Notice
from filmcolor.types import ColorTags, FloatPlane, Luma, PixelLayout

Codes = NDArray[np.uint8] | NDArray[np.uint16]


class ByRows(Protocol):
    """A plane (H, W) whose rows are made when they are read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W)."""

    def __getitem__(self, rows: slice, /) -> FloatPlane:
        """Some rows."""


Chroma: TypeAlias = "FloatPlane | ByRows"
"""Cb or Cr (H, W) in -0.5..0.5, read by slices of rows."""

TAGS = ColorTags(matrix=6, primaries=1, transfer=13, full_range=True)
"""sRGB colours, BT.601 luma, full range: what JFIF pictures are."""

_RED, _BLUE = 0.299, 0.114
_GREEN = 1.0 - _RED - _BLUE
_BAND = 1 << 20
"""Pixels worked on at a time, so that a large scan needs no large float copies."""
_SATURATED = 12 / 255
_COLORED_SHARE = 0.005

# Degrees counter-clockwise that turn the stored rows upright, by EXIF orientation; the mirrored
# ones (2, 4, 5, 7) come out upright but mirrored.
_ROTATIONS = {3: 180, 4: 180, 5: 270, 6: 270, 7: 90, 8: 90}


def most_pixels() -> int:
    """Pixels of a picture that is not TIFF, at most: as many as Pillow opens."""
    return 2 * (Image.MAX_IMAGE_PIXELS or 0)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture as stored: its pixels are not turned, its orientation tag says how it is seen."""

    luma: Luma
    """Shape (H, W), full-range Y' codes; R = G = B = v gives exactly v."""
    layout: PixelLayout
    """8 or 16 bit, 4:4:4."""
    format: str
    """What the file is, whatever its name, as `formats` has it."""
    tags: ColorTags = TAGS
    alpha: Codes | None = None
    """Shape (H, W), straight (not multiplied into the colours), of luma's type."""
    exif: bytes = b""
    """EXIF block without prefix; empty if there is none."""
    icc: bytes | None = None
    """RGB profile that the coloured picture carries; None: sRGB."""
    dpi: tuple[float, float] | None = None
    """Pixels per inch, across and down."""
    orientation: int = 1
    """EXIF orientation, 1..8; it stays in `exif` as well."""
    lossless: bool = True
    """Whether the file holds its pixels without loss."""
    had_color: bool = False
    """Whether the source had colours, of which only the luma is used."""
    xmp: bytes | None = None
    iptc: bytes = b""
    """Captions (IPTC-IIM) as Photoshop's image resources; see `iptc`."""
    text: tuple[tuple[str, str], ...] = ()
    """Keyword and text of PNG text chunks; a JPEG comment as "Comment"."""
    stored_bits: int | None = None
    """Bits a sample in the file, where they are fewer than those of `layout`."""
    notices: tuple[Notice, ...] = ()
    rgb: Codes | None = None
    """Shape (H, W, 3), R'G'B' codes of luma's type, where they are wanted and there are any."""

    @property
    def bits(self) -> int:
        """Bits a sample in the file."""
        return self.stored_bits or self.layout.bit_depth

    @property
    def rotation(self) -> int:
        """Degrees counter-clockwise that bring the stored pixels upright: 0, 90, 180, 270.

        What orientation also mirrors stays mirrored, which a network does not mind.
        """
        return _ROTATIONS.get(self.orientation, 0)


def upright(codes: Codes, orientation: int) -> Codes:
    """Codes (H, W) or (H, W, channels) as they are to be looked at, by EXIF orientation 1..8."""
    if orientation >= 5:
        codes = codes.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        codes = codes[:, ::-1]
    if orientation in (3, 4, 7, 8):
        codes = codes[::-1]
    return codes.copy()


def as_stored(codes: Codes, orientation: int) -> Codes:
    """What `upright` makes of the result is `codes`."""
    inverse = {6: 8, 8: 6}.get(orientation, orientation)  # the others are their own
    return upright(codes, inverse)


def _bands(height: int, width: int) -> Iterator[slice]:
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        yield slice(top, min(height, top + rows))


def _empty(shape: tuple[int, ...], bit_depth: int) -> Codes:
    return np.empty(shape, np.uint8) if bit_depth == 8 else np.empty(shape, np.uint16)


def luma_of(rgb: Codes) -> tuple[Luma, bool]:
    """Y' codes of R'G'B' codes (H, W, 3), same type, and whether there is colour in them.

    Colour is there when more than half a percent of the pixels is clearly saturated.
    """
    height, width, _ = rgb.shape
    luma: Luma = np.empty_like(rgb[..., 0])
    weights = np.array([_RED, _GREEN, _BLUE])
    limit = round(_SATURATED * np.iinfo(rgb.dtype).max)
    saturated = 0
    for rows in _bands(height, width):
        band = rgb[rows]
        luma[rows] = np.rint(band @ weights)
        saturated += int(np.count_nonzero(np.ptp(band, axis=2) > limit))
    return luma, saturated > _COLORED_SHARE * height * width


def scaled(codes: Codes, bit_depth: int) -> Codes:
    """Full-range codes at another depth, 8 or 16 bit, rounded."""
    return rescaled(codes, 8 if codes.dtype == np.uint8 else 16, bit_depth)


def rgb_of(luma: Luma, cb: Chroma, cr: Chroma, bit_depth: int) -> Codes:
    """R'G'B' codes (H, W, 3) at `bit_depth` from luma codes and Cb, Cr in -0.5..0.5.

    The inverse of JFIF's equations in float, rounded once; what leaves the cube is clipped.
    """
    height, width = luma.shape
    peak = np.float32((1 << bit_depth) - 1)
    scale = peak / np.float32(np.iinfo(luma.dtype).max)
    rgb = _empty((height, width, 3), bit_depth)
    to_red, to_blue = 2 * (1 - _RED), 2 * (1 - _BLUE)
    for rows in _bands(height, width):
        grey = luma[rows].astype(np.float32) * scale
        blue, red = cb[rows] * peak, cr[rows] * peak
        green = grey - (_RED * to_red / _GREEN) * red - (_BLUE * to_blue / _GREEN) * blue
        channels = (grey + to_red * red, green, grey + to_blue * blue)
        for index, channel in enumerate(channels):
            rgb[rows, :, index] = np.rint(np.clip(channel, 0, peak))
    return rgb


def chroma_codes(chroma: Chroma, bit_depth: int = 8) -> Codes:
    """Cb or Cr in -0.5..0.5 as full-range codes of 8 or 16 bits, as JFIF has them: neutral is the
    code in the middle.
    """
    codes = _empty(chroma.shape, bit_depth)
    peak = np.float32((1 << bit_depth) - 1)
    half = np.float32(1 << (bit_depth - 1))
    for rows in _bands(*chroma.shape):
        codes[rows] = np.rint(np.clip(chroma[rows] * peak + half, 0, peak))
    return codes


def matte_of(cb: Chroma, cr: Chroma, bit_depth: int) -> Codes:
    """Codes (H, W, 3) of a picture without luma: red is Cr, blue is Cb, green the neutral code."""
    matte = _empty((*cb.shape, 3), bit_depth)
    matte[..., 0], matte[..., 2] = chroma_codes(cr, bit_depth), chroma_codes(cb, bit_depth)
    matte[..., 1] = 1 << (bit_depth - 1)
    return matte


def rescaled(codes: Codes, bits: int, wanted: int) -> Codes:
    """Full-range codes of any shape at another depth, rounded; above 8 bits they are 16-bit."""
    if bits == wanted:
        return codes
    factor = ((1 << wanted) - 1) / ((1 << bits) - 1)
    other = _empty(codes.shape, 8 if wanted <= 8 else 16)
    for top in range(0, len(codes), rows := max(1, _BAND // codes.shape[1])):
        other[top : top + rows] = np.rint(codes[top : top + rows] * factor)
    return other
