"""Frames by the times that people say."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from filmcolor.film.plan import FilmPlan
from filmcolor.guide.times import FilmTimes
from filmcolor.types import Shot


def test_a_last_frame_of_a_tick_is_found_by_the_name_of_its_still() -> None:
    """Its time is rounded to milliseconds there, and may lie behind its end."""
    film = FilmPlan((Shot(0, 2),), np.array([0, 226], np.int64), Fraction(1, 90_000), 1)
    times = FilmTimes(film, 0, None)
    assert times.frame(Fraction(3, 1000)) == 1
    with pytest.raises(ValueError, match="after the film's end"):
        times.frame(Fraction(4, 1000))
