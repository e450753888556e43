"""Frames that are copies of the one before, again and again in the same places.

Silent film that was printed or transferred for sound speed has them: of 16 or 18 frames a second
every second or third stands twice to make 24; 24 become 25, 30 or 60 alike. A copy has the grain of
its original, so that it differs by coding noise alone. It knows signatures, no files.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from filmcolor.analysis.frame_signature import FrameSignature
from filmcolor.events import Notice
from filmcolor.types import VideoInfo

_NEAR = 2
"""Frames on each side that a frame's difference is held against."""
_LEAST = 0.4
"""Mean difference of small luma, of 32 to a standard deviation, below which nothing moves."""
_COPIED = 0.3
"""Share of the greatest difference nearby that a copy has at most; most have a hundredth."""
_LONGEST = 30
"""Frames after which the places of copies come again, at most."""
_FEWEST = 10
"""Copies that must have another one at that distance, and the share of all that must."""
_AGREEING = 0.9
_SLACK = 0.02
_PART = 0.2
"""Share of the film's moving frames that must be so."""
_NEARLY_ALL = 0.8
_ORDINALS = {2: "second", 3: "third"}


@dataclass(frozen=True, slots=True)
class Cadence:
    """So many `copies` in each `length` frames."""

    copies: int
    length: int
    share: float
    """Part of the frames that move in which it is so, 0 to 1."""

    def notice(self, info: VideoInfo) -> Notice:
        """What there is to say of it."""
        number = _ORDINALS.get(self.length, f"{self.length}th")
        text = f"every {number} frame is a copy of the one before"
        if self.copies > 1:
            text = f"{self.copies} of every {self.length} frames are copies of the one before"
        if self.share < _NEARLY_ALL:
            text = f"in {100 * self.share:.0f} % of the film {text}"
        rate = "RATE"
        if info.rate is not None:
            rate = _said(info.rate * (self.length - self.copies) / self.length)
            text += f" ({rate} frames a second shown at {_said(info.rate)})"
        text += ": all are kept, and --fps takes none out"
        if info.is_sequence:
            return Notice(f"{text}; leave their files out to be rid of them")
        way = f"decimate=cycle={self.length}" if self.copies == 1 else "mpdecimate"
        return Notice(f"{text}; to be rid of them run ffmpeg -vf {way} first, then --fps {rate}")


class RepeatMeter:
    """Takes the signatures of all frames in order; keeps four bytes of each."""

    def __init__(self) -> None:
        self._last: FrameSignature | None = None
        self._differences = array("f")

    def add(self, signature: FrameSignature) -> None:
        """Take the next frame."""
        before, self._last = self._last, signature
        if before is not None:
            total = cv2.norm(signature.small, before.small, cv2.NORM_L1)
            self._differences.append(total / signature.small.size)

    def found(self) -> Cadence | None:
        """The cadence of the frames so far; None if there is none."""
        if len(self._differences) < _FEWEST:
            return None
        differences = np.array(self._differences)
        around = np.pad(differences, _NEAR)
        greatest = sliding_window_view(around, 2 * _NEAR + 1).max(axis=1)
        moves = greatest >= _LEAST
        copied = moves & (differences < np.minimum(_COPIED * greatest, _LEAST))
        agreeing = {
            lag: share
            for lag in range(2, min(_LONGEST, len(copied) - 1) + 1)
            if (share := _agreement(copied, moves, lag)) >= _AGREEING
        }
        if not agreeing:
            return None
        best = max(agreeing.values()) - _SLACK
        length = next(lag for lag, share in agreeing.items() if share >= best)
        return _cadence(copied, moves, length)


def _agreement(copied: NDArray[np.bool_], moves: NDArray[np.bool_], lag: int) -> float:
    """Share of the copies that have another one so many frames later; 0 if there are few."""
    known = copied[:-lag] & moves[lag:]
    count = int(known.sum())
    return float((known & copied[lag:]).sum()) / count if count >= _FEWEST else 0.0


def _cadence(copied: NDArray[np.bool_], moves: NDArray[np.bool_], length: int) -> Cadence | None:
    """The cadence of that length; None if it is that of too small a part."""
    windows = sliding_window_view(copied, length)
    whole = sliding_window_view(moves, length).all(axis=1) & copied[: len(windows)]
    if not whole.any():
        return None
    copies = round(float(np.median(windows[whole].sum(axis=1))))
    again = np.zeros_like(copied)
    again[:-length] |= copied[:-length] & copied[length:]
    again[length:] |= copied[length:] & copied[:-length]
    if not 0 < copies < length:
        return None
    share = min(1.0, int(again.sum()) * length / copies / int(moves.sum()))
    return Cadence(copies, length, share) if share >= _PART else None


def _said(rate: Fraction) -> str:
    return f"{float(rate):.4g}"
