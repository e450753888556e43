"""How the default architecture is trained: two heads, a teacher for the encoder, a student head."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from filmcolor.color import rgb_to_lab
from filmcolor.models.ab_bins import AbBins
from filmcolor.models.adapter import AB_SCALE, Prediction, TrainAdapter
from filmcolor.models.base import Hint
from filmcolor.models.mobilenet_unet.distil import distil, take_statistics
from filmcolor.models.mobilenet_unet.network import MobileNetEncoder, MobileNetUNet

_FREQUENCY = "bins.frequency"


class MobileNetAdapter(TrainAdapter[MobileNetUNet]):
    """Predicts ab at a quarter of the input's size, by classes and by regression."""

    parts = frozenset({"color", "ab", "logits", "regression", "coarsest"})
    teacher: MobileNetEncoder | None

    def __init__(self, network: MobileNetUNet) -> None:
        super().__init__(network)
        network.student_head.requires_grad_(False)  # fitted where a checkpoint is made

    def predict(self, shown: Tensor, hint: Hint | None) -> Prediction:
        network = self.network
        with self.autocast(half=self.half):
            features = network.encode(shown, hint)
        with self.autocast(half=self.half or self.half_heads):
            logits, regression = network.heads(network.decoded(features))
        logits, regression = logits.float(), regression.float()
        ab = network.mix(network.annealed_mean(logits), regression)
        return {
            "color": ab / AB_SCALE,
            "ab": ab,
            "logits": logits,
            "regression": regression,
            "coarsest": features[-1].float(),
        }

    def targets(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        ab = F.avg_pool2d(rgb_to_lab(rgb)[:, 1:], 4)
        return ab / AB_SCALE, ab

    def prepare(self, samples: Callable[[], Tensor]) -> None:
        """Count the frequency of the network's bins, or choose bins if it has none yet."""
        centers, config = self.network.bin_centers, self.network.config
        if bool(centers.any()):
            self._use(AbBins.from_centers(centers, samples(), config.bin_step))
        else:
            self._use(AbBins.from_samples(samples(), config.bins, config.bin_step))

    def state(self) -> Mapping[str, Tensor]:
        return {} if self.bins is None else {_FREQUENCY: self.bins.frequency}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        centers, step = tensors["generator.bin_centers"], self.network.config.bin_step
        self._use(AbBins.counted(centers, tensors[_FREQUENCY], step))

    def _use(self, bins: AbBins) -> None:
        self.bins = bins
        self.network.bin_centers.copy_(bins.centers)

    def load_pretrained(self, tensors: Mapping[str, Tensor]) -> None:
        if "stem.weight" not in tensors:
            super().load_pretrained(tensors)
        _load_imagenet(self.network.encoder, tensors)

    def load_teacher(self, tensors: Mapping[str, Tensor]) -> None:
        self.teacher = MobileNetEncoder(channels=3)
        _load_imagenet(self.teacher, tensors)
        self.teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def distance_to_teacher(self, made: Prediction, rgb: Tensor, truth: Tensor) -> Tensor:
        """How far the encoder's features of grey pictures are from the teacher's of colour ones."""
        teacher, encoder, coarsest = self.teacher, self.network.encoder, made["coarsest"]
        assert teacher is not None
        colors = (2 * rgb - 1).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), self.autocast(half=self.half):
            wanted = teacher(colors)[-1].float()
        return semantic_loss(coarsest, encoder.summary(coarsest), wanted, teacher.summary(wanted))

    def distil(self, pictures: Iterable[Tensor]) -> None:
        shown = list(pictures)
        if self.network.is_coherent:
            take_statistics(self.network, shown, half=self.half)
        distil(self.network, shown, half=self.half)

    def set_chroma_gain(self, gain: float) -> None:
        self.network.config = replace(self.network.config, chroma_gain=gain)


def semantic_loss(places: Tensor, whole: Tensor, wanted: Tensor, wanted_whole: Tensor) -> Tensor:
    """Distance by the cosine of features (N, C, h, w) at every place, and of the summaries (N, D)
    of the whole pictures: a scalar, 0..4.
    """
    by_place = 1 - F.cosine_similarity(places, wanted, dim=1).mean()
    return by_place + 1 - F.cosine_similarity(whole, wanted_whole, dim=1).mean()


def _load_imagenet(encoder: MobileNetEncoder, tensors: Mapping[str, Tensor]) -> None:
    if "stem.weight" not in tensors:
        raise ValueError("holds no MobileNetV2 weights for recipe film")
    try:
        encoder.load_imagenet(tensors)
    except RuntimeError as error:
        raise ValueError(f"no MobileNetV2 of width 1.0 ({error})") from error
