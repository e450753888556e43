"""How each shot of a film is coloured, where people have chosen something for single shots.

It knows shots by number, and nothing of who chose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch

from filmcolor.models.card import read_card
from filmcolor.models.checkpoint import LoadedModel, load_generator
from filmcolor.models.registry import find_checkpoint
from filmcolor.options import RESTORE_KINDS, ColorOptions, Look
from filmcolor.stages.restore import Restoration
from filmcolor.stages.tone import Tone

_MOST_MODELS = 4
"""Models and looks, beside the film's own, that are held at a time."""


@dataclass(frozen=True, slots=True)
class ShotColors:
    """Options of the film, and of the shots that have others."""

    film: ColorOptions
    by_shot: Mapping[int, ColorOptions] = field(default_factory=dict)
    """By number of the shot; they differ in look, model, stability, saturation and hue alone."""

    def of(self, shot: int) -> ColorOptions:
        """Those of a shot."""
        return self.by_shot.get(shot, self.film)

    def network_options(self, shot: int) -> ColorOptions:
        """Those of a shot without its tone, but for its having colour (saturation 1) or none (0):
        equal for shots that network and smoother treat alike.
        """
        color = self.of(shot)
        return replace(
            color,
            saturation=float(color.saturation > 0),
            hue_shift=0.0,
            restore="none",
            restore_strength=1.0,
        )

    @property
    def restored_kinds(self) -> tuple[str, ...]:
        """What is repaired in any shot, of `RESTORE_KINDS`, in their order."""
        asked = {
            kind for each in (self.film, *self.by_shot.values()) for kind in each.restored_kinds
        }
        return tuple(kind for kind in RESTORE_KINDS if kind in asked)

    def restoration(self, shot: int) -> Restoration:
        """What is repaired in a shot."""
        color = self.of(shot)
        return Restoration(color.restored_kinds, color.restore_strength)

    def tone(self, shot: int) -> Tone:
        """That of a shot."""
        return Tone.of(self.of(shot))


class ModelCache:
    """Models that films and single shots are coloured with, each loaded when it is first wanted."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, Look], LoadedModel] = {}
        self._film: tuple[tuple[str, ...], LoadedModel] | None = None

    def of_film(self, color: ColorOptions, device: torch.device) -> LoadedModel:
        """The model of a whole film, in the precision asked for; raises as loading does."""
        name = color.model, color.look, color.precision, color.engine
        if self._film is None or self._film[0] != name:
            model = load_generator(color.model, device, color.look, color.precision, color.engine)
            self._film = name, model
        return self._film[1]

    def get(self, color: ColorOptions, device: torch.device) -> LoadedModel:
        """The model of some options; raises `CheckpointError` or `OptionError` as loading does."""
        name = color.model, color.look
        model = self._held.pop(name, None) or self._loaded(color, device)
        self._held[name] = model
        while len(self._held) > _MOST_MODELS:
            del self._held[next(iter(self._held))]
        return model

    def _loaded(self, color: ColorOptions, device: torch.device) -> LoadedModel:
        """In the film's precision, or in float32 if the model allows no other."""
        descriptor = read_card(find_checkpoint(color.model)).descriptor
        precision = color.precision if descriptor.half_precision else "fp32"
        return load_generator(color.model, device, color.look, precision, color.engine)
