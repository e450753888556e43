"""Which part of a film's frame holds picture: black bars must not be coloured.

It knows nothing of shots and nothing of colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.types import Box, Frame, PixelLayout

_BAR_TOLERANCE = 10.0
"""Codes (8-bit) above black that a bar may reach on average, for noise and raised blacks."""
_EDGE_STEP = 12.0
"""Codes (8-bit) by which picture must rise out of a bar."""
_EDGE_SHARE = 0.4
"""Share of the bar's edge along which it must do so, in at least one sample."""
_LEAST_BRIGHT = 0.02
"""Share of a frame that is brighter than that, else it shows nothing."""
_SMALLEST_BAR = 0.02
"""Share of the height or width below which a dark rim is left alone."""
_SMALLEST_PICTURE = 0.5
"""Share of the frame's area that must remain."""


def _bar_length(lines: list[NDArray[np.float32]], length: int) -> int:
    """Leading lines of a stack of pictures that are a bar; 0 if there is none.

    `lines` holds for each sample the levels above black (8-bit codes) as (lines, places along the
    line), averaged over a few pixels at each place. A bar stays black and flat in all samples and
    ends in a step.
    """
    flat = np.min([(np.abs(levels) <= _BAR_TOLERANCE).all(axis=1) for levels in lines], axis=0)
    count = len(flat) if flat.all() else int(np.argmin(flat))
    if count < max(1.0, _SMALLEST_BAR * length):
        return 0
    reach = max(2, length // 100)
    shares = []
    for levels in lines:
        inside = levels[count : count + reach].max(axis=0, initial=0.0)
        shares.append(float(np.mean(inside - levels[:count].mean(axis=0) > _EDGE_STEP)))
    return count if max(shares) >= _EDGE_SHARE else 0


def _margins(pictures: list[NDArray[np.float32]]) -> tuple[int, int]:
    """Bars before and after the picture along axis 0 of (height, width) levels."""
    height, width = pictures[0].shape
    places = max(1, min(width, 40))
    along: list[NDArray[np.float32]] = []
    for picture in pictures:
        reduced = cv2.resize(picture, (places, height), interpolation=cv2.INTER_AREA)
        along.append(reduced.astype(np.float32, copy=False))
    return _bar_length(along, height), _bar_length([levels[::-1] for levels in along], height)


def find_picture_box(
    frames: Sequence[Frame],
    layout: PixelLayout,
    full_range: bool,
    *,
    interlaced: bool = False,
) -> Box | None:
    """The part of the frame inside letterbox and pillarbox bars, or None if there are no bars.

    `frames` are samples spread over the film. A bar is at least 2 % of the height or width, stays
    black and flat (grain allowed) in every sample that is not black altogether, and ends in a
    step; the two sides need not be alike. The box is rounded inward to even numbers and keeps at
    least half of the frame's area. In an `interlaced` film it begins at a multiple of four rows,
    so that its 4:2:0 chroma, too, begins with the top field.
    """
    scale = 1.0 / (1 << (layout.bit_depth - 8))
    black = 0.0 if full_range else 16.0
    pictures: list[NDArray[np.float32]] = []
    for frame in frames:
        levels = frame.luma.astype(np.float32) * scale - black
        bright = np.count_nonzero(levels > _BAR_TOLERANCE + _EDGE_STEP)
        if bright > _LEAST_BRIGHT * levels.size:
            pictures.append(levels)
    if not pictures:
        return None
    height, width = pictures[0].shape
    above, below = _margins(pictures)
    inner = [np.ascontiguousarray(levels[above : height - below].T) for levels in pictures]
    before, after = _margins(inner)
    if not any((above, below, before, after)):
        return None
    top, left = above + -above % (4 if interlaced else 2), before + before % 2
    bottom = (height - below) // 2 * 2 if below else height
    right = (width - after) // 2 * 2 if after else width
    box = Box(top, left, bottom, right)
    if bottom <= top or right <= left:
        return None
    area = (bottom - top) * (right - left)
    return box if area >= _SMALLEST_PICTURE * height * width else None
