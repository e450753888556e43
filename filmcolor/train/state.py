"""The state of a training run in one safetensors file: all that is needed to go on exactly.

It must not know recipes' contents or what a run folder looks like.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from filmcolor.errors import CheckpointError, MediaError
from filmcolor.media.partfile import PartFile
from filmcolor.models.card import FORMAT as CARD_FORMAT
from filmcolor.models.card import ModelCard
from filmcolor.train.schedule import Schedule
from filmcolor.train.trainer import Trainer, TrainState
from filmcolor.typed import parse_json

_FORMAT = "filmcolor-training-2"
_FORMER = ("filmcolor-training-1",)


@dataclass(frozen=True, slots=True, eq=False)
class SavedState:
    """A state file's content: how far the run is, and what belongs to it from its beginning."""

    path: Path
    recipe: str
    state: TrainState
    card: ModelCard
    """The checkpoints' card, whose config is the generator's."""
    schedule: Schedule
    tensors: Mapping[str, Tensor]


def save_state(trainer: Trainer, card: ModelCard, schedule: Schedule, path: Path) -> None:
    """Write weights, averages, optimizers, classes, the `TrainState` and the run's card and length;
    the file is replaced only when whole.

    Raises `MediaError` when the disk refuses, and leaves the former file as it was.
    """
    tensors = {f"generator.{k}": v for k, v in trainer.generator.state_dict().items()}
    tensors |= trainer.adapter.state()
    if trainer.recipe.ema:
        tensors |= {f"average.{k}": v for k, v in trainer.average.items()}
    if trainer.discriminator is not None:
        tensors |= {f"discriminator.{k}": v for k, v in trainer.discriminator.state_dict().items()}
    for name, optimizer in _optimizers(trainer).items():
        for number, own in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}.{number}.{key}": value for key, value in own.items()}
    state = {k: v if math.isfinite(v) else str(v) for k, v in asdict(trainer.state).items()}
    header = {
        **card.to_header(),
        "format": _FORMAT,
        "recipe": trainer.recipe.name,
        "standing": json.dumps(state),
        "schedule": json.dumps(asdict(schedule)),
    }
    write_tensors(tensors, path, header)


def write_tensors(tensors: Mapping[str, Tensor], path: Path, header: Mapping[str, str]) -> None:
    """Write a safetensors file that gets its name only when it is whole and on the disk."""
    part = PartFile(str(path), overwrite=True)
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        save_file(plain, part.path, metadata=dict(header))
    except (OSError, SafetensorError) as error:
        part.discard()
        raise MediaError(
            f"{path}: cannot be written ({error}); make room on the disk, then go on from the last "
            "state"
        ) from error
    part.commit()


def read_state(path: Path) -> SavedState:
    """What `save_state` wrote; `CheckpointError` for a missing, damaged, foreign or former file."""
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            # Copied, since in the file they lie anywhere, and how products are rounded depends on
            # where in memory the factors begin.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: no whole training state ({error})") from error
    if header.get("format") in _FORMER:
        raise CheckpointError(
            f"{path}: a state of an earlier filmcolor, which does not hold all that belongs to the "
            "run, so that it cannot go on exactly; begin a new run with --init "
            f"{shlex.quote(str(path.parent / 'best.safetensors'))}"
        )
    if header.get("format") != _FORMAT:
        raise CheckpointError(f"{path}: not a training state of filmcolor")
    kinds = {field.name: type(getattr(TrainState(), field.name)) for field in fields(TrainState)}
    try:
        values: dict[str, Any] = parse_json(header["standing"])
        state = TrainState(**{name: kinds[name](value) for name, value in values.items()})
        schedule = Schedule(**parse_json(header["schedule"]))
        recipe = header["recipe"]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the state's header cannot be read ({error})") from error
    card = ModelCard.from_header({**header, "format": CARD_FORMAT}, str(path))
    return SavedState(path, recipe, state, card, schedule, tensors)


def restore_state(trainer: Trainer, saved: SavedState) -> None:
    """Take up a saved state, for the same recipe and networks; `CheckpointError` for others."""
    path, tensors = saved.path, saved.tensors
    if saved.recipe != trainer.recipe.name:
        raise CheckpointError(
            f"{path}: a state of recipe {saved.recipe}, not of {trainer.recipe.name}"
        )
    try:
        trainer.generator.load_state_dict(_part(tensors, "generator"))
        if trainer.recipe.ema:
            average = _part(tensors, "average")
            for name, value in trainer.average.items():
                value.copy_(average[name])
        if trainer.discriminator is not None:
            trainer.discriminator.load_state_dict(_part(tensors, "discriminator"))
        if saved.state.phase >= 0:
            trainer.start_phase(saved.state.phase)
        for name, optimizer in _optimizers(trainer).items():
            own: dict[int, dict[str, Tensor]] = {}
            for key, value in _part(tensors, name).items():
                number, _, entry = key.partition(".")
                own.setdefault(int(number), {})[entry] = value
            optimizer.load_state_dict(optimizer.state_dict() | {"state": own})
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path}: does not fit these networks ({error})") from error
    trainer.state = replace(saved.state)


def _optimizers(trainer: Trainer) -> dict[str, torch.optim.Optimizer]:
    both = {
        "optimizer-g": trainer.generator_optimizer,
        "optimizer-d": trainer.discriminator_optimizer,
    }
    return {name: optimizer for name, optimizer in both.items() if optimizer is not None}


def _part(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {k[len(name) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{name}.")}
