"""What a training method is made of: phases, losses, an adversary; checked where they are put
together.

Data only; the loop reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from filmcolor.errors import OptionError
from filmcolor.train.degrade import NO_DEGRADATION, DegradeSettings
from filmcolor.train.hints import HintSettings


@dataclass(frozen=True, slots=True)
class Adversary:
    """A discriminator, and how it is played against."""

    architecture: Literal["patch", "dcgan", "rgb-gan"]
    norm: Literal["batch", "spectral"] = "batch"  # of the patch discriminator
    width: int = 64  # channels of its first layer
    sees_lightness: bool = True  # beside the colours
    loss: Literal["vanilla", "hinge"] = "vanilla"
    real_label: tuple[float, float] = (1.0, 1.0)  # drawn evenly from this range (vanilla)
    fake_label: tuple[float, float] = (0.0, 0.0)
    updates: int = 1  # of the discriminator for each of the generator


@dataclass(frozen=True, slots=True)
class Losses:
    """Weight of every term of the generator's loss; 0 leaves it out."""

    classes: float = 0.0  # rebalanced soft classification of ab
    regression: float = 0.0  # smooth L1 of ab, in units of 20
    picture: float = 0.0  # log of each picture's mean squared error of the regressed ab
    painted: float = 0.0  # the same of the two heads' mixture, at its gain, as a run paints
    colorfulness: float = 0.0  # what a picture so painted lacks of it
    l1: float = 0.0  # of what is painted, each channel scaled to -1..1 (RGB and Y': 0..1)
    l2: float = 0.0
    adversarial: float = 0.0
    features: float = 0.0  # of an upscaler's luma, as VGG-19 (--teacher) sees it
    semantics: float = 0.0  # the encoder sees in grey what ImageNet's sees in colour
    stability: float = 0.0  # the same picture moved, re-grained, re-exposed keeps its colours


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run, with optimizers of its own."""

    name: str
    share: float = 1.0  # of the run; 0: only when it is asked for by name
    size: int = 256  # side of a crop, px
    scale: tuple[float, float] = (0.6, 1.0)  # share of a photo's short side that a crop spans
    stretch: float = 1.15  # largest change of a crop's aspect ratio, a factor
    native: bool = False  # crops of a photo's own pixels, neither scaled nor stretched
    losses: Losses = field(default_factory=Losses)
    optimizer: Literal["adam", "adamw", "soap"] = "adam"  # of the generator
    rate: float = 2e-4  # learning rate at its height
    encoder_rate: float | None = None  # of the generator's encoder; None: the same
    discriminator_rate: float | None = None  # None: the same
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    rate_shares: tuple[float, float] = (1.0, 0.0)  # of the rate where the cosine begins and ends
    warmup_steps: int = 0
    beta1: float = 0.5
    beta2: float = 0.999
    weight_decay: float = 0.0
    discriminator: bool = False  # whether it learns in this phase
    head_start: int = 0  # steps in which it learns alone
    degrade: DegradeSettings = NO_DEGRADATION
    hints: HintSettings = field(default_factory=HintSettings)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything about a training method that is not about one run of it."""

    name: str
    summary: str
    architecture: str  # of the generator, as the model registry names it
    phases: tuple[Phase, ...]
    generator: Mapping[str, Any] = field(default_factory=dict)  # config; left out: its defaults
    adversary: Adversary | None = None
    batch_size: int = 16
    epochs: float = 20.0  # length of a run if nothing else is said
    val_share: float = 0.2  # held out where no validation data is given
    pale_share: float = 0.0  # of the photos, the palest, which come twice as often
    rebalancing: float = 0.5  # lambda of Zhang 2016: 1 is no rebalancing
    ema: float = 0.999  # decay of the averaged weights, per step; 0: no averaging
    gradient_norm: float | None = None  # at most so long
    tuning_share: float = 1.0  # of all rates, where a run begins from a trained model

    def __post_init__(self) -> None:
        names = [phase.name for phase in self.phases]
        if not names or len(set(names)) != len(names):
            raise OptionError(f"recipe {self.name}: every phase needs a name of its own")
        adversary = self.adversary
        if self.architecture == "subpixel" and adversary is not None and adversary.sees_lightness:
            raise OptionError(
                f"recipe {self.name}: an upscaler's adversary sees its luma alone; set "
                "sees_lightness = false"
            )
        for phase in self.phases:
            if (phase.losses.adversarial or phase.discriminator) and self.adversary is None:
                raise OptionError(
                    f"recipe {self.name}, phase {phase.name}: without an adversary there "
                    "is no discriminator to train or to play against"
                )
            if phase.losses.adversarial and not phase.discriminator:
                raise OptionError(
                    f"recipe {self.name}, phase {phase.name}: an adversarial loss needs "
                    "discriminator = true"
                )
            losses = phase.losses
            of_paint = losses.painted, losses.colorfulness
            of_colors = *of_paint, losses.semantics, losses.stability, phase.hints.chance
            if any(of_colors) and self.architecture == "subpixel":
                raise OptionError(
                    f"recipe {self.name}, phase {phase.name}: an upscaler makes no colour, so that "
                    "losses of colour and hints mean nothing to it; use l1 or l2"
                )
            if losses.features and self.architecture != "subpixel":
                raise OptionError(
                    f"recipe {self.name}, phase {phase.name}: features are those of an upscaler's "
                    "luma; use semantics"
                )
            of_heads = phase.losses.classes, phase.losses.regression, phase.losses.picture
            if any(of_heads) and self.architecture != "mobilenet-unet":
                raise OptionError(
                    f"recipe {self.name}, phase {phase.name}: {self.architecture} has no heads for "
                    "classes and regression; use l1 or l2"
                )

    @property
    def default_phases(self) -> tuple[Phase, ...]:
        """Those that a whole run goes through."""
        return tuple(phase for phase in self.phases if phase.share > 0)

    def only(self, phase_name: str) -> Recipe:
        """The recipe with one phase alone, as the whole run."""
        for phase in self.phases:
            if phase.name == phase_name:
                return replace(self, phases=(replace(phase, share=1.0),))
        names = ", ".join(phase.name for phase in self.phases)
        raise OptionError(f"--phase {phase_name}: recipe {self.name} has {names}")

    def for_tuning(self) -> Recipe:
        """The recipe for going on from a trained model, with lower rates."""
        share = self.tuning_share
        phases = tuple(
            replace(
                phase,
                rate=share * phase.rate,
                encoder_rate=None if phase.encoder_rate is None else share * phase.encoder_rate,
            )
            for phase in self.phases
        )
        return replace(self, phases=phases)

    def with_size(self, size: int) -> Recipe:
        """The recipe with crops of this size in every phase; a U-Net down to 1x1 gets the depth
        that the size asks for.
        """
        phases = tuple(replace(phase, size=size) for phase in self.phases)
        if self.architecture != "pix2pix-unet":
            return replace(self, phases=phases)
        if size & (size - 1):
            raise OptionError(f"--size {size}: recipe {self.name} takes 32, 64, 128, 256 or 512")
        generator = {**self.generator, "depth": size.bit_length() - 1}
        return replace(self, phases=phases, generator=generator)
