"""The figures of a film: of each frame, of a shot, of all of it.

What they mean is measured in `filmcolor/evaluate/video.py`. It must not know files or models.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np


@dataclass(frozen=True, slots=True)
class FrameFigures:
    """Figures of one frame, or means over many; NaN where there is nothing to measure."""

    psnr: float = math.nan
    """dB, R'G'B' against the truth's."""
    colorfulness: float = math.nan
    """Hasler and Süsstrunk's."""
    cdc: float = math.nan
    """Colour distribution consistency: Jensen-Shannon divergence of the histograms of R', G' and
    B' of frames 1, 2 and 4 apart (Liu et al. 2021, "Temporally Consistent Video Colorization with
    Deep Feature Propagation and Self-Regularization Learning"). Of a film or a shot: the mean over
    the pairs of each lag, then over the lags. Of a frame: the mean over those that it begins.
    """
    warp_error: float = math.nan
    """Mean squared distance in the ab plane between this frame and the next one, brought here along
    the motion, where both are seen (Lai et al. 2018, "Learning Blind Video Temporal Consistency").
    """
    flicker: float = math.nan
    """Root mean square distance in the ab plane of this frame from the mean of its neighbours along
    the motion.
    """
    still_noise: float = math.nan
    """Standard deviation of ab from frame to frame where nothing moves."""
    bleeding: float = math.nan
    """Mean slope of ab, Lab units a px, where the lightness is flat."""
    neutral_chroma: float = math.nan
    """Mean chroma on pixels whose truth is neutral, as of photographs; of frames spread over the
    film, like the next two.
    """
    blotched: float = math.nan
    """Of the area that is evenly coloured in truth, the share that is not in the result (see
    `filmcolor/evaluate/blotches.py`).
    """
    even: float = math.nan
    """Share of the picture that is evenly coloured in truth: the weight of `blotched`."""
    skin_off: float = math.nan
    """Of the skin of faces, the share that has no skin's colour in the result (see
    `filmcolor/evaluate/skin.py`); of the same frames.
    """
    skin: float = math.nan
    """Share of the picture that is skin: the weight of `skin_off`."""
    drift: float = math.nan
    """Root mean square over things and frames, Lab units, of how far the mean ab of a thing is off
    its mean over the shot: of the truth its own, of others what differs from that (see
    `filmcolor/evaluate/following.py`).
    """
    followed: float = math.nan
    """Share of the picture whose things are followed: the weight of `drift`."""
    across_shots: float = math.nan
    """Root mean square over things, Lab units, of how far the mean ab of a thing is off that in the
    earlier shot which shows it: of the truth its own, of others what differs from that.
    """
    seen_again: float = math.nan
    """Share of the picture whose things an earlier shot shows too: the weight of `across_shots`."""


@dataclass(frozen=True, slots=True)
class FilmFigures:
    """Figures of one film."""

    frames: tuple[FrameFigures, ...]
    shots: tuple[int, ...]
    """Number of every frame's shot."""
    divergences: tuple[tuple[float, ...], ...]
    """Of every frame and the one that is each of `LAGS` on; NaN where that is of another shot."""

    @property
    def total(self) -> FrameFigures:
        """Means over all frames; root mean squares where the figures are such."""
        return self._over(range(len(self.frames)))

    def by_shot(self) -> dict[int, FrameFigures]:
        """The same for every shot."""
        return {
            number: self._over([place for place, own in enumerate(self.shots) if own == number])
            for number in sorted(set(self.shots))
        }

    def _over(self, places: Sequence[int]) -> FrameFigures:
        means = _mean([self.frames[place] for place in places])
        by_lag = zip(*(self.divergences[place] for place in places), strict=True)
        return replace(means, cdc=known_mean([known_mean(lag) for lag in by_lag]))


_SQUARED = ("flicker", "still_noise", "drift", "across_shots")
_WEIGHTS = {
    "blotched": "even",
    "skin_off": "skin",
    "drift": "followed",
    "across_shots": "seen_again",
}
"""What some figures are weighted by."""


def _mean(frames: Sequence[FrameFigures]) -> FrameFigures:
    means = {}
    for entry in fields(FrameFigures):
        values = np.array([getattr(frame, entry.name) for frame in frames], np.float64)
        is_square = entry.name in _SQUARED
        values = np.square(values) if is_square else values
        if weight_name := _WEIGHTS.get(entry.name):
            weights = np.array([getattr(frame, weight_name) for frame in frames])
            known = ~np.isnan(values)
            total = float(weights[known].sum())
            mean = float((values * weights)[known].sum()) / total if total else math.nan
        else:
            mean = known_mean(values)
        means[entry.name] = math.sqrt(mean) if is_square else mean
    return FrameFigures(**means)


def known_mean(values: Iterable[float]) -> float:
    """The mean of those that are not NaN; NaN where all are."""
    known = np.array([value for value in values if not math.isnan(value)], np.float64)
    return float(known.mean()) if len(known) else math.nan
