"""Time limits of reading: a decoder that hangs ends in an error, a slow pipe does not.

A call into FFmpeg that does not return cannot be ended, only left behind; so reading is done in a
thread of its own, one item at a time and only when asked for. Knows nothing of films.
"""

from __future__ import annotations

import queue
import select
import threading
from collections.abc import Generator
from typing import BinaryIO, TypeVar

from filmcolor.errors import MediaError

T = TypeVar("T")

FILE_SECONDS = 60
"""A file's next packet takes no longer, or its reading hangs."""
PIPE_SECONDS = 600
"""A program that writes into a pipe may pause for so long."""
_GLANCE_SECONDS = 0.5


class Heartbeat:
    """Counts what was read; one thread counts, another one compares."""

    def __init__(self) -> None:
        self.beats = 0
        self.failure: MediaError | None = None
        """Why there will be no more, since FFmpeg may take that for the end of the film."""

    def beat(self) -> None:
        """Something has happened."""
        self.beats += 1


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def with_timeout(
    items: Generator[T, None, None], heartbeat: Heartbeat, name: str, seconds: float = FILE_SECONDS
) -> Generator[T, None, None]:
    """Yield `items`, made in a thread; `MediaError` about `name` when its heartbeat stops.

    Nothing is made ahead. Only seconds in which this process runs are counted, so that a machine
    that slept has not timed out. A thread that hangs is left behind; it holds what it has open.
    """
    requests = threading.Semaphore(0)
    results: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
    is_over = threading.Event()

    def work() -> None:
        error: BaseException | None = None
        try:
            while requests.acquire() and not is_over.is_set():
                results.put(next(items))
        except StopIteration:
            pass
        except BaseException as caught:  # raised again where it is waited for
            error = caught
        finally:
            items.close()
            results.put(_End(error))

    thread = threading.Thread(target=work, name="filmcolor-reading", daemon=True)
    thread.start()
    try:
        while True:
            requests.release()
            item = _await(results, heartbeat, name, seconds)
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        is_over.set()
        requests.release()
        thread.join(_GLANCE_SECONDS)


def _await(
    results: queue.SimpleQueue[T | _End], heartbeat: Heartbeat, name: str, seconds: float
) -> T | _End:
    quiet, seen = 0.0, heartbeat.beats
    glance = min(_GLANCE_SECONDS, seconds)
    while quiet < seconds:
        try:
            return results.get(timeout=glance)
        except queue.Empty:
            quiet += glance
            if heartbeat.beats != seen:
                quiet, seen = 0.0, heartbeat.beats
    raise MediaError(
        f"{name}: reading it hangs, nothing came for {seconds:g} seconds: "
        "copy it to a local disk, or convert it with another program first"
    )


class TimeoutReader:
    """A pipe to be read from, that may be slow, but not silent for longer than `seconds`."""

    def __init__(self, source: BinaryIO, heartbeat: Heartbeat, seconds: float) -> None:
        # The buffer would hide from the system what is there to be read.
        self._source: BinaryIO = getattr(source, "raw", source)
        self._heartbeat = heartbeat
        self._seconds = seconds

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end; raises `MediaError` when nothing comes."""
        quiet = 0.0
        glance = min(_GLANCE_SECONDS, self._seconds)
        while not self._is_ready(glance):
            quiet += glance
            self._heartbeat.beat()
            if quiet >= self._seconds:
                self._heartbeat.failure = MediaError(
                    f"standard input: nothing came for {self._seconds:g} seconds: "
                    "look after the program that writes into it"
                )
                raise self._heartbeat.failure
        content: bytes | None = self._source.read(size)
        self._heartbeat.beat()
        return content or b""

    def _is_ready(self, seconds: float) -> bool:
        """Whether something, or the end, can be read; where the system cannot tell, it is."""
        try:
            return bool(select.select([self._source.fileno()], [], [], seconds)[0])
        except (OSError, ValueError, AttributeError):
            return True
