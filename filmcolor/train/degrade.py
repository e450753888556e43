"""Old film's faults on the *input* of training pictures, never on the truth; batched, on any
device.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class DegradeSettings:
    """How often and how strongly a picture's luma is harmed; strengths are upper ends, luma is
    0..1.
    """

    chance: float = 0.3  # of a picture to be degraded at all
    grain: float = 0.05  # standard deviation
    gain: float = 0.12  # exposure: factor 1 +- gain
    gamma: float = 0.2  # tone: exponent in 1 / (1 + gamma) .. 1 + gamma
    fade: float = 0.12  # share of the contrast range that is lost
    blur: float = 1.2  # standard deviation, px


def _uniform(count: int, low: float, high: float, rng: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, 1, 1, 1, generator=rng)


def _soften(luma: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur with a sigma (N, 1, 1, 1) for each picture."""
    reach = 4
    axis = torch.arange(-reach, reach + 1, dtype=luma.dtype)
    kernel = torch.exp(-0.5 * (axis / sigma.view(-1, 1).clamp(min=0.05)) ** 2)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    count = luma.shape[0]
    rows = luma.transpose(0, 1)
    padded = F.pad(rows, (reach,) * 4, mode="replicate")
    across = F.conv2d(padded, kernel.view(count, 1, 1, -1), groups=count)
    down = F.conv2d(across, kernel.view(count, 1, -1, 1), groups=count)
    return down.transpose(0, 1)


def degrade(luma: Tensor, settings: DegradeSettings, rng: torch.Generator) -> Tensor:
    """Luma (N, 1, H, W), 0..1, as an old print might show it: tone, fading, softness, then grain.

    Grain is strongest in the middle tones and low-passed by a random amount, as emulsion's is.
    """
    count = luma.shape[0]
    harmed = luma.clamp(1e-4, 1) ** ((1 + settings.gamma) ** _uniform(count, -1, 1, rng))
    harmed = harmed * (1 + settings.gain * _uniform(count, -1, 1, rng))
    lost = settings.fade * _uniform(count, 0, 1, rng) ** 2
    floor = lost * _uniform(count, 0, 1, rng)
    harmed = floor + harmed * (1 - lost)
    harmed = _soften(harmed, settings.blur * _uniform(count, 0, 1, rng) ** 2)
    noise = torch.randn(luma.shape, generator=rng)
    soft = _soften(noise, 0.9 * _uniform(count, 0, 1, rng))
    soft = soft / soft.std(dim=(-2, -1), keepdim=True).clamp(min=1e-4)
    strength = settings.grain * _uniform(count, 0, 1, rng) ** 2
    tone = 0.5 + 2 * harmed.clamp(0, 1) * (1 - harmed.clamp(0, 1))
    harmed = (harmed + soft * strength * tone).clamp(0, 1)
    chosen = torch.rand(count, 1, 1, 1, generator=rng) < settings.chance
    return torch.where(chosen, harmed, luma)
