"""From a decoded frame to a picture: upright R'G'B' with square pixels and without bars.

The film's own matrix, range, chroma grid and siting are used; it knows nothing of choosing frames.
"""

from __future__ import annotations

from typing import TypeVar, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from filmcolor.color import chroma_to_rgb, normalize_chroma, normalize_luma, resolve_tags
from filmcolor.types import Box, FloatPlane, Frame, Luma, VideoInfo

A = TypeVar("A", bound=NDArray[np.integer | np.floating])

Rgb = NDArray[np.uint8]
"""Shape (height, width, 3), R'G'B'."""


class PictureMaker:
    """Makes pictures of one film's frames."""

    def __init__(self, info: VideoInfo, box: Box | None, short_side: int | None) -> None:
        """`box` is the part that holds picture, None for all of it; `short_side` is in px of the
        result, larger pictures are reduced to it and none is enlarged; None keeps the size.
        """
        self._layout = info.layout
        self._tags = resolve_tags(info.tags, info.height)
        self._box = box or Box(0, 0, info.height, info.width)
        self._turns = info.rotation // 90
        self._siting = info.siting
        self._size = reduced_size(self._box.size, float(info.sample_aspect_ratio), short_side)

    def picture(self, frame: Frame) -> Rgb:
        """The picture of a frame decoded with its chroma."""
        if frame.chroma is None:
            raise ValueError(f"frame {frame.index} has no chroma")
        full_range, depth = bool(self._tags.full_range), self._layout.bit_depth
        luma = normalize_luma(torch.from_numpy(self._cut(frame.luma)), depth, full_range)
        planes = [self._cut(self._enlarged(plane)) for plane in frame.chroma]
        chroma = normalize_chroma(torch.from_numpy(np.stack(planes)), depth, full_range)
        rgb = chroma_to_rgb(luma[None, None], chroma[None], self._tags.matrix)[0]
        pixels = rgb.clamp_(0.0, 1.0).permute(1, 2, 0).contiguous().numpy()
        pixels = resized(pixels, self._size)
        codes: Rgb = np.rint(pixels * 255.0).astype(np.uint8)
        return np.ascontiguousarray(np.rot90(codes, self._turns))

    def _cut(self, plane: Luma | FloatPlane) -> Luma | FloatPlane:
        box = self._box
        return plane[box.top : box.bottom, box.left : box.right].copy()

    def _enlarged(self, codes: Luma) -> FloatPlane:
        """A chroma plane on the luma grid, linear between its samples, the last one repeated."""
        down, across = self._layout.subsampling
        plane = codes.astype(np.float32)
        if across == 2:
            plane = _doubled(plane.T, on_first=self._siting == "left").T
        return _doubled(plane, on_first=False) if down == 2 else plane


def rgb_tensor(picture: Rgb) -> Tensor:
    """R'G'B' codes (height, width, 3) as (1, 3, height, width), 0..1."""
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    return torch.from_numpy(planes)[None].float() / 255


def resized(picture: A, size: tuple[int, int], enlarging: int = cv2.INTER_LINEAR) -> A:
    """A picture (height, width[, channels]) at a size (height, width): the mean over areas, or
    interpolated where a side is enlarged.
    """
    height, width = size
    if picture.shape[:2] == size:
        return picture
    shrinks = height <= picture.shape[0] and width <= picture.shape[1]
    how = cv2.INTER_AREA if shrinks else enlarging
    return cast("A", cv2.resize(picture, (width, height), interpolation=how))


def reduced_size(
    size: tuple[int, int], pixel_aspect: float, short_side: int | None
) -> tuple[int, int]:
    """(height, width) of a picture with square pixels and a short side of at most `short_side` px.

    `size` is (height, width) of the stored picture, `pixel_aspect` the width of a sample over its
    height. Neither direction is ever enlarged.
    """
    height, width = float(size[0]), float(size[1])
    if pixel_aspect > 1:
        height /= pixel_aspect
    else:
        width *= pixel_aspect
    scale = 1.0 if short_side is None else min(1.0, short_side / min(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _doubled(plane: FloatPlane, *, on_first: bool) -> FloatPlane:
    """Twice as many rows, linear: a sample sits on the first of its two rows, or between them."""
    before = np.concatenate([plane[:1], plane[:-1]])
    after = np.concatenate([plane[1:], plane[-1:]])
    twice = np.empty((2 * plane.shape[0], plane.shape[1]), np.float32)
    if on_first:
        twice[0::2], twice[1::2] = plane, (plane + after) / 2
    else:
        twice[0::2], twice[1::2] = (3 * plane + before) / 4, (3 * plane + after) / 4
    return twice
