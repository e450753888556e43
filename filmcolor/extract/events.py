"""What happens while frames are extracted, for whoever shows it: words only, nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from filmcolor.extract.settings import FrameCounts
from filmcolor.types import Notice


@dataclass(frozen=True, slots=True)
class FilmOpened:
    """A film is about to be read."""

    source: str
    number: int
    """Counted from 1."""
    films: int
    summary: str
    total: int | None
    """Frames expected, an estimate."""


@dataclass(frozen=True, slots=True)
class FilmAdvanced:
    """So far in the film that is being read."""

    done: int
    total: int | None
    kept: int


@dataclass(frozen=True, slots=True)
class FrameWritten:
    """A frame stands under its name, or stood there already."""

    source: str
    target: str
    index: int
    seconds: Fraction
    shot: int
    status: Literal["done", "skipped"] = "done"


@dataclass(frozen=True, slots=True)
class FilmRead:
    """A film was read to its end."""

    source: str
    counts: FrameCounts


@dataclass(frozen=True, slots=True)
class FilmFailed:
    """A film could not be read, or not to its end; what was written of it stays."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """All films are done."""

    folder: str
    films: int
    failed: int
    skipped: int
    """Kept frames whose files were there already."""
    seconds: float
    counts: FrameCounts
    """Of all films together."""


ExtractEvent = Notice | FilmOpened | FilmAdvanced | FrameWritten | FilmRead | FilmFailed | Extracted
