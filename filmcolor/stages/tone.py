"""What is done to all colours of a shot alike: how strong they are, and how far their hues turn.

It knows ab in Lab units and nothing of where it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from filmcolor.options import ColorOptions
from filmcolor.types import FloatPlane


@dataclass(frozen=True, slots=True)
class Tone:
    """A factor on ab and a turn of it."""

    saturation: float = 1.0
    hue_shift: float = 0.0
    """Degrees, from red towards yellow."""

    @classmethod
    def of(cls, color: ColorOptions) -> Tone:
        """That of some options."""
        return cls(color.saturation, color.hue_shift)

    def applied(self, ab: Tensor) -> Tensor:
        """ab (N, 2, h, w) in this tone."""
        if self.hue_shift:
            cosine, sine = self._turn
            a, b = ab[:, :1], ab[:, 1:]
            ab = torch.cat([cosine * a - sine * b, sine * a + cosine * b], dim=1)
        return ab if self.saturation == 1.0 else ab * self.saturation

    def undone(self, ab: FloatPlane) -> FloatPlane:
        """The ab (2, h, w) before this tone; at saturation 0 only the turn is undone."""
        if self.saturation not in (0.0, 1.0):
            ab = ab / np.float32(self.saturation)
        if self.hue_shift:
            cosine, sine = (np.float32(part) for part in self._turn)
            ab = np.stack([cosine * ab[0] + sine * ab[1], cosine * ab[1] - sine * ab[0]])
        return ab

    @property
    def _turn(self) -> tuple[float, float]:
        angle = math.radians(self.hue_shift)
        return math.cos(angle), math.sin(angle)


ToneOf = Callable[[int], Tone]
"""The tone of each shot, by its number."""


def plain(shot: int) -> Tone:
    """The tone of a shot without choices: the model's own colours."""
    return Tone()
