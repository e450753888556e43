"""The generator of `rgb-gan`: an encoder and decoder without downsampling that makes RGB.

Three stages of unpadded 5x5, 3x3 and 3x3 convolutions (16 to 128 channels), a tanh bottleneck, and
transposed convolutions back to the same size, each stage beside the features of its equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filmcolor.color import rgb_to_lab
from filmcolor.models.base import Generator, Hint
from filmcolor.models.card import Descriptor
from filmcolor.models.config import NetworkConfig, ranged

_KERNELS = (5, 3, 3)
_DOWN = ((1, 2, 2), (2, 4, 4), (4, 8, 8))
_UP = ((8, 8, 4), (4, 4, 2), (2, 2))
"""Channels after each convolution of each stage, in units of the width; then three for RGB."""
_LEAK = 0.2


@dataclass(frozen=True, slots=True)
class RgbGanConfig(NetworkConfig):
    """Shape of the network."""

    width: int = ranged(16, 1, 64)  # channels of the first convolution; the deepest: times eight
    dilation: int = ranged(1, 1, 4)  # of the 3x3 convolutions


class RgbGanNet(Generator):
    """Lightness to RGB of the same size; a side has at least 56 px (88 at dilation 2)."""

    def __init__(self, config: RgbGanConfig | None = None) -> None:
        super().__init__()
        self.config = config or RgbGanConfig()
        width = self.config.width
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        channels, kept = 1, []
        for stage in _DOWN:
            for kernel, multiple in zip(_KERNELS, stage, strict=True):
                self.down.append(
                    nn.Conv2d(channels, multiple * width, kernel, dilation=self._dilation(kernel))
                )
                channels = multiple * width
            kept.append(channels)
        self.bottleneck = nn.Conv2d(channels, channels, 3, padding=1)
        for multiples, skip in zip(_UP, reversed(kept), strict=True):
            channels += skip
            outs = [multiple * width for multiple in multiples]
            if len(outs) < len(_KERNELS):
                outs.append(3)
            for kernel, out in zip(reversed(_KERNELS), outs, strict=True):
                self.up.append(
                    nn.ConvTranspose2d(channels, out, kernel, dilation=self._dilation(kernel))
                )
                channels = out

    def _dilation(self, kernel: int) -> int:
        return self.config.dilation if kernel == 3 else 1

    @property
    def descriptor(self) -> Descriptor:
        """At 120 px, any shape."""
        return Descriptor(native_size=120, multiple=4, returns="rgb")

    def rgb(self, lightness: Tensor) -> Tensor:
        """Lightness (N, 1, H, W), L* 0..100, to R'G'B', (N, 3, H, W), 0..1."""
        features, kept = lightness / 50.0 - 1.0, []
        for index, convolution in enumerate(self.down):
            features = F.leaky_relu(convolution(features), _LEAK)
            if index % len(_KERNELS) == len(_KERNELS) - 1:
                kept.append(features)
        features = torch.tanh(self.bottleneck(features))
        for index, convolution in enumerate(self.up):
            if index % len(_KERNELS) == 0:
                features = torch.cat([features, kept.pop()], dim=1)
            features = convolution(features)
            if index < len(self.up) - 1:
                features = F.leaky_relu(features, _LEAK)
        return torch.sigmoid(features)

    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        del hint  # not one of its inputs
        return rgb_to_lab(self.rgb(lightness).float())[:, 1:]
