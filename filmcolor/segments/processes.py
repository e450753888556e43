"""Several processes that colour different segments of one film at the same time.

Each takes segments from the same work folder until none is left; a process that dies leaves a stale
lease behind, and its segment is taken again.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from pathlib import Path

import torch

from filmcolor.errors import FilmcolorError, JobError
from filmcolor.events import Progress
from filmcolor.film.context import FilmContext, FilmSettings
from filmcolor.film.plan import FilmPlan, Segment
from filmcolor.film.setup import reopen_film
from filmcolor.film.shot_models import ModelCache
from filmcolor.models.device import one_of_several
from filmcolor.segments.lease import LeaseKey
from filmcolor.segments.lifeline import end_with_parent
from filmcolor.segments.make import make_segments
from filmcolor.segments.workfolder import WorkFolder
from filmcolor.stages.chroma_drift import Drift
from filmcolor.stages.things import PackedThings
from filmcolor.types import Shot

_POLL_SECONDS = 0.2
_ROUNDS = 3
"""How often dead processes are replaced before the run is given up."""


@dataclass(frozen=True, slots=True)
class FilmTask:
    """What a process needs to colour a part of a film, wherever it runs."""

    settings: FilmSettings
    folder: Path
    fingerprint: dict[str, str]
    lease_key: LeaseKey
    """Of the run that is inside of the folder."""
    segment_settings: Mapping[int, str]
    """As `WorkFolder.settings`."""
    shots: tuple[Shot, ...]
    drift: Drift
    things: Mapping[int, PackedThings]

    @classmethod
    def of(cls, context: FilmContext, folder: WorkFolder, film: FilmPlan) -> FilmTask:
        """That of a film whose folder has been prepared."""
        return cls(
            context.settings,
            folder.path,
            folder.fingerprint,
            folder.lease_key,
            folder.settings or {},
            film.shots,
            film.drift,
            film.things,
        )

    def open_folder(self) -> tuple[WorkFolder, FilmPlan]:
        """The folder, which is not entered, and the film's plan; raises `JobError` without one."""
        folder = WorkFolder(self.folder, self.fingerprint, lease_key=self.lease_key)
        folder.settings = self.segment_settings
        film, changed = folder.plan()
        if film is None:
            raise JobError(f"{self.folder}: its plan cannot be used ({', '.join(changed)})")
        return folder, film.revised(self.shots, self.drift, self.things)


@dataclass(frozen=True, slots=True)
class _Report:
    """What a process tells."""

    worker: int
    done: int = 0
    """Frames, in all."""
    stage_seconds: Mapping[str, float] | None = None
    error: FilmcolorError | None = None


def make_with_workers(
    context: FilmContext,
    folder: WorkFolder,
    film: FilmPlan,
    segments: Sequence[Segment],
    count: int,
) -> Generator[Progress, None, None]:
    """Colour and encode every segment that nobody has done, with `count` processes.

    Those that others are at work on are left to them. Raises what a process raised, and `JobError`
    when processes keep dying.
    """
    task = FilmTask.of(context, folder, film)
    threads = max(1, (os.cpu_count() or 1) // count)
    for _ in range(_ROUNDS):
        missing = folder.missing(segments)
        left = len(missing) - len(folder.held(missing))
        if left == 0:
            return
        yield from _round(context, folder, film, task, min(count, left), threads)
    missing = folder.missing(segments)
    if len(missing) > len(folder.held(missing)):
        raise JobError(
            f"{folder.path}: the processes that colour the film keep dying (out of memory?); what "
            "is done is kept, run the same command again with fewer --workers"
        )


def _round(
    context: FilmContext,
    folder: WorkFolder,
    film: FilmPlan,
    task: FilmTask,
    count: int,
    threads: int,
) -> Generator[Progress, None, None]:
    """One process each, until all have ended."""
    spawning = multiprocessing.get_context("spawn")
    reports: Queue[_Report] = spawning.Queue()
    before = sum(entry.frames for entry in folder.entries().values())
    latest: dict[int, _Report] = {}
    workers: list[BaseProcess] = [
        spawning.Process(target=_work, args=(number, task, threads, reports), daemon=True)
        for number in range(count)
    ]
    try:
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            _listen(reports, latest)
            done = before + sum(report.done for report in latest.values())
            yield Progress(min(done, film.frames), film.frames, _sums(context, latest))
        _listen(reports, latest)
    finally:
        for worker in workers:
            if worker.pid is not None:
                worker.terminate()
                worker.join()
        reports.close()
    for name, seconds in _sums(None, latest).items():
        context.timer.add(name, seconds)


def _listen(reports: Queue[_Report], latest: dict[int, _Report]) -> None:
    """Take the reports that have come; raises the error that a process ended with."""
    until = time.monotonic() + _POLL_SECONDS
    with suppress(queue.Empty):
        while True:
            report = reports.get(timeout=max(0.01, until - time.monotonic()))
            if report.error is not None:
                raise report.error
            latest[report.worker] = report


def _sums(context: FilmContext | None, latest: Mapping[int, _Report]) -> dict[str, float]:
    sums = dict(context.timer.seconds()) if context is not None else {}
    for report in latest.values():
        for name, seconds in (report.stage_seconds or {}).items():
            sums[name] = sums.get(name, 0.0) + seconds
    return sums


def _work(number: int, task: FilmTask, threads: int, reports: Queue[_Report]) -> None:
    """What a process does: segments, until none is left, or the process that began it has gone."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first process decides
    torch.set_num_threads(1)
    try:
        folder, film = task.open_folder()
        device = str(one_of_several(torch.device(task.settings.device), number))
        settings = replace(task.settings, device=device)
        with reopen_film(settings, ModelCache(), threads) as context:
            for done in make_segments(context, folder, film, film.segments()):
                reports.put(_Report(number, done, context.timer.seconds()))
    except FilmcolorError as error:
        reports.put(_Report(number, error=error))
