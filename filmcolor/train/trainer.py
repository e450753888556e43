"""What moves on in a step: networks, their averages and optimizers, and the update itself.

Explicit and alternating, one for every recipe. It must not know where pictures come from, how long
a run is or what is shown to people.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filmcolor.color import lightness, rgb_to_lab
from filmcolor.errors import OptionError
from filmcolor.models.base import Hint, Network
from filmcolor.models.device import half_is_quicker
from filmcolor.models.mobilenet_unet import MobileNetEncoder, MobileNetUNet
from filmcolor.options import Precision
from filmcolor.train import losses
from filmcolor.train.data import PhotoSet
from filmcolor.train.degrade import degrade
from filmcolor.train.features import VggFeatures, feature_loss
from filmcolor.train.hints import random_hints
from filmcolor.train.painting import Painting, judged, paint, pose, shifted
from filmcolor.train.recipes import Phase, Recipe
from filmcolor.train.soap import Soap
from filmcolor.train.workers import Workers

_REGRESSION_SCALE = 20.0
"""Lab units: errors below count quadratically, above linearly."""
_STABILITY_SHARE = 0.25
"""Share of a batch that is painted a second time for the stability term."""
_LEAST_STABILITY = 2
"""Pictures of it, where the batch has so many: a single picture's pointwise convolutions go to BLAS
on the CPU, which splits its sums over whichever threads are free, so no two runs would agree."""
_STABILITY_SHIFT = 2
"""Px by which it is moved at most."""
_RISE = 0.1
"""Of the rate where a cosine begins: so far it rises again in a length that was added to a finished
run, smoothly from where it had ended and back, so that nothing leaps and something is learnt."""
_STALL_STEPS = 500
"""A plateau schedule divides the rate by ten when the loss, averaged over so many steps, is not
below that of the stretch before by at least one per cent."""


@dataclass(slots=True)
class TrainState:
    """Where a run stands; with the tensors, all that is needed to go on."""

    step: int = 0
    elapsed_seconds: float = 0.0
    phase: int = -1
    """Number of the phase whose optimizers are in use."""
    phase_step: int = 0
    phase_progress: float = 0.0
    added_progress: float = 0.0
    """How far a length is that was added when the run had come to its end, 0..1."""
    rate_factor: float = 1.0
    """What a plateau schedule has left of the rate."""
    stretch_loss: float = math.inf
    """Mean loss of the last whole stretch of a plateau schedule."""
    stretch_sum: float = 0.0
    best_score: float = -math.inf
    evaluations: int = 0
    tone: float = 1.0
    """Factor on the gain of chroma of what is saved, at most 1, so that it paints no more colour
    than there is; fitted anew at each evaluation."""


class Trainer:
    """Generator, its averaged copy, discriminator and optimizers, moved on one batch at a time."""

    def __init__(
        self,
        generator: Network,
        discriminator: nn.Module | None,
        recipe: Recipe,
        *,
        bins: losses.AbBins | None = None,
        teacher: MobileNetEncoder | None = None,
        features: VggFeatures | None = None,
        device: torch.device | None = None,
        precision: Precision = "auto",
        seed: int = 0,
        freeze: Sequence[str] = (),
        workers: Workers | None = None,
        compiled: bool = False,
    ) -> None:
        self.recipe, self.seed = recipe, seed
        self.device = device or torch.device("cpu")
        self.workers = workers or Workers()
        layout = torch.channels_last
        self.generator = generator.to(self.device, memory_format=layout)  # type: ignore[call-overload]
        self.discriminator = (
            None if discriminator is None else discriminator.to(self.device, memory_format=layout)  # type: ignore[call-overload]
        )
        # Where it is emulated, as on processors without it, it takes several times as long.
        self.half_heads = precision == "auto" and half_is_quicker(self.device)
        self.half = precision == "bf16" or (self.half_heads and self.device.type == "cuda")
        self.teacher = (
            None
            if teacher is None
            else teacher.eval().requires_grad_(False).to(self.device, memory_format=layout)  # type: ignore[call-overload]
        )
        self.features = None if features is None else features.to(self.device)
        self.frozen = freeze_layers(self.generator, freeze)
        if isinstance(generator, MobileNetUNet):
            generator.reading.requires_grad_(False)  # fitted where a checkpoint is made
        self.bins = None if bins is None else bins.to(self.device)
        if self.bins is not None:
            self._rarity = self.bins.rebalancing(recipe.rebalancing)
        self.average = {k: v.detach().clone() for k, v in self.generator.state_dict().items()}
        self.standing = TrainState()
        self.generator_optimizer: torch.optim.Optimizer | None = None
        self.discriminator_optimizer: torch.optim.Optimizer | None = None
        self._paint_function = torch.compile(paint) if compiled else paint
        if compiled and self.discriminator is not None:
            self.discriminator.compile()

    @property
    def phase(self) -> Phase:
        """The phase that is on."""
        return self.recipe.default_phases[max(0, self.standing.phase)]

    def start_phase(self, number: int) -> None:
        """Give the phase its optimizers; what earlier ones remembered is dropped."""
        at = self.standing
        at.phase, at.phase_step = number, 0
        at.rate_factor, at.stretch_loss, at.stretch_sum = 1.0, math.inf, 0.0
        phase = self.phase
        encoder: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in self.generator.named_parameters():
            if parameter.requires_grad:
                (encoder if name.startswith("encoder.") else others).append(parameter)
        if not encoder and not others:
            raise OptionError("--freeze: every layer is frozen, so there is nothing to train")
        encoder_rate = phase.rate if phase.encoder_rate is None else phase.encoder_rate
        groups = [(encoder, encoder_rate), (others, phase.rate)]
        self.generator_optimizer = _optimizer(phase, [group for group in groups if group[0]])
        self.discriminator_optimizer = None
        if self.discriminator is not None and phase.discriminator:
            rate = phase.rate if phase.discriminator_rate is None else phase.discriminator_rate
            parameters = list(self.discriminator.parameters())
            self.discriminator_optimizer = _optimizer(phase, [(parameters, rate)], judges=True)

    def update(self, rgb: Tensor) -> dict[str, Tensor]:
        """One step on R'G'B' (N, 3, size, size), 0..1; returns the unweighted losses."""
        phase, at, recipe = self.phase, self.standing, self.recipe
        rng = self._random(at.step)
        generator, adversary = self.generator, recipe.adversary
        terms: dict[str, Tensor] = {}
        generator.train()
        if self.discriminator is not None:
            self.discriminator.train()
        with torch.no_grad():
            shown, truth, truth_ab = pose(generator, rgb, phase.degrade, rng)
            hint = random_hints(rgb_to_lab(rgb)[:, 1:], phase.hints, rng)
        self._set_rates()
        painting = self._paint(shown, hint)

        # The discriminator first: on the truth, and on what the generator painted just now.
        if self.discriminator_optimizer is not None and adversary is not None:
            for _ in range(adversary.updates):
                real, fake = self._judge(truth, shown), self._judge(painting.color.detach(), shown)
                if adversary.loss == "hinge":
                    d_loss = losses.hinge_discriminator_loss(real, fake)
                else:
                    labels = [
                        _labels(real, span, rng)
                        for span in (adversary.real_label, adversary.fake_label)
                    ]
                    d_loss = losses.vanilla_discriminator_loss(real, fake, *labels)
                self._descend(d_loss, self.discriminator_optimizer)
            terms["discriminator"] = d_loss.detach()

        # Then the generator, on every term that the phase gives a weight.
        weights = phase.losses
        if not (phase.discriminator and at.phase_step < phase.head_start):
            if weights.classes and self.bins is not None and painting.logits is not None:
                nearest, share = self.bins.encode(truth_ab)
                terms["classes"] = losses.class_loss(painting.logits, nearest, share, self._rarity)
            if weights.regression and painting.regression is not None:
                terms["regression"] = F.smooth_l1_loss(
                    painting.regression / _REGRESSION_SCALE, truth_ab / _REGRESSION_SCALE
                )
            if weights.picture and painting.regression is not None:
                terms["picture"] = losses.picture_loss(painting.regression, truth_ab)
            if weights.painted and painting.ab is not None:
                terms["painted"] = losses.picture_loss(painting.ab, truth_ab)
            if weights.colorfulness and painting.ab is not None:
                terms["colorfulness"] = losses.colorfulness_loss(painting.ab, rgb)
            if weights.l1:
                terms["l1"] = F.l1_loss(painting.color, truth)
            if weights.l2:
                terms["l2"] = F.mse_loss(painting.color, truth)
            if weights.features and self.features is not None:
                terms["features"] = feature_loss(self.features, painting.color, truth)
            if weights.semantics and self.teacher is not None and painting.coarsest is not None:
                terms["semantics"] = self._forgetting(rgb, painting.coarsest)
            if weights.stability:
                terms["stability"] = self._instability(rgb, hint, painting, rng)
            if weights.adversarial and adversary is not None:
                fooled = {
                    "hinge": losses.hinge_generator_loss,
                    "vanilla": losses.vanilla_generator_loss,
                }[adversary.loss]
                terms["adversarial"] = fooled(self._judge(painting.color, shown))
            loss = torch.stack(
                [getattr(weights, n) * v for n, v in terms.items() if n != "discriminator"]
            ).sum()
            assert self.generator_optimizer is not None
            self._descend(loss, self.generator_optimizer)
            self._follow_stall(loss)
            self._update_average()
        at.step += 1
        at.phase_step += 1
        return {name: value.detach() for name, value in terms.items()}

    def averaged(self) -> dict[str, Tensor]:
        """The averaged weights, or the weights themselves where the recipe averages none."""
        return self.average if self.recipe.ema else self.generator.state_dict()

    def _paint(self, shown: Tensor, hint: Hint | None = None) -> Painting:
        shown = shown.contiguous(memory_format=torch.channels_last)
        return self._paint_function(
            self.generator, shown, hint, half=self.half, half_heads=self.half_heads
        )

    def _judge(self, color: Tensor, shown: Tensor) -> Tensor:
        """The discriminator's logits for a painting, or for the truth in its place."""
        adversary, discriminator = self.recipe.adversary, self.discriminator
        assert adversary is not None and discriminator is not None
        picture = judged(color, shown, with_lightness=adversary.sees_lightness)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            verdict: Tensor = discriminator(picture)
        return verdict.float()

    def _instability(
        self, rgb: Tensor, hint: Hint | None, painting: Painting, rng: torch.Generator
    ) -> Tensor:
        """How far colours go astray when some of the pictures are moved and worn anew, and what is
        known of their colours is moved with them.
        """
        count = max(_LEAST_STABILITY, round(_STABILITY_SHARE * rgb.shape[0]))
        size = 2 * _STABILITY_SHIFT + 1
        move = torch.randint(size, (2,), generator=rng, device=rgb.device) - _STABILITY_SHIFT
        down, right = (int(value) for value in move)
        worn = degrade(rgb[:count], self.phase.degrade, rng)
        if hint is not None:
            known = hint.ab[:count], hint.confidence[:count]
            hint = Hint(*(shifted(part, down, right) for part in known))
        again = self._paint(lightness(shifted(worn, down, right)), hint)
        assert again.ab is not None and painting.ab is not None
        scale = again.ab.shape[-1] / rgb.shape[-1]
        expected = shifted(painting.ab[:count], down * scale, right * scale)
        return F.smooth_l1_loss(again.ab / _REGRESSION_SCALE, expected / _REGRESSION_SCALE)

    def _forgetting(self, rgb: Tensor, coarsest: Tensor) -> Tensor:
        """How far the encoder has gone from seeing what is in the pictures."""
        teacher, generator = self.teacher, self.generator
        assert teacher is not None and isinstance(generator, MobileNetUNet)
        colors = (2 * rgb - 1).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            seen = teacher(colors)[-1].float()
        return losses.semantic_loss(generator.encoder, teacher, coarsest, seen)

    def _descend(self, loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad(set_to_none=True)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        inputs = [p for p in parameters if p.requires_grad]
        loss.backward(inputs=inputs)  # type: ignore[no-untyped-call]
        self.workers.average_gradients(inputs)
        if self.recipe.gradient_norm is not None:
            nn.utils.clip_grad_norm_(inputs, self.recipe.gradient_norm)
        optimizer.step()

    def _set_rates(self) -> None:
        phase, at = self.phase, self.standing
        share = min(1.0, (at.phase_step + 1) / (phase.warmup_steps + 1)) * at.rate_factor
        if phase.schedule == "cosine":
            start, stop = phase.rate_shares
            fallen = stop + (start - stop) * 0.5 * (1 + math.cos(math.pi * at.phase_progress))
            risen = max(0.0, _RISE * start - stop) * math.sin(math.pi * at.added_progress) ** 2
            share *= fallen + risen
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            for group in optimizer.param_groups if optimizer is not None else ():
                group["lr"] = group["peak"] * share

    def _follow_stall(self, loss: Tensor) -> None:
        if self.phase.schedule != "plateau":
            return
        at = self.standing
        at.stretch_sum += self.workers.average(float(loss.detach()))[0]
        if (at.phase_step + 1) % _STALL_STEPS == 0:
            mean, at.stretch_sum = at.stretch_sum / _STALL_STEPS, 0.0
            if mean > 0.99 * at.stretch_loss:
                at.rate_factor /= 10
            at.stretch_loss = mean

    def _update_average(self) -> None:
        if not self.recipe.ema:
            return
        decay = min(self.recipe.ema, (2 + self.standing.step) / (11 + self.standing.step))
        with torch.no_grad():
            for name, value in self.generator.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - decay)
                else:
                    self.average[name].copy_(value)

    def _random(self, step: int) -> torch.Generator:
        """Random numbers of a step; torch's own (dropout) are set as well."""
        words = np.random.SeedSequence([self.seed, 4, step, self.workers.rank])
        seed = int(words.generate_state(1)[0])
        torch.manual_seed(seed)
        return torch.Generator(self.device).manual_seed(seed)


_OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "soap": Soap,
}


def _optimizer(
    phase: Phase, groups: Sequence[tuple[Sequence[nn.Parameter], float]], *, judges: bool = False
) -> torch.optim.Optimizer:
    """What moves the parameters of each group, at the rate beside it; a discriminator judges."""
    kind = "adam" if judges and phase.optimizer == "soap" else phase.optimizer
    return _OPTIMIZERS[kind](
        [{"params": list(parameters), "peak": rate} for parameters, rate in groups],
        lr=phase.rate,
        betas=(phase.beta1, phase.beta2),
        weight_decay=phase.weight_decay,
    )


def _labels(like: Tensor, span: tuple[float, float], rng: torch.Generator) -> Tensor:
    low, high = span
    draws = torch.rand(like.shape, generator=rng, device=like.device)
    return low + (high - low) * draws


def freeze_layers(network: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Keep from training the parameters whose name, or a layer above it, fits a pattern.

    Returns their names; `OptionError` for a pattern that fits nothing.
    """
    frozen = []
    for pattern in patterns:
        fitting = [
            name
            for name, _ in network.named_parameters()
            if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, f"{pattern}.*")
        ]
        if not fitting:
            layers = ", ".join(name for name, _ in network.named_children())
            raise OptionError(f"--freeze {pattern}: no layer has such a name; there are {layers}")
        frozen += fitting
    for name, parameter in network.named_parameters():
        if name in frozen:
            parameter.requires_grad_(False)
    return sorted(set(frozen))


def sample_ab(photos: PhotoSet, seed: int, pictures: int = 2000) -> Tensor:
    """ab (n, 2) of the pixels of small versions of random photos, for counting bins."""
    chosen = np.random.default_rng([seed, 5]).permutation(len(photos))[:pictures]
    pixels = []
    for index in chosen:
        photo = torch.from_numpy(photos.photos[index][::4, ::4].copy())
        lab = rgb_to_lab(photo.permute(2, 0, 1)[None].float() / 255)
        pixels.append(lab[0, 1:].flatten(1).T)
    return torch.cat(pixels)
