"""The upscalers: convolutions at the small size, then every pixel becomes a square of pixels.

Shi et al. 2016, "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
Convolutional Neural Network", on luma, added to the bicubic enlargement. Narrow and deep, every
layer near to handing on what it is given and a bridge over all of them, after Bhardwaj et al. 2022,
"Collapsible Linear Blocks for Super-Efficient Super Resolution"; with `blocks`, the residual blocks
of Lim et al. 2017, "Enhanced Deep Residual Networks for Single Image Super-Resolution" (without
batch norm), come after them. No convolution is padded, so a tile with a rim as wide as the reach
gives exactly what the whole picture gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filmcolor.models.base import Upscaler
from filmcolor.models.card import Descriptor
from filmcolor.models.config import NetworkConfig, ranged


@dataclass(frozen=True, slots=True)
class SubpixelConfig(NetworkConfig):
    """Shape of the network."""

    scale: int = ranged(2, 2, 4)  # times as many rows and columns
    width: int = ranged(16, 1, 256)  # channels
    layers: int = ranged(16, 0, 32)  # 3x3 convolutions between the first and the last
    blocks: int = ranged(0, 0, 64)  # residual blocks of two more each


_SLOPE = 0.2
"""Of the activations, below 0."""
_STRAY = 0.3
"""How far fresh layers are from handing on what they are given, in shares of He's initialization.
"""


class _Block(nn.Module):
    """Features (N, C, h, w) to (N, C, h - 4, w - 4): themselves, and what two convolutions add."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3), nn.Conv2d(width, width, 3)
        nn.init.kaiming_normal_(self.first.weight, a=_SLOPE)
        nn.init.zeros_(self.second.weight)

    def forward(self, features: Tensor) -> Tensor:
        added: Tensor = self.second(_bent(self.first(features)))
        return _inner(features, 2) + added


class SubpixelNet(Upscaler):
    """Luma to luma of `scale` times as many rows and columns; begins as the bicubic enlargement."""

    def __init__(self, config: SubpixelConfig | None = None) -> None:
        super().__init__()
        self.config = config or SubpixelConfig()
        width = self.config.width
        self.first = nn.Conv2d(1, width, 3)
        nn.init.kaiming_normal_(self.first.weight, a=_SLOPE)
        self.layers = nn.ModuleList(nn.Conv2d(width, width, 3) for _ in range(self.config.layers))
        for layer in self.layers:
            weight = layer.get_parameter("weight")
            nn.init.kaiming_normal_(weight, a=_SLOPE)
            if weight.is_meta:
                continue  # only shapes are asked for; arithmetic there loads half of torch
            with torch.no_grad():
                weight.mul_(_STRAY)[..., 1, 1] += torch.eye(width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(self.config.blocks))
        self.head = nn.Conv2d(width, self.config.scale**2, 3)
        nn.init.zeros_(self.head.weight)
        if self.head.bias is not None:
            nn.init.zeros_(self.head.bias)

    @property
    def descriptor(self) -> Descriptor:
        config = self.config
        reach = 2 + config.layers + 2 * config.blocks
        return Descriptor(returns="luma", scale=config.scale, reach=reach)

    def detail(self, luma: Tensor) -> Tensor:
        first = features = _bent(self.first(2 * luma - 1))
        for layer in self.layers:
            features = _bent(layer(features))
        if self.layers:
            features = features + _inner(first, len(self.layers))
        for block in self.blocks:
            features = block(features)
        return F.pixel_shuffle(self.head(features), self.config.scale)


def _bent(features: Tensor) -> Tensor:
    return F.leaky_relu(features, _SLOPE, inplace=True)


def _inner(features: Tensor, rim: int) -> Tensor:
    return features[..., rim:-rim, rim:-rim]
