"""How `pix2pix` is trained: on ab at the size of its input, with a depth that suits the crops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filmcolor.models.adapter import TrainAdapter
from filmcolor.models.pix2pix.network import Pix2PixUNet


class Pix2PixAdapter(TrainAdapter[Pix2PixUNet]):
    """Predicts ab; goes down to 1x1 at any size of crop."""

    @staticmethod
    def config_for_size(config: Mapping[str, Any], size: int) -> Mapping[str, Any]:
        if size & (size - 1):
            raise ValueError("takes 32, 64, 128, 256 or 512")
        return {**config, "depth": size.bit_length() - 1}
