"""How `rgb-gan` is trained: on R'G'B'."""

from __future__ import annotations

from torch import Tensor

from filmcolor.color import rgb_to_lab
from filmcolor.models.adapter import Prediction, TrainAdapter
from filmcolor.models.base import Hint
from filmcolor.models.rgb_gan.network import RgbGanNet


class RgbGanAdapter(TrainAdapter[RgbGanNet]):
    """Predicts R'G'B'."""

    def predict(self, shown: Tensor, hint: Hint | None) -> Prediction:
        with self.autocast(half=self.half):
            rgb = self.network.rgb(shown).float()
            ab = rgb_to_lab(rgb)[:, 1:]
        return {"color": rgb, "ab": ab}

    def targets(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        return rgb, rgb_to_lab(rgb)[:, 1:]
