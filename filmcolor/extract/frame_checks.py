"""What a frame looks like, judged on small copies of its planes: sharp, coloured, seen before?

The limits are those by which a set of colour photographs would be cleaned: true photographs of
nearly grey scenes pass, toned and black-and-white pictures do not. It knows no files and no shots.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch

from filmcolor.color import chroma_to_rgb, normalize_luma, rgb_to_lab
from filmcolor.media.read.color_state import has_color
from filmcolor.types import Box, ColorTags, FloatPlane, Frame, Luma, PixelLayout
from filmcolor.visual.rgb import resized

Flaw = Literal["black", "blank", "grey", "tinted", "blurred"]

_SHARP_SIDE = 256
"""Shorter side at which sharpness is measured, px: grain of large scans is averaged out there."""
_COLOR_SIDE = 96
"""Longer side at which colour is measured, px: colour noise and compression are averaged out."""

_BLACK_LUMA = 0.08  # Y' of a dark pixel
_BLACK_SHARE = 0.85  # dark pixels of a picture that is mostly black
_WHITE_LUMA = 0.94
_WHITE_SHARE = 0.75
_FLAT_LUMA = 0.025  # standard deviation of Y' that is no picture
_SOFT_RATIO = 0.0012  # variance of the Laplacian over that of luma: nothing is in focus
_GREY_CHROMA = 1.5  # mean Lab chroma of a scene without colour
_PALE_CHROMA = 5.0  # below this mean, some place must show colour plainly
_PLAIN_CHROMA = 12.0
_PLAIN_SHARE = 0.005
_NARROW_SPREAD = 1.0  # standard deviation of (a, b) across their main direction, Lab units


@dataclass(frozen=True, slots=True)
class FrameLook:
    """Measures of one frame, and the first flaw that they show."""

    flaw: Flaw | None
    sharpness: float
    """Variance of the Laplacian of the reduced and slightly blurred luma, 8-bit codes squared;
    the blur takes out rounding and some of the grain.
    """
    fingerprint: int
    """Difference hash of the luma: 64 bits."""


class FrameJudge:
    """Looks at the frames of one film, inside its picture box."""

    def __init__(self, layout: PixelLayout, tags: ColorTags, box: Box | None) -> None:
        """`tags` must be resolved; `box` is the part that holds picture, None for all of it."""
        self._layout, self._tags, self._box = layout, tags, box

    def look(self, frame: Frame) -> FrameLook:
        """Measure one frame, decoded with its chroma."""
        luma = self._inside(frame.luma, (1, 1))
        fine = _reduced(luma, min(1.0, _SHARP_SIDE / min(luma.shape)))
        fine *= 1.0 / (1 << (self._layout.bit_depth - 8))
        calm = cv2.GaussianBlur(fine, (3, 3), 0)
        sharpness = float(cv2.Laplacian(calm, cv2.CV_32F).var())
        coarse = _reduced(fine, min(1.0, _COLOR_SIDE / max(fine.shape)))
        flaw = self._flaw(frame, coarse, sharpness / max(float(fine.var()), 1e-6))
        return FrameLook(flaw, sharpness, difference_hash(fine))

    def _flaw(self, frame: Frame, codes: FloatPlane, focus: float) -> Flaw | None:
        full_range = bool(self._tags.full_range)
        levels = normalize_luma(torch.from_numpy(codes), 8, full_range)
        if float((levels < _BLACK_LUMA).float().mean()) > _BLACK_SHARE:
            return "black"
        if float((levels > _WHITE_LUMA).float().mean()) > _WHITE_SHARE:
            return "blank"
        if float(levels.std(correction=0)) < _FLAT_LUMA:
            return "blank"
        if frame.chroma is None:
            return "grey"
        chroma = [self._coarse_chroma(plane, codes.shape) for plane in frame.chroma]
        planes = [np.rint(plane).astype(np.uint8) for plane in (codes, *chroma)]
        small = Frame(frame.index, frame.pts, planes[0], chroma=(planes[1], planes[2]))
        state = has_color([small], PixelLayout(8, "444"))
        if state != "color":
            return state
        span = 255.0 if full_range else 224.0
        cbcr = torch.from_numpy((np.stack(chroma)[None] - 128.0) / span)
        rgb = chroma_to_rgb(levels[None, None], cbcr, self._tags.matrix).clamp_(0, 1)
        flaw = color_flaw(rgb_to_lab(rgb)[0, 1:].flatten(1).numpy())
        return flaw or ("blurred" if focus < _SOFT_RATIO else None)

    def _inside(self, plane: Luma, grid: tuple[int, int]) -> Luma:
        if self._box is None:
            return plane
        (down, across), box = grid, self._box
        rows = slice(box.top // down, -(-box.bottom // down))
        return plane[rows, box.left // across : -(-box.right // across)]

    def _coarse_chroma(self, plane: Luma, size: tuple[int, ...]) -> FloatPlane:
        inside = self._inside(plane, self._layout.subsampling)
        codes = resized(inside, (size[0], size[1])).astype(np.float32)
        codes *= 1.0 / (1 << (self._layout.bit_depth - 8))
        return codes


def color_flaw(ab: FloatPlane) -> Literal["grey", "tinted"] | None:
    """What is wrong with the colours (2, n) of a picture, Lab a and b; None if nothing is."""
    strength = np.hypot(ab[0], ab[1])
    mean = float(strength.mean())
    if mean < _GREY_CHROMA:
        return "grey"
    if mean < _PALE_CHROMA and float((strength > _PLAIN_CHROMA).mean()) < _PLAIN_SHARE:
        return "grey"
    spread = float(np.linalg.eigvalsh(np.cov(ab, bias=True))[0])
    return "tinted" if spread < _NARROW_SPREAD**2 else None


def difference_hash(luma: FloatPlane) -> int:
    """64 bits: on a grid of 8 rows and 9 columns, whether each mean is below its right neighbour's.

    Near-duplicates differ in few bits; two different pictures in about half of them.
    """
    grid = cv2.resize(luma, (9, 8), interpolation=cv2.INTER_AREA)
    bits = np.packbits(grid[:, :-1] < grid[:, 1:])
    return int.from_bytes(bits.tobytes(), "big")


class Fingerprints:
    """Difference hashes of the pictures that were kept, of however many films: 8 bytes each."""

    def __init__(self) -> None:
        self._hashes = array("Q")

    def __len__(self) -> int:
        return len(self._hashes)

    def nearest(self, fingerprint: int) -> int:
        """Bits in which the most similar kept picture differs; 65 when there is none."""
        if not self._hashes:
            return 65
        differing = np.bitwise_count(
            np.frombuffer(self._hashes, np.uint64) ^ np.uint64(fingerprint)
        )
        return int(differing.min())

    def add(self, fingerprint: int) -> None:
        """Remember a picture."""
        self._hashes.append(fingerprint)


def _reduced(plane: Luma | FloatPlane, scale: float) -> FloatPlane:
    height, width = plane.shape
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return resized(plane, size).astype(np.float32)
