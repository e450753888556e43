"""Renders the film in a process of its own: the same job as `filmcolor run`, which goes on where it
stopped and makes anew only what was touched.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Literal

from filmcolor.errors import FilmcolorError, OptionError
from filmcolor.events import Analyzing, Counted, Finished, Joining, Notice, Progress
from filmcolor.jobs.film import color_film
from filmcolor.options import RunOptions
from filmcolor.segments.lifeline import end_with_parent

_NICENESS = 5
_POLL_SECONDS = 0.5

Status = Literal["idle", "running", "done", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Rendering:
    """How far it is."""

    status: Status = "idle"
    what: str = ""
    """What is done now, or what came of it, for people."""
    done: int = 0
    total: int | None = None


class Renderer:
    """Renders one film, one run at a time. For several threads."""

    def __init__(
        self, source: str, target: str, options: RunOptions, tell: Callable[[], None]
    ) -> None:
        """`options` name the plan; `tell` is called when something has changed."""
        self.target = target
        self._job = source, target, replace(options, keep_work=True, overwrite=True)
        self._tell = tell
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._now = Rendering()

    @property
    def now(self) -> Rendering:
        """How far it is."""
        return self._now

    @property
    def would_replace(self) -> bool:
        """Whether there is something of the target's name already."""
        return Path(self.target).exists()

    def start(self, *, replace: bool) -> None:
        """Begin; raises `OptionError` while it runs, and for a target that is there already unless
        it is to be replaced.
        """
        with self._lock:
            if self._now.status == "running":
                raise OptionError("the film is being rendered already")
            if self.would_replace and not replace:
                raise OptionError(f"{self.target}: is there already; say that it is to be replaced")
            spawning = multiprocessing.get_context("spawn")
            told: Queue[Rendering] = spawning.Queue()
            process = spawning.Process(target=_render, args=(*self._job, told), daemon=True)
            process.start()
            self._process = process
            self._now = Rendering("running", "starting")
        threading.Thread(
            target=self._watch, args=(process, told), name="filmcolor-render", daemon=True
        ).start()
        self._tell()

    def stop(self) -> None:
        """End it; what is done is kept for the next time."""
        with self._lock:
            if self._process is not None and self._process.is_alive():
                self._now = replace(self._now, status="stopped")
                self._process.terminate()
                self._process.join()

    def _watch(self, process: BaseProcess, told: Queue[Rendering]) -> None:
        is_over = False
        while not is_over:
            is_over = not process.is_alive()
            with contextlib.suppress(queue.Empty):
                while True:
                    self._take(told.get(timeout=0 if is_over else _POLL_SECONDS))
        if self._now.status == "stopped":
            self._take(replace(self._now, what="stopped; what is done is kept"))
        elif self._now.status == "running":
            self._take(replace(self._now, status="failed", what="it ended early; try again"))

    def _take(self, now: Rendering) -> None:
        if self._now.status == "stopped":
            now = replace(now, status="stopped")
        self._now = now
        self._tell()


def _render(source: str, target: str, options: RunOptions, told: Queue[Rendering]) -> None:
    """The work of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the page's process ends it
    end_with_parent()
    with contextlib.suppress(OSError, AttributeError):
        os.nice(_NICENESS)
    now = Rendering("running", "starting")
    try:
        for event in color_film(source, target, options):
            if isinstance(event, Counted):
                words = {Analyzing: "finding shots", Progress: "colouring", Joining: "joining"}
                what = words.get(type(event), "at work")
                now = Rendering("running", what, event.done, event.total)
            elif isinstance(event, Notice) and event.warning:
                now = replace(now, what=event.text)
            elif isinstance(event, Finished):
                now = Rendering("done", f"{Path(target).name} is written", event.done, event.done)
            else:
                continue
            told.put(now)
    except FilmcolorError as error:
        told.put(replace(now, status="failed", what=str(error)))
