"""From a recipe to networks: what is trained, from which weights, against which discriminator."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from filmcolor.errors import CheckpointError, OptionError
from filmcolor.models.adapter import TrainAdapter
from filmcolor.models.base import Network
from filmcolor.models.card import read_card
from filmcolor.models.checkpoint import load_generator, load_upscaler
from filmcolor.models.discriminators import build_discriminator
from filmcolor.models.registry import build_adapter, build_network, find_checkpoint
from filmcolor.options import TrainOptions
from filmcolor.train.data import PhotoSet
from filmcolor.train.losses import LOSSES
from filmcolor.train.recipes import RECIPES, Recipe
from filmcolor.train.state import SavedState
from filmcolor.train.trainer import Trainer, sample_ab
from filmcolor.train.workers import Workers
from filmcolor.typed import from_mapping, read_toml


def resolve_recipe(options: TrainOptions) -> Recipe:
    """The recipe that the options mean, with their changes; `OptionError` for an unknown one."""
    if options.recipe.endswith(".toml"):
        values = read_toml(options.recipe)
        recipe = from_mapping(Recipe, values.get("recipe", values), options.recipe)
    elif options.recipe in RECIPES:
        recipe = RECIPES[options.recipe]
    else:
        names = ", ".join(RECIPES)
        raise OptionError(f"--recipe {options.recipe}: give {names}, or a .toml file")
    if options.phase is not None:
        recipe = recipe.only(options.phase)
    if options.size is not None:
        recipe = recipe.with_size(options.size)
    if options.batch_size is not None:
        recipe = replace(recipe, batch_size=options.batch_size)
    if options.init is not None and not _foreign_names(find_checkpoint(options.init)):
        recipe = recipe.for_tuning()
    return recipe


def build_trainer(
    recipe: Recipe,
    options: TrainOptions,
    photos: PhotoSet,
    workers: Workers,
    device: torch.device,
    saved: SavedState | None = None,
) -> Trainer:
    """Networks with their first weights, ready to be trained on `photos`; or, for `restore_state`,
    those of a saved run, with its own configuration and classes.

    Raises `OptionError` for what does not fit together and `CheckpointError` for weights that
    cannot be the start.
    """
    if recipe.batch_size % workers.world:
        raise OptionError(
            f"--batch-size {recipe.batch_size}: must be a multiple of the {workers.world} processes"
        )
    torch.manual_seed(options.seed)
    if saved is None:
        adapter = _new_adapter(recipe, options.init)
    else:
        adapter = build_adapter(build_network(saved.card.architecture, saved.card.config))
    discriminator = None
    if any(phase.discriminator for phase in recipe.default_phases):
        discriminator = _discriminator(recipe, adapter.network)
    if saved is None:
        adapter.prepare(partial(sample_ab, photos, options.seed))
    else:
        try:
            adapter.restore(saved.tensors)
        except KeyError as error:
            raise CheckpointError(f"{saved.path}: holds no classes ({error})") from error
    _load_teacher(adapter, recipe, options)
    if workers.world > 1 and device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(adapter.network)  # type: ignore[no-untyped-call]
        if discriminator is not None:
            discriminator = nn.SyncBatchNorm.convert_sync_batchnorm(discriminator)  # type: ignore[no-untyped-call]
    return Trainer(
        adapter,
        discriminator,
        recipe,
        device=device,
        precision=options.precision,
        seed=options.seed,
        freeze=options.freeze,
        workers=workers,
        compiled=options.compiled,
    )


def _new_adapter(recipe: Recipe, init: str | None) -> TrainAdapter[Any]:
    """A network with fresh weights, or with those of a checkpoint of the same architecture."""
    if init is None:
        return build_adapter(build_network(recipe.architecture, recipe.generator))
    path = find_checkpoint(init)
    if _foreign_names(path):
        adapter = build_adapter(build_network(recipe.architecture, recipe.generator))
        try:
            adapter.load_pretrained(load_file(path))
        except ValueError as error:
            raise CheckpointError(f"--init {init}: {error}") from error
        return adapter
    card = read_card(path)
    if card.architecture != recipe.architecture:
        raise CheckpointError(
            f"--init {init}: its network is {card.architecture}, recipe {recipe.name} trains "
            f"{recipe.architecture}; give a checkpoint of that, or another --recipe"
        )
    network: Network
    if card.descriptor.is_upscaler:
        network = load_upscaler(str(path)).network
    else:
        network = load_generator(str(path)).generator
    return build_adapter(network.requires_grad_(True))


def teacher_of(options: TrainOptions) -> str | None:
    """Weights whose features the encoder shall keep, if any are named."""
    if options.teacher is None and options.init is not None:
        return options.init if _foreign_names(find_checkpoint(options.init)) else None
    return options.teacher


def _load_teacher(adapter: TrainAdapter[Any], recipe: Recipe, options: TrainOptions) -> None:
    """Give the network its teacher, if a loss is of one and its weights are named."""
    name = teacher_of(options)
    phases = recipe.default_phases
    taught = any(
        loss.of_teacher and phase.weight(key) for key, loss in LOSSES.items() for phase in phases
    )
    if name is None or not taught:
        return
    path = find_checkpoint(name)
    try:
        adapter.load_teacher(load_file(path) if _foreign_names(path) else {})
    except ValueError as error:
        raise CheckpointError(f"--teacher {name}: {error}") from error


def _foreign_names(path: Path) -> list[str]:
    """Names of the tensors of a safetensors file that is not a checkpoint of ours, else nothing."""
    try:
        with safe_open(path, framework="pt") as file:
            return [] if (file.metadata() or {}).get("card") else list(file.keys())
    except (SafetensorError, OSError):
        return []  # `read_card` says what is wrong with it


def _discriminator(recipe: Recipe, generator: Network) -> nn.Module:
    """The discriminator of a recipe, with fresh weights, for the output of its generator."""
    adversary = recipe.adversary
    assert adversary is not None
    channels = {"ab": 2, "lab": 3, "rgb": 3, "luma": 1}[generator.descriptor.returns]
    sizes = {phase.size for phase in recipe.phases if phase.discriminator}
    try:
        return build_discriminator(
            adversary.architecture,
            channels + adversary.sees_lightness,
            sizes,
            norm=adversary.norm,
            width=adversary.width,
        )
    except ValueError as error:
        raise OptionError(f"recipe {recipe.name}: {error}; change --size") from error
