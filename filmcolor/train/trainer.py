"""One step of training: the networks, their averages and optimizers, and how they are updated.

Explicit and alternating, one for every recipe. It must not know where pictures come from, how long
a run is, or architectures.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from filmcolor.color import rgb_to_lab
from filmcolor.errors import OptionError
from filmcolor.models.adapter import Prediction, TrainAdapter
from filmcolor.models.base import Hint
from filmcolor.models.device import half_is_quicker, multiply_in_full
from filmcolor.options import Precision
from filmcolor.train import losses
from filmcolor.train.data import PhotoSet
from filmcolor.train.hints import random_hints
from filmcolor.train.recipes import Phase, Recipe
from filmcolor.train.shown import degraded, for_discriminator
from filmcolor.train.soap import Soap
from filmcolor.train.workers import Workers
from filmcolor.visual.rgb import rgb_tensor

_RISE = 0.1
"""Of the rate where a cosine begins: so far it rises again in a length that was added to a finished
run, smoothly from where it had ended and back, so that nothing leaps and something is learnt."""
_STALL_STEPS = 500
"""A plateau schedule divides the rate by ten when the loss, averaged over so many steps, is not
below that of the stretch before by at least one per cent."""


@dataclass(slots=True)
class TrainState:
    """How far a run is; with the tensors, all that is needed to go on."""

    step: int = 0
    elapsed_seconds: float = 0.0
    phase: int = -1
    """Number of the phase whose optimizers are in use."""
    phase_step: int = 0
    phase_progress: float = 0.0
    added_progress: float = 0.0
    """How far a length is that was added to a finished run, 0..1."""
    rate_factor: float = 1.0
    """What a plateau schedule has left of the rate."""
    stretch_loss: float = math.inf
    """Mean loss of the last whole stretch of a plateau schedule."""
    stretch_sum: float = 0.0
    best_score: float = -math.inf
    evaluations: int = 0
    tone: float = 1.0
    """Factor on the gain of chroma of checkpoints, at most 1, so that they give no more colour than
    the photographs have; fitted anew at each evaluation."""


class Trainer:
    """Generator, its averaged copy, discriminator and optimizers, moved on one batch at a time."""

    def __init__(
        self,
        adapter: TrainAdapter[Any],
        discriminator: nn.Module | None,
        recipe: Recipe,
        *,
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
        self.adapter = adapter
        multiply_in_full(self.device)
        adapter.to(self.device)
        # Where it is emulated, as on processors without it, it takes several times as long.
        adapter.half_heads = precision == "auto" and half_is_quicker(self.device)
        adapter.half = precision == "bf16" or (adapter.half_heads and self.device.type == "cuda")
        self.generator = adapter.network
        self.discriminator = (
            None
            if discriminator is None
            else discriminator.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        )
        self.frozen = freeze_layers(self.generator, freeze)
        self.average = {k: v.detach().clone() for k, v in self.generator.state_dict().items()}
        self.state = TrainState()
        self.generator_optimizer: torch.optim.Optimizer | None = None
        self.discriminator_optimizer: torch.optim.Optimizer | None = None
        self._predict_function = torch.compile(adapter.predict) if compiled else adapter.predict
        if compiled and self.discriminator is not None:
            self.discriminator.compile()

    @property
    def phase(self) -> Phase:
        """The phase that is on."""
        return self.recipe.default_phases[max(0, self.state.phase)]

    def start_phase(self, number: int) -> None:
        """Give the phase its optimizers; what earlier ones remembered is dropped."""
        at = self.state
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
            self.discriminator_optimizer = _optimizer(phase, [(parameters, rate)], soap=False)

    def update(self, rgb: Tensor) -> dict[str, Tensor]:
        """One step on R'G'B' (N, 3, size, size), 0..1; returns the unweighted losses."""
        phase, at, recipe = self.phase, self.state, self.recipe
        rng = self._random(at.step)
        generator, adversary = self.generator, recipe.adversary
        terms: dict[str, Tensor] = {}
        generator.train()
        if self.discriminator is not None:
            self.discriminator.train()
        with torch.no_grad():
            shown, color, ab = degraded(self.adapter, rgb, phase.degrade, rng)
            hint = random_hints(rgb_to_lab(rgb)[:, 1:], phase.hints, rng)
        self._set_rates()
        made = self._predict(shown, hint)

        # The discriminator first: on the truth, and on the prediction of just now.
        if self.discriminator_optimizer is not None and adversary is not None:
            for _ in range(adversary.updates):
                real = self._discriminate(color, shown)
                fake = self._discriminate(made["color"].detach(), shown)
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

        # Then the generator, on every loss that the phase gives a weight.
        if not (phase.discriminator and at.phase_step < phase.head_start):
            batch = losses.Batch(
                rgb=rgb,
                hint=hint,
                color=color,
                ab=ab,
                made=made,
                adapter=self.adapter,
                predict=self._predict,
                discriminate=partial(self._discriminate, shown=shown),
                is_hinge=adversary is not None and adversary.loss == "hinge",
                rebalancing=recipe.rebalancing,
                degrade=phase.degrade,
                rng=rng,
            )
            weighted = []
            for name, entry in losses.LOSSES.items():
                weight = phase.weight(name)
                if weight and (self.adapter.teacher is not None or not entry.of_teacher):
                    terms[name] = entry.function(batch)
                    weighted.append(weight * terms[name])
            loss = torch.stack(weighted).sum()
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

    def _predict(self, shown: Tensor, hint: Hint | None) -> Prediction:
        return self._predict_function(shown.contiguous(memory_format=torch.channels_last), hint)

    def _discriminate(self, color: Tensor, shown: Tensor) -> Tensor:
        """The discriminator's logits for a prediction, or for the truth in its place."""
        adversary, discriminator = self.recipe.adversary, self.discriminator
        assert adversary is not None and discriminator is not None
        picture = for_discriminator(color, shown, with_lightness=adversary.sees_lightness)
        with self.adapter.autocast(half=self.adapter.half):
            logits: Tensor = discriminator(picture)
        return logits.float()

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
        phase, at = self.phase, self.state
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
        at = self.state
        at.stretch_sum += self.workers.average(float(loss.detach()))[0]
        if (at.phase_step + 1) % _STALL_STEPS == 0:
            mean, at.stretch_sum = at.stretch_sum / _STALL_STEPS, 0.0
            if mean > 0.99 * at.stretch_loss:
                at.rate_factor /= 10
            at.stretch_loss = mean

    def _update_average(self) -> None:
        if not self.recipe.ema:
            return
        decay = min(self.recipe.ema, (2 + self.state.step) / (11 + self.state.step))
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
    phase: Phase, groups: Sequence[tuple[Sequence[nn.Parameter], float]], *, soap: bool = True
) -> torch.optim.Optimizer:
    """The phase's optimizer, each group at the rate beside it; Adam in place of SOAP if not `soap`,
    for discriminators.
    """
    kind = "adam" if phase.optimizer == "soap" and not soap else phase.optimizer
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
        lab = rgb_to_lab(rgb_tensor(photos.photos[index][::4, ::4]))
        pixels.append(lab[0, 1:].flatten(1).T)
    return torch.cat(pixels)
