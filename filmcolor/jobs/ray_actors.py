"""Actors on a Ray cluster that analyse films, colour segments and join them, one for each
graphics card or for a few processor cores.

Where actors run, and which have died, is Ray's business. It must not know how a film is divided.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from filmcolor.errors import FilmcolorError, JobError, OptionError
from filmcolor.events import Notice
from filmcolor.film.chain import PlannedFrames
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.film.setup import reopen_film
from filmcolor.film.shot_models import ModelCache
from filmcolor.jobs.film import end_film, prepare_film
from filmcolor.options import RunOptions
from filmcolor.segments.lease import LeaseKey
from filmcolor.segments.make import make_segments
from filmcolor.segments.processes import FilmTask

_FEW_CORES = 4
"""Of a machine without graphics cards, for each actor."""
_MOST_DEATHS = 3
"""Of actors at the same piece of work, before its film is given up."""
_CONNECT_SECONDS = 5.0
_POLL_SECONDS = 0.2
_CLOSING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _OpenFilm:
    """A film that an actor has open, as far as its last segment."""

    key: tuple[str, dict[str, str]]
    """Its work folder, and what the work depends on."""
    context: FilmContext
    frames: PlannedFrames


class FilmActor:
    """What an actor does; everything it needs of a film it reads from the folder that all share.

    Its methods return an error of filmcolor's instead of raising it, so that it arrives as it is.
    """

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(1)
        self._threads = threads
        self._models = ModelCache()
        self._open: _OpenFilm | None = None

    def begin(self, seen: Sequence[str]) -> tuple[str, list[str]]:
        """Name of this machine, and those of the files that it does not see."""
        return socket.gethostname(), [path for path in seen if not os.path.exists(path)]

    def prepare(
        self, source: str, target: str, options: RunOptions, lease_key: LeaseKey
    ) -> tuple[list[Notice], FilmTask] | FilmcolorError:
        """Analyse a film; its notices, and what its segments are made from."""
        self._let_go()
        notices: list[Notice] = []
        steps = prepare_film(source, target, options, self._models, lease_key)
        try:
            while True:
                event = next(steps)
                if isinstance(event, Notice):
                    notices.append(Notice(f"{source}: {event.text}", event.warning))
        except StopIteration as end:
            return notices, end.value
        except FilmcolorError as error:
            return error

    def make(self, task: FilmTask, number: int) -> int | FilmcolorError:
        """Colour one segment; the number of frames, 0 if somebody else is at it.

        The film stays open for the segments after it: where seeking cannot be trusted, it would be
        decoded from its beginning for each.
        """
        try:
            folder, film = task.open_folder()
            opened = self._opened(task, film)
            segments = [film.segments()[number]]
            *_, frames = make_segments(opened.context, folder, film, segments, opened.frames)
            return frames
        except FilmcolorError as error:
            self._let_go()
            return error
        except BaseException:
            self._let_go()
            raise

    def _opened(self, task: FilmTask, film: FilmPlan) -> _OpenFilm:
        """The film of a task, open already if the task before was of it."""
        key = str(task.folder), dict(task.fingerprint)
        if self._open is None or self._open.key != key:
            self._let_go()
            context = reopen_film(task.settings, self._models, self._threads)
            self._open = _OpenFilm(key, context, PlannedFrames(context, film))
        return self._open

    def _let_go(self) -> None:
        if self._open is not None:
            self._open.frames.close()
            self._open.context.reader.close()
            self._open = None

    def join(self, task: FilmTask) -> int | FilmcolorError:
        """Put a film together whose segments are all done; the number of frames."""
        self._let_go()
        try:
            folder, film = task.open_folder()
            with reopen_film(task.settings, self._models, self._threads) as context:
                for _ in end_film(folder, context, film):
                    pass
            return film.frames
        except FilmcolorError as error:
            return error


@dataclass(slots=True)
class _Call:
    """A piece of work for whichever actor is free."""

    method: str
    arguments: tuple[Any, ...]
    answer: Future[Any] = field(default_factory=Future)
    deaths: int = 0


class ActorPool:
    """A cluster's actors, each given one call at a time; a context manager.

    A call whose actor has died goes to another; Ray puts a new actor wherever there is room, now or
    when a machine comes back. Raises `OptionError` or `JobError` for a cluster that cannot be used.
    """

    def __init__(
        self,
        address: str,
        options: RunOptions,
        seen: Sequence[str],
        tell: Callable[[Notice], None],
    ) -> None:
        """`seen` are files that every machine must see; `tell` is called when an actor has died."""
        self._tell = tell
        self._ray = _connect(address)
        self._seen = list(seen)
        self._calls: queue.Queue[_Call | None] = queue.Queue()
        self._lock = threading.Lock()
        self._failure: FilmcolorError | None = None
        self._closed = False
        cards, cores, count = sizes(self._ray.nodes(), options)
        self.count = count
        remote = self._ray.remote(FilmActor)
        self._new = partial(
            remote.options(
                num_cpus=cores, num_gpus=cards, scheduling_strategy="SPREAD", max_restarts=0
            ).remote,
            max(1, int(cores)),
        )
        self._threads = [
            threading.Thread(target=self._serve, name="filmcolor-ray", daemon=True)
            for _ in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> ActorPool:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the cluster when no thread is inside of Ray, which would not survive it."""
        with self._lock:
            self._closed = True
        for _thread in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join(_CLOSING_SECONDS)
        self._ray.shutdown()

    def call(self, method: str, *arguments: Any) -> Future[Any]:
        """Have it done; its result, or its error, is known in the future."""
        call = _Call(method, arguments)
        self._calls.put(call)
        return call.answer

    def share(self, value: object) -> Any:
        """A value that many calls take, sent to each machine once."""
        with self._lock:
            if self._closed:
                raise JobError("--ray: the cluster has been let go of")
            return self._ray.put(value)

    def check(self) -> None:
        """Raise what makes the whole cluster unusable, if something does."""
        if self._failure is not None:
            raise self._failure

    def _serve(self) -> None:
        """One actor after another, as they die; each takes calls as long as it lives."""
        while not self._closed:
            try:
                actor = self._new()
                machine, unseen = self._got(actor.begin.remote(self._seen))
            except Exception as error:
                if self._closed:
                    return
                if getattr(error, "actor_init_failed", True):
                    self._failure = JobError(f"--ray: an actor cannot begin ({_line(error)})")
                    return
                time.sleep(_POLL_SECONDS)
                continue
            if unseen:
                self._failure = JobError(
                    f"{unseen[0]}: is not seen on {machine}; films, results and work must be in a "
                    "folder that all machines of the cluster share, under the same name"
                )
                return
            while (call := self._calls.get()) is not None:
                if not self._answered(actor, call):
                    break
            if call is None:
                return

    def _got(self, reference: Any) -> Any:
        """A result, waited for in short steps, so that closing is noticed; raises what it holds."""
        while not self._ray.wait([reference], timeout=_POLL_SECONDS)[0]:
            if self._closed:
                raise JobError("--ray: the cluster has been let go of")
        return self._ray.get(reference)

    def _answered(self, actor: Any, call: _Call) -> bool:
        """Let an actor do a call; whether it has lived through it."""
        ray = self._ray
        try:
            value = self._got(getattr(actor, call.method).remote(*call.arguments))
        except ray.exceptions.RayTaskError as error:
            call.answer.set_exception(JobError(f"{_line(error)} - this is a bug in filmcolor"))
        except Exception as error:
            if self._closed:
                return False
            call.deaths += 1
            text = "a worker of the cluster has died: what it was at goes to another"
            self._tell(Notice(text, warning=True))
            if call.deaths < _MOST_DEATHS:
                self._calls.put(call)
            else:
                call.answer.set_exception(
                    JobError(
                        f"the process at work on it has died {call.deaths} times "
                        f"({_line(error)}); out of memory?"
                    )
                )
            return False
        else:
            if isinstance(value, FilmcolorError):
                call.answer.set_exception(value)
            else:
                call.answer.set_result(value)
        return True


def _connect(address: str) -> Any:
    """The module of Ray, connected to the cluster at an address, or to this machine's ("auto")."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray writes what it has to say of nodes to standard output, which is JSON's.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise OptionError("--ray: Ray is not installed; pip install 'filmcolor[ray]'") from error
    try:
        host, _, port = address.rpartition("://")[2].rpartition(":")
        if host and port.isdecimal():  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        raise JobError(
            f"--ray {address}: no cluster can be reached there ({_line(error)}); start one with "
            "`ray start --head`, or give its HOST:PORT"
        ) from error
    return ray


def sizes(nodes: Sequence[dict[str, Any]], options: RunOptions) -> tuple[int, int, int]:
    """(graphics cards, processor cores) of an actor, and how many there are to be."""
    machines = [node["Resources"] for node in nodes if node["Alive"]]
    cards = sum(int(machine.get("GPU", 0)) for machine in machines)
    if cards and options.color.device.startswith(("auto", "cuda")):
        return 1, 1, cards
    cores = [int(machine.get("CPU", 0)) for machine in machines]
    if not any(cores):
        raise JobError("--ray: the cluster has no processor cores to give")
    if options.workers > 1:
        return 0, max(1, min(max(cores), sum(cores) // options.workers)), options.workers
    each = min(_FEW_CORES, max(cores))
    return 0, each, sum(count // each for count in cores)


def _line(error: BaseException) -> str:
    """The last line of what an error says, which with Ray's is the one that counts."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
