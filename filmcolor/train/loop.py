"""The training loop: which crops a step sees, which phase is on, what is reported.

What a step sees depends on the seed and the step alone, so a resumed run gives the same weights as
an unbroken one; with another number of threads, or with batches of a single picture, sums are
rounded differently. The step itself is `Trainer.update`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from filmcolor.errors import JobError
from filmcolor.events import StepReport
from filmcolor.train.crops import CropSettings, CropSource
from filmcolor.train.schedule import Schedule, phase_at
from filmcolor.train.trainer import Trainer
from filmcolor.train.workers import Workers

REPORT_STEPS = 25
"""Steps from one report to the next."""


@dataclass(slots=True)
class _Tally:
    """Sums since the last report; losses stay on the device until they are asked for."""

    losses: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    data_seconds: float = 0.0
    data_steps: int = 0
    """Those in which the wait for crops was measured: on a GPU the first, which is synchronized."""

    def add(self, terms: Mapping[str, Tensor]) -> None:
        for name, value in terms.items():
            self.losses[name] = self.losses.get(name, torch.zeros_like(value)) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self, workers: Workers) -> dict[str, float]:
        own = [float(total) / self.counts[name] for name, total in self.losses.items()]
        means = dict(zip(self.losses, workers.average(*own), strict=True))
        if not all(math.isfinite(value) for value in means.values()):
            raise JobError(
                f"training has run away (losses {means}); start again with a lower rate, or with "
                "--precision fp32"
            )
        return means


def train(
    trainer: Trainer,
    source: CropSource,
    schedule: Schedule,
    *,
    every: int = REPORT_STEPS,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[StepReport]:
    """Move `trainer` on to the end of its schedule, or until `stop()`, reporting every `every`
    steps and at the end of every phase.

    Between two reports the caller may save or evaluate. Raises `JobError` when a loss is no number
    any more.
    """
    at, recipe, workers = trainer.state, trainer.recipe, trainer.workers
    tally = _Tally()
    on_cuda = trainer.device.type == "cuda"
    share, stopped = _agreed(trainer, schedule, stop)
    while share < 1.0 and not stopped:
        place = schedule.place(share)
        number, progress = phase_at(recipe, place)
        if number != at.phase:
            trainer.start_phase(number)
        at.phase_progress, at.added_progress = progress, max(0.0, place - 1.0)
        phase = trainer.phase
        settings = CropSettings.of(phase)
        sampled = on_cuda and tally.steps == 0
        if sampled:
            torch.cuda.synchronize(trainer.device)
        started = time.monotonic()
        rgb = source.batch(
            settings,
            recipe.batch_size,
            trainer.seed,
            at.step,
            rank=workers.rank,
            world=workers.world,
        )
        if sampled:
            torch.cuda.synchronize(trainer.device)
        if sampled or not on_cuda:
            tally.data_seconds += time.monotonic() - started
            tally.data_steps += 1
        tally.add(trainer.update(rgb))
        if at.step % every == 0 and on_cuda:
            torch.cuda.synchronize(trainer.device)
        took = time.monotonic() - started
        at.elapsed_seconds += took
        tally.seconds += took
        tally.steps += 1
        share, stopped = _agreed(trainer, schedule, stop)
        phase_ends = phase_at(recipe, schedule.place(share))[0] != number
        if at.step % every == 0 or phase_ends or share >= 1.0 or stopped:
            progress = schedule.progress(at.step, at.elapsed_seconds)
            yield _report(trainer, tally, len(source), progress)
            tally = _Tally()


def _agreed(trainer: Trainer, schedule: Schedule, stop: Callable[[], bool]) -> tuple[float, bool]:
    """How far the run is and whether it shall stop, the same in every process; it stops where any
    of them is asked to.
    """
    at, workers = trainer.state, trainer.workers
    (share,) = workers.agree(schedule.share(at.step, at.elapsed_seconds))
    (asked,) = workers.average(float(stop()))
    return share, asked > 0


def _report(trainer: Trainer, tally: _Tally, photos: int, progress: float) -> StepReport:
    at, recipe = trainer.state, trainer.recipe
    assert trainer.generator_optimizer is not None
    return StepReport(
        step=at.step,
        epoch=at.step * recipe.batch_size / photos,
        phase=trainer.phase.name,
        progress=progress,
        losses=tally.means(trainer.workers),
        rate=float(trainer.generator_optimizer.param_groups[-1]["lr"]),
        images_per_second=tally.steps * recipe.batch_size / tally.seconds,
        data_share=tally.data_seconds / tally.data_steps * tally.steps / tally.seconds,
    )
