"""What makes files and their names outlast a power cut: the one place that syncs them.

A file's content is on the disk once it is synced; its name is there once its folder is, and that
folder's own name once the folder above is. It must not know what the files hold.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

Name = str | os.PathLike[str]

_BYTES = getattr(os, "O_BINARY", 0)  # Windows would write line ends of its own


def sync_file(path: Name) -> None:
    """Make a file's content durable; raises `OSError`."""
    with open(path, "rb+") as written:
        _sync(written.fileno())


def sync_folder(folder: Name) -> None:
    """Make the names in a folder durable, where the system lets it be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            _sync(handle)
        finally:
            os.close(handle)


def make_folders(folder: Name) -> None:
    """Make a folder, and those above it; durable when this returns. Raises `OSError`."""
    path = Path(folder)
    if path.is_dir():
        return
    if not path.parent.exists():
        make_folders(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def create(path: Name, content: bytes) -> None:
    """Write a new file, which is durable when this returns. Raises `FileExistsError` where there is
    something of that name, and `OSError`; then there is none.
    """
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _BYTES, 0o666)
    try:
        try:
            _write_all(handle, content)
            _sync(handle)
        finally:
            os.close(handle)
    except OSError:
        with contextlib.suppress(OSError):
            os.remove(path)
        raise
    sync_folder(Path(path).parent)


def append(path: Name, content: bytes) -> None:
    """Add to the end of a file, which is made if need be; durable when this returns.

    Raises `OSError`; then a part of it may stand there.
    """
    handle = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | _BYTES, 0o666)
    try:
        _write_all(handle, content)
        _sync(handle)
    finally:
        os.close(handle)
    sync_folder(Path(path).parent)


def replace(part: Name, path: Name) -> None:
    """Put a whole file under another name in the same folder, in place of what is there; durable
    when this returns. Raises `OSError`.
    """
    sync_file(part)
    os.replace(part, path)
    sync_folder(Path(path).parent)


def _sync(handle: int) -> None:
    """Have what was written through an open file on the disk; raises `OSError`."""
    if sys.platform == "darwin":  # there fsync leaves it in the memory of the disk itself
        import fcntl

        with contextlib.suppress(OSError):  # of network drives and some others
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
    os.fsync(handle)


def _write_all(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:  # a disk that fills up takes a part, and says so only the next time
        left = left[os.write(handle, left) :]
