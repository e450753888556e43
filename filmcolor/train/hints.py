"""Hints for training: parts of the true colours, given the way people and neighbouring frames give
them, so that the seam for guidance is trained with everything else.

After Zhang et al. 2017, "Real-Time User-Guided Image Colorization with Learned Deep Priors", whose
simulated strokes are the points here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from filmcolor.models.base import Hint
from filmcolor.train.degrade import host_random


@dataclass(frozen=True, slots=True)
class HintSettings:
    """How often colours are given, and what they look like."""

    chance: float = 0.0  # of a picture to come with hints at all
    points: int = 12  # at most so many squares of one colour each
    point_side: int = 9  # at most so wide, px
    patch_side: float = 0.5  # at most this share of the picture's side, as a patch of true colours
    warp: float = 4.0  # a neighbour's colours are displaced by at most this, px
    noise: float = 4.0  # and off by at most this, Lab units (one value a picture and channel)


def random_hints(ab: Tensor, settings: HintSettings, rng: torch.Generator) -> Hint | None:
    """Hints for true colours ab (N, 2, H, W), Lab units; None if the chance is 0.

    A picture gets points, a patch, or its whole self as carried from a neighbouring frame: bent a
    little, a little off, with holes. `rng` lives on the device of `ab`.
    """
    if settings.chance <= 0:
        return None
    count, _, height, width = ab.shape
    host = host_random(rng)
    draws = _uniform(host, count, 2)
    chosen = draws[:, 0] < settings.chance
    values = torch.zeros_like(ab)
    confidence = torch.zeros(count, 1, height, width, dtype=ab.dtype, device=ab.device)
    for index in chosen.nonzero()[:, 0].tolist():
        kind = int(draws[index, 1] * 3)
        picture = ab[index : index + 1]
        if kind == 0:
            given, mask = _points(picture, settings, host)
        elif kind == 1:
            given, mask = _patch(picture, settings, host)
        else:
            given, mask = _neighbour(picture, settings, host)
        values[index : index + 1] = given * (mask > 0)
        confidence[index : index + 1] = mask
    return Hint(values, confidence)


def _uniform(host: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=host)


def _points(ab: Tensor, settings: HintSettings, host: torch.Generator) -> tuple[Tensor, Tensor]:
    height, width = ab.shape[-2:]
    given, mask = torch.zeros_like(ab), torch.zeros_like(ab[:, :1])
    number = 1 + int(_uniform(host, 1) ** 2 * settings.points)
    draws = _uniform(host, number, 3).tolist()
    for down, across, breadth in draws:
        side = 1 + int(breadth * settings.point_side)
        top, left = int(down * (height - 1)), int(across * (width - 1))
        area = (..., slice(top, top + side), slice(left, left + side))
        given[area] = ab[area].mean(dim=(-2, -1), keepdim=True)
        mask[area] = 1.0
    return given, mask


def _patch(ab: Tensor, settings: HintSettings, host: torch.Generator) -> tuple[Tensor, Tensor]:
    height, width = ab.shape[-2:]
    tall, wide, down, across = _uniform(host, 4).tolist()
    rows = max(1, int(tall * settings.patch_side * height))
    columns = max(1, int(wide * settings.patch_side * width))
    top, left = int(down * (height - rows)), int(across * (width - columns))
    mask = torch.zeros_like(ab[:, :1])
    mask[..., top : top + rows, left : left + columns] = 1.0
    return ab, mask


def _neighbour(ab: Tensor, settings: HintSettings, host: torch.Generator) -> tuple[Tensor, Tensor]:
    height, width = ab.shape[-2:]

    def there(*shape: int) -> Tensor:
        return _uniform(host, *shape).to(ab.device, non_blocking=True)

    coarse = there(1, 2, 4, 4) * 2 - 1
    scale = torch.tensor([width, height], dtype=ab.dtype, device=ab.device).view(1, 1, 1, 2)
    bend = F.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=True)
    displaced = bend.permute(0, 2, 3, 1) * 2 * settings.warp / scale
    still = torch.eye(2, 3, dtype=ab.dtype, device=ab.device)[None]
    grid = F.affine_grid(still, [1, 1, height, width], align_corners=False)
    moved = F.grid_sample(ab, grid + displaced, padding_mode="border", align_corners=False)
    moved = moved + settings.noise * (there(1, 2, 1, 1) * 2 - 1)
    holes = F.interpolate(there(1, 1, 8, 8), size=(height, width))
    certainty = 0.3 + 0.7 * there(1)
    hidden = 0.5 * there(1)
    return moved, (holes > hidden).to(ab.dtype) * certainty
