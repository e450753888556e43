"""The student head, fitted to the classes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from filmcolor.errors import OptionError
from filmcolor.models.mobilenet_unet import MobileNetUNet, MobileNetUNetConfig
from filmcolor.models.mobilenet_unet.distil import distil, take_statistics
from filmcolor.options import TrainOptions
from filmcolor.train.crops import CropSource
from filmcolor.train.recipes import FILM
from filmcolor.train.shown import shown_pictures
from tests.helpers.scenes import photographs


def painter() -> MobileNetUNet:
    """A small network whose classes say many things."""
    torch.manual_seed(0)
    made = MobileNetUNet(MobileNetUNetConfig(widths=(16, 16, 16), bins=9)).requires_grad_(False)
    made.bin_centers.copy_(torch.randn(9, 2) * 40)
    torch.nn.init.normal_(made.classes.weight, std=2.0)
    return made


def pictures(count: int = 4) -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    return [torch.rand(2, 1, 64, 64, generator=rng) * 100 for _ in range(count)]


def distances(network: MobileNetUNet, shown: torch.Tensor) -> tuple[float, float, float]:
    """How far the student head is from the classes: ab, beside the spread of theirs; confidence."""
    network.eval()
    decoded = network.decoded(network.encode(shown))
    ab, confidence = network.decode_classes(network.heads(decoded)[0])
    distilled, distilled_confidence = network.distilled(decoded)
    spread = (ab - ab.mean(dim=(0, 2, 3), keepdim=True)).norm(dim=1).mean()
    off = (distilled - ab).norm(dim=1).mean()
    return float(off), float(spread), float((distilled_confidence - confidence).abs().mean())


@pytest.mark.train
def test_the_student_head_agrees_with_the_classes_on_pictures_the_fit_never_saw() -> None:
    network, (*shown, other) = painter(), pictures(5)
    before, spread, _ = distances(network, other)
    stated = distil(network, shown)
    after, _, confidence = distances(network, other)
    assert after < 0.15 * spread < 0.15 * before
    assert confidence < 0.03
    assert abs(stated - after) < 0.05 * spread


@pytest.mark.train
def test_only_the_student_head_changes_and_always_to_the_same() -> None:
    one, other = painter(), painter()
    untouched = {k: v.clone() for k, v in one.state_dict().items()}
    torch.nn.init.normal_(other.get_parameter("reading.0.weight"))
    torch.rand(3)
    for network in (one, other):
        distil(network, pictures())
    assert not any(weight.requires_grad for weight in one.parameters())
    assert one.training and other.training
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])
        assert torch.equal(value, untouched[name]) != name.startswith("reading.")


def test_a_time_stamp_is_a_seed_as_well() -> None:
    source = CropSource(photographs(3), torch.device("cpu"))
    phase = replace(FILM.phases[0], size=32)

    def first(seed: int) -> torch.Tensor:
        return next(shown_pictures(source, phase, seed))

    stamp = 1_764_600_000_000_000
    assert torch.equal(first(stamp), first(stamp))
    assert not torch.equal(first(stamp), first(stamp + 1))
    assert torch.isfinite(first(2**63 - 1)).all()
    with pytest.raises(OptionError, match=f"--seed {2**63}: must be 0 to {2**63 - 1}"):
        TrainOptions(seed=2**63)


def test_the_statistics_of_features_are_those_of_the_pictures() -> None:
    network = MobileNetUNet(MobileNetUNetConfig(coherent=1)).eval().requires_grad_(False)
    rng = torch.Generator().manual_seed(5)
    shown = [100 * torch.rand(2, 1, 64, 64, generator=rng) for _ in range(3)]
    take_statistics(network, shown)
    features = torch.cat([network.compared(network.encode(each)) for each in shown])
    assert torch.allclose(network.feature_mean, features.mean(dim=(0, 2, 3)), atol=1e-5)
    spread = network.feature_deviation - features.transpose(0, 1).flatten(1).std(dim=1)
    assert torch.allclose(spread, torch.full_like(spread, 1e-3), atol=1e-5)
    assert network.see(shown[0]).features.norm(dim=1).allclose(torch.ones(2, 4, 4))
