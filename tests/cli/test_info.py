"""`filmcolor info` and `filmcolor models`."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from filmcolor.cli import main
from filmcolor.cli.info import tags_text
from filmcolor.options import ColorOptions
from filmcolor.types import (
    ColorTags,
)
from tests.helpers.clips import luma_picture, make_clip


def test_info_on_a_film(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(clip)]) == 0
    text = capsys.readouterr().out
    for words in (
        "96x64, h264, 8-bit 4:2:0",
        "24 frames a second",
        "about 24 frames",
        "progressive",
        "matrix not stated",
        "black and white",
        "audio, aac, 48000 Hz stereo, eng",
        "would write",
        "reel.color.mp4",
    ):
        assert words in text
    assert main(["info", str(clip), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["kind"] == "film"
    assert (values["width"], values["height"], values["rate"]) == (96, 64, "24")
    assert values["has_color"] == "grey"
    assert values["chapter_count"] == 2
    assert [stream["kind"] for stream in values["streams"]][:2] == ["video", "audio"]


def test_info_says_what_would_stop_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hdr.mkv"
    make_clip(path, frames=3, pix_fmt="yuv420p10le", tags=ColorTags(9, 9, 16, False))
    assert main(["info", str(path)]) == 0
    text = capsys.readouterr().out
    assert "BT.2020" in text
    assert "PQ (HDR)" in text
    assert "would stop with: " in text


def test_info_on_a_film_with_colour(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(tmp_path / "c.mkv", frames=6, width=128, height=96, colored=True, interlaced=True)
    assert main(["info", str(tmp_path / "c.mkv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["has_color"] == "color"


def test_info_on_an_interlaced_film(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_clip(tmp_path / "tape.mkv", frames=4, interlaced=True)
    assert main(["info", str(tmp_path / "tape.mkv")]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "interlaced, top field first" in text
    assert "8-bit 4:2:0, fields kept (top first), libx264" in text
    assert "--deinterlace makes whole frames instead, which gives up exact luma" in text


def test_info_on_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), luma_picture(0, 48, 64, 10))
    assert main(["info", str(tmp_path / "a.png")]) == 0
    assert "64x48, PNG, 16 bits a channel" in capsys.readouterr().out
    assert main(["info", str(tmp_path), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["kind"], values["films"], values["pictures"]) == ("folder", 0, 1)


def test_models_and_their_cards(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["models", "--json"]) == 0
    models = json.loads(capsys.readouterr().out)
    (default,) = [model for model in models if model["model"] == ColorOptions().model]
    assert default["license"]
    assert default["bytes"] == Path(default["file"]).stat().st_size
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("default\n")
    assert default["license"] in text
    renamed = tmp_path / "anything.bin"
    renamed.write_bytes(Path(default["file"]).read_bytes())
    assert main(["info", str(renamed)]) == 0
    assert capsys.readouterr().out.startswith(f"{renamed}: a filmcolor model\n")


def test_info_on_a_broken_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"nothing of the kind")
    assert main(["info", str(path)]) == 4
    assert capsys.readouterr().err.startswith(f"Error: {path}: ")


def test_tags_in_words() -> None:
    assert tags_text(ColorTags(6, 6, 6, False)) == (
        "matrix BT.601, primaries SMPTE 170M (NTSC), transfer BT.601, range limited"
    )
    assert tags_text(ColorTags()) == (
        "matrix not stated, primaries not stated, transfer not stated, "
        "range not stated (read as limited)"
    )
    assert "code 77" in tags_text(ColorTags(matrix=77))
