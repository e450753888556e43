"""Help, and how the options of `filmcolor run` reach the pipeline."""

from __future__ import annotations

import resource
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import click
import cv2
import pytest

from filmcolor import __version__
from filmcolor.cli import commands, main
from filmcolor.cli.arguments import parse_time
from filmcolor.cli.sources import default_target
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from tests.helpers.clips import luma_picture, make_clip
from tests.helpers.play import Job, shell

HELP_SECONDS = 0.5
"""Of processor time, so that a busy machine does not count."""


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_is_instant(arguments: list[str]) -> None:
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert shell(*arguments).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < HELP_SECONDS


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"filmcolor {__version__}\n"


def test_help_explains_and_gives_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    without = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == without
    assert "black-and-white" in without
    assert "filmcolor run old_film.mp4" in without
    commands_part = without.partition("Commands:")[2]
    assert [line.split()[0] for line in commands_part.strip().splitlines()[:17]] == [
        "run",
        "watch",
        "review",
        "preview",
        "stills",
        "plan",
        "verify",
        "report",
        "compare",
        "extract",
        "train",
        "evaluate",
        "info",
        "jobs",
        "models",
        "doctor",
        "completion",
    ]


def test_every_option_is_explained_and_shows_its_default() -> None:
    run = commands.commands["run"]
    ctx = click.Context(run)
    options = [param for param in run.params if isinstance(param, click.Option)]
    assert len(options) > 18
    for option in options:
        assert option.help, option.name
        record = option.get_help_record(ctx)
        assert record is not None
        if not option.is_flag and option.name != "target":
            assert "[default: " in record[1], option.name
    shown = {o.name: (o.get_help_record(ctx) or ("", ""))[1] for o in options}
    assert f"[default: {ColorOptions().saturation}]" in shown["saturation"]
    assert f"[default: {EncodeOptions().codec}]" in shown["codec"]


def test_without_options_the_dataclasses_speak(job: Job, film: str) -> None:
    assert main(["run", film]) == 0
    assert job.options == RunOptions()


def test_every_field_can_be_chosen() -> None:
    names = {param.name for param in commands.commands["run"].params}
    for kind in (ColorOptions, EncodeOptions):
        assert {field.name for field in fields(kind)} <= names
    # What was given on the command line at all is no option by itself.
    assert {field.name for field in fields(RunOptions)} - {
        "color",
        "encode",
        "explicit_options",
    } <= names


def test_what_was_given_beside_a_plan_is_insisted_on(job: Job, film: str) -> None:
    given = ["--saturation", "1", "--hue-shift", "20", "--codec", "ffv1"]
    assert main(["run", film, *given]) == 0
    assert job.options.explicit_options == ()
    assert main(["run", film, "--plan", "film.toml", *given]) == 0
    assert set(job.options.explicit_options) == {"saturation", "hue_shift"}


def colored(**choices: object) -> RunOptions:
    return RunOptions(color=ColorOptions(**choices))  # type: ignore[arg-type]


def encoded(**choices: object) -> RunOptions:
    return RunOptions(encode=EncodeOptions(**choices))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["--model", "mine.safetensors"], colored(model="mine.safetensors")),
        (["--device", "cuda:1"], colored(device="cuda:1")),
        (["--size", "384"], colored(size=384)),
        (["--batch-size", "7"], colored(batch_size=7)),
        (["--engine", "openvino"], colored(engine="openvino")),
        (["--saturation", "1.25"], colored(saturation=1.25)),
        (["--hue-shift", "-20"], colored(hue_shift=-20.0)),
        (["--plan", "film.toml"], RunOptions(plan="film.toml")),
        (["--smooth", "ema"], colored(smooth="ema")),
        (["--stability", "0.3"], colored(stability=0.3)),
        (["--stride", "4"], colored(stride=4)),
        (["--stride", "auto"], colored(stride="auto")),
        (["--codec", "ffv1"], encoded(codec="ffv1")),
        (["--codec", "hevc"], encoded(codec="libx265")),
        (["--crf", "21.5"], encoded(crf=21.5)),
        (["--preset", "slow"], encoded(preset="slow")),
        (["--lossless"], encoded(lossless=True)),
        (["--siting", "center"], RunOptions(siting="center")),
        (["--deinterlace"], RunOptions(deinterlace=True)),
        (["--audio", "copy"], RunOptions(audio="copy")),
        (["--start", "1:02.5"], RunOptions(start_seconds=Fraction(125, 2))),
        (["--duration", "0.1"], RunOptions(duration_seconds=Fraction(1, 10))),
        (["--overwrite"], RunOptions(overwrite=True)),
        (["--work", "elsewhere"], RunOptions(work="elsewhere")),
        (["--keep-work"], RunOptions(keep_work=True)),
        (["--workers", "3"], RunOptions(workers=3)),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_an_option_reaches_the_pipeline(
    job: Job, film: str, arguments: list[str], options: RunOptions
) -> None:
    assert main(["run", film, *arguments]) == 0
    assert job.options == options


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", Fraction(0)),
        ("12.5", Fraction(25, 2)),
        (".25", Fraction(1, 4)),
        ("90", Fraction(90)),
        ("0.1", Fraction(1, 10)),
        ("1:02.5", Fraction(125, 2)),
        ("90:00", Fraction(5400)),
        ("01:00:00.040", Fraction(3600) + Fraction(1, 25)),
        ("100:00:00", Fraction(360_000)),
    ],
)
def test_times_are_exact(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "abc", "-1", "1:60", "1:60:00", "1:2:3:4", "1,5", "1e3", "nan", "1:", "1/3"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no time"):
        parse_time(text)


@pytest.mark.parametrize(
    ("source", "codec", "target"),
    [
        ("reels/old_film.mp4", "libx264", "reels/old_film.color.mp4"),
        ("OLD.MOV", "libx264", "OLD.color.mov"),
        ("tape.avi", "libx264", "tape.color.mkv"),
        ("no suffix", "libx265", "no suffix.color.mkv"),
        ("old.film.mkv", "libsvtav1", "old.film.color.mkv"),
        ("old.mp4", "ffv1", "old.color.mkv"),
        ("old.mp4", "prores", "old.color.mov"),
    ],
)
def test_the_name_of_a_result_without_a_target(source: str, codec: str, target: str) -> None:
    assert default_target(source, codec) == target  # type: ignore[arg-type]


def test_the_name_of_a_picture_and_of_a_folder(tmp_path: Path) -> None:
    assert default_target("scans/a.tif", "libx264", is_film=False) == "scans/a.color.tif"
    assert default_target("scans/a.mp4", "libx264", is_film=False) == "scans/a.color.png"
    (tmp_path / "photos").mkdir()
    named = default_target(f"{tmp_path}/photos/", "libx264", is_film=False)
    assert named == str(tmp_path / "photos.color")


def test_where_the_result_goes(job: Job, film: str, tmp_path: Path) -> None:
    main(["run", film])
    assert job.calls[-1][:3] == ("film", film, str(tmp_path / "old film.color.mp4"))
    main(["run", film, "-o", "x.mkv"])
    assert job.calls[-1][2] == "x.mkv"
    (tmp_path / "done").mkdir()
    main(["run", film, "-o", str(tmp_path / "done")])
    assert job.calls[-1][2] == str(tmp_path / "done" / "old film.color.mp4")


def test_content_decides_what_a_source_is(job: Job, tmp_path: Path) -> None:
    picture = tmp_path / "picture.mp4"
    cv2.imwrite(str(tmp_path / "p.png"), luma_picture(0, 32, 32))
    (tmp_path / "p.png").rename(picture)
    main(["run", str(picture), "-o", "out.png"])
    assert job.calls[-1][:3] == ("pictures", str(picture), "out.png")
    main(["run", str(tmp_path), "-o", "out"])
    assert job.calls[-1][0] == "pictures"
    clip = tmp_path / "film.png"
    make_clip(tmp_path / "film.mkv", frames=2)
    (tmp_path / "film.mkv").rename(clip)
    main(["run", str(clip), "-o", "out.mkv"])
    assert job.calls[-1][0] == "film"


def test_options_for_films_are_named_when_given_for_pictures(
    job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["run", str(tmp_path), "--crf", "20", "--start", "1", "--size", "128", "-q"])
    assert capsys.readouterr().err == ("Warning: --start, --crf: for films only, not used here\n")
