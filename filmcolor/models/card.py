"""What a checkpoint says about itself: its card and the descriptor of how it wants to be fed.

A checkpoint is one safetensors file. Its header holds, as JSON, the card below; only the header is
read here, and nothing is ever unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from filmcolor.errors import CheckpointError, OptionError
from filmcolor.options import Look

FORMAT = "filmcolor-checkpoint-1"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Facts a caller needs in order to use a network without knowing its name."""

    native_size: int = 256  # side in px of the square whose area the pictures are brought to
    multiple: int = 32  # both sides must be divisible by this
    returns: str = "ab"  # "ab", "lab" or "rgb", of which only ab is used; "luma": an upscaler
    accepts_hints: bool = False  # whether it was trained to follow hints
    half_precision: bool = True  # whether bfloat16 is safe
    looks: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What of the config is different in each look but the natural one, by the look's name."""
    scale: int = 1  # an upscaler's: times as many rows and columns as it is shown
    reach: int = 0  # an upscaler's: px on each side, of what it is shown, that a pixel depends on
    mirrored: bool = False  # an upscaler's: it enlarges the mirror image too, and the mean is taken

    @property
    def is_upscaler(self) -> bool:
        """Whether the network makes luma, not colour."""
        return self.returns == "luma"

    def model_size(
        self, height: int, width: int, size: int | None = None, pixel_aspect: float = 1.0
    ) -> tuple[int, int]:
        """(height, width) at which a picture is shown to the network.

        Equal area: `size` x `size` pixels' worth (default: the native size) in the picture's own
        shape as it is displayed (`pixel_aspect`: width of a pixel over its height), rounded to the
        multiple.
        """
        side = size or self.native_size
        shape = (width * pixel_aspect / height) ** 0.5
        step = self.multiple
        return (
            max(step, round(side / shape / step) * step),
            max(step, round(side * shape / step) * step),
        )


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything a checkpoint states about itself."""

    name: str
    architecture: str
    description: str = ""
    license: str = ""
    training_data: str = ""
    provenance: str = ""
    weaknesses: str = ""
    parameters: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    descriptor: Descriptor = field(default_factory=Descriptor)

    def config_for(self, look: Look) -> Mapping[str, Any]:
        """The config of a look; `OptionError` if the model has no such."""
        if look == "natural":
            return self.config
        if look not in self.descriptor.looks:
            raise OptionError(
                f"--look {look}: model {self.name} has one look only; use --saturation instead"
            )
        return {**self.config, **self.descriptor.looks[look]}

    def to_header(self) -> dict[str, str]:
        """The safetensors header entries that hold this card."""
        return {"format": FORMAT, "card": json.dumps(asdict(self), ensure_ascii=False)}

    @classmethod
    def from_header(cls, header: Mapping[str, str] | None, where: str) -> ModelCard:
        """Read a header back; raises `CheckpointError` that names `where`."""
        if not header or header.get("format") != FORMAT:
            raise CheckpointError(
                f"{where}: not a filmcolor checkpoint; "
                "`filmcolor models` lists the models that can be used"
            )
        try:
            values = json.loads(header["card"])
            descriptor = Descriptor(**values.pop("descriptor"))
            card = cls(descriptor=descriptor, **values)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise CheckpointError(
                f"{where}: the checkpoint's header cannot be read ({error}); "
                "fetch or train the model again, or update filmcolor"
            ) from error
        card._check(where)
        return card

    def _check(self, where: str) -> None:
        d = self.descriptor
        texts = (self.name, self.architecture, self.description, self.license)
        notes = (self.training_data, self.provenance, self.weaknesses)
        sound = (
            all(isinstance(text, str) for text in (*texts, *notes))
            and isinstance(self.parameters, int)
            and isinstance(self.config, dict)
            and isinstance(self.metrics, dict)
            and all(isinstance(value, int | float) for value in self.metrics.values())
            and isinstance(d.native_size, int)
            and isinstance(d.multiple, int)
            and 1 <= d.multiple <= 256
            and 32 <= d.native_size <= 4096
            and isinstance(d.looks, dict)
            and all(isinstance(values, dict) for values in d.looks.values())
            and isinstance(d.mirrored, bool)
            and isinstance(d.scale, int)
            and isinstance(d.reach, int)
            and 1 <= d.scale <= 4
            and 0 <= d.reach <= 256
        )
        if not sound:
            raise CheckpointError(f"{where}: the checkpoint's header holds impossible values")
        if d.returns not in ("ab", "lab", "rgb", "luma"):
            raise CheckpointError(
                f"{where}: the model returns {d.returns!r}, which this version does not know; "
                "update filmcolor"
            )


def read_card(path: str | Path) -> ModelCard:
    """The card of a checkpoint file; raises `CheckpointError` if it is missing, damaged or not
    ours.
    """
    if not Path(path).is_file():
        raise CheckpointError(
            f"{path}: no such checkpoint; `filmcolor models` lists the shipped ones"
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata()
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({error}); fetch or train the model again"
        ) from error
    return ModelCard.from_header(header, str(path))
