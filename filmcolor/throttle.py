"""Whether it is time again: for what should not be said more often than anybody reads it."""

from __future__ import annotations

import time
from collections.abc import Callable

REPORT_SECONDS = 0.2
"""How often, at most, the work tells how far it is."""


class Throttle:
    """True when it is called for the first time in so many seconds, counted from its making."""

    def __init__(
        self,
        seconds: float = REPORT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        *,
        at_once: bool = False,
    ) -> None:
        """`at_once`: the first call is true, however early it comes."""
        self._seconds, self._clock = seconds, clock
        self._last = float("-inf") if at_once else clock()

    def __call__(self) -> bool:
        now = self._clock()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True

    def restart(self) -> None:
        """Count from now on."""
        self._last = self._clock()
