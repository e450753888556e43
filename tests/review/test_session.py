"""What is said on the page stands in the plan, is seen at once, and is what a run makes."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from filmcolor.errors import FilmcolorError, OptionError
from filmcolor.jobs.film import color_film
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.review.board import Kept, Pages
from filmcolor.review.changes import KEYS
from filmcolor.review.project import ReadOnlyError
from filmcolor.review.state import film_facts, state
from tests.review.conftest import CUT, FRAMES, OPTIONS, Reviewed, drained, reviewed, wait_for

PAGE = "a page"


def say(film: Reviewed, **what: Any) -> str:
    return film.session.change({"page": PAGE, "mark": film.session.project.mark, **what})


def shown(film: Reviewed, index: int) -> NDArray[np.uint8]:
    """A frame after, (height, width, 3) B'G'R'."""
    content, _ = film.session.picture("after", index, small=False)
    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def shots(film: Reviewed) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = state(film.session, may_write=True)["shots"]
    return found


def test_the_shots_are_found_and_a_plan_is_written(film: Reviewed) -> None:
    assert [(shot["start"], shot["stop"]) for shot in shots(film)] == [(0, CUT), (CUT, FRAMES)]
    assert len(tomllib.loads(film.plan)["shot"]) == 2
    facts = film_facts(film.session)
    assert (facts["width"], facts["height"]) == (96, 64)
    kinds = {control["key"]: control["kind"] for control in facts["controls"]}
    assert kinds["saturation"] == "range" and kinds["look"] == kinds["restore"] == "choice"
    assert list(kinds) == list(KEYS)


def test_a_click_gives_a_region_and_its_colour_is_seen_at_once(film: Reviewed) -> None:
    before = shown(film, 5)
    found = film.session.region(5, (40.0, 30.0), "place")
    assert found["points"] == [[40.0, 30.0]] and found["outline"] and 0 < found["share"] < 1
    label = say(film, stroke={"frame": 5, "points": found["points"], "color": "#d01010"})
    assert label == "Shot 1: colour #d01010"
    after = shown(film, 5)
    around = np.s_[27:34, 37:44]
    redder = after[around].astype(int) - before[around]
    assert redder[..., 2].mean() > 15 > redder[..., 0].mean()
    assert (stroke := shots(film)[0]["strokes"][0])["frame"] == 5
    assert stroke["color"] == "#d01010"
    say(film, undo=True)
    assert np.abs(shown(film, 5).astype(int) - before).max() <= 2
    assert "strokes" not in tomllib.loads(film.plan)["shot"][0]


def test_places_that_look_alike_are_a_stroke_of_several_points(film: Reviewed) -> None:
    one = film.session.region(5, (40.0, 30.0), "place")
    all_ = film.session.region(5, (40.0, 30.0), "alike")
    assert all_["share"] >= one["share"] and len(all_["points"]) >= 1
    assert all_["points"][0] == [40.0, 30.0]


def test_a_thing_gets_its_colour_in_all_its_shots(film: Reviewed) -> None:
    before = shown(film, 5)
    found = film.session.region(5, (40.0, 30.0), "thing")
    if "thing" not in found:
        pytest.skip("the model knows no thing here")
    say(film, thing={"name": found["thing"], "color": "#10b010"})
    assert {"name": found["thing"], "color": "#10b010"} in state(film.session, may_write=True)[
        "things"
    ]
    assert (np.abs(shown(film, 5).astype(int) - before) > 8).any()
    again = film.session.region(5, (40.0, 30.0), "thing")
    assert again["thing"] == found["thing"]
    say(film, undo=True)
    assert "#10b010" not in film.plan.replace('# color = "#10b010"', "")
    with pytest.raises(FilmcolorError):
        say(film, thing={"name": "00-00-09.000_1", "color": "#10b010"})


def test_settings_of_a_shot_and_of_the_film(film: Reviewed) -> None:
    say(film, set={"shot": 2, "key": "saturation", "value": 0.25})
    say(film, set={"shot": 0, "key": "hue_shift", "value": 30})
    values = tomllib.loads(film.plan)
    assert values["shot"][1]["saturation"] == 0.25 and values["film"]["hue_shift"] == 30
    assert shots(film)[1]["chosen"] == {"saturation": 0.25}
    say(film, set={"shot": 2, "key": "restore", "value": "dust"})
    assert shots(film)[1]["chosen"] == {"saturation": 0.25, "restore": "dust"}
    say(film, undo=True)
    say(film, set={"shot": 2, "key": "saturation", "value": None})
    say(film, set={"shot": 0, "key": "hue_shift", "value": None})
    assert shots(film)[1]["chosen"] == {}


@pytest.mark.parametrize(
    "what",
    [
        {"set": {"shot": 3, "key": "saturation", "value": 1}},
        {"set": {"shot": 1, "key": "saturation", "value": 5}},
        {"set": {"shot": 1, "key": "saturation", "value": True}},
        {"set": {"shot": 1, "key": "look", "value": "garish"}},
        {"set": {"shot": 1, "key": "restore", "value": "mud"}},
        {"set": {"shot": 1, "key": "model", "value": "/etc/passwd"}},
        {"set": {"shot": 1, "key": "stills", "value": "/etc"}},
        {"set": {"shot": 1, "key": "skip", "value": 1}},
        {"set": {"shot": 1, "key": "skip"}},
        {"stroke": {"frame": 5, "points": [[96, 3]], "color": "#ffffff"}},
        {"stroke": {"frame": 5, "points": [[1, 3]], "color": "red"}},
        {"stroke": {"frame": 5, "points": [], "color": "#ffffff"}},
        {"stroke": {"frame": 30, "points": [[1, 3]], "color": "#ffffff"}},
        {"stroke": {"frame": 5, "box": [5, 5, 5, 9], "color": "#ffffff"}},
        {"stroke": {"frame": 5, "box": [0, 0, 9, 9], "points": [[1, 3]], "color": "#ffffff"}},
        {"unstroke": {"shot": 1, "number": 0}},
        {"undo": True, "redo": True},
        {"burn": {}},
        {},
    ],
)
def test_what_cannot_be_meant_is_refused(film: Reviewed, what: dict[str, Any]) -> None:
    before = film.plan
    with pytest.raises((FilmcolorError, ValueError)):
        say(film, **what)
    assert film.plan == before


def test_what_hands_write_appears(film: Reviewed) -> None:
    before, version = film.plan, film.session.board.version
    path = film.session.project.path
    path.write_text(before.replace("[[shot]]  # 2", "[[shot]]  # 2\nskip = true"))
    assert film.session.board.wait(version, 60) != version
    wait_for(lambda: shots(film)[1]["chosen"] == {"skip": True})
    assert np.ptp(shown(film, 20).astype(int), axis=2).max() <= 8
    path.write_text(before.replace('"00:00:00.000"', '"00:00:00.200"'))
    wait_for(lambda: "let the first shot start there" in film.session.plan_error)
    with pytest.raises(OptionError):
        say(film, set={"shot": 1, "key": "skip", "value": True})
    path.write_text(before)
    wait_for(lambda: film.session.plan_error == "")


def test_the_second_page_reads_only(film: Reviewed) -> None:
    say(film, set={"shot": 1, "key": "saturation", "value": 0.5})
    with pytest.raises(ReadOnlyError):
        film.session.change({"page": "another", "undo": True})
    film.session.pages.leave(PAGE)
    film.session.change({"page": "another", "undo": True})
    film.session.pages.leave("another")


def test_pages_and_pictures_that_are_kept() -> None:
    now = [0.0]
    pages = Pages(10, lambda: now[0])
    assert pages.is_writer("a") and not pages.is_writer("b")
    now[0] = 11
    assert pages.is_writer("b") and not pages.is_writer("a")
    kept = Kept(10)
    for key in range(4):
        kept.put(key, b"1234")
    assert [key in kept for key in range(4)] == [False, False, True, True]


@pytest.mark.e2e
def test_a_run_makes_what_the_page_showed_code_for_code(tmp_path: Path) -> None:
    with reviewed(tmp_path) as film:
        say(film, stroke={"frame": 5, "points": [[40, 30]], "color": "#d01010"})
        say(film, stroke={"frame": 9, "box": [60, 5, 90, 25], "color": "#1030d0"})
        say(film, set={"shot": 2, "key": "look", "value": "vivid"})
        say(film, set={"shot": 0, "key": "saturation", "value": 1.4})
        if "thing" in (found := film.session.region(2, (10.0, 50.0), "thing")):
            say(film, thing={"name": found["thing"], "color": "#10b010"})
        session, indices = film.session, [0, 5, 13, 14, 20, 29]
        session.look(5)
        wait_for(lambda: session.way is not None and session.way.is_looked)
        way = session.way
        assert way is not None
        made = {}
        for index in indices:
            ready = drained(session.ways.ready(way, way.shot_at(index)))
            ((_, frame),) = session.painter.exactly(ready, [index])
            made[index] = frame
        key = way.keys[0]
        session.look(5)
        wait_for(lambda: ("exact", 5, key) in session.pictures)
        _, exact = session.picture("after", 5, small=False)
        assert exact
        session.renderer.start(replace=False)
        wait_for(lambda: session.renderer.now.status != "running")
        assert session.renderer.now.status == "done", session.renderer.now.what
        rendered = _planes(film.target)
    target = tmp_path / "shell.mkv"
    drained(
        color_film(
            str(film.film), str(target), replace(OPTIONS, plan=str(tmp_path / "film.plan.toml"))
        )
    )
    for index, (luma, cb, cr) in enumerate(planes := _planes(target)):
        for one, other in zip((luma, cb, cr), rendered[index], strict=True):
            np.testing.assert_array_equal(one, other)
    for index, frame in made.items():
        for one, other in zip(planes[index], (frame.luma, frame.cb, frame.cr), strict=True):
            np.testing.assert_array_equal(one, other)


def _planes(film: Path) -> list[tuple[NDArray[Any], ...]]:
    """Y', Cb and Cr of every frame."""
    with FilmReader(str(film)) as reader:
        found = list(reader.frames(with_chroma=True))
    return [(frame.luma, *(frame.chroma or ())) for frame in found]
