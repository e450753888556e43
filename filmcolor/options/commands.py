"""What the other commands can be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from filmcolor.errors import OptionError
from filmcolor.options.color import ColorOptions, Engine, Look, Precision
from filmcolor.options.facts import Checked, check_options, option
from filmcolor.options.run import Audio, RunOptions

CompareMode = Literal["split", "wipe", "side"]

PHOTOS_SECTION = "Photographs, made grey and coloured again"
FILMS_SECTION, _BOTH = "Films, frame by frame", "For both"


@dataclass(frozen=True, slots=True)
class VerifyOptions(Checked):
    """What a result is compared with, and how strictly."""

    start_seconds: Fraction | None = option(None, range=(0, None))  # the part that was coloured
    duration_seconds: Fraction | None = option(None, more_than=0)
    fps: Fraction | None = option(None, range=(0.1, 1000))  # as `RunOptions.fps`
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
    output_chroma: bool = option(
        False,
        "The result was made with --output-chroma: its luma has to be mid-grey. A film that says "
        "so in its comment needs no option.",
        section="How it was made",
    )
    restored: str = option(
        "none",
        "The result was made with --restore: these kinds of repairs, with commas. A film that says "
        "so in its comment needs no option.",
        metavar="KINDS",
    )
    audio: Audio | None = option(
        None,
        "What the result's sound was made with, as given to `run`.",
        metavar="copy|flac|none",
        shown_default="flac",
    )
    expect_color: bool = True  # a frame without colour is a fault

    @property
    def restored_kinds(self) -> tuple[str, ...]:
        """What was repaired; raises `OptionError` for a kind that there is none of."""
        return ColorOptions(restore=self.restored).restored_kinds

    @property
    def audio_kept(self) -> Audio:
        """What has become of sound, as of `RunOptions`."""
        return self.audio or "flac"


@dataclass(frozen=True, slots=True)
class PreviewOptions(Checked):
    """What a preview of a film shows."""

    run: RunOptions = field(default_factory=RunOptions)  # the run that it is a preview of
    shots: int = option(
        8,
        "Shots to show, spread over the film.",
        section="The sheet",
        metavar="NUMBER",
        range=(1, 64),
    )


@dataclass(frozen=True, slots=True)
class ReportOptions(Checked):
    """How a page on a film and its result is made."""

    compared: VerifyOptions = field(default_factory=VerifyOptions)  # the part, and how strictly
    overwrite: bool = False  # replace what stands under the target's name


@dataclass(frozen=True, slots=True)
class ReviewOptions(Checked):
    """Where the page of a film is served, and how the film is coloured."""

    run: RunOptions = field(default_factory=RunOptions)  # the run that the page prepares
    host: str = option(
        "127.0.0.1",
        "Address to listen at. Only programs of this machine reach the default one; at any other "
        "whoever knows the page's address can see the film and change its plan over the network, "
        "which is not encrypted.",
        section="The page",
        metavar="ADDRESS",
    )
    port: int = option(
        0,
        "Port to listen at.",
        metavar="NUMBER",
        shown_default="any that is free",
        range=(0, 65535),
    )
    browser: bool = option(True)  # whether the page is opened in the browser


@dataclass(frozen=True, slots=True)
class WatchOptions(Checked):
    """How a folder is watched, and how what comes into it is coloured."""

    run: RunOptions = field(default_factory=RunOptions)  # the run of each film
    every_seconds: Fraction = option(
        Fraction(5),
        "How often the folder is looked at. A file whose size and time stay the same for so long, "
        "and that no program of this machine writes to, is whole.",
        section="How it is watched",
        metavar="TIME",
        range=(0.1, 3600),
    )
    once: bool = option(False, "Colour what is there, then end: for a job that a clock starts.")


@dataclass(frozen=True, slots=True)
class CompareOptions(Checked):
    """How two films are shown together."""

    mode: CompareMode = option(
        "split",
        "split divides the picture in the middle; wipe moves the line over it and back, beginning "
        "with the first film; side lays the whole pictures side by side.",
        section="How the two are shown",
    )
    period_seconds: Fraction = option(
        Fraction(8),
        "How long a wipe takes to go over and back.",
        metavar="TIME",
        range=(1, 3600),
    )
    run: RunOptions = field(default_factory=RunOptions)  # the part, and how the film is written


@dataclass(frozen=True, slots=True)
class MeasureOptions(Checked):
    """Which models are measured, and at what size."""

    models: tuple[str, ...] = option(
        (ColorOptions().model,),
        "A model that `filmcolor models` lists, or a checkpoint; may be given more than once.",
        section=_BOTH,
        metavar="NAME|FILE",
    )
    look: Look = option(
        "natural",
        "Colour strength of the models: restrained, natural or vivid, as of `filmcolor run`.",
    )
    precision: Precision = option(
        "fp32",
        "Precision of the models: fp32 gives the same figures on every machine, bf16 what "
        "`filmcolor run` gives where bf16 is quicker; auto takes bf16 there.",
    )
    engine: Engine = option(
        "torch",
        "What computes the models: torch, or openvino, which `filmcolor run` takes on a processor "
        "if it is installed; auto takes what `filmcolor run` takes.",
    )
    short_side: int = option(
        256,
        "Larger pictures are reduced to this before they are measured.",
        metavar="PIXELS",
        range=(32, None),
    )
    device: str = option(
        "auto",
        "What the models run on; auto takes a graphics card if one can be used.",
        metavar="auto|cpu|cuda[:N]|mps|xpu",
    )


@dataclass(frozen=True, slots=True)
class PhotoMeasureOptions(MeasureOptions):
    """Which photographs models are measured on, and what is made of it."""

    val: tuple[str, ...] = option(
        (),
        "Colour pictures: a folder, a tar shard, or a film; may be given more than once.",
        section=PHOTOS_SECTION,
        metavar="DATA",
    )
    pictures: int | None = option(
        None,
        "Use at most so many, spread over DATA.",
        metavar="NUMBER",
        shown_default="all",
        range=(1, None),
    )
    sheet: str | None = option(
        None,
        "Write a sheet of pictures: grey, each model's, truth.",
        metavar="FILE.png",
    )
    sheet_pictures: int = option(
        12,
        "Rows of that sheet.",
        metavar="NUMBER",
        range=(1, None),
    )


@dataclass(frozen=True, slots=True)
class FilmMeasureOptions(MeasureOptions):
    """Which films are measured, what they are compared with, and how the figures are shown."""

    truth: str | None = option(
        None, "The film in colour, as it was.", section=FILMS_SECTION, metavar="FILM"
    )
    results: tuple[str, ...] = option(
        (),
        "A coloured film: the same frames, in the same size; may be given more than once. Without "
        "--truth there is no PSNR. It may be a grey film, to compare models on it.",
        metavar="FILM",
    )
    files_only: bool = option(
        False,
        "Measure these files alone. Without it every model colours the luma of the truth, or else "
        "of the first result, once as `filmcolor run` does and once with --smooth none; that takes "
        "as long as a run.",
    )
    by_shot: bool = option(False, "Show the figures of every shot too; JSON has them anyway.")
    plot: str | None = option(
        None,
        "Draw PSNR, colourfulness, CDC and warp error over time, with the cuts.",
        metavar="FILE.png",
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
