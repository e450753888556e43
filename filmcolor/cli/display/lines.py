"""Plain lines, for a log or a pipe: what begins, a sign of life every few seconds, a result."""

from __future__ import annotations

import time
from collections.abc import Callable

from filmcolor.cli.display.base import PACE_SECONDS, Display, Pace, Step, Table
from filmcolor.throttle import Throttle

_LINE_SECONDS = 5.0


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
