"""Which names on the command line are a film of many files, and where its result goes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from filmcolor.cli import main
from filmcolor.cli.sources import default_target, name_beside
from tests.helpers.play import Job


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    folder = tmp_path / "scan"
    folder.mkdir()
    for number in range(1, 4):
        cv2.imwrite(str(folder / f"f_{number:03}.png"), np.full((8, 8), 9 * number, np.uint8))
    return folder


def test_ways_to_name_a_sequence(job: Job, scan: Path) -> None:
    names = [f"{scan}/f_{number:03}.png" for number in (1, 2, 3)]
    listed = f"{scan}/f_[001-003].png"
    for sources, source in (
        ([f"{scan}/f_%03d.png"], f"{scan}/f_%03d.png"),
        ([listed], listed),
        ([f"{scan}/*.png"], f"{scan}/*.png"),
        ([str(scan)], str(scan)),
        (names, listed),
    ):
        assert main(["run", *sources, "-o", "color.mov", "--fps", "18"]) == 0
        kind, found, target, options = job.calls.pop()
        assert (kind, found, target, options.fps) == ("film", source, "color.mov", 18)


def test_a_folder_is_a_film_where_the_result_is_one_or_a_rate_is_given(
    job: Job, scan: Path, tmp_path: Path
) -> None:
    (tmp_path / "color").mkdir()
    for arguments, kind, target in (
        (["-o", "color.mov"], "film", "color.mov"),
        (["-o", "color/f_%03d.tif"], "film", "color/f_%03d.tif"),
        (["--fps", "23.976"], "film", str(tmp_path / "scan.color.mkv")),
        (
            ["--fps", "16", "-o", str(tmp_path / "color")],
            "film",
            f"{tmp_path}/color/scan.color.mkv",
        ),
        (["-o", str(tmp_path / "color")], "pictures", str(tmp_path / "color")),
        ([], "pictures", str(tmp_path / "scan.color")),
    ):
        assert main(["run", str(scan), *arguments]) == 0
        assert job.calls[-1][:3] == (kind, str(scan), target)
    assert job.calls[2][3].fps == Fraction(24000, 1001)


def test_no_folder_is_made_of_the_name_of_a_film(
    job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("sea.png", "hill.png"):
        cv2.imwrite(str(folder / name), np.zeros((8, 8), np.uint8))
    for sources in ([folder], [folder / "sea.png", folder / "hill.png"]):
        for name in ("seq.mp4", "f_%06d.tif"):
            target = tmp_path / name
            assert main(["run", *map(str, sources), "-o", str(target)]) == 2
            assert "is the name of one film" in capsys.readouterr().err
            assert not target.exists()
    assert not job.calls


def test_a_pattern_without_frames_and_a_rate_that_is_none(
    scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", f"{scan}/g_%03d.png", "-o", "color.mov"]) == 3
    assert "no frames of this name" in capsys.readouterr().err
    for rate in ("0", "x", "18/0", "5000"):
        assert main(["run", str(scan), "-o", "color.mov", "--fps", rate]) == 2
        assert "--fps" in capsys.readouterr().err


def test_names_beside_a_sequence(scan: Path, tmp_path: Path) -> None:
    pattern = f"{scan}/f_%03d.png"
    assert default_target(pattern, "prores") == str(tmp_path / "scan.color.mov")
    assert name_beside(pattern, ".toml") == name_beside(str(scan), ".toml")
    assert name_beside(str(scan), ".toml") == str(tmp_path / "scan.toml")
    assert name_beside("films/a.b.mp4", ".toml") == "films/a.b.toml"
