"""The architecture of the upscalers: sub-pixel convolutions on luma.

Reading order: `network`, `vgg`, `train`.
"""

from filmcolor.models.subpixel.network import SubpixelConfig, SubpixelNet

__all__ = ["SubpixelConfig", "SubpixelNet"]
