"""The default generator: its size, its shapes, its heads, its seam for hints."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from filmcolor.models.base import Hint
from filmcolor.models.mobilenet_unet import MobileNetEncoder, MobileNetUNet, MobileNetUNetConfig


@pytest.fixture(scope="module")
def generator() -> MobileNetUNet:
    torch.manual_seed(0)
    made = MobileNetUNet().eval().requires_grad_(False)
    made.bin_centers.copy_(torch.randn(made.config.bins, 2) * 40)
    torch.nn.init.normal_(made.regression.weight, std=0.1)
    return made


def test_size_and_cost_stay_in_the_budget(generator: MobileNetUNet) -> None:
    assert sum(p.numel() for p in generator.parameters()) <= 8_000_000
    with FlopCounterMode(display=False) as counter:
        generator(torch.rand(1, 1, 256, 256) * 100)
    assert counter.get_total_flops() <= 5.2e9


@pytest.mark.parametrize("size", [(256, 256), (192, 352), (32, 64)])
def test_ab_comes_at_a_quarter_of_the_size(generator: MobileNetUNet, size: tuple[int, int]) -> None:
    ab = generator(torch.rand(2, 1, *size) * 100)
    assert ab.shape == (2, 2, size[0] // 4, size[1] // 4)
    assert ab.isfinite().all()


def test_sides_that_are_no_multiple_of_32_are_refused(generator: MobileNetUNet) -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        generator(torch.zeros(1, 1, 100, 128))


def test_the_annealed_mean_is_mixed_with_the_regression() -> None:
    made = MobileNetUNet(
        MobileNetUNetConfig(bins=3, temperature=0.1, class_share=0.25, chroma_gain=1.5)
    )
    made.bin_centers.copy_(torch.tensor([[0.0, 0.0], [40.0, -20.0], [-60.0, 10.0]]))
    logits = torch.tensor([0.0, 9.0, 0.0]).view(1, 3, 1, 1)
    regression = torch.tensor([8.0, 4.0]).view(1, 2, 1, 1)
    mixed = made.mix(made.decode_classes(logits)[0], regression).flatten().tolist()
    expected = [1.5 * (0.25 * 40 + 0.75 * 8), 1.5 * (0.25 * -20 + 0.75 * 4)]
    assert mixed == pytest.approx(expected, abs=1e-4)


def test_classes_are_half_as_sure_where_colours_ten_apart_are_as_likely() -> None:
    made = MobileNetUNet(MobileNetUNetConfig(bins=3))
    made.bin_centers.copy_(torch.tensor([[-10.0, 0.0], [10.0, 0.0], [0.0, 90.0]]))
    logits = torch.tensor([[9.0, 9.0, -99.0], [0.0, 99.0, 0.0], [9.0, 9.0, 9.0]]).T
    _, confidence = made.decode_classes(logits.reshape(1, 3, 1, 3))
    certain = confidence.flatten().tolist()
    assert certain[:2] == pytest.approx([0.5, 1.0], abs=1e-4)
    assert certain[2] < 0.1


def test_a_run_reads_the_classes_without_making_them() -> None:
    torch.manual_seed(0)
    made = MobileNetUNet().eval().requires_grad_(False)
    lightness = torch.rand(1, 1, 64, 96) * 100
    ab, confidence = made.with_confidence(lightness)
    made.classes.weight.fill_(float("nan"))
    again, confidence_again = made.with_confidence(lightness)
    assert confidence is not None and confidence.shape == (1, 1, 16, 24)
    assert float(confidence.min()) >= 0 and float(confidence.max()) <= 1
    assert torch.equal(ab, again) and torch.equal(confidence, confidence_again)
    assert torch.equal(ab, made(lightness))


def test_a_knee_leaves_strong_colours_more_of_the_gain_than_pale_ones_and_no_hue_changes() -> None:
    made = MobileNetUNet(MobileNetUNetConfig(class_share=0.0, chroma_gain=1.5, chroma_knee=5.0))
    regression = torch.tensor([[3.0, 30.0, 0.0], [4.0, 40.0, 0.0]]).view(1, 2, 1, 3)
    regression.requires_grad_()
    painted = made.mix(torch.zeros(1, 2, 1, 3), regression)
    factors = (painted / regression)[0, :, 0, :2]
    assert factors[:, 0].tolist() == pytest.approx([0.75, 0.75], abs=1e-4)  # chroma 5: half
    assert factors[:, 1].tolist() == pytest.approx([1.5 * 50 / 55] * 2, abs=1e-4)
    assert painted[0, :, 0, 2].tolist() == [0.0, 0.0]
    painted.sum().backward()
    assert regression.grad is not None and bool(regression.grad.isfinite().all())


def test_a_model_tuned_from_a_bold_one_has_a_vivid_look_that_is_bolder() -> None:
    config = MobileNetUNetConfig(class_share=0.4, chroma_gain=1.345, chroma_knee=2.0)
    looks = MobileNetUNet(config).descriptor.looks
    mean, regression = torch.zeros(1, 2, 1, 1), torch.full((1, 2, 1, 1), 14.0)
    chroma = []
    for look in ({}, looks["vivid"], looks["restrained"]):
        made = MobileNetUNet(replace(config, **{**look, "class_share": 0.0}))
        chroma.append(float(made.mix(mean, regression).square().sum().sqrt()))
    natural, vivid, restrained = chroma
    assert vivid > 1.1 * natural
    assert restrained < natural


def test_a_negative_knee_is_refused() -> None:
    with pytest.raises(ValueError, match="chroma_knee"):
        MobileNetUNetConfig.from_mapping({"chroma_knee": -1.0})


def test_context_reaches_every_place(generator: MobileNetUNet) -> None:
    """A change in one corner of a large picture reaches the far corner, through the pooled
    context.
    """
    plain = torch.full((1, 1, 256, 640), 50.0)
    changed = plain.clone()
    changed[..., :64, :64] = torch.rand(64, 64) * 100
    difference = (generator(plain) - generator(changed))[..., -8:, -8:]
    assert difference.abs().max() > 0


def test_an_untrained_hint_changes_nothing_and_a_trained_one_does() -> None:
    torch.manual_seed(0)
    made = MobileNetUNet().eval().requires_grad_(False)
    torch.nn.init.normal_(made.regression.weight, std=0.1)
    lightness = torch.rand(1, 1, 64, 64) * 100
    hint = Hint(torch.full((1, 2, 64, 64), 30.0), torch.ones(1, 1, 64, 64))
    assert torch.equal(made(lightness), made(lightness, hint))
    torch.nn.init.normal_(made.hint_stem.weight, std=0.1)
    assert not torch.allclose(made(lightness), made(lightness, hint))
    unknown = Hint(hint.ab, torch.zeros(1, 1, 64, 64))
    assert torch.allclose(made(lightness), made(lightness, unknown))


def test_hints_of_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="confidence"):
        Hint(torch.zeros(1, 2, 8, 8), torch.zeros(1, 1, 8, 9))


def test_imagenet_weights_fit_and_three_equal_channels_become_one() -> None:
    made = MobileNetUNet()
    shapes = {k: v.shape for k, v in made.encoder.state_dict().items()}
    given = {}
    for name, shape in shapes.items():
        key = name
        if name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            key = f"block{int(number):02d}.{rest}"
        given[key] = torch.randn(shape)
    given["stem.weight"] = torch.randn(32, 3, 3, 3)
    given["classifier.weight"] = torch.zeros(1)
    made.encoder.load_imagenet(given)
    grey = torch.rand(1, 1, 33, 33)
    theirs = torch.nn.functional.conv2d(
        grey.expand(-1, 3, -1, -1), given["stem.weight"], given["stem.bias"], stride=2
    )
    ours = torch.nn.functional.conv2d(
        grey, made.encoder.stem.weight, made.encoder.stem.bias, stride=2
    )
    assert torch.allclose(theirs, ours, atol=1e-4)
    in_color = MobileNetEncoder(channels=3)
    in_color.load_imagenet(given)
    assert torch.equal(in_color.stem.weight, given["stem.weight"])


def test_config_says_what_is_wrong() -> None:
    assert MobileNetUNetConfig.from_mapping({"widths": [64, 32, 16], "bins": 10}).bins == 10
    for bad in ({"widths": 5}, {"bins": "many"}, {"colour": 1}, {"widths": [1, 2, 3]}):
        with pytest.raises(ValueError, match=r"widths|bins|unknown|range"):
            MobileNetUNetConfig.from_mapping(bad)


def test_features_are_told_at_three_strides_and_do_not_depend_on_the_look() -> None:
    torch.manual_seed(0)
    one, other = (MobileNetUNet(MobileNetUNetConfig(class_share=s)).eval() for s in (0.0, 1.0))
    other.load_state_dict(one.state_dict())
    lightness = torch.rand(2, 1, 128, 192) * 100
    levels = one.features(lightness)
    assert [tuple(level.shape[2:]) for level in levels] == [(16, 24), (8, 12), (4, 6)]
    assert all(torch.equal(a, b) for a, b in zip(levels, other.features(lightness), strict=True))
