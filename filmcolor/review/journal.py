"""What was said on the page, one line each, on the disk before it counts: for undo and redo.

A line that was cut off by the end of the process is left out when the file is read. It knows
values, not plans.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filmcolor.durable import append, sync_folder
from filmcolor.errors import JobError, refusals
from filmcolor.typed import parse_json

Value = Any
"""What JSON can hold: text, a number, true or false, a list of strokes, None for nothing."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value of the plan, before and after."""

    place: str
    """Start of the shot as the plan has it, "film", or "thing" and its name."""
    key: str
    before: Value
    after: Value
    label: str
    """For people."""

    def reversed(self) -> Change:
        """The same the other way round."""
        return Change(self.place, self.key, self.after, self.before, self.label)


class Journal:
    """The changes that were made, and how many of them hold."""

    def __init__(self, path: Path) -> None:
        """Raises `JobError` if the file cannot be read or made."""
        self._path = path
        self._changes: list[Change] = []
        self._done = 0
        with refusals(JobError, f"{path}: cannot be used"):
            is_new = not path.exists()
            with path.open("ab+") as file:
                file.seek(0)
                content = file.read()
                whole = content[: content.rfind(b"\n") + 1]
                if len(whole) < len(content):
                    file.truncate(len(whole))
                    os.fsync(file.fileno())
            if is_new:
                sync_folder(path.parent)
        for line in whole.splitlines():
            self._take(line)

    def _take(self, line: bytes) -> None:
        """Take up what a line says; one that says nothing is left out."""
        try:
            said = parse_json(line)
            if "change" in said:
                change = Change(**said["change"])
                self._changes = [*self._changes[: self._done], change]
                self._done = len(self._changes)
            else:
                self._done = min(max(0, int(said["done"])), len(self._changes))
        except (ValueError, TypeError, KeyError, OverflowError):
            return

    @property
    def to_undo(self) -> Change | None:
        """The last change that holds."""
        return self._changes[self._done - 1] if self._done else None

    @property
    def to_redo(self) -> Change | None:
        """The first one that was undone."""
        return self._changes[self._done] if self._done < len(self._changes) else None

    def add(self, change: Change) -> None:
        """A change was made; those that were undone before are given up."""
        self._write({"change": asdict(change)})

    def step(self, count: int) -> None:
        """So many more changes hold, or fewer."""
        self._write({"done": self._done + count})

    def _write(self, said: Mapping[str, Any]) -> None:
        line = json.dumps(said).encode()
        with refusals(JobError, f"{self._path}: cannot be written", "; make room, then try again"):
            append(self._path, b"\n" + line + b"\n")  # apart from one that a full disk cut off
        self._take(line)
