"""What the other commands can be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from filmcolor.errors import OptionError
from filmcolor.options.color import ColorOptions, Look, Precision
from filmcolor.options.facts import check_options, option
from filmcolor.options.run import RunOptions

CompareMode = Literal["split", "wipe", "side"]


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What a result is compared with, and how strictly."""

    start_seconds: Fraction | None = option(None, range=(0, None))  # the part that was coloured
    duration_seconds: Fraction | None = option(None, more_than=0)
    deinterlace: bool = False  # the result was made with --deinterlace
    lossless: bool = False  # every code of luma must be the source's, whatever the codec
    expect_color: bool = True  # a frame without colour is a fault

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Everything about one training run that is not the recipe's."""

    recipe: str = "film"  # name of a recipe, or a .toml file with one
    phase: str | None = None  # only this phase of the recipe
    size: int | None = option(None, range=(32, 1024))  # side of a crop, px; None: the recipe's
    batch_size: int | None = option(None, range=(1, 4096))  # crops a step; None: the recipe's
    steps: int | None = option(None, range=(1, None))  # length; None, as below: the recipe's epochs
    epochs: float | None = option(None, more_than=0)
    minutes: float | None = option(None, more_than=0)
    init: str | None = None  # weights to start from: a checkpoint, or MobileNetV2's for the encoder
    teacher: str | None = None  # MobileNetV2's weights; None: those that `init` names, if it does
    freeze: tuple[str, ...] = ()  # name patterns of layers that are not trained
    exclude: tuple[str, ...] = ()  # name patterns of pictures, within their sources, left out
    val: tuple[str, ...] = ()  # data to evaluate on; none: a part of the training data is held out
    val_pictures: int = option(64, range=(1, None))  # evaluated on at most so many, spread evenly
    evaluations: int = option(10, range=(1, None))  # over each length, beside those at phases' ends
    short_side: int = option(256, range=(32, 2048))  # larger photos are reduced to this first, px
    precision: Precision = "auto"  # bf16 on a GPU; on a CPU bf16 where it is known to be quicker
    seed: int = option(0, range=(0, 2**63 - 1))
    device: str = "auto"
    compiled: bool = False  # torch.compile the networks
    tensorboard: bool = False  # write the losses for TensorBoard too
    card: str | None = None  # .toml file with name, description, license ... for the checkpoints

    def __post_init__(self) -> None:
        check_options(self)
        lengths = [self.steps is not None, self.epochs is not None, self.minutes is not None]
        if sum(lengths) > 1:
            raise OptionError("--steps, --epochs and --minutes exclude each other: give one")


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """What a preview of a film shows."""

    run: RunOptions = field(default_factory=RunOptions)  # the run that it is a preview of
    shots: int = option(8, range=(1, 64))  # at most so many, spread over the film

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How a page on a film and its result is made."""

    compared: VerifyOptions = field(default_factory=VerifyOptions)  # the part, and how strictly
    overwrite: bool = False  # replace what stands under the target's name

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How two films are shown together."""

    mode: CompareMode = "split"  # divided in the middle, by a line that moves, or side by side
    period_seconds: Fraction = Fraction(8)  # a wipe goes over and back in so long
    run: RunOptions = field(default_factory=RunOptions)  # the part, and how the film is written

    def __post_init__(self) -> None:
        check_options(self)
        if not 1 <= self.period_seconds <= 3600:
            raise OptionError(f"--period {float(self.period_seconds):g}: must be 1 to 3600 seconds")


@dataclass(frozen=True, slots=True)
class FilmMeasureOptions:
    """Which films are measured, and what they are compared with."""

    truth: str | None = None  # the film in colour; None: a film whose colours nobody knows
    results: tuple[str, ...] = ()  # films coloured before
    models: tuple[str, ...] = (ColorOptions().model,)  # shipped names, or .safetensors files
    look: Look = "natural"  # that they paint in
    precision: Precision = "fp32"  # that they compute in; auto as in `ColorOptions`
    files_only: bool = False  # colour nothing here: measure truth and results alone
    device: str = "auto"
    short_side: int = option(256, range=(32, None))  # pictures are reduced to this first, px
    start_seconds: Fraction | None = option(None, range=(0, None))  # first moment to measure
    duration_seconds: Fraction | None = option(None, more_than=0)  # how much; None: to the end

    def __post_init__(self) -> None:
        check_options(self)
        if self.truth is None and not self.results:
            raise OptionError("--truth and --result are missing: give one of them, or both")
        for name in (self.truth, *self.results):
            if name in ("", "-"):
                raise OptionError(f"{name or 'an empty name'}: films are compared as files")
        for kind, names in (("result", self.results), ("model", self.models)):
            if len(set(names)) < len(names):
                raise OptionError(f"--{kind}: the same one was given twice")
