"""Bicubic enlargement and reduction by a whole factor: what upscalers add to, and undo.

Both with Keys' kernel, a = -0.5 (Keys 1981, "Cubic convolution interpolation for digital image
processing"); when reducing it is widened by the factor, so that nothing is aliased.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def enlarge(planes: Tensor, factor: int) -> Tensor:
    """(N, C, H, W) to (N, C, factor H, factor W)."""
    return _resized(planes, planes.shape[-2] * factor, planes.shape[-1] * factor)


def reduce(planes: Tensor, factor: int) -> Tensor:
    """(N, C, factor H, factor W) to (N, C, H, W); the sides must be multiples of `factor`."""
    height, width = planes.shape[-2:]
    if height % factor or width % factor:
        raise ValueError(f"{width}x{height} is no multiple of {factor}")
    return _resized(planes, height // factor, width // factor)


def _resized(planes: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(
        planes, (height, width), mode="bicubic", antialias=True, align_corners=False
    )
