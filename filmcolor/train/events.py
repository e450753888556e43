"""The events of a training run; only the command line prints it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filmcolor.evaluate.enlarging import EnlargeReport
from filmcolor.evaluate.report import PhotoReport
from filmcolor.train.loop import StepReport


@dataclass(frozen=True, slots=True)
class TrainStarted:
    """The run is about to begin, or to go on."""

    folder: Path
    recipe: str
    architecture: str
    parameters: int
    photos: int
    val_photos: int
    unreadable: tuple[str, ...]
    grey: tuple[str, ...]
    device: str
    steps: int | None
    seconds: float | None
    step: int
    """Where it goes on; 0 for a new one."""
    small: tuple[str, ...] = ()
    """Pictures smaller than the crops, where these are cut without resizing."""
    is_upscaler: bool = False
    """Whether it learns to raise the resolution, not to colour."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The averaged weights were measured and written as `last`."""

    step: int
    report: PhotoReport | EnlargeReport
    score: float
    is_best: bool


@dataclass(frozen=True, slots=True)
class TrainFinished:
    """The run is over, or was stopped and can go on."""

    folder: Path
    step: int
    seconds: float
    stopped: bool
    was_finished: bool = False
    """Whether nothing was left to be done."""


TrainEvent = TrainStarted | StepReport | Evaluated | TrainFinished
