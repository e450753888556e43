"""What people say of things in a plan: how it is read, what it comes to, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from filmcolor.errors import OptionError
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.plan_file import PlanFile, PlanShot, read_plan
from filmcolor.guide.plan_text import plan_text
from filmcolor.guide.plan_things import PlanThing
from filmcolor.guide.thing_choices import edit_digests, find_edits, thing_name, with_edits
from filmcolor.guide.thing_hints import SaidOfThings
from filmcolor.guide.times import FilmTimes
from filmcolor.stages.cast import Cast
from filmcolor.stages.things import pack, unpack
from filmcolor.stages.tone import Tone
from filmcolor.types import Shot
from tests.helpers.things import things

HEAD = '[[shot]]\nstart = "00:00:00.000"\n'
NOTHING = SaidOfThings({}, {})
ONE, OTHER, AGAIN = "00-00-00.000_1", "00-00-02.000_1", "00-00-04.000_1"


@pytest.fixture
def film() -> FilmPlan:
    """Three shots of two seconds, the first and the last of the same three things."""
    shots = Shot(0, 4), Shot(4, 8), Shot(8, 12, "end")
    other = replace(things(), decoded=things(seed=2).decoded)
    cast = Cast.of({0: pack(things()), 1: pack(things(seed=1)), 2: pack(other)})
    pts = np.arange(12, dtype=np.int64)
    return FilmPlan(shots, pts, Fraction(1, 2), 1, things=cast.shown(), cast=cast)


@pytest.fixture
def times(film: FilmPlan) -> FilmTimes:
    return FilmTimes(film, 0, None)


def read(folder: Path, text: str) -> PlanFile:
    path = folder / "film.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return read_plan(path)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    thing = PlanThing(ONE, "#7a3b2e", (AGAIN,), OTHER, seen=('"x": shot 1 in [0, 0, 4, 4]',))
    plain = PlanThing(OTHER, swatch="#102030", sure=0.25)
    plan = replace(read(tmp_path, ""), things=(thing, plain))
    text = plan_text(plan)
    path = tmp_path / "again.toml"
    path.write_text(text, encoding="utf-8")
    assert read_plan(path).things == (thing, plain)
    assert '# color = "#102030"  # as it is, 25% sure' in text
    assert '# "x": shot 1 in [0, 0, 4, 4]' in text


def test_any_name_is_written_so_that_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "film.toml"
    odd = ('he said "no"', "a\\b", "two\nlines", "\x7f")
    given = (PlanThing(odd[0], "#8b1a1a", odd[1:], odd[2], seen=odd), PlanThing(odd[2]))
    path.write_text(plan_text(PlanFile(shots=(PlanShot(Fraction(0)),), things=given)))
    assert read_plan(path).things == given


def test_a_color_holds_in_all_shots_of_a_thing(film: FilmPlan, times: FilmTimes) -> None:
    assert thing_name(film, times, (2, 0)) == AGAIN
    for name in (ONE, AGAIN):
        edits = find_edits([PlanThing(name, "#ff0000")], film, times)
        made = with_edits(film, edits, NOTHING, film.shots, lambda shot: Tone(1.0 + shot / 2))
        for shot, gain in ((0, 1.0), (2, 2.0)):
            said = unpack(made.things[shot], torch.device("cpu"))[1]
            assert said is not None
            assert torch.allclose(said[0] * gain, torch.tensor([80.1, 67.2, gain]), atol=0.2)
            assert not said[1:].any()
        assert made.things[1] == film.things[1]
        assert sorted(edit_digests(film, made, made, {2: "hue_shift 4"})) == [0, 2]
        assert edit_digests(film, made, made, {2: "x"})[2].startswith("x, things ")


def test_what_a_stroke_says_holds_in_other_shots_unless_the_plan_says_otherwise(
    film: FilmPlan, times: FilmTimes
) -> None:
    heard = SaidOfThings({0: (10.0, -20.0)}, {0: frozenset([2])})
    made = with_edits(film, None, heard, film.shots, lambda shot: Tone())
    said = unpack(made.things[0], torch.device("cpu"))[1]
    assert said is not None and torch.allclose(said[0], torch.tensor([10.0, -20.0, 1.0]))
    assert made.things[2] == film.things[2]  # it is followed there itself
    edits = find_edits([PlanThing(AGAIN, "#ff0000")], film, times)
    made = with_edits(film, edits, heard, film.shots, lambda shot: Tone())
    for shot in (0, 2):
        said = unpack(made.things[shot], torch.device("cpu"))[1]
        assert said is not None
        assert torch.allclose(said[0, :2], torch.tensor([80.1, 67.2]), atol=0.2)


def test_what_is_kept_apart_decides_by_itself(film: FilmPlan, times: FilmTimes) -> None:
    edits = find_edits([PlanThing(ONE, keep_apart=(AGAIN,))], film, times)
    assert edits is not None
    assert edits.cast.members == {0: (0, 1, 2), 1: (3, 4, 5), 2: (6, 1, 2)}
    assert film.cast.members == {0: (0, 1, 2), 1: (3, 4, 5), 2: (0, 1, 2)}


def test_what_is_joined_is_one(film: FilmPlan, times: FilmTimes) -> None:
    edits = find_edits([PlanThing(OTHER, join=AGAIN)], film, times)
    assert edits is not None and edits.cast.members == {0: (0, 1, 2), 1: (0, 3, 4), 2: (0, 1, 2)}


def test_things_that_are_left_as_they_are_change_nothing(film: FilmPlan, times: FilmTimes) -> None:
    assert find_edits([PlanThing(ONE), PlanThing("of another film")], film, times) is None
    assert with_edits(film, None, NOTHING, film.shots, lambda shot: Tone()) is film
    same = find_edits([PlanThing(ONE, join=AGAIN)], film, times)
    assert (
        edit_digests(
            film, with_edits(film, same, NOTHING, film.shots, lambda shot: Tone()), film, {}
        )
        == {}
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[thing]]\ncolor = "#102030"\n', "line 3: thing 1: name: missing; `filmcolor plan`"),
        ("[[thing]]\nname = 4\n", "line 4: thing 1: name: must be the name of a thing"),
        (
            f'[[thing]]\nname = "{ONE}"\ncolor = "brown"\n',
            f"line 5: thing 1 ({ONE}): color: 'brown' is none; write it as #8b1a1a",
        ),
        (f'[[thing]]\nname = "{ONE}"\nhue = 4\n', "hue: no such key (known: name, color"),
        (f'[[thing]]\nname = "{ONE}"\njoin = []\n', "join: must be the name of a thing"),
        (f'[[thing]]\nname = "{ONE}"\nkeep_apart = [4]\n', "keep_apart: must be names of things"),
        (
            f'[[thing]]\nname = "{ONE}"\n\n[[thing]]\nname = "{ONE}"\n',
            f"line 7: thing 2 ({ONE}): name: {ONE} is that of thing 1; write all of it there",
        ),
        ("[thing]\nname = 4\n", "thing: must be tables; begin each with [[thing]]"),
    ],
)
def test_what_is_no_thing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value) and str(caught.value).startswith(str(tmp_path / "film.toml"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[thing]]\nname = "coat"\ncolor = "#102030"\n',
            "line 4: thing 1 (coat): name: coat is none of this film as it is coloured here",
        ),
        (f'[[thing]]\nname = "{ONE}"\njoin = "hat"\n', "join: hat is none of this film"),
        (f'[[thing]]\nname = "{ONE}"\njoin = "{ONE}"\n', f"join: {ONE} is this thing itself"),
        (
            f'[[thing]]\nname = "{ONE}"\nkeep_apart = ["{AGAIN}"]\njoin = "{AGAIN}"\n',
            f"line 5: thing 1 ({ONE}): keep_apart: {AGAIN}, but a join makes both one",
        ),
        (
            f'[[thing]]\nname = "{ONE}"\ncolor = "#102030"\n[[thing]]\nname = "{AGAIN}"\n'
            'color = "#302010"\n',
            f"line 8: thing 2 ({AGAIN}): color: #302010, but {ONE} is the same thing",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, film: FilmPlan, times: FilmTimes, text: str, said: str
) -> None:
    plan = read(tmp_path, text)
    with pytest.raises(OptionError) as caught:
        find_edits(plan.things, film, times)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_without_things_nothing_can_be_said_of_them(film: FilmPlan, times: FilmTimes) -> None:
    with pytest.raises(OptionError, match="its model has no --coherence, or 0"):
        find_edits([PlanThing(ONE, "#102030")], replace(film, cast=Cast(), things={}), times)
