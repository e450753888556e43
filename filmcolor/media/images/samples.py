"""The samples of a picture file as codes, without losing depth.

Pillow decodes everything but colour (and grey with alpha) at 16 bits a channel, which it would cut
to 8; that goes to FFmpeg (PNG) and OpenCV, after Pillow has found the file whole.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from filmcolor.errors import MediaError
from filmcolor.media.images.decoded import decoded
from filmcolor.media.images.icc import srgb_of
from filmcolor.media.images.picture import Codes, as_stored, rescaled, upright
from filmcolor.media.images.tiff_samples import (
    codes_of_floats,
    decoded_deep,
    rgb_of_lab,
    silent_opencv,
    straight,
)

_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_SAMPLES = 258, 262, 277
_TIFF_PLANAR, _TIFF_EXTRA = 284, 338
_WHITE_IS_ZERO, _PLANE_BY_PLANE, _ASSOCIATED, _STRAIGHT = 0, 2, 1, 2
_COLORS = {2: 3, 5: 4, 6: 3, 8: 3}  # samples of a pixel by photometric interpretation; others 1


@dataclass(frozen=True, eq=False)
class Samples:
    """Full-range codes as stored: not turned, whatever the orientation says."""

    codes: Codes
    """Grey (H, W) or R'G'B' (H, W, 3)."""
    alpha: Codes | None = None
    """Shape (H, W), straight."""
    left_out: int = 0
    """Channels of which the file does not say that they are transparency (infrared of scanners)."""


class SampleDecoder:
    """Decodes the samples of one open, loaded Pillow image."""

    def __init__(
        self, path: Path, content: bytes, kind: str, image: Image.Image, orientation: int
    ) -> None:
        self._path, self._content, self._kind, self._image = path, content, kind, image
        self._orientation = orientation
        self._tiff: dict[int, object] = dict(getattr(image, "tag_v2", {}))
        self.bits = _avif_bits(content) if kind == "AVIF" else None
        """Bits a sample of an AVIF file of more than 8."""

    def decode(self) -> Samples:
        """The samples of the picture's first page."""
        samples = self._decode()
        if self._kind != "TIFF":
            return samples
        # Pillow and OpenCV both turn TIFF pictures upright.
        codes = as_stored(samples.codes, self._orientation)
        alpha = samples.alpha
        return Samples(
            codes,
            None if alpha is None else as_stored(alpha, self._orientation),
            self._unstated(),
        )

    def _unstated(self) -> int:
        """Channels of a TIFF beside its colours, unless the first of them is transparency."""
        kind, samples = self._tiff.get(_TIFF_PHOTOMETRIC), self._tiff.get(_TIFF_SAMPLES, 1)
        extra = self._tiff.get(_TIFF_EXTRA, ())
        first = extra[0] if isinstance(extra, tuple) and extra else 0
        if first in (_ASSOCIATED, _STRAIGHT) or not isinstance(samples, int):
            return 0
        return max(0, samples - (_COLORS.get(kind, 1) if isinstance(kind, int) else 1))

    def _decode(self) -> Samples:
        image = self._image
        if image.mode.startswith("I;16"):
            return self._grey16()
        if image.mode == "F":
            return self._float()
        if image.mode == "CMYK":  # of 16 bits Pillow leaves 8
            return Samples(np.asarray(srgb_of(image, image.info.get("icc_profile"))))
        if image.mode == "LAB":
            return Samples(rgb_of_lab(np.asarray(image)))
        if self._bits() == 16 or self.bits is not None:
            return self._color16()
        transparent = image.has_transparency_data and not self._unstated()
        clear = image.info.get("transparency")
        if self._kind == "PNG" and image.mode == "L" and isinstance(clear, int):
            # Pillow widens codes of 2 and 4 bits to 8, but not the one that is clear.
            image.info["transparency"] = clear * (255 // ((1 << self._bits()) - 1))
        if image.mode in ("1", "L", "LA", "La") and not transparent:
            return Samples(np.asarray(image.convert("L")))
        if image.mode in ("L", "LA", "La") and transparent:
            both = np.asarray(image.convert("LA"))
            return Samples(both[..., 0], both[..., 1].copy())
        pixels = np.asarray(image.convert("RGBA" if transparent else "RGB"))
        return Samples(pixels[..., :3], pixels[..., 3].copy() if transparent else None)

    def _bits(self) -> int:
        if self._kind == "PNG":
            return self._content[24]  # bit depth in IHDR
        bits = self._tiff.get(_TIFF_BITS, (8,))
        return max(bits) if isinstance(bits, tuple) else 8

    def _grey16(self) -> Samples:
        codes: Codes = np.asarray(self._image).astype(np.uint16)
        bits = self._bits()
        if bits < 16:  # 12-bit TIFF
            codes = np.rint(codes * (65535 / ((1 << bits) - 1))).astype(np.uint16)
        if self._tiff.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO:
            codes = 65535 - codes
        clear = self._image.info.get("transparency")
        if clear is None:
            return Samples(codes)
        return Samples(codes, np.where(codes == clear, 0, 65535).astype(np.uint16))

    def _float(self) -> Samples:
        """Grey of floating-point samples, 0..1, at 16 bits."""
        try:
            codes = codes_of_floats(np.asarray(self._image))
        except MediaError as error:
            raise MediaError(f"{self._path}: {error}") from error
        is_negative = self._tiff.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO
        return Samples(65535 - codes if is_negative else codes)

    def _color16(self) -> Samples:
        """Colour, or grey with alpha, at 16 bits a channel."""
        if self._kind == "PNG":
            found = decoded(self._content, "PNG")
            return Samples(found.codes, found.alpha)
        if self._tiff.get(_TIFF_PLANAR) == _PLANE_BY_PLANE:
            try:
                planes, _ = decoded_deep(self._content)
            except MediaError as error:
                raise MediaError(f"{self._path}: {error}") from error
            turned = None if planes.alpha is None else upright(planes.alpha, self._orientation)
            return Samples(upright(planes.codes, self._orientation), turned)
        pixels = None
        with suppress(cv2.error), silent_opencv():
            pixels = cv2.imdecode(np.frombuffer(self._content, np.uint8), cv2.IMREAD_UNCHANGED)
        shape = (self._image.height, self._image.width)
        if pixels is None or pixels.dtype != np.uint16 or pixels.shape[:2] != shape:
            raise MediaError(
                f"{self._path}: damaged, or a 16-bit {self._kind} of a rare kind; "
                "copy it from the original again, or save it as RGB or grey"
            )
        codes = rescaled(pixels.astype(np.uint16, copy=False), self.bits or 16, 16)
        if codes.ndim == 2:
            return Samples(codes)
        rgb: Codes = codes[..., 2::-1]
        if codes.shape[2] == 3 or self._unstated():
            return Samples(rgb)
        alpha = codes[..., 3].copy()
        extra = self._tiff.get(_TIFF_EXTRA, ())
        if isinstance(extra, tuple) and extra[:1] == (_ASSOCIATED,):
            rgb = straight(rgb, alpha)
        return Samples(rgb, alpha)


def _avif_bits(content: bytes) -> int | None:
    """10 or 12 where an AVIF file says so in its av1C box (AV1-ISOBMFF); None of 8."""
    at = content.find(b"av1C") + 6
    flags = content[at] if 6 <= at < len(content) else 0
    return None if not flags & 0x40 else 12 if flags & 0x20 else 10


def avif_is_hdr(content: bytes) -> bool:
    """Whether an AVIF file states PQ or HLG (ISO/IEC 23091-2) in its colour box."""
    at = content.find(b"colrnclx") + 10
    return at >= 10 and int.from_bytes(content[at : at + 2], "big") in (16, 18)
