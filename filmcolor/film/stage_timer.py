"""Working seconds of each stage of a chain of generators, for progress and for the last line.

It must not know what the stages do.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class StageTimer:
    """Adds up working seconds by stage, waiting for the stage before left out."""

    def __init__(self) -> None:
        self._inclusive: dict[str, float] = {}
        self._feeds: dict[str, str] = {}

    def watch(self, name: str, items: Iterable[T], feeds_on: str | None = None) -> Iterator[T]:
        """Yield `items`, adding up the time they take; `feeds_on` names the stage inside them."""
        self._inclusive.setdefault(name, 0.0)
        if feeds_on is not None:
            self._feeds[name] = feeds_on
        iterator = iter(items)
        try:
            while True:
                start = time.perf_counter()
                try:
                    item = next(iterator)
                except StopIteration:
                    return
                finally:
                    self._inclusive[name] += time.perf_counter() - start
                yield item
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    def add(self, name: str, seconds: float) -> None:
        """Add working time measured elsewhere."""
        self._inclusive[name] = self._inclusive.get(name, 0.0) + seconds

    def seconds(self) -> dict[str, float]:
        """Own time of every stage."""
        inclusive = dict(self._inclusive)
        own = {n: s - inclusive.get(self._feeds.get(n, ""), 0.0) for n, s in inclusive.items()}
        return {name: max(0.0, value) for name, value in own.items() if not name.startswith("_")}
