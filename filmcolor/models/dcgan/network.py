"""The generator of `dcgan`: a strided U-Net at 64 px that makes all three channels of Lab.

After Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks": no pooling, no dense layers, batch norm everywhere but at the two ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filmcolor.models.base import Generator, Hint
from filmcolor.models.card import Descriptor
from filmcolor.models.config import NetworkConfig, ranged
from filmcolor.models.strided import StridedUNet, init_normal

_AB_SCALE = 110.0


@dataclass(frozen=True, slots=True)
class DcganConfig(NetworkConfig):
    """Shape of the network."""

    width: int = ranged(64, 1, 256)  # channels of the first convolution; doubled three times
    depth: int = ranged(5, 2, 8)  # halvings: 5 bring 64 px down to 2x2


class DcganUNet(Generator):
    """Lightness to Lab of the same size; sides must be multiples of 2 ** depth."""

    def __init__(self, config: DcganConfig | None = None) -> None:
        super().__init__()
        self.config = config or DcganConfig()
        width = self.config.width
        widths = [width * min(2**index, 8) for index in range(self.config.depth)]
        self.unet = StridedUNet(1, width, widths)
        self.paint = nn.Conv2d(width, 3, 1)
        self.apply(init_normal)

    @property
    def descriptor(self) -> Descriptor:
        """At 64 px with the depth that the recipe has."""
        side = 2**self.config.depth
        return Descriptor(native_size=max(32, 2 * side), multiple=side, returns="lab")

    def lab(self, lightness: Tensor) -> Tensor:
        """Lightness (N, 1, H, W), L* 0..100, to Lab, (N, 3, H, W)."""
        painted = torch.tanh(self.paint(F.relu(self.unet(lightness / 50.0 - 1.0))))
        return torch.cat([(painted[:, :1] + 1) * 50.0, painted[:, 1:] * _AB_SCALE], dim=1)

    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        del hint  # not one of its inputs
        return self.lab(lightness)[:, 1:]
