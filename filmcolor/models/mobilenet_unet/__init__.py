"""The default architecture: a U-Net on a MobileNetV2 encoder, with two heads.

Reading order: `network`, `distil`, `train`.
"""

from filmcolor.models.mobilenet_unet.network import (
    MobileNetEncoder,
    MobileNetUNet,
    MobileNetUNetConfig,
)

__all__ = ["MobileNetEncoder", "MobileNetUNet", "MobileNetUNetConfig"]
