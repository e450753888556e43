"""Arrays of one shape by number, in a file without a name: what a long shot has too much of for
memory.

They are written and read, never mapped: a disk that is full is an error then, where a page of a
mapped file that cannot be stored ends the process. It must not know what the arrays are.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from filmcolor.errors import JobError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
"""What a file system says that takes no room beforehand."""


class Scratch:
    """To be closed; the file is gone then, or with the process, whatever ends that."""

    def __init__(
        self, folder: Path, shape: tuple[int, ...], dtype: DTypeLike, count: int = 0
    ) -> None:
        """Room for `count` arrays is taken at once where the system can, so that what does not fit
        fails here. Raises `JobError` if there is none.
        """
        self._folder, self._shape, self._dtype = folder, shape, np.dtype(dtype)
        self._bytes = self._dtype.itemsize * int(np.prod(shape))
        with self._refusals(), ExitStack() as stack:
            file = stack.enter_context(tempfile.TemporaryFile(dir=folder, buffering=0))
            allocate(file.fileno(), count * self._bytes)
            self._file = file
            stack.pop_all()

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def write(self, place: int, values: NDArray[Any]) -> None:
        """Keep an array, brought to the store's type; `JobError` if the disk is full."""
        content = np.ascontiguousarray(values, self._dtype).reshape(self._shape).tobytes()
        with self._refusals():
            self._file.seek(place * self._bytes)
            written = 0
            while written < len(content):
                written += self._file.write(content[written:])

    def read(self, place: int) -> NDArray[Any]:
        """An array that was written, as one's own; `JobError` if the disk does not give it."""
        found = np.empty(self._bytes, np.uint8)
        read = 0
        with self._refusals():
            self._file.seek(place * self._bytes)
            while step := self._file.readinto(found[read:].data):
                read += step
        if read < self._bytes:
            raise IndexError(f"{place} was not written")
        return found.view(self._dtype).reshape(self._shape)

    @contextmanager
    def _refusals(self) -> Generator[None, None, None]:
        try:
            yield
        except OSError as error:
            what = "there is no room for" if error.errno in _FULL else "the disk refuses"
            raise JobError(
                f"{self._folder}: {what} the colours that are carried through a shot "
                f"({error.strerror}); make room, or choose another disk with --work"
            ) from error


def allocate(file: int, size: int) -> None:
    """Take room for so many bytes of an open file; `OSError` if there is none.

    Where the system cannot (macOS, some network file systems) a full disk shows when it is written.
    """
    if size and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
