"""A generator of a few hundred weights as a real checkpoint, for tests that are not about colour.

Its architecture is known to this process alone: processes that a test starts need the shipped one.
"""

from __future__ import annotations

import atexit
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from filmcolor.models import registry
from filmcolor.models.adapter import TrainAdapter
from filmcolor.models.base import Generator, Hint
from filmcolor.models.card import Descriptor, ModelCard
from filmcolor.models.checkpoint import save_network
from filmcolor.models.config import NetworkConfig, ranged


@dataclass(frozen=True, slots=True)
class TinyConfig(NetworkConfig):
    """How strongly it paints."""

    gain: float = ranged(1.0, 0, 10)


class TinyGenerator(Generator):
    """Paints by lightness at stride 4; colours that are known come through as they are."""

    def __init__(self, config: TinyConfig | None = None) -> None:
        super().__init__()
        self.gain = (config or TinyConfig()).gain
        self.eye = nn.Conv2d(1, 16, 4, stride=4)
        self.paint = nn.Conv2d(16, 2, 1)

    @property
    def descriptor(self) -> Descriptor:
        looks = {"restrained": {"gain": 0.7}, "vivid": {"gain": 1.4}}
        return Descriptor(native_size=64, accepts_hints=True, looks=looks)

    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        own = 20 * self.gain * torch.tanh(self.paint(torch.relu(self.eye(lightness / 50 - 1))))
        if hint is None:
            return own
        sure = F.avg_pool2d(hint.confidence, 4)
        return own * (1 - sure) + F.avg_pool2d(hint.ab * hint.confidence, 4)


@cache
def _folder() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="filmcolor-tiny-")
    atexit.register(folder.cleanup)
    return folder


@cache
def tiny_model() -> str:
    """The name of its checkpoint, which is made once a session."""
    tiny = registry.Architecture(TinyConfig, TinyGenerator, TrainAdapter)
    cast("dict[str, registry.Architecture]", registry._ARCHITECTURES)["tiny"] = tiny
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = TinyGenerator()
    nn.init.normal_(network.paint.weight, 0.0, 0.5, generator=torch.Generator().manual_seed(1))
    path = Path(_folder().name) / "tiny.safetensors"
    card = ModelCard("tiny", "tiny", config={"gain": 1.0}, descriptor=network.descriptor)
    save_network(network, card, path)
    return str(path)
