"""Only what is there is said to be kept."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from filmcolor.cli import main
from filmcolor.cli.kept import Kept
from filmcolor.events import Event, FilmDone, PictureDone, Progress
from filmcolor.segments.workfolder import WorkFolder
from filmcolor.segments.workplace import default_folder
from tests.helpers.play import PLANNED
from tests.segments.test_workfolder import PLAN

GOES_ON = "the same command goes on from there"


def test_nothing_is_kept_of_a_run_that_did_nothing() -> None:
    kept = Kept()
    assert kept.after_a_stop() == "no film was written."
    kept.note(replace(PLANNED, unit="pictures"))
    assert kept.after_a_stop() == "no picture was written."
    assert kept.after_an_error() == ""


def test_films_and_pictures_are_counted_when_they_are_done() -> None:
    kept = Kept()
    kept.note(FilmDone("a.mp4", "out/a.mp4", "skipped"))
    kept.note(PictureDone("a.jpg", "out/a.jpg", "failed", "broken"))
    assert kept.after_a_stop() == "no film was written."
    kept.note(PictureDone("a.jpg", "out/a.jpg", "done"))
    assert kept.after_a_stop() == f"the pictures that were done are kept; {GOES_ON}."
    kept.note(FilmDone("a.mp4", "out/a.mp4", "done"))
    assert kept.after_a_stop() == f"what is done is kept; {GOES_ON}."


@pytest.mark.parametrize("is_empty", [True, False])
def test_a_work_folder_counts_if_there_is_something_in_it(tmp_path: Path, is_empty: bool) -> None:
    place = tmp_path / "work"
    place.mkdir()
    if not is_empty:
        with WorkFolder(place, {"the film": "a"}) as folder:
            folder.begin(PLAN, "a -> b")
            folder.keep_plan = True
    kept = Kept()
    kept.note(replace(PLANNED, work=str(place)))
    assert kept.after_an_error() == ""  # it was refused before any work
    kept.note(Progress(1, 192, {}))
    if is_empty:
        assert kept.after_an_error() == ""
        assert kept.after_a_stop() == "no film was written."
    else:
        assert kept.after_an_error() == f"what is done is kept in {place}: {GOES_ON}"
        assert kept.after_a_stop() == f"what is done is kept; {GOES_ON}."


def _begin(place: Path) -> None:
    with WorkFolder(place, {"the film": "a"}) as folder:
        folder.begin(PLAN, "a -> b")
        folder.keep_plan = True


def test_parts_of_a_film_before_the_last_one_are_kept(tmp_path: Path) -> None:
    place = tmp_path / "work"
    _begin(place)
    kept = Kept()
    kept.note(replace(PLANNED, work=str(place)))
    kept.note(Progress(1, 192, {}))
    kept.note(FilmDone("a.mp4", "out/a.mp4", "failed", "the disk is full"))
    kept.note(replace(PLANNED, work=str(tmp_path / "next")))
    assert kept.after_a_stop() == f"what is done is kept; {GOES_ON}."
    assert kept.after_an_error() == ""


@pytest.mark.parametrize(
    ("has_begun", "says"), [(True, f"what is done is kept; {GOES_ON}."), (False, "no film was")]
)
def test_parts_made_on_a_cluster_are_kept(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    has_begun: bool,
    says: str,
) -> None:
    def stopped(*_: object) -> Generator[Event, None, None]:
        yield replace(PLANNED, source="2 films", target="2 workers")
        if has_begun:
            _begin(default_folder(str(tmp_path / "out" / "a.color.mp4")))
        raise KeyboardInterrupt

    monkeypatch.setattr("filmcolor.jobs.ray_batch.color_batch_on_ray", stopped)
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"film")
    films = [str(tmp_path / name) for name in ("a.mp4", "b.mp4")]
    (tmp_path / "out").mkdir()
    assert main(["run", *films, "-o", str(tmp_path / "out"), "--ray"]) == 130
    assert says in capsys.readouterr().err
