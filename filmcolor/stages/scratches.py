"""Vertical scratches: thin lines, steadily lighter or darker than what is beside them.

They run down most of a picture at nearly one place, through whatever is shown, and are at about the
same place in the frames before and after. It works on small pictures of 8-bit codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.stages.specks import Codes8, Mask


@dataclass(frozen=True, slots=True)
class ScratchSettings:
    """What counts as a scratch; the values were measured, see docs/experiments.md."""

    width: int = 5  # px: what is so wide is no scratch
    excess: float = 3.0  # 8-bit codes over both sides, at least
    noise: float = 1.5  # times the median excess of the picture, at least
    part: float = 0.4  # of the height: the run of rows that is looked at
    steady: float = 0.75  # of these rows have the excess
    wander: int = 3  # px from one frame to the next


def lines(own: Codes8, settings: ScratchSettings) -> tuple[Mask, Mask]:
    """Lighter and darker lines of one frame, whether scratches or not."""
    height = own.shape[0]
    soft = cv2.blur(own, (1, 5), borderType=cv2.BORDER_REPLICATE)
    across = np.ones((1, settings.width), np.uint8)
    rows = max(3, round(settings.part * height) | 1)
    found: list[Mask] = []
    for how in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        excess = cv2.morphologyEx(soft, how, across)
        least = max(settings.excess, settings.noise * float(np.mean(excess)))
        there = cv2.threshold(excess, least, 255, cv2.THRESH_BINARY)[1]
        wide = cv2.dilate(there, np.ones((1, 3), np.uint8))
        # Rows beyond the rim count as none: what ends near it would seem twice as long.
        share = cv2.blur(wide, (1, rows), borderType=cv2.BORDER_CONSTANT)
        is_steady = cv2.threshold(share, 255 * settings.steady, 255, cv2.THRESH_BINARY)[1]
        run = cv2.dilate(is_steady, np.ones((rows, 1), np.uint8))
        found.append(np.asarray(cv2.bitwise_and(run, wide), np.uint8))
    return found[0], found[1]


def find_scratches(
    own: tuple[Mask, Mask], beside: Sequence[tuple[Mask, Mask]], settings: ScratchSettings
) -> Mask | None:
    """Lines of a frame that both its neighbours have, nearly where it has them; None for none."""
    if not beside or not (own[0].any() or own[1].any()):
        return None
    whole = np.zeros_like(own[0])
    about = np.ones((1, 2 * settings.wander + 1), np.uint8)
    for sign in range(2):
        kept = own[sign]
        for other in beside:
            # Of a column, since a run of rows begins elsewhere in every frame.
            columns = cv2.dilate(other[sign].max(axis=0, keepdims=True), about)
            kept = kept & np.broadcast_to(columns, kept.shape)
        whole |= kept
    return whole if whole.any() else None


def bridged(plane: NDArray[np.float32], mask: Mask, reach: int = 4) -> NDArray[np.float32]:
    """The plane with places of the mask interpolated from the nearest ones beside them in the row,
    up to `reach` px away; wider gaps stay.
    """
    is_open = mask == 0
    sides: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    for step in (1, -1):
        value, distance = plane.copy(), np.where(is_open, 0, np.inf).astype(np.float32)
        for _ in range(reach):
            near = np.roll(value, step, axis=1), np.roll(distance, step, axis=1) + 1
            edge = 0 if step > 0 else -1
            near[1][:, edge] = np.inf
            take = ~is_open & (near[1] < distance)
            value, distance = np.where(take, near[0], value), np.where(take, near[1], distance)
        nearness = np.asarray(1 / np.maximum(distance, 1e-3), np.float32)
        sides.append((value, nearness))
    (left, by_left), (right, by_right) = sides
    total = by_left + by_right
    mean = np.divide(left * by_left + right * by_right, total, out=plane.copy(), where=total > 0)
    return np.where(is_open, plane, mean).astype(np.float32)
