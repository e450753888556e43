"""What is refused, and what is said, before the first frame is decoded."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from filmcolor.errors import MediaError, OptionError
from filmcolor.media.write.film_writer import plan_output
from filmcolor.options import Codec, EncodeOptions, RunOptions
from filmcolor.types import PixelLayout, VideoInfo
from tests.helpers.clips import make_clip, probe
from tests.helpers.coloring import options


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.mkv"
    make_clip(path, frames=2)
    return path


@pytest.fixture
def info(source: Path) -> VideoInfo:
    return probe(str(source))


def refusal(info: VideoInfo, target: Path | str, choice: RunOptions) -> str:
    with pytest.raises(OptionError) as caught:
        plan_output(info, str(target), choice)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["out.avi", "out", "out.webm", "out.mp4.txt"])
def test_suffixes_that_name_no_container(info: VideoInfo, tmp_path: Path, name: str) -> None:
    assert ".mp4, .mov, .mkv or .mxf" in refusal(info, tmp_path / name, options())


@pytest.mark.parametrize(
    ("name", "title"),
    [("a.MP4", "MP4"), ("a.m4v", "MP4"), ("a.mov", "QuickTime"), ("a.Mkv", "Matroska")],
)
def test_suffixes_that_do(info: VideoInfo, tmp_path: Path, name: str, title: str) -> None:
    plan = plan_output(info, str(tmp_path / name), options())
    assert plan.container is not None
    assert plan.container.title == title
    assert plan.summary == f"64x48, 24 fps, 8-bit 4:2:0, libx264 crf 18 ultrafast, {title}"
    assert list(tmp_path.iterdir()) == [tmp_path / "in.mkv"]


def test_existing_target(info: VideoInfo, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"x")
    assert "--overwrite" in refusal(info, target, options())
    plan_output(info, str(target), replace(options(), overwrite=True))
    assert target.read_bytes() == b"x"


def test_target_that_is_the_source(info: VideoInfo, source: Path, tmp_path: Path) -> None:
    overwrite = replace(options(), overwrite=True)
    assert "source itself" in refusal(info, source, overwrite)
    other = tmp_path / "link.mkv"
    os.link(source, other)
    assert "source itself" in refusal(info, other, overwrite)


def test_target_that_is_a_folder(info: VideoInfo, tmp_path: Path) -> None:
    (tmp_path / "films.mp4").mkdir()
    assert "folder" in refusal(info, tmp_path / "films.mp4", replace(options(), overwrite=True))


def test_folder_that_is_missing(info: VideoInfo, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="does not exist"):
        plan_output(info, str(tmp_path / "no" / "out.mp4"), options())


def test_folder_that_cannot_be_written(info: VideoInfo, tmp_path: Path) -> None:
    # A name that is too long fails for everyone, root included.
    with pytest.raises(MediaError, match="cannot write there"):
        plan_output(info, str(tmp_path / ("x" * 300 + ".mp4")), options())


@pytest.mark.parametrize(
    ("codec", "suffix", "way_out"),
    [
        ("prores", ".mp4", "name the target .mov or .mkv"),
        ("ffv1", ".mov", "name the target .mp4 or .mkv"),
        ("libsvtav1", ".mov", "name the target .mp4 or .mkv"),
    ],
)
def test_codecs_a_container_cannot_hold(
    info: VideoInfo, tmp_path: Path, codec: Codec, suffix: str, way_out: str
) -> None:
    assert way_out in refusal(info, tmp_path / f"out{suffix}", options(codec))


def test_a_codec_that_cannot_say_full_range(info: VideoInfo, tmp_path: Path) -> None:
    full = replace(info, tags=replace(info.tags, full_range=True))
    assert "use --codec ffv1 or libx264" in refusal(full, tmp_path / "out.mov", options("prores"))
    plan_output(full, str(tmp_path / "out.mkv"), options("ffv1"))


def test_size_that_no_layout_takes(info: VideoInfo, tmp_path: Path) -> None:
    tiny = replace(info, width=7, height=5)
    assert "ffv1" in refusal(tiny, tmp_path / "out.mp4", options("libx265"))


def test_odd_size_is_settled_with_a_notice(info: VideoInfo, tmp_path: Path) -> None:
    plan = plan_output(replace(info, width=63), str(tmp_path / "out.mp4"), options())
    assert plan.layout == PixelLayout(8, "444")
    assert any("odd size" in notice.text for notice in plan.notices)


@pytest.mark.parametrize(
    ("codec", "siting"), [("mjpeg", "center"), ("mpeg1video", "center"), ("h264", "left")]
)
def test_siting_follows_the_source(
    info: VideoInfo, tmp_path: Path, codec: str, siting: str
) -> None:
    plan = plan_output(replace(info, codec=codec), str(tmp_path / "out.mp4"), options())
    assert plan.siting == siting
    asked = replace(options(), siting="left")
    assert plan_output(replace(info, codec=codec), str(tmp_path / "o.mp4"), asked).siting == "left"


def test_fields_are_marked_unless_woven(info: VideoInfo, tmp_path: Path) -> None:
    target = str(tmp_path / "out.mov")
    for top_first, order in ((True, 4), (False, 5)):
        fields = replace(info, interlaced=True, top_field_first=top_first)
        assert plan_output(fields, target, options("prores")).field_order == order
        woven = replace(options("prores"), deinterlace=True)
        assert plan_output(fields, target, woven).field_order == 0


def test_unknown_rate_is_no_obstacle(info: VideoInfo, tmp_path: Path) -> None:
    plan = plan_output(replace(info, rate=None), str(tmp_path / "out.mp4"), options())
    assert plan.rate == Fraction(25)


def test_plan_of_a_pipe_has_the_film_alone(info: VideoInfo, tmp_path: Path) -> None:
    piped = replace(info, path="-", streams=())
    plan = plan_output(piped, str(tmp_path / "out.mp4"), options())
    assert [each.action for each in plan.streams] == ["film"]


def test_lossless_is_said(info: VideoInfo, tmp_path: Path) -> None:
    plan = plan_output(
        info, str(tmp_path / "out.mkv"), RunOptions(encode=EncodeOptions(codec="ffv1"))
    )
    assert "ffv1 lossless" in plan.summary
