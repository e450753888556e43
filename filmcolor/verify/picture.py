"""How near one luma plane is to another, and whether a picture has, or could have, colour.

Arithmetic on planes; it knows neither files nor times. All limits are in 8-bit codes and were
settled on films written by libx264, libx265, libsvtav1 and prores from their defaults to their
worst settings.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from PIL import Image

from filmcolor.types import FloatPlane, Luma
from filmcolor.verify.findings import Place

BLOCK = 16
"""Side of the blocks in pixels; those at the edges take in what is left over."""

_MEAN_CODES, _MEAN_TIMES = 8.0, 6.0
"""Difference of a block's mean: so many codes are always allowed, and so many times what the worst
blocks of the frames around have. Defaults reach 2.7 codes and crf 28 reaches 6.9; one frame beside
the others reaches 4.4 times (svtav1 at crf 63; at better settings 2.4).
"""
_MEAN_BASE, _MEAN_RMS = 12.0, 10.0
"""For a lasting change also so many times the error of whole frames around; 8.6 was reached."""
_SQUARE, _SQUARE_TIMES = 400.0, 12.0
"""The same for a block's mean squared difference: defaults reach 64 (30 dB); 8.9 times."""
_SQUARE_BASE, _SQUARE_RMS = 650.0, 300.0
"""And 244 times the mean squared error of the whole frames."""
_MEAN_MOST, _SQUARE_MOST = 80.0, 10_000.0
"""Never allowed; the worst settings reach 69 codes, and 6800 (9.8 dB)."""
_FRAME_RMS = 30.0
"""Root mean squared difference of a whole frame (18.6 dB); the worst setting reaches 19.6."""
_REACH = 12
"""Frames before and after that tell how coarsely the film is coded there."""
_WORSE = 3
"""One in so many of these may be worse than what is taken as usual."""
_ALIKE_TIMES, _ALIKE_CODES = 3.0, 4.0
_KNOWN_FRAMES = 3
_UNKNOWN_RMS = 4.0
_RELATED = 0.5
"""Correlation of the means of blocks above which two frames show the same thing."""
_FLAT_CODES = 2.0
_TEXTURED = 0.5
"""Share of pixels unlike their right neighbour from which no lossy codec gives back all codes."""

_CELL = 8
"""Side of the squares over which chroma is averaged, in chroma samples."""
COLOR_CODES = 2.0
"""Distance from neutral, in 8-bit codes, from which the strongest square of a picture is colour for
certain."""
NO_COLOR_CODES = 1.0
"""And below which it is none: colour so weak that composing rounds it away, or a codec's noise."""
_SCENE_GRID = 24, 32
_POINTS = 5
"""A picture is looked at in so many fields, down and across, of so many points each way."""
_DARK, _BRIGHT = 0.15, 0.85
_MID_SHARE = 0.75
_TONE_STEP = 0.02
_SCENE_SHARE = 0.25
"""Share of the fields that must be mid-tones unlike their neighbours; of photographs few have less,
leader and titles reach 0.19."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one luma plane is from another, in 8-bit codes."""

    is_exact: bool
    rms: float = 0.0
    mean: float = 0.0
    """Largest difference of the means of a block."""
    mean_at: tuple[int, int] = (0, 0)
    """(x, y) of that block's first pixel."""
    square: float = 0.0
    """Largest mean squared difference of a block."""
    square_at: tuple[int, int] = (0, 0)
    is_related: bool = True
    """Whether they show the same thing at all."""
    absolute: float = 0.0
    """Mean difference."""

    @property
    def psnr(self) -> float:
        """Of the block that fits least, dB."""
        return 10.0 * math.log10(255.0**2 / self.square) if self.square > 0 else math.inf

    @property
    def words(self) -> str:
        """For people: the block that is farthest off."""
        if self.mean > 4.0:
            x, y = self.mean_at
            return f"the block at x {x}, y {y} is off by {self.mean:.1f} of 255 codes"
        x, y = self.square_at
        return f"the block at x {x}, y {y} fits to {self.psnr:.1f} dB only"


EQUAL = Difference(True)


def compare_luma(source: Luma, result: Luma, bit_depth: int) -> Difference:
    """Compare two planes of the same shape (height, width) and of codes of `bit_depth` bits."""
    if np.array_equal(source, result):
        return EQUAL
    scale = 1.0 / (1 << (bit_depth - 8))
    difference = np.subtract(result, source, dtype=np.float32) * np.float32(scale)
    means = np.abs(_cells(difference, BLOCK))
    squares = _cells(np.square(difference), BLOCK)
    height, width = source.shape

    def place(cells: FloatPlane) -> tuple[float, tuple[int, int]]:
        row, column = divmod(int(cells.argmax()), cells.shape[1])
        at = column * width // cells.shape[1], row * height // cells.shape[0]
        return float(cells[row, column]), at

    mean, mean_at = place(means)
    square, square_at = place(squares)
    rms = math.sqrt(float(np.mean(np.square(difference))))
    is_related = rms <= _MEAN_BASE or _is_related(source, result, np.float32(scale))
    absolute = float(np.mean(np.abs(difference)))
    return Difference(False, rms, mean, mean_at, square, square_at, is_related, absolute)


def _is_related(source: Luma, result: Luma, scale: np.float32) -> bool:
    first, second = (_cells(plane.astype(np.float32) * scale, BLOCK) for plane in (source, result))
    if min(float(first.std()), float(second.std())) < _FLAT_CODES:
        return bool(abs(float(first.mean()) - float(second.mean())) <= _FRAME_RMS)
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1]) >= _RELATED


def brought_down(luma: Luma, factor: int) -> Luma:
    """A plane (factor H, factor W) reduced to (H, W) as `filmcolor run --upscale` undoes itself.

    Keys' cubic kernel, a = -0.5, widened by the factor; at the rim by what of it is there.
    """
    plane = Image.fromarray(luma.astype(np.float32))
    small = plane.resize((plane.width // factor, plane.height // factor), Image.Resampling.BICUBIC)
    most = np.iinfo(luma.dtype).max
    return cast("Luma", np.clip(np.rint(np.asarray(small)), 0, most).astype(luma.dtype))


def is_textured(luma: Luma) -> bool:
    """Whether the picture is so busy that a lossy codec cannot have kept every code of it."""
    if luma.shape[1] < 2:
        return False
    return float(np.mean(luma[:, 1:] != luma[:, :-1])) > _TEXTURED


class LumaLimits:
    """Tells which frames are farther from the source than their codec can have made them.

    How far a block may be off depends on how coarsely the film is coded around its frame, so a
    frame is judged when some more have been seen. `add` and `rest` yield what does not pass, as
    (place, difference).
    """

    def __init__(self) -> None:
        self._window: deque[tuple[Place, Difference]] = deque()
        self._passed = 0

    @property
    def typical_rms(self) -> float:
        """Error of the frames of late."""
        if len(self._window) < _KNOWN_FRAMES:
            return _UNKNOWN_RMS
        return float(np.median([difference.rms for _, difference in self._window]))

    def can_be_same(self, difference: Difference) -> bool:
        """Whether two frames can be one and the same, as the film is coded here."""
        typical = self.typical_rms
        if typical == 0.0:
            return difference.is_exact
        return difference.rms <= max(_ALIKE_TIMES * typical, _ALIKE_CODES)

    def add(self, place: Place, difference: Difference) -> list[tuple[Place, Difference]]:
        """Take the next frame; what can be judged now and does not pass."""
        self._window.append((place, difference))
        if len(self._window) > 2 * _REACH + 1:
            self._window.popleft()
            self._passed -= 1
        return self._next_failure() if len(self._window) - self._passed > _REACH else []

    def rest(self) -> list[tuple[Place, Difference]]:
        """What does not pass of the last frames."""
        found = []
        while self._passed < len(self._window):
            found += self._next_failure()
        return found

    def _next_failure(self) -> list[tuple[Place, Difference]]:
        at = self._passed
        self._passed += 1
        near = [difference for _, difference in self._window]
        near = near[max(0, at - _REACH) : at + _REACH + 1]
        rms = _usual(difference.rms for difference in near)
        mean = _usual(difference.mean for difference in near)
        square = _usual(difference.square for difference in near)
        place, found = self._window[at]
        means = max(_MEAN_CODES, _MEAN_TIMES * mean), max(_MEAN_BASE, _MEAN_RMS * rms)
        squares = max(_SQUARE, _SQUARE_TIMES * square), max(_SQUARE_BASE, _SQUARE_RMS * rms**2)
        passes = (
            found.rms <= _FRAME_RMS
            and found.mean <= min(*means, _MEAN_MOST)
            and found.square <= min(*squares, _SQUARE_MOST)
        )
        return [] if passes else [(place, found)]


def _usual(values: Iterable[float]) -> float:
    """What frames have, but for the worst third of them: changed ones do not excuse themselves."""
    worst = sorted(values, reverse=True)
    return worst[len(worst) // _WORSE]


def strongest_color(chroma: tuple[Luma, Luma] | None, bit_depth: int) -> float:
    """How far the most colourful square of (Cb, Cr) codes is from neutral, in 8-bit codes; means
    over a square leave small noise out.
    """
    if chroma is None:
        return 0.0
    neutral = 1 << (bit_depth - 1)
    if all((plane == neutral).all() for plane in chroma):
        return 0.0
    scale = np.float32(1.0 / (1 << (bit_depth - 8)))
    cb, cr = (_cells((plane.astype(np.float32) - neutral) * scale, _CELL) for plane in chroma)
    return float(np.hypot(cb, cr).max())


def can_have_color(luma: Luma, bit_depth: int, *, full_range: bool) -> bool:
    """Whether a picture shows something: mid-tones that vary from place to place.

    Black, white and flat frames, fades to them, leader with marks and titles do not.
    """
    black, span = (0.0, float((1 << bit_depth) - 1))
    if not full_range:
        scale = 1 << (bit_depth - 8)
        black, span = 16.0 * scale, 219.0 * scale
    levels = (luma.astype(np.float32) - np.float32(black)) / np.float32(span)
    rows, columns = _SCENE_GRID
    points = cv2.resize(
        levels, (columns * _POINTS, rows * _POINTS), interpolation=cv2.INTER_AREA
    ).reshape(rows, _POINTS, columns, _POINTS)
    is_mid = ((points > _DARK) & (points < _BRIGHT)).mean(axis=(1, 3)) > _MID_SHARE
    # Thin lines, as leader and titles have them, do not move a median.
    tones = np.median(points, axis=(1, 3))
    varies = np.zeros(tones.shape, np.bool_)
    varies[:, 1:] |= np.abs(np.diff(tones, axis=1)) > _TONE_STEP
    varies[1:] |= np.abs(np.diff(tones, axis=0)) > _TONE_STEP
    return float(np.mean(varies & is_mid)) >= _SCENE_SHARE


def _cells(plane: FloatPlane, side: int) -> FloatPlane:
    """Means over cells of at least `side` x `side` that cover a plane evenly."""
    height, width = plane.shape
    size = max(1, width // side), max(1, height // side)
    means = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return means.astype(np.float32, copy=False)
