"""`filmcolor watch` as a command: its lines, its settings, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from fractions import Fraction
from pathlib import Path

import click
import pytest

from filmcolor.cli import main
from filmcolor.events import Event, FilmDone, Finished, Notice, Started, Watching
from filmcolor.jobs.batch import BatchItem
from filmcolor.options import WatchOptions
from tests.helpers.play import PLANNED, STAGES


class Watch:
    """Stands for the job: remembers what it was asked for, plays back events, may be stopped."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.error: BaseException | None = None
        self.asked: list[WatchOptions] = []
        self.items: list[BatchItem] = []
        self.closed = False

    def play(
        self,
        folder: str,
        target: str,
        item_of: Callable[..., BatchItem],
        options: WatchOptions,
    ) -> Generator[Event, None, None]:
        self.asked.append(options)
        self.items = [
            item_of(Path(folder, "sub", "a.mov"), "film"),
            item_of(Path(folder, "p.jpg"), "pictures"),
        ]
        try:
            yield Watching(folder, target)
            yield from self.events
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(click, "get_app_dir", lambda _: str(tmp_path / "user"))
    played = Watch()
    monkeypatch.setattr("filmcolor.jobs.watch.watch_folder", played.play)
    return played


FILM = [PLANNED, Notice("untagged"), Finished("out/a.mov", 192, 12.0, STAGES)]


def test_one_line_a_film(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    watch.events = [
        *FILM,
        FilmDone("in/a.mov", "out/a.mov", "done", "192 frames in 0:12"),
        Notice("two frames are damaged", warning=True),
        FilmDone("in/b.mov", "out/b.mov", "failed", "in/b.mov: cannot be read"),
        FilmDone("in/c.txt", "", "skipped", "is neither film nor picture"),
    ]
    assert main(["watch", "in", "-o", "out"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "in -> out: Ctrl-C ends it.",
        "done in/a.mov -> out/a.mov: 192 frames in 0:12",
        "Warning: two frames are damaged",
        "Failed: in/b.mov: cannot be read",
        "skipped in/c.txt: is neither film nor picture",
    ]
    assert main(["watch", "in", "-o", "out", "--quiet"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert main(["watch", "in", "-o", "out", "--json"]) == 1
    first, *_ = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {"event": "watching", "folder": "in", "target": "out"}


def test_results_mirror_the_folder(watch: Watch) -> None:
    assert main(["watch", "in", "-o", "out", "--work", "work", "--codec", "ffv1"]) == 0
    film, picture = watch.items
    assert Path(film.target) == Path("out/sub/a.mov.mkv")
    assert film.work is not None and Path(film.work) == Path("work/sub/a.mov.mkv")
    assert (Path(picture.target), picture.kind) == (Path("out/p.jpg"), "pictures")


def test_ctrl_c_ends_it(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    watch.events, watch.error = [PLANNED], KeyboardInterrupt()
    assert main(["watch", "in", "-o", "out"]) == 130
    assert watch.closed
    end = capsys.readouterr().err.splitlines()[-1]
    assert end == "Stopped: what is done is kept; the same command goes on from there."


def test_settings_of_run_hold(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[run]\nlook = "vivid"\nworkers = 2\nsidecar = true\n[watch]\nevery = 60\n'
    (tmp_path / "filmcolor.toml").write_text(text)
    monkeypatch.setenv("FILMCOLOR_RUN_CODEC", "ffv1")
    assert main(["watch", "in", "-o", "out"]) == 0
    (asked,) = watch.asked
    assert (asked.run.color.look, asked.run.workers, asked.run.encode.codec) == ("vivid", 2, "ffv1")
    assert (asked.every_seconds, asked.once) == (Fraction(60), False)
    (tmp_path / "filmcolor.toml").write_text(f'{text}look = "natural"\n')
    assert main(["watch", "in", "-o", "out", "--once"]) == 0
    assert (watch.asked[-1].run.color.look, watch.asked[-1].once) == ("natural", True)


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["gone", "-o", "out"], "gone: no such folder; make it first", 3),
        (["in"], "Missing option '-o'", 2),
        (["in", "-o", "in/out"], "must not go into the folder they are made from", 2),
        (["in", "-o", "out", "--work", "in/work"], "must not lie in the folder", 2),
        (["in", "-o", "out.mp4"], "is the name of one film", 2),
        (["in", "-o", "out", "--every", "0"], "--every 0: must be 0.1 to 3600", 2),
        (["in", "-o", "out", "--shard", "1/2"], "No such option", 2),
        (["in", "-o", "out", "--plan", "film.toml"], "No such option", 2),
    ],
)
def test_what_cannot_be_meant(
    watch: Watch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
    code: int,
) -> None:
    assert main(["watch", *arguments]) == code
    assert said in capsys.readouterr().err
    assert watch.asked == []


@pytest.mark.parametrize("status", ["done", "failed"])
def test_verified_films_alone_count_as_done(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    """Pictures are not compared."""
    compared = []

    def verify(source: str, target: str, *_: object, **__: object) -> bool:
        compared.append(source)
        return status == "done"

    monkeypatch.setattr("filmcolor.cli.watch.verify_result", verify)
    pictures = Started("in/p.jpg", "out/p.jpg", "default", "cpu", "1 pictures", 1, "pictures")
    watch.events = [
        *FILM,
        FilmDone("in/a.mov", "out/a.mov", "done", "192 frames in 0:12"),
        pictures,
        FilmDone("in/p.jpg", "out/p.jpg", "done", "1 picture in 0:01"),
    ]
    assert main(["watch", "in", "-o", "out", "--verify"]) == (status == "failed")
    assert compared == ["in/a.mov"]
    shown = "Failed: in/a.mov: out/a.mov: --verify found faults"
    assert (shown in capsys.readouterr().err.splitlines()) == (status == "failed")
