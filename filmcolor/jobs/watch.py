"""Colours what arrives in a folder, one film or picture after another, until it is stopped.

What one takes is the business of `jobs.batch`. Nothing is noted anywhere: what is done is known by
the results and their sidecars, what was begun by its work folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Literal

from filmcolor.errors import FilmcolorError, MediaError, OptionError
from filmcolor.events import Event, FilmDone, Notice, Watching
from filmcolor.jobs.arrivals import Arrivals, FileState, is_written_to
from filmcolor.jobs.batch import BatchItem, check_work, claim_place, color_item
from filmcolor.jobs.sidecar import is_result_of
from filmcolor.media.folders import kind_of
from filmcolor.models.device import resolve_device
from filmcolor.models.registry import find_checkpoint
from filmcolor.options import RunOptions, WatchOptions

ItemOf = Callable[[Path, Literal["film", "pictures"]], BatchItem]
"""Where the result of a file goes."""


def watch_folder(
    folder: str,
    target: str,
    item_of: ItemOf,
    options: WatchOptions,
    *,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> Generator[Event, None, None]:
    """Colour every file that comes into `folder` once it is whole; results have a sidecar.

    Yields a `Watching`, the events of each film and picture (its notices with its name) and a
    `FilmDone` after it; none for one whose result is there. A file that failed is tried again when
    it changes. Raises `FilmcolorError` for what would stop every one of them: the folder, model,
    device.
    """
    every = float(options.every_seconds)
    resolve_device(options.run.color.device)
    find_checkpoint(options.run.color.model)
    arrivals = Arrivals(Path(folder), every, clock)
    arrivals.look()
    yield Watching(folder, target)
    queue = _Queue(Path(folder), item_of, replace(options.run, sidecar=not options.run.no_color))
    is_gone = False
    while True:
        for path, state in arrivals.whole():
            if not queue.is_ended(path, state) and FileState.of(path) == state:
                yield from queue.color(path, state)
        try:
            arrivals.look()
        except MediaError as error:
            if not is_gone:
                yield Notice(f"{error}; it is looked for again and again", warning=True)
            is_gone = True
        else:
            is_gone = False
            if options.once and all(queue.is_ended(*each) for each in arrivals.seen()):
                return
        wait(every)


class _Queue:
    """How the files ended that were coloured so far, each in the state that it had."""

    def __init__(self, folder: Path, item_of: ItemOf, options: RunOptions) -> None:
        self._folder, self._item_of, self._options = folder, item_of, options
        self._ended: dict[Path, FileState] = {}
        self._owners: dict[str, str] = {}

    def is_ended(self, path: Path, state: FileState) -> bool:
        """Whether nothing is left to be done for a file."""
        return self._ended.get(path) == state

    def color(self, path: Path, state: FileState) -> Generator[Event, None, None]:
        """The events of a file that is whole; none while somebody writes to it."""
        if is_written_to(path):
            return
        self._ended[path] = state
        kind = kind_of(path)
        if kind == "":
            yield FilmDone(str(path), "", "skipped", "is neither film nor picture")
            return
        item = self._item_of(path, kind)
        try:
            if Path(item.target).resolve().is_relative_to(self._folder.resolve()):
                raise OptionError(f"{item.target}: a link leads into the folder that is watched")
            claim_place(item, self._owners)
            check_work([item], self._options)
            if Path(item.target).exists():
                if _is_done(item, self._options):
                    return
                if not self._options.overwrite:
                    yield FilmDone(str(path), item.target, "skipped", _another(item))
                    return
        except (FilmcolorError, OSError) as error:
            yield FilmDone(str(path), item.target, "failed", str(error))
            return
        with closing(color_item(item, self._options)) as events:
            for event in events:
                if isinstance(event, Notice) and item.source not in event.text:
                    event = replace(event, text=f"{item.source}: {event.text}")
                yield event


def _is_done(item: BatchItem, options: RunOptions) -> bool:
    """Whether the result that is there is that of an item, as far as can be told: a picture's, or
    an enlarged film's, has no sidecar and is one if it is newer than its source.
    """
    if item.kind == "film" and options.sidecar:
        return is_result_of(item.source, item.target, options)
    source = Path(item.source).stat()
    return max(source.st_mtime, source.st_ctime) <= Path(item.target).stat().st_mtime


def _another(item: BatchItem) -> str:
    made = "made from this file with these settings"
    if item.kind == "pictures":
        made = "made from this file, for it is older"
    return f"{item.target} is there, and not {made}; remove it, or give --overwrite"
