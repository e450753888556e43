"""What the page waits for: a number that grows with every change, and who comes first.

It knows nothing of what has changed.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager


class Board:
    """Tells whoever waits that something has changed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._version = 1

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._version

    def tell(self) -> None:
        """Something has changed."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> int:
        """The version, as soon as it is another than the one seen, or after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != seen, seconds)
            return self._version


class Turn:
    """Lets work that nobody waits for stand back while somebody waits for an answer."""

    def __init__(self) -> None:
        self._idle = threading.Condition()
        self._waiting = 0

    @contextmanager
    def first(self) -> Generator[None, None, None]:
        """Somebody waits for what is done inside."""
        with self._idle:
            self._waiting += 1
        try:
            yield
        finally:
            with self._idle:
                self._waiting -= 1
                self._idle.notify_all()

    def wait(self) -> None:
        """Until nobody waits."""
        with self._idle:
            self._idle.wait_for(lambda: not self._waiting)


class Pages:
    """Which of the pages that are open may change something: the first one, until it is gone."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """A page that has not asked for anything for so many seconds is gone."""
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._writer, self._seen = "", float("-inf")

    def is_writer(self, page: str) -> bool:
        """Whether the page that asks may change something; it may where no other is there."""
        now = self._clock()
        with self._lock:
            if self._writer != page and now - self._seen > self._seconds:
                self._writer = page
            if self._writer == page:
                self._seen = now
            return self._writer == page

    def leave(self, page: str) -> None:
        """A page is closed."""
        with self._lock:
            if self._writer == page:
                self._writer, self._seen = "", float("-inf")


class Kept:
    """Bytes by key, those that were used last; at most so many in all. For several threads."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()

    def get(self, key: Hashable) -> bytes | None:
        """What is kept under a key."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, content: bytes) -> None:
        """Keep something; what was not used for longest is let go."""
        with self._lock:
            before = self._kept.pop(key, None)
            self._size += len(content) - len(before or b"")
            self._kept[key] = content
            while self._size > self._most and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._size -= len(gone)

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._kept
