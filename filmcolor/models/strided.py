"""The U-Net of strided 4x4 convolutions that `pix2pix` and `dcgan` have in common.

Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", 6.1.1.
Weights begin as Radford et al. 2016 say: normal with standard deviation 0.02.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def init_normal(module: nn.Module) -> None:
    """Convolutions from N(0, 0.02), batch norm from N(1, 0.02), biases 0; for `Module.apply`."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


class StridedUNet(nn.Module):
    """Halves the picture once for every width and doubles it back, joining equals.

    Down: convolution, batch norm (neither in the first nor in the last one), LeakyReLU 0.2. Up:
    ReLU, transposed convolution, batch norm, dropout in the `dropouts` innermost ones. The last
    step up has neither norm nor activation; its channels come out as they are.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        widths: Sequence[int],
        *,
        dropout: float = 0.0,
        dropouts: int = 0,
    ) -> None:
        super().__init__()
        depth = len(widths)
        self.down = nn.ModuleList()
        self.down_norms = nn.ModuleList()
        channels = channels_in
        for index, width in enumerate(widths):
            normed = 0 < index < depth - 1
            self.down.append(nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=not normed))
            self.down_norms.append(nn.BatchNorm2d(width) if normed else nn.Identity())
            channels = width
        self.up = nn.ModuleList()
        self.up_norms = nn.ModuleList()
        for index in reversed(range(depth)):
            joined = widths[index] if index == depth - 1 else 2 * widths[index]
            last = index == 0
            width = channels_out if last else widths[index - 1]
            self.up.append(nn.ConvTranspose2d(joined, width, 4, stride=2, padding=1, bias=last))
            self.up_norms.append(nn.Identity() if last else nn.BatchNorm2d(width))
        self.dropout, self.dropouts = dropout, dropouts

    def forward(self, picture: Tensor) -> Tensor:
        """(N, channels_in, H, W), sides multiples of 2 ** depth, to (N, channels_out, H, W)."""
        taps = []
        features = picture
        for index, (convolution, norm) in enumerate(zip(self.down, self.down_norms, strict=True)):
            if index > 0:
                features = F.leaky_relu(features, 0.2)
            features = norm(convolution(features))
            taps.append(features)
        for index, (convolution, norm) in enumerate(zip(self.up, self.up_norms, strict=True)):
            skip = taps.pop()
            features = skip if index == 0 else torch.cat([features, skip], dim=1)
            features = norm(convolution(F.relu(features)))
            if index < self.dropouts:
                features = F.dropout(features, self.dropout, self.training)
        return features
