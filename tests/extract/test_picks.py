"""The best frames of a running shot, however long it gets."""

from __future__ import annotations

import numpy as np

from filmcolor.extract.frame_checks import FrameLook
from filmcolor.extract.picks import Candidate, ShotPicks
from filmcolor.types import Frame


def candidate(index: int, sharpness: float) -> Candidate:
    frame = Frame(index, index, np.zeros((1, 1), np.uint8))
    return Candidate(frame, FrameLook(None, sharpness, index))


def test_a_shot_however_long_holds_few_frames() -> None:
    picks = ShotPicks(3)
    rng = np.random.default_rng(0)
    lost = 0
    for index in range(10_000):
        sharpness = float(rng.uniform(1.0, 100.0))
        lost += picks.add(candidate(index, sharpness) if index % 3 else None)
        assert sum(len(group) for group in picks.groups()) <= 6
    groups = picks.groups()
    assert len(groups) == 3
    assert lost + sum(map(len, groups)) == sum(1 for index in range(10_000) if index % 3)
    places = [candidate.frame.index for group in groups for candidate in sorted_by_time(group)]
    assert places == sorted(places)
    assert min(candidate.look.sharpness for group in groups for candidate in group) > 99.0


def sorted_by_time(group: list[Candidate]) -> list[Candidate]:
    return sorted(group, key=lambda candidate: candidate.frame.index)


def test_a_short_shot_gives_what_it_has() -> None:
    picks = ShotPicks(3)
    assert picks.groups() == []
    assert picks.add(None) == 0
    assert picks.groups() == []
    assert picks.add(candidate(1, 5.0)) == 0
    assert picks.add(candidate(2, 9.0)) == 1
    assert picks.add(candidate(3, 7.0)) == 1
    ((best,),) = picks.groups()
    assert best.frame.index == 2


def test_soft_is_measured_by_the_sharpest_of_the_shot() -> None:
    picks = ShotPicks(1)
    picks.add(candidate(0, 100.0))
    assert picks.is_soft(candidate(1, 24.0))
    assert not picks.is_soft(candidate(1, 26.0))
