"""A claim on a piece of work: a file that only one process holds, and that tells whether it lives.

Holds among processes of one machine, and of several that share a folder: nothing is asked of the
file server but that of several who create a file one alone succeeds. It must not know what is
claimed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

_HEARTBEAT_SECONDS = 5.0
_STALE_SECONDS = 60.0
"""A lease that nobody has renewed for so long has been left behind."""


class Lease:
    """A claim, renewed by a thread for as long as its holder's process lives and has not released
    it; stale when that has died.
    """

    def __init__(self, path: Path, note: str = "") -> None:
        """`note` is what its holder has to say to others."""
        self.path = path
        self._note = note
        self.key = ""
        """Tells this claim from every other on the same file; empty while it is not held."""
        self._over = threading.Event()

    def take(self) -> bool:
        """Whether the claim is this process's now; `OSError` if its file cannot be made."""
        for _ in range(2):
            try:
                handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            except FileExistsError:
                left = self._read()
                if not self.is_stale():
                    return False
                self._remove(left)
                continue
            self.key = secrets.token_hex(8)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({**signature(os.getpid()), "key": self.key, "note": self._note}, file)
            self._over = threading.Event()
            threading.Thread(
                target=self._beat, args=(self._over,), name="filmcolor-lease", daemon=True
            ).start()
            return True
        return False

    def release(self) -> None:
        """Give the claim up, if it is still this one's."""
        self._over.set()
        if self.is_mine():
            with contextlib.suppress(OSError):
                os.remove(self.path)
        self.key = ""

    def is_mine(self) -> bool:
        """Whether it is still held: another takes it over from a process that seemed dead."""
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
        if self.is_local():
            return not _is_alive(int(who["pid"]))
        silent = _clock(self.path.parent) - beat
        return silent > (_STALE_SECONDS if "pid" in who else _HEARTBEAT_SECONDS)

    def is_local(self) -> bool:
        """Whether its holder is, or was, a process of this machine."""
        who = self._read()
        return who.get("machine") == this_machine() and isinstance(who.get("pid"), int)

    def beat(self) -> float | None:
        """When it was last renewed, by the clock of its file system; None if it is gone."""
        try:
            # Opened, because what `stat` tells of a shared file may be a minute old.
            with self.path.open("rb") as file:
                return os.fstat(file.fileno()).st_mtime
        except OSError:
            return None

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(_HEARTBEAT_SECONDS):
            if not self.is_mine():
                return
            with contextlib.suppress(OSError):
                os.utime(self.path)

    def _read(self) -> dict[str, Any]:
        """What its file says; nothing if it cannot be read, or was not yet signed."""
        try:
            values = json.loads(self.path.read_bytes())
            return values if isinstance(values, dict) else {}
        except (OSError, ValueError):
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
        return lease.is_local() or beat != self._first.setdefault(lease.path, beat)


def signature(pid: int) -> dict[str, Any]:
    """What a lease says of a process of this machine that holds it."""
    return {"host": socket.gethostname(), "pid": pid, "machine": this_machine()}


def this_machine() -> str:
    """What tells where numbers of processes mean the same, and since when: host, start of the
    system, and container.
    """
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


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
