"""The losses of the generator, as a table: what each computes of a batch, and what it needs for it.

Classification after Zhang et al. 2016, "Colorful Image Colorization"; vanilla GAN after Goodfellow
et al. 2014, hinge after Lim and Ye 2017. It must not know optimizers or phases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from filmcolor.color import lab_to_rgb, lightness, rgb_to_lab
from filmcolor.evaluate.photos import colorfulness
from filmcolor.models.adapter import Prediction, TrainAdapter
from filmcolor.models.base import Hint
from filmcolor.train.degrade import DegradeSettings, degrade, host_random

_REGRESSION_SCALE = 20.0
"""Lab units: errors below count quadratically, above linearly."""
_SMALL_ERROR = 30.0
_LEAST_SPREAD = 1e-2
"""Squared codes: keeps the slope of colourfulness finite where a picture is grey."""
_STABILITY_SHARE = 0.25
"""Share of a batch that is predicted a second time for the stability loss."""
_LEAST_STABILITY = 2
"""Pictures of it, where the batch has so many: a single picture's pointwise convolutions go to BLAS
on the CPU, which splits its sums over whichever threads are free, so no two runs would agree."""
_STABILITY_SHIFT = 2
"""Px by which it is moved at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What a loss may use: pictures, the generator's prediction for them, and its targets."""

    rgb: Tensor
    """(N, 3, H, W), R'G'B' 0..1: the true pictures."""
    hint: Hint | None
    color: Tensor
    """The target of `made["color"]`."""
    ab: Tensor
    """The target of `made["ab"]`, Lab units."""
    made: Prediction
    adapter: TrainAdapter[Any]
    predict: Callable[[Tensor, Hint | None], Prediction]
    """The generator on lightness (N, 1, H, W), L* 0..100."""
    discriminate: Callable[[Tensor], Tensor]
    """The discriminator's logits for colours such as `made["color"]`."""
    is_hinge: bool  # the adversary's loss, which is vanilla else
    rebalancing: float
    degrade: DegradeSettings
    rng: torch.Generator


def class_loss(logits: Tensor, bins: Tensor, weight: Tensor, rebalance: Tensor) -> Tensor:
    """Cross-entropy against soft targets, each pixel weighted by the rarity of its colour.

    logits (N, K, h, w); bins and weight (N, 4, h, w) from `AbBins.encode`; rebalance (K,). A
    scalar.
    """
    log_p = torch.log_softmax(logits.float(), dim=1)
    chosen = log_p.gather(1, bins)
    rarity = (rebalance[bins] * weight).sum(dim=1)
    return -((chosen * weight).sum(dim=1) * rarity).mean()


def regression_loss(ab: Tensor, truth: Tensor) -> Tensor:
    """Smooth L1: ab (N, 2, h, w) twice, Lab units, to a scalar."""
    return F.smooth_l1_loss(ab / _REGRESSION_SCALE, truth / _REGRESSION_SCALE)


def picture_loss(ab: Tensor, truth: Tensor) -> Tensor:
    """Mean log of each picture's mean squared error: ab (N, 2, h, w) twice, Lab units, to a scalar.

    PSNR is such a log. A pale picture with too much colour then weighs as much as a vivid one with
    a wrong colour. 30 squared Lab units are added, lest small errors weigh most.
    """
    error = ((ab - truth) ** 2).sum(dim=1).mean(dim=(-2, -1))
    return torch.log(error + _SMALL_ERROR).mean()


def colorfulness_loss(ab: Tensor, rgb: Tensor) -> Tensor:
    """How colourless pictures are, about 0..1: ab (N, 2, h, w), Lab units, to a scalar.

    Of Kang et al. 2023, "DDColor: Towards Photo-Realistic Image Colorization via Dual Decoders";
    lightness is that of the true R'G'B' (N, 3, H, W), 0..1.
    """
    light = rgb_to_lab(F.adaptive_avg_pool2d(rgb, (ab.shape[2], ab.shape[3])))[:, :1]
    colored = lab_to_rgb(torch.cat([light, ab], dim=1))
    return 1 - colorfulness(colored, least=_LEAST_SPREAD).mean() / 100


def vanilla_discriminator_loss(
    real: Tensor, fake: Tensor, real_label: Tensor, fake_label: Tensor
) -> Tensor:
    """Binary cross-entropy of logits against labels of the same shape (smoothed or noisy ones)."""
    on_real = F.binary_cross_entropy_with_logits(real.float(), real_label)
    on_fake = F.binary_cross_entropy_with_logits(fake.float(), fake_label)
    return 0.5 * (on_real + on_fake)


def vanilla_generator_loss(fake: Tensor) -> Tensor:
    """Cross-entropy of the discriminator's logits against "real": the non-saturating loss."""
    return F.softplus(-fake.float()).mean()


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of the discriminator, on logits."""
    return 0.5 * (F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean())


def hinge_generator_loss(fake: Tensor) -> Tensor:
    """What the generator minimises against a hinge discriminator."""
    return -fake.float().mean()


def shifted(planes: Tensor, down: float, right: float) -> Tensor:
    """Planes (N, C, h, w) moved by a part of a sample or more, their edges repeated."""
    count, channels, height, width = planes.shape
    turn = torch.eye(2, 3, dtype=planes.dtype, device=planes.device)
    turn[0, 2], turn[1, 2] = -2 * right / width, -2 * down / height
    grid = F.affine_grid(turn.expand(count, 2, 3), [count, channels, height, width], False)
    return F.grid_sample(planes, grid, padding_mode="border", align_corners=False)


def _classes(batch: Batch) -> Tensor:
    bins = batch.adapter.bins
    assert bins is not None
    rarity = bins.rebalancing(batch.rebalancing)
    return class_loss(batch.made["logits"], *bins.encode(batch.ab), rarity)


def _stability(batch: Batch) -> Tensor:
    """Some of the pictures are moved and degraded anew, and their hints moved with them: how far
    the colours then differ.
    """
    rgb, hint, rng = batch.rgb, batch.hint, batch.rng
    count = max(_LEAST_STABILITY, round(_STABILITY_SHARE * rgb.shape[0]))
    size = 2 * _STABILITY_SHIFT + 1
    move = torch.randint(size, (2,), generator=host_random(rng)) - _STABILITY_SHIFT
    down, right = (int(value) for value in move)
    worn = degrade(rgb[:count], batch.degrade, rng)
    if hint is not None:
        known = hint.ab[:count], hint.confidence[:count]
        hint = Hint(*(shifted(part, down, right) for part in known))
    again = batch.predict(lightness(shifted(worn, down, right)), hint)["ab"]
    scale = again.shape[-1] / rgb.shape[-1]
    return regression_loss(again, shifted(batch.made["ab"][:count], down * scale, right * scale))


def _adversarial(batch: Batch) -> Tensor:
    fake = batch.discriminate(batch.made["color"])
    return hinge_generator_loss(fake) if batch.is_hinge else vanilla_generator_loss(fake)


def _teacher(batch: Batch) -> Tensor:
    return batch.adapter.distance_to_teacher(batch.made, batch.rgb, batch.color)


@dataclass(frozen=True, slots=True)
class Loss:
    """A row of the table."""

    function: Callable[[Batch], Tensor]
    needs: str
    """The part of a prediction (`PARTS`) that it is a loss of."""
    of_teacher: bool = False
    """Left out where no teacher is given."""


LOSSES: Mapping[str, Loss] = {
    # Rebalanced soft classification of ab; smooth L1 of ab; log of each picture's squared error.
    "classes": Loss(_classes, "logits"),
    "regression": Loss(lambda b: regression_loss(b.made["regression"], b.ab), "regression"),
    "picture": Loss(lambda b: picture_loss(b.made["regression"], b.ab), "regression"),
    # As `picture`, and colourfulness, of the final colours: both heads mixed, with their gain.
    "painted": Loss(lambda b: picture_loss(b.made["ab"], b.ab), "ab"),
    "colorfulness": Loss(lambda b: colorfulness_loss(b.made["ab"], b.rgb), "ab"),
    # Of the output, each channel scaled to -1..1 (R'G'B' and Y': 0..1).
    "l1": Loss(lambda b: F.l1_loss(b.made["color"], b.color), "color"),
    "l2": Loss(lambda b: F.mse_loss(b.made["color"], b.color), "color"),
    # Distance to the features of --teacher: VGG-19's of luma; ImageNet's of the colour picture.
    "features": Loss(_teacher, "luma", of_teacher=True),
    "semantics": Loss(_teacher, "coarsest", of_teacher=True),
    # The same picture, moved, with new grain and exposure, keeps its colours.
    "stability": Loss(_stability, "ab"),
    "adversarial": Loss(_adversarial, "color"),
}
"""By their names in recipes and reports; a recipe's weight of 0, or none, leaves a loss out."""
