"""The generator of `pix2pix`: a U-Net from 256 px down to 1x1 that makes ab.

Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks". Dropout in
the inner decoder is the noise z; it is on in training only, so that a film gets the same colours
every time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from filmcolor.models.base import Generator, Hint
from filmcolor.models.card import Descriptor
from filmcolor.models.config import NetworkConfig, ranged
from filmcolor.models.strided import StridedUNet, init_normal

_AB_SCALE = 110.0


@dataclass(frozen=True, slots=True)
class Pix2PixConfig(NetworkConfig):
    """Shape of the network."""

    width: int = ranged(64, 1, 256)  # channels of the first convolution; doubled three times
    depth: int = ranged(8, 5, 10)  # halvings: 8 bring 256 px down to 1x1
    dropout: float = ranged(0.5, 0, 1)  # in the three innermost steps up


class Pix2PixUNet(Generator):
    """Lightness to ab of the same size; sides must be multiples of 2 ** depth."""

    def __init__(self, config: Pix2PixConfig | None = None) -> None:
        super().__init__()
        self.config = config or Pix2PixConfig()
        widths = [self.config.width * min(2**index, 8) for index in range(self.config.depth)]
        self.unet = StridedUNet(1, 2, widths, dropout=self.config.dropout, dropouts=3)
        self.apply(init_normal)

    @property
    def descriptor(self) -> Descriptor:
        """At the size that ends in 1x1."""
        side: int = 2**self.config.depth
        return Descriptor(native_size=side, multiple=min(side, 256))

    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        del hint  # not one of its inputs
        return torch.tanh(self.unet(lightness / 50.0 - 1.0)) * _AB_SCALE
