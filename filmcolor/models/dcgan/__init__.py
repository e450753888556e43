"""The architecture of `dcgan`: a strided U-Net that makes Lab.

Reading order: `network`, `train`.
"""

from filmcolor.models.dcgan.network import DcganConfig, DcganUNet

__all__ = ["DcganConfig", "DcganUNet"]
