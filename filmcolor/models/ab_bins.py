"""The classes of a class head: bins of the ab plane, with the targets and weights that they give.

After Zhang et al. 2016, "Colorful Image Colorization", with bilinear instead of nearest-neighbour
encoding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_HALF_PLANE = 120.0
"""The grid of bins reaches so far along a and b, Lab units."""


@dataclass(frozen=True, slots=True, eq=False)
class AbBins:
    """The bins of the ab plane that occur in photographs, on a square grid, with their
    frequency.
    """

    centers: Tensor
    """(bins, 2), Lab units."""
    frequency: Tensor
    """(bins,), sums to 1."""
    lookup: Tensor
    """(side * side,) int64: number of the bin at a grid point, or of the nearest one."""
    step: float

    @classmethod
    def from_samples(cls, ab: Tensor, count: int, step: float = 10.0) -> AbBins:
        """The `count` most frequent grid points of samples (n, 2)."""
        half, histogram = _histogram(ab, step)
        chosen = histogram.topk(min(count, len(histogram))).indices.sort().values
        side = 2 * half + 1
        grid = torch.stack([chosen // side, chosen % side], dim=1).float()
        return cls.from_centers((grid - half) * step, ab, step)

    @classmethod
    def from_centers(cls, centers: Tensor, ab: Tensor, step: float = 10.0) -> AbBins:
        """Bins whose centres (bins, 2) are grid points of an earlier run, counted over samples."""
        half, histogram = _histogram(ab, step)
        side = 2 * half + 1
        row, column = (centers / step + half).round().long().unbind(dim=1)
        frequency = histogram[row * side + column].clamp(min=1.0)
        return cls.counted(centers, frequency / frequency.sum(), step)

    @classmethod
    def counted(cls, centers: Tensor, frequency: Tensor, step: float) -> AbBins:
        """Bins of which the frequency (bins,) is known as well."""
        half = round(_HALF_PLANE / step)
        axis = (torch.arange(2 * half + 1) - half) * step
        points = torch.cartesian_prod(axis, axis).float()
        lookup = torch.cdist(points, centers).argmin(dim=1)
        return cls(centers, frequency, lookup, step)

    def to(self, device: torch.device) -> AbBins:
        """The same on a device."""
        return AbBins(
            self.centers.to(device), self.frequency.to(device), self.lookup.to(device), self.step
        )

    def encode(self, ab: Tensor) -> tuple[Tensor, Tensor]:
        """ab (N, 2, h, w) to the bins around it (N, 4, h, w) int64 and their weights, summing to 1.

        Where a grid point has no bin, its weight goes to the nearest one.
        """
        half = round(_HALF_PLANE / self.step)
        n, _, h, w = ab.shape
        index, weight = _corners(ab.permute(0, 2, 3, 1).reshape(-1, 2), self.step, half)
        shape = (n, h, w, 4)
        return (
            self.lookup[index].view(shape).permute(0, 3, 1, 2),
            weight.view(shape).permute(0, 3, 1, 2),
        )

    def rebalancing(self, strength: float) -> Tensor:
        """Weight of each bin (bins,): 1 / ((1 - strength) p + strength / bins), mean 1 over
        pixels.
        """
        weight = 1 / ((1 - strength) * self.frequency + strength / len(self.frequency))
        return weight / (weight * self.frequency).sum()


def _histogram(ab: Tensor, step: float) -> tuple[int, Tensor]:
    """Half a side of the grid, and the weight of samples (n, 2) at every point of it."""
    half = round(_HALF_PLANE / step)
    index, weight = _corners(ab, step, half)
    empty = torch.zeros((2 * half + 1) ** 2)
    return half, empty.index_add_(0, index.flatten(), weight.flatten())


def _corners(ab: Tensor, step: float, half: int) -> tuple[Tensor, Tensor]:
    """Grid points around samples (n, 2) and their bilinear weights, both (n, 4)."""
    side = 2 * half + 1
    place = (ab / step + half).clamp(0, side - 1.001)
    low = place.floor()
    part = place - low
    row, column = low[:, 0].long(), low[:, 1].long()
    index = torch.stack([(row + i) * side + column + j for i in (0, 1) for j in (0, 1)], dim=1)
    a, b = part[:, 0], part[:, 1]
    weight = torch.stack([(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b], dim=1)
    return index, weight
