"""What the tests of the command line share: a pipeline that is only played, and its events."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

from filmcolor.events import Event, Finished, Notice, Progress, Started
from filmcolor.options import RunOptions

QUICK = ["--device", "cpu", "--size", "96", "--smooth", "none"]
"""Options of a run that takes little time."""

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
"""Environment of a process that leaves the machine's other processors alone."""

PLANNED = Started("old.mp4", "new.mp4", "default", "cpu", "640x480, 24 fps, libx264", 192)
STAGES = {"decode": 1.0, "infer": 9.0, "encode": 3.0}
FINISHED = Finished("new.mp4", 192, 12.0, STAGES)
RUN_EVENTS: list[Event] = [
    PLANNED,
    Notice("nothing to worry about"),
    Notice("look at this", warning=True),
    Progress(96, 192, STAGES),
    Progress(192, 192, STAGES),
    FINISHED,
]


def shell(*arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, to its end."""
    command = [sys.executable, "-m", "filmcolor", *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, env=ONE_THREAD, timeout=120, check=False
    )


def start(*arguments: str) -> subprocess.Popen[bytes]:
    """The command in a process of its own, with pipes to both of its outputs."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell lets jobs in its background ignore Ctrl-C, and their children inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "filmcolor", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ONE_THREAD)


def is_running(pid: int) -> bool:
    """Also where nobody waits for the dead, as in a container without a first process that does."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


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
