"""How a run's events become lines for people, a moving bar, or JSON for programs.

Everything goes to standard error, but for JSON, which goes to standard output unless the film does.
"""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import click
from rich.console import Console

from filmcolor import types
from filmcolor.cli.lines import write_json
from filmcolor.cli.screen import Bar, Screen, terminal
from filmcolor.types import (
    Analyzing,
    Event,
    FilmDone,
    Finished,
    Joining,
    Notice,
    PictureDone,
    Started,
)

Unit = Literal["frames", "pictures"]

_LINE_SECONDS = 5.0
"""Where there is no terminal: at most one progress line in this time."""
_JSON_SECONDS = 0.5
_PACE_SECONDS = 30.0
"""The stretch of time over which frames a second are measured."""
_FIRST_SECONDS = 1.0
"""No pace is stated before this much of it has been seen."""


class Pace:
    """Frames a second of late, counted from the first mark on, and the time that is left."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque()

    def mark(self, done: int) -> None:
        """So many are done now."""
        now = self._clock()
        self._marks.append((now, done))
        while len(self._marks) > 2 and now - self._marks[1][0] >= _PACE_SECONDS:
            self._marks.popleft()

    @property
    def per_second(self) -> float | None:
        """Frames a second over the last half minute; None while too little has been seen."""
        if len(self._marks) < 2:
            return None
        (start, before), (stop, after) = self._marks[0], self._marks[-1]
        if stop - start < _FIRST_SECONDS or after <= before:
            return None
        return (after - before) / (stop - start)

    def seconds_left(self, total: int | None) -> float | None:
        """Estimate of the seconds until `total` are done; None when there is nothing to go by."""
        speed = self.per_second
        if speed is None or total is None or self._marks[-1][1] > total:
            return None
        return (total - self._marks[-1][1]) / speed


def slowest_stage(stage_seconds: Mapping[str, float]) -> str | None:
    """Name of the stage that has worked longest, if any has."""
    return max(stage_seconds, key=lambda name: stage_seconds[name], default=None)


def clock_text(seconds: float) -> str:
    """Whole seconds as people write them: 0:05, 12:34, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def plan_line(event: Started) -> str:
    """What is going to happen, in one line."""
    way = f"{file_name(event.source)} -> {file_name(event.target)}"
    made = f", model {event.model} on {event.device}" if event.model else ""
    return f"{way}: {event.summary}{made}"


def result_line(event: Finished) -> str:
    """What has happened, in one line."""
    name, took = file_name(event.target), clock_text(event.seconds)
    if event.unit in ("pictures", "films"):
        counts = f"{event.done} done, {event.skipped} skipped, {event.failed} failed"
        counts += f", {event.left} left to other shards" if event.left else ""
        return f"{name}: {counts} in {took}" if name else f"{counts} in {took}"
    if event.unit == "shots":
        return f"{name}: {event.done} shots in {took}"
    if not event.whole:
        left = "the rest is left to the other shards, which put the film together"
        return f"{name}: {event.done} frames done here in {took}; {left}"
    speed = f", {event.done / event.seconds:.1f} fps" if event.seconds > 0 else ""
    slowest = slowest_stage(event.stage_seconds)
    return f"{name}: {event.done} frames in {took}{speed}" + (
        f" (slowest stage: {slowest})" if slowest else ""
    )


def _believed(event: Analyzing | Joining | types.Progress) -> int | None:
    """The total, unless the film has turned out longer."""
    return event.total if event.total is not None and event.done <= event.total else None


def _count(done: int, total: int | None) -> str:
    return f"{done}" if total is None else f"{done}/{total}"


def _passed(event: Analyzing | Joining) -> str:
    what = "looking through" if isinstance(event, Analyzing) else "putting together"
    return f"{what}: {_count(event.done, _believed(event))} frames"


def file_name(path: str) -> str:
    """A file name that can be printed, whatever bytes are in it."""
    names = {"-": "pipe"}
    return names.get(path) or click.format_filename(path)


def film_reason(event: FilmDone) -> str:
    """Name and reason, the name once."""
    name = file_name(event.source)
    return event.reason if event.reason.startswith(name) else f"{name}: {event.reason}"


class Display(Screen):
    """Shows the events of one run; a context manager, so that nothing is left on the terminal.

    By itself it shows what `--quiet` leaves: warnings, and the pictures that failed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._failures: list[PictureDone] = []
        self._unit: Unit = "frames"
        self._work = ""
        self.of_several = False
        """Whether this is a run over several films."""

    @property
    def unit(self) -> Unit:
        """What is being coloured, once it is known."""
        return self._unit

    @property
    def work(self) -> str:
        """Folder that keeps what is done, once it is known; empty if nothing is kept."""
        return self._work

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Notice():
                self.notice(event)
            case Started():
                self._unit, self._work = event.unit, event.work
                self.planned(event)
            case Analyzing() | Joining():
                self.passing(event)
            case types.Progress():
                self.progress(event)
            case PictureDone():
                if event.status == "failed":
                    self._failures.append(event)
                self.picture(event)
            case FilmDone():
                self.film(event)
            case Finished():
                self.finished(event)

    def notice(self, event: Notice) -> None:
        """Something worth knowing."""
        if event.warning:
            self.line(f"Warning: {event.text}")

    def planned(self, event: Started) -> None:
        """The run is about to start."""

    def passing(self, event: Analyzing | Joining) -> None:
        """The film is being looked through first, or its parts are put together at last."""

    def progress(self, event: types.Progress) -> None:
        """The run goes on."""

    def picture(self, event: PictureDone) -> None:
        """One picture was dealt with."""

    def film(self, event: FilmDone) -> None:
        """One film of several was dealt with: what could not be done is said at once."""
        if event.status == "failed":
            self.line(f"Failed: {film_reason(event)}")

    def table(self, lines: Sequence[str]) -> None:
        """All films of several, when they have been dealt with."""

    def finished(self, event: Finished) -> None:
        """The run is over."""

    def failed(self, error: BaseException, exit_code: int) -> None:
        """The run ends with an error, which the command line reports by itself."""

    def close(self) -> None:
        """Say which pictures failed, once, and put the terminal back in order."""
        failures, self._failures = self._failures, []
        for event in failures:
            name = file_name(event.source)
            reason = event.reason if event.reason.startswith(name) else f"{name}: {event.reason}"
            self.line(f"Failed: {reason}")


class LineDisplay(Display):
    """Plain lines, for a log or a pipe: a plan, a sign of life every few seconds, a result."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._pace = Pace(clock)
        self._last = clock()

    def notice(self, event: Notice) -> None:
        """Warnings are marked as such, other notices are not."""
        self.line(f"Warning: {event.text}" if event.warning else f"Note: {event.text}")

    def planned(self, event: Started) -> None:
        """One line: input, output, what it is, model, device."""
        self._pace = Pace(self._clock)
        self.line(plan_line(event))

    def passing(self, event: Analyzing | Joining) -> None:
        """One line every few seconds."""
        if self._due():
            self.line(_passed(event))

    def progress(self, event: types.Progress) -> None:
        """One line every few seconds."""
        self._pace.mark(event.done)
        if not self._due():
            return
        total = _believed(event)
        parts = [f"{_count(event.done, total)} {self.unit}"]
        if (speed := self._pace.per_second) is not None:
            parts.append(f"{speed:.1f} {'fps' if self.unit == 'frames' else 'a second'}")
        if (left := self._pace.seconds_left(total)) is not None:
            parts.append(f"{clock_text(left)} left")
        if slowest := slowest_stage(event.stage_seconds):
            parts.append(f"slowest stage: {slowest}")
        self.line(", ".join(parts))

    def table(self, lines: Sequence[str]) -> None:
        """As it is."""
        for line in lines:
            self.line(line)

    def finished(self, event: Finished) -> None:
        """One line: what there is now, and how fast it went."""
        self.line(result_line(event))

    def _due(self) -> bool:
        """Whether it is time for another line."""
        now = self._clock()
        if now - self._last < _LINE_SECONDS:
            return False
        self._last = now
        return True


class BarDisplay(LineDisplay):
    """The same on a terminal, with a bar that moves in place of the signs of life."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._bar = Bar(console)

    def planned(self, event: Started) -> None:
        """The plan as a line, then an empty bar under it."""
        super().planned(event)
        self._bar.start(f"0 {event.unit}", event.total)

    def passing(self, event: Analyzing | Joining) -> None:
        """Move the bar once along the film before it is coloured, and once after."""
        self._bar.move(event.done, _believed(event), _passed(event), "")

    def progress(self, event: types.Progress) -> None:
        """Move the bar."""
        self._pace.mark(event.done)
        total = _believed(event)
        count = f"{_count(event.done, total)} {self.unit}"
        parts = []
        if (speed := self._pace.per_second) is not None:
            parts.append(f"{speed:.1f} {'fps' if self.unit == 'frames' else 'a second'}")
        if (left := self._pace.seconds_left(total)) is not None:
            parts.append(f"{clock_text(left)} left")
        if slowest := slowest_stage(event.stage_seconds):
            parts.append(f"slowest: {slowest}")
        if self._failures:
            parts.append(f"{len(self._failures)} failed")
        self._bar.move(event.done, total, count, ", ".join(parts))

    def film(self, event: FilmDone) -> None:
        """The bar goes before a failure is said."""
        self._bar.stop()
        super().film(event)

    def finished(self, event: Finished) -> None:
        """The bar goes, the result stays."""
        self._bar.stop()
        super().finished(event)

    def close(self) -> None:
        """Take the bar away before anything else is said."""
        self._bar.stop()
        super().close()

    def line(self, text: str) -> None:
        """One line above the bar, coloured by its first word, broken only by the terminal."""
        self._bar.line(text)


class JsonDisplay(Display):
    """One JSON object a line; `event` names its kind, the rest are the fields of that event."""

    def __init__(self, *, to_stderr: bool, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._to_stderr = to_stderr
        self._clock = clock
        self._pace = Pace(clock)
        self._last: float | None = None

    def notice(self, event: Notice) -> None:
        """`text`, `warning`."""
        self._write("notice", _fields(event))

    def planned(self, event: Started) -> None:
        """Everything that is known before the start."""
        self._write("planned", _fields(event))

    def passing(self, event: Analyzing | Joining) -> None:
        """Counts; twice a second at most."""
        if self._due():
            self._write("looking" if isinstance(event, Analyzing) else "joining", _fields(event))

    def progress(self, event: types.Progress) -> None:
        """Counts, `stage_seconds`, `per_second`, `seconds_left`; twice a second at most."""
        self._pace.mark(event.done)
        if not self._due():
            return
        speed, left = self._pace.per_second, self._pace.seconds_left(event.total)
        self._write("progress", {**_fields(event), "per_second": speed, "seconds_left": left})

    def picture(self, event: PictureDone) -> None:
        """`source`, `target`, `status`, `reason`."""
        self._write("picture", _fields(event))

    def film(self, event: FilmDone) -> None:
        """`source`, `target`, `status`, `reason`."""
        self._write("film", _fields(event))

    def finished(self, event: Finished) -> None:
        """Counts, seconds, and the seconds of each stage."""
        self._write("finished", _fields(event))

    def failed(self, error: BaseException, exit_code: int) -> None:
        """`text`, `exit_code`; the process ends after it."""
        self._write("error", {"text": str(error), "exit_code": exit_code})

    def close(self) -> None:
        """Nothing is held back: every failure has had its line."""

    def _due(self) -> bool:
        """Whether it is time for another object."""
        now = self._clock()
        if self._last is not None and now - self._last < _JSON_SECONDS:
            return False
        self._last = now
        return True

    def _write(self, kind: str, fields: Mapping[str, Any]) -> None:
        write_json({"event": kind, **fields}, to_stderr=self._to_stderr)


def _fields(event: Event) -> dict[str, Any]:
    values = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return {n: dict(v) if isinstance(v, Mapping) else v for n, v in values.items()}


def open_display(*, quiet: bool, as_json: bool, film_on_stdout: bool) -> Display:
    """The display that fits where standard error goes and what was asked for."""
    if as_json:
        return JsonDisplay(to_stderr=film_on_stdout)
    if quiet:
        return Display()
    console = terminal()
    return LineDisplay() if console is None else BarDisplay(console)
