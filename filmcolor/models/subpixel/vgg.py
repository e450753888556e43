"""The first layers of VGG-19, by which the texture of two pictures is compared."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LAYERS = {"conv1_1": (3, 64), "conv1_2": (64, 64), "conv2_1": (64, 128), "conv2_2": (128, 128)}
_LAST = {"conv3_1": (128, 256)}
_POOLED = ("conv2_1", "conv3_1")
"""Layers that come after a maximum over 2x2."""
_MEANS = (103.939, 116.779, 123.68)
"""Of the channels of ImageNet's pictures, codes of 255, in the order of Caffe's models."""


class VggFeatures(nn.Module):
    """Luma (N, 1, H, W), 0..1, to features (N, 256, H / 4, W / 4): conv3_1, before its ReLU."""

    means: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, (before, after) in (_LAYERS | _LAST).items():
            self.add_module(name, nn.Conv2d(before, after, 3, padding=1))
        self.register_buffer("means", torch.tensor(_MEANS).view(1, 3, 1, 1), persistent=False)

    def forward(self, luma: Tensor) -> Tensor:
        features = 255 * luma - self.means
        for name, layer in self.named_children():
            if name in _POOLED:
                features = F.max_pool2d(features, 2)
            features = layer(features)
            if name not in _LAST:
                features = F.relu(features)
        return features
