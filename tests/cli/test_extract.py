"""`filmcolor extract`: what it says, what it leaves behind, and what it exits with."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from filmcolor.cli import main
from filmcolor.cli.display.base import Display, LineDisplay
from filmcolor.cli.extract import EXTRACT
from filmcolor.events import Extracted, FilmAdvanced, FilmFailed, FilmOpened, FrameCounts, Notice
from filmcolor.media.partfile import PartFile
from tests.helpers.clips import make_sound
from tests.helpers.color_films import codes, grey, pan, write_film
from tests.helpers.play import shell, start


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    return write_film(folder / "reel.mkv", [*pan(1, 24), *pan(2, 12)])


@pytest.fixture(scope="module")
def grey_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grey")
    return write_film(folder / "old.mkv", [grey(picture) for picture in pan(1, 12)])


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_frames_and_a_last_line(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", str(film), "-o", str(tmp_path / "frames"), "--per-shot", "1"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    first, last = err.splitlines()
    assert first == f"{film}: 96x64, 12 fps, ffv1"
    assert last.startswith(
        f"{tmp_path / 'frames'}: 2 of 36 frames kept, 2 shots; "
        "not kept: 34 beside better ones of their shot; 0:0"
    )
    assert len(names(tmp_path / "frames")) == 2
    assert all(name.startswith("reel-0000") for name in names(tmp_path / "frames"))


def test_options_reach_the_frames(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["extract", str(film), "-o", str(tmp_path), "--format", "webp", "--short-side", "0"]
    part = ["--start", "2", "--duration", "0:01", "--max-frames", "1", "--every", "9"]
    assert main([*command, *part, "--min-distance", "0", "--quiet"]) == 0
    (name,) = names(tmp_path)
    assert name.endswith(".webp")
    assert 24 <= int(name[5:11]) < 36
    assert capsys.readouterr() == ("", "")


def test_json_is_one_object_a_line(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", str(film), "-o", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    events = [json.loads(line) for line in out.splitlines()]
    frames = [event for event in events if event["event"] == "frame"]
    assert [Path(event["target"]).name for event in frames] == names(tmp_path)
    assert frames[0]["seconds"] == pytest.approx(frames[0]["index"] / 12, abs=0.001)
    assert events[0]["event"] == "opened"
    assert [event["event"] for event in events[-2:]] == ["film", "finished"]
    counts = events[-1]["counts"]
    assert counts["frames"] == 36 == counts["kept"] + sum(counts["rejected"].values())


def test_nothing_kept_is_an_error(
    grey_film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", str(grey_film), "-o", str(tmp_path / "frames"), "-q"]) == 3
    _, err = capsys.readouterr()
    assert err == "Error: no frame is worth keeping (12 grey); give films in colour\n"
    assert not (tmp_path / "frames").exists()


def test_a_grey_film_among_coloured_ones_is_no_failure(
    film: Path, grey_film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["extract", str(grey_film), str(film), "-o", str(tmp_path), "--per-shot", "1"]
    assert main(command) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{grey_film}: 96x64, 12 fps, ffv1 (film 1 of 2)"
    assert lines[1] == f"{grey_film}: 0 of 12 frames kept, 1 shot; not kept: 12 grey"
    assert ": 2 of 48 frames kept, 3 shots; " in lines[-1]


def test_a_film_that_fails_is_named_and_the_others_go_on(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.mkv"
    frames = tmp_path / "frames"
    assert main(["extract", str(missing), str(film), "-o", str(frames), "-q"]) == 1
    assert capsys.readouterr().err == f"Failed: {missing}: no such file: check the name\n"
    assert len(names(frames)) > 0
    assert main(["extract", str(missing), str(tmp_path), "-o", str(tmp_path / "no")]) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("2 of 2 films failed; 0:00")
    assert not (tmp_path / "no").exists()


def test_what_is_there_already_is_said(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["extract", str(film), "-o", str(tmp_path), "--per-shot", "1"]
    assert main(command) == 0
    times = [(tmp_path / name).stat().st_mtime_ns for name in names(tmp_path)]
    capsys.readouterr()
    assert main(command) == 0
    assert "; 2 were there already (--overwrite replaces them); " in capsys.readouterr().err
    assert [(tmp_path / name).stat().st_mtime_ns for name in names(tmp_path)] == times
    assert main([*command, "--overwrite"]) == 0
    assert "were there" not in capsys.readouterr().err
    assert [(tmp_path / name).stat().st_mtime_ns for name in names(tmp_path)] != times


def missing(folder: Path) -> list[str]:
    return [str(folder / "nothing.mp4")]


def text_file(folder: Path) -> list[str]:
    (folder / "in.mp4").write_text("This is the story of a film.\n" * 50)
    return [str(folder / "in.mp4")]


def a_folder(folder: Path) -> list[str]:
    (folder / "in.mp4").mkdir()
    return [str(folder / "in.mp4")]


def sound_only(folder: Path) -> list[str]:
    make_sound(folder / "in.mp4")
    return [str(folder / "in.mp4")]


def hdr(folder: Path) -> list[str]:
    film = folder / "in.mkv"
    return [str(write_film(film, pan(1, 4), matrix=9, transfer=16, pix_fmt="yuv420p10le"))]


def late_start(folder: Path) -> list[str]:
    return [str(write_film(folder / "in.mkv", pan(1, 4))), "--start", "1:00"]


@pytest.mark.parametrize("bad", [missing, text_file, a_folder, sound_only, hdr, late_start])
def test_a_bad_film_is_one_line(
    bad: Callable[[Path], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = bad(tmp_path)
    assert main(["extract", *arguments, "-o", str(tmp_path / "frames"), "--quiet"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"Error: {arguments[0]}: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "frames").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-o", "frames"], "FILM is missing"),
        (["a.mp4"], "-o is missing"),
        (["a.mp4", "-o", ""], "-o: an empty name"),
        (["a.mp4", "-o", "-"], "-o -: frames cannot go to standard output"),
        (["", "-o", "frames"], "an empty name"),
        (["FILM", "-o", "frames", "--per-shot", "0"], "--per-shot 0: must be 1 to 50"),
        (["FILM", "-o", "frames", "--short-side", "8"], "--short-side 8: must be 32"),
        (["FILM", "-o", "frames", "--start", "soon"], "'soon' is no time"),
        (["FILM", "FILM", "-o", "frames"], "given twice"),
        (["FILM", "-o", "FILM"], "a file, not a folder"),
    ],
)
def test_wrong_options_are_one_line(
    arguments: list[str],
    text: str,
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names_film = [str(film) if word == "FILM" else word for word in arguments]
    assert main(["extract", *names_film]) == 2
    err = capsys.readouterr().err
    assert text in err
    assert err.count("\n") == 1
    assert names(tmp_path) == []


def test_json_reports_an_error_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", str(tmp_path / "no.mp4"), "-o", str(tmp_path), "--json"]) == 3
    event = json.loads(capsys.readouterr().out)
    assert (event["event"], event["exit_code"]) == ("error", 3)


@pytest.mark.process
def test_ctrl_c_leaves_whole_files(
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    commit = PartFile.commit
    done: list[str] = []

    def second_time_stop(part: PartFile) -> None:
        if done:
            raise KeyboardInterrupt
        done.append(part.target)
        commit(part)

    monkeypatch.setattr(PartFile, "commit", second_time_stop)
    assert main(["extract", str(film), "-o", str(tmp_path), "-q"]) == 130
    err = capsys.readouterr().err
    assert err == "Stopped: frames written: 1; the same command goes on from there.\n"
    assert [str(tmp_path / name) for name in names(tmp_path)] == done


@pytest.mark.process
def test_sigterm_leaves_whole_files(tmp_path: Path) -> None:
    pictures = [picture for seed in range(40) for picture in pan(seed, 8)]
    film = write_film(tmp_path / "long.mkv", pictures)
    frames = tmp_path / "frames"
    process = start("extract", str(film), "-o", str(frames))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if frames.is_dir() and len(names(frames)) >= 2:
            process.send_signal(signal.SIGTERM)
            break
        time.sleep(0.01)
    _, err = process.communicate(timeout=60)
    if process.returncode != 0:  # else it was quicker than the signal
        assert process.returncode == 128 + signal.SIGTERM
        assert b"goes on from there" in err
    assert all(name.startswith("long-") for name in names(frames))
    assert main(["extract", str(film), "-o", str(frames), "-q"]) == 0
    assert len(names(frames)) >= 40


@pytest.mark.process
def test_a_pipe_is_a_film(tmp_path: Path) -> None:
    body = b"".join(
        b"FRAME\n" + b"".join(plane.tobytes() for plane in codes(picture)) for picture in pan(1, 12)
    )
    stream = b"YUV4MPEG2 W96 H64 F12:1 Ip C420mpeg2\n" + body
    result = shell("extract", "-", "-o", str(tmp_path), "--per-shot", "1", stdin=stream)
    assert result.returncode == 0, result.stderr
    (name,) = names(tmp_path)
    assert name.startswith("pipe-")


def test_lines_of_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    display = LineDisplay(EXTRACT, clock=lambda: now[0])
    with display:
        display.show(FilmOpened("a.mp4", 1, 1, "96x64", 100))
        display.show(Notice("look at this", warning=True))
        for second in range(11):
            now[0] = float(second)
            display.show(FilmAdvanced(second * 10, 100, second))
    assert capsys.readouterr().err.splitlines() == [
        "a.mp4: 96x64",
        "Warning: look at this",
        "50/100 frames, 10.0 fps, 0:05 left, 5 kept",
        "100/100 frames, 10.0 fps, 0:00 left, 10 kept",
    ]


def test_quiet_leaves_warnings_and_failures(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(EXTRACT) as display:
        display.show(FilmOpened("a.mp4", 1, 1, "96x64", 100))
        display.show(Notice("nothing to worry about"))
        display.show(Notice("look at this", warning=True))
        display.show(FilmFailed("a.mp4", "a.mp4: broken"))
        display.show(FilmFailed("b.mp4", "it broke"))
    assert capsys.readouterr().err.splitlines() == [
        "Warning: look at this",
        "Failed: a.mp4: broken",
        "Failed: b.mp4: it broke",
    ]


def test_the_result_names_every_reason_the_most_frequent_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = FrameCounts(100, 4, 10, {"black": 5, "surplus": 60, "limit": 5, "duplicate": 20})
    LineDisplay(EXTRACT).show(Extracted("frames", 3, 1, 2, 65.0, counts))
    assert capsys.readouterr().err == (
        "frames: 10 of 100 frames kept, 4 shots; not kept: 60 beside better ones of their shot, "
        "20 like one that was kept, 5 black, 5 over --max-frames; 2 were there already "
        "(--overwrite replaces them); 1 of 3 films failed; 1:05\n"
    )
