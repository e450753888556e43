"""`filmcolor stills`, and guidance on the command line of `run`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filmcolor.cli import main
from tests.helpers.clips import make_clip

SMALL = ["--device", "cpu", "--size", "64"]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "in.mp4"
    wide = Fraction(4, 3)
    make_clip(path, frames=10, rate=Fraction(4), codec="libx264", sample_aspect_ratio=wide)
    return path


def test_a_still_is_written_corrected_and_followed(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "stills"
    assert main(["stills", str(film), "-o", str(folder), *SMALL]) == 0
    assert "1 done, 0 skipped" in capsys.readouterr().err
    (still,) = folder.iterdir()
    assert still.name == "shot-0001_00-00-01.250.png"
    with Image.open(still) as picture:
        assert picture.size == (85, 48)  # 64x48 with wide pixels
        Image.fromarray(255 - np.asarray(picture)).save(still)
    run = ["run", str(film), "--stills", str(folder), "-o", str(tmp_path / "out.mkv"), *SMALL]
    assert main(run) == 0
    assert "1 of 1 shots are guided (stills: 1, strokes: 0)" in capsys.readouterr().err


def test_what_cannot_be_meant_is_said_in_a_line(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(tmp_path / "out.mkv")
    broken = tmp_path / "strokes.toml"
    broken.write_text('[[stroke]]\nat = 1\ncolor = "#12345"\npoint = [1, 2]\n', encoding="utf-8")
    grey = str(tmp_path / "grey.png")
    Image.new("RGB", (80, 80), (90, 90, 90)).save(grey)
    for arguments, code, said in (
        (["stills", str(film)], 2, "-o is missing"),
        (["stills", "-", "-o", str(tmp_path / "a")], 2, "a pipe cannot be read twice"),
        (["stills", str(film), "-o", str(broken)], 2, "is no folder"),
        (["stills", str(tmp_path / "none.mkv"), "-o", target], 3, "no such file"),
        (["run", str(film), "--strokes", str(broken), "-o", target], 2, "stroke 1: color:"),
        (["run", str(film), "--strokes", str(broken), "-o", "-"], 2, "needs files on both sides"),
        (["run", str(film), "--stills", str(tmp_path / "no"), "-o", target], 2, "no such folder"),
        (["run", str(film), "--reference", grey, "-o", target], 3, "has no colour"),
        (["run", str(film), "--reference", str(film), "-o", target], 3, "not a picture"),
        (["run", str(film), "--reference", grey, "-o", "-"], 2, "needs files on both sides"),
    ):
        assert main([*arguments, *SMALL]) == code, arguments
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("Error: ") and said in error
    assert not Path(target).exists()
