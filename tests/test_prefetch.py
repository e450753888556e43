"""The one thread: order, bound, errors in their place, and an end that waits for everything."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest

from filmcolor.prefetch import prefetch

LONG_SECONDS = 5.0
"""Nothing here takes this long unless it hangs."""


def wait_until(condition: threading.Event) -> None:
    assert condition.wait(LONG_SECONDS)


def worker_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "filmcolor-prefetch"]


@pytest.mark.parametrize("depth", [1, 3, 100])
@pytest.mark.parametrize("count", [0, 1, 50])
def test_everything_arrives_in_order(count: int, depth: int) -> None:
    assert list(prefetch(iter(range(count)), depth)) == list(range(count))
    assert worker_threads() == []


def test_items_that_are_none_or_false_arrive_too() -> None:
    assert list(prefetch([None, 0, False, ""], 2)) == [None, 0, False, ""]


def test_it_runs_ahead_but_no_farther_than_its_depth() -> None:
    made = 0
    four_made = threading.Event()

    def items() -> Generator[int, None, None]:
        nonlocal made
        while True:
            made += 1
            if made == 4:
                four_made.set()
            yield made

    ahead = prefetch(items(), 2)
    assert next(ahead) == 1
    wait_until(four_made)  # one taken, two in the queue, one in the hand
    time.sleep(0.15)  # more than it waits for room in the queue
    assert made == 4
    ahead.close()
    assert made == 4


def test_the_work_is_done_in_another_thread() -> None:
    def items() -> Generator[int, None, None]:
        yield threading.get_ident()

    assert list(prefetch(items(), 1)) != [threading.get_ident()]


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Generator[int, None, None]:
        yield from range(3)
        raise OSError("disk gone")

    got = []
    with pytest.raises(OSError, match="disk gone"):
        for item in prefetch(items(), 5):
            got.append(item)
    assert got == [0, 1, 2]
    assert worker_threads() == []


def test_closing_early_closes_the_source_and_ends_the_thread() -> None:
    closed = threading.Event()

    def items() -> Generator[int, None, None]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    ahead = prefetch(items(), 2)
    next(ahead)
    assert len(worker_threads()) == 1
    ahead.close()
    assert closed.is_set()
    assert worker_threads() == []


def test_an_error_in_the_consumer_closes_the_source() -> None:
    closed = threading.Event()

    def items() -> Generator[int, None, None]:
        try:
            yield from range(1000)
        finally:
            closed.set()

    def consume() -> None:
        for item in prefetch(items(), 2):
            if item == 3:
                raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        consume()
    assert closed.wait(LONG_SECONDS)


def test_an_error_while_the_source_is_closed_is_not_lost() -> None:
    class Items:
        def __iter__(self) -> Items:
            return self

        def __next__(self) -> int:
            raise StopIteration

        def close(self) -> None:
            raise OSError("cannot close")

    with pytest.raises(OSError, match="cannot close"):
        list(prefetch(Items(), 1))


def test_a_chain_of_two_is_closed_from_its_end() -> None:
    closed = []

    def items() -> Generator[int, None, None]:
        try:
            while True:
                yield 1
        finally:
            closed.append("source")

    def doubled(numbers: Generator[int, None, None]) -> Generator[int, None, None]:
        try:
            for number in numbers:
                yield 2 * number
        finally:
            numbers.close()
            closed.append("stage")

    ahead = prefetch(doubled(prefetch(items(), 2)), 2)
    assert next(ahead) == 2
    ahead.close()
    assert closed == ["source", "stage"]
    assert worker_threads() == []


def test_a_depth_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        next(prefetch([1], 0))
