"""Frames that get another rate: where they, and what belongs to them, go."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from filmcolor.media.retiming import Retiming, stated_rate, stated_words, unequal_notices
from filmcolor.media.timebase import Chapter
from tests.helpers.clips import make_clip, probe

MILLISECOND = Fraction(1, 1000)
UNEQUAL = Retiming((1000, 1100, 1500, 1600), MILLISECOND, 200, Fraction(16))


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("1", "0"),
        ("1.1", "1/16"),
        ("1.3", "1.5/16"),  # half of the second frame, long as it is
        ("1.5", "2/16"),
        ("1.6", "3/16"),
        ("1.7", "3.5/16"),  # half of the last one
        ("1.8", "4/16"),
        ("2.8", "20/16"),  # beyond the end: a second more
        ("0.5", "-8/16"),  # before the first frame
    ],
)
def test_what_belongs_to_a_frame_stays_with_it(source: str, result: str) -> None:
    above, _, below = result.partition("/")
    at = Fraction(above) / Fraction(below or 1)
    assert UNEQUAL.shown(Fraction(source)) == at
    assert UNEQUAL.source(at) == Fraction(source)


def test_chapters_of_a_part_are_cut_before_they_are_moved() -> None:
    chapters = [
        Chapter(Fraction(0), Fraction("1.3"), {"title": "a"}),
        Chapter(Fraction("1.3"), Fraction(9), {"title": "b"}),
        Chapter(Fraction(9), Fraction(10), {"title": "c"}),
    ]
    found = UNEQUAL.chapters(chapters, Fraction(1), Fraction("1.8"))
    times = [(each.start * 16, each.stop * 16, each.metadata["title"]) for each in found]
    assert times == [(0, Fraction("1.5"), "a"), (Fraction("1.5"), 4, "b")]


def test_frames_that_do_not_last_alike_are_told() -> None:
    (notice,) = unequal_notices(UNEQUAL.pts, MILLISECOND)
    assert "100 to 400 ms" in notice.text
    assert not list(unequal_notices((0, 42, 83, 125, 167), MILLISECOND))  # rounded
    assert not list(unequal_notices((0, 1, 2), Fraction(1, 24)))
    assert not list(unequal_notices((7,), Fraction(1, 24)))
    (notice,) = unequal_notices((0, 1, 3), Fraction(1, 24))
    assert "42 to 83 ms" in notice.text
    assert not list(unequal_notices((0, 4, 8, 13), Fraction(1, 100)))  # rounded, as GIF does


@pytest.mark.parametrize(
    ("comment", "rate"),
    [
        ("colorized by filmcolor 1, m; shown at 16 frames a second", "16"),
        ("old; colorized by filmcolor 1, m; shown at 24000/1001 frames a second", "24000/1001"),
        ("colorized by filmcolor 1, m", None),
        ("projected; shown at 16 frames a second", None),
        (
            "colorized by filmcolor 1, a; shown at 16 frames a second; "
            "colorized by filmcolor 1, b; shown at 18 frames a second",
            "18",
        ),
        (
            "colorized by filmcolor 1, a; shown at 16 frames a second; colorized by filmcolor 1, b",
            None,
        ),
    ],
)
def test_a_result_says_its_rate(tmp_path: Path, comment: str, rate: str | None) -> None:
    path = tmp_path / "film.mkv"
    make_clip(path, frames=2)
    info = replace(probe(str(path)), metadata={"COMMENT": comment})
    assert stated_rate(info) == (None if rate is None else Fraction(rate))
    if rate is not None:
        assert comment.endswith(stated_words(Fraction(rate)))
