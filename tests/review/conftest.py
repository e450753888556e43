"""A film of two shots on the table, for the tests of this folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest

from filmcolor.film.setup import open_film
from filmcolor.media.write.plan_output import plan_output
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.review.answers import Answers
from filmcolor.review.project import Project
from filmcolor.review.server import ReviewServer
from filmcolor.review.session import Session
from filmcolor.segments.source_fingerprint import source_fingerprint
from filmcolor.stages.infer import one_thread_each
from tests.helpers.clips import make_clip

T = TypeVar("T")
OPTIONS = RunOptions(ColorOptions(device="cpu", size=64), EncodeOptions("ffv1"))
FRAMES, CUT = 30, 14


def drained(events: Generator[object, None, T]) -> T:
    """What a generator returns."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            value: T = end.value
            return value


def wait_for(true: Callable[[], object], seconds: float = 240) -> None:
    """Until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@dataclass(frozen=True)
class Reviewed:
    """A film that is reviewed."""

    film: Path
    target: Path
    session: Session

    @property
    def plan(self) -> str:
        """The text of its plan."""
        return self.session.project.path.read_text()


@contextmanager
def reviewed(folder: Path, options: RunOptions = OPTIONS) -> Iterator[Reviewed]:
    """A film of two shots, its shots found."""
    film, target = folder / "film.mkv", folder / "color.mkv"
    if not film.exists():
        make_clip(film, frames=FRAMES, width=96, height=64, cuts=[CUT], pix_fmt="gray")
    with one_thread_each() as threads:
        context, _ = drained(
            open_film(
                str(film),
                options,
                lambda info, chosen: plan_output(
                    info, str(target), replace(chosen, overwrite=True)
                ),
                threads=threads,
                source_print=source_fingerprint(str(film)),
            )
        )
        project = Project(folder / "film.plan.toml", folder / ".film.review")
        with context, project:
            session = Session(context, project, str(target), options)
            session.start()
            try:
                wait_for(lambda: session.way is not None or session.table.error)
                yield Reviewed(film, target, session)
            finally:
                session.stop()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reviewed]:
    """One film for the tests of a file."""
    with reviewed(tmp_path_factory.mktemp("film")) as made:
        yield made


@contextmanager
def served(session: Session) -> Iterator[ReviewServer]:
    """A server of a session."""
    server = ReviewServer("127.0.0.1", 0, Answers(session))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
