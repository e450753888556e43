"""What a plan's choices come to for a film: shots in frames, options, what work depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filmcolor.errors import CheckpointError, FilmcolorError, OptionError
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.geometry import Screen
from filmcolor.guide.plan_file import Choices, PlanFile, PlanShot, PlanStill
from filmcolor.guide.shot_choices import (
    check_names,
    check_references,
    choose,
    leaves_pale,
    segment_settings,
    with_film,
)
from filmcolor.guide.shot_hints import Hints, ShotHints
from filmcolor.guide.times import FilmTimes
from filmcolor.guide.user_hints import find_hints
from filmcolor.models.checkpoint import load_generator
from filmcolor.options import ColorOptions, RunOptions, Stroke
from filmcolor.types import Box, Shot

ORIGIN = 1000  # the film's first pts, in thousandths of a second
SCREEN = Screen((48, 64), (48, 64), 0, Box(0, 0, 48, 64), (12, 16))
PLAIN = RunOptions()


def looked_through(cuts: Sequence[int] = (100, 300), frames: int = 500) -> FilmPlan:
    """A film of 25 frames a second."""
    edges = [0, *cuts, frames]
    shots = tuple(Shot(a, b) for a, b in pairwise(edges))
    pts = ORIGIN + 40 * np.arange(frames, dtype=np.int64)
    return FilmPlan(shots, pts, Fraction(1, 1000), 40)


def planned(*shots: PlanShot, film: Choices | None = None) -> PlanFile:
    return PlanFile(film or Choices(), shots, "film.toml", {(2, "look"): 7})


def shot(start: float, end: float | None = None, **choices: object) -> PlanShot:
    times = (None if each is None else Fraction(str(each)) for each in (start, end))
    first, last = times
    assert first is not None
    return PlanShot(first, last, Choices(**choices))  # type: ignore[arg-type]


def times_of(film: FilmPlan) -> FilmTimes:
    return FilmTimes(film, ORIGIN, None)


def test_times_mean_the_nearest_frame() -> None:
    plan = planned(shot(0.01), shot(4.021, 12.015), shot(11.985))
    film = looked_through()
    chosen = choose(plan, PLAIN, film, times_of(film), is_part=False)
    assert [(each.start, each.stop) for each in chosen.shots] == [(0, 101), (101, 300), (300, 500)]
    assert chosen.digests == {0: "to 101", 1: "to 300"}
    assert not chosen.colors and not chosen.overrides


def test_a_part_of_a_film_takes_its_shots() -> None:
    film = looked_through()
    part = replace(film, shots=(Shot(0, 50), Shot(50, 150)), pts=film.pts[250:400])
    plan = planned(shot(0, 4), shot(4, 12, skip=True), shot(12))
    chosen = choose(plan, PLAIN, part, times_of(part), is_part=True)
    assert [(each.start, each.stop) for each in chosen.shots] == [(0, 50), (50, 150)]
    assert chosen.colors == {0: ColorOptions(saturation=0.0)}


@pytest.mark.parametrize(
    ("shots", "said"),
    [
        ([shot(1)], "shot 1 (start 00:00:01.000): start: the film begins at 00:00:00.000"),
        (
            [shot(0, 4), shot(5)],
            "shot 1 (start 00:00:00.000): end: 00:00:04.000, but the next one starts at "
            "00:00:05.000; let a shot end where the next one starts",
        ),
        ([shot(0, 6), shot(5)], "end: 00:00:06.000, but the next one starts at 00:00:05.000"),
        ([shot(0, 19)], "end: 00:00:19.000, but the film goes on to 00:00:20.000"),
        ([shot(0, 21)], "end: 00:00:21.000 is after the film's end at 00:00:20.000"),
        ([shot(0), shot(99)], "shot 2 (start 00:01:39.000): start: 00:01:39.000 is after the film"),
        ([shot(0), shot(4), shot(4.01)], "shot 2 (start 00:00:04.000): no frame of the film is in"),
    ],
)
def test_shots_must_make_up_the_film(shots: Sequence[PlanShot], said: str) -> None:
    film = looked_through()
    with pytest.raises(OptionError) as caught:
        choose(planned(*shots), PLAIN, film, times_of(film), is_part=False)
    assert str(caught.value).startswith("film.toml: ") and said in str(caught.value)


def test_only_what_is_other_than_in_the_film_counts() -> None:
    film = looked_through()
    plan = planned(
        shot(0, look="natural", saturation=1.0, model="default", skip=False),
        shot(4, look="vivid", skip=True),
        shot(12, saturation=0.5, hue_shift=10.0),
    )
    chosen = choose(plan, PLAIN, film, times_of(film), is_part=False)
    assert chosen.digests == {1: "saturation 0.0", 2: "saturation 0.5, hue_shift 10.0"}
    assert chosen.colors[1] == ColorOptions(saturation=0.0)
    other = choose(
        planned(shot(0), shot(4, look="vivid"), shot(12)),
        PLAIN,
        film,
        times_of(film),
        is_part=False,
    )
    assert other.digests[1].startswith("look vivid, model ")


def test_work_depends_on_the_shots_it_touches() -> None:
    film = looked_through(cuts=(250, 400), frames=900)  # 10 s, 6 s, and 20 s
    assert len(film.segments()) == 3
    plan = planned(shot(0), shot(10, saturation=0.5), shot(16, 30), shot(30))
    chosen = choose(plan, PLAIN, film, times_of(film), is_part=False)
    revised = film.revised(chosen.shots, film.drift, film.things)
    assert revised.segments() == film.segments()
    given = Hints({0: ShotHints(0, strokes=((3, Stroke(Fraction(0), "#102030", ((1, 1),))),))})
    settings = segment_settings(revised, chosen, given)
    assert settings == {
        0: f"0: {given.shots[0].digest}",
        1: "250: saturation 0.5",
        2: "400: to 750; 750: to 900",
    }
    assert segment_settings(film, None, Hints()) == {}


def test_the_film_of_a_plan_gives_way_to_options() -> None:
    film = Choices(look="vivid", saturation=0.5, stability=0.2, stills="stills", strokes="s.toml")
    options = RunOptions(
        color=ColorOptions(saturation=2.0), strokes="mine.toml", explicit_options=("stability",)
    )
    merged = with_film(options, planned(shot(0), film=film))
    assert merged.color == ColorOptions(look="vivid", saturation=2.0)
    assert (merged.stills, merged.strokes) == ("stills", "mine.toml")


def test_pale_shots_are_told() -> None:
    plan = planned(shot(0), shot(4, saturation=0.3))
    assert not leaves_pale(plan, PLAIN, 0.25)
    assert leaves_pale(plan, RunOptions(color=ColorOptions(saturation=0.1)), 0.25)
    assert leaves_pale(planned(shot(0, skip=True), shot(4)), PLAIN, 0.25)
    grey = Choices(skip=True)
    assert leaves_pale(planned(shot(0), film=grey), PLAIN, 0.25)
    assert not leaves_pale(planned(shot(0, skip=False), film=grey), PLAIN, 0.25)


@pytest.mark.parametrize(
    ("choices", "kind", "said"),
    [
        ({"model": "none"}, CheckpointError, "model: unknown model 'none'"),
        ({"model": "gone.safetensors"}, CheckpointError, "model: gone.safetensors: no such check"),
        ({"stills": (PlanStill("gone.png"),)}, OptionError, "stills: gone.png: no such file"),
        ({"strokes": "gone.toml"}, OptionError, "strokes: gone.toml: cannot be read"),
    ],
)
def test_names_are_checked_first(
    choices: dict[str, object], kind: type[FilmcolorError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        check_names(planned(shot(0), shot(4, **choices)), PLAIN)
    assert str(caught.value).startswith(f"film.toml: shot 2 (start 00:00:04.000): {said}")
    if "stills" not in choices:
        plan = planned(shot(0), film=Choices(**choices))  # type: ignore[arg-type]
        with pytest.raises(kind) as caught:
            check_names(plan, with_film(PLAIN, plan))
        assert str(caught.value).startswith(f"film.toml: [film]: {said}")


def test_a_folder_of_stills_must_be_there() -> None:
    with pytest.raises(OptionError, match=r"^film.toml: \[film\]: stills: gone: no such folder$"):
        check_names(planned(shot(0), film=Choices(stills="gone")), PLAIN)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"stills": (PlanStill("dress.png"),)}, "stills: dress.png: its name tells no time"),
        (
            {"stills": (PlanStill("00-00-03.000.png"),)},
            "stills: 00-00-03.000.png: 00:00:03.000 is in another shot; move it there",
        ),
        (
            {"stills": (PlanStill("a.png", Fraction(99)),)},
            "stills: a.png: 00:01:39.000 is after the film's end",
        ),
        (
            {"strokes": (Stroke(Fraction(5), "#102030", ((99.0, 1.0),)),)},
            "strokes: stroke 1: points: (99, 1) is outside the picture",
        ),
        (
            {"strokes": (Stroke(Fraction(1), "#102030", ((9.0, 1.0),)),)},
            "strokes: stroke 1: at: 00:00:01.000 is in another shot",
        ),
    ],
)
def test_what_a_shot_is_given_must_be_its_own(choices: dict[str, object], said: str) -> None:
    film = looked_through()
    plan = planned(shot(0), shot(4, **choices), shot(12))
    chosen = choose(plan, PLAIN, film, times_of(film), is_part=False)
    with pytest.raises(OptionError) as caught:
        find_hints(PLAIN, film, times_of(film), SCREEN, chosen.overrides)
    assert f"film.toml: shot 2 (start 00:00:04.000): {said}" in str(caught.value)


def test_a_shots_own_strokes_take_the_place_of_the_films() -> None:
    film = looked_through()
    everywhere = tuple(Stroke(Fraction(at), "#102030", ((1.0, 1.0),)) for at in (1, 5, 15))
    own = Stroke(Fraction(6), "#302010", ((2.0, 2.0),))
    plan = planned(shot(0), shot(4, strokes=(own,)), shot(12, strokes=()))
    options = RunOptions(strokes=everywhere)
    chosen = choose(plan, options, film, times_of(film), is_part=False)
    given = find_hints(options, film, times_of(film), SCREEN, chosen.overrides)
    assert {n: told.strokes for n, told in given.shots.items()} == {
        0: ((25, everywhere[0]),),
        1: ((150, own),),
    }


def test_a_shots_own_reference_takes_the_place_of_the_films(tmp_path: Path) -> None:
    film = looked_through()
    for name, color in (("film.png", (40, 70, 200)), ("shot.png", (200, 70, 40))):
        Image.new("RGB", (80, 64), color).save(tmp_path / name)
    whole, own = str(tmp_path / "film.png"), str(tmp_path / "shot.png")
    plan = planned(
        shot(0), shot(4, reference=own), shot(12, reference=""), film=Choices(reference=whole)
    )
    options = with_film(PLAIN, plan)
    chosen = choose(plan, options, film, times_of(film), is_part=False)
    given = find_hints(options, film, times_of(film), SCREEN, chosen.overrides)
    assert {n: str(told.reference) for n, told in given.shots.items()} == {0: whole, 1: own}
    digests = {told.digest for told in given.shots.values()}
    assert len(digests) == 2
    plain = find_hints(PLAIN, film, times_of(film), SCREEN, chosen.overrides)
    assert {n: str(told.reference) for n, told in plain.shots.items()} == {1: own}


def test_references_are_checked_first(tmp_path: Path) -> None:
    model = load_generator("default")
    for name, said in (("gone.png", "cannot be read"), ("grey.png", "has no colour")):
        path = tmp_path / name
        if name == "grey.png":
            Image.new("RGB", (80, 64), (90, 90, 90)).save(path)
        with pytest.raises(FilmcolorError) as caught:
            check_references(planned(shot(0), shot(4, reference=str(path))), model)
        place = "film.toml: shot 2 (start 00:00:04.000): reference: "
        assert str(caught.value).startswith(place) and said in str(caught.value)


def test_lines_are_named_where_they_are_known() -> None:
    plan = planned(shot(0), shot(4))
    assert plan.where(2, "look") == "film.toml: line 7: shot 2 (start 00:00:04.000): look"
    assert plan.where(0, "look") == "film.toml: [film]: look"
