"""Brings ab from model size to the film's chroma grid, so that colour stops where the film's
edges stop.

Around each place of the ab grid, ab is taken to be a straight line over lightness: the local
linear model of the guided filter (He, Sun, Tang, ECCV 2010), fitted small and applied large as in
the fast guided filter (He and Sun, 2015). Other than there, the line is laid through the ab the
model gave, so that nothing of its colour is averaged away; its slope is trusted by how well it
fits, and what the result lacks when it is reduced again is added back. It knows no codes but
those of luma.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from filmcolor.models.transfer import sent
from filmcolor.types import AbMap, Luma, PixelLayout, Siting

_ALL_ROWS = slice(None)

Sums = NDArray[np.int16] | NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class GuideSettings:
    """How ab follows lightness; the values were measured, see docs/experiments.md."""

    radius: int = 2  # places of the ab grid on each side that a line is fitted to
    epsilon: float = 16.0  # L* squared: variance of lightness below which ab does not follow it
    ab_noise: float = 1.0  # squared: variance of ab below which a fit proves nothing
    smoothing: int = 1  # places on each side over which slopes are averaged


def _box_mean(planes: Tensor, radius: int) -> Tensor:
    """Mean over a square window, edges repeated; any (N, C, h, w)."""
    if radius == 0:
        return planes
    padded = F.pad(planes, (radius,) * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * radius + 1, stride=1)


def _reduce(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """Area average to a size; enlarges bilinearly where it is larger."""
    height, width = planes.shape[-2:]
    if (height, width) == size:
        return planes
    if height < size[0] or width < size[1]:
        return F.interpolate(planes, size, mode="bilinear", align_corners=False)
    if height % size[0] == 0 and width % size[1] == 0:
        return F.avg_pool2d(planes, (height // size[0], width // size[1]))
    return F.interpolate(planes, size, mode="area")


def fit_guide(ab: Tensor, lightness: Tensor, settings: GuideSettings) -> Tensor:
    """Lines ab = slope * L* + offset at every place of the ab grid.

    `ab` (1, 2, h, w) and `lightness` (1, 1, H, W) 0..100 give (1, 4, h, w): two slopes, two
    offsets.
    """
    size = (ab.shape[2], ab.shape[3])
    guide = _reduce(lightness, size)
    products = [guide, ab, guide * guide, guide * ab, ab.square().sum(dim=1, keepdim=True)]
    means = _box_mean(torch.cat(products, dim=1), settings.radius)
    mean_guide, mean_ab = means[:, :1], means[:, 1:3]
    variance = (means[:, 3:4] - mean_guide.square()).clamp(min=0) + settings.epsilon
    covariance = means[:, 4:6] - mean_guide * mean_ab
    ab_variance = means[:, 6:7] - mean_ab.square().sum(dim=1, keepdim=True)
    explained = covariance.square().sum(dim=1, keepdim=True) / (
        variance * (ab_variance.clamp(min=0) + settings.ab_noise)
    )
    slope = _box_mean(covariance / variance * explained.clamp(max=1), settings.smoothing)
    offset = ab - slope * guide
    large = F.interpolate(
        torch.cat([slope, offset], dim=1),
        lightness.shape[-2:],
        mode="bilinear",
        align_corners=False,
    )
    offset = offset + (ab - _reduce(large[:, :2] * lightness + large[:, 2:], size))
    return torch.cat([slope, offset], dim=1)


def _widened(luma: Luma, bit_depth: int, extra: tuple[int, int]) -> Sums:
    """Codes in a type that holds the sum of sixteen; `extra` rows and columns repeat the last."""
    rim = ((0, extra[0]), (0, extra[1]))
    padded = np.pad(luma, rim, mode="edge") if any(extra) else luma
    if bit_depth > 8:  # pipes may hold any 16 bits
        padded = np.minimum(padded, padded.dtype.type((1 << bit_depth) - 1))
    if bit_depth <= 11:
        return padded.astype(np.int16)
    return padded.astype(np.int32)


def _pairs_within_fields(rows: Sums) -> Sums:
    """Four times the luma at each row of 4:2:0 chroma of an interlaced picture.

    Chroma row i belongs to the field of the rows of its own parity. It lies, as in a whole picture,
    half a row below luma row 2 i: a quarter of the way between two rows of the top field, three
    quarters between two of the bottom field (ITU-T H.262, 6.1.1.8; H.264, 6.2). At the
    lower rim a field's own last row is repeated.
    """
    found = np.empty((-(-rows.shape[0] // 2), rows.shape[1]), rows.dtype)
    for parity, (near, far) in enumerate(((3, 1), (1, 3))):
        field = rows[parity::2]
        upper, count = field[0::2], found[parity::2].shape[0]
        lower = np.concatenate([field[1::2], field[-1:]])[: len(upper)]
        found[parity::2] = (near * upper + far * lower)[:count]
    return found


def luma_on_chroma_grid(
    luma: Luma, layout: PixelLayout, bit_depth: int, siting: Siting, *, by_field: bool = False
) -> tuple[Sums, int]:
    """Luma where the chroma samples sit: sums of codes, and what to divide them by.

    `luma` (height, width) of `bit_depth`, `layout` says the chroma grid. Vertically a 4:2:0
    sample lies between two rows (their mean), `by_field` between two of its own field, nearer to
    one of them; horizontally a left-sited one lies on an even column (1 2 1), a centred one between
    two (their mean). At the rim the last sample is repeated.
    """
    down, across = layout.subsampling
    height, width = luma.shape
    is_paired = down == 2 and not by_field
    rows = _widened(luma, bit_depth, (height % 2 if is_paired else 0, width % across))
    divisor = 1
    if is_paired:
        rows = rows[0::2] + rows[1::2]
        divisor = 2
    elif down == 2:
        rows = _pairs_within_fields(rows)
        divisor = 4
    if across == 1:
        return rows, divisor
    if siting == "center":
        return rows[:, 0::2] + rows[:, 1::2], divisor * 2
    sums = rows[:, 0::2] * 2
    sums += rows[:, 1::2]
    sums[:, 1:] += rows[:, 1:-1:2]
    sums[:, 0] += rows[:, 0]
    return sums, divisor * 4


@dataclass(frozen=True, slots=True, eq=False)
class _Lerp:
    """Between which two of `source` places, and how far along, each target place lies."""

    lower: Tensor
    upper: Tensor
    share: Tensor

    @classmethod
    def of(cls, source: int, length: int, step: int, phase: float) -> _Lerp:
        """Places `step` luma samples apart over `length` of them, the first `phase` samples in."""
        count = -(-length // step)
        place = (torch.arange(count, dtype=torch.float64) * step + phase) * (source / length) - 0.5
        place = place.clamp(0, source - 1)
        lower = place.floor().long().clamp(max=max(source - 2, 0))
        upper = (lower + 1).clamp(max=source - 1)
        return cls(lower, upper, (place - lower).to(torch.float32))

    def to(self, device: torch.device) -> _Lerp:
        """The same on a device."""
        return _Lerp(self.lower.to(device), self.upper.to(device), self.share.to(device))

    def matrix(self, source: int) -> Tensor:
        """The same as a matrix (source, targets)."""
        weights = torch.zeros(source, len(self.lower))
        weights.scatter_add_(0, self.lower[None], 1 - self.share[None])
        return weights.scatter_add_(0, self.upper[None], self.share[None])


@dataclass(frozen=True, slots=True, eq=False)
class GuideLines:
    """One field's lines, at the chroma grid's full width and the field's own height."""

    values: Tensor
    """(1, 4, h, chroma width): two slopes, two offsets."""
    down: _Lerp

    def ab(self, lightness: Tensor, rows: slice = _ALL_ROWS) -> Tensor:
        """ab (1, 2, rows, chroma width) where the film's own lightness is (1, 1, rows, chroma
        width).

        `rows` says which of the chroma grid's rows are given.
        """
        full = torch.lerp(
            self.values.index_select(2, self.down.lower[rows]),
            self.values.index_select(2, self.down.upper[rows]),
            self.down.share[rows, None],
        )
        return torch.addcmul(full[:, 2:], full[:, :2], lightness)


class Upsampler:
    """Guided upsampling to one chroma grid of one picture size, on one device.

    `size` is the picture's (height, width) in luma samples; `layout` and `siting` say where
    chroma lies in it. Positions are worked out once for each size of ab that comes.
    """

    def __init__(
        self,
        size: tuple[int, int],
        layout: PixelLayout,
        siting: Siting,
        device: torch.device,
        settings: GuideSettings | None = None,
    ) -> None:
        self._size = size
        self._steps = layout.subsampling
        self._siting = siting
        self._device = device
        self._settings = settings or GuideSettings()
        self._known: dict[tuple[int, int, float], tuple[_Lerp, Tensor]] = {}

    def lines(self, colors: AbMap, offset: float = 0.0) -> GuideLines:
        """Fit one field's lines; it was seen so many rows of the picture lower than the picture."""
        ab = sent(colors.ab, self._device)[None]
        lightness = sent(colors.lightness, self._device)[None, None]
        down, across = self._positions((ab.shape[2], ab.shape[3]), offset)
        return GuideLines(fit_guide(ab, lightness, self._settings) @ across, down)

    def _positions(self, grid: tuple[int, int], offset: float) -> tuple[_Lerp, Tensor]:
        key = (*grid, offset)
        if key not in self._known:
            (height, width), (down, across) = self._size, self._steps
            left = self._siting == "left" and across == 2
            rows = _Lerp.of(grid[0], height, down, down / 2 - offset).to(self._device)
            columns = _Lerp.of(grid[1], width, across, 0.5 if left else across / 2)
            self._known[key] = rows, columns.matrix(grid[1]).to(self._device)
        return self._known[key]
