"""A lock file with a heartbeat: one process owns it, others may take it over when it stops.

It works among processes of one machine, and of several that share a folder. The file server must
let one alone succeed of several that create a file. filelock's `SoftFileLease` was tried: it has no
note, no key for worker processes, and watches a dead owner for the whole duration.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from filmcolor.typed import parse_json

_HEARTBEAT_SECONDS = 5.0
_STALE_SECONDS = 60.0
"""A lease that was not renewed for so long may be taken over."""


@dataclass(frozen=True, slots=True)
class LeaseKey:
    """Name and key of a lease that is held, for the processes that work for its owner."""

    name: str
    key: str


class Lease:
    """A lock file, renewed by a thread until its process ends or releases it; then it is stale."""

    def __init__(self, path: Path, note: str = "", key: str = "") -> None:
        """`note` is text of its holder for others; `key` that of a lease which another process
        holds, for those that work for it.
        """
        self.path = path
        self._note = note
        self.key = key
        """Tells this lease from every other on the same file; empty while it is not held."""
        self._over = threading.Event()

    def take(self) -> bool:
        """Whether the lease is this process's now; `OSError` if its file cannot be made."""
        for _ in range(2):
            try:
                handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            except FileExistsError:
                left = self._read()
                if not self.is_stale():
                    return False
                self._remove(left)
                continue
            key = secrets.token_hex(8)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    who = {**signature(os.getpid()), "run": _this_run(os.getpid())}
                    json.dump({**who, "key": key, "note": self._note}, file)
            except OSError:  # the disk is full: nobody holds it, and nobody is to wait for it
                with contextlib.suppress(OSError):
                    os.remove(self.path)
                raise
            self.key = key
            self._over = threading.Event()
            threading.Thread(
                target=self._beat, args=(self._over,), name="filmcolor-lease", daemon=True
            ).start()
            return True
        return False

    def release(self) -> None:
        """Remove the lock file, if the lease is still this one's."""
        self._over.set()
        if self.is_mine():
            with contextlib.suppress(OSError):
                os.remove(self.path)
        self.key = ""

    @property
    def lease_key(self) -> LeaseKey:
        """What others need to look whether it is held still."""
        return LeaseKey(self.path.name, self.key)

    def is_mine(self) -> bool:
        """Whether it is still held: another takes it over from a process that seemed dead. What
        cannot be read is not held.
        """
        return self.key != "" and self._read().get("key") == self.key

    def holder(self) -> str | None:
        """Who holds it, for people; None if nobody does."""
        who = self._read()
        if "pid" in who and "host" in who:
            return f"process {who['pid']} on {who['host']}"
        return "another process" if self.path.exists() else None

    def note(self) -> str:
        """What its holder has to say; empty if nobody holds it."""
        return str(self._read().get("note", ""))

    def is_stale(self) -> bool:
        """Whether its holder has gone: its process has ended, or it has long been silent."""
        beat, who = self.beat(), self._read()
        if beat is None:
            return True
        lives = _lives(who)
        if lives is not None:
            return not lives
        silent = _clock(self.path.parent) - beat
        return silent > (_STALE_SECONDS if "pid" in who else _HEARTBEAT_SECONDS)

    def lives(self) -> bool | None:
        """Whether the very process that holds it lives, where this machine can tell; else None."""
        return _lives(self._read())

    def beat(self) -> float | None:
        """When it was last renewed, by the clock of its file system; None if it is gone."""
        try:
            # Opened, because what `stat` tells of a shared file may be a minute old.
            with self.path.open("rb") as file:
                return os.fstat(file.fileno()).st_mtime
        except OSError:
            return None

    def _beat(self, over: threading.Event) -> None:
        key = self.key
        while not over.wait(_HEARTBEAT_SECONDS):
            try:
                if _signed(self.path.read_bytes()).get("key") != key:
                    return
                os.utime(self.path)
            except FileNotFoundError:
                return
            except OSError:
                continue  # a file server that is away may come back

    def _read(self) -> dict[str, Any]:
        """What its file says; nothing if it cannot be read, or was not yet signed."""
        try:
            return _signed(self.path.read_bytes())
        except OSError:
            return {}

    def _remove(self, left: dict[str, Any]) -> None:
        """Remove what was left behind. Renamed first: of several that find it so, one alone can."""
        aside = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.stale")
        with contextlib.suppress(OSError):
            os.replace(self.path, aside)
            if Lease(aside)._read() == left:
                os.remove(aside)
            else:  # another was quicker, and has it now
                os.replace(aside, self.path)


class Watch:
    """Tells, by and by, which leases are held by the living, whatever anybody's clock says."""

    def __init__(self) -> None:
        self._first: dict[Path, float] = {}

    def is_alive(self, lease: Lease) -> bool:
        """Whether its holder is known to live; False for one that was not yet seen renewing it."""
        beat = lease.beat()
        if beat is None or lease.is_stale():
            return False
        return lease.lives() is True or beat != self._first.setdefault(lease.path, beat)


def signature(pid: int) -> dict[str, Any]:
    """What a lease says of a process of this machine that holds it: its number, which may be given
    to another one day, and when it was started, which tells the two apart.
    """
    return {
        "host": socket.gethostname(),
        "pid": pid,
        "machine": this_machine(),
        "started": _started(pid),
    }


@cache
def _this_run(pid: int) -> str:
    """What tells this process from all that have had its number, as the first of a container has
    that of the first before it.
    """
    return secrets.token_hex(8)


def this_machine() -> str:
    """Host, start of the system and container: within them a process number means the same."""
    facts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        facts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        facts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(facts)


def _clock(folder: Path) -> float:
    """The time by the clock of a folder's file system, which may be another machine's."""
    try:
        handle, name = tempfile.mkstemp(prefix=".clock-", dir=folder)
    except OSError:
        return time.time()
    try:
        return os.fstat(handle).st_mtime
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            os.remove(name)


def _signed(content: bytes) -> dict[str, Any]:
    """What the file of a lease says; nothing if it was not yet signed."""
    try:
        values = parse_json(content)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _lives(who: dict[str, Any]) -> bool | None:
    """Whether the very process lives that signed so; None where this machine cannot tell."""
    pid = who.get("pid")
    if who.get("machine") != this_machine() or not isinstance(pid, int):
        return None
    if pid == os.getpid() and who.get("run") == _this_run(pid):
        return True
    if sys.platform == "win32":
        return None  # a signal to ask with is none there: it would stop the process
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is another user's
    started = _started(pid)
    if started is not None and (pid == os.getpid() or started < 0):
        return False
    if started is None or who.get("started") is None:
        return None  # a number alone may be another's by now: it has to be seen renewing
    return bool(started == who["started"])


def _started(pid: int) -> int | None:
    """When a process was started, in ticks since the system was; -1 for one that has ended and was
    not yet waited for, None where the system does not say.
    """
    try:
        content = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = content.rpartition(")")[2].split()  # the name before may hold anything
    return -1 if state in "ZX" else int(rest[18])
