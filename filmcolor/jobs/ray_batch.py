"""Colours films on a Ray cluster: their segments are calls to a pool of actors.

The work folders, which all machines see, say what is done. Needs `pip install 'filmcolor[ray]'` on
every machine.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

from filmcolor.errors import FilmcolorError
from filmcolor.events import Event, FilmDone, Finished, Progress, Started
from filmcolor.film.plan import Segment
from filmcolor.jobs.batch import BatchItem, all_finished, check_items, check_work, color_item
from filmcolor.jobs.film import work_folder
from filmcolor.jobs.ray_actors import ActorPool
from filmcolor.media.partfile import make_folder
from filmcolor.models.registry import find_checkpoint
from filmcolor.options import RunOptions
from filmcolor.options.facts import named_files
from filmcolor.segments.run import make_all
from filmcolor.segments.workfolder import WorkFolder

T = TypeVar("T")

_POLL_SECONDS = 0.2
_OPEN_FILMS = 2
"""For each actor: films that are analysed, coloured or joined at a time."""


def color_batch_on_ray(
    items: Sequence[BatchItem], options: RunOptions, address: str
) -> Generator[Event, None, None]:
    """As `batch.color_batch`, on a cluster: many films at a time, their events mixed."""
    started = time.monotonic()
    check_items(items, overwrite=options.overwrite)
    check_work(items, options)
    find_checkpoint(options.color.model)
    for item in items:
        if item.kind == "film":
            make_folder(Path(item.target).parent)
    options = _with_whole_names(replace(options, color=_with_whole_names(options.color)))
    items = [_absolute(item) for item in items]
    films = [item for item in items if item.kind == "film"]
    seen = [item.source for item in films[:1]]
    outbox: queue.Queue[Event] = queue.Queue()
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        for place in sorted({str(Path(item.target).parent) for item in films}):
            mark = stack.enter_context(NamedTemporaryFile(prefix=".filmcolor-", dir=place))
            seen.append(mark.name)
        with ActorPool(address, options, seen, outbox.put) as pool:
            name, place = options.color.model, f"Ray ({address})"
            count = f"{len(films)} film" + ("" if len(films) == 1 else "s")
            workers = f"{pool.count} worker" + ("" if pool.count == 1 else "s")
            yield Started(count, workers, name, place, "parts of several at a time", None)
            progress = _Progress()
            waiting: queue.Queue[BatchItem] = queue.Queue()
            for item in films:
                waiting.put(item)
            threads = [
                threading.Thread(
                    target=_serve_films,
                    args=(waiting, options, pool, progress, outbox),
                    daemon=True,
                )
                for _ in range(min(len(films), _OPEN_FILMS * pool.count))
            ]
            for thread in threads:
                thread.start()
            ends = 0
            while ends < len(films):
                pool.check()
                try:
                    event = outbox.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    yield Progress(progress.done, progress.total or None, {})
                    continue
                if isinstance(event, FilmDone):
                    ends += 1
                    counts[event.status] += 1
                yield event
    for item in items:
        if item.kind == "pictures":
            for event in color_item(item, options):
                if isinstance(event, FilmDone):
                    counts[event.status] += 1
                yield event
    yield all_finished(counts, time.monotonic() - started)


class _Progress:
    """Frames of all films that are done, of those that are known."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.done, self.total = 0, 0

    def add(self, *, done: int = 0, total: int = 0) -> None:
        with self._lock:
            self.done += done
            self.total += total


def _serve_films(
    waiting: queue.Queue[BatchItem],
    options: RunOptions,
    pool: ActorPool,
    progress: _Progress,
    outbox: queue.Queue[Event],
) -> None:
    """Films, one after another, until none is left."""
    while True:
        try:
            item = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            for event in color_item(item, options, partial(_color_film, pool, progress)):
                if not isinstance(event, Finished):
                    outbox.put(event)
        except FilmcolorError as error:  # a model that this machine has, and another has not
            outbox.put(FilmDone(item.source, item.target, "failed", str(error)))


def _color_film(
    pool: ActorPool, progress: _Progress, source: str, target: str, options: RunOptions
) -> Generator[Event, None, None]:
    """As `pipeline.color_film`, by a pool's actors; only this process is inside the folder."""
    started = time.monotonic()
    with WorkFolder(work_folder(target, options), {}) as folder:
        lease_key = folder.lease_key
        notices, task = pool.call("prepare", source, target, options, lease_key).result()
        yield from notices
        folder.fingerprint, folder.settings = dict(task.fingerprint), task.segment_settings
        film = task.open_folder()[1]
        before = sum(entry.frames for entry in folder.entries().values())
        progress.add(done=before, total=film.frames)
        runner = partial(_make, pool, progress, folder, pool.share(task))
        yield from make_all(folder, film, runner)
        frames = pool.call("join", task).result()
    yield Finished(target, frames, time.monotonic() - started, {})


def _make(
    pool: ActorPool, progress: _Progress, folder: WorkFolder, task: Any, missing: Sequence[Segment]
) -> Generator[Event, None, int]:
    """Have segments made, in any order; returns the number of frames."""
    calls = [pool.call("make", task, segment.number) for segment in missing]
    made = 0
    for call in calls:
        frames = call.result()
        progress.add(done=frames)
        made += frames
    yield from ()
    return made


def _with_whole_names(options: T) -> T:
    """The same with files named from the root, as they are on every machine."""
    named = {name: os.path.abspath(file) for name, _, file in named_files(options)}
    return replace(options, **named)  # type: ignore[type-var]


def _absolute(item: BatchItem) -> BatchItem:
    """The same with names that mean the same on every machine."""
    work = None if item.work is None else os.path.abspath(item.work)
    source, target = os.path.abspath(item.source), os.path.abspath(item.target)
    return replace(item, source=source, target=target, work=work)
