"""The architecture of `rgb-gan`: an encoder and decoder without downsampling that makes RGB.

Reading order: `network`, `train`.
"""

from filmcolor.models.rgb_gan.network import RgbGanConfig, RgbGanNet

__all__ = ["RgbGanConfig", "RgbGanNet"]
