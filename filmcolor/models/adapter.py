"""How an architecture is trained: what it predicts, its targets, and what is distilled into it.

A `TrainAdapter` is all that training knows of an architecture; the child for each lies in its
folder. It must not know losses, optimizers, or where pictures come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from filmcolor.color import rgb_to_lab
from filmcolor.models.ab_bins import AbBins
from filmcolor.models.base import Hint, Network

AB_SCALE = 110.0
"""ab in Lab units over this is what losses and discriminators are given."""

Prediction = Mapping[str, Tensor]
"""A network's answer to a batch, by the names of `PARTS`."""

PARTS: Mapping[str, str] = {
    "color": "output",  # (N, C, h, w) for discriminators, each channel in about -1..1 or 0..1
    "ab": "colour",  # (N, 2, h, w), Lab units
    "logits": "heads for classes and regression",  # (N, bins, h, w)
    "regression": "heads for classes and regression",  # (N, 2, h, w), Lab units
    "coarsest": "ImageNet encoder",  # (N, C, h, w): the encoder's last features
    "luma": "luma",  # (N, 1, h, w), Y' 0..1
}
"""The parts that predictions may have, and what an architecture without them lacks."""

N = TypeVar("N", bound=Network)


class TrainAdapter(Generic[N]):
    """For networks that predict ab at the size of their input; the base of all others."""

    parts: ClassVar[frozenset[str]] = frozenset({"color", "ab"})
    """Of `PARTS`, those that `predict` gives; a loss that needs others is refused."""

    def __init__(self, network: N) -> None:
        self.network = network
        self.bins: AbBins | None = None
        """Of a class head."""
        self.teacher: nn.Module | None = None
        """A trained network whose features the losses of a teacher compare."""
        self._device = torch.device("cpu")
        self.half = self.half_heads = False
        """Whether to compute in bfloat16: all of it; or the heads only, which is quickest on a CPU
        that has it."""

    @staticmethod
    def config_for_size(config: Mapping[str, Any], size: int) -> Mapping[str, Any]:
        """The network's config for crops of this side, px; `ValueError` if there is none."""
        del size
        return config

    def to(self, device: torch.device) -> None:
        """Move everything to a device."""
        self._device = device
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.bins = None if self.bins is None else self.bins.to(device)
        if self.teacher is not None:
            self.teacher.eval().requires_grad_(False).to(device)

    def autocast(self, *, half: bool) -> torch.autocast:
        """A context that computes in bfloat16 on the network's device, if `half`."""
        return torch.autocast(self._device.type, torch.bfloat16, enabled=half)

    def predict(self, shown: Tensor, hint: Hint | None) -> Prediction:
        """The network's answer, with gradients, to lightness (N, 1, H, W), 0..100; of an upscaler
        to luma, 0..1.
        """
        with self.autocast(half=self.half):
            ab = self.network(shown, hint).float()
        return {"color": ab / AB_SCALE, "ab": ab}

    def targets(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """(color, ab) that R'G'B' (N, 3, H, W), 0..1, asks of `predict`."""
        ab = rgb_to_lab(rgb)[:, 1:]
        return ab / AB_SCALE, ab

    def prepare(self, samples: Callable[[], Tensor]) -> None:
        """Count what depends on the photographs; `samples` gives ab (n, 2) of their pixels."""

    def state(self) -> Mapping[str, Tensor]:
        """What a training state keeps beside the network's weights."""
        return {}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `state` gave; `KeyError` if it is missing. `tensors` are those of the whole
        training state.
        """

    def load_pretrained(self, tensors: Mapping[str, Tensor]) -> None:
        """Begin from weights that are no checkpoint; `ValueError` if they do not fit."""
        raise ValueError("neither a filmcolor checkpoint nor MobileNetV2 weights for recipe film")

    def load_teacher(self, tensors: Mapping[str, Tensor]) -> None:
        """Make `teacher` of these weights; `ValueError` if they do not fit."""
        raise ValueError("this architecture has no teacher")

    def distance_to_teacher(self, made: Prediction, rgb: Tensor, truth: Tensor) -> Tensor:
        """How far features are from the teacher's of R'G'B' or of the true `color`: a scalar."""
        raise NotImplementedError

    def distil(self, pictures: Iterable[Tensor]) -> None:
        """Fit what only runs need, before a checkpoint is made; `pictures` are batches of lightness
        (N, 1, H, W), 0..100, as the network is shown them, on its device.
        """

    def set_chroma_gain(self, gain: float) -> None:
        """Set the `chroma_gain` of the network's config, where it has such an entry."""
