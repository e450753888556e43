"""What the tests of the command line share: a pipeline that is only played, and its events."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator

from filmcolor.options import RunOptions
from filmcolor.types import (
    Event,
    Finished,
    Notice,
    Planned,
    Progress,
)

QUICK = ["--device", "cpu", "--size", "96", "--smooth", "none"]
"""Options of a run that takes little time."""

PLANNED = Planned("old.mp4", "new.mp4", "default", "cpu", "640x480, 24 fps, libx264", 192)
STAGES = {"decode": 1.0, "infer": 9.0, "encode": 3.0}
FINISHED = Finished("new.mp4", 192, 12.0, STAGES)
RUN_EVENTS = [
    PLANNED,
    Notice("nothing to worry about"),
    Notice("look at this", warning=True),
    Progress(96, 192, STAGES),
    Progress(192, 192, STAGES),
    FINISHED,
]


def shell(*arguments: str, **settings: object) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "filmcolor", *arguments]
    return subprocess.run(command, capture_output=True, timeout=120, **settings)  # type: ignore[call-overload,no-any-return]


class Job:
    """Stands for the pipeline: remembers how it was called, plays back events, may fail."""

    def __init__(self) -> None:
        self.events: list[Event] = [PLANNED, FINISHED]
        self.error: BaseException | None = None
        self.calls: list[tuple[str, str, str, RunOptions]] = []
        self.closed = False

    def play(
        self, kind: str, source: str, target: str, options: RunOptions
    ) -> Generator[Event, None, None]:
        self.calls.append((kind, source, target, options))
        try:
            yield from self.events
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True

    @property
    def options(self) -> RunOptions:
        return self.calls[-1][3]
