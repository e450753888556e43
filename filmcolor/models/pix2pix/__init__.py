"""The architecture of `pix2pix`: a U-Net down to 1x1 that makes ab.

Reading order: `network`, `train`.
"""

from filmcolor.models.pix2pix.network import Pix2PixConfig, Pix2PixUNet

__all__ = ["Pix2PixConfig", "Pix2PixUNet"]
