"""`filmcolor plan`, and `run --plan` on the command line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from filmcolor.cli import main
from filmcolor.guide.plan_file import Choices, read_plan
from tests.helpers.clips import make_clip, plane_codes
from tests.helpers.play import QUICK

SMALL = ["--device", "cpu", "--size", "64"]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "old film.mp4"
    make_clip(path, frames=16, rate=Fraction(30000, 1001), codec="libx264", cuts=[7])
    return path


def test_a_plan_is_written_changed_and_obeyed(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(film), *SMALL, "--look", "restrained"]) == 0
    path = tmp_path / "old film.toml"
    assert f"{path}: 2 shots in" in capsys.readouterr().err
    plan = read_plan(path)
    assert plan.film == Choices(look="restrained")
    text = path.read_text(encoding="utf-8")
    assert f"#   filmcolor run '{film}' --plan '{path}' -o color.mp4" in text.splitlines()
    (cut,) = (line for line in text.splitlines() if line.endswith("# ends with a cut"))
    assert cut.startswith('end = "00:00:00.234"')  # 7 frames of 1001/30000 s
    path.write_text(text.replace(cut, f"{cut}\nskip = true"), encoding="utf-8")
    target = tmp_path / "out.mkv"
    run = ["run", str(film), "--plan", str(path), "-o", str(target), "--verify", *QUICK]
    assert main([*run, "--codec", "ffv1"]) == 0
    with av.open(str(target)) as made:
        cb = np.array([plane_codes(f, 1) for f in made.decode(video=0)])
    assert (cb[:7] == 128).all() and (cb[7:] != 128).any()


def test_stills_are_written_and_named_in_the_plan(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = tmp_path / "plans" / "film.toml", tmp_path / "stills"
    path.parent.mkdir()
    plan = ["plan", str(film), "-o", str(path), "--stills", str(folder), *SMALL]
    assert main(plan) == 0
    assert f"{folder}: 2 stills written, 0 were there already" in capsys.readouterr().err
    names = sorted(each.name for each in folder.iterdir())
    assert names == ["shot-0001_00-00-00.100.png", "shot-0002_00-00-00.367.png"]
    text = path.read_text(encoding="utf-8")
    assert all(f"# still: ../stills/{name}" in text for name in names)
    assert read_plan(path).film.stills == str(folder)
    (folder / names[0]).write_bytes(b"somebody is at work on it")
    assert main([*plan, "--overwrite"]) == 0
    assert f"{folder}: 0 stills written, 2 were there already" in capsys.readouterr().err
    assert (folder / names[0]).read_bytes() == b"somebody is at work on it"


def test_a_part_of_a_film_has_a_plan_of_its_own(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = tmp_path / "film.toml", tmp_path / "out.mkv"
    part = ["--start", "0.2", "--duration", "0.3"]
    assert main(["plan", str(film), "-o", str(path), *part, *SMALL]) == 0
    command = path.read_text(encoding="utf-8").splitlines()[2]
    assert command.endswith("--start 00:00:00.200 --duration 00:00:00.300 -o color.mp4")
    run = ["run", str(film), "--plan", str(path), "-o", str(target), *QUICK]
    assert main(run) == 2
    assert "start: the film begins at 00:00:00.000" in capsys.readouterr().err
    assert main([*run, *part]) == 0


def test_what_cannot_be_meant_is_said_in_a_line(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, plan = str(tmp_path / "out.mkv"), tmp_path / "film.toml"
    plan.write_text("[[shot]]\nstart = 0\nlook = 'viivid'\n", encoding="utf-8")
    broken = tmp_path / "broken.toml"
    broken.write_text("[[shot]\n", encoding="utf-8")
    for arguments, code, said in (
        (["plan", "-"], 2, "shots are taken from a film file"),
        (["plan", str(tmp_path)], 2, "is no film"),
        (["plan", str(film), "-o", str(plan)], 2, "film.toml: is there already"),
        (["plan", str(film), "-o", target], 2, "give a name that ends in .toml"),
        (["plan", str(tmp_path / "none.mkv")], 3, "no such file"),
        (["run", str(film), "--plan", str(plan), "-o", target], 2, "line 3: shot 1 (start 00:00"),
        (["run", str(film), "--plan", str(broken), "-o", target], 2, "(at line 1, column 7)"),
        (["run", str(film), "--plan", target, "-o", target], 2, "cannot be read"),
    ):
        assert main([*arguments, *SMALL]) == code, arguments
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("Error: ") and said in error, error
    assert not Path(target).exists()
    plan.write_text("[[shot]]\nstart = 0\n", encoding="utf-8")
    assert main(["run", str(film), "--plan", str(plan), "-o", "-", *SMALL]) == 2
    assert "--plan: needs files on both sides" in capsys.readouterr().err
