"""`filmcolor verify` and `filmcolor run --verify`: what they say, and what they exit with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from filmcolor.cli import main
from tests.helpers.clips import decode_film, make_clip
from tests.helpers.coloring import color, options
from tests.helpers.play import QUICK, Job
from tests.helpers.tampering import rewrite, with_block, without_color, without_frame


@pytest.fixture(scope="module")
def result(clip: Path) -> Path:
    """A lossless result of the clip."""
    path = clip.with_name("color.mkv")
    color(clip, path, options("ffv1"))
    return path


@pytest.fixture
def damaged(result: Path, tmp_path: Path) -> Path:
    """The result without its frame 3."""
    rewrite(result, tmp_path / "bad.mkv", frames=without_frame(3))
    return tmp_path / "bad.mkv"


def test_what_holds(clip: Path, result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(clip), str(result)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"comparing {result} with {clip}",
        "Note: all times are shifted by +0.022 s, the same for all",
        f"{result}: holds: 24 frames in 0:00; every code of its luma is the source's",
    ]
    assert main(["verify", str(clip), str(result), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_lossy_film_says_how_near_it_is(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    color(clip, tmp_path / "color.mp4", options())
    assert main(["verify", str(clip), str(tmp_path / "color.mp4")]) == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert "; the worst block of its luma is 3" in last
    assert last.endswith(" codes at most")
    assert main(["verify", str(clip), str(tmp_path / "color.mp4"), "--lossless", "-q"]) == 1
    assert capsys.readouterr().err.startswith("Failed: luma changed: frame 0 (0.000 s; the block")


def test_what_does_not_hold(clip: Path, damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(clip), str(damaged)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2:] == [
        "Failed: missing from the result: frame 3 (0.125 s)",
        f"{damaged}: does not hold: 1 kind of fault, see above",
    ]
    assert main(["verify", str(clip), str(damaged), "--quiet"]) == 1
    assert capsys.readouterr() == ("", "Failed: missing from the result: frame 3 (0.125 s)\n")


def test_as_json(clip: Path, damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(clip), str(damaged), "--json"]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    events = [json.loads(line) for line in out.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds == ["comparing", "progress", "finding", "finding", "verified"]
    assert events[1]["done"] == events[1]["total"] == 24
    assert events[2] == {
        "event": "finding",
        "kind": "frame missing",
        "severity": "fault",
        "text": "missing from the result",
        "count": 1,
        "places": [{"frame": 3, "seconds": 0.125, "detail": ""}],
    }
    assert events[3]["severity"] == "note"
    assert events[4]["holds"] is False
    assert (events[4]["frames"], events[4]["luma"]) == (24, "exact")


def test_a_part(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = str(tmp_path / "part.mp4")
    span = ["--start", "0.25", "--duration", "0:00.5"]
    assert main(["run", str(clip), "-o", part, *span, *QUICK]) == 0
    assert main(["verify", str(clip), part, *span]) == 0
    assert "holds: 12 frames" in capsys.readouterr().err
    assert main(["verify", str(clip), part]) == 1


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["nothing.mkv"], 3, "nothing.mkv: no such file"),
        (["-"], 2, "a pipe cannot be read twice"),
        ([""], 2, "an empty name"),
        ([__file__], 3, "not a film"),
        ([], 2, "Missing argument 'RESULT'"),
        (["color.mkv", "--start", "soon"], 2, "'soon' is no time"),
        (["nothing.mkv", "--duration", "0"], 2, "--duration 0: must be greater than zero"),
    ],
)
def test_what_cannot_be_compared(
    clip: Path, more: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(clip), *more]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("Error: ")
    assert words in err


def test_an_error_is_an_event_too(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(clip), "nothing.mkv", "--json"]) == 3
    (event,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (event["event"], event["exit_code"]) == ("error", 3)


@pytest.mark.smoke
def test_a_run_that_verifies_itself(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(tmp_path / "color.mp4")
    alone = ("--coherence", "0")  # the whole clip is one thing, and that nearly grey
    assert main(["run", str(clip), "-o", target, "--verify", *alone, *QUICK]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2] == f"comparing {target} with {clip}"
    assert f"{target}: holds: 24 frames" in lines[-1]
    again = ["--overwrite", "--json", *alone, *QUICK]
    assert main(["run", str(clip), "-o", target, "--verify", *again]) == 0
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events.index("finished") < events.index("comparing") < events.index("verified")


def test_a_run_without_colour_may_be_grey(clip: Path, tmp_path: Path) -> None:
    target = str(tmp_path / "grey.mkv")
    pale = ["--saturation", "0", "--codec", "ffv1", *QUICK]
    assert main(["run", str(clip), "-o", target, "--verify", *pale]) == 0
    assert main(["verify", str(clip), target]) == 1


def test_a_film_that_fails_its_verification_is_kept(
    clip: Path, result: Path, job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "bad.mkv"
    rewrite(result, target, frames=without_color(5))
    assert main(["run", str(clip), "-o", str(target), "--verify"]) == 1
    assert job.options.verify
    lines = capsys.readouterr().err.splitlines()
    assert "Failed: without colour: frame 5 (0.208 s)" in lines
    assert len(decode_film(target)[1]) == 24


def test_what_ends_a_verification_is_one_event_of_the_run(
    clip: Path, job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "bad.mkv"
    target.write_text("not a film")
    assert main(["run", str(clip), "-o", str(target), "--verify", "--json"]) == 3
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events.count("error") == 1


def test_a_run_verifies_sound_as_it_was_asked_to_treat_it(tmp_path: Path) -> None:
    film, target = tmp_path / "film.avi", str(tmp_path / "color.mp4")
    make_clip(film, codec="mpeg4", sound=1, sound_codec="adpcm_ms")
    assert main(["run", str(film), "-o", target, "--verify", "--audio", "none", *QUICK]) == 0
    assert main(["verify", str(film), target, "-q"]) == 1
    assert main(["verify", str(film), target, "-q", "--audio", "none"]) == 0


def test_what_a_run_cannot_verify(
    job: Job, film: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", film, "-o", "-", "--verify"]) == 2
    assert "--verify: needs files" in capsys.readouterr().err
    assert job.calls == []
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("L", (64, 64), 90).save(photos / "grey.png")
    assert main(["run", str(photos), "-o", str(tmp_path / "out"), "--verify"]) == 0
    assert "--verify: for films only" in capsys.readouterr().err


def test_a_changed_block_in_a_long_film_is_told_from_its_codec(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    make_clip(source, frames=60, cuts=[20, 40], width=96, height=64)
    color(source, target, options())
    rewrite(target, tmp_path / "bad.mp4", frames=with_block(41, 40))
    assert main(["verify", str(source), str(tmp_path / "bad.mp4"), "-q"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Failed: luma farther off than the codec explains: frame 41 (1.708 s;")
