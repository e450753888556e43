"""What a power cut may leave of the files below a folder: a recorder of all that is done to them,
and the states that follow from its journal.

The model is that of POSIX. Content is on the disk once its file was synced, a name once its folder
was. What was done since may be there or not, each for itself; content may also be there in part.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

_CALLS = ("open", "replace", "rename", "link", "remove", "unlink", "mkdir", "rmdir", "truncate")

FOLDER = 0
"""Stands for a folder among the numbers of files."""

State = Mapping[str, tuple[int, bytes]]
"""Of every name, relative to the root, the number of its file and its content."""


@dataclass(frozen=True, slots=True)
class Named:
    """Names of one folder that were given or, with None, taken away, in one step."""

    names: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Wrote:
    """A file's content since then."""

    file: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Synced:
    """A file was synced."""

    file: int


@dataclass(frozen=True, slots=True)
class SyncedFolder:
    """A folder was synced."""

    folder: str


@dataclass(frozen=True, slots=True)
class Promised:
    """From here on somebody relies on something."""

    what: str


Step = Named | Wrote | Synced | SyncedFolder | Promised


@dataclass
class Recorder:
    """Takes note of everything that this process does to the files below a folder.

    Whoever writes them: what has changed is looked for around every call that names, removes or
    syncs a file.
    """

    root: Path
    journal: list[Step] = field(default_factory=list)
    _names: dict[str, int] = field(default_factory=dict)
    _content: dict[int, bytes] = field(default_factory=dict)
    _numbers: dict[int, int] = field(default_factory=dict)
    _guard: threading.RLock = field(default_factory=threading.RLock)
    _next: int = 1

    def promise(self, what: str) -> None:
        """Take note of something that must outlast a power cut from now on."""
        with self._guard:
            self._look()
            self.journal.append(Promised(what))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what is done inside."""
        own = {name: getattr(os, name) for name in (*_CALLS, "fsync")}
        try:
            for name in _CALLS:
                setattr(os, name, self._looking(own[name]))
            os.fsync = self._syncing(own["fsync"])
            yield
        finally:
            for name, call in own.items():
                setattr(os, name, call)
            self._look()

    def _looking(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def looking(*args: Any, **kwargs: Any) -> Any:
            with self._guard:
                self._look()
                try:
                    return call(*args, **kwargs)
                finally:
                    self._look()

        return looking

    def _syncing(self, call: Callable[[int], None]) -> Callable[[int], None]:
        def syncing(handle: int) -> None:
            with self._guard:
                self._look()
                call(handle)
                place = os.path.realpath(f"/proc/self/fd/{handle}")
                inode = os.fstat(handle).st_ino
                if os.path.isdir(place):
                    if Path(place).is_relative_to(self.root):
                        self.journal.append(SyncedFolder(self._relative(place)))
                elif inode in self._numbers:
                    self.journal.append(Synced(self._numbers[inode]))

        return syncing

    def _relative(self, path: str) -> str:
        relative = os.path.relpath(path, self.root)
        return "" if relative == "." else relative

    def _look(self) -> None:
        """Note names and contents that are others than before."""
        found: dict[str, int] = {}
        contents: dict[int, bytes] = {}
        inodes: dict[int, int] = {}
        for folder, folders, files in os.walk(self.root):
            for name in folders:
                found[self._relative(os.path.join(folder, name))] = FOLDER
            for name in files:
                path = os.path.join(folder, name)
                try:
                    with open(path, "rb") as file:
                        content, inode = file.read(), os.fstat(file.fileno()).st_ino
                except FileNotFoundError:
                    continue
                number = self._numbers.get(inode)
                if number is None:
                    number, self._next = self._next, self._next + 1
                self._numbers[inode] = inodes[inode] = number
                found[self._relative(path)] = number
                contents[number] = content
        self._numbers = inodes  # of a file that is gone, another may have the number
        changed: dict[str, dict[str, int | None]] = {}
        for name in sorted(self._names.keys() | found.keys()):
            if self._names.get(name) != found.get(name):
                changed.setdefault(os.path.dirname(name), {})[name] = found.get(name)
        self.journal += [Named(names) for names in changed.values()]
        for number, content in contents.items():
            if self._content.get(number, b"") != content:
                self.journal.append(Wrote(number, content))
        self._names, self._content = found, contents


def promises(journal: list[Step], steps: int) -> list[str]:
    """What was promised within the first steps."""
    return [step.what for step in journal[:steps] if isinstance(step, Promised)]


def states(journal: list[Step], steps: int) -> dict[str, State]:
    """What may be found after a power cut that comes after so many steps, by how it came about."""
    pending: list[Named] = []
    lasting: dict[str, int | None] = {}
    written: dict[int, bytes] = {}
    synced: dict[int, bytes] = {}
    order: list[int] = []
    for step in journal[:steps]:
        match step:
            case Named():
                pending.append(step)
            case Wrote(number, content):
                written[number] = content
                order = [*(each for each in order if each != number), number]
            case Synced(number):
                synced[number] = written.get(number, b"")
                order = [each for each in order if each != number]
            case SyncedFolder(folder):
                for named in pending:
                    if _folder_of(named) == folder:
                        lasting |= named.names
                pending = [named for named in pending if _folder_of(named) != folder]
    lost = {number: synced.get(number, b"") for number in written}
    zero = {number: _zeroed(lost[number], written[number]) for number in written}
    torn = {number: _torn(lost[number], written[number]) for number in written}
    found = {
        "everything is there": _state(lasting, pending, written),
        "what was not synced is lost": _state(lasting, pending, lost),
        "what was not synced is zeros": _state(lasting, pending, zero),
        "what was not synced is torn": _state(lasting, pending, torn),
        "names are undone": _state(lasting, [], written),
        "names are undone, and what was not synced is lost": _state(lasting, [], lost),
    }
    for at in range(len(pending)):
        rest = [*pending[:at], *pending[at + 1 :]]
        found[f"name {at} of {len(pending)} is undone"] = _state(lasting, rest, written)
        found[f"name {at} of {len(pending)} alone is there"] = _state(
            lasting, [pending[at]], written
        )
    for number in order if len(order) > 1 else []:
        without = {**written, number: lost[number]}
        found[f"content {number} is lost, later content is there"] = _state(
            lasting, pending, without
        )
    return found


def _folder_of(named: Named) -> str:
    return os.path.dirname(next(iter(named.names)))


def _zeroed(synced: bytes, written: bytes) -> bytes:
    kept = synced if written.startswith(synced) else b""
    return kept + bytes(len(written) - len(kept))


def _torn(synced: bytes, written: bytes) -> bytes:
    pairs = zip(synced, written, strict=False)
    kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return written[: kept + (len(written) - kept) // 2]


def _state(
    lasting: Mapping[str, int | None], pending: list[Named], contents: Mapping[int, bytes]
) -> State:
    names = dict(lasting)
    for named in pending:
        names |= named.names
    state: dict[str, tuple[int, bytes]] = {}
    for name in sorted(names):
        number, above = names[name], os.path.dirname(name)
        if number is not None and (not above or state.get(above, (1, b""))[0] == FOLDER):
            state[name] = number, contents.get(number, b"")
    return state


def build(state: State, root: Path, *, seconds_ago: float = 3600.0) -> None:
    """Put a state into an empty folder, as of an hour ago."""
    files: dict[int, Path] = {}
    for name, (number, content) in state.items():
        path = root / name
        if number == FOLDER:
            path.mkdir()
        elif number in files:
            os.link(files[number], path)
        else:
            path.write_bytes(content)
            files[number] = path
    for path in files.values():
        then = path.stat().st_mtime - seconds_ago
        os.utime(path, (then, then))


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
