"""What each architecture paints while it is trained, and what it should have painted.

The one place that knows the architectures apart; the loop sees paintings and targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from filmcolor.color import lightness, rgb_to_lab
from filmcolor.models.base import Hint, Network, Upscaler
from filmcolor.models.dcgan import DcganUNet
from filmcolor.models.mobilenet_unet import MobileNetUNet
from filmcolor.models.rgb_gan import RgbGanNet
from filmcolor.train.degrade import DegradeSettings, degrade, degrade_small

AB_SCALE = 110.0
"""ab in Lab units over this is what losses and discriminators see."""


@dataclass(frozen=True, slots=True, eq=False)
class Painting:
    """The generator's answer to a batch."""

    color: Tensor
    """(N, C, h, w) as losses and discriminators see it: ab / 110; with L / 50 - 1 before it;
    R'G'B' 0..1; or an upscaler's Y' 0..1.
    """
    ab: Tensor | None = None
    """(N, 2, h, w), Lab units; None of an upscaler."""
    logits: Tensor | None = None
    """(N, bins, h, w) of the class head, where there is one."""
    regression: Tensor | None = None
    """(N, 2, h, w) of the regression head, Lab units."""
    coarsest: Tensor | None = None
    """(N, C, h, w): what the encoder of the default architecture sees at its last stage."""


def pose(
    network: Network, rgb: Tensor, settings: DegradeSettings, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """What a network is shown of R'G'B' (N, 3, H, W): lightness, or an upscaler a smaller Y' 0..1;
    then the (color, ab) that it should paint, of which an upscaler's ab means nothing.
    """
    if isinstance(network, Upscaler):
        shown, luma = degrade_small(rgb, settings, network.descriptor.scale, rng)
        return shown, luma, luma
    return lightness(degrade(rgb, settings, rng)), *target_colors(network, rgb)


def paint(
    generator: Network, shown: Tensor, hint: Hint | None, *, half: bool, half_heads: bool
) -> Painting:
    """Let the network paint what `pose` shows, with gradients.

    half: in bfloat16; half_heads: only the decoder of the default architecture, which is quickest
    on a CPU that has it.
    """
    device = shown.device.type
    if isinstance(generator, MobileNetUNet):
        with torch.autocast(device, torch.bfloat16, enabled=half):
            features = generator.encode(shown, hint)
        with torch.autocast(device, torch.bfloat16, enabled=half or half_heads):
            decoded = generator.decoded(features)
            logits, regression = generator.heads(decoded)
        logits, regression = logits.float(), regression.float()
        ab = generator.mix(generator.judge(logits)[0], regression)
        return Painting(ab / AB_SCALE, ab, logits, regression, features[-1].float())
    if isinstance(generator, Upscaler):
        with torch.autocast(device, torch.bfloat16, enabled=half):
            return Painting(generator(shown).float())
    with torch.autocast(device, torch.bfloat16, enabled=half):
        if isinstance(generator, DcganUNet):
            lab = generator.lab(shown).float()
            return Painting(scale_lab(lab), lab[:, 1:])
        if isinstance(generator, RgbGanNet):
            rgb = generator.rgb(shown).float()
            return Painting(rgb, rgb_to_lab(rgb)[:, 1:])
        ab = generator(shown, hint).float()
    return Painting(ab / AB_SCALE, ab)


def target_colors(generator: Network, rgb: Tensor) -> tuple[Tensor, Tensor]:
    """(color, ab) that the generator should paint for R'G'B' (N, 3, H, W), at its output's size."""
    lab = rgb_to_lab(rgb)
    if isinstance(generator, MobileNetUNet):
        ab = F.avg_pool2d(lab[:, 1:], 4)
        return ab / AB_SCALE, ab
    if isinstance(generator, DcganUNet):
        return scale_lab(lab), lab[:, 1:]
    if isinstance(generator, RgbGanNet):
        return rgb, lab[:, 1:]
    return lab[:, 1:] / AB_SCALE, lab[:, 1:]


def scale_lab(lab: Tensor) -> Tensor:
    """Lab (N, 3, H, W) with every channel in about -1..1."""
    return torch.cat([lab[:, :1] / 50 - 1, lab[:, 1:] / AB_SCALE], dim=1)


def judged(color: Tensor, shown: Tensor, *, with_lightness: bool) -> Tensor:
    """What a discriminator is shown: colour at the input's size, after the lightness if it sees
    that; an upscaler's luma, which is larger, as it is.
    """
    if color.shape[-1] < shown.shape[-1]:
        color = F.interpolate(color, size=shown.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([shown / 50 - 1, color], dim=1) if with_lightness else color


def shifted(fields: Tensor, down: float, right: float) -> Tensor:
    """Fields (N, C, h, w) moved by a part of a sample or more, their edges repeated."""
    count, _, height, width = fields.shape
    turn = torch.eye(2, 3, dtype=fields.dtype, device=fields.device)
    turn[0, 2], turn[1, 2] = -2 * right / width, -2 * down / height
    size = [count, fields.shape[1], height, width]
    grid = F.affine_grid(turn.expand(count, 2, 3), size, align_corners=False)
    return F.grid_sample(fields, grid, padding_mode="border", align_corners=False)
