"""What the displays share: an event is shown by the function that a table has for its kind.

The functions say lines and move a bar by the methods here; they do not know which display it is.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias, TypeVar

from filmcolor.cli.display.terminal import complain, write_json
from filmcolor.events import Event, Progress, Started
from filmcolor.log import log_event
from filmcolor.throttle import Throttle
from filmcolor.timecode import clock_text

_E = TypeVar("_E", bound="Event")

Table: TypeAlias = "Mapping[type[Event], Callable[[Display, Any], None]]"
"""How each kind of event is shown; a kind that is not in it is not shown."""

PACE_SECONDS = 30.0
"""The stretch of time over which frames a second are measured."""
_LINE_SECONDS, _JSON_SECONDS = 5.0, 0.5
_FIRST_SECONDS = 1.0
"""No pace is stated before this much of it has been seen."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a command is."""

    done: float
    total: float | None
    """Expected, if known; an estimate."""
    unit: str = "frames"
    text: str = ""
    """In place of the count; "analysing: " before it if it ends in a colon."""
    pace: Literal["", "time", "speed"] = "speed"
    """Whether the speed and the time that is left are stated, the latter alone, or neither."""
    more: tuple[str, ...] = ()
    in_log: Literal["seldom", "always", "never"] = "seldom"
    """Whether it becomes a line where no bar can be drawn."""

    @property
    def limit(self) -> float | None:
        """The total, unless there has turned out to be more."""
        return self.total if self.total is not None and self.done <= self.total else None

    @property
    def label(self) -> str:
        """What is done, in words: 96/192 frames."""
        if self.text and not self.text.endswith(":"):
            return self.text
        of = "" if self.limit is None else f"/{self.limit}"
        return f"{self.text} {self.done}{of} {self.unit}".lstrip()


class Pace:
    """How much is done a second of late, counted from the first mark on, and the time left."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, seconds: float = PACE_SECONDS
    ) -> None:
        """`seconds`: the stretch of time over which it is measured."""
        self._clock, self._seconds = clock, seconds
        self._marks: deque[tuple[float, float]] = deque()

    def mark(self, done: float) -> None:
        """So many are done now."""
        now = self._clock()
        self._marks.append((now, done))
        while len(self._marks) > 2 and now - self._marks[1][0] >= self._seconds:
            self._marks.popleft()

    @property
    def per_second(self) -> float | None:
        """How many are done a second; None while too little has been seen."""
        if len(self._marks) < 2:
            return None
        (start, before), (stop, after) = self._marks[0], self._marks[-1]
        if stop - start < _FIRST_SECONDS or after <= before:
            return None
        return (after - before) / (stop - start)

    def seconds_left(self, total: float | None) -> float | None:
        """Estimate of the seconds until `total` are done; None when there is nothing to go by."""
        speed = self.per_second
        if speed is None or total is None or self._marks[-1][1] > total:
            return None
        return (total - self._marks[-1][1]) / speed

    def texts(self, step: Step) -> list[str]:
        """Speed and time that is left, as far as they are known and asked for."""
        texts: list[str] = []
        if not step.pace:
            return texts
        self.mark(step.done)
        if step.pace == "speed" and (speed := self.per_second) is not None:
            texts.append(f"{speed:.1f} {'fps' if step.unit == 'frames' else 'a second'}")
        if (left := self.seconds_left(step.limit)) is not None:
            texts.append(f"{clock_text(left)} left")
        return texts


class Display:
    """Shows events on standard error; by itself what `--quiet` leaves: warnings and failures.

    A context manager, so that nothing is left on the terminal.
    """

    def __init__(self, *tables: Table, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = {kind: show for table in tables for kind, show in table.items()}
        self._clock = clock
        self.held: list[str] = []
        """Lines that wait for the end."""
        self._last: dict[type[Event], Event] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def show(self, event: Event) -> None:
        """Show one event, log it, and remember it."""
        self._last[type(event)] = event
        log_event(event)
        self._render(event)

    def _render(self, event: Event) -> None:
        if (show := self._table.get(type(event))) is not None:
            show(self, event)

    def last(self, kind: type[_E]) -> _E | None:
        """The last event of a kind so far, if there was one."""
        event = self._last.get(kind)
        return event if isinstance(event, kind) else None

    def say(self, text: str) -> None:
        """One line, unless the display is to be quiet."""

    def warn(self, text: str) -> None:
        """One line that is always shown; when nobody reads it any more, the work still goes on."""
        complain(text)

    def hold(self, text: str) -> None:
        """One line that is always shown, at the end."""
        self.held.append(text)

    def begin(self, step: Step, *, seconds: float = PACE_SECONDS) -> None:
        """Something of a known length begins; its pace is that of the last `seconds`."""

    def move(self, step: Step) -> None:
        """It goes on."""

    def end(self) -> None:
        """It has ended."""

    def close(self) -> None:
        """Put the terminal back in order, and say what was held back."""
        self.end()
        held, self.held = self.held, []
        for text in held:
            self.warn(text)


class LineDisplay(Display):
    """Every line, and at most one about progress in five seconds."""

    def __init__(self, *tables: Table, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(*tables, clock=clock)
        self._pace = Pace(clock)
        self._is_due = Throttle(_LINE_SECONDS, clock)

    def say(self, text: str) -> None:
        """One line."""
        self.warn(text)

    def begin(self, step: Step, *, seconds: float = PACE_SECONDS) -> None:
        """Measure the pace anew."""
        self._pace = Pace(self._clock, seconds=seconds)

    def move(self, step: Step) -> None:
        """One line now and then."""
        texts = [step.label, *self._pace.texts(step), *step.more]
        if step.in_log == "always" or (step.in_log == "seldom" and self._is_due()):
            self.say(", ".join(texts))


class JsonDisplay(Display):
    """Every event as it is, one JSON object a line, of which `event` names the kind; frequent ones
    twice a second at most. Needs no table.

    A run's `progress` also has `per_second` and `seconds_left`.
    """

    def __init__(self, *, to_stderr: bool, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock=clock)
        self._to_stderr = to_stderr
        self._pace = Pace(clock)
        self._is_due = Throttle(_JSON_SECONDS, clock, at_once=True)

    def _render(self, event: Event) -> None:
        more: dict[str, float | None] = {}
        if isinstance(event, Started):
            self._pace = Pace(self._clock)
        if isinstance(event, Progress):
            self._pace.mark(event.done)
            left = self._pace.seconds_left(event.total)
            more = {"per_second": self._pace.per_second, "seconds_left": left}
        if not event.is_frequent or self._is_due():
            for values in event.objects():
                write_json({**values, **more}, to_stderr=self._to_stderr)
