"""How `dcgan` is trained: on all three channels of Lab."""

from __future__ import annotations

import torch
from torch import Tensor

from filmcolor.color import rgb_to_lab
from filmcolor.models.adapter import AB_SCALE, Prediction, TrainAdapter
from filmcolor.models.base import Hint
from filmcolor.models.dcgan.network import DcganUNet


class DcganAdapter(TrainAdapter[DcganUNet]):
    """Predicts Lab."""

    def predict(self, shown: Tensor, hint: Hint | None) -> Prediction:
        with self.autocast(half=self.half):
            lab = self.network.lab(shown).float()
        return {"color": _scaled(lab), "ab": lab[:, 1:]}

    def targets(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        lab = rgb_to_lab(rgb)
        return _scaled(lab), lab[:, 1:]


def _scaled(lab: Tensor) -> Tensor:
    """Lab (N, 3, H, W) with every channel in about -1..1."""
    return torch.cat([lab[:, :1] / 50 - 1, lab[:, 1:] / AB_SCALE], dim=1)
