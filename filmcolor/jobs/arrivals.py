"""What has arrived in a folder, and whether it is whole: it stays as it is for a while, and nobody
writes to it any more.

It must not know what becomes of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filmcolor.media.folders import files_in

_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp", ".aria2")
"""What programs end the names of files in that they have not copied to the end."""
_PROC = Path("/proc")
_WRITES = os.O_WRONLY | os.O_RDWR


@dataclass(frozen=True, slots=True)
class FileState:
    """What changes when somebody writes to a file, puts another in its place or grants access."""

    node: int
    size: int
    changed: tuple[int, int]
    """Times of its content and of its entry, in nanoseconds."""

    @classmethod
    def of(cls, path: Path) -> FileState | None:
        """That of a regular file; None where there is none."""
        try:
            found = path.stat()
        except OSError:
            return None
        if not path.is_file():
            return None
        return cls(found.st_ino, found.st_size, (found.st_mtime_ns, found.st_ctime_ns))


class Arrivals:
    """The files of a folder and its subfolders, in the order in which they were first seen."""

    def __init__(self, folder: Path, seconds: float, clock: Callable[[], float]) -> None:
        """`seconds`: how long a file has to stay as it is to be whole."""
        self._folder, self._seconds, self._clock = folder, seconds, clock
        self._seen: dict[Path, tuple[FileState, float]] = {}

    def look(self) -> None:
        """See what is there now; raises `MediaError` for a folder that cannot be listed."""
        now = self._clock()
        there: dict[Path, FileState] = {}
        for path in files_in(self._folder):
            state = FileState.of(path)
            if state is not None and path.suffix.lower() not in _UNFINISHED:
                there[path] = state
        kept = {path: seen for path, seen in self._seen.items() if path in there}
        for path, state in there.items():
            if path not in kept or kept[path][0] != state:
                kept.pop(path, None)
                kept[path] = (state, now)
        self._seen = kept

    def whole(self) -> Iterator[tuple[Path, FileState]]:
        """Those that stayed as they are for so long."""
        now = self._clock()
        for path, (state, since) in list(self._seen.items()):
            if now - since >= self._seconds:
                yield path, state

    def seen(self) -> list[tuple[Path, FileState]]:
        """All of them, whole or not."""
        return [(path, state) for path, (state, _) in self._seen.items()]


def is_written_to(path: Path) -> bool:
    """Whether a process has a file open for writing, as far as the system tells (Linux does of the
    processes that the caller may look into).
    """
    try:
        wanted = path.stat()
    except OSError:
        return False
    for process in _PROC.glob("[0-9]*"):
        try:
            handles = os.listdir(process / "fd")
        except OSError:  # another user's, or gone
            continue
        if any(_writes(process, handle, wanted) for handle in handles):
            return True
    return False


def _writes(process: Path, handle: str, wanted: os.stat_result) -> bool:
    try:
        if not os.path.samestat(os.stat(process / "fd" / handle), wanted):
            return False
        lines = (process / "fdinfo" / handle).read_text().splitlines()
        flags = next(line.partition(":")[2] for line in lines if line.startswith("flags:"))
        return bool(int(flags, 8) & _WRITES)
    except (OSError, StopIteration, ValueError):
        return False
