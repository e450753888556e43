"""One training run from data to checkpoint: builds everything, drives the loop, keeps the folder.

Yields what happens as events; only the command line prints.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from filmcolor.errors import OptionError
from filmcolor.evaluate.report import spread_indices
from filmcolor.events import Event, StepReport, TrainFinished, TrainStarted
from filmcolor.models.card import ModelCard
from filmcolor.models.device import resolve_device
from filmcolor.options import TrainOptions
from filmcolor.throttle import Throttle
from filmcolor.train.build import build_trainer, resolve_recipe, teacher_of
from filmcolor.train.card import first_card
from filmcolor.train.crops import CropSettings, CropSource, large_enough
from filmcolor.train.data import PhotoSet, repeat_palest
from filmcolor.train.evaluate_run import evaluate_run, save_checkpoint
from filmcolor.train.loop import REPORT_STEPS, train
from filmcolor.train.recipes import Recipe
from filmcolor.train.run_data import DataRecord, absolute_paths, load_run_data
from filmcolor.train.run_folder import RunFolder
from filmcolor.train.schedule import Schedule, evaluations_due, phase_at
from filmcolor.train.state import read_state, restore_state, save_state
from filmcolor.train.trainer import Trainer, TrainState
from filmcolor.train.workers import join_workers
from filmcolor.typed import from_mapping, to_mapping

_SAVE_SECONDS = 300.0


def train_run(
    sources: Sequence[str],
    output: str,
    options: TrainOptions,
    *,
    command: Sequence[str] = (),
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Begin a run in folder `output` on pictures from `sources`, and train to its end.

    Raises the errors of `load_photos`, `OptionError` for what does not fit together, and
    `CheckpointError` for weights that cannot be the start.
    """
    _check_tensorboard(options)
    recipe = resolve_recipe(options)
    options = replace(options, teacher=teacher_of(options))
    folder = RunFolder(Path(output))
    with join_workers(resolve_device(options.device)) as (workers, device):
        if workers.rank == 0:
            folder.check_free()
        found = load_run_data(sources, options, recipe, folder.path, workers)
        data = _Data.of(found.photos, found.val, options, recipe, device)
        trainer = build_trainer(recipe, options, found.photos, workers, device)
        card = first_card(trainer, options, folder.path, len(data))
        schedule = _schedule(options, recipe, len(data))
        config = {
            "data": [os.path.abspath(source) for source in sources],
            "options": to_mapping(absolute_paths(options)),
            "recipe": to_mapping(recipe),
            "pictures": to_mapping(found.record),
        }
        if workers.rank == 0:
            folder.create(config, command)
            save_state(trainer, card, schedule, folder.state)
        yield from _drive(trainer, folder, card, schedule, data, options, stop)


def resume_run(
    output: str,
    *,
    recipe_name: str | None = None,
    length: TrainOptions | None = None,
    device_name: str | None = None,
    data_changed: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Go on with the run in folder `output`, exactly where its last state was saved.

    `length` gives it another length (see `Schedule`), from now on, `recipe_name` is what the caller
    thinks it is, `data_changed` lets it go on with other pictures than it began with. A finished
    run is left as it is. Raises like `train_run`.
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
    saved = read_state(folder.state) if folder.state.exists() else None
    record = None
    if "pictures" in config:
        record = from_mapping(DataRecord, config["pictures"], f"{where}: pictures")
    with join_workers(resolve_device(options.device)) as (workers, device):
        if saved is not None and length is None and _is_over(saved.schedule, saved.state):
            if workers.rank == 0:
                yield _finished(folder, saved.state, was_finished=True)
            return
        found = load_run_data(
            config.get("data", []),
            options,
            recipe,
            folder.path,
            workers,
            resumed=True,
            record=record,
            data_changed=data_changed,
        )
        if record is not None and record != found.record and workers.rank == 0:
            folder.write_config({**config, "pictures": to_mapping(found.record)})
        data = _Data.of(found.photos, found.val, options, recipe, device)
        trainer = build_trainer(recipe, options, found.photos, workers, device, saved)
        if saved is None:  # nothing was saved yet: it begins again
            card = first_card(trainer, options, folder.path, len(data))
            schedule = _schedule(options, recipe, len(data))
        else:
            restore_state(trainer, saved)
            card, schedule = saved.card, saved.schedule
            if length is not None:
                schedule = _changed(schedule, trainer.state, options, recipe, len(data))
        if workers.rank == 0:
            folder.forget_after(trainer.state.step)
            folder.finish_creating(config)
            if saved is None or schedule != saved.schedule:
                save_state(trainer, card, schedule, folder.state)
        yield from _drive(trainer, folder, card, schedule, data, options, stop)


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """What a run is trained and evaluated on."""

    photos: PhotoSet
    source: CropSource
    small: tuple[str, ...]
    """The photos that are left out, since they are smaller than the crops."""
    val: PhotoSet

    def __len__(self) -> int:
        """Photos that are trained on."""
        return len(self.photos) - len(self.small)

    @classmethod
    def of(
        cls,
        photos: PhotoSet,
        val: PhotoSet,
        options: TrainOptions,
        recipe: Recipe,
        device: torch.device,
    ) -> _Data:
        """`OptionError` if there is a phase for whose crops all photos are too small."""
        source = CropSource(repeat_palest(photos, recipe.pale_share), device)
        each = [CropSettings.of(phase) for phase in recipe.default_phases]
        fits = np.all([large_enough(source.sizes, settings) for settings in each], axis=0)
        small = tuple(path for path, fit in zip(photos.paths, fits, strict=False) if not fit)
        measured = val.take(spread_indices(len(val), options.val_pictures))
        measured = replace(measured, unreadable=val.unreadable, grey=val.grey)
        return cls(photos, source, small, measured)


def _schedule(options: TrainOptions, recipe: Recipe, photos: int) -> Schedule:
    if options.steps is not None:
        return Schedule(steps=options.steps)
    if options.minutes is not None:
        return Schedule(seconds=60 * options.minutes)
    epochs = recipe.epochs if options.epochs is None else options.epochs
    return Schedule(steps=max(1, round(epochs * photos / recipe.batch_size)))


def _changed(
    schedule: Schedule, at: TrainState, options: TrainOptions, recipe: Recipe, photos: int
) -> Schedule:
    """The schedule with the length that the options give; its evaluations are counted anew."""
    length = _schedule(options, recipe, photos)
    changed = schedule.changed(length, at.step, at.elapsed_seconds)
    if changed is schedule:
        return schedule
    if _is_over(changed, at):
        raise OptionError(
            f"--{_length_text(options)}: the run has trained {at.step} steps in "
            f"{at.elapsed_seconds / 60:.3g} minutes already; give more, the length is the whole "
            "run's"
        )
    at.evaluations = 0
    return changed


def _length_text(options: TrainOptions) -> str:
    lengths = {"steps": options.steps, "epochs": options.epochs, "minutes": options.minutes}
    return ", ".join(f"{name} {value}" for name, value in lengths.items() if value is not None)


def _of_both(trained: Sequence[str], held_out: Sequence[str]) -> tuple[str, ...]:
    """What was left out of the pictures trained on and of those of `--val`, each once."""
    return tuple(dict.fromkeys([*trained, *held_out]))


def _is_over(schedule: Schedule, at: TrainState) -> bool:
    return schedule.share(at.step, at.elapsed_seconds) >= 1.0


def _finished(folder: RunFolder, at: TrainState, *, was_finished: bool = False) -> TrainFinished:
    return TrainFinished(folder.path, at.step, at.elapsed_seconds, False, was_finished)


def _drive(
    trainer: Trainer,
    folder: RunFolder,
    card: ModelCard,
    schedule: Schedule,
    data: _Data,
    options: TrainOptions,
    stop: Callable[[], bool],
) -> Iterator[Event]:
    """Train, save and evaluate; the first of several processes writes and reports."""
    at, recipe, leads = trainer.state, trainer.recipe, trainer.workers.rank == 0
    if _is_over(schedule, at):
        if leads:
            yield _finished(folder, at, was_finished=True)
        return
    if leads:
        yield TrainStarted(
            folder=folder.path,
            recipe=recipe.name,
            architecture=recipe.architecture,
            parameters=sum(p.numel() for p in trainer.generator.parameters()),
            photos=len(data),
            val_photos=len(data.val),
            unreadable=_of_both(data.photos.unreadable, data.val.unreadable),
            grey=_of_both(data.photos.grey, data.val.grey),
            small=data.small,
            device=str(trainer.device),
            steps=schedule.steps,
            seconds=schedule.seconds,
            step=at.step,
            is_upscaler=trainer.generator.descriptor.is_upscaler,
        )
    log = _open_tensorboard(folder, options) if leads else None
    is_save_due, saved_step = Throttle(_SAVE_SECONDS), at.step
    for report in train(trainer, data.source, schedule, stop=stop):
        if not leads:
            continue
        folder.append(_entry(report))
        if log is not None:
            for name, value in report.losses.items():
                log.add_scalar(f"loss/{name}", value, report.step)
        yield report
        share = schedule.share(at.step, at.elapsed_seconds)
        has_ended = share >= 1.0 or phase_at(recipe, schedule.place(share))[0] != at.phase
        due = evaluations_due(share, options.evaluations)
        # Where it is stopped in between, an unbroken run would not be evaluated.
        if has_ended or (due > at.evaluations and at.step % REPORT_STEPS == 0):
            at.evaluations = due
            event = evaluate_run(trainer, folder, card, data.source, data.val)
            if log is not None:
                log.add_scalar("val/psnr_gain", event.report.psnr_gain, event.step)
            yield event
            save_state(trainer, card, schedule, folder.state)
            is_save_due.restart()
            saved_step = at.step
        elif is_save_due():
            save_state(trainer, card, schedule, folder.state)
            save_checkpoint(trainer, card, data.source, folder.last)
            saved_step = at.step
    if leads and at.step > saved_step:  # stopped, maybe by a word that only another process got
        save_state(trainer, card, schedule, folder.state)
        save_checkpoint(trainer, card, data.source, folder.last)
    if log is not None:
        log.close()
    if leads:
        yield replace(_finished(folder, at), stopped=not _is_over(schedule, at))


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
