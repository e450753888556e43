"""What is around each frame of a shot, for stages that look ahead and back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

T = TypeVar("T")


def windows(
    items: Iterable[T],
    shot_of: Callable[[T], int],
    radius: int,
    ahead: int,
    join: Callable[[T, T], None] | None = None,
) -> Generator[tuple[list[T], int], None, None]:
    """For every item, in order, those of its shot around it and its place among them.

    An item waits for the `ahead` after it, unless the shot ends. `join` is called once for each
    item and the one before it in the shot.
    """
    around: deque[T] = deque()
    waiting = 0  # at the end of those around

    def next_one() -> tuple[list[T], int]:
        nonlocal waiting
        while len(around) - waiting > radius:
            around.popleft()
        center = len(around) - waiting
        waiting -= 1
        return list(around)[: center + ahead + 1], center

    for item in items:
        last = around[-1] if around else None
        if last is not None and shot_of(last) != shot_of(item):
            while waiting:
                yield next_one()
            around.clear()
        elif last is not None and join is not None:
            join(last, item)
        around.append(item)
        waiting += 1
        if waiting > ahead:
            yield next_one()
    while waiting:
        yield next_one()
