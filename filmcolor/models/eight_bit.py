"""A network's largest convolutions in 8-bit integers, where that is quicker and as good as equal.

How far their inputs reach is measured on built-in pictures, so that any weights will do. Whether
integers are taken is decided once for a processor, by colours and times of the same pictures. It
must not know files of models.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from filmcolor.models.base import Generator
from filmcolor.typed import parse_json

Ranges = Mapping[str, tuple[float, float]]
"""Least and greatest input by the name of a convolution."""
Inner = Callable[[Tensor], tuple[Tensor, ...]]

_PICTURES = 8
_SIZE = 192, 256
_MARGIN = 1.6
"""Inputs of photographs reach further than those of the built-in pictures, which have no things."""
_RANGE_STEP = 0.25
"""Ranges are rounded up to it: the same on processors whose sums differ in the last bits."""
_FURTHEST_OFF = 1.0
"""Lab units: mean distance of the colours of the built-in pictures, at most."""
_LEAST_GAIN = 1.3
"""Times as quick, at least."""
_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class EightBit:
    """How a network is computed in integers, and what that came to on one processor."""

    ranges: Ranges
    ab_off: float
    """Lab units, on the mean."""
    gain: float
    """Times as quick."""

    @property
    def is_worth_it(self) -> bool:
        """Whether they are taken without being asked for."""
        return self.ab_off < _FURTHEST_OFF and self.gain >= _LEAST_GAIN

    def to_json(self) -> str:
        """As `from_json` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: bytes) -> EightBit:
        """Raises `ValueError`, `TypeError` or `KeyError` if it is none."""
        stored = parse_json(text)
        ranges = {part: (float(low), float(high)) for part, (low, high) in stored["ranges"].items()}
        return cls(ranges, float(stored["ab_off"]), float(stored["gain"]))


def built_in_pictures() -> list[Tensor]:
    """Lightness (1, 1, h, w) of "dead leaves", discs of many sizes that hide each other: the
    statistics of their edges are those of photographs (Lee, Mumford, Huang 2001, "Occlusion Models
    for Natural Images").
    """
    return [_dead_leaves(np.random.default_rng(seed)) for seed in range(_PICTURES)]


def _dead_leaves(rng: np.random.Generator) -> Tensor:
    height, width = _SIZE
    picture = np.full(_SIZE, 50, np.float32)
    for radius in np.geomspace(height / 2, 2, 14):
        for _ in range(min(900, int(1.5 * height * width / (math.pi * radius**2)))):
            place = int(rng.uniform(0, width)), int(rng.uniform(0, height))
            axes = max(1, int(radius * rng.uniform(0.4, 1))), int(radius)
            level = float(np.clip(rng.normal(50, 22), 2, 98))
            cv2.ellipse(picture, place, axes, rng.uniform(0, 180), 0, 360, level, -1)
    soft = cv2.GaussianBlur(picture, (0, 0), 0.7) + rng.normal(0, rng.uniform(0, 2), _SIZE)
    return torch.from_numpy(np.clip(soft, 0, 100).astype(np.float32))[None, None]


@torch.inference_mode()
def measured_ranges(network: Generator, pictures: Sequence[Tensor]) -> Ranges:
    """How far the inputs of `eight_bit_parts` reach on pictures, and somewhat further."""
    found = {part: (0.0, 0.0) for part in network.eight_bit_parts}

    def note(part: str, module: nn.Module, given: tuple[Tensor, ...]) -> None:
        least, greatest = found[part]
        low, high = given[0].aminmax()
        found[part] = min(least, low.item()), max(greatest, high.item())

    handles = [
        network.get_submodule(part).register_forward_pre_hook(partial(note, part)) for part in found
    ]
    for picture in pictures:
        network.inner(network.exact(picture))
    for handle in handles:
        handle.remove()
    return {part: (_rounded_up(low), _rounded_up(high)) for part, (low, high) in found.items()}


def _rounded_up(value: float) -> float:
    steps = math.ceil(abs(value) * _MARGIN / _RANGE_STEP) * _RANGE_STEP
    return math.copysign(steps, value)


def put_into_eight_bits(operations: Any, model: Any, ranges: Ranges) -> None:
    """Have these convolutions of an OpenVINO model computed in integers; `operations` are those of
    its Python interface. Inputs get one scale each, weights one for each channel that they make.
    """
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Convolution":
            continue
        name = node.get_friendly_name()
        part = next((part for part in ranges if f"network.{part}/" in name), None)
        if part is None:
            continue
        least, greatest = ranges[part]
        scale = max(greatest - least, 1e-6) / 255
        least = -round(-least / scale) * scale  # so that nothing is a code too
        limits = [np.float32(least), np.float32(least + 255 * scale)]
        weights = node.input_value(1)
        reach = np.abs(weights.get_node().data).max(axis=(1, 2, 3), keepdims=True)
        reach = np.maximum(reach, np.float32(1e-12))
        coarse = operations.fake_quantize(node.input_value(0), *limits, *limits, 256)
        node.input(0).replace_source_output(coarse.output(0))
        coarse = operations.fake_quantize(weights, -reach, reach, -reach, reach, 255)
        node.input(1).replace_source_output(coarse.output(0))


@torch.inference_mode()
def judged(
    network: Generator, exactly: Inner, coarsely: Inner, pictures: Sequence[Tensor]
) -> tuple[float, float]:
    """Of integers on this processor, now: how far colours are off, Lab units on the mean, and how
    many times as quick they are. Both compute `inner` of the network.
    """
    shown = [network.exact(picture) for picture in pictures]
    both = exactly, coarsely
    made = [[network.answer(inner(each)[-1])[0] for each in shown] for inner in both]
    off = [(one - other).norm(dim=1).mean().item() for one, other in zip(*made, strict=True)]
    rounds = [[_seconds(inner, shown) for inner in both] for _ in range(_ROUNDS)]
    exact, coarse = (min(seconds) for seconds in zip(*rounds, strict=True))
    return sum(off) / len(off), exact / max(coarse, 1e-9)


def _seconds(inner: Inner, shown: Sequence[Tensor]) -> float:
    begun = time.thread_time()
    for each in shown:
        inner(each)
    return time.thread_time() - begun
