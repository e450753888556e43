"""What a user can choose, as frozen dataclasses; the command line reads its defaults from here.

Words only: imports nothing heavy, so that `filmcolor --help` stays quick.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from filmcolor.errors import OptionError
from filmcolor.typed import check_types

Smoothing = Literal["flow", "ema", "none"]
Codec = Literal[
    "libx264", "libx265", "libsvtav1", "prores", "ffv1", "h264_nvenc", "hevc_nvenc", "av1_nvenc"
]
SitingChoice = Literal["auto", "left", "center"]
Precision = Literal["auto", "fp32", "bf16"]
Look = Literal["restrained", "natural", "vivid"]
OnError = Literal["stop", "repeat"]
UpscaleFor = Literal["clean", "film"]
CompareMode = Literal["split", "wipe", "side"]

_COLOR = re.compile("#[0-9a-fA-F]{6}")

LONGEST_STRIDE = 8
"""Frames from one that the network sees to the next, at most."""


def _option(name: str) -> str:
    """What people call a field of these dataclasses."""
    return f"--{name.removesuffix('_seconds').replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class ColorOptions:
    """How colour is made."""

    model: str = "default"  # name of a shipped model, or a .safetensors file
    device: str = "auto"  # auto, cpu, cuda, cuda:N, mps
    size: int | None = None  # side in px of the square whose area the model sees; None: its own
    batch_size: int | None = None  # frames a forward pass; None: settled by the device
    precision: Precision = "auto"  # of the model; auto: bf16 where device and model gain from it
    look: Look = "natural"  # how boldly the model paints: restrained errs least, vivid is richest
    saturation: float = 1.0  # factor on ab; 1 is the look's own, with 0 nothing is painted
    hue_shift: float = 0.0  # degrees by which all hues are turned, from red towards yellow
    smooth: Smoothing = "flow"  # temporal smoothing of ab
    stability: float = 0.7  # its strength: 0 none, 1 the most
    stride: int | Literal["auto"] = 1  # the network sees every n-th frame of a shot

    def __post_init__(self) -> None:
        check_types(self, _option)
        if self.size is not None and not 64 <= self.size <= 2048:
            raise OptionError(f"--size {self.size}: must be 64 to 2048")
        if self.batch_size is not None and not 1 <= self.batch_size <= 1024:
            raise OptionError(f"--batch-size {self.batch_size}: must be 1 to 1024")
        if not 0.0 <= self.saturation <= 4.0:
            raise OptionError(f"--saturation {self.saturation}: must be 0 to 4")
        if not -180.0 <= self.hue_shift <= 180.0:
            raise OptionError(f"--hue-shift {self.hue_shift}: must be -180 to 180")
        if not 0.0 <= self.stability <= 1.0:
            raise OptionError(f"--stability {self.stability}: must be 0 to 1")
        if self.stride != "auto" and not 1 <= self.stride <= LONGEST_STRIDE:
            raise OptionError(f"--stride {self.stride}: must be auto, or 1 to {LONGEST_STRIDE}")
        if self.stride != 1 and self.smooth != "flow":
            raise OptionError(
                f"--stride {self.stride}: colour is carried along the motion that --smooth flow "
                "finds; leave --smooth out"
            )


@dataclass(frozen=True, slots=True)
class Stroke:
    """A colour that somebody knows, where it is seen: at points, or all over a box."""

    at: Fraction  # when, in seconds from the film's first frame
    color: str  # "#rrggbb", sRGB
    points: tuple[tuple[float, float], ...] = ()  # (x, y) in px of the film as it is displayed
    box: tuple[float, float, float, float] | None = None  # x0, y0, x1, y1 likewise, half-open
    radius: float = 1.0  # px around each point that have the colour for certain

    def __post_init__(self) -> None:
        check_types(self)
        if self.at < 0:
            raise OptionError("at: must not be negative")
        if not _COLOR.fullmatch(self.color):
            raise OptionError(f"color: {self.color!r} is none; write it as #8b1a1a")
        if bool(self.points) == (self.box is not None):
            raise OptionError("give it either points or a box")
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise OptionError("box: must be x0, y0, x1, y1 with x0 < x1 and y0 < y1")
        if not 0 < self.radius <= 1000:
            raise OptionError("radius: must be more than 0, and 1000 px at most")

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, 0..255."""
        red, green, blue = bytes.fromhex(self.color[1:])
        return red, green, blue


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How the film is written."""

    codec: Codec = "libx264"
    crf: float | None = None  # constant quality; None: the codec's entry in the encoder table
    preset: str | None = None  # the encoder's own preset name; None: its entry in the table
    lossless: bool = False  # mathematically lossless, where the codec can

    def __post_init__(self) -> None:
        check_types(self, _option)
        if self.lossless and self.crf is not None:
            raise OptionError("--lossless and --crf exclude each other: leave one out")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Everything about one run over a film or a set of pictures."""

    color: ColorOptions = field(default_factory=ColorOptions)
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    siting: SitingChoice = "auto"  # horizontal position of 4:2:0 chroma
    deinterlace: bool = False  # one whole frame of two fields (gives up exact luma and moments)
    keep_start: bool = False  # leave the clock of a film that begins late as it is
    start_seconds: Fraction | None = None  # first moment to colour; None: the beginning
    duration_seconds: Fraction | None = None  # how much to colour; None: to the end
    on_error: OnError = "stop"  # where a frame cannot be decoded: end there, or show the one before
    overwrite: bool = False  # replace what stands under the target's name
    work: str | None = None  # folder for what is done until the film is whole; None: beside it
    keep_work: bool = False  # leave that folder there afterwards
    workers: int = 1  # processes that colour segments side by side
    shard: tuple[int, int] | None = None  # (number, count): one of so many runs that share the work
    verify: bool = False  # compare the result with the source when it is written
    sidecar: bool = False  # write a JSON file beside the result: what it was made from, and how
    stills: str | None = None  # folder of coloured stills, named by their times
    strokes: str | tuple[Stroke, ...] | None = None  # known colours, or a TOML or JSON file of them
    upscale: int | None = None  # times as many rows and columns: 2, 3 or 4; None: as they are
    upscale_for: UpscaleFor = "film"  # what the shipped upscaler was trained for
    upscale_model: str | None = None  # name of an upscaler, or a .safetensors file; None: by that
    no_color: bool = False  # only enlarge

    reference: str | None = None  # colour picture of other things whose colours are followed
    plan: str | None = None  # TOML file with the shots, and what is chosen for each
    insisted: tuple[str, ...] = ()  # options that win over the plan's [film] even at their default

    @property
    def upscaler(self) -> str:
        """Name or file of the network that enlarges."""
        return self.upscale_model or {"clean": "sr-fast", "film": "sr-fast-film"}[self.upscale_for]

    def __post_init__(self) -> None:
        check_types(self, _option)
        if self.upscale is not None and self.upscale not in (2, 3, 4):
            raise OptionError(f"--upscale {self.upscale}: must be 2, 3 or 4")
        if self.upscale is None and (self.no_color or self.upscale_model is not None):
            name = "--no-color" if self.no_color else "--upscale-model"
            raise OptionError(f"{name}: needs --upscale 2, 3 or 4")
        for name in ("stills", "strokes", "reference"):
            if self.no_color and getattr(self, name) is not None:
                raise OptionError(f"--{name}: says which colours are right; leave --no-color out")
        if self.start_seconds is not None and self.start_seconds < 0:
            raise OptionError("--start: must not be negative")
        if self.duration_seconds is not None and self.duration_seconds <= 0:
            raise OptionError("--duration: must be greater than zero")
        if not 1 <= self.workers <= 256:
            raise OptionError(f"--workers {self.workers}: must be 1 to 256")
        if self.shard is not None and not 1 <= self.shard[0] <= self.shard[1]:
            raise OptionError(f"--shard {self.shard[0]}/{self.shard[1]}: must be 1/n to n/n")
        if self.shard is not None and self.overwrite:
            raise OptionError("--shard, --overwrite: a late shard would begin anew; remove the old")


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What a result is compared with, and how strictly."""

    start_seconds: Fraction | None = None  # the part that was coloured, as in RunOptions
    duration_seconds: Fraction | None = None
    deinterlace: bool = False  # the result was made with --deinterlace
    lossless: bool = False  # every code of luma must be the source's, whatever the codec
    expect_color: bool = True  # a frame without colour is a fault

    def __post_init__(self) -> None:
        check_types(self, _option)
        RunOptions(start_seconds=self.start_seconds, duration_seconds=self.duration_seconds)


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Everything about one training run that is not the recipe's."""

    recipe: str = "film"  # name of a recipe, or a .toml file with one
    phase: str | None = None  # only this phase of the recipe
    size: int | None = None  # side of a crop, px; None: the recipe's
    batch_size: int | None = None  # crops a step, of all processes together; None: the recipe's
    steps: int | None = None  # length of the run; None, as of the next two: the recipe's epochs
    epochs: float | None = None
    minutes: float | None = None
    init: str | None = None  # weights to start from: a checkpoint, or MobileNetV2's for the encoder
    teacher: str | None = None  # MobileNetV2's weights; None: those that `init` names, if it does
    freeze: tuple[str, ...] = ()  # name patterns of layers that are not trained
    exclude: tuple[str, ...] = ()  # name patterns of pictures, within their sources, left out
    val: tuple[str, ...] = ()  # data to evaluate on; none: a part of the training data is held out
    val_pictures: int = 64  # evaluated on at most so many of them, spread evenly
    evaluations: int = 10  # over each length given to the run, beside one at each phase's end
    short_side: int = 256  # larger photos are reduced to this before crops are cut, px
    precision: Precision = "auto"  # bf16 on a GPU; on a CPU bf16 where it is known to be quicker
    seed: int = 0
    device: str = "auto"
    compiled: bool = False  # torch.compile the networks
    tensorboard: bool = False  # write the losses for TensorBoard too
    card: str | None = None  # .toml file with name, description, license ... for the checkpoints

    def __post_init__(self) -> None:
        check_types(self, _option)
        lengths = [self.steps is not None, self.epochs is not None, self.minutes is not None]
        if sum(lengths) > 1:
            raise OptionError("--steps, --epochs and --minutes exclude each other: give one")
        for name, value in (("steps", self.steps), ("evaluations", self.evaluations)):
            if value is not None and value < 1:
                raise OptionError(f"--{name} {value}: must be at least 1")
        for name, length in (("epochs", self.epochs), ("minutes", self.minutes)):
            if length is not None and not 0 < length < float("inf"):
                raise OptionError(f"--{name} {length}: must be greater than zero")
        if self.size is not None and not 32 <= self.size <= 1024:
            raise OptionError(f"--size {self.size}: must be 32 to 1024")
        if self.batch_size is not None and not 1 <= self.batch_size <= 4096:
            raise OptionError(f"--batch-size {self.batch_size}: must be 1 to 4096")
        if not 32 <= self.short_side <= 2048:
            raise OptionError(f"--short-side {self.short_side}: must be 32 to 2048")
        if self.val_pictures < 1:
            raise OptionError(f"--val-pictures {self.val_pictures}: must be at least 1")
        if not 0 <= self.seed < 2**63:
            raise OptionError(f"--seed {self.seed}: must be 0 to {2**63 - 1}")


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """What a preview of a film shows."""

    run: RunOptions = field(default_factory=RunOptions)  # the run that it is a preview of
    shots: int = 8  # at most so many, spread over the film

    def __post_init__(self) -> None:
        check_types(self, _option)
        if not 1 <= self.shots <= 64:
            raise OptionError(f"--shots {self.shots}: must be 1 to 64")


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How a page on a film and its result is made."""

    compared: VerifyOptions = field(default_factory=VerifyOptions)  # the part, and how strictly
    overwrite: bool = False  # replace what stands under the target's name

    def __post_init__(self) -> None:
        check_types(self, _option)


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How two films are shown together."""

    mode: CompareMode = "split"  # divided in the middle, by a line that moves, or side by side
    period_seconds: Fraction = Fraction(8)  # a wipe goes over and back in so long
    run: RunOptions = field(default_factory=RunOptions)  # the part, and how the film is written

    def __post_init__(self) -> None:
        check_types(self, _option)
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
    short_side: int = 256  # pictures are reduced to this before they are measured, px
    start_seconds: Fraction | None = None  # first moment to measure; None: the beginning
    duration_seconds: Fraction | None = None  # how much to measure; None: to the end

    def __post_init__(self) -> None:
        check_types(self, _option)
        if self.truth is None and not self.results:
            raise OptionError("--truth and --result are missing: give one of them, or both")
        for name in (self.truth, *self.results):
            if name in ("", "-"):
                raise OptionError(f"{name or 'an empty name'}: films are compared as files")
        for kind, names in (("result", self.results), ("model", self.models)):
            if len(set(names)) < len(names):
                raise OptionError(f"--{kind}: the same one was given twice")
        if self.short_side < 32:
            raise OptionError(f"--short-side {self.short_side}: must be at least 32")
        if self.start_seconds is not None and self.start_seconds < 0:
            raise OptionError("--start: must not be negative")
        if self.duration_seconds is not None and self.duration_seconds <= 0:
            raise OptionError("--duration: must be greater than zero")
