"""What is asked of `extract`: words only, so that help needs nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from filmcolor.errors import OptionError

FrameFormat = Literal["png", "webp"]

LARGEST_PER_SHOT = 50
"""Twice as many frames are held in memory at a time."""


@dataclass(frozen=True, slots=True)
class ExtractSettings:
    """Which frames of a film are worth training on, and how they are handed over."""

    per_shot: int = 3  # frames of each shot, at most
    every_seconds: float = 30.0  # a longer shot counts as another one after this time
    max_frames: int | None = None  # of each film, spread over it; None: no limit
    short_side: int | None = 512  # larger pictures are reduced to this, px; None: full size
    min_distance: int = 10  # bits in which two kept pictures differ at least, of 64
    start_seconds: Fraction | None = None  # first moment looked at; None: the beginning
    duration_seconds: Fraction | None = None  # how much is looked at; None: to the end

    def __post_init__(self) -> None:
        if not 1 <= self.per_shot <= LARGEST_PER_SHOT:
            raise OptionError(f"--per-shot {self.per_shot}: must be 1 to {LARGEST_PER_SHOT}")
        if not 0 < self.every_seconds < float("inf"):
            raise OptionError(f"--every {self.every_seconds:g}: must be greater than zero")
        if self.max_frames is not None and self.max_frames < 1:
            raise OptionError(f"--max-frames {self.max_frames}: must be at least 1")
        if self.short_side is not None and not 32 <= self.short_side <= 16_384:
            raise OptionError(f"--short-side {self.short_side}: must be 32 to 16384")
        if not 0 <= self.min_distance <= 64:
            raise OptionError(f"--min-distance {self.min_distance}: must be 0 to 64")
        if self.start_seconds is not None and self.start_seconds < 0:
            raise OptionError("--start: must not be negative")
        if self.duration_seconds is not None and self.duration_seconds <= 0:
            raise OptionError("--duration: must be greater than zero")
