"""Scores for changes of shot at one place: hard cuts, dissolves and fades, each on its own.

Each is computed from the measures of the frames around the place. Which scores count, and how shots
follow from them, is decided in `shots`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filmcolor.analysis.frame_signature import (
    FrameSignature,
    frame_distance,
    mixture_residual,
    motion_residual,
    overlap_likeness,
)

Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CutSettings:
    """When a frame pair is a hard cut; distances are those of `frame_distance`."""

    floor: float = 0.22  # smallest distance that can be a cut
    ratio: float = 1.8  # times the typical distance of the pairs around it
    margin: float = 0.12  # and this much more
    window: int = 5  # pairs looked at on each side
    flash: int = 2  # frames: a disturbance this short between like frames is no cut
    likeness: float = 0.60  # frames around a flash differ by less than this share of its edge
    moving: float = 0.50  # share of its distance that a pair beside it has in a whip pan
    overlap: float = 0.50  # likeness of the two frames where a whip pan shows the same in both
    dark: float = 0.20  # share of the contrast around below which a frame is about blank
    leap: float = 0.50  # share of the contrast around by which a cut to or from blank changes it


@dataclass(frozen=True, slots=True)
class DissolveSettings:
    """When frames are a mixture of those before and after."""

    halves: tuple[int, ...] = (4, 5, 6, 8, 10, 12, 15, 18)  # frames from its middle to its ends
    alike: float = 0.75  # correlation of the ends from which nothing has changed
    residual: float = 0.33  # share of the frames' energy that no mixture of the ends explains
    unsteady: float = 0.14  # deviation of the mixing share from a straight rise from 0 to 1
    askew: float = 0.6  # difference of the two shares in the middle, at most
    exposure: tuple[float, float] = (0.5, 1.7)  # contrast of the mixture, times that of the ends
    contrast: float = 2.0  # 8-bit codes that both ends have at least
    balance: float = 0.3  # contrast of the one end, times that of the other
    grain: float = 0.4  # of what motion leaves of the middle, neighbours' distance is grain
    mixing: float = 0.3  # and what mixing leaves counts against it
    threshold: float = 0.025  # least strength
    overlap: float = 0.88  # likeness of ends and middle from which the camera only moved
    peak: int = 3  # frames on each side that are a worse middle
    apart: int = 12  # frames between the middles of two dissolves, at least


@dataclass(frozen=True, slots=True)
class FadeSettings:
    """When a picture goes away and one comes back; contrasts are mean |deviations|, in codes."""

    reach: int = 24  # frames in which it is gone or back
    hold: int = 15  # frames from the place of the boundary to the end of the blank, at most
    blank: float = 0.30  # share of the contrast left when it is gone
    leap: float = 0.55  # share of a contrast that a cut gives or takes, ...
    lone: float = 2.0  # times what the frames beside it do
    darkest: float = 0.25  # share of the way up from the least contrast that is still the middle
    contrast: float = 3.0  # 8-bit codes that the pictures have at least


class Window:
    """The measures of the latest frames, and of pairs of them, each taken once."""

    def __init__(self, length: int) -> None:
        self.last = -1
        self._length = length
        self._signatures: dict[int, FrameSignature] = {}
        self._distances: dict[tuple[int, int], float] = {}
        self._coarse: NDArray[np.float32] | None = None
        self._products = np.zeros((length, length))
        self._contrasts = np.zeros(length)

    def add(self, signature: FrameSignature) -> None:
        """Take the next frame; the one `length` before is forgotten."""
        self.last += 1
        self._signatures[self.last] = signature
        self._signatures.pop(self.last - self._length, None)
        old = [pair for pair in self._distances if min(pair) <= self.last - self._length]
        for pair in old:
            del self._distances[pair]
        if self._coarse is None:
            self._coarse = np.zeros((self._length, signature.coarse.size), np.float32)
        at = self.last % self._length
        self._coarse[at] = signature.coarse
        products = self._coarse @ signature.coarse
        self._products[at], self._products[:, at] = products, products
        self._contrasts[at] = float(np.abs(signature.coarse).mean())

    @property
    def first(self) -> int:
        """The oldest frame that is remembered."""
        return max(0, self.last - self._length + 1)

    def distance(self, before: int, after: int) -> float:
        """As `frame_distance`."""
        pair = (before, after)
        if pair not in self._distances:
            self._distances[pair] = frame_distance(
                self._signatures[before], self._signatures[after]
            )
        return self._distances[pair]

    def overlap(self, before: int, after: int) -> float:
        """As `overlap_likeness`."""
        return overlap_likeness(self._signatures[before], self._signatures[after])

    def signature(self, frame: int) -> FrameSignature:
        """What is known of a frame that is remembered."""
        return self._signatures[frame]

    def products(self, frames: NDArray[np.int64], others: NDArray[np.int64]) -> Series:
        """Inner products of the coarse pictures, 8-bit codes squared, summed over coarse px."""
        found: Series = self._products[frames % self._length, others % self._length]
        return found

    def contrasts(self, start: int, stop: int) -> Series:
        """Mean |deviation| of the coarse pictures of start..stop, 8-bit codes."""
        found: Series = self._contrasts[np.arange(start, stop) % self._length]
        return found

    @property
    def pixels(self) -> int:
        """Coarse px of a frame."""
        return 0 if self._coarse is None else self._coarse.shape[1]


def cut_strength(window: Window, place: int, settings: CutSettings) -> float:
    """Distance of the pair before `place` if it stands out as a cut, else 0."""
    if not window.first < place <= window.last:
        return 0.0
    own = window.distance(place - 1, place)
    if own < settings.floor:
        return 0.0
    around = [
        window.distance(other - 1, other)
        for other in range(place - settings.window, place + settings.window + 1)
        if other != place and window.first < other <= window.last
    ]
    typical = float(np.median(around)) if around else 0.0
    if own < settings.ratio * typical + settings.margin:
        return 0.0
    limit = settings.likeness * own
    for step in range(1, settings.flash + 1):
        after, before = place + step, place - 1 - step
        if after <= window.last and window.distance(place - 1, after) < limit:
            return 0.0
        if before >= window.first and window.distance(before, place) < limit:
            return 0.0
    if _is_fading(window, place, settings) or _is_whip(window, place, own, settings):
        return 0.0
    return own


def _is_fading(window: Window, place: int, settings: CutSettings) -> bool:
    """Whether a picture is on its way from or to a blank at `place`: all contrasts are small."""
    reach = settings.window - 1
    around = window.contrasts(max(window.first, place - reach), min(window.last + 1, place + reach))
    before, after = window.contrasts(place - 1, place + 1)
    peak = float(around.max())
    return min(before, after) < settings.dark * peak and bool(
        abs(after - before) < settings.leap * peak
    )


def _is_whip(window: Window, place: int, own: float, settings: CutSettings) -> bool:
    """Whether the camera is thrown around at `place`: it moves before or after as well, and the
    two frames show the same where they overlap.
    """
    beside = [
        window.distance(other - 1, other)
        for other in (place - 1, place + 1)
        if window.first < other <= window.last
    ]
    if max(beside, default=0.0) < settings.moving * own:
        return False
    return window.overlap(place - 1, place) >= settings.overlap


def mixture_score(window: Window, place: int, settings: DissolveSettings) -> tuple[float, int]:
    """How well the frames around `place` are a mixture that goes from one picture to another.

    For every half length that fits into the window each frame F is fitted as a A + b B, A and B
    being the frames at the two ends, all about their means, so that neither level nor exposure of
    any frame counts; b / (a + b) must rise straight from 0 to 1. The fits need inner products
    only. Gives the best score, 0 (none) to about 1, and its half length.
    """
    halves = np.array(settings.halves)
    halves = halves[(place - halves >= window.first) & (place + halves <= window.last)]
    if not len(halves):
        return 0.0, 0
    heads, tails = place - halves, place + halves
    energy_a, energy_b = window.products(heads, heads), window.products(tails, tails)
    common = window.products(heads, tails)
    likeness = common / np.sqrt(np.maximum(energy_a * energy_b, 1e-9))
    least = np.maximum(
        window.pixels * settings.contrast**2,
        settings.balance**2 * np.maximum(energy_a, energy_b),
    )
    best, best_half = 0.0, 0
    is_usable = (likeness < settings.alike) & (np.minimum(energy_a, energy_b) > least)
    if not is_usable.any():
        return 0.0, 0
    middle = np.array([place])
    middle_a, middle_b = window.products(heads, middle), window.products(tails, middle)
    part_a = energy_b * middle_a - common * middle_b
    part_b = energy_a * middle_b - common * middle_a
    is_usable &= np.abs(part_b - part_a) <= settings.askew * (part_a + part_b)
    for at in np.flatnonzero(is_usable):
        half = int(halves[at])
        inner = np.arange(place - half + 1, place + half)
        own = window.products(inner, inner)
        with_a = window.products(inner, heads[at : at + 1])
        with_b = window.products(inner, tails[at : at + 1])
        scale = energy_a[at] * energy_b[at] - common[at] ** 2
        part_a = (energy_b[at] * with_a - common[at] * with_b) / scale
        part_b = (energy_a[at] * with_b - common[at] * with_a) / scale
        whole = part_a + part_b
        if whole.min() < settings.exposure[0] or whole.max() > settings.exposure[1]:
            continue
        rest = float((own - part_a * with_a - part_b * with_b).sum() / own.sum())
        rise = (inner - heads[at]) / (2.0 * half)
        unsteady = float(np.sqrt(np.mean((part_b / whole - rise) ** 2)))
        if rest > settings.residual or unsteady > settings.unsteady:
            continue
        score = (1 - float(likeness[at])) * (1 - 2 * rest) * (1 - 4 * unsteady)
        if score > best:
            best, best_half = score, half
    return best, best_half


def dissolve_strength(
    window: Window, place: int, half: int, score: float, settings: DissolveSettings
) -> float:
    """Strength of a mixture of such a half length and score, 0 if motion explains it as well.

    Slow pans and things that cross the picture look like mixtures when small, but then blocks of
    either end, moved, make up the middle.
    """
    first, last = place - half, place + half
    pairs = range(first + 1, last + 1)
    grain = sum(window.distance(other - 1, other) for other in pairs) / len(pairs)
    found: list[float] = []
    for middle in (place - 2, place, place + 2):  # a flash is on one of them at most
        signatures = window.signature(first), window.signature(middle), window.signature(last)
        rest = settings.grain * grain + settings.mixing * mixture_residual(*signatures)
        least = rest + settings.threshold / score**0.5
        found.append((motion_residual(*signatures, least=least) - rest) * score**0.5)
        if sum(strength < settings.threshold for strength in found) == 2:
            return 0.0
    halves = ((first, place), (place, last))
    panned = min(window.overlap(*pair) for pair in halves) >= settings.overlap
    return 0.0 if panned else sorted(found)[1]


def is_fade(window: Window, place: int, start: int, settings: FadeSettings) -> bool:
    """Whether a picture went away gradually before `place`, the middle of the blank between, and
    one comes back gradually after it; the running shot began at `start`.

    Of a blank that is held for long the place is `hold` frames before its end.
    """
    later = window.contrasts(place, min(window.last, place + settings.reach + settings.hold) + 1)
    if later[0] >= settings.blank * later.max():
        return False
    earlier = window.contrasts(max(window.first, start), place + 1)[::-1]
    was_blank = start < window.first and earlier.max() < settings.contrast
    later, earlier = _until_leap(later, settings), _until_leap(earlier, settings)
    peak = float(later.max() if was_blank else min(later.max(), earlier.max()))
    limit = settings.blank * peak
    if peak < settings.contrast or later[0] >= limit:
        return False
    after = int(np.argmax(later >= limit))
    before = int(np.argmax(earlier >= limit)) or len(earlier)
    # They count the frames from the place to the first that is not blank, on each side.
    if after >= settings.hold or before >= settings.hold:
        return after == min((before + after) // 2, settings.hold)
    blank = np.concatenate([earlier[before - 1 : 0 : -1], later[:after]])
    darkest = np.flatnonzero(blank <= blank.min() + settings.darkest * (limit - blank.min()))
    return bool(before - 1 == (darkest[0] + darkest[-1]) // 2)


def _until_leap(contrasts: Series, settings: FadeSettings) -> Series:
    """The contrasts up to the first change that is great and stands alone, as a cut's does."""
    steps = np.abs(np.diff(contrasts))
    padded = np.pad(steps, 1)
    beside = np.maximum(padded[:-2], padded[2:])
    greater = np.maximum(np.maximum(contrasts[1:], contrasts[:-1]), settings.contrast)
    leaps = (steps > settings.leap * greater) & (steps > settings.lone * beside)
    return contrasts[: int(np.argmax(leaps)) + 1] if leaps.any() else contrasts
