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
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from filmcolor.errors import JobError, MediaError
from filmcolor.job import FilmPlan, Segment
from filmcolor.lease import Lease, Watch
from filmcolor.ledger import Ledger, checksum, ledger_line
from filmcolor.media.partfile import sync_folder, write_bytes

_PLAN, _LEDGER, _LOCK, _LEDGER_LOCK = "plan.json", "ledger.jsonl", "run.lock", "ledger.lock"
_POLL_SECONDS = 0.05
_WAIT_SECONDS = 1.0


def default_folder(target: str) -> Path:
    """Where the work on a target is kept unless told otherwise: hidden, beside it."""
    path = Path(os.path.realpath(target))
    return path.with_name(f".{path.name}.work")


def digest_of(path: Path) -> str:
    """Of a file's whole content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


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


class WorkFolder:
    """One film's work; a context manager that one process at a time can be inside of, and beside it
    any number of shards.

    Raises `JobError` for a folder that cannot be used, with the way out.
    """

    def __init__(
        self, path: Path, fingerprint: Mapping[str, str], shard: int | None = None
    ) -> None:
        """`fingerprint` says by name what the work depends on: input, model, options. `shard` is
        the number of one that works beside others; it takes the lock only now and then.
        """
        self.path = path
        self.fingerprint = dict(fingerprint)
        self.settings: Mapping[int, str] | None = None
        """By number, what a segment must have been made with, nothing where none stands; None: with
        anything. To be set once the plan is known."""
        self.is_plan_dear = False
        """Whether the plan is worth keeping by itself, having taken long."""
        self._shard = shard
        self._ledger = Ledger(path / _LEDGER, Entry)
        self._lock = Lease(path / _LOCK)
        self._way = checksum(self.fingerprint)
        self._presence = self._lock
        if shard is not None:
            self._presence = Lease(path / f"shard-{shard:05}.lease", self._way)
        self._taken: list[Lease] = []

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
            watch = Watch()
            while not self._presence.take():
                if not watch.is_alive(self._presence):  # it may have died on another machine
                    time.sleep(_WAIT_SECONDS)
                    continue
                what = "this film" if self._shard is None else f"shard {self._shard} of this film"
                raise JobError(
                    f"{self.path}: {self._presence.holder()} is at work on {what}; wait for it, or "
                    "stop it first"
                )
        except OSError as error:
            raise JobError(
                f"{self.path}: cannot be used ({error.strerror}); choose another --work"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Give it up; it is removed if there is nothing in it worth keeping."""
        self.leave_segments()
        self._presence.release()
        if self._shard is not None:
            self._lock.release()
        elif not (self.is_plan_dear or self.entries() or self.others()):
            self.remove()

    def _is_own(self) -> bool:
        names = {path.name for path in self.path.iterdir()}
        return _PLAN in names or all(
            name == _LOCK or name.startswith(("shard-", ".clock-")) for name in names
        )

    def take_lock(self) -> bool:
        """For a shard: whether it alone may plan now, or join. `FileNotFoundError` if the folder is
        gone, since the film is whole.
        """
        return self._lock.take()

    def release_lock(self) -> None:
        """For a shard: let others plan or join."""
        self._lock.release()

    def is_alone(self) -> bool:
        """Whether the lock is held still: one that seemed dead has lost it."""
        return self._lock.is_mine()

    def holder(self) -> str | None:
        """Who plans or joins, or does everything, for people."""
        return self._lock.holder()

    def others(self) -> list[Lease]:
        """Presence of the shards at work here, but for this one."""
        leases = (Lease(path) for path in self.path.glob("shard-*.lease"))
        own = self._presence.path
        return [lease for lease in leases if lease.path != own and not lease.is_stale()]

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
        """Save a new plan; what was done by another is removed. `title` is for people.

        Raises `JobError` if others are at work in another way.
        """
        for other in self.others():
            if other.note() == self._way:
                continue  # it waits for this plan
            raise JobError(
                f"{self.path}: {other.holder()} is at work on this film, but not in the same way; "
                "wait for it, or stop it first"
            )
        for path in [self.path / _LEDGER, *self.path.glob("segment-*.seg")]:
            path.unlink(missing_ok=True)  # what stays would count as done by the new plan
        for path in self.path.iterdir():
            if path.name != _LOCK and not path.name.startswith("shard-"):
                with contextlib.suppress(OSError):
                    path.unlink()
        count = len(plan.segments())
        head = {"title": title, "segments": count, "fingerprint": self.fingerprint}
        text = json.dumps({**head, "plan": plan.to_json()})
        write_bytes(self.path / _PLAN, text.encode(), overwrite=True)

    def entries(self) -> dict[int, Entry]:
        """Finished segments by number: those whose last line in the ledger and whose file are
        whole, made with what they are to be made with.
        """
        return {number: entry for number, entry in self.recorded().items() if self._is_whole(entry)}

    def recorded(self) -> dict[int, Entry]:
        """As `entries`, but as the ledger has them: their files are not asked for."""
        latest = {entry.segment: entry for entry in self._ledger.lines()}
        if self.settings is None:
            return latest
        wanted = self.settings
        return {n: entry for n, entry in latest.items() if entry.settings == wanted.get(n, "")}

    def _is_done(self, number: int) -> bool:
        entry = self.recorded().get(number)
        return entry is not None and self._is_whole(entry)

    def _is_whole(self, entry: Entry) -> bool:
        try:
            return self.segment_path(entry.segment).stat().st_size == entry.bytes
        except OSError:
            return False

    def check(self) -> None:
        """Remove what earlier runs left behind: leases, and files that do not match the ledger.

        For the one process that holds the lock, before anything is taken. What others are at work
        on is let alone.
        """
        busy = set()
        for path in self.path.glob("segment-*.lease*"):
            if Lease(path).is_stale():
                path.unlink(missing_ok=True)
            else:
                busy.add(path.name.partition(".")[0])
        good = {
            self.segment_path(number).name
            for number, entry in self.entries().items()
            if digest_of(self.segment_path(number)) == entry.file
        }
        for path in [*self.path.glob("segment-*.seg*"), *self.path.glob(".segment-*.part")]:
            if path.name not in good and path.name.lstrip(".").partition(".")[0] not in busy:
                path.unlink(missing_ok=True)

    def take(self, segments: Sequence[Segment]) -> Iterator[tuple[Segment, Lease]]:
        """Segments that nobody has done or is doing, each with its lease, until none is left.

        Ends when the folder is gone, which is when another has put the film together.
        """
        for segment in segments:
            if self._is_done(segment.number):
                continue
            lease = self._lease(segment)
            try:
                if not lease.take():
                    continue
            except FileNotFoundError:
                return
            if self._is_done(segment.number):
                lease.release()
                continue
            self._taken.append(lease)
            yield segment, lease

    def leave_segments(self) -> None:
        """Release all that was taken and is not done."""
        while self._taken:
            self._taken.pop().release()

    def missing(self, segments: Sequence[Segment]) -> list[Segment]:
        """Those that are not done."""
        entries = self.entries()
        return [segment for segment in segments if segment.number not in entries]

    def held(self, segments: Sequence[Segment]) -> list[Lease]:
        """Leases of those that somebody seems to be at work on."""
        leases = map(self._lease, segments)
        return [lease for lease in leases if lease.path.exists() and not lease.is_stale()]

    def _lease(self, segment: Segment) -> Lease:
        return Lease(self.path / f"segment-{segment.number:05}.lease")

    def place(self, entry: Entry, file: Path) -> None:
        """Give a finished segment its name and its line in the ledger; on the disk when this
        returns.
        """
        try:
            os.replace(file, self.segment_path(entry.segment))
        except OSError as error:
            raise self._refused(error) from error
        self.record(entry)

    def record(self, entry: Entry) -> None:
        """Add a finished segment to the ledger; on the disk when this returns."""
        line = ledger_line(asdict(entry))
        lock = Lease(self.path / _LEDGER_LOCK)  # file servers do not append for several at once
        try:
            while not lock.take():
                time.sleep(_POLL_SECONDS)
            try:
                handle = os.open(self.path / _LEDGER, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o666)
                try:
                    os.write(handle, line)
                    os.fsync(handle)
                finally:
                    os.close(handle)
                sync_folder(self.path)
            finally:
                lock.release()
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> MediaError:
        return MediaError(
            f"{self.path}: cannot be written ({error.strerror}); make room on the disk"
        )

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


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
    leases = [Lease(path / _LOCK), *map(Lease, sorted(path.glob("shard-*.lease")))]
    holders = [lease.holder() for lease in leases if not lease.is_stale()]
    return WorkState(
        path=path,
        title=title,
        done=len(WorkFolder(path, {}).entries()),
        segments=segments,
        bytes=sum(file.st_size for file in files),
        changed=max((file.st_mtime for file in files), default=0.0),
        holder=holders[0] if holders else None,
    )


def find_work(folder: Path) -> list[WorkState]:
    """Work folders directly inside a folder, or the folder itself if it is one; in order."""
    own = look_into(folder)
    if own is not None:
        return [own]
    inside = (look_into(path) for path in sorted(folder.iterdir()) if path.is_dir())
    return [state for state in inside if state is not None]
