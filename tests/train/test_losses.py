"""Soft classification over ab bins."""

from __future__ import annotations

import pytest
import torch

from filmcolor.train.losses import AbBins, class_loss


def bins_of(ab: torch.Tensor, count: int) -> AbBins:
    return AbBins.from_samples(ab, count, 10.0)


@pytest.fixture(scope="module")
def bins() -> AbBins:
    spread = torch.randn(20000, 2, generator=torch.Generator().manual_seed(0)) * 25
    return bins_of(spread, 150)


def test_encoding_is_bilinear_and_can_be_read_back(bins: AbBins) -> None:
    ab = torch.rand(1, 2, 40, 40, generator=torch.Generator().manual_seed(1)) * 40 - 20
    nearest, weight = bins.encode(ab)
    assert weight.min() >= 0
    assert torch.allclose(weight.sum(dim=1), torch.ones(1, 40, 40))
    back = (bins.centers[nearest] * weight[..., None]).sum(dim=1).permute(0, 3, 1, 2)
    assert (back - ab).abs().max() < 1e-3


def test_a_colour_without_a_bin_goes_to_the_nearest(bins: AbBins) -> None:
    nearest, weight = bins.encode(torch.tensor([118.0, -118.0]).view(1, 2, 1, 1))
    expected = (bins.centers - torch.tensor([118.0, -118.0])).norm(dim=1).argmin()
    assert nearest[0, 0, 0, 0] == expected
    assert weight[0, :, 0, 0].tolist() == [1, 0, 0, 0]


def test_rebalancing_lifts_rare_colours_and_keeps_the_mean(bins: AbBins) -> None:
    weight = bins.rebalancing(0.5)
    rarest, commonest = bins.frequency.argmin(), bins.frequency.argmax()
    assert weight[rarest] > 3 * weight[commonest]
    assert (weight * bins.frequency).sum() == pytest.approx(1.0, abs=1e-5)
    assert torch.allclose(bins.rebalancing(1.0), torch.ones(150), atol=1e-4)


def test_class_loss_is_cross_entropy(bins: AbBins) -> None:
    ab = torch.rand(2, 2, 5, 5) * 30
    nearest, weight = bins.encode(ab)
    target = torch.zeros(2, 150, 5, 5).scatter_add_(1, nearest, weight)
    logits = torch.randn(2, 150, 5, 5)
    expected = -(torch.log_softmax(logits, 1) * target).sum(1).mean()
    assert class_loss(logits, nearest, weight, torch.ones(150)).item() == pytest.approx(
        expected.item(), rel=1e-5
    )
