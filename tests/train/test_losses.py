"""Losses on small tensors, and soft classification over ab bins."""

from __future__ import annotations

import math

import pytest
import torch

from filmcolor.models.ab_bins import AbBins
from filmcolor.models.mobilenet_unet import MobileNetEncoder
from filmcolor.models.mobilenet_unet.train import semantic_loss
from filmcolor.train.losses import (
    class_loss,
    colorfulness_loss,
    hinge_discriminator_loss,
    hinge_generator_loss,
    picture_loss,
    vanilla_discriminator_loss,
    vanilla_generator_loss,
)


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
    nearest, weight = bins.encode(torch.tensor([110.0, -110.0]).view(1, 2, 1, 1))
    expected = (bins.centers - torch.tensor([110.0, -110.0])).norm(dim=1).argmin()
    assert nearest[0, 0, 0, 0] == expected
    assert weight[0, :, 0, 0].tolist() == [1, 0, 0, 0]


def test_bins_can_be_made_from_their_centers(bins: AbBins) -> None:
    spread = torch.randn(5000, 2, generator=torch.Generator().manual_seed(3)) * 25
    again = AbBins.from_centers(bins.centers, spread, 10.0)
    assert torch.equal(again.lookup, bins.lookup)
    assert again.frequency.sum() == pytest.approx(1.0, abs=1e-5)
    assert (again.frequency - bins.frequency).abs().max() < 0.01


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


def test_adversarial_losses_have_their_known_values() -> None:
    zero = torch.zeros(4, 1)
    ones = torch.ones(4, 1)
    log2 = 0.6931472
    assert vanilla_discriminator_loss(zero, zero, ones, 0 * ones).item() == pytest.approx(log2)
    assert vanilla_generator_loss(zero).item() == pytest.approx(log2)
    sure = vanilla_discriminator_loss(20 * ones, -20 * ones, ones, 0 * ones)
    assert sure.item() == pytest.approx(0.0, abs=1e-6)
    smooth = vanilla_discriminator_loss(20 * ones, -20 * ones, 0.9 * ones, 0 * ones)
    assert smooth.item() == pytest.approx(1.0, abs=1e-3)
    assert hinge_discriminator_loss(zero, zero).item() == 1.0
    assert hinge_discriminator_loss(2 * ones, -2 * ones).item() == 0.0
    assert hinge_generator_loss(3 * ones).item() == -3.0


def test_a_picture_counts_by_the_order_of_its_error() -> None:
    truth = torch.zeros(2, 2, 4, 4)
    ab = truth.clone()
    ab[0, 0], ab[1, 1] = 3.0, 30.0
    expected = 0.5 * (math.log(9 + 30) + math.log(900 + 30))
    assert picture_loss(ab, truth).item() == pytest.approx(expected, rel=1e-5)
    ab.requires_grad_(True)
    picture_loss(ab, truth).backward()
    assert ab.grad is not None
    assert (ab.grad[0, 0] > ab.grad[1, 1]).all()


def test_semantic_loss_is_nothing_for_what_the_teacher_sees_and_up_to_four() -> None:
    torch.manual_seed(0)
    encoder = MobileNetEncoder()
    features = torch.randn(2, 320, 3, 3)

    def loss(own: torch.Tensor, wanted: torch.Tensor) -> float:
        return semantic_loss(own, encoder.summary(own), wanted, encoder.summary(wanted)).item()

    assert loss(features, features) == pytest.approx(0, abs=1e-5)
    assert loss(5 * features, features) < 0.5
    assert 2.0 < loss(features, -features) <= 4.0


def test_a_colourless_painting_lacks_more_than_a_colourful_one() -> None:
    generator = torch.Generator().manual_seed(4)
    rgb = 0.3 + 0.4 * torch.rand(2, 3, 32, 32, generator=generator)
    ab = torch.randn(2, 2, 8, 8, generator=generator) * 10
    lacks = [float(colorfulness_loss(strength * ab, rgb)) for strength in (0.0, 0.5, 1.0)]
    assert lacks[0] > lacks[1] > lacks[2] > 0
    assert lacks[0] == pytest.approx(1.0, abs=0.01)


def test_even_a_grey_painting_is_told_where_to_go() -> None:
    ab = torch.zeros(1, 2, 4, 4, requires_grad=True)
    colorfulness_loss(ab, torch.full((1, 3, 16, 16), 0.5)).backward()
    assert ab.grad is not None and bool(ab.grad.isfinite().all())
