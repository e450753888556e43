"""How upscalers are trained: on luma, and on the texture that VGG-19 sees in it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from filmcolor.models.adapter import Prediction, TrainAdapter
from filmcolor.models.base import Hint
from filmcolor.models.subpixel.network import SubpixelNet
from filmcolor.models.subpixel.vgg import VggFeatures


class SubpixelAdapter(TrainAdapter[SubpixelNet]):
    """Predicts luma."""

    parts = frozenset({"color", "luma"})

    def predict(self, shown: Tensor, hint: Hint | None) -> Prediction:
        with self.autocast(half=self.half):
            luma = self.network(shown).float()
        return {"color": luma, "luma": luma}

    def load_teacher(self, tensors: Mapping[str, Tensor]) -> None:
        teacher = VggFeatures()
        try:
            teacher.load_state_dict(dict(tensors))
        except RuntimeError as error:
            why = " ".join(str(error).split())[:120]
            raise ValueError(f"no VGG-19 up to conv3_1 ({why})") from error
        self.teacher = teacher

    def distance_to_teacher(self, made: Prediction, rgb: Tensor, truth: Tensor) -> Tensor:
        """Mean absolute difference of the features of luma, over their mean size in the truth.

        The content loss of Ledig et al. 2017, "Photo-Realistic Single Image Super-Resolution Using
        a Generative Adversarial Network" (SRGAN), at an early layer, where it is about texture.
        """
        assert self.teacher is not None
        with torch.no_grad():
            wanted: Tensor = self.teacher(truth)
        difference: Tensor = (self.teacher(made["luma"]) - wanted).abs().mean()
        return difference / wanted.abs().mean().clamp(min=1e-6)
