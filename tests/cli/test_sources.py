"""`filmcolor run` over several films: a bad one does not stop the rest, and the table says all."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import cv2
import pytest

from filmcolor.cli import main
from filmcolor.jobs.film import color_film
from tests.helpers.clips import decode_film, luma_picture, make_clip
from tests.helpers.play import start

pytestmark = pytest.mark.e2e

QUICK = ["--device", "cpu", "--size", "64", "--smooth", "none"]


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reel") / "reel.mkv"
    make_clip(path, frames=4, width=64, height=48)
    return path


def found(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_twelve_films_with_a_damaged_one(
    reel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films, out = tmp_path / "films", tmp_path / "out"
    (films / "deep").mkdir(parents=True)
    names = [f"reel {number}.mkv" for number in range(1, 11)] + ["deep/a.mkv", "deep/b.mkv"]
    for name in names:
        shutil.copy(reel, films / name)
    whole = reel.read_bytes()
    (films / "reel 3.mkv").write_bytes(whole[:40] + bytes(len(whole) - 40))
    (films / "notes.txt").write_text("of 1931")
    good = set(names) - {"reel 3.mkv"}
    assert main(["run", str(films), "-o", str(out), *QUICK]) == 1
    assert found(out) == good
    assert all(len(decode_film(out / name)[1]) == 4 for name in good)
    error = capsys.readouterr().err
    assert "1 of its files are neither film nor picture (notes.txt): not used" in error
    table = error.splitlines()[-13:]
    failed = [line for line in table if line.startswith("failed   ")]
    assert len(failed) == 1 and "reel 3.mkv" in failed[0] and "not a film, or damaged" in failed[0]
    assert failed[0].count("reel 3.mkv") == 1
    done = [line for line in table if line.startswith("done     ")]
    assert len(done) == 11 and all("  4 frames in 0:" in line for line in done)
    assert table[-1].startswith("11 done, 0 skipped, 1 failed in 0:")

    stamps = {name: (out / name).stat().st_mtime_ns for name in good}
    assert main(["run", str(films), "-o", str(out), "--json", *QUICK]) == 1
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ends = [event for event in events if event["event"] == "film"]
    assert [event["status"] for event in ends].count("skipped") == 11
    assert {event["reason"] for event in ends if event["status"] == "skipped"} == {
        "is there already"
    }
    counts = {"done": 0, "skipped": 11, "failed": 1, "unit": "films"}
    assert events[-1]["event"] == "finished" and counts.items() <= events[-1].items()
    assert {name: (out / name).stat().st_mtime_ns for name in good} == stamps

    (films / "reel 3.mkv").unlink()
    assert main(["run", str(films), "-o", str(out), "-q", *QUICK]) == 0
    assert capsys.readouterr().err == ""


def test_films_by_name_and_a_folder_with_both(
    reel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed, out = tmp_path / "mixed", tmp_path / "out"
    mixed.mkdir()
    shutil.copy(reel, mixed / "a.mkv")
    cv2.imwrite(str(mixed / "p.png"), luma_picture(0, 32, 32))
    assert main(["run", str(reel), str(mixed), "-o", str(out), "--verify", *QUICK]) == 0
    assert found(out) == {"reel.color.mkv", "mixed/a.mkv", "mixed/p.png"}
    error = capsys.readouterr().err
    assert error.count(": holds: 4 frames") == 2, error
    assert error.splitlines()[-1].startswith("3 done, 0 skipped, 0 failed")


def test_what_verify_finds_counts_as_failed(
    reel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    films, out = tmp_path / "films", tmp_path / "out"
    films.mkdir()
    for name in ("a.mkv", "b.mkv"):
        shutil.copy(reel, films / name)

    def tampered(source: str, target: str, options: object) -> object:
        yield from color_film(source, target, options)  # type: ignore[arg-type]
        if source.endswith("a.mkv"):
            make_clip(Path(target), frames=3, width=64, height=48)

    monkeypatch.setattr("filmcolor.jobs.film.color_film", tampered)
    assert main(["run", str(films), "-o", str(out), "--verify", *QUICK]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("1 done, 0 skipped, 1 failed")
    assert lines[-3].startswith("failed") and "--verify found faults" in lines[-3]
    assert found(out) == {"a.mkv", "b.mkv"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["films", "-o", "films/out"], "must not go into the folder they are made from"),
        (["films", "-o", "films/a.mkv"], "must not go into"),
        (["films", "-o", "file"], "must be a folder, since there are several films"),
        (["films", "-o", "out", "--strokes", "s.toml"], "--strokes: is of one film"),
        (["films/a.mkv", "other/a.mkv", "-o", "out"], "is another's too"),
        (["films", "-o", "-"], "only one, can go to standard output"),
        (["films", "none.mkv", "-o", "out"], "none.mkv: no such file"),
        (["films", "-o", "out", "--model", "none"], "unknown model 'none'"),
    ],
)
def test_what_cannot_be_meant(
    reel: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("films", "other"):
        (tmp_path / name).mkdir()
        shutil.copy(reel, tmp_path / name / "a.mkv")
    (tmp_path / "file").touch()
    before = found(tmp_path)
    assert main(["run", *arguments]) in (2, 3, 4)
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert found(tmp_path) == before


@pytest.mark.process
def test_ctrl_c_stops_all(reel: Path, tmp_path: Path) -> None:
    films, out = tmp_path / "films", tmp_path / "out"
    films.mkdir()
    shutil.copy(reel, films / "a.mkv")
    make_clip(films / "b.mkv", frames=300, width=192, height=160)
    shutil.copy(reel, films / "c.mkv")
    process = start("run", str(films), "-o", str(out), *QUICK)
    until = time.monotonic() + 60
    while not list(out.glob(".b.mkv.work/segment*")) and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert b"what is done is kept; the same command goes on from there." in error
    assert (out / "a.mkv").exists() and not (out / "c.mkv").exists()
