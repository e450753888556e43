"""Lets the N-th operation on the files below a folder fail, as a full or a broken disk does."""

from __future__ import annotations

import builtins
import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PATHS = ("open", "replace", "rename", "link", "mkdir", "truncate")
_REMOVING = ("remove", "unlink", "rmdir")
_HANDLES = ("write", "fsync")


class Failures:
    """Counts the operations that change something, and fails the N-th; others may go on."""

    def __init__(self, root: Path, code: int, nth: int, *, once: bool) -> None:
        """`once`: the N-th alone fails, not all from then on."""
        self._root, self._code, self._nth, self.once = str(root), code, nth, once
        self._guard = threading.Lock()
        self.count = 0
        self.failed: list[str] = []
        """What failed: operation and file."""

    def _try(self, what: str, place: str) -> None:
        if not place.startswith(self._root):
            return
        with self._guard:
            if what in _REMOVING and self._code == errno.ENOSPC:
                return  # that makes room
            self.count += 1
            due = self.count == self._nth if self.once else self.count >= self._nth
            if due:
                self.failed.append(f"{what} {os.path.relpath(place, self._root)}")
                raise OSError(self._code, os.strerror(self._code), place)

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Let operations fail inside."""
        own = {name: getattr(os, name) for name in (*_PATHS, *_REMOVING, *_HANDLES)}
        opened = io.open

        def opening(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if isinstance(file, int) or not set(mode) & set("wax+"):
                return opened(file, mode, *args, **kwargs)
            place = os.path.abspath(os.fsdecode(file))
            self._try("open", place)
            return _Written(opened(file, mode, *args, **kwargs), lambda: self._try("write", place))

        try:
            for name in (*_PATHS, *_REMOVING):
                setattr(os, name, self._by_path(name, own[name]))
            for name in _HANDLES:
                setattr(os, name, self._by_handle(name, own[name]))
            io.open = builtins.open = opening
            yield
        finally:
            io.open = builtins.open = opened
            for name, call in own.items():
                setattr(os, name, call)

    def _by_path(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def trying(path: Any, *args: Any, **kwargs: Any) -> Any:
            flags = args[0] if args else 0
            if name != "open" or flags & (os.O_WRONLY | os.O_RDWR):
                self._try(name, os.path.abspath(os.fsdecode(path)))
            return call(path, *args, **kwargs)

        return trying

    def _by_handle(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def trying(handle: int, *args: Any) -> Any:
            self._try(name, os.path.realpath(f"/proc/self/fd/{handle}"))
            return call(handle, *args)

        return trying


class _Written:
    """An open file whose writes may fail."""

    def __init__(self, file: Any, trying: Callable[[], None]) -> None:
        self._file, self._trying = file, trying

    def write(self, content: Any) -> Any:
        self._trying()
        return self._file.write(content)

    def __enter__(self) -> _Written:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
