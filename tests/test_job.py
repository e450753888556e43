"""A plan marks the frames it was made from, and no others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from filmcolor.errors import JobError
from filmcolor.job import FilmPlan
from filmcolor.types import Frame, Shot

PLAN = FilmPlan((Shot(0, 3), Shot(3, 4), Shot(4, 7, "end")))


def frames(count: int) -> Iterator[Frame]:
    for index in range(count):
        yield Frame(index, 10 * index, np.zeros((2, 2), np.uint8))


def test_frames_get_their_shot_and_their_place_in_it() -> None:
    marked = list(PLAN.mark(frames(7)))
    assert PLAN.frames == 7
    assert [frame.pts for frame in marked] == [10 * index for index in range(7)]
    assert [frame.shot for frame in marked] == [0, 0, 0, 1, 2, 2, 2]
    assert [frame.place for frame in marked] == [0, 1, 2, 0, 0, 1, 2]


@pytest.mark.parametrize(("count", "said"), [(5, "gives 5 frames"), (8, "gives more than 7")])
def test_a_film_that_has_changed_is_an_error(count: int, said: str) -> None:
    with pytest.raises(JobError, match=f"{said}.*had 7"):
        list(PLAN.mark(frames(count)))


def test_an_empty_plan_has_no_frames() -> None:
    assert FilmPlan(()).frames == 0
    assert list(FilmPlan(()).mark(frames(0))) == []
