"""Events for programs: one JSON object a line, `event` names its kind, the rest are its fields."""

from __future__ import annotations

import time
from collections.abc import Callable

from filmcolor.cli.display.base import Display, Pace
from filmcolor.cli.display.terminal import write_json
from filmcolor.events import Event, Progress, Started
from filmcolor.throttle import Throttle

_JSON_SECONDS = 0.5


class JsonDisplay(Display):
    """Every event as it is, frequent ones twice a second at most; needs no table.

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
