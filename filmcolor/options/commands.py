"""What the other commands can be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from filmcolor.errors import OptionError
from filmcolor.options.color import ColorOptions, Look, Precision
from filmcolor.options.facts import check_options, option
from filmcolor.options.run import Audio, RunOptions

CompareMode = Literal["split", "wipe", "side"]

_FILMS, _BOTH = "Films, frame by frame", "For both"
RUN_SECTION, _WHAT = "The run", "What is trained"
_HOW, _CHECK = "How it is trained", "How it is checked"


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What a result is compared with, and how strictly."""

    start_seconds: Fraction | None = option(None, range=(0, None))  # the part that was coloured
    duration_seconds: Fraction | None = option(None, more_than=0)
    lossless: bool = option(
        False,
        "Every code of luma must be equal. Without it this is required of ffv1 and of other "
        "lossless films; in a lossy one, no block may differ by more than its codec explains.",
        section="How strictly it is compared",
    )
    deinterlace: bool = option(
        False,
        "The result was made with --deinterlace: compare with the whole frames that this makes.",
        section="How strictly it is compared",
    )
    audio: Audio | None = option(
        None,
        "What the result's sound was made with, as given to `run`.",
        section="How it was made",
        metavar="copy|flac|none",
        shown_default="flac",
    )
    expect_color: bool = True  # a frame without colour is a fault

    @property
    def audio_kept(self) -> Audio:
        """What has become of sound, as of `RunOptions`."""
        return self.audio or "flac"

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Everything about one training run that is not the recipe's."""

    steps: int | None = option(
        None,
        "Length of the whole run in steps, each of one batch.",
        section=RUN_SECTION,
        metavar="NUMBER",
        range=(1, None),
    )
    epochs: float | None = option(
        None,
        "Length of the whole run: how often every picture is seen.",
        section=RUN_SECTION,
        metavar="NUMBER",
        shown_default="the recipe's",
        more_than=0,
    )
    minutes: float | None = option(
        None,
        "Length of the whole run in minutes of training.",
        section=RUN_SECTION,
        metavar="NUMBER",
        more_than=0,
    )
    recipe: str = option(
        "film",
        "The training method: one of those listed below, or a file.",
        section=_WHAT,
        metavar="NAME|FILE",
    )
    phase: str | None = option(
        None,
        "Train only this phase of the recipe.",
        section=_WHAT,
        metavar="NAME",
        shown_default="the whole recipe",
    )
    init: str | None = option(
        None,
        "Weights to start from: a model that `filmcolor models` lists, a checkpoint, or (recipe "
        "film) MobileNetV2 weights for the encoder. From a trained model recipe film learns at a "
        "quarter of its rates.",
        section=_WHAT,
        metavar="NAME|FILE",
        shown_default="fresh weights",
    )
    teacher: str | None = option(
        None,
        "MobileNetV2 weights (recipe film): the encoder's features of a grey picture are kept near "
        "those that this network has of the colour picture, so that it still recognises things.",
        section=_WHAT,
        metavar="FILE",
        shown_default="those of --init, if it names such",
    )
    freeze: tuple[str, ...] = option(
        (),
        "Layers that keep their weights, by name, with * and ?; may be given more than once. "
        "encoder is one.",
        section=_WHAT,
        metavar="PATTERN",
    )
    exclude: tuple[str, ...] = option(
        (),
        "Pictures to leave out, by their names within the folder or shard, with * and ?, such as "
        "'cats/*'; may be given more than once.",
        section=_WHAT,
        metavar="PATTERN",
    )
    card: str | None = option(
        None,
        "TOML file with texts for the checkpoints: name, description, license, training_data, "
        "provenance, weaknesses.",
        section=_WHAT,
        metavar="FILE",
    )
    size: int | None = option(
        None,
        "Side of the crops that are trained on.",
        section=_HOW,
        metavar="PIXELS",
        shown_default="the recipe's",
        range=(32, 1024),
    )
    batch_size: int | None = option(
        None,
        "Crops a step, of all processes together.",
        section=_HOW,
        metavar="NUMBER",
        shown_default="the recipe's",
        range=(1, 4096),
    )
    short_side: int = option(
        256,
        "Larger pictures are reduced to this before crops are cut.",
        section=_HOW,
        metavar="PIXELS",
        range=(32, 2048),
    )
    precision: Precision = option(
        "auto",
        "auto is bf16 on a GPU, and on a CPU only where it is known to be quicker.",
        section=_HOW,
    )
    device: str = option(
        "auto",
        "What is trained on; auto takes a graphics card if one can be used.",
        section=_HOW,
        metavar="auto|cpu|cuda[:N]|mps",
    )
    compiled: bool = option(
        False,
        "Compile the networks first (torch.compile): a slow start, then quicker steps on a GPU.",
        section=_HOW,
    )
    seed: int = option(
        0,
        "Crops and their order follow from it alone.",
        section=_HOW,
        metavar="NUMBER",
        range=(0, 2**63 - 1),
    )
    val: tuple[str, ...] = option(
        (),
        "Pictures to evaluate on; may be given more than once.",
        section=_CHECK,
        metavar="DATA",
        shown_default="a part of DATA is held out",
    )
    val_pictures: int = option(
        64,
        "Evaluate on at most so many of them.",
        section=_CHECK,
        metavar="NUMBER",
        range=(1, None),
    )
    evaluations: int = option(
        10,
        "Evaluations in the whole run, and again as many in what a new length adds to it. Each "
        "writes checkpoints, sheets and curves.",
        section=_CHECK,
        metavar="NUMBER",
        range=(1, None),
    )
    tensorboard: bool = option(
        False,
        "Write the losses for TensorBoard as well (needs filmcolor[tensorboard]).",
        section=_CHECK,
    )

    def __post_init__(self) -> None:
        check_options(self)
        lengths = [self.steps is not None, self.epochs is not None, self.minutes is not None]
        if sum(lengths) > 1:
            raise OptionError("--steps, --epochs and --minutes exclude each other: give one")


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """What a preview of a film shows."""

    run: RunOptions = field(default_factory=RunOptions)  # the run that it is a preview of
    shots: int = option(
        8,
        "Shots to show, spread over the film.",
        section="The sheet",
        metavar="NUMBER",
        range=(1, 64),
    )

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

    mode: CompareMode = option(
        "split",
        "split divides the picture in the middle; wipe moves the line over it and back, beginning "
        "with the first film; side lays the whole pictures side by side.",
        section="How the two are shown",
    )
    period_seconds: Fraction = Fraction(8)  # a wipe goes over and back in so long
    run: RunOptions = field(default_factory=RunOptions)  # the part, and how the film is written

    def __post_init__(self) -> None:
        check_options(self)
        if not 1 <= self.period_seconds <= 3600:
            raise OptionError(f"--period {float(self.period_seconds):g}: must be 1 to 3600 seconds")


@dataclass(frozen=True, slots=True)
class FilmMeasureOptions:
    """Which films are measured, and what they are compared with."""

    truth: str | None = option(
        None, "The film in colour, as it was.", section=_FILMS, metavar="FILM"
    )
    results: tuple[str, ...] = option(
        (),
        "A coloured film: the same frames, in the same size; may be given more than once. Without "
        "--truth there is no PSNR. It may be a grey film, to compare models on it.",
        section=_FILMS,
        metavar="FILM",
    )
    files_only: bool = option(
        False,
        "Measure these files alone. Without it every model colours the luma of the truth, or else "
        "of the first result, once as `filmcolor run` does (slow drift of a shot's colours "
        "stays in) and once with --smooth none; that takes as long as a run.",
        section=_FILMS,
    )
    models: tuple[str, ...] = option(
        (ColorOptions().model,),
        "A model that `filmcolor models` lists, or a checkpoint; may be given more than once.",
        section=_BOTH,
        metavar="NAME|FILE",
    )
    look: Look = option(
        "natural",
        "Colour strength of the models: restrained, natural or vivid, as of `filmcolor run`.",
        section=_BOTH,
    )
    precision: Precision = option(
        "fp32",
        "Precision of the models: fp32 gives the same figures on every machine, bf16 what "
        "`filmcolor run` gives where bf16 is quicker; auto takes bf16 there.",
        section=_BOTH,
    )
    short_side: int = option(
        256,
        "Larger pictures are reduced to this before they are measured.",
        section=_BOTH,
        metavar="PIXELS",
        range=(32, None),
    )
    device: str = option(
        "auto",
        "What the models run on; auto takes a graphics card if one can be used.",
        section=_BOTH,
        metavar="auto|cpu|cuda[:N]|mps",
    )
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
