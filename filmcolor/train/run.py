"""One training run from data to checkpoint: builds everything, drives the loop, keeps the folder.

Yields what happens as events; only the command line prints.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filmcolor import __version__
from filmcolor.errors import OptionError
from filmcolor.evaluate.coloring import Photo
from filmcolor.evaluate.enlarging import EnlargeReport, evaluate_enlarging
from filmcolor.evaluate.report import PhotoReport, evaluate_photos, spread_indices
from filmcolor.evaluate.sheets import Picture, make_sheet
from filmcolor.models.base import Generator, Network, Upscaler
from filmcolor.models.card import ModelCard
from filmcolor.models.checkpoint import LoadedModel, LoadedUpscaler, save_network
from filmcolor.models.device import resolve_device
from filmcolor.models.mobilenet_unet import MobileNetUNet
from filmcolor.models.registry import build_network
from filmcolor.options import TrainOptions
from filmcolor.train.build import build_trainer, resolve_recipe, teacher_of
from filmcolor.train.crops import CropSource
from filmcolor.train.data import PhotoSet, repeat_palest
from filmcolor.train.degrade import NO_DEGRADATION, worn_half
from filmcolor.train.loop import Schedule, StepReport, train
from filmcolor.train.reading import fit_reading, shown_pictures
from filmcolor.train.recipes import Recipe
from filmcolor.train.run_data import DataRecord, absolute_paths, load_run_data
from filmcolor.train.run_folder import RunFolder
from filmcolor.train.settings import from_mapping, read_toml, to_mapping
from filmcolor.train.state import restore_state, save_state
from filmcolor.train.trainer import Trainer
from filmcolor.train.workers import join_workers

SCORE_COLORFULNESS = 0.65
"""Checkpoints are compared by their PSNR gain at this share of the truth's colourfulness."""

_SAVE_SECONDS = 300.0
_SHEET_PICTURES = 8
_CELL_HEIGHT = 128


@dataclass(frozen=True, slots=True)
class TrainStarted:
    """The run is about to begin, or to go on."""

    folder: Path
    recipe: str
    architecture: str
    parameters: int
    photos: int
    val_photos: int
    unreadable: tuple[str, ...]
    grey: tuple[str, ...]
    device: str
    steps: int | None
    seconds: float | None
    step: int
    """Where it goes on; 0 for a new one."""
    is_upscaler: bool = False
    """Whether it learns to raise the resolution, not to colour."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The averaged weights were measured and written as `last`."""

    step: int
    report: PhotoReport | EnlargeReport
    score: float
    is_best: bool


@dataclass(frozen=True, slots=True)
class TrainFinished:
    """The run is over, or was stopped and can go on."""

    folder: Path
    step: int
    seconds: float
    stopped: bool


TrainEvent = TrainStarted | StepReport | Evaluated | TrainFinished


def train_run(
    sources: Sequence[str],
    output: str,
    options: TrainOptions,
    *,
    command: Sequence[str] = (),
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[TrainEvent]:
    """Begin a run in folder `output` on pictures from `sources`, and train to its end.

    Raises the errors of `load_photos`, `OptionError` for what does not fit together, and
    `CheckpointError` for weights that cannot be the start.
    """
    _check_tensorboard(options)
    recipe = resolve_recipe(options)
    folder = RunFolder(Path(output))
    with join_workers(resolve_device(options.device)) as (workers, device):
        if workers.rank == 0:
            folder.check_free()
        data = load_run_data(sources, options, recipe, folder.path, workers)
        trainer = build_trainer(recipe, options, data.photos, workers, device)
        config = {
            "data": [os.path.abspath(source) for source in sources],
            "options": to_mapping(absolute_paths(options)),
            "recipe": to_mapping(recipe),
            "pictures": to_mapping(data.record),
        }
        if workers.rank == 0:
            folder.create(config, command)
        yield from _drive(trainer, folder, data.photos, data.val, options, stop)


def resume_run(
    output: str,
    *,
    recipe_name: str | None = None,
    length: TrainOptions | None = None,
    device_name: str | None = None,
    data_changed: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[TrainEvent]:
    """Go on with the run in folder `output`, exactly where its last state was saved.

    `length` gives it another length, `recipe_name` is what the caller thinks it is, `data_changed`
    lets it go on with other pictures than it began with. Raises like `train_run`.
    """
    folder = RunFolder(Path(output))
    config = folder.read_config()
    where = str(folder.path / "config.toml")
    recipe = from_mapping(Recipe, config.get("recipe", {}), f"{where}: recipe")
    options = from_mapping(TrainOptions, config.get("options", {}), f"{where}: options")
    if recipe_name is not None and recipe_name != recipe.name:
        raise OptionError(
            f"--resume {output}: a run of recipe {recipe.name}, not of {recipe_name}; begin a new "
            "run with -o"
        )
    if length is not None:
        options = replace(options, steps=length.steps, epochs=length.epochs, minutes=length.minutes)
    if device_name is not None:
        options = replace(options, device=device_name)
    _check_tensorboard(options)
    record = None
    if "pictures" in config:
        record = from_mapping(DataRecord, config["pictures"], f"{where}: pictures")
    with join_workers(resolve_device(options.device)) as (workers, device):
        data = load_run_data(
            config.get("data", []),
            options,
            recipe,
            folder.path,
            workers,
            resumed=True,
            record=record,
            data_changed=data_changed,
        )
        photos, val = data.photos, data.val
        if record is not None and record != data.record and workers.rank == 0:
            folder.write_config({**config, "pictures": to_mapping(data.record)})
        bare = replace(options, init=None, teacher=teacher_of(options))
        trainer = build_trainer(recipe, bare, photos, workers, device)
        if folder.state.exists():
            restore_state(trainer, folder.state)
            if workers.rank == 0:
                folder.forget_after(trainer.standing.step)
        elif options.init is not None:
            trainer = build_trainer(recipe, options, photos, workers, device)
        yield from _drive(trainer, folder, photos, val, options, stop)


def _schedule(options: TrainOptions, recipe: Recipe, photos: int) -> Schedule:
    if options.steps is not None:
        return Schedule(steps=options.steps)
    if options.minutes is not None:
        return Schedule(seconds=60 * options.minutes)
    epochs = recipe.epochs if options.epochs is None else options.epochs
    return Schedule(steps=max(1, round(epochs * photos / recipe.batch_size)))


def _drive(
    trainer: Trainer,
    folder: RunFolder,
    photos: PhotoSet,
    val: PhotoSet,
    options: TrainOptions,
    stop: Callable[[], bool],
) -> Iterator[TrainEvent]:
    """Train, save and evaluate; the first of several processes writes and reports."""
    at, recipe, leads = trainer.standing, trainer.recipe, trainer.workers.rank == 0
    schedule = _schedule(options, recipe, len(photos))
    shown = val.take(spread_indices(len(val), options.val_pictures))
    if leads:
        yield TrainStarted(
            folder=folder.path,
            recipe=recipe.name,
            architecture=recipe.architecture,
            parameters=sum(p.numel() for p in trainer.generator.parameters()),
            photos=len(photos),
            val_photos=len(shown),
            unreadable=photos.unreadable,
            grey=photos.grey,
            device=str(trainer.device),
            steps=schedule.steps,
            seconds=schedule.seconds,
            step=at.step,
            is_upscaler=isinstance(trainer.generator, Upscaler),
        )
    source = CropSource(repeat_palest(photos, recipe.pale_share), trainer.device)
    about = _card(trainer, options, folder, len(photos))
    log = _open_tensorboard(folder, options) if leads else None
    saved, phase, progress, stopped = time.monotonic(), at.phase, 0.0, False
    for report in train(trainer, source, schedule, stop=stop):
        progress = report.progress
        stopped = progress < 1.0 and stop()
        if not leads:
            continue
        folder.append(_entry(report))
        if log is not None:
            for name, value in report.losses.items():
                log.add_scalar(f"loss/{name}", value, report.step)
        yield report
        is_due = progress >= (at.evaluations + 1) / options.evaluations
        if progress >= 1.0 or is_due or (at.phase != phase and phase >= 0):
            at.evaluations = int(progress * options.evaluations)
            event = _evaluate(trainer, folder, about, source, shown)
            if log is not None:
                log.add_scalar("val/psnr_gain", event.report.psnr_gain, event.step)
            yield event
            save_state(trainer, folder.state)
            saved = time.monotonic()
        elif stopped or time.monotonic() - saved > _SAVE_SECONDS:
            save_state(trainer, folder.state)
            save_network(*_checkpoint(trainer, about, source), folder.last)
            saved = time.monotonic()
        phase = at.phase
    if log is not None:
        log.close()
    if leads:
        yield TrainFinished(folder.path, at.step, at.elapsed_seconds, progress < 1.0)


def _evaluate(
    trainer: Trainer, folder: RunFolder, about: ModelCard, source: CropSource, val: PhotoSet
) -> Evaluated:
    """Measure the averaged weights, write `last`, `best` if they are, sheets and curves."""
    at = trainer.standing
    network, card = _checkpoint(trainer, about, source)
    report, pictures = _measure(trainer, network, card, val)
    fitting = report.saturation_at(1.0) if isinstance(report, PhotoReport) else 1.0
    if fitting < 1 and isinstance(network, MobileNetUNet):
        at.tone *= fitting  # it is surer of these pictures than of those before
        card = _toned(network, about, card, at.tone)
        report, pictures = _measure(trainer, network, card, val)
    if isinstance(report, PhotoReport):
        score = report.gain_at(SCORE_COLORFULNESS)
    else:
        score = report.psnr_gain
    is_best = score > at.best_score or not folder.best.exists()
    at.best_score = max(score, at.best_score)
    card = replace(card, metrics=report.card_metrics())
    save_network(network, card, folder.last)
    if is_best:
        save_network(network, card, folder.best)
    folder.append({"step": at.step, "score": score, "best": is_best, **report.card_metrics()})
    columns = [
        make_sheet([[column] for column in one], cell_height=_CELL_HEIGHT)
        for one in zip(*pictures, strict=True)
    ]
    folder.write_sheet(at.step, *columns)
    folder.write_curves()
    return Evaluated(at.step, report, score, is_best)


def _measure(
    trainer: Trainer, network: Network, card: ModelCard, val: PhotoSet
) -> tuple[PhotoReport | EnlargeReport, list[tuple[Picture, Picture, Picture]]]:
    """A checkpoint's report, and a few of the pictures: before, made and true."""
    pictures: list[tuple[Picture, Picture, Picture]] = []
    keep = spread_indices(len(val), _SHEET_PICTURES)

    def on_picture(before: Photo, ours: Photo, truth: Photo) -> None:
        pictures.append((before, ours, truth))

    report: PhotoReport | EnlargeReport
    if isinstance(network, Upscaler):
        upscaler = LoadedUpscaler(network, card, trainer.device)
        smaller = worn_half(trainer.phase.degrade, trainer.seed)
        report = evaluate_enlarging(
            upscaler, val.photos, smaller=smaller, keep=keep, on_picture=on_picture
        )
    else:
        assert isinstance(network, Generator)
        model = LoadedModel(network, card, trainer.device)
        report = evaluate_photos(model, val.photos, keep=keep, on_picture=on_picture)
    return report, pictures


def _checkpoint(
    trainer: Trainer, about: ModelCard, source: CropSource
) -> tuple[Network, ModelCard]:
    """A network with the averaged weights, ready to be run, and the card that says how far they
    were trained.
    """
    network = build_network(about.architecture, about.config)
    network.load_state_dict(trainer.averaged())
    network = network.to(trainer.device).eval().requires_grad_(False)
    at = trainer.standing
    images = at.step * trainer.recipe.batch_size
    made = f"{about.provenance}; {at.step} steps, {images} pictures seen".lstrip("; ")
    card = replace(about, provenance=made)
    if isinstance(network, MobileNetUNet):
        pictures = shown_pictures(source, trainer.phase, trainer.seed)
        fit_reading(network, pictures, half=trainer.half)
        card = _toned(network, about, card, at.tone)
    return network, card


def _toned(network: MobileNetUNet, about: ModelCard, card: ModelCard, tone: float) -> ModelCard:
    """Give the network so much of the gain of chroma that `about` states; the card that says so."""
    gain = tone * float(about.config["chroma_gain"])
    network.config = replace(network.config, chroma_gain=gain)
    descriptor = replace(card.descriptor, looks=network.descriptor.looks)
    return replace(card, config=asdict(network.config), descriptor=descriptor)


def _card(trainer: Trainer, options: TrainOptions, folder: RunFolder, photos: int) -> ModelCard:
    recipe, generator = trainer.recipe, trainer.generator
    config = getattr(generator, "config", None)
    descriptor = generator.descriptor
    if any(phase.hints.chance > 0 for phase in recipe.default_phases):
        descriptor = replace(descriptor, accepts_hints=True)
    if descriptor.is_upscaler and all(
        phase.degrade == NO_DEGRADATION for phase in recipe.default_phases
    ):
        # Of worn pictures the mirror image tells nothing more, and it takes as long again.
        descriptor = replace(descriptor, mirrored=True)
    init = "" if options.init is None else f", begun from {Path(options.init).name}"
    texts: dict[str, Any] = {
        "name": folder.path.resolve().name,
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


def _entry(report: StepReport) -> dict[str, Any]:
    values = asdict(report)
    return {name: round(v, 6) if isinstance(v, float) else v for name, v in values.items()}


def _check_tensorboard(options: TrainOptions) -> None:
    """Refuse to begin a run whose losses could not be written as wished."""
    if options.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise OptionError(
            "--tensorboard: the package is missing; pip install 'filmcolor[tensorboard]'"
        )


def _open_tensorboard(folder: RunFolder, options: TrainOptions) -> Any:
    if not options.tensorboard:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder.path / "tensorboard"))
