"""What a network is shown of training pictures, and what a discriminator is shown of its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from filmcolor.color import lightness
from filmcolor.models.adapter import TrainAdapter
from filmcolor.train.crops import CropSettings, CropSource, plan_crops
from filmcolor.train.degrade import DegradeSettings, degrade, degrade_small, numbered_seed
from filmcolor.train.recipe_parts import Phase

_BATCHES, _PICTURES = 8, 16
"""Batches of so many pictures that `shown_pictures` gives."""


def degraded(
    adapter: TrainAdapter[Any], rgb: Tensor, settings: DegradeSettings, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """What a network is shown of R'G'B' (N, 3, H, W): lightness, or an upscaler a smaller Y' 0..1;
    then its targets (color, ab), of which an upscaler's ab means nothing.
    """
    facts = adapter.network.descriptor
    if facts.is_upscaler:
        shown, luma = degrade_small(rgb, settings, facts.scale, rng)
        return shown, luma, luma
    return lightness(degrade(rgb, settings, rng)), *adapter.targets(rgb)


def shown_pictures(source: CropSource, phase: Phase, seed: int) -> Iterator[Tensor]:
    """Lightness of training pictures, degraded as in a phase, for `TrainAdapter.distil`."""
    settings = CropSettings.of(phase)
    for number in range(_BATCHES):
        rng = torch.Generator(source.device).manual_seed(numbered_seed(seed, number))
        plan = plan_crops(source.sizes, settings, _PICTURES, seed, number)
        yield lightness(degrade(source.cut(plan, phase.size), phase.degrade, rng))


def for_discriminator(color: Tensor, shown: Tensor, *, with_lightness: bool) -> Tensor:
    """Colour at the input's size, after the lightness if that is wanted; an upscaler's luma, which
    is larger, as it is.
    """
    if color.shape[-1] < shown.shape[-1]:
        color = F.interpolate(color, size=shown.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([shown / 50 - 1, color], dim=1) if with_lightness else color
