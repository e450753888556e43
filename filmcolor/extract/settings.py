"""What is asked of `extract`: words only, so that help needs nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from filmcolor.options.facts import Checked, option

FrameFormat = Literal["png", "webp"]

LARGEST_PER_SHOT = 50
"""Twice as many frames are held in memory at a time."""


@dataclass(frozen=True, slots=True)
class ExtractSettings(Checked):
    """Which frames of a film are worth training on, and how they are handed over."""

    per_shot: int = option(
        3,
        f"Frames of each shot, at most: the sharpest, spread over it (1 to {LARGEST_PER_SHOT}).",
        metavar="FRAMES",
        range=(1, LARGEST_PER_SHOT),
    )
    every_seconds: float = option(
        30.0,
        "A longer shot is split into shots of this length.",
        metavar="SECONDS",
        more_than=0,
    )
    max_frames: int | None = option(
        None,
        "Frames of each film, at most, spread over it.",
        metavar="FRAMES",
        shown_default="no limit",
        range=(1, None),
    )
    short_side: int | None = option(
        512,
        "Larger frames are reduced to this, none is enlarged. Training crops are 64 to 256 pixels "
        "unless asked otherwise, so the default leaves room; 0 keeps the film's size.",
        metavar="PIXELS",
        range=(32, 16_384),
    )
    format: FrameFormat = option(
        "png", "png loses nothing; webp (quality 95) takes about a fifth of the space."
    )
    overwrite: bool = option(False)  # replace files that are there already
    min_distance: int = option(
        10,
        "Least difference between any two kept frames, in bits of a 64-bit difference hash, over "
        "all films of the command; 0 keeps frames that are alike.",
        metavar="BITS",
        range=(0, 64),
    )
    start_seconds: Fraction | None = option(None, range=(0, None))  # None: the beginning
    duration_seconds: Fraction | None = option(None, more_than=0)  # None: to the end
