"""What the commands tell while they work: the events of all of them, by one protocol.

An event is a small frozen dataclass. It knows its name in JSON and the objects it is there; how it
looks on a terminal is not its business. Words only: nothing here opens a file or imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, dataclass_transform

Reason = Literal["black", "blank", "grey", "tinted", "blurred", "duplicate", "surplus", "limit"]
"""Why a frame was not extracted: next to nothing but black; white or flat; without colour; one
colour for each brightness; soft, for a picture or for its shot; like one that was kept; beside
better ones of its shot; over the number asked for.
"""


@dataclass_transform(frozen_default=True)
class Event:
    """What happens while a command works; every child is a frozen dataclass."""

    json_name: ClassVar[str]
    is_frequent: ClassVar[bool] = False
    """It comes several times a second: JSON has it less often."""

    def __init_subclass__(cls, json: str = "") -> None:
        """`json` is the child's name in JSON."""
        dataclass(frozen=True)(cls)
        cls.json_name = json

    def objects(self) -> Iterator[dict[str, Any]]:
        """Its objects in JSON, most often one: `event`, its name, and every field."""
        yield {"event": self.json_name, **vars(self)}


class Counted(Event):
    """How many frames, pictures or films are done, of how many; children say of what."""

    is_frequent = True
    done: int
    total: int | None
    """Expected, if known; an estimate."""


class Notice(Event, json="notice"):
    """Something the user should know; not an error."""

    text: str
    warning: bool = False


class Failed(Event, json="error"):
    """The command ends with an error."""

    text: str
    exit_code: int


class Analyzing(Counted, json="looking"):
    """The film is being analysed before it is coloured."""


class Started(Event, json="planned"):
    """A run is about to start."""

    source: str
    target: str
    model: str
    device: str
    summary: str
    """One line for people: size, rate, pixel format, codec."""
    total: int | None
    """Frames (or pictures) expected, if known; an estimate."""
    unit: Literal["frames", "pictures"] = "frames"
    work: str = ""
    """Folder that keeps what is done until the film is whole; empty where nothing is kept."""
    engine: str = "torch"
    """What computes the model on that device."""


class Progress(Counted, json="progress"):
    """So far."""

    stage_seconds: Mapping[str, float]
    """Working seconds of each stage, waiting left out."""


class Joining(Counted, json="joining"):
    """The finished parts are being put together."""


class PictureDone(Event, json="picture"):
    """One picture of a folder was coloured, skipped or could not be."""

    source: str
    target: str
    status: Literal["done", "skipped", "failed"]
    reason: str = ""


class FilmDone(Event, json="film"):
    """One film of several was coloured, skipped, left to others or could not be."""

    source: str
    target: str
    status: Literal["done", "skipped", "left", "failed"]
    reason: str = ""
    """One line for people: why it was not done; what was, if it was."""


class Finished(Event, json="finished"):
    """The run is over and its result stands under its final name, if it is whole."""

    target: str
    done: int
    seconds: float
    stage_seconds: Mapping[str, float]
    skipped: int = 0
    failed: int = 0
    left: int = 0
    """Films that other shards put together."""
    unit: Literal["frames", "pictures", "shots", "films"] = "frames"
    whole: bool = True
    """False: other shards are at work on what is left, and put the film together."""


class Serving(Event, json="serving"):
    """The page can be opened, until the command is stopped."""

    address: str


class Watching(Event, json="watching"):
    """Films and pictures that come into a folder are coloured, until the command is stopped."""

    folder: str
    target: str


class Comparing(Event, json="comparing"):
    """A result is about to be compared with its source; `VerifyReport` ends it."""

    source: str
    result: str


class Compared(Counted, json="progress"):
    """Frames that have been compared."""


class Measured(Event, json="progress"):
    """Frames or photographs that have been measured."""

    is_frequent = True
    subject: str
    done: int
    total: int | None
    unit: Literal["frames", "photographs"]


@dataclass(slots=True)
class FrameCounts:
    """How many frames were looked at, kept, and not kept, by reason; grows while a film is read.

    When the film has been read to its end, `frames` is `kept` plus everything in `rejected`.
    """

    frames: int = 0
    shots: int = 0
    kept: int = 0
    rejected: dict[Reason, int] = field(default_factory=dict)

    def reject(self, reason: Reason, frames: int = 1) -> None:
        """Count frames that are not kept."""
        if frames:
            self.rejected[reason] = self.rejected.get(reason, 0) + frames

    def add(self, other: FrameCounts) -> None:
        """Add the counts of another film."""
        self.frames += other.frames
        self.shots += other.shots
        self.kept += other.kept
        for reason, frames in other.rejected.items():
            self.reject(reason, frames)


class FilmOpened(Event, json="opened"):
    """A film is about to be read for frames to extract."""

    source: str
    number: int
    """Counted from 1."""
    films: int
    summary: str
    total: int | None
    """Frames expected, an estimate."""


class FilmAdvanced(Counted, json="progress"):
    """So far in the film that is being read."""

    kept: int


class FrameWritten(Event, json="frame"):
    """A frame stands under its name, or stood there already."""

    source: str
    target: str
    index: int
    seconds: Fraction
    shot: int
    status: Literal["done", "skipped"] = "done"


class FilmRead(Event, json="film"):
    """A film was read to its end."""

    source: str
    counts: FrameCounts


class FilmFailed(Event, json="failed"):
    """A film could not be read, or not to its end; what was written of it stays."""

    source: str
    reason: str


class Extracted(Event, json="finished"):
    """The frames of all films have been extracted."""

    folder: str
    films: int
    failed: int
    skipped: int
    """Kept frames whose files were there already."""
    seconds: float
    counts: FrameCounts
    """Of all films together."""


class TrainStarted(Event, json="started"):
    """The training run is about to begin, or to go on."""

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


class StepReport(Event, json="step"):
    """Means since the last report."""

    step: int
    epoch: float
    phase: str
    progress: float
    losses: Mapping[str, float]
    """Unweighted terms of the generator's loss, and `discriminator`."""
    rate: float
    """Learning rate of the generator (its decoder) now."""
    images_per_second: float
    """Of all processes together."""
    data_share: float
    """Share of the time spent on waiting for crops."""


class Figures(Protocol):
    """What was measured of a model: a `PhotoReport` or an `EnlargeReport`."""

    @property
    def psnr_gain(self) -> float:
        """Of the model over doing nothing, dB."""

    def card_metrics(self) -> dict[str, float]:
        """The figures that go into a checkpoint's card."""

    def as_dict(self) -> dict[str, object]:
        """All figures, for JSON."""


class Evaluated(Event, json="evaluated"):
    """The averaged weights were measured and written as `last`."""

    step: int
    report: Figures
    score: float
    is_best: bool

    def objects(self) -> Iterator[dict[str, Any]]:
        """The figures stand beside the other fields."""
        own = {"step": self.step, "score": self.score, "is_best": self.is_best}
        yield {"event": self.json_name, **own, **self.report.as_dict()}


class TrainFinished(Event, json="finished"):
    """The training run is over, or was stopped and can go on."""

    folder: Path
    step: int
    seconds: float
    stopped: bool
    was_finished: bool = False
    """Whether nothing was left to be done."""
