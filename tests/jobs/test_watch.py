"""A folder that is watched: what comes is coloured, what is done stays, what was begun goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
import pytest

from filmcolor.cli.sources import item_in
from filmcolor.errors import CheckpointError, MediaError
from filmcolor.events import Event, FilmDone, Notice, Watching
from filmcolor.jobs.sidecar import is_result_of
from filmcolor.jobs.watch import watch_folder
from filmcolor.options import ColorOptions, RunOptions, WatchOptions
from filmcolor.segments.unfinished import find_work
from tests.helpers.clips import make_clip
from tests.helpers.tiny_model import tiny_model

pytestmark = pytest.mark.e2e

QUICK = RunOptions(color=ColorOptions(device="cpu", model=tiny_model(), size=64, smooth="none"))


class Folders:
    """Two folders, and a clock that goes on only while the watch waits."""

    def __init__(self, root: Path) -> None:
        self.inside, self.out = root / "in", root / "out"
        self.inside.mkdir()
        self.now = 0.0
        self.then: Iterator[Callable[[], object]] = iter(())
        """What happens in the folder, one thing each time that the watch waits."""

    def film(self, name: str, frames: int = 6) -> Path:
        make_clip(self.inside / name, frames=frames)
        return self.inside / name

    def wait(self, seconds: float) -> None:
        self.now += seconds
        next(self.then, int)()

    def watch(self, run: RunOptions = QUICK, *, once: bool = True) -> Generator[Event, None, None]:
        item = partial(item_in, folder=self.inside, output=self.out, base=self.out, options=run)
        options = WatchOptions(run, Fraction(5), once)
        return watch_folder(
            str(self.inside),
            str(self.out),
            item,
            options,
            clock=lambda: self.now,
            wait=self.wait,
        )

    def ended(self, run: RunOptions = QUICK) -> list[tuple[str, str]]:
        """What ended in one look at the folder, and how."""
        events = list(self.watch(run))
        assert events[0] == Watching(str(self.inside), str(self.out))
        done = [event for event in events if isinstance(event, FilmDone)]
        return [(Path(event.source).name, event.status) for event in done]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_what_comes_while_it_runs_is_coloured(folders: Folders) -> None:
    """Films and pictures, in subfolders too, each once; a stop leaves nothing else behind."""
    (folders.inside / "more").mkdir()
    picture = folders.inside / "more" / "p.png"
    folders.film("a.mkv")
    folders.then = iter(
        [int, lambda: folders.film("b.avi"), lambda: cv2.imwrite(str(picture), np.eye(8) * 255)]
    )
    ended = []
    with closing(folders.watch(once=False)) as events:
        for event in events:
            if isinstance(event, FilmDone):
                ended.append((Path(event.source).name, Path(event.target).name, event.status))
                if len(ended) == 3:
                    break
    assert ended == [
        ("a.mkv", "a.mkv", "done"),
        ("b.avi", "b.avi.mkv", "done"),
        ("p.png", "p.png", "done"),
    ]
    there = sorted(path.relative_to(folders.out).as_posix() for path in folders.out.rglob("*"))
    assert there == [
        "a.mkv", "a.mkv.json", "b.avi.mkv", "b.avi.mkv.json", "more", "more/p.png",
    ]  # fmt: skip


def test_what_is_done_is_known_after_a_restart(folders: Folders) -> None:
    film = folders.film("a.mkv")
    assert folders.ended() == [("a.mkv", "done")]
    first = (folders.out / "a.mkv").stat()
    assert folders.ended() == []
    shutil.copy(film, film.with_name("copy"))  # newer, of the same content
    film.with_name("copy").replace(film)
    assert folders.ended() == []
    vivid = replace(QUICK, color=replace(QUICK.color, look="vivid"))
    assert folders.ended(vivid) == [("a.mkv", "skipped")]
    folders.film("a.mkv", frames=7)
    assert folders.ended() == [("a.mkv", "skipped")]
    assert (folders.out / "a.mkv").stat().st_ino == first.st_ino
    assert folders.ended(replace(QUICK, overwrite=True)) == [("a.mkv", "done")]
    assert folders.ended(replace(QUICK, overwrite=True)) == []


def test_what_was_begun_goes_on(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    folders.film("a.mkv")

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("filmcolor.jobs.film.join_segments", stop)
        list(folders.watch())
    (work,) = find_work(folders.out)
    assert (work.done, work.segments, work.holder) == (1, 1, None)
    assert folders.ended() == [("a.mkv", "done")]
    assert find_work(folders.out) == []


def test_a_failure_is_named_once_and_tried_again_when_the_file_changes(folders: Folders) -> None:
    bad = folders.inside / "a.mkv"
    bad.write_bytes(b"no film")
    (folders.inside / "notes.txt").write_text("bring the reels")
    folders.then = iter([int, int, int, lambda: folders.film("a.mkv")])
    ended = []
    with closing(folders.watch(once=False)) as events:
        for event in events:
            if isinstance(event, FilmDone):
                ended.append((Path(event.source).name, event.status))
                if event.status == "done":
                    break
    assert ended == [("a.mkv", "failed"), ("notes.txt", "skipped"), ("a.mkv", "done")]
    assert folders.now == 25.0


def test_what_is_said_of_a_film_names_it(folders: Folders) -> None:
    make_clip(folders.inside / "a.mkv", frames=6, colored=True)
    said = [event.text for event in folders.watch() if isinstance(event, Notice) and event.warning]
    assert said and all(text.startswith(f"{folders.inside / 'a.mkv'}: ") for text in said)


def test_two_results_of_one_name(folders: Folders) -> None:
    folders.film("a.avi.mkv")
    folders.film("a.avi")
    assert folders.ended() == [("a.avi", "done"), ("a.avi.mkv", "failed")]


def test_no_source_is_replaced_through_a_link(folders: Folders) -> None:
    film, other = folders.film("a.mkv"), folders.film("b.mkv")
    folders.out.mkdir()
    (folders.out / "a.mkv").symlink_to(other)
    before = other.read_bytes()
    ended = folders.ended(replace(QUICK, overwrite=True))
    assert ended == [("a.mkv", "failed"), ("b.mkv", "done")] and film.exists()
    assert other.read_bytes() == before


def test_a_folder_that_goes_away_for_a_while(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.film("a.mkv")
    away = folders.inside.with_name("away")
    folders.then = iter(
        [
            lambda: folders.inside.rename(away),
            int,
            lambda: away.rename(folders.inside),
        ]
    )
    events = []
    with closing(folders.watch(once=False)) as watched:
        for event in watched:
            events.append(event)
            if isinstance(event, FilmDone) and event.status == "done":
                break
    warnings = [each.text for each in events if isinstance(each, Notice) and each.warning]
    assert len([text for text in warnings if "looked for again" in text]) == 1


def test_what_stops_all_is_raised_at_once(folders: Folders) -> None:
    with pytest.raises(CheckpointError, match="unknown model"):
        list(folders.watch(replace(QUICK, color=ColorOptions(model="none"))))
    folders.inside.rmdir()
    with pytest.raises(MediaError, match="cannot be listed"):
        list(folders.watch())


def test_options_that_are_not_known_yet_do_not_count(folders: Folders, tmp_path: Path) -> None:
    """A sidecar of another version may lack some, or have others; auto may have become a word."""
    film = folders.film("a.mkv")
    assert folders.ended() == [("a.mkv", "done")]
    sidecar, result = folders.out / "a.mkv.json", str(folders.out / "a.mkv")
    text = sidecar.read_text()
    assert '"engine": "torch"' in text
    sidecar.write_text(text.replace('"siting": "auto"', '"mood": "blue"'))
    assert is_result_of(str(film), result, QUICK)
    sidecar.write_text(text.replace('"saturation": 1.0', '"saturation": 0.5'))
    assert not is_result_of(str(film), result, QUICK)
    sidecar.write_text(text.replace('"finished"', '"finished on"'))
    assert not is_result_of(str(film), result, QUICK)
    sidecar.unlink()
    assert not is_result_of(str(film), result, QUICK)
