"""Y4M (YUV4MPEG2) on standard output, so that filmcolor sits in an ffmpeg pipe.

A plain stream of planes with one header line; sound, times and most tags have no place in it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from filmcolor.errors import MediaError
from filmcolor.events import Notice
from filmcolor.types import Luma, PixelLayout, Siting, VideoInfo


class PipeClosedError(MediaError):
    """Whoever read standard output has stopped reading: an end of the run, not a failure.

    The caller closes the writer, prints nothing and exits with `exit_code`, 0.
    """

    exit_code = 0


def y4m_notice(info: VideoInfo, rate: Fraction) -> Notice:
    """What of this film Y4M cannot carry; a warning if whole streams are lost."""
    others = [stream for stream in info.streams if stream.index != info.stream_index]
    kinds = {
        "audio": "sound",
        "subtitle": "subtitles",
        "attachment": "attachments",
        "data": "data streams",
        "video": "other pictures",
        "unknown": "other streams",
    }
    lost = list(dict.fromkeys(kinds[stream.kind] for stream in others))
    if info.chapter_count:
        lost.append("chapters")
    if info.metadata:
        lost.append("metadata")
    if info.crop is not None:
        lost.append(f"the crop to {info.crop.size[1]}x{info.crop.size[0]}")
    if info.rotation:
        lost.append(f"the rotation by {info.rotation} degrees")
    if {info.tags.matrix, info.tags.primaries, info.tags.transfer} != {2}:
        lost.append("colour tags")
    lost.append(f"frame times (frames follow each other at {float(rate):.6g} a second)")
    return Notice(f"Y4M cannot carry {', '.join(lost)}", warning=bool(others))


def y4m_header(
    width: int,
    height: int,
    layout: PixelLayout,
    *,
    rate: Fraction,
    sample_aspect_ratio: Fraction = Fraction(1),
    siting: Siting = "left",
    full_range: bool | None = None,
    interlacing: str = "p",
) -> bytes:
    """The stream's first line. `interlacing` is "p", "t" or "b"; an untagged range is left out."""
    colorspace = f"C{layout.chroma}"
    if layout.bit_depth > 8:
        colorspace += f"p{layout.bit_depth}"
    elif layout.chroma == "420":
        colorspace += "jpeg" if siting == "center" else "mpeg2"
    fields = [
        "YUV4MPEG2",
        f"W{width}",
        f"H{height}",
        f"F{rate.numerator}:{rate.denominator}",
        f"I{interlacing}",
        f"A{sample_aspect_ratio.numerator}:{sample_aspect_ratio.denominator}",
        colorspace,
    ]
    if full_range is not None:
        fields.append(f"XCOLORRANGE={'FULL' if full_range else 'LIMITED'}")
    return " ".join(fields).encode("ascii") + b"\n"


class Y4mWriter:
    """Writes planes to a binary stream; raises `PipeClosedError` when nobody reads any more."""

    def __init__(self, header: bytes, output: BinaryIO | None = None) -> None:
        """`output` is standard output unless given; the header goes out with the first frame."""
        self._header: bytes | None = header
        self._output = sys.stdout.buffer if output is None else output

    def write(self, y: Luma, cb: Luma, cr: Luma) -> None:
        """One frame, 8-bit codes as bytes, deeper ones as 16-bit little endian."""
        with self._translated():
            if self._header is not None:
                self._output.write(self._header)
                self._header = None
            self._output.write(b"FRAME\n")
            for plane in (y, cb, cr):
                little = plane.astype(plane.dtype.newbyteorder("<"), copy=False)
                self._output.write(np.ascontiguousarray(little).data)

    def finish(self) -> None:
        """Flush what is left."""
        with self._translated():
            self._output.flush()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError as error:
            _silence(self._output)
            raise PipeClosedError("standard output was closed by its reader") from error
        except OSError as error:
            raise MediaError(f"standard output cannot be written: {error.strerror}") from error


def _silence(output: BinaryIO) -> None:
    """Point a broken pipe at the null device, so that the interpreter's last flush succeeds."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, output.fileno())
        os.close(null)
