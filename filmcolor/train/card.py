"""The card of a run's checkpoints, made when it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from filmcolor._version import __version__
from filmcolor.errors import OptionError
from filmcolor.models.card import ModelCard
from filmcolor.options import TrainOptions
from filmcolor.train.degrade import NO_DEGRADATION
from filmcolor.train.trainer import Trainer
from filmcolor.typed import read_toml


def first_card(trainer: Trainer, options: TrainOptions, folder: Path, photos: int) -> ModelCard:
    """The card of a run that begins in `folder` on so many photos, without anything measured.

    Raises `OptionError` for a file of texts that holds something else.
    """
    recipe, generator = trainer.recipe, trainer.generator
    config = getattr(generator, "config", None)
    descriptor = generator.descriptor
    if any(phase.hints.chance > 0 for phase in recipe.default_phases):
        descriptor = replace(descriptor, accepts_hints=True)
    if descriptor.is_upscaler and all(
        phase.degrade == NO_DEGRADATION for phase in recipe.default_phases
    ):
        # Of worn pictures the mirror image adds nothing, and it takes as long again.
        descriptor = replace(descriptor, mirrored=True)
    init = "" if options.init is None else f", begun from {Path(options.init).name}"
    texts: dict[str, Any] = {
        "name": folder.resolve().name,
        "description": recipe.summary,
        "training_data": f"{photos} pictures",
        "provenance": f"filmcolor {__version__}, recipe {recipe.name}{init}",
    }
    if options.card is not None:
        texts |= _card_texts(options.card)
    return ModelCard(
        architecture=recipe.architecture,
        config={} if config is None else asdict(config),
        descriptor=descriptor,
        **texts,
    )


def _card_texts(path: str) -> Mapping[str, str]:
    known = ("name", "description", "license", "training_data", "provenance", "weaknesses")
    values = read_toml(path)
    for name, value in values.items():
        if name not in known or not isinstance(value, str):
            raise OptionError(f"--card {path}: entry {name!r} is none of the texts {known}")
    return values
