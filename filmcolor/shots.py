"""Where a film's shots begin, and which part of its frame holds picture.

Colour must not cross a cut, and black bars must not be coloured; both are read off small luma
here. Film as old as ours flickers, weaves in the gate, is torn and grainy, so a frame pair is
judged by what remains after exposure and small motion are taken out, and only against the pairs
around it. It knows nothing of colour.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.types import Box, Frame, Luma, PixelLayout, Shot

Small = NDArray[np.float32]

_LONG_SIDE = 64
"""Pixels of the longer side of the small luma."""
_BLOCK = 8
"""Side of the blocks that may move on their own, small px."""
_REACH = 4
"""How far a block may move between two frames, small px: a sixteenth of the picture."""
_CONTRAST_FLOOR = 8.0
"""Standard deviation (8-bit codes) below which contrast is not stretched: else grain would be
picture."""
_LEVEL_JUMP = 64.0
"""Change of mean level (8-bit codes) that no exposure flicker makes: white to black is a cut."""


@dataclass(frozen=True, slots=True)
class CutSettings:
    """When a frame pair is a cut; distances are in standard deviations of the picture."""

    floor: float = 0.30  # smallest distance that can be a cut
    ratio: float = 2.2  # times the typical distance of the pairs around it
    margin: float = 0.10  # and this much more
    window: int = 5  # pairs looked at on each side
    minimum: int = 4  # frames: no shot is shorter, unless the film is
    flash: int = 2  # frames: a disturbance this short between like frames is no cut
    likeness: float = 0.50  # frames around a flash differ by less than this share of its edge

    @property
    def delay(self) -> int:
        """Frames that are read ahead before a frame's shot is known."""
        return max(self.window, self.flash) + self.minimum - 1


def reduce_luma(luma: Luma, bit_depth: int) -> Small:
    """Small, exposure-free luma: area-reduced to 64 px, blurred, mean 0, deviation 1.

    Takes codes (height, width); gives (h, w) float32, both multiples of 8, and carries
    the mean level that was taken out (8-bit codes over 64) as one more row of equal values at the
    bottom, for `frame_distance`.
    """
    height, width = luma.shape
    scale = _LONG_SIDE / max(height, width)
    size = tuple(max(1, round(side * scale / _BLOCK)) * _BLOCK for side in (width, height))
    codes = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    codes *= 1.0 / (1 << (bit_depth - 8))
    blurred = cv2.blur(codes, (3, 3), borderType=cv2.BORDER_REPLICATE)
    small: Small = blurred.astype(np.float32, copy=False)
    mean, deviation = float(small.mean()), float(small.std())
    small -= mean
    small /= max(deviation, _CONTRAST_FLOOR)
    level = np.full((1, size[0]), mean / _LEVEL_JUMP, np.float32)
    return np.concatenate([small, level])


def frame_distance(first: Small, second: Small) -> float:
    """How much of one small luma is not in the other: 0 (same) to about 1 (nothing in common).

    Mean |difference| after each 8 px block of `second` was laid over the best place of `first`
    within 4 px; a change of the mean level beyond what flicker can do is added.
    """
    picture, reference = second[:-1], first[:-1]
    height, width = picture.shape
    padded = cv2.copyMakeBorder(
        reference, _REACH, _REACH, _REACH, _REACH, borderType=cv2.BORDER_REPLICATE
    )
    shifted = np.lib.stride_tricks.sliding_window_view(padded, (height, width))
    difference = np.abs(shifted - picture).reshape(-1, height // _BLOCK, _BLOCK, width)
    rows = difference.sum(axis=2).reshape(-1, height // _BLOCK, width // _BLOCK, _BLOCK)
    best = rows.sum(axis=3).min(axis=0)
    jump = abs(float(second[-1, 0] - first[-1, 0]))
    return min(1.0, float(best.mean()) / _BLOCK**2 + max(0.0, jump - 1.0))


class _Judge:
    """Distances around one moving position, each computed once."""

    def __init__(self, settings: CutSettings) -> None:
        self.settings = settings
        self.smalls: dict[int, Small] = {}
        self.known: dict[tuple[int, int], float] = {}
        self.last = -1

    def add(self, small: Small) -> None:
        """Take the next frame."""
        self.last += 1
        self.smalls[self.last] = small
        keep = self.last - 2 * self.settings.delay - 2
        self.smalls.pop(keep, None)
        for key in [key for key in self.known if key[0] < keep]:
            del self.known[key]

    def distance(self, first: int, second: int) -> float:
        key = (first, second)
        if key not in self.known:
            self.known[key] = frame_distance(self.smalls[first], self.smalls[second])
        return self.known[key]

    def strength(self, position: int) -> float:
        """Distance of the pair before `position` if it stands out as a cut, else 0."""
        settings = self.settings
        if not 0 < position <= self.last:
            return 0.0
        own = self.distance(position - 1, position)
        if own < settings.floor:
            return 0.0
        around = [
            self.distance(other - 1, other)
            for other in range(position - settings.window, position + settings.window + 1)
            if other != position and 0 < other <= self.last
        ]
        typical = float(np.median(around)) if around else 0.0
        if own < settings.ratio * typical + settings.margin:
            return 0.0
        limit = settings.likeness * own
        for step in range(1, settings.flash + 1):
            after, before = position + step, position - 1 - step
            if after <= self.last and self.distance(position - 1, after) < limit:
                return 0.0
            if before >= 0 and self.distance(before, position) < limit:
                return 0.0
        return own

    def is_cut(self, position: int, start: int) -> bool:
        """Whether a shot begins at `position`, the running one having begun at `start`."""
        settings = self.settings
        own = self.strength(position)
        if own == 0.0 or position - start < settings.minimum:
            return False
        later = range(position + 1, position + settings.minimum)
        return all(self.strength(other) <= own for other in later)


def assign_shots(
    frames: Iterable[Frame], layout: PixelLayout, settings: CutSettings | None = None
) -> Generator[Frame, None, None]:
    """Yield the same frames, in order, with `shot` counted up at every hard cut.

    Reads `settings.delay` frames ahead and holds no more. Not cuts: exposure flicker, grain, gate
    weave, pans and zooms, flashes and blank frames of up to `settings.flash` frames, fades.
    """
    settings = settings or CutSettings()
    judge = _Judge(settings)
    waiting: deque[Frame] = deque()
    position = start = shot = 0

    def settle() -> Frame:
        nonlocal position, start, shot
        if position > 0 and judge.is_cut(position, start):
            start, shot = position, shot + 1
        position += 1
        return replace(waiting.popleft(), shot=shot)

    for frame in frames:
        judge.add(reduce_luma(frame.luma, layout.bit_depth))
        waiting.append(frame)
        if len(waiting) > settings.delay:
            yield settle()
    while waiting:
        yield settle()


def find_shots(
    frames: Iterable[Frame], layout: PixelLayout, settings: CutSettings | None = None
) -> list[Shot]:
    """The shots of a film, in the frames' own indices; decided exactly as by `assign_shots`."""
    shots: list[Shot] = []
    first = last = current = None
    for frame in assign_shots(frames, layout, settings):
        if frame.shot != current:
            if first is not None:
                shots.append(Shot(first, frame.index, "cut"))
            first, current = frame.index, frame.shot
        last = frame.index
    if first is not None and last is not None:
        shots.append(Shot(first, last + 1, "end"))
    return shots


_BAR_TOLERANCE = 10.0
"""Codes (8-bit) above black that a bar may reach, averaged over a few px: noise and raised
blacks."""
_EDGE_STEP = 12.0
"""Codes (8-bit) by which picture must rise out of a bar."""
_EDGE_SHARE = 0.4
"""Share of the bar's edge along which it must do so, in at least one sample."""
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
) -> Box | None:
    """The part of the frame inside letterbox and pillarbox bars, or None if there are no bars.

    `frames` are samples spread over the film. A bar is at least 2 % of the height or width, stays
    black and flat (grain allowed) in every sample that is not black altogether, and ends in a
    step; the two sides need not be alike. The box is rounded inward to even numbers and keeps at
    least half of the frame's area.
    """
    scale = 1.0 / (1 << (layout.bit_depth - 8))
    black = 0.0 if full_range else 16.0
    pictures: list[NDArray[np.float32]] = []
    for frame in frames:
        levels = frame.luma.astype(np.float32) * scale - black
        if float(np.percentile(levels, 98)) > _BAR_TOLERANCE + _EDGE_STEP:
            pictures.append(levels)
    if not pictures:
        return None
    height, width = pictures[0].shape
    above, below = _margins(pictures)
    inner = [np.ascontiguousarray(levels[above : height - below].T) for levels in pictures]
    before, after = _margins(inner)
    if not any((above, below, before, after)):
        return None
    top, left = (count + count % 2 for count in (above, before))
    bottom = (height - below) // 2 * 2 if below else height
    right = (width - after) // 2 * 2 if after else width
    box = Box(top, left, bottom, right)
    if bottom <= top or right <= left:
        return None
    area = (bottom - top) * (right - left)
    return box if area >= _SMALLEST_PICTURE * height * width else None
