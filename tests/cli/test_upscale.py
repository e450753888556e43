"""`--upscale` on the command line: what reaches the pipeline, and one clear line for the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmcolor.cli import main
from tests.helpers.clips import make_clip
from tests.helpers.play import QUICK, Job
from tests.helpers.scenes import write_photographs
from tests.helpers.upscalers import write_upscaler


def test_what_the_pipeline_is_told(job: Job, film: str) -> None:
    assert main(["run", film, "--upscale", "3", "--upscale-for", "clean", "--no-color"]) == 0
    options = job.calls[0][3]
    assert (options.upscale, options.upscale_for, options.no_color) == (3, "clean", True)
    assert options.upscaler == "sr-fast"
    assert main(["run", film, "--upscale", "2", "--upscale-model", "mine.safetensors"]) == 0
    assert job.calls[1][3].upscaler == "mine.safetensors"
    assert main(["run", film]) == 0
    assert job.calls[2][3].upscale is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--upscale", "5"], "--upscale"),
        (["--upscale", "1"], "--upscale"),
        (["--no-color"], "--no-color: needs --upscale 2, 3 or 4"),
        (["--upscale-model", "x.safetensors"], "--upscale-model: needs --upscale"),
        (["--upscale", "2", "--no-color", "--stills", "x"], "leave --no-color out"),
        (["--upscale", "2", "--upscale-model", "default"], "give it to --model"),
        (["--upscale", "2", "--upscale-model", "gone.safetensors"], "no such checkpoint"),
        (["--upscale", "2", "--codec", "libx264", "--preset", "warp"], "--preset warp"),
    ],
)
def test_one_clear_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    source = tmp_path / "in.mkv"
    make_clip(source, frames=2, width=96, height=80)
    code = main(["run", str(source), "-o", str(tmp_path / "out.mp4"), *QUICK, *arguments])
    assert code in (2, 4)
    lines = capfd.readouterr().err.strip().splitlines()
    errors = [line for line in lines if line.startswith("Error: ")]
    assert len(errors) == 1 and says in errors[0]
    assert not (tmp_path / "out.mp4").exists()


def test_an_upscaler_given_as_the_colour_model(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.mkv"
    make_clip(source, frames=2, width=96, height=80)
    mine = write_upscaler(tmp_path / "mine.safetensors")
    assert main(["run", str(source), "-o", str(tmp_path / "out.mp4"), "--model", mine]) == 4
    assert "give it to --upscale-model" in capfd.readouterr().err


def test_a_size_that_the_encoder_refuses(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.mkv"
    make_clip(source, frames=1, width=4400, height=32)
    mine = write_upscaler(tmp_path / "mine.safetensors")
    options = ["--upscale", "4", "--upscale-model", mine, "--codec", "libx264"]
    assert main(["run", str(source), "-o", str(tmp_path / "out.mp4"), *QUICK, *options]) == 2
    said = capfd.readouterr().err
    assert "--upscale 4: --codec libx264: refuses 17600x128" in said
    assert "a smaller factor" in said


def test_upscalers_are_measured_apart(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = str(write_photographs(tmp_path / "photos"))
    mine = write_upscaler(tmp_path / "mine.safetensors", strength=0.0)
    assert main(["evaluate", "--val", data, "--model", mine, "--quiet"]) == 0
    shown = capfd.readouterr().out
    assert "+0.00 dB" in shown and "bicubic" in shown
    assert main(["evaluate", "--val", data, "--model", mine, "--model", "default"]) == 2
    assert "measured apart" in capfd.readouterr().err
