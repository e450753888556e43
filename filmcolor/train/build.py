"""From a recipe to networks: what is trained, from which weights, against whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from filmcolor.errors import CheckpointError, OptionError
from filmcolor.models.base import Network
from filmcolor.models.card import read_card
from filmcolor.models.checkpoint import load_generator, load_upscaler
from filmcolor.models.discriminators import (
    DcganDiscriminator,
    PatchDiscriminator,
    RgbDiscriminator,
)
from filmcolor.models.mobilenet_unet import MobileNetEncoder, MobileNetUNet
from filmcolor.models.registry import build_network, find_checkpoint
from filmcolor.options import TrainOptions
from filmcolor.train.data import PhotoSet
from filmcolor.train.features import VggFeatures, load_features
from filmcolor.train.losses import AbBins
from filmcolor.train.recipes import RECIPES, Adversary, Recipe
from filmcolor.train.settings import from_mapping, read_toml
from filmcolor.train.state import SavedState
from filmcolor.train.trainer import Trainer, sample_ab
from filmcolor.train.workers import Workers


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
    if options.init is not None and not _foreign_tensors(find_checkpoint(options.init)):
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
    those of a saved run, with its own configuration and bins.

    Raises `OptionError` for what does not fit together and `CheckpointError` for weights that
    cannot be the start.
    """
    if recipe.batch_size % workers.world:
        raise OptionError(
            f"--batch-size {recipe.batch_size}: must be a multiple of the {workers.world} processes"
        )
    torch.manual_seed(options.seed)
    if saved is None:
        generator = _generator(recipe, options.init)
    else:
        generator = build_network(saved.card.architecture, saved.card.config)
    discriminator = None
    if any(phase.discriminator for phase in recipe.default_phases):
        assert recipe.adversary is not None
        discriminator = build_discriminator(recipe.adversary, generator, recipe)
    bins = None
    if isinstance(generator, MobileNetUNet):
        bins = _bins(generator, photos, options.seed) if saved is None else saved.bins()
        generator.bin_centers.copy_(bins.centers)
    if workers.world > 1 and device.type == "cuda":
        generator = nn.SyncBatchNorm.convert_sync_batchnorm(generator)  # type: ignore[no-untyped-call]
        if discriminator is not None:
            discriminator = nn.SyncBatchNorm.convert_sync_batchnorm(discriminator)  # type: ignore[no-untyped-call]
    return Trainer(
        generator,
        discriminator,
        recipe,
        bins=bins,
        teacher=_teacher(recipe, options),
        features=_features(recipe, options),
        device=device,
        precision=options.precision,
        seed=options.seed,
        freeze=options.freeze,
        workers=workers,
        compiled=options.compiled,
    )


def _generator(recipe: Recipe, init: str | None) -> Network:
    """A network with fresh weights, or with those of a checkpoint of the same architecture."""
    if init is None:
        return build_network(recipe.architecture, recipe.generator)
    path = find_checkpoint(init)
    if names := _foreign_tensors(path):
        generator = build_network(recipe.architecture, recipe.generator)
        if not isinstance(generator, MobileNetUNet) or "stem.weight" not in names:
            raise CheckpointError(
                f"--init {init}: neither a filmcolor checkpoint nor MobileNetV2 weights for "
                f"recipe film"
            )
        _load_imagenet(generator.encoder, path, f"--init {init}")
        return generator
    card = read_card(path)
    if card.architecture != recipe.architecture:
        raise CheckpointError(
            f"--init {init}: its network is {card.architecture}, recipe {recipe.name} trains "
            f"{recipe.architecture}; give a checkpoint of that, or another --recipe"
        )
    if card.descriptor.is_upscaler:
        return load_upscaler(str(path)).network.requires_grad_(True)
    return load_generator(str(path)).generator.requires_grad_(True)


def _bins(generator: MobileNetUNet, photos: PhotoSet, seed: int) -> AbBins:
    """The generator's bins, or those of `photos` if it has none yet, counted over `photos`."""
    samples, config = sample_ab(photos, seed), generator.config
    if bool(generator.bin_centers.any()):
        return AbBins.from_centers(generator.bin_centers, samples, config.bin_step)
    return AbBins.from_samples(samples, config.bins, config.bin_step)


def teacher_of(options: TrainOptions) -> str | None:
    """Weights whose view of a colour picture the encoder shall keep, if any are named."""
    if options.teacher is None and options.init is not None:
        return options.init if _foreign_tensors(find_checkpoint(options.init)) else None
    return options.teacher


def _teacher(recipe: Recipe, options: TrainOptions) -> MobileNetEncoder | None:
    if not any(phase.losses.semantics for phase in recipe.phases):
        return None
    name = teacher_of(options)
    if name is None:
        return None
    teacher = MobileNetEncoder(channels=3)
    _load_imagenet(teacher, find_checkpoint(name), f"--teacher {name}")
    return teacher


def _features(recipe: Recipe, options: TrainOptions) -> VggFeatures | None:
    """What judges an upscaler's texture, if it is asked for and its weights are named."""
    wanted = any(phase.losses.features for phase in recipe.default_phases)
    return load_features(options.teacher) if wanted and options.teacher is not None else None


def _load_imagenet(encoder: MobileNetEncoder, path: Path, named: str) -> None:
    if "stem.weight" not in _foreign_tensors(path):
        raise CheckpointError(f"{named}: holds no MobileNetV2 weights for recipe film")
    try:
        encoder.load_imagenet(load_file(path))
    except RuntimeError as error:
        raise CheckpointError(f"{named}: no MobileNetV2 of width 1.0 ({error})") from error


def _foreign_tensors(path: Path) -> list[str]:
    """Names of the tensors of a safetensors file that is not a checkpoint of ours, else nothing."""
    try:
        with safe_open(path, framework="pt") as file:
            return [] if (file.metadata() or {}).get("card") else list(file.keys())
    except (SafetensorError, OSError):
        return []  # `read_card` says what is wrong with it


def build_discriminator(adversary: Adversary, generator: Network, recipe: Recipe) -> nn.Module:
    """The discriminator of a recipe, with fresh weights, for what its generator paints."""
    channels = {"ab": 2, "lab": 3, "rgb": 3, "luma": 1}[generator.descriptor.returns]
    channels += adversary.sees_lightness
    sizes = {phase.size for phase in recipe.phases if phase.discriminator}
    if adversary.architecture == "patch":
        return PatchDiscriminator(channels, norm=adversary.norm, width=adversary.width)
    if len(sizes) != 1:
        raise OptionError(f"recipe {recipe.name}: its discriminator takes one size, not {sizes}")
    try:
        if adversary.architecture == "dcgan":
            return DcganDiscriminator(channels, sizes.pop())
        return RgbDiscriminator(sizes.pop(), channels)
    except ValueError as error:
        raise OptionError(f"recipe {recipe.name}: {error}; change --size") from error
