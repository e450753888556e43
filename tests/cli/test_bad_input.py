"""Every kind of bad input: one clear line, an exit code, and nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from filmcolor.cli import main
from filmcolor.options import ColorOptions
from tests.helpers.clips import decode_film, make_clip, make_sound
from tests.helpers.play import QUICK


def missing(folder: Path) -> list[str]:
    return [str(folder / "nothing.mp4")]


def empty_folder(folder: Path) -> list[str]:
    (folder / "film.mp4").mkdir()
    return [str(folder / "film.mp4")]


def text_file(folder: Path) -> list[str]:
    (folder / "in.mp4").write_text("This is the story of a film.\n" * 50)
    return [str(folder / "in.mp4")]


def zero_bytes(folder: Path) -> list[str]:
    (folder / "in.mp4").write_bytes(b"")
    return [str(folder / "in.mp4")]


def truncated(folder: Path) -> list[str]:
    """The index is at the end of the file, and gone."""
    whole = folder / "whole.mp4"
    make_clip(whole, codec="libx264", frames=48)
    (folder / "in.mp4").write_bytes(whole.read_bytes()[:-2000])
    whole.unlink()
    return [str(folder / "in.mp4")]


def truncated_data(folder: Path) -> list[str]:
    """The index is whole, half of the pictures are not there."""
    whole = folder / "whole.mp4"
    fast = {"movflags": "+faststart"}
    make_clip(whole, codec="libx264", frames=48, container_options=fast)
    data = whole.read_bytes()
    (folder / "in.mp4").write_bytes(data[: len(data) // 2])
    whole.unlink()
    return [str(folder / "in.mp4")]


def sound_only(folder: Path) -> list[str]:
    make_sound(folder / "in.mp4")
    return [str(folder / "in.mp4")]


def no_frames(folder: Path) -> list[str]:
    with av.open(str(folder / "in.mkv"), "w") as film:
        stream = film.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        film.start_encoding()
    return [str(folder / "in.mkv")]


def good(folder: Path) -> str:
    make_clip(folder / "in.mkv", frames=3)
    return str(folder / "in.mkv")


def no_such_folder(folder: Path) -> list[str]:
    return [good(folder), "-o", str(folder / "there" / "is" / "none.mp4")]


def folder_in_the_way(folder: Path) -> list[str]:
    (folder / "file").write_text("no folder")
    return [good(folder), "-o", str(folder / "file" / "out.mp4")]


def existing_target(folder: Path) -> list[str]:
    (folder / "there.mp4").write_text("precious")
    return [good(folder), "-o", str(folder / "there.mp4")]


def source_as_target(folder: Path) -> list[str]:
    return [good(folder), "-o", str(folder / "in.mkv"), "--overwrite"]


def unknown_container(folder: Path) -> list[str]:
    return [good(folder), "-o", str(folder / "out.webm")]


def unknown_codec(folder: Path) -> list[str]:
    return [good(folder), "--codec", "cinepak"]


def unknown_preset(folder: Path) -> list[str]:
    return [good(folder), "--preset", "warp9"]


def unknown_device(folder: Path) -> list[str]:
    return [good(folder), "--device", "tpu"]


def unknown_model(folder: Path) -> list[str]:
    return [good(folder), "--model", "rembrandt"]


def missing_checkpoint(folder: Path) -> list[str]:
    return [good(folder), "--model", str(folder / "none.safetensors")]


def corrupt_checkpoint(folder: Path) -> list[str]:
    (folder / "bad.safetensors").write_bytes(b"\x40\0\0\0\0\0\0\0{'no': json" + b"\0" * 99)
    return [good(folder), "--model", str(folder / "bad.safetensors")]


def truncated_checkpoint(folder: Path) -> list[str]:
    from filmcolor.models.registry import find_checkpoint

    whole = find_checkpoint(ColorOptions().model).read_bytes()
    (folder / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    return [good(folder), "--model", str(folder / "half.safetensors")]


def past_the_end(folder: Path) -> list[str]:
    return [good(folder), "--start", "10:00"]


BAD_INPUT: list[tuple[Callable[[Path], list[str]], int]] = [
    (missing, 3),
    (empty_folder, 3),
    (text_file, 3),
    (zero_bytes, 3),
    (truncated, 3),
    (truncated_data, 3),
    (sound_only, 3),
    (no_frames, 3),
    (no_such_folder, 3),
    (folder_in_the_way, 3),
    (existing_target, 2),
    (source_as_target, 2),
    (unknown_container, 2),
    (unknown_codec, 2),
    (unknown_preset, 2),
    (unknown_device, 2),
    (unknown_model, 4),
    (missing_checkpoint, 4),
    (corrupt_checkpoint, 4),
    (truncated_checkpoint, 4),
    (past_the_end, 3),
]


@pytest.mark.parametrize(("prepare", "code"), BAD_INPUT, ids=lambda v: getattr(v, "__name__", ""))
def test_bad_input_is_one_clear_line(
    prepare: Callable[[Path], list[str]],
    code: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = prepare(tmp_path)
    if "-o" not in arguments:
        arguments += ["-o", str(tmp_path / "out.mp4")]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert main(["run", *QUICK, *arguments, "-q"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("Error: ")
    assert 30 < len(line.replace(str(tmp_path), "")) < 260
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_damaged_film_goes_on_when_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, broken, target = tmp_path / "whole.mkv", tmp_path / "in.mkv", tmp_path / "out.mkv"
    lumas = make_clip(whole, frames=12, rate=Fraction(25), options={"g": "1"}, sound=1)
    content = bytearray(whole.read_bytes())
    with av.open(str(whole)) as film:
        packets = [bytes(packet) for packet in film.demux(film.streams.video[0])]
    for index in (4, 5):
        at = content.index(packets[index])
        content[at : at + len(packets[index])] = b"\x5a" * len(packets[index])
    broken.write_bytes(content)
    run = ["run", *QUICK, "-q", str(broken), "-o", str(target), "--codec", "ffv1"]
    assert main(run) == 3
    assert "damaged after frame 4 (0.12 s)" in capsys.readouterr().err and not target.exists()
    assert main([*run, "--on-error", "repeat"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and err == (
        "Warning: 2 frames could not be decoded: the frame before is shown again (0.16 to 0.20 s)\n"
    )
    times, found = decode_film(target)
    assert times == decode_film(whole)[0]
    for index, luma in enumerate(found):
        np.testing.assert_array_equal(luma, lumas[3 if index in (4, 5) else index])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, folder = good(tmp_path), tmp_path / "locked"
    folder.mkdir(mode=0o555)
    assert main(["run", source, "-o", str(folder / "out.mp4"), "-q"]) == 3
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("prepare", [missing, text_file, zero_bytes, truncated, sound_only])
def test_info_on_bad_input_is_one_line(
    prepare: Callable[[Path], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", *prepare(tmp_path)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
