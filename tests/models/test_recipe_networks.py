"""Generators and discriminators of the other recipes: shapes, layers, parameters, what they see."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from filmcolor.errors import CheckpointError
from filmcolor.models.base import Generator
from filmcolor.models.card import ModelCard
from filmcolor.models.checkpoint import load_generator, save_network
from filmcolor.models.dcgan import DcganConfig, DcganUNet
from filmcolor.models.discriminators import (
    DcganDiscriminator,
    PatchDiscriminator,
    RgbDiscriminator,
)
from filmcolor.models.pix2pix import Pix2PixConfig, Pix2PixUNet
from filmcolor.models.registry import build_network
from filmcolor.models.rgb_gan import RgbGanConfig, RgbGanNet


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def kinds(module: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(child, kind) for child in module.modules())


def convolutions(widths: list[int], kernel: int, *, biased: list[bool]) -> int:
    """Parameters of a chain of convolutions."""
    return sum(
        first * second * kernel**2 + second * bias
        for first, second, bias in zip(widths[:-1], widths[1:], biased, strict=True)
    )


def test_pix2pix_goes_down_to_one_by_one() -> None:
    generator = Pix2PixUNet()
    assert (kinds(generator, nn.Conv2d), kinds(generator, nn.ConvTranspose2d)) == (8, 8)
    assert kinds(generator, nn.BatchNorm2d) == 6 + 7
    down = [1, 64, 128, 256, 512, 512, 512, 512, 512]
    up = [(512, 512), *[(1024, 512)] * 3, (1024, 256), (512, 128), (256, 64)]
    expected = convolutions(down, 4, biased=[True] + [False] * 6 + [True])
    expected += sum(first * second * 16 for first, second in up) + 128 * 2 * 16 + 2
    norms = 2 * sum(down[2:8]) + 2 * sum(second for _, second in up)
    assert parameters(generator) == expected + norms == 54_410_434
    sizes: list[torch.Size] = []
    for convolution in generator.unet.down:
        convolution.register_forward_hook(lambda _module, _in, out: sizes.append(out.shape[-2:]))
    ab = generator.eval()(torch.rand(1, 1, 256, 256) * 100)
    assert [size[0] for size in sizes] == [128, 64, 32, 16, 8, 4, 2, 1]
    assert ab.shape == (1, 2, 256, 256) and ab.abs().max() <= 110


def test_pix2pix_has_its_noise_in_training_only() -> None:
    torch.manual_seed(0)
    generator = Pix2PixUNet(Pix2PixConfig(width=8, depth=5))
    shown = torch.rand(2, 1, 32, 32) * 100
    generator.train()
    assert not torch.equal(generator(shown), generator(shown))
    generator.eval()
    assert torch.equal(generator(shown), generator(shown))
    assert generator.descriptor.native_size == generator.descriptor.multiple == 32


def test_dcgan_paints_lab_and_norms_all_but_its_ends() -> None:
    generator = DcganUNet()
    assert (kinds(generator, nn.Conv2d), kinds(generator, nn.ConvTranspose2d)) == (6, 5)
    assert kinds(generator, nn.BatchNorm2d) == 3 + 4
    assert isinstance(generator.unet.down_norms[0], nn.Identity)
    assert isinstance(generator.unet.up_norms[-1], nn.Identity)
    assert generator.paint.kernel_size == (1, 1) and generator.paint.out_channels == 3
    assert parameters(generator) == 16_782_787
    shown = torch.rand(2, 1, 64, 96) * 100
    lab = generator.eval().lab(shown)
    assert lab.shape == (2, 3, 64, 96)
    assert lab[:, 0].min() >= 0 and lab[:, 0].max() <= 100 and lab[:, 1:].abs().max() <= 110
    assert torch.equal(generator(shown), lab[:, 1:])
    assert (generator.descriptor.native_size, generator.descriptor.returns) == (64, "lab")


@pytest.mark.parametrize("dilation", [1, 2])
def test_rgb_gan_comes_back_to_its_size_without_strides(dilation: int) -> None:
    torch.manual_seed(0)
    generator = RgbGanNet(RgbGanConfig(dilation=dilation)).eval()
    assert (kinds(generator, nn.Conv2d), kinds(generator, nn.ConvTranspose2d)) == (10, 9)
    for module in generator.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            assert module.stride == (1, 1)
    assert [layer.kernel_size[0] for layer in generator.down] == [5, 3, 3] * 3
    assert {layer.out_channels for layer in generator.down} == {16, 32, 64, 128}
    assert parameters(generator) == 1_406_403
    shown = torch.rand(1, 1, 120, 92) * 100
    rgb = generator.rgb(shown)
    assert rgb.shape == (1, 3, 120, 92)
    assert rgb.min() >= 0 and rgb.max() <= 1
    assert generator(shown).shape == (1, 2, 120, 92)
    assert (generator.descriptor.native_size, generator.descriptor.returns) == (120, "rgb")


def field_of_view(discriminator: nn.Module, size: int) -> tuple[int, int]:
    """Rows and columns of the input that one logit in the middle depends on."""
    picture = torch.rand(1, 3, size, size, requires_grad=True)
    logits = discriminator(picture)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    assert picture.grad is not None
    touched = picture.grad.abs().sum(dim=(0, 1)) > 0
    return int(touched.any(dim=1).sum()), int(touched.any(dim=0).sum())


def test_patch_discriminator_sees_seventy_pixels() -> None:
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(3).eval()
    assert field_of_view(discriminator, 256) == (70, 70)
    assert discriminator(torch.rand(2, 3, 256, 256)).shape == (2, 1, 30, 30)
    assert (kinds(discriminator, nn.Conv2d), kinds(discriminator, nn.BatchNorm2d)) == (5, 3)
    channels = [3, 64, 128, 256, 512, 1]
    biased = [True, False, False, False, True]
    norms = 2 * (128 + 256 + 512)
    assert parameters(discriminator) == convolutions(channels, 4, biased=biased) + norms
    assert parameters(discriminator) == 2_765_633


def test_spectral_norm_bounds_every_layer() -> None:
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(3, norm="spectral", width=16)
    assert kinds(discriminator, nn.BatchNorm2d) == 0
    for _ in range(30):
        discriminator(torch.rand(1, 3, 64, 64))
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d)]
    assert len(layers) == 5
    for layer in layers:
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2).item()
        assert largest == pytest.approx(1, abs=0.05)


def test_dcgan_discriminator_is_all_convolutional() -> None:
    discriminator = DcganDiscriminator(4, 64)
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [64, 128, 256, 512, 1]
    assert [layer.stride[0] for layer in layers] == [2, 2, 2, 2, 1]
    assert kinds(discriminator, nn.Linear) == kinds(discriminator, nn.MaxPool2d) == 0
    assert parameters(discriminator) == 2_766_657
    assert discriminator(torch.rand(2, 4, 64, 64)).shape == (2, 1, 1, 1)
    with pytest.raises(ValueError, match="not 96"):
        DcganDiscriminator(4, 96)


def test_rgb_discriminator_ends_in_dense_layers() -> None:
    discriminator = RgbDiscriminator(120)
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.kernel_size[0] for layer in layers] == [7, 7, 5, 5, 3, 3, 3, 3]
    assert [layer.out_channels for layer in layers] == [32, 32, 64, 64, 128, 128, 256, 256]
    assert kinds(discriminator, nn.MaxPool2d) == 4
    assert [layer.out_features for layer in discriminator.dense] == [512, 128, 16, 1]
    assert discriminator(torch.rand(2, 3, 120, 120)).shape == (2, 1)
    assert RgbDiscriminator(16)(torch.rand(2, 3, 16, 16)).shape == (2, 1)
    with pytest.raises(ValueError, match="at least 16"):
        RgbDiscriminator(8)


@pytest.mark.parametrize(
    "generator",
    [
        Pix2PixUNet(Pix2PixConfig(width=4, depth=5)),
        DcganUNet(DcganConfig(width=4, depth=3)),
        RgbGanNet(RgbGanConfig(width=2)),
    ],
    ids=lambda generator: type(generator).__name__,
)
def test_a_checkpoint_gives_the_same_colours_back(generator: Generator, tmp_path: Path) -> None:
    names = {Pix2PixUNet: "pix2pix-unet", DcganUNet: "dcgan-unet", RgbGanNet: "rgb-gan"}
    architecture = names[type(generator)]
    config = {name: getattr(generator.config, name) for name in generator.config.__slots__}
    card = ModelCard("m", architecture, config=config, descriptor=generator.descriptor)
    save_network(generator, card, tmp_path / "m.safetensors")
    model = load_generator(str(tmp_path / "m.safetensors"))
    assert model.card.descriptor == generator.descriptor
    height, width = generator.descriptor.model_size(480, 640)
    shown = torch.rand(1, 1, height, width) * 100
    ab = model.generator(shown)
    assert ab.shape == (1, 2, height, width)
    assert torch.allclose(ab, generator.eval()(shown), atol=0.5)


@pytest.mark.parametrize("architecture", ["pix2pix-unet", "dcgan-unet", "rgb-gan"])
@pytest.mark.parametrize("entry", [{"width": 0}, {"width": "64"}, {"width": 1.5}, {"wings": 2}])
def test_impossible_configs_are_refused(architecture: str, entry: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match=architecture):
        build_network(architecture, entry)
