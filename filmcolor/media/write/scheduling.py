"""Opens encoders without the real-time scheduling that SVT-AV1 asks for.

SVT-AV1 puts its threads, and the one that opens it, into the real-time class SCHED_FIFO where it
may, which is as root: they then keep all other processes of the machine from its cores, and every
thread and process that is started later inherits the class.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def ordinary_scheduling() -> Iterator[None]:
    """Wraps the opening of an encoder: every thread keeps its class, new ones have the opener's."""
    if sys.platform != "linux":
        yield
        return
    opener = _scheduling(threading.get_native_id())
    before = {thread: _scheduling(thread) for thread in _threads()}
    try:
        yield
    finally:
        for thread in _threads():
            wanted = before.get(thread) or opener
            if wanted is not None and _scheduling(thread) != wanted:
                policy, priority = wanted
                with suppress(ProcessLookupError):  # it has ended
                    os.sched_setscheduler(thread, policy, os.sched_param(priority))


def _threads() -> list[int]:
    """Kernel numbers of this process's threads."""
    return [int(task.name) for task in Path("/proc/self/task").iterdir()]


def _scheduling(thread: int) -> tuple[int, int] | None:
    """Class and priority of a thread; None: it has ended."""
    try:
        return os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority
    except ProcessLookupError:
        return None
