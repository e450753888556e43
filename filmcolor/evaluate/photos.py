"""Measures on colour photographs made grey: PSNR, ab error, CIEDE2000, colourfulness, chroma where
there should be none, blotches where one colour should be, and skin that has no skin's colour.

Pictures are torch tensors (N, 3, H, W), sRGB 0..1. It must not know files, models or training.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from filmcolor.color import rgb_to_lab
from filmcolor.evaluate.blotches import Segment, blotched_area, even_segments
from filmcolor.evaluate.skin import off_locus, true_skin

NEUTRAL_CHROMA = 5.0
"""Lab chroma below which a pixel of the truth counts as neutral."""

_PERFECT_PSNR = 100.0
_WEIGHTS = {"blotched": "even", "skin_off": "skin"}
"""What some measures are weighted by."""
_CHROMA_KNEE = 25.0**7


def psnr(result: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each picture, dB, over R'G'B' in 0..1: (N,); at most 100."""
    error = ((result.clamp(0, 1) - truth) ** 2).mean(dim=(1, 2, 3))
    return -10 * torch.log10(error.clamp(min=10 ** (-_PERFECT_PSNR / 10)))


def colorfulness(rgb: Tensor, least: float = 0.0) -> Tensor:
    """Hasler and Süsstrunk 2003, "Measuring colourfulness in natural images", on 0..255: (N,).

    `least` is added below both roots, for those who need slopes.
    """
    red, green, blue = (rgb.clamp(0, 1) * 255).unbind(dim=1)
    rg, yb = red - green, 0.5 * (red + green) - blue
    spread = (rg.var(dim=(1, 2), correction=0) + yb.var(dim=(1, 2), correction=0) + least).sqrt()
    mean = (rg.mean(dim=(1, 2)) ** 2 + yb.mean(dim=(1, 2)) ** 2 + least).sqrt()
    return spread + 0.3 * mean


def ciede2000(first: Tensor, second: Tensor) -> Tensor:
    """CIEDE2000 colour difference of every pixel: Lab (N, 3, H, W) twice to (N, H, W).

    Sharma, Wu and Dalal 2005, "The CIEDE2000 color-difference formula", with all three parametric
    factors 1.
    """
    (l1, a1, b1), (l2, a2, b2) = first.unbind(dim=1), second.unbind(dim=1)
    mean_power = ((torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * (mean_power / (mean_power + _CHROMA_KNEE)).sqrt()
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    h1, h2 = _hue(a1, b1), _hue(a2, b2)
    both = (c1 > 0) & (c2 > 0)
    turn = h2 - h1
    wraps = (turn.abs() > math.pi) & both
    turn = torch.where(wraps, turn - 2 * math.pi * turn.sign(), turn)
    hue_step = 2 * (c1 * c2).sqrt() * torch.sin(turn / 2)
    total = h1 + h2
    around = torch.where(total < 2 * math.pi, total + 2 * math.pi, total - 2 * math.pi)
    hue = torch.where(both, torch.where(wraps, around, total) / 2, total)
    light, chroma = (l1 + l2) / 2 - 50, (c1 + c2) / 2
    weight = (
        1
        - 0.17 * torch.cos(hue - math.radians(30))
        + 0.24 * torch.cos(2 * hue)
        + 0.32 * torch.cos(3 * hue + math.radians(6))
        - 0.20 * torch.cos(4 * hue - math.radians(63))
    )
    light_step = (l2 - l1) / (1 + 0.015 * light**2 / (20 + light**2).sqrt())
    chroma_step = (c2 - c1) / (1 + 0.045 * chroma)
    hue_step = hue_step / (1 + 0.015 * chroma * weight)
    angle = torch.exp(-(((hue - math.radians(275)) / math.radians(25)) ** 2)) * math.radians(60)
    power = chroma**7
    twist = -2 * (power / (power + _CHROMA_KNEE)).sqrt() * torch.sin(angle)
    squared = light_step**2 + chroma_step**2 + hue_step**2 + twist * chroma_step * hue_step
    return squared.clamp(min=0).sqrt()


def _hue(a: Tensor, b: Tensor) -> Tensor:
    """Hue angle, 0..2 pi."""
    angle = torch.atan2(b, a)
    return torch.where(angle < 0, angle + 2 * math.pi, angle)


def without_nan(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Figures for JSON, where NaN becomes null."""
    return {name: None if math.isnan(value) else value for name, value in figures.items()}


@dataclass(frozen=True, slots=True)
class PhotoMeasures:
    """Measures of one picture, or means over a set of them."""

    psnr: float
    """dB, over R'G'B'."""
    ab_error: float
    """Mean over pixels of the distance in the ab plane."""
    ciede2000: float
    """Mean over pixels."""
    colorfulness: float
    """Hasler and Süsstrunk's."""
    neutral_chroma: float
    """Mean chroma on pixels whose truth is neutral (chroma below 5); NaN if there are none."""
    blotched: float
    """Of the area that is evenly coloured in truth, the share that is not in the result (see
    `filmcolor/evaluate/blotches.py`); NaN if there is no such area.
    """
    even: float
    """Share of the picture that is evenly coloured in truth: the weight of `blotched`."""
    skin_off: float = math.nan
    """Of the skin of faces, the share that has no skin's colour (see
    `filmcolor/evaluate/skin.py`); NaN if there is none.
    """
    skin: float = 0.0
    """Share of the picture that is skin: the weight of `skin_off`."""

    def as_dict(self) -> dict[str, float | None]:
        """For JSON."""
        return without_nan(asdict(self))


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Photographs as they are, with what every comparison with them needs."""

    rgb: Tensor
    """(N, 3, H, W)."""
    lab: Tensor
    """(N, 3, H, W)."""
    neutral: Tensor
    """(N, H, W): where chroma is below `NEUTRAL_CHROMA`."""
    segments: tuple[list[Segment], ...]
    """Of each photograph, those that are evenly coloured."""
    skin: tuple[NDArray[np.int64], ...]
    """Of each photograph, the indices of its pixels that are skin."""

    @classmethod
    def of(cls, rgb: Tensor) -> Truth:
        """From R'G'B' (N, 3, H, W) 0..1."""
        lab = rgb_to_lab(rgb)
        neutral = torch.hypot(lab[:, 1], lab[:, 2]) < NEUTRAL_CHROMA
        planes = lab.cpu().numpy()
        segments = tuple(even_segments(one) for one in planes)
        return cls(rgb, lab, neutral, segments, tuple(true_skin(one) for one in planes))

    def measures(self) -> list[PhotoMeasures]:
        """What the photographs get when compared with themselves."""
        chroma = torch.hypot(self.lab[:, 1], self.lab[:, 2]) * self.neutral
        own = chroma.sum(dim=(1, 2)) / self.neutral.sum(dim=(1, 2))
        columns = torch.stack([colorfulness(self.rgb), own], dim=1).tolist()
        return [
            PhotoMeasures(*[_PERFECT_PSNR, 0.0, 0.0, *row, *areas])
            for row, areas in zip(columns, self.areas(self.lab), strict=True)
        ]

    def areas(self, lab: Tensor) -> list[tuple[float, float, float, float]]:
        """`blotched`, `even`, `skin_off`, `skin` of each picture of a result, Lab (N, 3, H, W)."""
        found = []
        pairs = zip(lab[:, 1:].cpu().numpy(), self.lab.cpu().numpy(), strict=True)
        for (ab, true), segments, skin in zip(pairs, self.segments, self.skin, strict=True):
            area = blotched_area(ab, segments)
            blotched = area.blotched / area.even if area.even else math.nan
            off = off_locus(ab, true, skin) if len(skin) else math.nan
            found.append((blotched, area.even, off, len(skin) / ab[0].size))
        return found


def measure(result: Tensor, truth: Truth) -> list[PhotoMeasures]:
    """Measures of each picture (N, 3, H, W) of a batch; colours outside 0..1 are clipped."""
    lab = rgb_to_lab(result.clamp(0, 1))
    (a, b), (true_a, true_b) = lab[:, 1:].unbind(dim=1), truth.lab[:, 1:].unbind(dim=1)
    on_neutral = (torch.hypot(a, b) * truth.neutral).sum(dim=(1, 2))
    columns = [
        psnr(result, truth.rgb),
        torch.hypot(a - true_a, b - true_b).mean(dim=(1, 2)),
        ciede2000(lab, truth.lab).mean(dim=(1, 2)),
        colorfulness(result),
        on_neutral / truth.neutral.sum(dim=(1, 2)),
    ]
    return [
        PhotoMeasures(*[*row, *areas])
        for row, areas in zip(torch.stack(columns, dim=1).tolist(), truth.areas(lab), strict=True)
    ]


def average(measures: Iterable[PhotoMeasures]) -> PhotoMeasures:
    """Mean over pictures, NaN left out; of `blotched` and `skin_off` over all of their area."""
    everything = list(measures)
    means = {}
    for entry in fields(PhotoMeasures):
        weight_name = _WEIGHTS.get(entry.name)
        weights = [getattr(one, weight_name) if weight_name else 1.0 for one in everything]
        numbers = [
            (weight * v, weight)
            for one, weight in zip(everything, weights, strict=True)
            if not math.isnan(v := float(getattr(one, entry.name)))
        ]
        total = math.fsum(weight for _, weight in numbers)
        means[entry.name] = math.fsum(v for v, _ in numbers) / total if total else math.nan
    return PhotoMeasures(**means)
