"""Interfaces of networks: a generator makes ab of lightness and hints, an upscaler luma of luma.

It must not know files, frames or training.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from filmcolor.models.card import Descriptor
from filmcolor.models.coherence import Seen
from filmcolor.models.resampling import enlarge


@dataclass(frozen=True, slots=True, eq=False)
class Hint:
    """Colours that are known beforehand, at model size: strokes, a coloured still, a neighbouring
    frame.
    """

    ab: Tensor
    """(N, 2, H, W), Lab units; only used where `confidence` is above 0."""
    confidence: Tensor
    """(N, 1, H, W), 0 (unknown) to 1 (certain)."""

    def __post_init__(self) -> None:
        if self.ab.ndim != 4 or self.ab.shape[1] != 2:
            raise ValueError(f"hint ab must be (N, 2, H, W), got {tuple(self.ab.shape)}")
        expected = (self.ab.shape[0], 1, *self.ab.shape[2:])
        if tuple(self.confidence.shape) != expected:
            raise ValueError(
                f"hint confidence must be {expected}, got {tuple(self.confidence.shape)}"
            )


class Network(nn.Module, ABC):
    """Whatever a checkpoint can hold."""

    exact_parts: tuple[str, ...] = ()
    """Names of modules that stay in float32 when the rest is in bfloat16; they switch autocast off
    for themselves."""

    @property
    def descriptor(self) -> Descriptor:
        """The network's input and output, before training adds to it."""
        return Descriptor()


class Generator(Network):
    """Colours from lightness: the seam between the network and the rest of filmcolor."""

    by_engine: Callable[[Tensor], tuple[Tensor, ...]] | None = None
    """What computes `inner` in place of torch."""

    @abstractmethod
    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        """Lightness (N, 1, H, W), L* 0..100, to ab (N, 2, h, w) in Lab units; h and w may be
        smaller.
        """

    def with_confidence(
        self, lightness: Tensor, hint: Hint | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """As `forward`, and the confidence of each colour, (N, 1, h, w) in 0..1; None if the
        network states none.
        """
        return self(lightness, hint), None

    @property
    def is_coherent(self) -> bool:
        """Whether places that look alike can decide together: by `see`, `coherence`, `answer`."""
        return False

    def see(self, lightness: Tensor, hint: Hint | None = None) -> Seen:
        """What is seen of pictures (N, 1, H, W), L* 0..100."""
        raise NotImplementedError

    def answer(self, decoded: Tensor) -> tuple[Tensor, Tensor]:
        """What its heads make of `Seen.decoded`, or of what is pooled of it (N, C, h, w): ab
        (N, 2, h, w), Lab units, and confidence (N, 1, h, w), 0..1.
        """
        raise NotImplementedError

    @property
    def has_inner(self) -> bool:
        """Whether it is divided into `exact`, `inner` and the rest, so that an engine other than
        torch can compute `inner`."""
        return False

    def exact(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        """The first layers, which are computed in float32 always: (N, C, h, w)."""
        raise NotImplementedError

    @property
    def eight_bit_parts(self) -> tuple[str, ...]:
        """Names of convolutions in `inner` that lose little in 8-bit integers."""
        return ()

    def inner(self, exact: Tensor) -> tuple[Tensor, ...]:
        """What the greater part of its layers makes of `exact`: (N, C, h, w) each."""
        raise NotImplementedError

    def features(self, lightness: Tensor) -> list[Tensor]:
        """Feature maps (N, C, h, w), finest first, of pictures (N, 1, H, W), L* 0..100, by which
        pictures can be compared; none if the network offers none.
        """
        return []


class Upscaler(Network):
    """More lines from few: what a bicubic enlargement of the luma lacks."""

    @abstractmethod
    def detail(self, luma: Tensor) -> Tensor:
        """Luma (N, 1, h + 2 r, w + 2 r), Y' 0..1, to what its inner (h, w) part lacks, enlarged
        bicubically: (N, 1, s h, s w).

        s and r are the descriptor's `scale` and `reach`: nothing beyond that rim counts.
        """

    def forward(self, luma: Tensor) -> Tensor:
        """Luma (N, 1, H, W), Y' 0..1, to (N, 1, s H, s W), which may lie a little outside 0..1."""
        facts = self.descriptor
        framed = F.pad(luma, (facts.reach,) * 4, mode="replicate")
        return enlarge(luma, facts.scale) + self.detail(framed)
