"""The files of a frame sequence in: each becomes a picture as decoders give those of films.

DPX, PNG and JPEG are decoded by FFmpeg, which keeps their depth and codes; all else is read as a
photograph is (`reader`), with its rules and refusals. Nothing here knows what becomes of a frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from filmcolor.errors import MediaError
from filmcolor.events import Notice
from filmcolor.media.images.formats import MAGIC_BYTES, format_of_file
from filmcolor.media.images.picture import Codes, Picture, rescaled
from filmcolor.media.images.rare import dpx_notices
from filmcolor.media.images.reader import read_picture
from filmcolor.media.open import LARGEST_FRAME

_CODECS = {"DPX": "dpx", "PNG": "png", "JPEG": "mjpeg"}
_JPEG_FORMATS = ("gray", "yuvj420p", "yuvj422p", "yuvj444p", "yuvj440p", "yuvj411p")
"""Those of other JPEG files (CMYK, R'G'B') are read as photographs."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrame:
    """One file of a sequence."""

    picture: VideoFrame
    """Full range, in a format without loss; not turned."""
    kind: str
    """What the file is, as `formats` has it."""
    rotation: int = 0
    """Degrees counter-clockwise that turn it upright."""
    rate: Fraction | None = None
    """Frames a second, where the file says it."""
    sample_aspect_ratio: Fraction = Fraction(1)
    notices: tuple[Notice, ...] = ()


def read_frame(path: str) -> DecodedFrame:
    """The picture in a file; raises `MediaError`, which names it."""
    try:
        with open(path, "rb") as file:
            head = file.read(MAGIC_BYTES)
            kind = format_of_file(Path(path), head)
            content = head + file.read() if kind in _CODECS else b""
    except FileNotFoundError:
        raise MediaError(f"{path}: missing") from None
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    if kind in _CODECS and (found := _decoded(path, content, kind)) is not None:
        return found
    picture = read_picture(path, with_rgb=True)
    return DecodedFrame(
        _of_picture(picture), picture.format, picture.rotation, notices=picture.notices
    )


def _decoded(path: str, content: bytes, kind: str) -> DecodedFrame | None:
    """By FFmpeg; None for a JPEG that is to be read as a photograph."""
    context = CodecContext.create(_CODECS[kind], "r")
    assert isinstance(context, VideoCodecContext)
    context.options = {"err_detect": "explode", "max_pixels": str(LARGEST_FRAME)}
    try:
        frames = context.decode(av.Packet(content)) or context.decode(None)
    except av.error.FFmpegError as error:
        reason = error.strerror or str(error)
        raise MediaError(f"{path}: damaged {kind} picture ({reason})") from error
    if not frames or frames[0].is_corrupt:
        raise MediaError(f"{path}: damaged {kind} picture (it is not whole)")
    picture = frames[0]
    if kind == "JPEG" and picture.format.name not in _JPEG_FORMATS:
        return None
    return DecodedFrame(
        picture,
        kind,
        round(picture.rotation / 90) * 90 % 360,
        context.framerate or None,
        context.sample_aspect_ratio or Fraction(1),
        tuple(_notices(content, kind)),
    )


def _notices(content: bytes, kind: str) -> Iterator[Notice]:
    if kind == "DPX":
        yield from dpx_notices(content)


def _of_picture(picture: Picture) -> VideoFrame:
    """A photograph as a frame, of the depth that its file has."""
    bits = picture.bits if picture.bits in (10, 12) else picture.layout.bit_depth
    stored = picture.layout.bit_depth
    if picture.rgb is None:
        name = "gray" if bits == 8 else f"gray{bits}le"
        return VideoFrame.from_ndarray(_plain(picture.luma, stored, bits), format=name)
    name = {8: "rgb24", 16: "rgb48le"}.get(bits, f"gbrp{bits}le")
    return VideoFrame.from_ndarray(_plain(picture.rgb, stored, bits), format=name)


def _plain(codes: Codes, stored: int, bits: int) -> Codes:
    found = rescaled(codes, stored, bits)
    return found if found.flags.c_contiguous else found.copy()
