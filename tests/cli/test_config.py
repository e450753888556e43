"""Settings in `filmcolor.toml` and in the environment: what counts, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import click
import pytest

from filmcolor.cli import commands, main
from tests.helpers.play import Job


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's folder, and a user without settings."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(click, "get_app_dir", lambda _: str(tmp_path / "user"))
    return folder


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_nearer_counts(
    job: Job, film: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Command line, environment, project, user, default: each is taken away in turn."""
    write(here.parent / "user" / "filmcolor.toml", "[run]\nsaturation = 0.5\ncrf = 30\n")
    project = write(here / "filmcolor.toml", "[run]\nsaturation = 0.6\n")
    monkeypatch.setenv("FILMCOLOR_RUN_SATURATION", "0.7")
    assert main(["run", film, "--saturation", "0.8"]) == 0
    assert job.options.color.saturation == 0.8
    assert main(["run", film]) == 0
    assert job.options.color.saturation == 0.7
    monkeypatch.delenv("FILMCOLOR_RUN_SATURATION")
    assert main(["run", film]) == 0
    assert (job.options.color.saturation, job.options.encode.crf) == (0.6, 30)
    other = write(here / "other.toml", "run.saturation = 0.9\n")
    assert main(["run", film, "--config", str(other)]) == 0
    assert job.options.color.saturation == 0.9
    project.unlink()
    assert main(["run", film]) == 0
    assert job.options.color.saturation == 0.5
    (here.parent / "user" / "filmcolor.toml").unlink()
    assert main(["run", film]) == 0
    assert job.options.color.saturation == 1.0


def test_every_kind_of_value(job: Job, film: str, here: Path) -> None:
    text = '[run]\nfps = 16.67\nstart = "1:00"\nduration = 2\nkeep_work = true\nstride = "auto"\n'
    write(here / "filmcolor.toml", text + 'codec = "ffv1"\nmodel = "default"\nupscale = 2\n')
    assert main(["run", film]) == 0
    options = job.options
    assert (options.fps, options.start_seconds) == (Fraction("16.67"), Fraction(60))
    assert (options.duration_seconds, options.keep_work) == (Fraction(2), True)
    assert (options.color.stride, options.encode.codec, options.upscale) == ("auto", "ffv1", 2)
    assert options.explicit_options == ()


def test_a_plan_counts_for_more_than_a_file(job: Job, film: str, here: Path) -> None:
    write(here / "filmcolor.toml", "[run]\nsaturation = 0.5\n")
    assert main(["run", film, "--plan", "film.toml", "--hue-shift", "20"]) == 0
    assert job.options.explicit_options == ("hue_shift",)


def test_it_is_told_where_settings_come_from(
    job: Job,
    film: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(here / "filmcolor.toml", '[run]\nlook = "vivid"\ncrf = 20\n')
    monkeypatch.setenv("FILMCOLOR_RUN_HUE_SHIFT", "5")
    assert main(["run", film, "--crf", "21", "--log", "run.log"]) == 0
    err = capsys.readouterr().err
    assert "set by filmcolor.toml: look\n" in err
    assert "set by $FILMCOLOR_RUN_HUE_SHIFT: hue-shift\n" in err
    log = (here / "run.log").read_text()
    assert 'notice {"text": "set by filmcolor.toml: look", "warning": false}' in log


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[run]\nlook = 'vivid'\n\ncodek = 'ffv1'\n",
            "filmcolor.toml:4: codek is no option of run",
        ),
        ("[run]\nlook = 'livid'\n", "filmcolor.toml:2: look: 'livid' is not one of"),
        ("[run]\ncrf = 'much'\n", "filmcolor.toml:2: crf: 'much' is not a valid float"),
        ("[run]\nkeep-work = 'yes'\n", "filmcolor.toml:2: keep-work: give true or false"),
        ("[run]\ncrf = true\n", "filmcolor.toml:2: crf: give a text or a number"),
        ("[run]\ncrf = [1]\n", "filmcolor.toml:2: crf: give a text or a number"),
        ("[run]\nlog = 'x'\n", "filmcolor.toml:2: log is no option of run"),
        ("\n[paint]\nlook = 1\n", "filmcolor.toml:2: paint is no command"),
        ("look = 'vivid'\n", "filmcolor.toml:1: look is no command"),
        ("[run]\n[train]\nminuten = 3\n", "filmcolor.toml:3: minuten is no option of train"),
        ("run.crf = 1\nrun.x = 3\n", "filmcolor.toml:2: x is no option of run"),
        ("[run\n", "filmcolor.toml: is no TOML: "),
        ("[run]\nlook = '\xff'\n", "filmcolor.toml:2: look: "),
    ],
)
def test_what_cannot_be_is_one_line_with_its_place(
    text: str, line: str, job: Job, film: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here / "filmcolor.toml", text)
    assert main(["run", film]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"Error: {line}"), said


def test_files_that_cannot_be_read(
    job: Job, film: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "latin.toml").write_bytes(b"[run]\n# caf\xe9\n")
    for name, words in (("no.toml", "cannot be read"), ("latin.toml", "no text in UTF-8")):
        assert main(["run", film, "--config", name]) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert said.startswith(f"Error: {name}: ") and words in said


def test_help_does_not_mind_a_broken_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here / "filmcolor.toml", "[run\n")
    assert main(["run", "--help"]) == 0
    assert main(["completion", "bash"]) == 2  # it is read for every command


def test_what_shows_a_run_follows_its_settings(here: Path) -> None:
    write(here / "filmcolor.toml", '[run]\nlook = "vivid"\nsize = 128\noutput = "x.mp4"\n')
    names = ("preview", "review", "stills", "plan")
    for name in names:
        context = commands.make_context("filmcolor", [name])
        command = commands.commands[name]
        own = command.make_context(name, ["film.mp4"], parent=context)
        assert own.params["size"] == 128, name
        assert own.params.get("target") is None
    write(here / "filmcolor.toml", "[run]\nsize = 128\n[stills]\nsize = 192\n")
    own = commands.commands["stills"].make_context("stills", ["film.mp4"], parent=context)
    assert own.params["size"] == 192
