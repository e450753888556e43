"""The ledger of a work folder: a file that only grows, a line of JSON with its checksum for each
part that was finished. What has been read once is not read again.

It must not know what the lines are about.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from filmcolor.durable import append
from filmcolor.hashing import digest
from filmcolor.segments.lease import Lease
from filmcolor.typed import parse_json

T = TypeVar("T")

_POLL_SECONDS = 0.05


class Ledger(Generic[T]):
    """Reads a ledger and adds to it; several threads may ask at a time, while others write."""

    def __init__(self, path: Path, made_of: Callable[..., T]) -> None:
        """`made_of` takes the values of a line by their names, and makes of them what is kept."""
        self._path, self._made_of = path, made_of
        self._guard = threading.Lock()
        self._found: list[T] = []
        self._read = 0
        """Bytes; up to the end of a line."""
        self._last = b""
        """The line that ends there: tells whether this is the same ledger still."""

    def lines(self) -> tuple[T, ...]:
        """What its lines say, in order; nothing of those that are torn or were changed, nor where
        there is no ledger.
        """
        with self._guard:
            added = self._added()
            whole = added[: added.rfind(b"\n") + 1]
            for line in whole.splitlines(keepends=True):
                self._read += len(line)
                self._last = line
                with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                    values = parse_json(line)
                    if values.pop("sum") == checksum(values):
                        self._found.append(self._made_of(**values))
            return tuple(self._found)

    def append(self, values: Mapping[str, Any]) -> None:
        """Add a line; on the disk when this returns. Raises `OSError`."""
        # File servers do not append for several at once.
        lock = Lease(self._path.with_suffix(".lock"))
        while not lock.take():
            time.sleep(_POLL_SECONDS)
        try:
            append(self._path, ledger_line(values))
        finally:
            lock.release()

    def _added(self) -> bytes:
        """What was written since it was read last; all of it if it is another one now."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read - len(self._last))
                found = file.read()
                if found.startswith(self._last):
                    return found[len(self._last) :]
                self._forget()
                file.seek(0)
                return file.read()
        except OSError:
            self._forget()
            return b""

    def _forget(self) -> None:
        self._found, self._read, self._last = [], 0, b""


def ledger_line(values: Mapping[str, Any]) -> bytes:
    """What is to be added for some values: a line of its own, even if the one before was torn."""
    return f"\n{json.dumps({**values, 'sum': checksum(values)})}\n".encode()


def checksum(values: Mapping[str, Any]) -> str:
    """Of what a line says."""
    text = json.dumps(values, sort_keys=True)
    return digest(text.encode(), 8)
