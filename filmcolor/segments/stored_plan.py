"""The plan of a film as it lies in the work folder, with what the work on it depends on.

It must not know what is done by the plan.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filmcolor.film.plan import FilmPlan
from filmcolor.media.partfile import write_bytes
from filmcolor.typed import parse_json

_LAYOUT = 3
"""Of the folder: names and fields of its files. What was left in another is not gone on with."""


class StoredPlan:
    """The file of a plan. A fingerprint says by name what the work depends on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[int, ...] = ()

    def read(self, fingerprint: Mapping[str, str]) -> tuple[FilmPlan | None, list[str]]:
        """The plan that was saved, if it is of this very work; else what is different now."""
        try:
            stored = parse_json(self._path.read_text(encoding="utf-8"))
            changed = _changes(stored, fingerprint)
            return (None, changed) if changed else (FilmPlan.from_json(stored["plan"]), [])
        except FileNotFoundError:
            return None, []
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
            return None, ["its plan, which is damaged,"]

    def is_of(self, fingerprint: Mapping[str, str]) -> bool:
        """Whether there is a plan, and of this very work; the file is read when it is another."""
        try:
            with self._path.open("rb") as file:
                state = os.fstat(file.fileno())
                seen = state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns
                if seen != self._known and _changes(parse_json(file.read()), fingerprint):
                    return False
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False
        self._known = seen
        return True

    def write(self, plan: FilmPlan, title: str, fingerprint: Mapping[str, str]) -> None:
        """Save a plan in place of any other; `title` is for people. Raises `MediaError`."""
        values = {
            "layout": _LAYOUT,
            "title": title,
            "segments": len(plan.segments()),
            "fingerprint": dict(fingerprint),
            "plan": plan.to_json(),
        }
        write_bytes(self._path, json.dumps(values).encode(), overwrite=True)


def _changes(stored: Mapping[str, Any], fingerprint: Mapping[str, str]) -> list[str]:
    """What is different now from when a plan was stored."""
    before = dict(stored["fingerprint"])
    names = {**before, **fingerprint}
    changed = [name for name in names if before.get(name) != fingerprint.get(name)]
    if not changed and stored.get("layout") != _LAYOUT:
        return ["the layout of the work folder"]
    return changed
