"""Networks that classify colours as true or predicted; all return logits, no sigmoid.

They are only ever trained, never shipped, so that their shapes are not part of a checkpoint.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from filmcolor.models.strided import init_normal

_LEAK = 0.2


class PatchDiscriminator(nn.Module):
    """70x70 PatchGAN (Isola et al. 2017): every logit judges a patch of 70 px.

    norm: "batch" after all convolutions but the first and last, or "spectral" on all of them
    (Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks").
    """

    def __init__(
        self, channels_in: int, norm: Literal["batch", "spectral"] = "batch", width: int = 64
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = channels_in
        for index, stride in enumerate((2, 2, 2, 1)):
            normed = norm == "batch" and index > 0
            out = width * 2**index
            layers.append(nn.Conv2d(channels, out, 4, stride, padding=1, bias=not normed))
            if normed:
                layers.append(nn.BatchNorm2d(out))
            layers.append(nn.LeakyReLU(_LEAK))
            channels = out
        layers.append(nn.Conv2d(channels, 1, 4, 1, padding=1))
        self.layers = nn.Sequential(*layers)
        self.apply(init_normal)
        if norm == "spectral":
            for layer in self.layers:
                if isinstance(layer, nn.Conv2d):
                    spectral_norm(layer)

    def forward(self, picture: Tensor) -> Tensor:
        """(N, channels_in, H, W), sides at least 32, to logits (N, 1, H / 8 - 2, W / 8 - 2)."""
        logits: Tensor = self.layers(picture)
        return logits


class DcganDiscriminator(nn.Module):
    """Strided convolutions only, channels doubling down to 4x4, then one logit (Radford et al.
    2016).

    Raises `ValueError` unless `size` is a power of two from 16 on.
    """

    def __init__(self, channels_in: int, size: int, width: int = 64) -> None:
        super().__init__()
        if size < 16 or size & (size - 1):
            raise ValueError(f"the discriminator takes 16, 32, 64, 128, ... px, not {size}")
        layers: list[nn.Module] = []
        channels, out = channels_in, width
        for index in range(size.bit_length() - 3):
            layers.append(nn.Conv2d(channels, out, 4, 2, padding=1, bias=index == 0))
            if index > 0:
                layers.append(nn.BatchNorm2d(out))
            layers.append(nn.LeakyReLU(_LEAK))
            channels, out = out, min(2 * out, 16 * width)
        layers.append(nn.Conv2d(channels, 1, 4))
        self.layers = nn.Sequential(*layers)
        self.apply(init_normal)

    def forward(self, picture: Tensor) -> Tensor:
        """(N, channels_in, size, size) to logits (N, 1, 1, 1)."""
        logits: Tensor = self.layers(picture)
        return logits


class RgbDiscriminator(nn.Module):
    """Pairs of 7x7, 5x5, 3x3 and 3x3 convolutions (32 to 256 channels) with max-pooling after each
    pair, then dense layers 512, 128, 16 and 1.

    Raises `ValueError` for a `size` under 16.
    """

    def __init__(self, size: int, channels_in: int = 3) -> None:
        super().__init__()
        if size < 16:
            raise ValueError(f"the discriminator takes at least 16 px, not {size}")
        convolutions: list[nn.Module] = []
        channels = channels_in
        for kernel, out in ((7, 32), (5, 64), (3, 128), (3, 256)):
            for _ in range(2):
                convolutions.append(nn.Conv2d(channels, out, kernel, padding=kernel // 2))
                convolutions.append(nn.LeakyReLU(_LEAK))
                channels = out
            convolutions.append(nn.MaxPool2d(2))
        self.convolutions = nn.Sequential(*convolutions)
        features = channels * (size // 16) ** 2
        self.dense = nn.ModuleList()
        for out in (512, 128, 16, 1):
            self.dense.append(nn.Linear(features, out))
            features = out

    def forward(self, picture: Tensor) -> Tensor:
        """(N, channels_in, size, size) to logits (N, 1)."""
        features = self.convolutions(picture).flatten(1)
        for layer in self.dense[:-1]:
            features = F.leaky_relu(layer(features), _LEAK)
        logits: Tensor = self.dense[-1](features)
        return logits


def build_discriminator(
    name: Literal["patch", "dcgan", "rgb-gan"],
    channels_in: int,
    sizes: Collection[int],
    *,
    norm: Literal["batch", "spectral"],
    width: int,
) -> nn.Module:
    """A discriminator with fresh weights for pictures of these sizes; `ValueError` if it does not
    take them. `norm` and `width` are the patch discriminator's.
    """
    if name == "patch":
        return PatchDiscriminator(channels_in, norm=norm, width=width)
    if len(sizes) != 1:
        raise ValueError(f"its discriminator takes one size, not {set(sizes)}")
    (size,) = sizes
    if name == "dcgan":
        return DcganDiscriminator(channels_in, size)
    return RgbDiscriminator(size, channels_in)
