"""Picture files in: they become `Picture`s, with all they say besides.

Pixels are kept as stored, however they are to be turned to be looked at.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image, UnidentifiedImageError

from filmcolor.errors import MediaError
from filmcolor.events import Notice
from filmcolor.media.images import iptc
from filmcolor.media.images.exif import METADATA, ORIENTATION, X_RESOLUTION, ExifBlock
from filmcolor.media.images.exif_directory import rebuilt
from filmcolor.media.images.fields import COMMENT
from filmcolor.media.images.file_content import file_content
from filmcolor.media.images.formats import MAGIC_BYTES, format_of_file, format_of_suffix
from filmcolor.media.images.icc import profile_for_rgb
from filmcolor.media.images.picture import Codes, Picture, luma_of, most_pixels
from filmcolor.media.images.rare import RARE, read_rare
from filmcolor.media.images.samples import SampleDecoder, avif_is_hdr
from filmcolor.media.images.tiff import (
    first_page,
    kind_of,
    refuse_unread,
    with_picture_first,
)
from filmcolor.media.images.tiff_old_jpeg import with_usual_jpeg
from filmcolor.media.images.tiff_samples import is_beyond_pillow, silent_libtiff
from filmcolor.media.images.xmp import mended
from filmcolor.media.legacy_text import CODE_PAGE, decoded
from filmcolor.types import Luma, PixelLayout

# What Pillow's decoders raise over damaged files.
DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError),
    *(SystemError, RuntimeError, struct.error, zlib.error),
)
"""What Pillow and its codecs raise over a damaged file."""
_TIFF_BITS = 258
_SMALL = 80_000_000
"""Pixels that Pillow opens without a word."""
_LARGE = Lock()
_LARGEST = 1_000_000_000
"""Pixels of a TIFF file, which is written in strips; of other kinds as many as Pillow opens."""
_EXIF_IN_TEXT = "Raw profile type exif"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\x00"


def read_picture(path: Path | str, *, with_rgb: bool = False) -> Picture:
    """Read a picture; its content decides what it is, not its name.

    Of an animation or a file of several pages the first is read, unless it is a thumbnail.
    `with_rgb` keeps its R'G'B' codes beside the luma. Raises `MediaError`.
    """
    path = Path(path)
    content = file_content(path)
    kind = format_of_file(path, content[:MAGIC_BYTES])
    if kind is None:
        raise MediaError(f"{path}: not a picture of a known kind; convert it to PNG or TIFF first")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is answered for here
            if kind in RARE:
                return _of_rare(path, content, kind, with_rgb=with_rgb)
            if kind == "TIFF":
                return _of_tiff(path, content, with_rgb=with_rgb)
            with Image.open(io.BytesIO(content), formats=(kind,)) as image:
                return _Reading(path, content, kind, image).picture(with_rgb=with_rgb)
    except MediaError:
        raise
    except Image.DecompressionBombError as error:
        most = most_pixels() // 1_000_000
        raise MediaError(
            f"{path}: more than {most} megapixels; save it as plain TIFF, or scale it down first"
        ) from error
    except MemoryError as error:
        raise MediaError(f"{path}: too large for this machine's memory; scale it down") from error
    except UnidentifiedImageError as error:
        if kind == "TIFF" and (what := kind_of(content)) is not None:
            raise MediaError(
                f"{path}: {what} is not supported; save it as RGB or grey of 8 or 16 bits"
            ) from error
        raise MediaError(
            f"{path}: damaged, or a {kind} of a rare kind; save it anew as RGB or grey"
        ) from error
    except DAMAGE as error:
        why = " ".join(str(error).split())[:80]
        raise MediaError(
            f"{path}: damaged {kind} picture ({why}); copy it from the original again"
        ) from error


def _of_tiff(path: Path, content: bytes, *, with_rgb: bool) -> Picture:
    try:
        content, notice = with_picture_first(content)
        content = with_usual_jpeg(content)
        refuse_unread(content)
        page = first_page(content)
        if page is not None and page.area > _LARGEST:
            raise MediaError(
                f"more than {_LARGEST // 1_000_000} megapixels; scale it down, or cut it, first"
            )
    except MediaError as error:
        raise MediaError(f"{path}: {error}") from error
    if is_beyond_pillow(content):
        picture = _of_rare(path, content, "TIFF", with_rgb=with_rgb)
    else:
        opened = partial(Image.open, io.BytesIO(content), formats=("TIFF",))
        with silent_libtiff(), _room_for(content), opened() as image:
            picture = _Reading(path, content, "TIFF", image).picture(with_rgb=with_rgb)
    return picture if notice is None else replace(picture, notices=(notice, *picture.notices))


@contextmanager
def _room_for(content: bytes) -> Iterator[None]:
    """Pillow opens a TIFF file of the size of this one meanwhile, if no other thread is at one."""
    page = first_page(content)
    if page is None or page.area < _SMALL:
        yield
        return
    with _LARGE:
        usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, _LARGEST
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def _of_rare(path: Path, content: bytes, kind: str, *, with_rgb: bool) -> Picture:
    try:
        found = read_rare(content, kind)
    except MediaError as error:
        raise MediaError(f"{path}: {error}") from error
    pixels = found.pixels
    luma, had_color, notices = _luma(pixels.codes)
    icc, of_profile = (None, None) if not found.icc else profile_for_rgb(found.icc)
    xmp, of_parts = mended(found.xmp)
    all_notices = (_misnamed(path, kind), *found.notices, *notices, of_profile, of_parts)
    return Picture(
        luma=luma,
        layout=PixelLayout(8 if luma.dtype == np.uint8 else 16, "444"),
        format=kind,
        alpha=pixels.alpha,
        exif=found.exif,
        icc=icc,
        dpi=found.dpi or ExifBlock.parse(found.exif).dpi(),
        lossless=found.lossless,
        had_color=had_color,
        orientation=found.orientation if 1 <= found.orientation <= 8 else 1,
        xmp=xmp,
        iptc=found.iptc,
        stored_bits=pixels.bits,
        notices=tuple(notice for notice in all_notices if notice is not None),
        rgb=pixels.codes if with_rgb and pixels.codes.ndim == 3 else None,
    )


def _luma(codes: Codes) -> tuple[Luma, bool, list[Notice]]:
    """Luma of grey or R'G'B' codes, whether they have colour, and what to say of that."""
    if codes.ndim == 2:
        return codes.copy(), False, []
    luma, had_color = luma_of(codes)
    return luma, had_color, [Notice("has colour already: only its luma is used")] * had_color


def _misnamed(path: Path, kind: str) -> Notice | None:
    named = format_of_suffix(path)
    if named is None or named == kind:
        return None
    return Notice(f"is a {kind} picture, whatever its name says")


class _Reading:
    """One picture on its way in: Pillow's image, the file's bytes, and what there is to say."""

    def __init__(self, path: Path, content: bytes, kind: str, image: Image.Image) -> None:
        self._path, self._content, self._kind, self._image = path, content, kind, image
        self._notices: list[Notice] = []
        self._tiff: dict[int, object] = dict(getattr(image, "tag_v2", {}))

    def picture(self, *, with_rgb: bool) -> Picture:
        self._check_kind()
        count = getattr(self._image, "n_frames", 1)
        if count > 1:
            unit = "pages" if self._kind == "TIFF" else "pictures"
            self._add_notice(f"holds {count} {unit}: only the first is coloured", warning=True)
        segments = getattr(self._image, "applist", ())
        if any(content.startswith(_EXTENDED_XMP) for _, content in segments):
            self._add_notice("its extended XMP, beyond 64 KB, is left out", warning=True)
        # Loading a TIFF turns it and forgets its orientation; loading a PNG may find its EXIF.
        exif = self._exif() if self._kind == "TIFF" else b""
        self._image.load()
        if self._kind != "TIFF":
            exif = self._exif()
        orientation = self._orientation(exif)
        decoder = SampleDecoder(self._path, self._content, self._kind, self._image, orientation)
        samples = decoder.decode()
        if samples.left_out:
            channels = "a channel" if samples.left_out == 1 else f"{samples.left_out} channels"
            text = f"has {channels} of unstated meaning (not marked as transparency): left out"
            self._add_notice(text, warning=True)
        luma, had_color, notices = _luma(samples.codes)
        self._notices += notices
        icc = self._icc()
        info = self._image.info
        found = info.get("xmp")
        xmp, of_parts = mended(found.encode() if isinstance(found, str) else found)
        if of_parts is not None:
            self._notices.append(of_parts)
        return Picture(
            luma=luma,
            layout=PixelLayout(8 if luma.dtype == np.uint8 else 16, "444"),
            format=self._kind,
            alpha=samples.alpha,
            exif=exif,
            icc=icc,
            dpi=self._dpi(ExifBlock.parse(exif)),
            orientation=orientation,
            lossless=_webp_is_lossless(self._content)
            if self._kind == "WEBP"
            else self._kind not in ("JPEG", "AVIF"),
            had_color=had_color,
            xmp=xmp,
            iptc=self._iptc(),
            stored_bits=decoder.bits,
            text=self._text(),
            notices=tuple(self._notices),
            rgb=samples.codes if with_rgb and samples.codes.ndim == 3 else None,
        )

    def _orientation(self, exif: bytes) -> int:
        found = ExifBlock.parse(exif).number(ORIENTATION, 1)
        if self._kind == "TIFF":
            stated = self._tiff.get(ORIENTATION, 1)
            found = stated if isinstance(stated, int) else 1
        return found if 1 <= found <= 8 else 1

    def _add_notice(self, text: str, *, warning: bool = False) -> None:
        self._notices.append(Notice(text, warning))

    def _check_kind(self) -> None:
        """Refuse what would be read as something else than the user means."""
        if self._kind == "AVIF" and avif_is_hdr(self._content):
            raise MediaError(f"{self._path}: an HDR picture (PQ or HLG): convert it to SDR first")
        if self._image.mode == "I":
            raise MediaError(
                f"{self._path}: 32-bit samples are not supported; save it with 16 bits a channel"
            )
        if (notice := _misnamed(self._path, self._kind)) is not None:
            self._notices.append(notice)

    def _exif(self) -> bytes:
        """The file's EXIF block, or an empty one when it is damaged."""
        try:
            if self._kind == "TIFF":
                block = rebuilt(self._content, METADATA)
            else:
                block = self._image.info.get("exif") or self._exif_in_text()
            return ExifBlock.parse(block).block if block else b""
        except DAMAGE:
            self._add_notice("its EXIF is damaged: left out", warning=True)
            return b""

    def _exif_in_text(self) -> bytes:
        """The block that PNG files of ImageMagick carry as hexadecimal text, under three lines."""
        text = self._image.info.get(_EXIF_IN_TEXT, "")
        return bytes.fromhex("".join(str(text).split("\n")[3:]))

    def _iptc(self) -> bytes:
        """The file's captions, or none when they are damaged."""
        try:
            if self._kind == "JPEG":
                return iptc.of_jpeg(getattr(self._image, "applist", []))
            if self._kind == "TIFF":
                return iptc.of_tiff(self._content)
            return iptc.of_png(str(getattr(self._image, "text", {}).get(iptc.PNG_KEYWORD, "")))
        except DAMAGE:
            self._add_notice("its IPTC captions are damaged: left out", warning=True)
            return b""

    def _icc(self) -> bytes | None:
        profile = self._image.info.get("icc_profile")
        if self._image.mode == "CMYK":
            bits = self._tiff.get(_TIFF_BITS)
            if isinstance(bits, tuple) and max(bits) > 8:
                self._add_notice("is CMYK of 16 bits: converted to sRGB of 8", warning=True)
            else:
                self._add_notice("is CMYK: converted to sRGB")
            return None
        if self._image.mode == "LAB":
            self._add_notice("is CIELAB: converted to sRGB")
            return None
        if not profile:
            return None
        kept, notice = profile_for_rgb(profile)
        if notice is not None:
            self._notices.append(notice)
        return kept

    def _dpi(self, exif: ExifBlock) -> tuple[float, float] | None:
        # Where the file states none, Pillow makes up 1 (TIFF) or 72 (JPEG with EXIF).
        if self._kind == "TIFF" and X_RESOLUTION not in self._tiff:
            return None
        is_made_up = self._kind == "JPEG" and self._image.info.get("jfif_unit", 0) not in (1, 2)
        stated = (None if is_made_up else self._image.info.get("dpi")) or exif.dpi()
        try:
            across, down = (float(value) for value in stated or ())
        except (TypeError, ValueError, ZeroDivisionError):
            return None
        return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None

    def _text(self) -> tuple[tuple[str, str], ...]:
        found = dict(getattr(self._image, "text", {}))
        if self._kind == "JPEG" and self._image.info.get("comment"):
            found[COMMENT], is_legacy = decoded(self._image.info["comment"])
            if is_legacy:
                self._add_notice(f"its comment is not UTF-8: read as {CODE_PAGE}", warning=True)
        kept_elsewhere = (_EXIF_IN_TEXT, iptc.PNG_KEYWORD, "XML:com.adobe.xmp")
        return tuple((k, str(v)) for k, v in found.items() if k not in kept_elsewhere)


def _webp_is_lossless(content: bytes) -> bool:
    """Whether the first image chunk of a WebP file is VP8L (RFC 9649)."""
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        if name in (b"VP8L", b"VP8 "):
            return bool(name == b"VP8L")
        at += 8 + (16 if name == b"ANMF" else size + size % 2)
    return False
