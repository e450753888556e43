"""How films and pictures are coloured: the options of `filmcolor run` that other commands share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from filmcolor.errors import OptionError
from filmcolor.options.facts import DAMAGE, check_options, option
from filmcolor.typed import check_types

Smoothing = Literal["flow", "ema", "none"]
Precision = Literal["auto", "fp32", "bf16"]
Engine = Literal["auto", "torch", "openvino", "openvino-int8"]
Look = Literal["restrained", "natural", "vivid"]

LONGEST_STRIDE = 8
"""Frames from one that the network sees to the next, at most."""

RESTORE_KINDS = ("dust", "scratches", "flicker", "weave", "noise")
"""What can be repaired of a film."""
_RESTORE_WORDS = ("all", "none")

_COLOR = re.compile("#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class ColorOptions:
    """How colour is made."""

    model: str = option(
        "default",
        "A name that `filmcolor models` lists, or a .safetensors file.",
        metavar="NAME|FILE",
        file="the model",
        in_plan="shot",
        in_fingerprint=False,  # its content counts
    )
    device: str = option(
        "auto",
        "What the model runs on; auto takes a graphics card if one can be used.",
        metavar="auto|cpu|cuda[:N]|mps|xpu",
        in_fingerprint=False,  # its kind counts
    )
    size: int | None = option(
        None,
        "Working size of the model: the area of a square with this side. Larger finds smaller "
        "things and is slower; the size of the result does not depend on it.",
        metavar="PIXELS",
        shown_default="the model's own",
        range=(64, 2048),
    )
    batch_size: int | None = option(
        None,
        "Frames coloured at once: more is faster on a graphics card and takes more of its memory.",
        metavar="FRAMES",
        shown_default="what suits the device",
        range=(1, 1024),
    )
    precision: Precision = option(
        "auto",
        "How exactly the model computes: bf16 is about twice as fast where the processor or the "
        "graphics card has it and differs by less than the eye sees, fp32 is the same on every "
        "machine but for rounding; auto takes bf16 where it is quicker.",
    )
    engine: Engine = option(
        "auto",
        "What computes the model: on a processor openvino is quicker than torch, and differs by "
        "less than the eye sees; openvino-int8 computes the decoder in 8-bit integers. Auto takes "
        "openvino there if it is installed, with integers on a processor without bfloat16 on which "
        "they have proved quicker and as good as equal.",
    )
    look: Look = option(
        "natural",
        "Colour strength: restrained, natural or vivid; restrained errs least, vivid is richest.",
        in_plan="shot",
    )
    saturation: float = option(
        1.0,
        "Strength of the colours: below 1 paler, above 1 stronger, 0 grey.",
        metavar="FACTOR",
        range=(0, 4),
        in_plan="shot",
    )
    hue_shift: float = option(
        0.0,
        "Turn all hues, -180 to 180: red towards yellow, yellow towards green, green towards "
        "blue; below 0 the other way.",
        metavar="DEGREES",
        range=(-180, 180),
        in_plan="shot",
    )
    coherence: float = option(
        0.85,
        "How far places that look alike get one colour: higher makes things and walls more even, "
        "0 leaves every place to itself.",
        metavar="0..1",
        range=(0, 1),
        in_plan="shot",
    )
    smooth: Smoothing = option(
        "flow",
        "How colour is kept steady from frame to frame: flow follows what moves (films only), "
        "ema blends in place and is quicker, none leaves every frame to itself.",
    )
    stability: float = option(
        0.7,
        "How much it is kept steady: higher evens out more, 0 nothing.",
        metavar="0..1",
        range=(0, 1),
        films_only=True,
        in_plan="shot",
    )
    stride: int | Literal["auto"] = option(
        1,
        "Let the model see every Nth frame of a shot and carry its colours to those between: "
        f"quicker, 1 to {LONGEST_STRIDE}; of an interlaced film every Nth field. auto chooses "
        "what this machine gains from.",
        metavar="N|auto",
        range=(1, LONGEST_STRIDE),
        choices=("auto",),
        films_only=True,
    )
    restore: str = option(
        "none",
        "Repair the film itself: any of dust, scratches, flicker, weave and noise, with commas, or "
        "all. It changes luma, so it is never done unasked, and `verify` then holds luma to what "
        "such repairs may change. Reads up to 50 frames ahead.",
        metavar="KINDS",
        section=DAMAGE,
        films_only=True,
        in_plan="shot",
    )
    restore_strength: float = option(
        1.0,
        "How far it is repaired: 1 wholly, 0 not at all.",
        metavar="0..1",
        range=(0, 1),
        films_only=True,
        in_plan="shot",
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.stride != 1 and self.smooth != "flow":
            raise OptionError(
                f"--stride {self.stride}: colour is carried along the motion that --smooth flow "
                "finds; leave --smooth out"
            )
        wanted = self.restore.split(",")
        known = (*RESTORE_KINDS, *_RESTORE_WORDS)
        if not set(wanted) <= set(known) or (len(wanted) > 1 and set(wanted) & set(_RESTORE_WORDS)):
            raise OptionError(
                f"--restore {self.restore!r}: give any of {', '.join(RESTORE_KINDS)}, with commas "
                "and no spaces; or all, or none"
            )

    @property
    def restored_kinds(self) -> tuple[str, ...]:
        """What is repaired, of `RESTORE_KINDS`, in their order."""
        if self.restore_strength == 0 or self.restore == "none":
            return ()
        wanted = RESTORE_KINDS if self.restore == "all" else self.restore.split(",")
        return tuple(kind for kind in RESTORE_KINDS if kind in wanted)


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
