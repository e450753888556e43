"""What is due, and what comes too soon."""

from __future__ import annotations

from filmcolor.throttle import Throttle


def test_it_is_time_once_in_a_while() -> None:
    now = [10.0]
    is_due = Throttle(0.5, lambda: now[0])
    told = []
    for _ in range(12):
        now[0] += 0.125
        told.append(is_due())
    assert told == [False, False, False, True] * 3


def test_the_first_may_come_at_once() -> None:
    is_due = Throttle(0.5, lambda: 10.0, at_once=True)
    assert [is_due(), is_due()] == [True, False]


def test_counting_from_now_on() -> None:
    now = [0.0]
    is_due = Throttle(1.0, lambda: now[0])
    now[0] = 0.75
    is_due.restart()
    now[0] = 1.5
    assert not is_due()
    now[0] = 1.75
    assert is_due()
