"""The work folder of a film: its plan, its finished segments, and the leases on them.

Everything in it is written whole or not at all, so that a run may stop at any moment; what stands
in the ledger and still matches is never done again. It must not know how a segment is made.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from filmcolor.errors import JobError, refusals
from filmcolor.film.plan import FilmPlan, Segment
from filmcolor.hashing import file_digest
from filmcolor.media.partfile import write_bytes
from filmcolor.segments.lease import Lease, LeaseKey, Watch
from filmcolor.segments.ledger import checksum
from filmcolor.segments.segment_files import SegmentFiles
from filmcolor.segments.stored_plan import StoredPlan
from filmcolor.segments.workplace import (
    ELSEWHERE,
    JOINING,
    LEDGER,
    LOCK,
    MARK,
    PLAN,
    empty_place,
    enter_place,
    own_files,
)

T = TypeVar("T")

_WAIT_SECONDS = 1.0
_TRIES = 10
"""How often a folder is made anew that is removed in the moment in which it is entered."""


def in_turn(items: Sequence[T], shard: tuple[int, int] | None) -> list[T]:
    """All items, in order; of several shards, each begins at another."""
    number, count = shard or (1, 1)
    place = len(items) * (number - 1) // count
    return [*items[place:], *items[:place]]


class WorkFolder(SegmentFiles):
    """One film's work; a context manager that one process at a time can be inside of, and beside it
    any number of shards.

    Raises `JobError` for a folder that cannot be used, with the way out.
    """

    def __init__(
        self,
        path: Path,
        fingerprint: Mapping[str, str],
        shard: int | None = None,
        lease_key: LeaseKey | None = None,
    ) -> None:
        """`fingerprint` as `SegmentFiles`. `shard` is the number of one that works beside others;
        it takes the lock only now and then. `lease_key` is that of the run which this process works
        for, and which is in the folder.
        """
        super().__init__(path, fingerprint)
        self.keep_plan = False
        """Whether the plan is worth keeping by itself, having taken long."""
        self._shard = shard
        self.lock = Lease(path / LOCK)
        """Of the run, or for a shard of whichever plans or joins; `take` raises `FileNotFoundError`
        where the folder is gone, since the film is whole.
        """
        self._presence = self.lock
        if shard is not None:
            self._presence = Lease(path / f"shard-{shard:05}.lease", self.way)
        if lease_key is not None:
            self._presence = Lease(path / lease_key.name, key=lease_key.key)
            self.lock = self._presence if lease_key.name == LOCK else self.lock
        self._taken: list[Lease] = []
        self._stored = StoredPlan(path / PLAN)

    @property
    def lease_key(self) -> LeaseKey:
        """What those need who work for this run."""
        return self._presence.lease_key

    def __enter__(self) -> WorkFolder:
        with refusals(JobError, f"{self.path}: cannot be used", ELSEWHERE):
            watch = Watch()
            while not self._enter():
                if not watch.is_alive(self._presence):  # it may have died on another machine
                    time.sleep(_WAIT_SECONDS)
                    continue
                what = "this film" if self._shard is None else f"shard {self._shard} of this film"
                raise JobError(
                    f"{self.path}: {self._presence.holder()} is at work on {what}; wait for it, or "
                    "stop it first"
                )
        return self

    def _enter(self) -> bool:
        """Whether the folder is there and this run inside; another may remove it meanwhile."""
        for tries_left in reversed(range(_TRIES)):
            try:
                enter_place(self.path)
                if not self._presence.take():
                    return False
                try:
                    enter_place(self.path)
                except BaseException:
                    self._presence.release()
                    raise
                return True
            except FileNotFoundError:
                if not tries_left:
                    raise
        return False

    def __exit__(self, *_: object) -> None:
        """Give it up; it is removed if there is nothing in it worth keeping."""
        self.leave_segments()
        has_parts = any(self.path.glob("segment-*.seg"))  # be they of another plan
        if self._shard is None and not (self.keep_plan or has_parts or self.others()):
            self.remove()
        self._presence.release()
        if self._shard is not None:
            self.lock.release()

    def is_gone(self) -> bool:
        """Whether another has put the film together and removed the folder, or all of ours in it
        where filmcolor did not make it.
        """
        return not (self.path / MARK).exists()

    def is_alone(self) -> bool:
        """Whether the lock is held still: one that seemed dead has lost it."""
        return self.lock.is_mine()

    def is_held(self) -> bool:
        """Whether this run is inside still, and the plan its own: it may have seemed dead, and
        others have begun; and what it was started by may have died.
        """
        own = self._presence
        is_inside = own.is_mine() and own.lives() is not False
        return is_inside and self._stored.is_of(self.fingerprint)

    def check_held(self) -> None:
        """Raise `JobError` where `is_held` is False."""
        if not self.is_held():
            raise self._lost()

    def check_alone(self) -> None:
        """Raise `JobError` where `is_alone` is False."""
        if not self.is_alone():
            raise self._lost()

    def _lost(self) -> JobError:
        other = self.lock.holder()
        then = f"{other} is at work on it now; wait for it" if other else "run it again"
        return JobError(f"{self.path}: this run was silent for long and has lost the film: {then}")

    def others(self) -> list[Lease]:
        """Presence of the shards at work here, but for this one."""
        leases = (Lease(path) for path in self.path.glob("shard-*.lease"))
        own = self._presence.path
        return [lease for lease in leases if lease.path != own and not lease.is_stale()]

    def plan(self) -> tuple[FilmPlan | None, list[str]]:
        """The plan that was saved, if it is of this very work; else what is different now."""
        return self._stored.read(self.fingerprint)

    def begin(self, plan: FilmPlan, title: str = "") -> None:
        """Save a new plan; what was done by another is removed. `title` is for people.

        Raises `JobError` if others are at work in another way, or alone here by now.
        """
        self.check_alone()
        for other in self.others():
            if other.note() == self.way:
                continue  # it waits for this plan
            raise JobError(
                f"{self.path}: {other.holder()} is at work on this film, but not in the same way; "
                "wait for it, or stop it first"
            )
        for path in own_files(self.path):
            if path.name == LEDGER or path.suffix == ".seg":
                path.unlink(missing_ok=True)  # what stays would count as done
            elif path.name not in (MARK, LOCK) and not path.name.startswith("shard-"):
                with contextlib.suppress(OSError):
                    path.unlink()
        self._stored.write(plan, title, self.fingerprint)

    def check(self) -> None:
        """Remove what earlier runs left behind: leases, and files that do not match the ledger.

        For the one process that holds the lock, before anything is taken; raises `JobError` for
        another. What others are at work on is let alone.
        """
        self.check_alone()
        busy, parts = set(), []
        for path in own_files(self.path):
            name = path.name.lstrip(".")
            if not name.startswith("segment-"):
                continue
            if ".lease" not in name:
                parts.append(path)
            elif Lease(path).is_stale():
                path.unlink(missing_ok=True)
            else:
                busy.add(name.partition(".")[0])
        good = {
            self._file(entry).name
            for entry in self.entries().values()
            if file_digest(self._file(entry)) == entry.file
        }
        for path in parts:
            if path.name not in good and path.name.lstrip(".").partition(".")[0] not in busy:
                path.unlink(missing_ok=True)

    def take(self, segments: Sequence[Segment]) -> Iterator[tuple[Segment, Lease]]:
        """Segments that nobody has done or is doing, each with its lease, until none is left.

        Ends when the folder is gone, since another has put the film together. Raises
        `JobError` when this run is not inside any more.
        """
        for segment in segments:
            if self.is_gone():
                return
            self.check_held()
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

    def held(self, segments: Sequence[Segment]) -> list[Lease]:
        """Leases of those that somebody seems to be at work on."""
        leases = map(self._lease, segments)
        return [lease for lease in leases if lease.path.exists() and not lease.is_stale()]

    def _lease(self, segment: Segment) -> Lease:
        return Lease(self.path / f"{self._stem(segment.number)}.lease")

    @property
    def is_joining(self) -> bool:
        """Whether some files of a result that is many are under their names, by this work; before
        the `settings` are known, as far as they do not matter.
        """
        try:
            way, settings = (self.path / JOINING).read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            return False
        return way == self.way and (self.settings is None or settings == self._settings_sum)

    @property
    def _settings_sum(self) -> str:
        return checksum({str(number): each for number, each in (self.settings or {}).items()})

    def begin_join(self) -> None:
        """Take note that files of the result get their names from now on."""
        text = f"{self.way} {self._settings_sum}"
        write_bytes(self.path / JOINING, text.encode(), overwrite=True)

    def end_join(self) -> None:
        """Take note that all of them have theirs."""
        (self.path / JOINING).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all that is ours, and the folder if we made it; only for who is alone inside."""
        if self.is_alone():
            empty_place(self.path)
