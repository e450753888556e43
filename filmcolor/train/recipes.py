"""Recipes: what is trained, on which losses, with which settings. Data only; the loop reads them.

`film` is the project's own. `pix2pix` follows Isola et al. 2017, "Image-to-Image Translation with
Conditional Adversarial Networks"; `dcgan` follows Radford et al. 2016, "Unsupervised Representation
Learning with Deep Convolutional Generative Adversarial Networks", made conditional; `rgb-gan` is a
plain encoder and decoder without downsampling that paints RGB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from filmcolor.errors import OptionError
from filmcolor.train.degrade import NO_DEGRADATION, SMALL_FILM, DegradeSettings
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
    l1: float = 0.0  # of what is painted, each channel scaled to -1..1 (RGB and Y': 0..1)
    l2: float = 0.0
    adversarial: float = 0.0
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
    optimizer: Literal["adam", "adamw"] = "adam"
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
            of_colors = losses.semantics, losses.stability, phase.hints.chance
            if any(of_colors) and self.architecture == "subpixel":
                raise OptionError(
                    f"recipe {self.name}, phase {phase.name}: an upscaler makes no colour, so that "
                    "semantics, stability and hints mean nothing to it; use l1 or l2"
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


_FILM_COLORS = Losses(classes=1.0, regression=8.0, picture=1.0, semantics=2.0, stability=1.0)
_FILM_HINTS = HintSettings(chance=0.2)

_FILM_CROPS = Phase(
    name="crops",
    share=0.70,
    size=160,
    scale=(0.6, 1.0),
    stretch=1.3,
    losses=_FILM_COLORS,
    optimizer="adamw",
    rate=1.2e-3,
    encoder_rate=3e-4,
    schedule="cosine",
    rate_shares=(1.0, 0.25),
    warmup_steps=100,
    beta1=0.9,
    weight_decay=0.05,
    degrade=DegradeSettings(),
    hints=_FILM_HINTS,
)

FILM = Recipe(
    name="film",
    summary="the default: MobileNetV2 U-Net, rebalanced classes and regression on worn pictures, "
    "then a short adversarial phase that is kept only if it wins",
    architecture="mobilenet-unet",
    phases=(
        _FILM_CROPS,
        replace(
            _FILM_CROPS,
            name="frames",
            share=0.25,
            size=256,
            scale=(0.85, 1.0),
            rate_shares=(0.25, 0.0),
            warmup_steps=50,
        ),
        replace(
            _FILM_CROPS,
            name="adversarial",
            share=0.05,
            size=256,
            scale=(0.85, 1.0),
            losses=replace(_FILM_COLORS, adversarial=0.05),
            rate=3e-5,
            encoder_rate=None,
            discriminator_rate=2e-4,
            schedule="constant",
            warmup_steps=0,
            beta1=0.5,
            discriminator=True,
            head_start=50,
        ),
    ),
    adversary=Adversary("patch", norm="spectral", loss="hinge"),
    batch_size=32,
    epochs=24.0,
    val_share=0.2,
    pale_share=0.12,
    rebalancing=0.7,
    ema=0.998,
    gradient_norm=1.0,
    tuning_share=0.25,
)

PIX2PIX = Recipe(
    name="pix2pix",
    summary="U-Net down to 1x1 against a 70x70 PatchGAN; L1 alone first, then GAN and L1",
    architecture="pix2pix-unet",
    phases=(
        Phase(name="l1", share=0.5, losses=Losses(l1=100.0)),
        Phase(
            name="gan",
            share=0.5,
            losses=Losses(l1=100.0, adversarial=1.0),
            discriminator=True,
        ),
    ),
    adversary=Adversary("patch"),
    batch_size=16,
    epochs=20.0,
    ema=0.0,
)

DCGAN = Recipe(
    name="dcgan",
    summary="strided U-Net at 64 px that paints Lab, against a strided discriminator; GAN and L1",
    architecture="dcgan-unet",
    phases=(
        Phase(
            name="gan",
            size=64,
            losses=Losses(l1=100.0, adversarial=1.0),
            schedule="plateau",
            discriminator=True,
        ),
        Phase(name="l2", share=0.0, size=64, losses=Losses(l2=100.0), schedule="plateau"),
    ),
    adversary=Adversary("dcgan", real_label=(0.9, 0.9)),
    batch_size=64,
    epochs=20.0,
    ema=0.0,
)

_RGB_GAN = Phase(
    name="mse",
    size=120,
    losses=Losses(l2=1.0),
    rate=5e-4,
    beta1=0.9,
    discriminator=True,
)

RGB_GAN = Recipe(
    name="rgb-gan",
    summary="encoder and decoder at 120 px without downsampling that paint RGB, on mean squared "
    "error; its discriminator learns beside it",
    architecture="rgb-gan",
    phases=(
        _RGB_GAN,
        replace(_RGB_GAN, name="gan", share=0.0, losses=Losses(l2=1.0, adversarial=0.01)),
    ),
    adversary=Adversary(
        "rgb-gan", sees_lightness=False, real_label=(0.9, 1.0), fake_label=(0.0, 0.1)
    ),
    batch_size=64,
    epochs=150.0,
    val_share=0.1,
    ema=0.0,
)

RGB_GAN_B = replace(
    RGB_GAN,
    name="rgb-gan-b",
    summary="rgb-gan with twice the learning rate",
    phases=tuple(replace(phase, rate=1e-3) for phase in RGB_GAN.phases),
)

SR = Recipe(
    name="sr",
    summary="raises the resolution: sub-pixel convolutions on luma, added to the bicubic "
    "enlargement; L1 on photographs reduced to half",
    architecture="subpixel",
    phases=(
        Phase(
            name="l1",
            size=64,
            native=True,
            losses=Losses(l1=1.0),
            rate=2e-3,
            schedule="cosine",
            rate_shares=(1.0, 0.005),
            warmup_steps=200,
            beta1=0.9,
        ),
        Phase(
            name="adversarial",
            share=0.0,
            size=96,
            native=True,
            losses=Losses(l1=1.0, adversarial=0.003),
            rate=1e-4,
            discriminator_rate=4e-4,
            beta1=0.5,
            discriminator=True,
            head_start=100,
        ),
    ),
    adversary=Adversary("patch", norm="spectral", width=32, sees_lightness=False, loss="hinge"),
    batch_size=8,
    epochs=30.0,
    ema=0.999,
    gradient_norm=0.1,
    tuning_share=0.4,
)

SR_FILM = replace(
    SR,
    name="sr-film",
    summary="as sr, on photographs worn as small files of old film are, whose grain and blocks are "
    "neither sharpened nor smeared",
    phases=tuple(replace(phase, degrade=SMALL_FILM) for phase in SR.phases),
)

SR_FINE = replace(
    SR,
    name="sr-fine",
    summary="as sr, with a network of 0.6 M parameters for people who can wait",
    generator={"width": 64, "layers": 0, "blocks": 8},
    phases=(replace(SR.phases[0], rate=5e-4), *SR.phases[1:]),
)

RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (FILM, PIX2PIX, DCGAN, RGB_GAN, RGB_GAN_B, SR, SR_FILM, SR_FINE)
}
