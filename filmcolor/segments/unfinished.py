"""Runs that were not finished: the state of their work folders, and how these are removed.

It must not know what a run does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filmcolor.segments.lease import Lease
from filmcolor.segments.workfolder import WorkFolder
from filmcolor.segments.workplace import LOCK, PLAN, empty_place, is_own, own_files
from filmcolor.typed import parse_json


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
    """The state of a work folder that has a plan; None for anything else."""
    try:
        if not is_own(path):
            return None
        head = parse_json((path / PLAN).read_text(encoding="utf-8"))
        title, segments = str(head["title"]), int(head["segments"])
        seen = WorkFolder(path, dict(head["fingerprint"]))
        files = [each.stat() for each in own_files(path)]
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    holders = [lease.holder() for lease in _leases_on(path) if not lease.is_stale()]
    return WorkState(
        path=path,
        title=title,
        done=len(seen.entries()),
        segments=segments,
        bytes=sum(file.st_size for file in files),
        changed=max((file.st_mtime for file in files), default=0.0),
        holder=holders[0] if holders else None,
    )


def find_work(folder: Path) -> list[WorkState]:
    """Work folders directly inside a folder, or the folder itself if it is one; in order."""
    itself = look_into(folder)
    if itself is not None:
        return [itself]
    inside = (look_into(path) for path in sorted(folder.iterdir()) if path.is_dir())
    return [state for state in inside if state is not None]


def clear(path: Path) -> bool:
    """Remove what a run has left in its folder, and the folder if filmcolor made it and it holds
    nothing else; nothing where somebody is at work, which is False.
    """
    lock = Lease(path / LOCK)
    if not lock.take():
        return False
    try:
        if any(not lease.is_stale() for lease in _leases_on(path) if lease.path != lock.path):
            return False
        empty_place(path)
    finally:
        lock.release()
    return True


def _leases_on(path: Path) -> list[Lease]:
    """Those of who may be inside: a plain run, or shards."""
    return [Lease(path / LOCK), *map(Lease, sorted(path.glob("shard-*.lease")))]
