"""The state of a training run in one safetensors file: all that is needed to go on exactly.

It must not know recipes' contents or what a run folder looks like.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from filmcolor.errors import CheckpointError, MediaError
from filmcolor.media.partfile import PartFile
from filmcolor.train.trainer import Standing, Trainer

_FORMAT = "filmcolor-training-1"


def save_state(trainer: Trainer, path: Path) -> None:
    """Write weights, averages, optimizers and the standing; the file is replaced only when whole.

    Raises `MediaError` when the disk refuses, and leaves the former file as it was.
    """
    tensors = {f"generator.{k}": v for k, v in trainer.generator.state_dict().items()}
    if trainer.recipe.ema:
        tensors |= {f"average.{k}": v for k, v in trainer.average.items()}
    if trainer.discriminator is not None:
        tensors |= {f"discriminator.{k}": v for k, v in trainer.discriminator.state_dict().items()}
    for name, optimizer in _optimizers(trainer).items():
        for number, state in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}.{number}.{key}": value for key, value in state.items()}
    standing = {k: v if math.isfinite(v) else str(v) for k, v in asdict(trainer.standing).items()}
    header = {"format": _FORMAT, "recipe": trainer.recipe.name, "standing": json.dumps(standing)}
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


def restore_state(trainer: Trainer, path: Path) -> None:
    """Take up what `save_state` wrote, for the same recipe and networks.

    Raises `CheckpointError` for a missing, damaged or foreign file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: no whole training state ({error})") from error
    if header.get("format") != _FORMAT:
        raise CheckpointError(f"{path}: not a training state of filmcolor")
    if header["recipe"] != trainer.recipe.name:
        raise CheckpointError(
            f"{path}: a state of recipe {header['recipe']}, not of {trainer.recipe.name}"
        )
    values: dict[str, Any] = json.loads(header["standing"])
    kinds = {field.name: type(getattr(trainer.standing, field.name)) for field in fields(Standing)}
    standing = {name: kinds[name](value) for name, value in values.items()}
    try:
        trainer.generator.load_state_dict(_part(tensors, "generator"))
        if trainer.recipe.ema:
            average = _part(tensors, "average")
            for name, value in trainer.average.items():
                value.copy_(average[name])
        if trainer.discriminator is not None:
            trainer.discriminator.load_state_dict(_part(tensors, "discriminator"))
        if standing["phase"] >= 0:
            trainer.start_phase(standing["phase"])
        for name, optimizer in _optimizers(trainer).items():
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in _part(tensors, name).items():
                number, _, entry = key.partition(".")
                state.setdefault(int(number), {})[entry] = value
            optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path}: does not fit these networks ({error})") from error
    for name, value in standing.items():
        setattr(trainer.standing, name, value)


def _optimizers(trainer: Trainer) -> dict[str, torch.optim.Optimizer]:
    both = {
        "optimizer-g": trainer.generator_optimizer,
        "optimizer-d": trainer.discriminator_optimizer,
    }
    return {name: optimizer for name, optimizer in both.items() if optimizer is not None}


def _part(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {k[len(name) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{name}.")}
