"""Frames of several films in one folder: names, whole files, and what was there before."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from filmcolor.errors import FilmcolorError, JobError, MediaError, OptionError
from filmcolor.events import (
    Event,
    Extracted,
    FilmAdvanced,
    FilmFailed,
    FilmOpened,
    FilmRead,
    FrameCounts,
    FrameWritten,
)
from filmcolor.extract.film import pick_frames
from filmcolor.extract.job import extract_films, film_stems, write_frame
from filmcolor.extract.settings import ExtractSettings, FrameFormat
from filmcolor.media.partfile import PartFile
from filmcolor.visual.rgb import Rgb
from tests.helpers.color_films import grey, pan, scene, write_film


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "reel.mkv", [*pan(1, 24), *pan(2, 12)])


def extract(*films: Path, to: Path, overwrite: bool = False, webp: bool = False) -> list[Event]:
    kind: FrameFormat = "webp" if webp else "png"
    sources = [str(film) for film in films]
    return list(extract_films(sources, str(to), ExtractSettings(format=kind, overwrite=overwrite)))


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def read(path: Path) -> Rgb:
    decoded = cv2.imread(str(path))
    assert decoded is not None
    return np.asarray(decoded[..., ::-1], np.uint8)


def test_files_hold_the_picked_frames(film: Path, tmp_path: Path) -> None:
    events = extract(film, to=tmp_path / "new" / "frames")
    picked = list(pick_frames(str(film), ExtractSettings(), FrameCounts()))
    assert names(tmp_path / "new" / "frames") == [f"reel-{f.index:06}.png" for f in picked]
    for frame in picked:
        path = tmp_path / "new" / "frames" / f"reel-{frame.index:06}.png"
        np.testing.assert_array_equal(read(path), frame.rgb)
    written = [event for event in events if isinstance(event, FrameWritten)]
    assert [(e.index, e.seconds, e.shot, e.status) for e in written] == [
        (f.index, f.seconds, f.shot, "done") for f in picked
    ]
    last = events[-1]
    assert isinstance(last, Extracted)
    assert (last.films, last.failed, last.skipped, last.counts.kept) == (1, 0, 0, len(picked))
    kinds = [type(event) for event in events if not isinstance(event, FrameWritten | FilmAdvanced)]
    assert kinds == [FilmOpened, FilmRead, Extracted]


def test_webp_is_nearly_the_frame(film: Path, tmp_path: Path) -> None:
    extract(film, to=tmp_path / "frames", webp=True)
    picked = next(iter(pick_frames(str(film), ExtractSettings(), FrameCounts())))
    path = tmp_path / "frames" / f"reel-{picked.index:06}.webp"
    assert path.read_bytes()[8:12] == b"WEBP"
    assert np.abs(read(path).astype(int) - picked.rgb).mean() < 3.0


@pytest.mark.parametrize(
    ("sources", "stems"),
    [
        (["a/film.mp4", "b/film.mkv", "c/Film.mp4"], ["film", "film~2", "Film~3"]),
        (["film.mp4", "film~2.mp4", "b/film.mp4"], ["film", "film~2", "film~3"]),
        (["film~2.mp4", "film.mp4", "b/film.mp4"], ["film~2", "film", "film~3"]),
        (["-", "pipe.mp4"], ["pipe", "pipe~2"]),
        (["a.b.mp4", ".hidden.mp4", "..mp4"], ["a.b", "hidden", "film"]),
        (["x" * 300 + ".mp4"], ["x" * 200]),
        (["ä" * 150 + ".mp4"], ["ä" * 100]),
    ],
)
def test_stems_are_unlike(sources: list[str], stems: list[str]) -> None:
    assert film_stems(sources) == stems


def test_films_of_one_name_do_not_collide(tmp_path: Path) -> None:
    films = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        films.append(write_film(tmp_path / str(number) / "reel.mkv", pan(number, 12)))
    events = extract(*films, to=tmp_path / "frames")
    written = [Path(event.target).name for event in events if isinstance(event, FrameWritten)]
    assert {name.rpartition("-")[0] for name in written} == {"reel", "reel~2"}
    assert names(tmp_path / "frames") == sorted(written)


def test_what_is_there_is_left_alone(film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    extract(film, to=folder)
    first, second = names(folder)[:2]
    truth = (folder / first).read_bytes()
    (folder / first).write_bytes(b"precious")
    (folder / second).unlink()
    (folder / second).symlink_to(tmp_path / "elsewhere")
    events = extract(film, to=folder)
    assert (folder / first).read_bytes() == b"precious"
    assert (folder / second).is_symlink()
    assert not (tmp_path / "elsewhere").exists()
    last = events[-1]
    assert isinstance(last, Extracted)
    assert last.skipped == last.counts.kept == len(names(folder))
    extract(film, to=folder, overwrite=True)
    assert (folder / first).read_bytes() == truth


def test_the_same_command_goes_on_where_it_stopped(film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    extract(film, to=folder)
    whole = {name: (folder / name).read_bytes() for name in names(folder)}
    for name in names(folder)[1:]:
        (folder / name).unlink()
    extract(film, to=folder)
    assert {name: (folder / name).read_bytes() for name in names(folder)} == whole


def test_a_film_that_fails_does_not_stop_the_others(film: Path, tmp_path: Path) -> None:
    broken, picture = tmp_path / "broken.mkv", tmp_path / "still.png"
    broken.write_text("no film")
    cv2.imwrite(str(picture), np.zeros((8, 8, 3), np.uint8))
    events = extract(broken, picture, film, to=tmp_path / "frames")
    failures = [event for event in events if isinstance(event, FilmFailed)]
    assert [Path(event.source).name for event in failures] == ["broken.mkv", "still.png"]
    assert "a picture, not a film" in failures[1].reason
    last = events[-1]
    assert isinstance(last, Extracted)
    assert (last.films, last.failed) == (3, 2)
    assert last.counts.kept == len(names(tmp_path / "frames")) > 0


def test_a_single_film_that_fails_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.mkv").write_text("no film")
    with pytest.raises(MediaError, match=r"broken\.mkv"):
        extract(tmp_path / "broken.mkv", to=tmp_path / "frames")
    assert not (tmp_path / "frames").exists()


def test_a_folder_that_got_nothing_is_not_left(tmp_path: Path) -> None:
    film = write_film(tmp_path / "grey.mkv", [grey(picture) for picture in pan(1, 8)])
    extract(film, to=tmp_path / "frames")
    assert not (tmp_path / "frames").exists()
    (tmp_path / "mine").mkdir()
    extract(film, to=tmp_path / "mine")
    assert names(tmp_path / "mine") == []


def a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file"


def in_a_file(folder: Path) -> Path:
    return a_file(folder) / "frames"


@pytest.mark.parametrize(("place", "kind"), [(a_file, OptionError), (in_a_file, MediaError)])
def test_a_folder_that_cannot_be_is_found_at_once(
    film: Path, tmp_path: Path, place: Callable[[Path], Path], kind: type[FilmcolorError]
) -> None:
    events = extract_films([str(film)], str(place(tmp_path)), ExtractSettings())
    with pytest.raises(kind, match="file"):
        next(events)


def test_a_film_given_twice_is_refused(film: Path, tmp_path: Path) -> None:
    again = film.parent / ".." / film.parent.name / film.name
    with pytest.raises(OptionError, match="given twice"):
        extract(film, again, to=tmp_path / "frames")


def test_a_full_disk_ends_it_with_whole_files(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes
    calls = 0

    def full(path: Path, content: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            return write(path, content)
        write(path, content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(JobError, match="No space left on device"):
        extract(film, to=tmp_path / "frames")
    (name,) = names(tmp_path / "frames")
    assert read(tmp_path / "frames" / name).shape == (64, 96, 3)


def test_a_picture_that_a_format_cannot_hold(tmp_path: Path) -> None:
    wide = np.zeros((1, 20_000, 3), np.uint8)
    with pytest.raises(JobError, match="20000x1 cannot be made into webp"):
        write_frame(tmp_path / "a.webp", wide, "webp")
    assert names(tmp_path) == []


def test_a_failed_commit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(part: PartFile) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PartFile, "commit", stop)
    with pytest.raises(KeyboardInterrupt):
        write_frame(tmp_path / "a.png", np.asarray(scene(1) * 255, np.uint8), "png")
    assert names(tmp_path) == []
