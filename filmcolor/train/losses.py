"""Losses of the recipes: rebalanced soft classification over ab bins, and the adversarial ones.

Classification after Zhang et al. 2016, "Colorful Image Colorization", with bilinear instead of
nearest-neighbour encoding; vanilla GAN after Goodfellow et al. 2014, hinge after Lim and Ye 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from filmcolor.color import lab_to_rgb, rgb_to_lab
from filmcolor.evaluate.photos import colorfulness
from filmcolor.models.mobilenet_unet import MobileNetEncoder

_SMALL_ERROR = 30.0
_LEAST_SPREAD = 1e-2
"""Squared codes: keeps the slope of colourfulness finite where a picture is grey."""
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
        """Bins whose centres (bins, 2) are grid points already settled, counted over samples."""
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


def class_loss(logits: Tensor, bins: Tensor, weight: Tensor, rebalance: Tensor) -> Tensor:
    """Cross-entropy against soft targets, each pixel weighted by the rarity of its colour.

    logits (N, K, h, w); bins and weight (N, 4, h, w) from `AbBins.encode`; rebalance (K,). A
    scalar.
    """
    log_p = torch.log_softmax(logits.float(), dim=1)
    chosen = log_p.gather(1, bins)
    rarity = (rebalance[bins] * weight).sum(dim=1)
    return -((chosen * weight).sum(dim=1) * rarity).mean()


def semantic_loss(
    encoder: MobileNetEncoder, teacher: MobileNetEncoder, coarsest: Tensor, seen: Tensor
) -> Tensor:
    """How far what an encoder sees in grey is from what its teacher sees in colour, 0..4.

    Both are features at stride 32 (N, 320, h, w); compared by the cosine at every place, and by
    that of the summaries of the whole picture.
    """
    own, whole = encoder.summary(coarsest), teacher.summary(seen)
    places = 1 - F.cosine_similarity(coarsest, seen, dim=1).mean()
    return places + 1 - F.cosine_similarity(own, whole, dim=1).mean()


def picture_loss(ab: Tensor, truth: Tensor) -> Tensor:
    """Mean log of each picture's mean squared error: ab (N, 2, h, w) twice, Lab units, to a scalar.

    PSNR is such a log, so that a pale picture painted boldly weighs as much as a vivid one painted
    wrongly; 30 squared Lab units are added, lest small errors weigh most.
    """
    error = ((ab - truth) ** 2).sum(dim=1).mean(dim=(-2, -1))
    return torch.log(error + _SMALL_ERROR).mean()


def colorfulness_loss(ab: Tensor, rgb: Tensor) -> Tensor:
    """How colourless pictures are, about 0..1: ab (N, 2, h, w), Lab units, to a scalar.

    Of Kang et al. 2023, "DDColor: Towards Photo-Realistic Image Colorization via Dual Decoders";
    lightness is that of the true R'G'B' (N, 3, H, W), 0..1.
    """
    light = rgb_to_lab(F.adaptive_avg_pool2d(rgb, (ab.shape[2], ab.shape[3])))[:, :1]
    painted = lab_to_rgb(torch.cat([light, ab], dim=1))
    return 1 - colorfulness(painted, least=_LEAST_SPREAD).mean() / 100


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
