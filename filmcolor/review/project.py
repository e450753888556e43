"""The plan of a film as the page changes it: always whole on the disk before a change counts.

The file belongs to people too: it is read again whenever it was changed, and every change touches
one value of it.
"""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable
from pathlib import Path

from filmcolor.errors import JobError, OptionError
from filmcolor.guide.plan_edit import Strokes, with_choice, with_strokes, with_thing
from filmcolor.guide.plan_file import PlanFile, parse_plan
from filmcolor.guide.strokes import parse_strokes, read_text
from filmcolor.hashing import digest
from filmcolor.media.partfile import make_folder, write_bytes
from filmcolor.options import Stroke
from filmcolor.review.journal import Change, Journal, Value
from filmcolor.segments.lease import Lease
from filmcolor.timecode import time_text

FILM, THING = "film", "thing "
_LARGEST = 64 << 20

Check = Callable[[PlanFile, str], object]
"""Raises `FilmcolorError` for a plan, with its mark, that the film cannot be coloured by."""


class ReadOnlyError(JobError):
    """Another page or process changes this project."""


class StaleError(JobError):
    """The plan is not what the page saw."""


class Project:
    """A plan, and beside it a folder with the journal and what is made once for the film. A context
    manager that holds the project if nobody else does.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        """`path` is the plan's, which need not be there yet."""
        make_folder(folder)
        self.path, self.folder = path, folder
        self._lease = Lease(folder / "review.lock", str(path))
        self._lock = threading.RLock()
        self._journal: Journal | None = None
        self._seen: tuple[int, int] | None = None
        self._text, self._mark, self._error = "", "", ""
        self._plan: PlanFile | None = None

    def __enter__(self) -> Project:
        if self._lease.take():
            self._journal = Journal(self.folder / "journal.jsonl")
        return self

    def __exit__(self, *_: object) -> None:
        if self._journal is not None:
            self._lease.release()

    @property
    def holder(self) -> str:
        """Who else holds the project; empty where this process does."""
        if self._journal is not None and self._lease.is_mine():
            return ""
        return self._lease.holder() or "another process"

    @property
    def is_there(self) -> bool:
        """Whether there is a plan."""
        return self.path.exists()

    def look(self) -> bool:
        """Whether the plan is another than before; it is read then."""
        with self._lock:
            try:
                found = self.path.stat()
                seen = found.st_size, found.st_mtime_ns
            except OSError:
                seen = None
            if seen == self._seen:
                return False
            before = self._mark, self._error
            self._seen = seen
            try:
                text = read_text(
                    self.path, _LARGEST, "a plan", "`filmcolor plan` writes plans", None
                )
                self._mark = _mark(text)
                self._plan, self._text = parse_plan(self.path, text), text
                self._error = ""
            except OptionError as error:
                self._error = str(error)
            return before != (self._mark, self._error)

    @property
    def plan(self) -> PlanFile | None:
        """The last plan that could be read."""
        return self._plan

    @property
    def mark(self) -> str:
        """Tells one text of the plan from another."""
        return self._mark

    @property
    def error(self) -> str:
        """Why the file as it is now cannot be used; empty if it can."""
        return self._error

    @property
    def undo_label(self) -> str:
        """What would be undone; empty for nothing."""
        change = None if self._journal is None else self._journal.to_undo
        return "" if change is None else change.label

    @property
    def redo_label(self) -> str:
        """What would be done again; empty for nothing."""
        change = None if self._journal is None else self._journal.to_redo
        return "" if change is None else change.label

    def set(
        self, shot: int, key: str, value: Value, label: str, check: Check, mark: str | None = None
    ) -> None:
        """Change one value of a shot, counted from 1, or of the film (0); None takes it out.

        `mark` is that of the plan that was seen. When this returns, the change is on the disk.
        Raises `FilmcolorError`, and changes nothing then.
        """
        with self._lock:
            journal = self._held(mark)
            self._change(journal, self._place(shot), key, value, label, check)

    def set_thing(
        self, name: str, color: str | None, label: str, check: Check, mark: str | None = None
    ) -> None:
        """Give the thing of a name a colour, or take it away. As `set`."""
        with self._lock:
            journal = self._held(mark)
            self._change(journal, THING + name, "color", color, label, check)

    def _change(
        self, journal: Journal, place: str, key: str, value: Value, label: str, check: Check
    ) -> None:
        before = self._value(place, key)
        if before == value:
            return
        self._write(place, key, value, check)
        journal.add(Change(place, key, before, value, label))

    def undo(self, check: Check, mark: str | None = None) -> str:
        """Take the last change back; returns what that was. Raises as `set`."""
        with self._lock:
            journal = self._held(mark)
            change = journal.to_undo
            if change is None:
                raise OptionError("there is nothing to undo")
            self._apply(change.reversed(), check)
            journal.step(-1)
            return change.label

    def redo(self, check: Check, mark: str | None = None) -> str:
        """Make the change again that was undone last; returns what it is. Raises as `set`."""
        with self._lock:
            journal = self._held(mark)
            change = journal.to_redo
            if change is None:
                raise OptionError("there is nothing to do again")
            self._apply(change, check)
            journal.step(1)
            return change.label

    def _held(self, mark: str | None) -> Journal:
        """The journal of the project, which this process holds, with the plan as it was seen."""
        self.look()
        if self._journal is None or self.holder:
            raise ReadOnlyError(f"{self.holder} works on this film; this page shows it only")
        if self._error:
            raise OptionError(self._error)
        if mark is not None and mark != self._mark:
            raise StaleError("the plan was changed meanwhile; look at it, then say it again")
        return self._journal

    def _apply(self, change: Change, check: Check) -> None:
        """Make a change wherever its shot is now. Strokes that others have added stay."""
        now = self._value(change.place, change.key)
        value = change.after
        if change.key == "strokes":
            value = _merged(now, change.before, change.after)
        if value != now:
            self._write(change.place, change.key, value, check)

    def _write(self, place: str, key: str, value: Value, check: Check) -> None:
        if place.startswith(THING):
            text = with_thing(self._text, place.removeprefix(THING), key, value)
        elif key == "strokes":
            text = with_strokes(self._text, self._shot(place), strokes_of(value))
        else:
            text = with_choice(self._text, self._shot(place), key, value)
        check(parse_plan(self.path, text), _mark(text))
        write_bytes(self.path, text.encode(), overwrite=True)
        self.look()

    def _value(self, place: str, key: str) -> Value:
        """As the file has it, in what JSON can hold."""
        values = tomllib.loads(self._text)
        if place.startswith(THING):
            name = place.removeprefix(THING)
            things = values.get("thing", [])
            return next((each.get(key) for each in things if each["name"] == name), None)
        shot = self._shot(place)
        value = (values["shot"][shot - 1] if shot else values.get("film", {})).get(key)
        return said(parse_strokes(value)) if key == "strokes" and isinstance(value, list) else value

    def _place(self, shot: int) -> str:
        assert self._plan is not None
        return time_text(self._plan.shots[shot - 1].start) if shot else FILM

    def _shot(self, place: str) -> int:
        assert self._plan is not None
        if place == FILM:
            return 0
        for number, shot in enumerate(self._plan.shots, 1):
            if time_text(shot.start) == place:
                return number
        raise OptionError(f"no shot starts at {place} any more: that change cannot be taken back")


def _mark(text: str) -> str:
    return digest(text.encode(), 8)


def said(strokes: Strokes) -> Value:
    """Strokes in what JSON can hold."""
    if not isinstance(strokes, tuple):
        return strokes
    return [_entry(stroke) for stroke in strokes]


def _entry(stroke: Stroke) -> dict[str, Value]:
    entry: dict[str, Value] = {"at": time_text(stroke.at), "color": stroke.color}
    if stroke.box is not None:
        entry["box"] = list(stroke.box)
    else:
        entry["points"] = [list(point) for point in stroke.points]
    return entry | ({} if stroke.radius == 1.0 else {"radius": stroke.radius})


def strokes_of(value: Value) -> Strokes:
    """Strokes as `said` has them; raises `ValueError`."""
    return parse_strokes(value) if isinstance(value, list) else value


def _merged(now: Value, before: Value, after: Value) -> Value:
    """Strokes as they are now with the change from `before` to `after`."""
    if now == before or not isinstance(now, list):
        return after
    old, new = (each if isinstance(each, list) else [] for each in (before, after))
    kept = [stroke for stroke in now if stroke not in old or stroke in new]
    found = kept + [stroke for stroke in new if stroke not in old and stroke not in kept]
    return found or after
