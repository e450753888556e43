"""Measures on colour photographs made grey: PSNR, mean ab error, colourfulness, and their
baselines.

Arrays are torch tensors (N, 3, H, W), sRGB 0..1. It must not know files or training.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import torch
from torch import Tensor

from filmcolor.color import rgb_to_lab

NEUTRAL_CHROMA = 5.0
"""Lab chroma below which a pixel of the truth counts as neutral."""


def psnr(result: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each picture, dB, over R'G'B' in 0..1: (N,)."""
    error = ((result.clamp(0, 1) - truth) ** 2).mean(dim=(1, 2, 3))
    return -10 * torch.log10(error.clamp(min=1e-10))


def colorfulness(rgb: Tensor) -> Tensor:
    """Hasler and Süsstrunk 2003, "Measuring colourfulness in natural images", on 0..255: (N,)."""
    red, green, blue = (rgb.clamp(0, 1) * 255).unbind(dim=1)
    rg, yb = red - green, 0.5 * (red + green) - blue
    spread = (rg.var(dim=(1, 2)) + yb.var(dim=(1, 2))).sqrt()
    mean = (rg.mean(dim=(1, 2)) ** 2 + yb.mean(dim=(1, 2)) ** 2).sqrt()
    return spread + 0.3 * mean


@dataclass(frozen=True, slots=True)
class PhotoMeasures:
    """Means over a set of pictures."""

    psnr: float
    """dB."""
    ab_error: float
    """Mean over pixels of the distance in the ab plane."""
    colorfulness: float
    neutral_chroma: float
    """Mean chroma on pixels whose truth is neutral (chroma below 5)."""

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


def measure(result: Tensor, truth: Tensor) -> PhotoMeasures:
    """Measures of one batch; see `average`. `neutral_chroma` is NaN if no pixel of the truth is
    neutral.
    """
    ours, real = rgb_to_lab(result.clamp(0, 1))[:, 1:], rgb_to_lab(truth)[:, 1:]
    neutral = real.norm(dim=1) < NEUTRAL_CHROMA
    return PhotoMeasures(
        psnr=float(psnr(result, truth).mean()),
        ab_error=float((ours - real).norm(dim=1).mean()),
        colorfulness=float(colorfulness(result).mean()),
        neutral_chroma=float(ours.norm(dim=1)[neutral].mean()),
    )


def average(measures: Iterable[PhotoMeasures]) -> PhotoMeasures:
    """Mean over pictures, NaN left out."""
    everything = list(measures)
    means = {}
    for entry in fields(PhotoMeasures):
        column = torch.tensor([float(getattr(one, entry.name)) for one in everything])
        means[entry.name] = float(column[~column.isnan()].mean())
    return PhotoMeasures(**means)
