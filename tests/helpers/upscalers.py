"""Small upscalers with made-up weights, for the tests of what uses them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from filmcolor.models.card import ModelCard
from filmcolor.models.checkpoint import save_network
from filmcolor.models.subpixel import SubpixelConfig, SubpixelNet


def made_up(scale: int = 2, strength: float = 0.05, layers: int = 2) -> SubpixelNet:
    """An upscaler that adds something to every pixel, about `strength` of the range."""
    torch.manual_seed(scale)
    network = SubpixelNet(SubpixelConfig(scale=scale, width=8, layers=layers))
    nn.init.normal_(network.head.weight, 0.0, strength / 8)
    return network


def write_upscaler(
    path: Path, scale: int = 2, strength: float = 0.05, *, mirrored: bool = False
) -> str:
    """The same as a checkpoint; returns its name."""
    network = made_up(scale, strength)
    card = ModelCard(
        name=path.stem,
        architecture="subpixel",
        config={"scale": scale, "width": 8, "layers": 2, "blocks": 0},
        descriptor=replace(network.descriptor, mirrored=mirrored),
    )
    save_network(network, card, path)
    return str(path)
