"""The folder in which a film is put together: its plan, its finished segments, who is at work.

Everything in it is written whole or not at all, so that a run may stop at any moment; what stands
in the ledger and still matches is never done again. It must not know how a segment is made.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filmcolor.errors import JobError, MediaError
from filmcolor.job import FilmPlan, Segment
from filmcolor.media.partfile import write_bytes

_PLAN, _LEDGER, _LOCK = "plan.json", "ledger.jsonl", "run.lock"
_HEARTBEAT_SECONDS = 5.0
_STALE_SECONDS = 60.0
"""A lease that nobody has renewed for so long has been left behind."""
_SAMPLE_BYTES = 1 << 20
"""Of a film's head, middle and tail, that tell it from another."""


def default_folder(target: str) -> Path:
    """Where the work on a target is kept unless told otherwise: hidden, beside it."""
    path = Path(os.path.realpath(target))
    return path.with_name(f".{path.name}.work")


def digest_of(path: Path) -> str:
    """Of a file's whole content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def source_print(path: str) -> str:
    """Size, and a digest of head, middle and tail: what tells a film from another."""
    found = hashlib.blake2b(digest_size=16)
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        for start in (0, max(0, size // 2 - _SAMPLE_BYTES // 2), max(0, size - _SAMPLE_BYTES)):
            file.seek(start)
            found.update(file.read(_SAMPLE_BYTES))
    return f"{size} bytes, {found.hexdigest()}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished segment, as the ledger has it."""

    segment: int
    frames: int
    bytes: int
    reorder: int
    """Frames by which its packets are out of order."""
    planes: str
    """Digest of the composed planes, before they were encoded."""
    file: str
    """Digest of the segment's file."""
    settings: str = ""
    """What its frames depend on beside what the whole film depends on; empty for nothing."""


class Lease:
    """A claim that only one process holds, renewed while it works; stale when it has died."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._renewed = 0.0

    def take(self) -> bool:
        """Whether the claim is this process's now."""
        for _ in range(2):
            try:
                handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            except FileExistsError:
                if not self.is_stale():
                    return False
                # Renamed first: of several that find it stale, one alone can.
                aside = self.path.with_name(f"{self.path.name}.{os.getpid()}.stale")
                with contextlib.suppress(OSError):
                    os.replace(self.path, aside)
                    os.remove(aside)
                continue
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"host": socket.gethostname(), "pid": os.getpid()}, file)
            self._renewed = time.monotonic()
            return True
        return False

    def renew(self) -> None:
        """Say that the holder is alive; cheap, to be called often."""
        if time.monotonic() - self._renewed > _HEARTBEAT_SECONDS:
            self._renewed = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(self.path)

    def release(self) -> None:
        """Give the claim up."""
        with contextlib.suppress(OSError):
            os.remove(self.path)

    def holder(self) -> str | None:
        """Who holds it, for people; None if nobody does."""
        try:
            who = json.loads(self.path.read_text(encoding="utf-8"))
            return f"process {who['pid']} on {who['host']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process" if self.path.exists() else None

    def is_stale(self) -> bool:
        """Whether its holder has gone: its process has ended, or it has long been silent."""
        try:
            age = time.time() - self.path.stat().st_mtime
            who = json.loads(self.path.read_text(encoding="utf-8"))
            if who["host"] == socket.gethostname():
                return not _is_alive(int(who["pid"]))
        except OSError:
            return True
        except (ValueError, KeyError, TypeError):
            return age > _HEARTBEAT_SECONDS  # died between making it and signing it
        return age > _STALE_SECONDS


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


class WorkFolder:
    """One film's work; a context manager that one process at a time can be inside of.

    Raises `JobError` for a folder that cannot be used, with the way out.
    """

    def __init__(self, path: Path, fingerprint: Mapping[str, str]) -> None:
        """`fingerprint` says by name what the work depends on: input, model, options."""
        self.path = path
        self.fingerprint = dict(fingerprint)
        self.settings: Mapping[int, str] | None = None
        """By number, what a segment must have been made with, nothing where none stands; None: with
        anything. To be set once the plan is known."""
        self.is_plan_dear = False
        """Whether the plan is worth keeping by itself, having taken long."""
        self._lock = Lease(path / _LOCK)

    def __enter__(self) -> WorkFolder:
        try:
            if self.path.exists() and not self.path.is_dir():
                raise JobError(f"{self.path}: is no folder; remove it, or choose another --work")
            if self.path.is_dir() and not self._is_own():
                raise JobError(
                    f"{self.path}: holds something else than filmcolor's work; choose another "
                    "--work"
                )
            self.path.mkdir(parents=True, exist_ok=True)
            if not self._lock.take():
                raise JobError(
                    f"{self.path}: {self._lock.holder()} is at work on this film; wait for it, or "
                    "stop it first"
                )
        except OSError as error:
            raise JobError(
                f"{self.path}: cannot be used ({error.strerror}); choose another --work"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Give it up; it is removed if there is nothing in it worth keeping."""
        self._lock.release()
        if self.path.is_dir() and not self.is_plan_dear and not self.entries():
            self.remove()

    def _is_own(self) -> bool:
        names = {path.name for path in self.path.iterdir()}
        return not names or _PLAN in names or names <= {_LOCK}

    def segment_path(self, segment: int) -> Path:
        """File of a segment."""
        return self.path / f"segment-{segment:05}.seg"

    def plan(self) -> tuple[FilmPlan | None, list[str]]:
        """The plan that was saved, if it is of this very job; else what is different now."""
        try:
            stored = json.loads((self.path / _PLAN).read_text(encoding="utf-8"))
            before = dict(stored["fingerprint"])
            changed = [
                name
                for name in {**before, **self.fingerprint}
                if before.get(name) != self.fingerprint.get(name)
            ]
            return (None, changed) if changed else (FilmPlan.from_json(stored["plan"]), [])
        except FileNotFoundError:
            return None, []
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
            return None, ["its plan, which is damaged,"]

    def begin(self, plan: FilmPlan, title: str = "") -> None:
        """Save a new plan; what was done by another is removed. `title` is for people."""
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                if path.name != _LOCK:
                    path.unlink()
        count = len(plan.segments())
        head = {"title": title, "segments": count, "fingerprint": self.fingerprint}
        text = json.dumps({**head, "plan": plan.to_json()})
        write_bytes(self.path / _PLAN, text.encode())

    def entries(self) -> dict[int, Entry]:
        """Finished segments by number: those whose last line in the ledger and whose file are
        whole, made with what they are to be made with.
        """
        latest = {entry.segment: entry for entry in self._lines()}
        found = {}
        for number, entry in latest.items():
            if self.settings is not None and entry.settings != self.settings.get(number, ""):
                continue
            with contextlib.suppress(OSError):
                if self.segment_path(number).stat().st_size == entry.bytes:
                    found[number] = entry
        return found

    def check(self) -> None:
        """Remove what earlier runs left behind: leases, and files that do not match the ledger.

        For the one process that is inside, before anything is taken.
        """
        for path in self.path.glob("segment-*.lease*"):
            path.unlink(missing_ok=True)
        good = {
            self.segment_path(number).name
            for number, entry in self.entries().items()
            if digest_of(self.segment_path(number)) == entry.file
        }
        for path in [*self.path.glob("segment-*.seg"), *self.path.glob(".segment-*.part")]:
            if path.name not in good:
                path.unlink()

    def take(self, segments: Sequence[Segment]) -> Iterator[tuple[Segment, Lease]]:
        """Segments that nobody has done or is doing, each with its lease, until none is left."""
        for segment in segments:
            if segment.number in self.entries():
                continue
            lease = Lease(self.path / f"segment-{segment.number:05}.lease")
            if not lease.take():
                continue
            if segment.number in self.entries():
                lease.release()
                continue
            yield segment, lease

    def record(self, entry: Entry) -> None:
        """Add a finished segment to the ledger; on the disk when this returns."""
        values = asdict(entry)
        # A line of its own, even if the one before was torn.
        line = "\n" + json.dumps({**values, "sum": _sum(values)}) + "\n"
        try:
            handle = os.open(self.path / _LEDGER, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o666)
            try:
                os.write(handle, line.encode())
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise MediaError(
                f"{self.path}: cannot be written ({error.strerror}); make room on the disk"
            ) from error

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _lines(self) -> Iterator[Entry]:
        try:
            lines = (self.path / _LEDGER).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                values = json.loads(line)
                if values.pop("sum") == _sum(values):
                    yield Entry(**values)


@dataclass(frozen=True, slots=True)
class WorkState:
    """What a work folder tells from outside."""

    path: Path
    title: str
    """Source and target; empty if the plan cannot be read."""
    done: int
    """Segments."""
    segments: int
    bytes: int
    """On the disk."""
    changed: float
    """When something was last done, seconds since the epoch."""
    holder: str | None
    """Who is at work on it."""


def look_into(path: Path) -> WorkState | None:
    """The state of a work folder; None for anything else."""
    try:
        head = json.loads((path / _PLAN).read_text(encoding="utf-8"))
        title, segments = str(head["title"]), int(head["segments"])
        files = [each.stat() for each in path.iterdir()]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    lock = Lease(path / _LOCK)
    return WorkState(
        path=path,
        title=title,
        done=len(WorkFolder(path, {}).entries()),
        segments=segments,
        bytes=sum(file.st_size for file in files),
        changed=max((file.st_mtime for file in files), default=0.0),
        holder=None if lock.is_stale() else lock.holder(),
    )


def find_work(folder: Path) -> list[WorkState]:
    """Work folders directly inside a folder, or the folder itself if it is one; in order."""
    own = look_into(folder)
    if own is not None:
        return [own]
    inside = (look_into(path) for path in sorted(folder.iterdir()) if path.is_dir())
    return [state for state in inside if state is not None]


def _sum(values: Mapping[str, Any]) -> str:
    """Checksum of a ledger line."""
    text = json.dumps(values, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
