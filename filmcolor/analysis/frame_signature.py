"""What is measured on each frame, and between frames, to tell where shots begin.

All of it is computed from luma reduced to 64 px, with exposure taken out: old film flickers, weaves
in the gate, is torn and grainy. Nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.types import Luma

_LONG_SIDE = 64
"""Pixels of the longer side of the small luma."""
_BLOCK = 8
"""Side of the blocks that may move on their own, small px."""
_REACH = 4
"""How far a block may move between two frames, small px: a sixteenth of the picture."""
_COARSE = 4
"""Small px to one coarse px, in which mixtures of pictures are looked for."""
BLANK_CONTRAST = 6.0
"""Standard deviation (8-bit codes) below which a frame shows nothing: black, white, leader."""
_CONTRAST_FLOOR = 8.0
"""Standard deviation (8-bit codes) below which grain would be stretched: contrast is left alone."""
_STEPS = 32.0
"""Steps of the 8-bit small luma to one standard deviation."""
_LEVEL_JUMP = 64.0
"""Change of mean level (8-bit codes) that no exposure flicker makes: white to black is a cut."""
_LEAST_OVERLAP = 0.25
"""Share of the picture that must be seen in both frames to say how the camera moved."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameSignature:
    """One frame, reduced."""

    level: float
    """Mean, 8-bit codes."""
    contrast: float
    """Standard deviation, 8-bit codes."""
    small: NDArray[np.uint8]
    """(h, w), both multiples of 8: luma with its mean at 128 and its deviation at 32."""
    coarse: NDArray[np.float32]
    """(h / 4 * w / 4,): 8-bit codes about their mean, row by row."""


def frame_signature(luma: Luma, bit_depth: int) -> FrameSignature:
    """Reduce codes (height, width) of so many bits."""
    height, width = luma.shape
    scale = _LONG_SIDE / max(height, width)
    size = tuple(max(1, round(side * scale / _BLOCK)) * _BLOCK for side in (width, height))
    codes = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    codes *= 1.0 / (1 << (bit_depth - 8))
    small = cv2.blur(codes, (3, 3), borderType=cv2.BORDER_REPLICATE)
    means, deviations = cv2.meanStdDev(small)
    level, contrast = float(means[0, 0]), float(deviations[0, 0])
    stretch = _STEPS / max(contrast, _CONTRAST_FLOOR)
    centered = np.asarray(small - np.float32(level), np.float32)
    coarse = cv2.resize(
        centered, (size[0] // _COARSE, size[1] // _COARSE), interpolation=cv2.INTER_AREA
    ).ravel()
    stretched = np.clip(np.rint(centered * np.float32(stretch)) + 128, 0, 255).astype(np.uint8)
    return FrameSignature(level, contrast, stretched, (coarse - coarse.mean()).astype(np.float32))


def _block_residuals(
    first: NDArray[np.uint8], second: NDArray[np.uint8], reach: int
) -> NDArray[np.uint8]:
    """Mean |difference| of each 8 px block of `second`, row by row, from the place of `first`
    within `reach` px that is most like it; in their own steps.
    """
    height, width = second.shape
    padded = cv2.copyMakeBorder(first, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    places = 2 * reach + 1
    shifted = np.empty((places, places, height, width), np.uint8)
    shifted[...] = np.lib.stride_tricks.sliding_window_view(padded, (height, width))
    still = np.broadcast_to(second.ravel(), (places * places, height * width))
    difference = cv2.absdiff(shifted.reshape(places * places, -1), still)
    blocks = cv2.resize(
        difference.reshape(-1, width),
        (width // _BLOCK, places * places * height // _BLOCK),
        interpolation=cv2.INTER_AREA,
    )
    residuals: NDArray[np.uint8] = blocks.reshape(places * places, -1).min(axis=0)
    return residuals


def frame_distance(first: FrameSignature, second: FrameSignature) -> float:
    """How much of one frame is not in the other: 0 (same) to about 1 (nothing in common).

    Mean |difference|, in standard deviations of the picture, after each 8 px block of `second` was
    laid over the best place of `first` within 4 px; a change of the mean level beyond what flicker
    can do is added.
    """
    jump = abs(second.level - first.level) / _LEVEL_JUMP
    best = float(_block_residuals(first.small, second.small, _REACH).mean()) / _STEPS
    return min(1.0, best + max(0.0, jump - 1.0))


def motion_residual(
    before: FrameSignature, middle: FrameSignature, after: FrameSignature, *, least: float = 0.0
) -> float:
    """How much of a frame is neither in an earlier nor in a later one, 0 to about 1.

    Mean |difference|, in standard deviations of the picture, after each 8 px block was laid over
    the best place within 8 px of either; the exposure of the three is made alike or left as it is,
    whichever explains more (what enters the picture changes its mean, too). Once it is below
    `least` it is looked into no further.
    """
    signatures = (before, middle, after)
    contrast = max(
        float(np.mean([signature.contrast for signature in signatures])), _CONTRAST_FLOOR
    )
    level = float(np.mean([signature.level for signature in signatures]))
    best = np.inf
    for first, second, third in (
        [signature.small for signature in signatures],
        [_exposed(signature, level, contrast) for signature in signatures],
    ):
        residuals = _block_residuals(first, second, 2 * _REACH)
        if residuals.mean() >= least * _STEPS:
            residuals = np.minimum(residuals, _block_residuals(third, second, 2 * _REACH))
        best = min(best, float(residuals.mean()) / _STEPS)
        if best < least:
            break
    return best


def _exposed(signature: FrameSignature, level: float, contrast: float) -> NDArray[np.uint8]:
    """The small luma with another level at 128 and another deviation at 32."""
    ratio = max(signature.contrast, _CONTRAST_FLOOR) / contrast
    offset = 128 * (1 - ratio) + (signature.level - level) * _STEPS / contrast
    exposed = np.rint(signature.small * np.float32(ratio) + np.float32(offset))
    return np.asarray(np.clip(exposed, 0, 255), np.uint8)


def mixture_residual(
    before: FrameSignature, middle: FrameSignature, after: FrameSignature
) -> float:
    """How much of a frame the most like mixture of two others leaves, as `motion_residual`."""
    ends = np.stack([signature.small.ravel() for signature in (before, after)], axis=1).astype(
        np.float32
    )
    target = middle.small.ravel().astype(np.float32) - 128
    ends -= 128
    shares = np.linalg.lstsq(ends, target, rcond=None)[0]
    return float(np.abs(target - ends @ shares).mean()) / _STEPS


def overlap_likeness(first: FrameSignature, second: FrameSignature) -> float:
    """How well one frame continues the other after a camera move of any length: -1 to 1.

    The greatest correlation of what both show, over all moves of the whole picture that leave at
    least a quarter of it in view and move it by more than 4 px (small).
    """
    a = first.small.astype(np.float32) - 128
    b = second.small.astype(np.float32) - 128
    height, width = a.shape
    size = (cv2.getOptimalDFTSize(2 * height), cv2.getOptimalDFTSize(2 * width))

    def transform(values: NDArray[np.float32]) -> NDArray[np.complex64]:
        return np.asarray(np.fft.rfft2(values, size), np.complex64)

    one = np.ones_like(a)
    spectra = [transform(values) for values in (a, a * a, one)]
    others = [transform(values).conj() for values in (b, b * b, one)]

    def correlate(left: int, right: int) -> NDArray[np.float64]:
        return np.fft.irfft2(spectra[left] * others[right], size)

    count = np.maximum(correlate(2, 2), 1.0)
    sum_a, sum_b = correlate(0, 2), correlate(2, 0)
    covariance = correlate(0, 0) - sum_a * sum_b / count
    spread_a = correlate(1, 2) - sum_a**2 / count
    spread_b = correlate(2, 1) - sum_b**2 / count
    floor = count * (0.2 * _STEPS) ** 2
    likeness = covariance / np.sqrt(np.maximum(spread_a, floor) * np.maximum(spread_b, floor))
    likeness[count < _LEAST_OVERLAP * height * width] = -1.0
    near = np.r_[0 : _REACH + 1, -_REACH:0]
    likeness[np.ix_(near, near)] = -1.0
    return float(likeness.max())
