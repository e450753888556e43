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
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from pathlib import Path

import torch

from filmcolor.errors import FilmcolorError, JobError
from filmcolor.events import Progress
from filmcolor.files_read import FilesRead
from filmcolor.film.chain import FilmContext, StageClock
from filmcolor.film.plan import FilmPlan, Segment
from filmcolor.film.shot_models import ModelShelf
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.options import ColorOptions, RunOptions
from filmcolor.segments.lease import Claim
from filmcolor.segments.lifeline import end_with_parent
from filmcolor.segments.make import make_segments
from filmcolor.segments.workfolder import WorkFolder
from filmcolor.stages.chroma_drift import Drift
from filmcolor.stages.infer import KnownSource, View
from filmcolor.stages.upscale import load_enlarger
from filmcolor.types import Shot

_POLL_SECONDS = 0.2
_ROUNDS = 3
"""How often dead processes are replaced before the run is given up."""


@dataclass(frozen=True, slots=True)
class FilmTask:
    """What a process is told of a film that it is to colour a part of, wherever it runs."""

    source: str
    folder: Path
    fingerprint: dict[str, str]
    claim: Claim
    """Of the run that is inside of the folder."""
    output: OutputPlan
    view: View
    options: RunOptions
    device: str
    settings: Mapping[int, str]
    """As `WorkFolder.settings`."""
    known: KnownSource | None
    own: Mapping[int, ColorOptions]
    """As `FilmContext.own`."""
    shots: tuple[Shot, ...]
    drift: Drift
    files: FilesRead
    """As `FilmContext.files`; what a process reads must be the same."""

    @classmethod
    def of(cls, job: FilmContext, folder: WorkFolder, film: FilmPlan) -> FilmTask:
        """That of a film whose folder has been prepared."""
        return cls(
            source=job.reader.info.path,
            folder=folder.path,
            fingerprint=folder.fingerprint,
            claim=folder.claim,
            output=job.output,
            view=job.view,
            options=job.options,
            device=str(job.model.device),
            settings=folder.settings or {},
            known=job.known,
            own=job.own,
            shots=film.shots,
            drift=film.drift,
            files=job.files,
        )

    def open_folder(self) -> tuple[WorkFolder, FilmPlan]:
        """The folder, which is not entered, and the film's plan; raises `JobError` without one."""
        folder = WorkFolder(self.folder, self.fingerprint, claim=self.claim)
        folder.settings = self.settings
        film, changed = folder.plan()
        if film is None:
            raise JobError(f"{self.folder}: its plan cannot be used ({', '.join(changed)})")
        return folder, film.revised(self.shots, self.drift)

    def job(self, reader: FilmReader, film: FilmPlan, shelf: ModelShelf, lanes: int) -> FilmContext:
        """What the stages need to know, with a model of the shelf; `reader` has the source open.
        `lanes` as of `FilmContext`; torch is to compute in one thread.
        """
        model = shelf.of_film(self.options.color, torch.device(self.device))
        enlarger = load_enlarger(reader.info, self.options, self.device)
        self.files.add(model.facts)
        self.files.add(None if enlarger is None else enlarger.facts)
        return FilmContext(
            reader,
            self.output,
            model,
            self.view,
            film.stride,
            self.options,
            StageClock(),
            self.known,
            self.own,
            shelf,
            lanes,
            enlarger,
            self.files,
            self.fingerprint["the film"],
        )


@dataclass(frozen=True, slots=True)
class _Report:
    """What a process tells."""

    worker: int
    done: int = 0
    """Frames, in all."""
    stage_seconds: Mapping[str, float] | None = None
    error: FilmcolorError | None = None


def make_with_workers(
    job: FilmContext, folder: WorkFolder, film: FilmPlan, segments: Sequence[Segment], count: int
) -> Generator[Progress, None, None]:
    """Colour and encode every segment that nobody has done, with `count` processes.

    Those that others are at work on are left to them. Raises what a process raised, and `JobError`
    when processes keep dying.
    """
    task = FilmTask.of(job, folder, film)
    threads = max(1, (os.cpu_count() or 1) // count)
    for _ in range(_ROUNDS):
        missing = folder.missing(segments)
        left = len(missing) - len(folder.held(missing))
        if left == 0:
            return
        yield from _round(job, folder, film, task, min(count, left), threads)
    missing = folder.missing(segments)
    if len(missing) > len(folder.held(missing)):
        raise JobError(
            f"{folder.path}: the processes that colour the film keep dying (out of memory?); what "
            "is done is kept, run the same command again with fewer --workers"
        )


def _round(
    job: FilmContext, folder: WorkFolder, film: FilmPlan, task: FilmTask, count: int, threads: int
) -> Generator[Progress, None, None]:
    """One process each, until all have ended."""
    context = multiprocessing.get_context("spawn")
    told: Queue[_Report] = context.Queue()
    before = sum(entry.frames for entry in folder.entries().values())
    latest: dict[int, _Report] = {}
    workers: list[BaseProcess] = [
        context.Process(target=_work, args=(number, task, threads, told), daemon=True)
        for number in range(count)
    ]
    try:
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            _listen(told, latest)
            done = before + sum(report.done for report in latest.values())
            yield Progress(min(done, film.frames), film.frames, _sums(job, latest))
        _listen(told, latest)
    finally:
        for worker in workers:
            if worker.pid is not None:
                worker.terminate()
                worker.join()
        told.close()
    for name, seconds in _sums(None, latest).items():
        job.clock.add(name, seconds)


def _listen(told: Queue[_Report], latest: dict[int, _Report]) -> None:
    """Take what has been told; raises the error that a process ended with."""
    until = time.monotonic() + _POLL_SECONDS
    with suppress(queue.Empty):
        while True:
            report = told.get(timeout=max(0.01, until - time.monotonic()))
            if report.error is not None:
                raise report.error
            latest[report.worker] = report


def _sums(job: FilmContext | None, latest: Mapping[int, _Report]) -> dict[str, float]:
    sums = dict(job.clock.seconds()) if job is not None else {}
    for report in latest.values():
        for name, seconds in (report.stage_seconds or {}).items():
            sums[name] = sums.get(name, 0.0) + seconds
    return sums


def _work(number: int, task: FilmTask, threads: int, told: Queue[_Report]) -> None:
    """What a process does: segments, until none is left, or the process that began it has gone."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first process decides
    torch.set_num_threads(1)
    try:
        folder, film = task.open_folder()
        with FilmReader(task.source, task.options.on_error) as reader:
            job = task.job(reader, film, ModelShelf(), threads)
            for done in make_segments(job, folder, film, film.segments()):
                told.put(_Report(number, done, job.clock.seconds()))
    except FilmcolorError as error:
        told.put(_Report(number, error=error))
