"""Pixels of the rarer picture formats, in and out, by FFmpeg's decoders and encoders and libheif.

What Pillow would cut to 8 bits, or does not know, keeps its depth here. Formats of light (EXR, PFM)
become sRGB.
"""

from __future__ import annotations

import importlib
import io
from dataclasses import dataclass
from fractions import Fraction
from types import ModuleType
from typing import cast

import av
import av.error
import numpy as np
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from PIL import Image

from filmcolor.errors import MediaError
from filmcolor.media.images.picture import Codes, most_pixels, rescaled

_CODECS = {
    **{"DPX": "dpx", "EXR": "exr", "SGI": "sgi", "PSD": "psd", "JPEG 2000": "jpeg2000"},
    **{"TIFF": "tiff", "PNG": "png"},
}
_PNM_CODECS = {
    **dict.fromkeys((b"P1", b"P4"), "pbm"),
    **dict.fromkeys((b"P2", b"P5"), "pgm"),
    **dict.fromkeys((b"P3", b"P6"), "ppm"),
    **dict.fromkeys((b"PF", b"Pf"), "pfm"),
    b"P7": "pam",
}
_AS_THEY_ARE = ("gray", "rgb24", "rgb48", "rgba", "rgba64", "gbrp")
_BRIGHTEST = 1.001
"""Light above white that rounding may have made."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """Full-range codes of a picture, 8 or 16 bit."""

    codes: Codes
    """Grey (H, W) or R'G'B' (H, W, 3)."""
    alpha: Codes | None
    """Shape (H, W), straight."""
    bits: int
    """Bits a sample as stored: those of light (half or single floats) count as 16."""
    is_light: bool = False
    """Whether the samples were linear light, which became sRGB codes."""


def decoded(content: bytes, kind: str) -> Decoded:
    """The pixels of a DPX, EXR, SGI, PNM, PSD or JPEG 2000 file, a PNG of 16-bit colour,
    or a TIFF of few entries.

    Raises `ValueError` for what cannot be decoded, and `MediaError`, of light above white.
    """
    name = _PNM_CODECS[content[:2]] if kind == "PNM" else _CODECS[kind]
    most = most_pixels()
    context = CodecContext.create(name, "r")
    context.options = {"err_detect": "explode", "max_pixels": str(most)}
    assert isinstance(context, VideoCodecContext)
    try:
        frames = context.decode(av.Packet(content)) or context.decode(None)
    except av.error.FFmpegError as error:
        raise ValueError(error.strerror or str(error)) from error
    if not frames or frames[0].is_corrupt:
        raise ValueError("FFmpeg finds no whole picture in it")
    return _of_frame(frames[0])


def _of_frame(frame: VideoFrame) -> Decoded:
    form = frame.format
    if "f16" in form.name or "f32" in form.name:
        return _of_light(frame)
    bits = max(component.bits for component in form.components)
    has_alpha = any(component.is_alpha for component in form.components)
    plain = form.name.removesuffix("le").removesuffix("be").rstrip("0123456789")
    if form.name.startswith("mono"):
        frame, bits = frame.reformat(format="gray"), 8
    elif has_alpha or form.has_palette:
        frame = frame.reformat(format="rgba" if bits <= 8 else "rgba64le")
        has_alpha, bits = True, 8 if bits <= 8 else 16
    elif plain not in {name.rstrip("0123456789") for name in _AS_THEY_ARE}:
        frame = frame.reformat(format="rgb24" if bits <= 8 else "rgb48le")
        bits = 8 if bits <= 8 else 16
    codes = cast(Codes, frame.to_ndarray())
    bits = 8 if codes.dtype == np.uint8 else bits
    codes = rescaled(codes, bits, 8 if bits <= 8 else 16)
    if not has_alpha:
        return Decoded(codes, None, bits)
    return Decoded(codes[..., :3], codes[..., 3].copy(), bits)


def _of_light(frame: VideoFrame) -> Decoded:
    """Linear light, 0..1, as sRGB codes of 16 bit (IEC 61966-2-1)."""
    colors = "gray" if frame.format.name.startswith(("gray", "ya")) else "gbrp"
    has_alpha = any(component.is_alpha for component in frame.format.components)
    if has_alpha:
        colors = "gbrap"
    light = frame.reformat(format=f"{colors}f32le").to_ndarray().astype(np.float32, copy=False)
    alpha = None
    if has_alpha:
        alpha = np.rint(np.clip(light[..., 3], 0, 1) * 65535).astype(np.uint16)
        light = light[..., :3]
    if not np.isfinite(light).all():
        raise MediaError("holds infinite light or no numbers; save it anew, with finite values")
    if light.max() > _BRIGHTEST:
        raise MediaError(
            f"holds light up to {light.max():.3g} times white, which no coloured picture here can "
            "hold; tone-map it to 0..1 first"
        )
    light = np.clip(light, 0, 1)
    curve = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return Decoded(np.rint(curve * 65535).astype(np.uint16), alpha, 16, is_light=True)


def encoded(pixels: Codes, kind: str, bits: int) -> bytes:
    """A DPX, SGI or (reversible) JPEG 2000 file of R'G'B' codes (H, W, 3), and for SGI alpha, of 8
    or 16 bit; `bits` a sample are written, as by `encoded_codes`.
    """
    return encoded_codes(rescaled(pixels, 8 if pixels.dtype == np.uint8 else 16, bits), kind, bits)


def encoded_codes(codes: Codes, kind: str, bits: int) -> bytes:
    """As `encoded`, of codes of `bits` bits: 8 or 16, of DPX 10 and 12 too."""
    form = {8: "rgb24", 16: "rgb48be"}.get(bits, f"gbrp{bits}be")
    if kind == "JPEG 2000" and bits == 16:
        form = "rgb48le"
    if codes.shape[2] == 4:
        form = "rgba" if bits == 8 else "rgba64be"
    frame = VideoFrame.from_ndarray(cast(Codes, np.ascontiguousarray(codes)), format=form)
    context = CodecContext.create(_CODECS[kind], "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = frame.width, frame.height
    context.pix_fmt, context.time_base = form, Fraction(1, 24)
    # Not every program reads FFmpeg's packed SGI.
    options = {"JPEG 2000": {"format": "jp2", "pred": "dwt53"}, "SGI": {"rle": "0"}}
    context.options = options.get(kind, {})
    try:
        packets = [*context.encode(frame), *context.encode(None)]
    except av.error.FFmpegError as error:
        raise ValueError(error.strerror or str(error)) from error
    return b"".join(bytes(packet) for packet in packets)


@dataclass(frozen=True, eq=False)
class HeicPicture:
    """What libheif makes of the main picture of a HEIC file: upright pixels, and what is said."""

    pixels: Decoded
    exif: bytes
    icc: bytes | None
    xmp: bytes | None
    is_hdr: bool
    count: int


def read_heic(content: bytes) -> HeicPicture:
    """The main picture of a HEIC file; raises `MediaError` and `ValueError`."""
    file = _heif().open_heif(io.BytesIO(content), convert_hdr_to_8bit=False)
    most = most_pixels()
    if file.size[0] * file.size[1] > most:
        raise Image.DecompressionBombError
    primary = file[file.primary_index]
    depth = int(primary.info.get("bit_depth", 8))
    codes: Codes = np.asarray(primary)
    mode = primary.mode.partition(";")[0]
    bits = 8 if codes.dtype == np.uint8 else depth
    if bits > 8:
        codes = rescaled((codes >> (16 - bits)).astype(np.uint16), bits, 16)
    alpha = codes[..., -1].copy() if mode.endswith("A") else None
    if mode in ("LA", "RGBA"):
        codes = codes[..., 0] if mode == "LA" else codes[..., :3]
    nclx = primary.info.get("nclx_profile") or {}
    return HeicPicture(
        Decoded(codes, alpha, bits),
        primary.info.get("exif") or b"",
        primary.info.get("icc_profile"),
        primary.info.get("xmp"),
        nclx.get("transfer_characteristics") in (16, 18),
        len(file),
    )


def write_heic(
    pixels: Codes, bits: int, quality: int, *, exif: bytes, icc: bytes | None, xmp: bytes | None
) -> bytes:
    """A HEIC file of R'G'B' (and alpha) codes, 8 bit, or 16 bit of which 10 are kept."""
    mode = "RGB" if pixels.shape[2] == 3 else "RGBA"
    out = io.BytesIO()
    _heif().encode(
        mode if bits == 8 else f"{mode};16",
        (pixels.shape[1], pixels.shape[0]),
        np.ascontiguousarray(pixels).tobytes(),
        out,
        quality=quality,
        chroma=444,
        exif=exif,
        icc_profile=icc,
        xmp=xmp,
    )
    return out.getvalue()


def _heif() -> ModuleType:
    try:
        return importlib.import_module("pillow_heif")
    except ImportError as error:
        raise MediaError(
            "a HEIC picture: needs `pip install 'filmcolor[heic]'`, or convert it to PNG or TIFF"
        ) from error
