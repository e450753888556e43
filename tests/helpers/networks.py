"""Models whose colours are known."""

from __future__ import annotations

import torch
from torch import Tensor

from filmcolor.models.base import Generator, Hint
from filmcolor.models.card import Descriptor, ModelCard
from filmcolor.models.checkpoint import LoadedModel


class OneColor(Generator):
    """The same ab everywhere."""

    def __init__(self, a: float, b: float) -> None:
        super().__init__()
        self.register_buffer("ab", torch.tensor([a, b]).view(1, 2, 1, 1))

    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        count, _, height, width = lightness.shape
        return self.ab.expand(count, 2, height // 4, width // 4)


class Wavering(Generator):
    """One colour everywhere; of every second picture its a is 14 instead of 10."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = 0

    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        count, _, height, width = lightness.shape
        numbers = torch.arange(self.shown, self.shown + count).view(-1, 1, 1, 1)
        self.shown += count
        ab = torch.cat([10.0 + 4 * (numbers % 2), torch.full_like(numbers, 5).float()], dim=1)
        return ab.expand(count, 2, height // 4, width // 4)


def _loaded(name: str, network: Generator) -> LoadedModel:
    card = ModelCard(name, "none", descriptor=Descriptor(native_size=64))
    return LoadedModel(network.eval(), card, torch.device("cpu"))


def one_color(a: float, b: float) -> LoadedModel:
    """A model that paints everything in this colour."""
    return _loaded("one colour", OneColor(a, b))


def wavering() -> LoadedModel:
    """A model whose colours waver."""
    return _loaded("wavering", Wavering())
