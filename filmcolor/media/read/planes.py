"""From a decoded FFmpeg frame to luma and chroma codes, without an RGB round trip for Y'CbCr.

Copies the codes out of the planes as they stand wherever the format allows; `formats` says where
they are. Never scales, never resamples luma.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from filmcolor.media.pixel_formats import Component, FormatPlan, format_plan
from filmcolor.media.rgb import luma_of_rgb, luma_weights
from filmcolor.types import FloatPlane, Luma, PixelLayout

_Words = NDArray[Any]
"""Unsigned integers of any width and byte order."""


class PlaneReader:
    """Reads the frames of one film, with one converter for the formats that need it."""

    def __init__(self, layout: PixelLayout, matrix: int, *, is_matte: bool = False) -> None:
        """`layout` is what is delivered; `matrix` (H.273) turns RGB sources into Y'CbCr, unless
        they are mattes (see `matte_of_planes`).
        """
        self._layout, self._is_matte = layout, is_matte
        self._matrix = matrix
        self._reformatter = VideoReformatter()

    def read(
        self, frame: VideoFrame, *, with_chroma: bool = False
    ) -> tuple[Luma, tuple[Luma, Luma] | None]:
        """(luma, (Cb, Cr) or None) of a frame, in fresh arrays.

        Luma has shape (height, width); chroma that of `PixelLayout.chroma_size`. Chroma is None
        unless asked for, and for grey formats. Raises `ValueError` if the frame's format has
        another layout.
        """
        plan = format_plan(frame.format.name)
        if plan.layout != self._layout:
            raise ValueError(f"pixel format {frame.format.name} is not {self._layout}")
        if plan.via is not None:
            # One thread: libswscale's threads may write past a short row into the next one's start.
            frame = self._reformatter.reformat(frame, format=plan.via, threads=1)
        if plan.model == "ycbcr":
            return self._read_ycbcr(frame, plan, with_chroma=with_chroma)
        if plan.model == "bits":
            return _read_bits(frame), None
        if plan.model == "palette":
            indices = _words(frame, plan.components[0], frame.width)
            luma, chroma = self._from_rgb(*_palette(frame), with_chroma=with_chroma)
            return luma[indices], chroma and (chroma[0][indices], chroma[1][indices])
        red, green, blue = (
            _expand(_codes(frame, part, frame.width), part.bits, plan.layout)
            for part in plan.components
        )
        return self._from_rgb(red, green, blue, with_chroma=with_chroma)

    def _read_ycbcr(
        self, frame: VideoFrame, plan: FormatPlan, *, with_chroma: bool
    ) -> tuple[Luma, tuple[Luma, Luma] | None]:
        luma = _shift_up(_codes(frame, plan.components[0], frame.width), plan)
        if not with_chroma or len(plan.components) < 3:
            return luma, None
        width = -(-frame.width // plan.grid[1])
        size = self._layout.chroma_size(frame.height, frame.width)
        cb, cr = (
            _fit(_shift_up(_codes(frame, part, width), plan), plan, self._layout, size)
            for part in plan.components[1:]
        )
        return luma, (cb, cr)

    def _from_rgb(
        self, red: Luma, green: Luma, blue: Luma, *, with_chroma: bool
    ) -> tuple[Luma, tuple[Luma, Luma] | None]:
        """Full-range Y'CbCr (H.273, 8.3); equal red, green and blue give luma that same code."""
        if self._is_matte:
            return green, (blue, red)
        luma = luma_of_rgb(red, green, blue, self._matrix)
        if not with_chroma:
            return self._quantize(luma), None
        of_red, of_blue = luma_weights(self._matrix)
        red_, blue_ = (part.astype(np.float32) for part in (red, blue))
        half = float(1 << (self._layout.bit_depth - 1))
        cb = (blue_ - luma) / (2 * (1 - of_blue)) + half
        cr = (red_ - luma) / (2 * (1 - of_red)) + half
        return self._quantize(luma), (self._quantize(cb), self._quantize(cr))

    def _quantize(self, values: FloatPlane) -> Luma:
        top = (1 << self._layout.bit_depth) - 1
        return _fresh(np.clip(np.rint(values), 0, top), self._layout.bit_depth)


def _rows(frame: VideoFrame, number: int) -> NDArray[np.uint8]:
    """The bytes of a plane: a view on the frame's memory, from the top down."""
    plane = frame.planes[number]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, abs(plane.line_size))
    return rows[::-1] if plane.line_size < 0 else rows  # stored from the bottom up


def _words(frame: VideoFrame, part: Component, width: int) -> _Words:
    """The words of one component: a view on the frame's memory, shape (rows, width)."""
    rows = _rows(frame, part.plane)
    size = np.dtype(part.word).itemsize
    words: _Words = rows[:, : rows.shape[1] // size * size].view(part.word)
    return words[:, part.first :: part.step][:, :width]


def _codes(frame: VideoFrame, part: Component, width: int) -> Luma:
    """The codes of one component at their own depth, in a fresh array."""
    words = _words(frame, part, width)
    if words.dtype.kind == "f":
        white = (1 << part.bits) - 1
        words = np.rint(np.clip(np.nan_to_num(words.astype(np.float32)), 0, 1) * white)
    if part.shift:
        words = words >> part.shift
    if not part.alone:
        words = words & ((1 << part.bits) - 1)
    return _fresh(words, part.bits)


def _fresh(values: NDArray[Any], bits: int) -> Luma:
    """A copy of these values as codes of `bits` bits, in this machine's byte order."""
    if bits <= 8:
        return np.array(values, np.uint8, order="C")
    return np.array(values, np.uint16, order="C")


def _shift_up(codes: Luma, plan: FormatPlan) -> Luma:
    """Codes of a depth between two layouts' (9, 14 bit) at the depth of the layout."""
    missing = plan.layout.bit_depth - plan.components[0].bits
    shifted: Luma = np.left_shift(codes, missing, dtype=codes.dtype) if missing else codes
    return shifted


def _expand(codes: Luma, bits: int, layout: PixelLayout) -> Luma:
    """Full-range codes of fewer bits at the layout's depth: 0 stays 0, the highest the highest."""
    if bits == layout.bit_depth:
        return codes
    top = (1 << bits) - 1
    wide = codes.astype(np.uint32) * ((1 << layout.bit_depth) - 1)
    return _fresh((wide + top // 2) // top, layout.bit_depth)


def _fit(codes: Luma, plan: FormatPlan, layout: PixelLayout, size: tuple[int, int]) -> Luma:
    """Chroma of a coarser grid (4:1:1, 4:1:0, 4:4:0) repeated to the layout's grid."""
    down, across = layout.subsampling
    if plan.grid == (down, across):
        return codes
    repeated = codes.repeat(plan.grid[0] // down, axis=0).repeat(plan.grid[1] // across, axis=1)
    return _fresh(repeated[: size[0], : size[1]], layout.bit_depth)


def _palette(frame: VideoFrame) -> tuple[Luma, Luma, Luma]:
    """(red, green, blue) of the 256 entries of a frame's palette."""
    entries = np.frombuffer(memoryview(frame.planes[1]), np.uint32)
    red: Luma = (entries >> 16).astype(np.uint8)
    green: Luma = (entries >> 8).astype(np.uint8)
    blue: Luma = entries.astype(np.uint8)
    return red, green, blue


def _read_bits(frame: VideoFrame) -> Luma:
    """Codes 0 and 255 of a picture of single bits; in monow a set bit is black."""
    bits = np.unpackbits(_rows(frame, 0), axis=1)[:, : frame.width]
    black = 1 if frame.format.name == "monow" else 0
    codes: Luma = np.where(bits == black, np.uint8(0), np.uint8(255))
    return codes
