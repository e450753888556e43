"""Damage made on films that have none: what old film has suffered, and where it is.

Frames are luma planes of one shot, codes 0..255; damage is drawn at their full size. The same seed
and the same library versions give the same damage. `bench_damage.py` measures colours with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]
Mask = NDArray[np.bool_]

DUST_SIZES = (3.0, 6.0, 12.0, 24.0)
"""Px across, of a picture 480 lines high."""
DUST = (12.0, 6.0, 2.0, 0.6)
"""Specks a frame of each size, on average."""
SCRATCHES = 4
"""Lines at a time."""


@dataclass(frozen=True)
class Damaged:
    """A film that has suffered."""

    frames: list[Codes]
    masks: list[Mask]
    """Where each frame is damaged: of exposure, all of a frame that is off by more than 2 %."""


def _blended(frame: Codes, cover: NDArray[np.float32], shade: float) -> Codes:
    mixed = frame + cover * (shade - frame.astype(np.float32))
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _speck(
    shape: tuple[int, int], size: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], tuple[slice, slice]]:
    """The cover 0..1 of an irregular speck and the part of the picture that it lies in."""
    height, width = shape
    reach = max(2, int(np.ceil(size)))
    y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
    rows = slice(max(0, y - reach), min(height, y + reach + 1))
    columns = slice(max(0, x - reach), min(width, x + reach + 1))
    corners = int(rng.integers(5, 10))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radii = size / 2 * rng.uniform(0.6, 1.2, corners)
    stretch = rng.uniform(0.6, 1.6)
    points = np.stack([np.cos(angles) * radii * stretch, np.sin(angles) * radii / stretch], 1)
    points += [x - columns.start, y - rows.start]
    cover = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
    cv2.fillPoly(cover, [np.rint(points * 8).astype(np.int32)], 1.0, cv2.LINE_AA, 3)
    return cv2.GaussianBlur(cover, (0, 0), 0.6).astype(np.float32), (rows, columns)


def dust(frames: Sequence[Codes], rng: np.random.Generator) -> Damaged:
    """Specks of four sizes, black or white, each in one frame."""
    scale = frames[0].shape[0] / 480
    made, masks = [], []
    for frame in frames:
        harmed, mask = frame.copy(), np.zeros(frame.shape, bool)
        for size, count in zip(DUST_SIZES, DUST, strict=True):
            for _ in range(rng.poisson(count)):
                cover, place = _speck(harmed.shape, size * scale, rng)
                shade = rng.uniform(0, 40) if rng.random() < 0.5 else rng.uniform(200, 255)
                cover *= rng.uniform(0.6, 1.0)
                harmed[place] = _blended(harmed[place], cover, shade)
                mask[place] |= cover > 0.25
        made.append(harmed)
        masks.append(mask)
    return Damaged(made, masks)


def scratches(frames: Sequence[Codes], rng: np.random.Generator) -> Damaged:
    """Vertical lines that stay for a second or two, black or white, and wander a little."""
    height, width = frames[0].shape
    lines = []
    for start in range(-24, len(frames), 24):
        for _ in range(SCRATCHES // 2):
            lines.append(
                (
                    start + int(rng.integers(0, 24)),
                    int(rng.integers(24, 49)),
                    rng.uniform(0.02, 0.98) * width,
                    rng.uniform(-0.4, 0.4),
                    rng.uniform(1.0, 3.0) * height / 480,
                    rng.uniform(20, 60) * rng.choice([-1, 1]),
                    (0.0, 1.0) if rng.random() < 0.7 else tuple(np.sort(rng.uniform(0, 1, 2))),
                )
            )
    made, masks = [], []
    places = np.arange(width, dtype=np.float32)
    rows = np.arange(height) / height
    for number, frame in enumerate(frames):
        harmed, mask = frame.astype(np.float32), np.zeros(frame.shape, bool)
        for first, length, x, drift, across, excess, (top, bottom) in lines:
            if not first <= number < first + length or bottom - top < 0.4:
                continue
            center = x + drift * (number - first) + rng.normal(0, 0.3)
            profile = np.clip(across / 2 + 0.5 - np.abs(places - center), 0, 1)
            extent = ((rows >= top) & (rows < bottom)).astype(np.float32)
            wear = np.clip(1 + 0.3 * cv2.blur(rng.normal(0, 3, (height, 1)), (1, 31)), 0, 1.5)
            cover = extent[:, None] * wear.astype(np.float32) * profile
            harmed += excess * cover
            mask |= cover > 0.25
        made.append(np.clip(np.rint(harmed), 0, 255).astype(np.uint8))
        masks.append(mask)
    return Damaged(made, masks)


def exposed(frames: Sequence[Codes], gains: Sequence[float], lifts: Sequence[float]) -> Damaged:
    """The frames with their codes times a gain, and lifted."""
    made, masks = [], []
    for frame, gain, lift in zip(frames, gains, lifts, strict=True):
        made.append(np.clip(np.rint(frame * gain + lift), 0, 255).astype(np.uint8))
        masks.append(np.full(frame.shape, abs(gain - 1) > 0.02 or abs(lift) > 4))
    return Damaged(made, masks)


def flicker(frames: Sequence[Codes], rng: np.random.Generator) -> Damaged:
    """Exposure that wavers from frame to frame by a standard deviation of 5 to 20 %."""
    gains = np.clip(1 + rng.uniform(0.05, 0.2) * rng.normal(0, 1, len(frames)), 0.4, 1.6)
    return exposed(frames, list(gains), [0.0] * len(frames))


def flashes(frames: Sequence[Codes], rng: np.random.Generator) -> Damaged:
    """Single frames, now and then two, that are much too light."""
    gains, lifts = np.ones(len(frames)), np.zeros(len(frames))
    place = int(rng.integers(3, 9))
    while place < len(frames) - 2:
        length = 1 + int(rng.random() < 0.25)
        gains[place : place + length] = rng.uniform(1.1, 1.5)
        lifts[place : place + length] = rng.uniform(10, 50)
        place += int(rng.integers(6, 14))
    return exposed(frames, list(gains), list(lifts))


DAMAGE: dict[str, Callable[[Sequence[Codes], np.random.Generator], Damaged]] = {
    "dust": dust,
    "scratches": scratches,
    "flicker": flicker,
    "flashes": flashes,
}


def weave(
    frames: Sequence[Codes], rng: np.random.Generator, most: float = 4.0
) -> tuple[list[Codes], NDArray[np.float64]]:
    """The frames, each moved by up to `most` px either way, and the shifts (n, 2) as (dx, dy)."""
    shifts = np.clip(rng.normal(0, most / 2, (len(frames), 2)), -most, most)
    made = []
    for frame, (across, down) in zip(frames, shifts, strict=True):
        matrix = np.array([[1, 0, across], [0, 1, down]], np.float64)
        size = (frame.shape[1], frame.shape[0])
        moved = cv2.warpAffine(
            frame, matrix, size, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
        )
        made.append(np.asarray(moved, np.uint8))
    return made, shifts


def shifts_between(first: Sequence[Codes], second: Sequence[Codes]) -> NDArray[np.float64]:
    """How far each frame of the second lies from that of the first, (n, 2) px."""
    found = []
    for one, other in zip(first, second, strict=True):
        window = cv2.createHanningWindow((one.shape[1], one.shape[0]), cv2.CV_32F)
        shift, _ = cv2.phaseCorrelate(one.astype(np.float32), other.astype(np.float32), window)
        found.append(shift)
    return np.array(found)
