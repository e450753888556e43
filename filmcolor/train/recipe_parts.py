"""What a training method is made of: phases, weights of losses, an adversary. Data only, checked
against the table of losses and the parts that the architecture predicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from filmcolor.errors import OptionError
from filmcolor.models.adapter import PARTS
from filmcolor.models.registry import find_architecture
from filmcolor.train.degrade import NO_DEGRADATION, DegradeSettings
from filmcolor.train.hints import HintSettings
from filmcolor.train.losses import LOSSES


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
class Phase:
    """A part of a run, with optimizers of its own."""

    name: str
    share: float = 1.0  # of the run; 0: only when it is asked for by name
    size: int = 256  # side of a crop, px
    scale: tuple[float, float] = (0.6, 1.0)  # share of a photo's short side that a crop spans
    stretch: float = 1.15  # largest change of a crop's aspect ratio, a factor
    native: bool = False  # crops of a photo's own pixels, neither scaled nor stretched
    losses: Mapping[str, float] = field(default_factory=dict)  # weights, by names of `LOSSES`
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

    def weight(self, loss: str) -> float:
        """Of a loss; 0 leaves it out."""
        return self.losses.get(loss, 0.0)


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
        predicted = find_architecture(self.architecture).adapter.parts
        colors = "ab" in predicted
        if not colors and self.adversary is not None and self.adversary.sees_lightness:
            raise OptionError(
                f"recipe {self.name}: the adversary of an upscaler is given luma alone; set "
                "sees_lightness = false"
            )
        for phase in self.phases:
            where = f"recipe {self.name}, phase {phase.name}"
            if (phase.weight("adversarial") or phase.discriminator) and self.adversary is None:
                raise OptionError(
                    f"{where}: without an adversary there is no discriminator to train or to play "
                    "against"
                )
            if phase.weight("adversarial") and not phase.discriminator:
                raise OptionError(f"{where}: an adversarial loss needs discriminator = true")
            if phase.hints.chance and not colors:
                raise OptionError(f"{where}: {self.architecture} makes no colour; leave out hints")
            for loss in phase.losses:
                if loss not in LOSSES:
                    raise OptionError(
                        f"{where}: unknown loss {loss!r} (known: {', '.join(LOSSES)})"
                    )
                needs = LOSSES[loss].needs
                if phase.losses[loss] and needs not in predicted:
                    raise OptionError(
                        f"{where}: {self.architecture} has no {PARTS[needs]}, which loss {loss} is "
                        "of; use l1 or l2"
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
        adapter = find_architecture(self.architecture).adapter
        try:
            generator = adapter.config_for_size(self.generator, size)
        except ValueError as error:
            raise OptionError(f"--size {size}: recipe {self.name} {error}") from error
        return replace(self, phases=phases, generator=generator)
