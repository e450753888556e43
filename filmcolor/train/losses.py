"""Losses of the default recipe: rebalanced soft classification over ab bins, and regression.

After Zhang et al. 2016, "Colorful Image Colorization", with bilinear instead of nearest-neighbour
encoding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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
    """(side, side) int64: number of the bin at a grid point, -1 where there is none."""
    step: float

    @classmethod
    def from_samples(cls, ab: Tensor, count: int, step: float = 10.0) -> AbBins:
        """The `count` most frequent grid points of samples (n, 2)."""
        half = round(120 / step)
        side = 2 * half + 1
        index, weight = _corners(ab, step, half)
        histogram = torch.zeros(side * side).index_add_(0, index.flatten(), weight.flatten())
        chosen = histogram.topk(count).indices.sort().values
        lookup = torch.full((side * side,), -1, dtype=torch.int64)
        lookup[chosen] = torch.arange(count)
        grid = torch.stack([chosen // side, chosen % side], dim=1).float()
        frequency = histogram[chosen].clamp(min=1.0)
        return cls((grid - half) * step, frequency / frequency.sum(), lookup.view(side, side), step)

    def encode(self, ab: Tensor) -> tuple[Tensor, Tensor]:
        """ab (N, 2, h, w) to the four nearest bins (N, 4, h, w) int64 and their weights, summing
        to 1.
        """
        half = self.lookup.shape[0] // 2
        flat = ab.permute(0, 2, 3, 1).reshape(-1, 2)
        index, weight = _corners(flat, self.step, half)
        bins = self.lookup.view(-1)[index]
        weight = weight * (bins >= 0)
        total = weight.sum(dim=1, keepdim=True)
        nearest = torch.cdist(flat[total[:, 0] < 1e-4], self.centers).argmin(dim=1)
        lost = total[:, 0] < 1e-4
        bins[lost, 0] = nearest
        weight[lost, 0] = 1.0
        weight = weight / weight.sum(dim=1, keepdim=True)
        n, _, h, w = ab.shape
        shape = (n, h, w, 4)
        return (
            bins.clamp(min=0).view(shape).permute(0, 3, 1, 2),
            weight.view(shape).permute(0, 3, 1, 2),
        )

    def rebalancing(self, strength: float) -> Tensor:
        """Weight of each bin (bins,): 1 / ((1 - strength) p + strength / bins), mean 1 over
        pixels.
        """
        weight = 1 / ((1 - strength) * self.frequency + strength / len(self.frequency))
        return weight / (weight * self.frequency).sum()


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


def class_loss(logits: Tensor, bins: Tensor, weight: Tensor, rebalance: Tensor) -> Tensor:
    """Cross-entropy against soft targets, each pixel weighted by the rarity of its colour.

    logits (N, K, h, w); bins and weight (N, 4, h, w) from `AbBins.encode`; rebalance (K,). A
    scalar.
    """
    log_p = torch.log_softmax(logits.float(), dim=1)
    chosen = log_p.gather(1, bins)
    rarity = (rebalance[bins] * weight).sum(dim=1)
    return -((chosen * weight).sum(dim=1) * rarity).mean()
