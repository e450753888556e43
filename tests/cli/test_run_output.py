"""What `filmcolor run` says, where it says it, and what it exits with."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from filmcolor.cli import main
from filmcolor.errors import CheckpointError, FilmcolorError, JobError, MediaError, OptionError
from filmcolor.events import Finished, PictureDone
from tests.helpers.play import FINISHED, PLANNED, RUN_EVENTS, STAGES, Job


def test_plain_lines_where_there_is_no_terminal(
    job: Job, film: str, capsys: pytest.CaptureFixture[str]
) -> None:
    job.events = RUN_EVENTS
    assert main(["run", film]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "old.mp4 -> new.mp4: 640x480, 24 fps, libx264, model default on cpu",
        "Note: nothing to worry about",
        "Warning: look at this",
        "new.mp4: 192 frames in 0:12, 16.0 fps (slowest stage: infer)",
    ]


def test_an_engine_that_is_not_torch_is_told(
    job: Job, film: str, capsys: pytest.CaptureFixture[str]
) -> None:
    job.events = [replace(PLANNED, engine="openvino"), FINISHED]
    assert main(["run", film]) == 0
    line = capsys.readouterr().err.splitlines()[0]
    assert line == "old.mp4 -> new.mp4: 640x480, 24 fps, libx264, model default on cpu by openvino"


def test_quiet_leaves_warnings(job: Job, film: str, capsys: pytest.CaptureFixture[str]) -> None:
    job.events = RUN_EVENTS
    assert main(["run", film, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "Warning: look at this\n")


def test_json_is_one_object_a_line(job: Job, film: str, capsys: pytest.CaptureFixture[str]) -> None:
    job.events = RUN_EVENTS
    assert main(["run", film, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    events = [json.loads(line) for line in out.splitlines()]
    # The second report comes too soon after the first.
    assert [e["event"] for e in events] == ["planned", "notice", "notice", "progress", "finished"]
    assert events[0]["total"] == 192
    assert events[2] == {"event": "notice", "text": "look at this", "warning": True}
    assert events[3]["stage_seconds"] == STAGES
    assert events[3]["done"] == 96
    assert events[4]["stage_seconds"] == STAGES
    assert events[4]["seconds"] == 12.0


def test_json_goes_to_stderr_when_the_film_goes_to_stdout(
    job: Job, film: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", film, "-o", "-", "--json"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert [json.loads(line)["event"] for line in err.splitlines()] == ["planned", "finished"]


def test_json_reports_an_error_too(job: Job, film: str, capsys: pytest.CaptureFixture[str]) -> None:
    job.error = JobError("it broke")
    assert main(["run", film, "--json"]) == 5
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1]) == {
        "event": "error",
        "text": "it broke",
        "exit_code": 5,
    }
    assert err == "Error: it broke\n"


def test_a_folder_with_failures(
    job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = {"infer": 2.0}
    job.events = [
        replace(PLANNED, source="in", target="out", summary="4 pictures", unit="pictures"),
        PictureDone("in/a.jpg", "out/a.jpg", "done"),
        PictureDone("in/b.jpg", "out/b.jpg", "failed", "in/b.jpg: cannot be read"),
        PictureDone("in/c.jpg", "out/c.jpg", "skipped", "is there already"),
        PictureDone("in/d.jpg", "out/d.jpg", "failed", "broken"),
        Finished("out", 1, 65.0, stages, skipped=1, failed=2, unit="pictures"),
    ]
    assert main(["run", str(tmp_path), "-o", "out"]) == 1
    assert capsys.readouterr().err.splitlines()[1:] == [
        "out: 1 done, 1 skipped, 2 failed in 1:05",
        "Failed: in/b.jpg: cannot be read",
        "Failed: in/d.jpg: broken",
    ]
    assert main(["run", str(tmp_path), "-o", "out", "--quiet"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FilmcolorError("a: wrong"), 1),
        (OptionError("a: wrong"), 2),
        (MediaError("a: wrong"), 3),
        (CheckpointError("a:\n  wrong"), 4),
        (JobError("a: wrong"), 5),
    ],
)
def test_an_error_is_one_line_and_a_code(
    job: Job, film: str, error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    job.events, job.error = [], error
    assert main(["run", film]) == code
    assert capsys.readouterr() == ("", "Error: a: wrong\n")


def test_a_bug_says_so(job: Job, film: str, capsys: pytest.CaptureFixture[str]) -> None:
    job.events, job.error = [], KeyError("cb")
    assert main(["run", film]) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: KeyError: 'cb' - this is a bug in filmcolor")
    assert "--debug" in line


def test_debug_shows_where(job: Job, film: str, capsys: pytest.CaptureFixture[str]) -> None:
    job.events, job.error = [], MediaError("a: wrong")
    assert main(["run", film, "--debug"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "Error: a: wrong"


def test_what_the_system_refuses(job: Job, film: str, capsys: pytest.CaptureFixture[str]) -> None:
    job.events, job.error = [], PermissionError(13, "Permission denied", "/a/b.mp4")
    assert main(["run", film]) == 1
    assert capsys.readouterr().err == "Error: /a/b.mp4: Permission denied\n"


def test_an_installation_that_is_not_whole(
    job: Job, film: str, capsys: pytest.CaptureFixture[str]
) -> None:
    job.events, job.error = [], ImportError("libGL.so.1: cannot open shared object file")
    assert main(["run", film]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "(libGL.so.1: cannot open shared object file); install" in line


def test_ctrl_c(job: Job, film: str, capsys: pytest.CaptureFixture[str]) -> None:
    job.events, job.error = [PLANNED], KeyboardInterrupt()
    assert main(["run", film, "-q"]) == 130
    assert capsys.readouterr().err == "Stopped: no film was written.\n"
    job.events = [replace(PLANNED, unit="pictures")]
    assert main(["run", film, "-q"]) == 130
    assert capsys.readouterr().err == "Stopped: no picture was written.\n"
    job.events.append(PictureDone("in/a.jpg", "out/a.jpg", "done"))
    assert main(["run", film, "-q"]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err


@pytest.mark.process
def test_a_closed_pipe_is_a_quiet_end(job: Job, film: str) -> None:
    # In a process of its own, since standard output is given up for good.
    code = (
        "import sys, types\n"
        "from filmcolor.errors import MediaError\n"
        "pipeline = types.ModuleType('filmcolor.jobs.film')\n"
        "def color_film(source, target, options):\n"
        "    raise MediaError('translated') from BrokenPipeError(32, 'Broken pipe')\n"
        "    yield\n"
        "pipeline.color_film = color_film\n"
        "sys.modules['filmcolor.jobs.film'] = pipeline\n"
        "from filmcolor.cli import main\n"
        f"sys.exit(main(['run', {film!r}, '-o', '-']))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_the_job_is_closed_when_showing_fails(job: Job, film: str) -> None:
    job.events = [PLANNED, "no event", FINISHED]  # type: ignore[list-item]
    main(["run", film, "--json"])
    assert job.closed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "Missing argument 'SOURCE...'"),
        (["run", "a.mp4", "--codec", "divx"], "'divx' is not one of 'libx264'"),
        (["run", "a.mp4", "--smooth", "more"], "'more' is not one of"),
        (["run", "a.mp4", "--start", "soon"], "'soon' is no time"),
        (["run", "a.mp4", "--crf", "good"], "'good' is not a valid float"),
        (["run", "a.mp4", "--colour"], "No such option"),
        (["run", "a.mp4", "b.mp4", "a.mp4"], "the same source was given twice"),
        (["run", "a.mp4", "-", "-o", "out"], "one film at a time can come through a pipe"),
        (["paint"], "No such command 'paint'"),
        (["run", ""], "an empty name: give a film"),
        (["info", ""], "an empty name: give a film"),
        (["run", __file__, "-o", ""], "-o: an empty name"),
        (["run", "a.mp4", "--size", "5"], "--size 5: must be 64 to 2048"),
        (["run", "a.mp4", "--lossless", "--crf", "1"], "exclude each other"),
        (["run", "a.mp4", "--saturation", "nan"], "--saturation"),
        (["run", "a.mp4", "--stability", "1.5"], "--stability 1.5: must be 0 to 1"),
        (["run", "a.mp4", "--stride", "0"], "--stride 0: must be auto, or 1 to 8"),
        (["run", "a.mp4", "--stride", "9"], "--stride 9: must be auto, or 1 to 8"),
        (["run", "a.mp4", "--stride", "some"], "'some': give a whole number, or auto"),
        (["run", "a.mp4", "--stride", "2", "--smooth", "ema"], "leave --smooth out"),
    ],
)
def test_a_command_line_that_cannot_be_meant(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("Error: ")
    assert words in line


def test_pipes_that_make_no_sense(
    job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert main(["run", "-"]) == 2
    assert "-o is missing" in capsys.readouterr().err
    assert main(["run", str(tmp_path), "-o", "-"]) == 2
    assert "only a film" in capsys.readouterr().err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    assert main(["run", "-", "-o", "x.mp4"]) == 2
    assert "standard input is a terminal" in capsys.readouterr().err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["run", "-", "-o", "-"]) == 2
    assert "standard output is a terminal" in capsys.readouterr().err
    assert job.calls == []
