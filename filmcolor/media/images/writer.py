"""Pictures out: luma and chroma become a JPEG, WebP or BMP file, by `png_tiff` a PNG or TIFF, or,
by `rare_writer`, one of a rarer kind.

Everything that a file said besides its pixels goes along where the format can hold it; what it
cannot hold is returned as a notice. Every file says that its colours are synthetic, BMP and PCX
excepted.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from filmcolor.errors import MediaError, OptionError
from filmcolor.events import Notice
from filmcolor.media.images import exif, iptc
from filmcolor.media.images.fields import COMMENT, HOLDS, fitted
from filmcolor.media.images.formats import format_of_suffix, written_suffix
from filmcolor.media.images.picture import (
    Chroma,
    Codes,
    Picture,
    chroma_codes,
    matte_of,
    most_pixels,
    rgb_of,
    scaled,
    upright,
)
from filmcolor.media.images.png_tiff import PixelRows, png_bytes, tiff_bytes
from filmcolor.media.images.rare_writer import WITHOUT_WORDS, rare_bytes
from filmcolor.media.partfile import write_bytes

_WRITTEN = ".jpg, .png, .tif, .webp, .bmp, .heic, .avif, .jp2, .ppm, .tga, .pcx, .sgi or .dpx"
_QUALITY = 95
_LONGEST = {
    **{"JPEG": 65500, "WEBP": 16383, "HEIC": 16384, "AVIF": 65535},
    **{"TGA": 65535, "PCX": 65535, "SGI": 65535},
}
"""Largest side in pixels that these formats can hold."""
_HOLD_CHROMA = ("JPEG", "PNG", "TIFF")


def write_picture(
    picture: Picture,
    cb: Chroma,
    cr: Chroma,
    target: Path | str,
    *,
    label: str,
    chroma_alone: bool = False,
    overwrite: bool = False,
    keep: bool = True,
) -> tuple[Notice, ...]:
    """Write `picture` in colour; the target's suffix decides the format.

    `cb` and `cr` have the picture's shape (H, W) and lie in -0.5..0.5. `label` says who made the
    colours. With `chroma_alone` mid-grey stands in the place of luma (see `matte_of`; JPEG holds
    Y'CbCr). The file appears under its name only when it is whole, and replaces what is there only
    with `overwrite`; `keep` as `write_bytes`. Returns what the format could not hold. Raises
    `OptionError` for a suffix that cannot be, `MediaError` when the file cannot be written,
    `NameTakenError` as `write_bytes`.
    """
    if not cb.shape == cr.shape == picture.luma.shape:
        raise ValueError(f"chroma {cb.shape}, {cr.shape} for a picture of {picture.luma.shape}")
    kind = format_of_suffix(Path(target))
    if kind is None:
        raise OptionError(f"{target}: pictures are written as {_WRITTEN}; choose one of these")
    suffix = written_suffix(Path(target))
    if suffix != Path(target).suffix:
        raise OptionError(
            f"{target}: a coloured picture cannot be written as {Path(target).suffix}; "
            f"name it {suffix}"
        )
    longest = _LONGEST.get(kind)
    if longest is not None and max(picture.luma.shape) > longest:
        raise MediaError(
            f"{target}: {kind} holds at most {longest} pixels a side; choose .png or .tif"
        )
    if chroma_alone and kind not in _HOLD_CHROMA:
        raise OptionError(f"{target}: {kind} cannot hold colour alone; choose .png, .tif or .jpg")
    fit, notices = fitted(picture, kind)
    encoding = _Encoding(fit, cb, cr, label, is_matte=chroma_alone)
    encoders: dict[str, Callable[[], bytes]] = {
        "JPEG": encoding.jpeg,
        "PNG": encoding.png,
        "WEBP": encoding.webp,
        "TIFF": encoding.tiff,
        "BMP": encoding.bmp,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, over odd entries of the source's EXIF
            content = encoders[kind]() if kind in encoders else encoding.rare(kind)
    except MediaError as error:
        raise MediaError(f"{target}: {error}") from error
    except (OSError, ValueError, struct.error, cv2.error) as error:
        why = " ".join(str(error).split())[:80]
        raise MediaError(f"{target}: cannot be made ({why}); choose another format") from error
    write_bytes(Path(target), content, overwrite=overwrite, keep=keep)
    return (*notices, *encoding.notices)


def refuse_large(picture: Picture, target: Path) -> None:
    """Raise `MediaError` for a picture so large that only TIFF can be made of it, in strips."""
    most = most_pixels()
    if picture.luma.size > most and format_of_suffix(target) != "TIFF":
        raise MediaError(
            f"{target}: more than {most // 1_000_000} megapixels are written as TIFF alone; name "
            "it .tif"
        )


class _Encoding:
    """One picture on its way out, in whichever format."""

    def __init__(
        self, picture: Picture, cb: Chroma, cr: Chroma, label: str, *, is_matte: bool
    ) -> None:
        # A matte is numbers, which no colour profile may change.
        self._picture = replace(picture, icc=None) if is_matte else picture
        self._cb, self._cr, self._label, self._is_matte = cb, cr, label, is_matte
        self.notices: list[Notice] = []

    def jpeg(self) -> bytes:
        """Y', Cb and Cr go to the encoder as they are: R'G'B' would round them once more."""
        picture = self._picture
        luma = scaled(picture.luma, 8)
        if self._is_matte:
            luma = np.full_like(luma, 128)
        planes = (luma, chroma_codes(self._cb), chroma_codes(self._cr))
        image = Image.merge("YCbCr", [Image.fromarray(plane) for plane in planes])
        block, notice = exif.fitting(picture.exif, self._label)
        if notice is not None:
            self.notices.append(notice)
        extra: dict[str, object] = {}
        if picture.dpi is not None:
            extra["dpi"] = tuple(round(value) for value in picture.dpi)
        if picture.xmp:
            extra["xmp"] = picture.xmp
        if picture.iptc:
            extra["extra"] = iptc.jpeg_segment(picture.iptc)
        if comment := dict(picture.text).get(COMMENT):
            extra["comment"] = comment.encode()
        out = io.BytesIO()
        image.save(
            out,
            "JPEG",
            quality=_QUALITY,
            subsampling=0,
            optimize=True,
            exif=b"Exif\x00\x00" + block,
            icc_profile=picture.icc,
            **extra,
        )
        return out.getvalue()

    def webp(self) -> bytes:
        """Lossless if the source was a lossless WebP, else at quality 95."""
        picture = self._picture
        out = io.BytesIO()
        Image.fromarray(self._pixels(8)).save(
            out,
            "WEBP",
            lossless=picture.format == "WEBP" and picture.lossless,
            quality=_QUALITY,
            exact=True,
            exif=exif.labelled(picture.exif, self._label, picture.dpi),
            icc_profile=picture.icc or b"",
            xmp=picture.xmp or b"",
        )
        return out.getvalue()

    def png(self) -> bytes:
        """8 or 16 bits."""
        return png_bytes(self._pixels(), self._picture, self._label)

    def tiff(self) -> bytes:
        """8 or 16 bits, compressed without loss."""
        picture = self._picture
        depth, channels = picture.layout.bit_depth, 3 if picture.alpha is None else 4
        size = (*picture.luma.shape, channels)
        return tiff_bytes(PixelRows(size, depth // 8, self._rows), picture, self._label)

    def bmp(self) -> bytes:
        """Pixels, upright, and resolution are all that BMP holds."""
        picture = self._picture
        self._tell_unlabelled("BMP")
        out = io.BytesIO()
        rgb = rgb_of(picture.luma, self._cb, self._cr, 8)
        image = Image.fromarray(upright(rgb, picture.orientation))
        dpi = picture.dpi
        if dpi is not None and picture.orientation >= 5:  # rows have become columns
            dpi = dpi[::-1]
        image.save(out, "BMP", **({} if dpi is None else {"dpi": dpi}))
        return out.getvalue()

    def rare(self, kind: str) -> bytes:
        """One of the rarer formats, which `rare_writer` knows."""
        holds = HOLDS[kind]
        if kind in WITHOUT_WORDS:
            self._tell_unlabelled(kind)
        pixels = self._pixels(8 if holds.layout == 8 else None)
        picture = self._picture
        if not holds.orientation and picture.orientation != 1:
            pixels = upright(pixels, picture.orientation)
            if picture.dpi is not None and picture.orientation >= 5:
                picture = replace(picture, dpi=picture.dpi[::-1])
        return rare_bytes(kind, pixels, picture, self._label, _QUALITY)

    def _tell_unlabelled(self, kind: str) -> None:
        text = f"{kind} cannot say that the colours are synthetic: choose PNG to have them labelled"
        self.notices.append(Notice(text, warning=True))

    def _pixels(self, depth: int | None = None) -> Codes:
        """R'G'B' (and alpha) at this depth, else the picture's own, shape (H, W, 3 or 4)."""
        picture = self._picture
        depth = depth or picture.layout.bit_depth
        return self._rows(slice(0, len(picture.luma)), depth)

    def _rows(self, rows: slice, depth: int | None = None) -> Codes:
        """Some rows of them."""
        picture = self._picture
        depth = depth or picture.layout.bit_depth
        cb, cr = self._cb[rows], self._cr[rows]
        if self._is_matte:
            rgb = matte_of(cb, cr, depth)
        else:
            rgb = rgb_of(picture.luma[rows], cb, cr, depth)
        if picture.alpha is None:
            return rgb
        return _with_alpha(rgb, scaled(picture.alpha[rows], depth))


def _with_alpha(rgb: Codes, alpha: Codes) -> Codes:
    """R'G'B' (H, W, 3) and alpha (H, W) side by side, shape (H, W, 4)."""
    pixels: Codes = np.empty((*alpha.shape, 4), rgb.dtype)
    pixels[..., :3], pixels[..., 3] = rgb, alpha
    return pixels
