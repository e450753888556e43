"""How far a run is, and where it goes on when it is given another length."""

from __future__ import annotations

import pytest

from filmcolor.train.recipes import FILM, SR
from filmcolor.train.schedule import Schedule, evaluations_due, phase_at


def test_a_run_goes_its_way_evenly_in_steps_or_seconds() -> None:
    schedule = Schedule(steps=40)
    shares = [schedule.share(step, 999.0) for step in (0, 10, 40, 50)]
    assert shares == [0.0, 0.25, 1.0, 1.0]
    assert [schedule.place(share) for share in shares] == shares
    assert [schedule.progress(step, 999.0) for step in (0, 10, 40)] == [0.0, 0.25, 1.0]
    timed = Schedule(seconds=60.0)
    assert [timed.share(999, seconds) for seconds in (0.0, 15.0, 61.0)] == [0.0, 0.25, 1.0]


def test_another_length_before_the_end_spreads_what_is_left() -> None:
    longer = Schedule(steps=40).changed(Schedule(steps=100), 20, 5.0)
    assert longer == Schedule(steps=100, since=20.0, start=0.5)
    shares = [longer.share(step, 0.0) for step in (20, 40, 60, 100)]
    assert shares == [0.0, 0.25, 0.5, 1.0]
    assert [longer.place(share) for share in shares] == [0.5, 0.625, 0.75, 1.0]
    assert [longer.progress(step, 0.0) for step in (20, 50, 100)] == [0.2, 0.5, 1.0]
    timed = longer.changed(Schedule(seconds=300.0), 60, 100.0)
    assert timed == Schedule(seconds=300.0, since=100.0, start=0.75)
    assert timed.place(timed.share(0, 200.0)) == 0.875
    shorter = Schedule(steps=40).changed(Schedule(steps=30), 20, 5.0)
    assert shorter.place(shorter.share(25, 0.0)) == 0.75


def test_more_after_the_end_is_a_way_of_its_own() -> None:
    more = Schedule(steps=40).changed(Schedule(steps=60), 40, 5.0)
    assert more == Schedule(steps=60, since=40.0, start=1.0)
    assert [more.place(more.share(step, 0.0)) for step in (40, 50, 60)] == [1.0, 1.5, 2.0]
    # Lengthened on its way, it goes on from there; at its end, it begins again.
    assert more.changed(Schedule(steps=70), 50, 5.0).start == 1.5
    assert more.changed(Schedule(steps=70), 60, 5.0).start == 1.0
    odd = Schedule(steps=40, since=7.0, start=0.3)
    assert odd.changed(Schedule(steps=60), 40, 5.0).start == 1.0


def test_the_same_length_and_a_length_that_is_over() -> None:
    schedule = Schedule(steps=40, since=10.0, start=0.5)
    assert schedule.changed(Schedule(steps=40), 20, 5.0) is schedule
    for step in (40, 41):
        assert Schedule(steps=90).changed(Schedule(steps=40), step, 5.0).share(step, 0.0) == 1.0


@pytest.mark.parametrize(
    ("place", "number", "progress"),
    [(0.0, 0, 0.0), (0.35, 0, 0.5), (0.7, 1, 0.0), (0.975, 2, 0.5), (1.0, 2, 1.0), (1.7, 2, 1.0)],
)
def test_the_phase_at_a_place(place: float, number: int, progress: float) -> None:
    assert phase_at(FILM, place) == (number, pytest.approx(progress))


def test_phases_that_are_only_asked_for_by_name_have_no_place() -> None:
    assert phase_at(SR, 0.999)[0] == 0


def test_every_evaluation_is_due_once() -> None:
    for count in (1, 3, 10, 100):
        due = [evaluations_due(number / count, count) for number in range(count + 1)]
        assert due == list(range(count + 1))
    assert evaluations_due(0.29, 100) == 29
