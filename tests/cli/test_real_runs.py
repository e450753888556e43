"""`filmcolor run` from end to end: films, pipes, pictures, and runs that are stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from filmcolor.cli import main
from tests.helpers.clips import decode_film, luma_picture, make_clip, y4m_bytes
from tests.helpers.play import QUICK, shell, start

pytestmark = pytest.mark.e2e


def entries(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.smoke
def test_a_film_from_end_to_end(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "color.mkv"
    assert main(["run", str(clip), "-o", str(target), "--codec", "ffv1", *QUICK]) == 0
    source_lumas, lumas = decode_film(clip)[1], decode_film(target)[1]
    assert len(lumas) == 24
    assert all((a == b).all() for a, b in zip(lumas, source_lumas, strict=True))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith(f"{target}: 24 frames in 0:")
    assert entries(tmp_path) == {"color.mkv"}
    before = target.stat().st_mtime_ns
    assert main(["run", str(clip), "-o", str(target), *QUICK]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert target.stat().st_mtime_ns == before
    assert main(["run", str(clip), "-o", str(target), "--overwrite", *QUICK]) == 0
    assert target.stat().st_mtime_ns != before


def test_a_part_of_a_film_as_json(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "part.mp4"
    arguments = ["run", str(clip), "-o", str(target), "--start", "0.25", "--duration", "0:00.5"]
    assert main([*arguments, "--json", *QUICK]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1]["event"] == "finished"
    assert events[-1]["done"] == 12
    assert {"decode", "infer", "smooth", "compose", "encode"} <= set(events[-1]["stage_seconds"])
    assert len(decode_film(target)[1]) == 12


@pytest.mark.smoke
@pytest.mark.process
def test_from_pipe_to_pipe() -> None:
    lumas = [luma_picture(n, 48, 64) for n in range(5)]
    result = shell("run", "-", "-o", "-", *QUICK, stdin=y4m_bytes(lumas))
    assert result.returncode == 0
    head, _, body = result.stdout.partition(b"\n")
    assert head.startswith(b"YUV4MPEG2 W64 H48 F24:1")
    size = len(b"FRAME\n") + 64 * 48 * 3 // 2
    assert len(body) == 5 * size
    for number, luma in enumerate(lumas):
        frame = body[number * size : (number + 1) * size]
        assert frame[6 : 6 + 64 * 48] == luma.tobytes()
        assert set(frame[6 + 64 * 48 :]) != {128}


@pytest.mark.process
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_reader_that_leaves(tmp_path: Path, more: list[str]) -> None:
    source = tmp_path / "long.mkv"
    make_clip(source, frames=150, width=192, height=160)
    with start("run", str(source), "-o", "-", *QUICK, *more) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(20) == b"YUV4MPEG2 W192 H160 "
        process.stdout.close()
        complaints = process.stderr.read().decode()
        assert process.wait(60) == 0
    assert "Traceback" not in complaints
    assert "rror" not in complaints
    assert "finished" not in complaints


@pytest.mark.process
def test_output_that_nobody_reads_to_the_end() -> None:
    line = f"{sys.executable} -m filmcolor run --help | true; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", line], capture_output=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.process
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_leaves_nothing(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    source, folder = tmp_path / "long.mkv", tmp_path / "out"
    folder.mkdir()
    make_clip(source, frames=2000, width=64, height=48)
    target = str(folder / "color.mp4")
    with start("run", str(source), "-o", target, "--json", *QUICK) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "progress":
                break
        process.send_signal(number)
        process.stdout.read()
        complaint = process.stderr.read().decode()
        assert process.wait(60) == code
    assert complaint == "Stopped: no film was written.\n"
    assert entries(folder) == set()


def test_a_folder_of_pictures_from_end_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.jpg"):
        cv2.imwrite(str(source / name), luma_picture(0, 64, 96))
    (source / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    options = ["--device", "cpu", "--size", "96"]
    assert main(["run", str(source), "-o", str(target), *options]) == 1
    err = capsys.readouterr().err
    assert "2 done, 0 skipped, 1 failed" in err
    assert err.splitlines()[-1].startswith(f"Failed: {source / 'broken.jpg'}: ")
    assert entries(target) == {"a.png", "sub", "sub/b.jpg"}
    (source / "broken.jpg").unlink()
    assert main(["run", str(source), "-o", str(target), *options]) == 0
    assert "0 done, 2 skipped, 0 failed" in capsys.readouterr().err
