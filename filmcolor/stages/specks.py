"""Dust and blotches: places of a frame that are unlike both neighbours along the motion.

The spike detection index of Kokaram (Motion Picture Restoration, Springer 1998) with a rank order
as Nadenau and Mitra's (1996): a speck is lighter, or darker, than all that either neighbour shows
around the place. What moves faster than motion can be found is a spike too; but then it is one in
the next frame as well, nearby. It works on small pictures of 8-bit codes and knows neither shots
nor colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Codes8 = NDArray[np.uint8]
Mask = NDArray[np.uint8]
"""255 where it holds, else 0."""

_NEAR = (31, 31)
"""Px, a box: where neighbours differ around a place, motion is not well known there."""
_AROUND = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class SpeckSettings:
    """What counts as a speck; the values were measured, see docs/experiments.md."""

    seed: float = 16.0  # 8-bit codes beyond both neighbours that make a speck
    rim: float = 6.0  # the same for the places around that belong to it
    noise: float = 5.0  # times the noise between frames, at least, for either
    agreement: float = 0.5  # of a speck's height: neighbours that differ by more prove nothing
    largest: float = 0.03  # share of the picture: what is larger is no speck
    busiest: float = 0.05  # share of the picture: where more is unlike, something else happened
    unrest: float = 0.0  # times the difference of the neighbours around the place, on top
    apart: int = 25  # px, the side of a square: spikes so near in the next frame are what moves


@dataclass(frozen=True, slots=True, eq=False)
class Spikes:
    """Where a frame is unlike both neighbours, which are brought here along the motion."""

    light: Mask
    dark: Mask
    light_rim: Mask
    dark_rim: Mask


def find_spikes(own: Codes8, before: Codes8, after: Codes8, settings: SpeckSettings) -> Spikes:
    """All of them, whatever they are; neighbours have the frame's own exposure."""
    high, low = cv2.max(before, after), cv2.min(before, after)
    differ = cv2.subtract(high, low)
    above, below = cv2.subtract(own, high), cv2.subtract(low, own)
    noise = settings.noise * float(np.median(differ[::3, ::3])) / 1.35
    seed, rim = max(settings.seed, noise), max(settings.rim, noise)
    found: list[Mask] = []
    unrest = cv2.convertScaleAbs(cv2.blur(differ, _NEAR), alpha=settings.unrest)
    for beyond, spike in (
        (above, cv2.subtract(own, cv2.dilate(high, _AROUND))),
        (below, cv2.subtract(cv2.erode(low, _AROUND), own)),
    ):
        proven = cv2.compare(
            differ, cv2.convertScaleAbs(beyond, alpha=settings.agreement), cv2.CMP_LE
        )
        spike = cv2.subtract(spike, unrest)
        seeds = cv2.threshold(spike, seed - 1, 255, cv2.THRESH_BINARY)[1]
        found.append(np.asarray(cv2.bitwise_and(seeds, proven), np.uint8))
        found.append(
            np.asarray(cv2.threshold(beyond, rim - 1, 255, cv2.THRESH_BINARY)[1], np.uint8)
        )
    return Spikes(found[0], found[2], found[1], found[3])


def find_specks(own: Spikes, beside: Sequence[Spikes], settings: SpeckSettings) -> Mask | None:
    """The specks among a frame's spikes, with their rims; `beside` are the spikes of the frames
    next to it. None for none.
    """
    size = own.light.size
    if not 0 < cv2.countNonZero(own.light) + cv2.countNonZero(own.dark) <= settings.busiest * size:
        return None
    whole = np.zeros_like(own.light)
    near = np.ones((settings.apart, settings.apart), np.uint8)
    for seeds, rim, others in (
        (own.light, own.light_rim, [each.light for each in beside]),
        (own.dark, own.dark_rim, [each.dark for each in beside]),
    ):
        if not cv2.countNonZero(seeds):
            continue
        count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.bitwise_or(rim, seeds))
        kept = np.zeros(count, bool)
        kept[labels[seeds > 0]] = True
        for other in others:
            if cv2.countNonZero(other):
                kept[labels[cv2.dilate(other, near) > 0]] = False
        kept &= stats[:, cv2.CC_STAT_AREA] <= settings.largest * size
        kept[0] = False
        whole |= kept.astype(np.uint8)[labels] * np.uint8(255)
    return np.asarray(cv2.dilate(whole, _AROUND), np.uint8) if whole.any() else None
