"""Interlaced film keeps its fields: which frames have them is read, and marked in the result."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.plan_output import plan_output
from filmcolor.options import Codec, EncodeOptions, RunOptions, VerifyOptions
from filmcolor.verify.check import verify_film
from filmcolor.verify.findings import VerifyReport
from tests.helpers.clips import decode_film, make_clip, probe
from tests.helpers.coloring import color, options
from tests.helpers.segments import cut_film, described, segment_and_join, write_direct
from tests.helpers.woven import FRAMES, WHOLE, marks, woven_film


def verified(source: Path, result: Path) -> VerifyReport:
    events = verify_film(str(source), str(result), VerifyOptions())
    while True:
        try:
            next(events)
        except StopIteration as end:
            report: VerifyReport = end.value
            return report


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize(
    ("codec", "suffix", "pix_fmt"),
    [
        ("libx264", ".mp4", "yuv420p"),
        ("libx264", ".mov", "yuv422p10le"),
        ("libx264", ".mkv", "yuv444p"),
        ("prores", ".mov", "yuv420p"),
        ("ffv1", ".mkv", "yuv420p12le"),
    ],
)
def test_fields_are_found_again(
    tmp_path: Path, codec: Codec, suffix: str, pix_fmt: str, top_first: bool
) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    lumas = woven_film(source, pix_fmt=pix_fmt, top_first=top_first)
    lossless = codec == "libx264"
    plan = color(source, target, options(codec, lossless=lossless), keys=(0, 5))
    # Of H.264 in mp4 and mov FFmpeg reads the packets, of which it calls all frames with fields TT.
    woven, guessed = (4, 2) if top_first else (5, 3)
    is_guessed = codec == "libx264" and suffix != ".mkv"
    assert marks(target) == (guessed if is_guessed else woven, [True] * FRAMES)
    info = probe(str(target))
    assert info.interlaced and info.top_field_first is top_first and info.frames_state_fields
    assert f"fields kept ({'top' if top_first else 'bottom'} first)" in plan.summary
    assert plan.notices == () or codec == "prores"
    if codec != "prores":
        assert all(map(np.array_equal, decode_film(target)[1], lumas))


def test_frames_say_which_field_comes_first_where_the_file_does_not(tmp_path: Path) -> None:
    for top_first in (True, False):
        film = tmp_path / f"{top_first}.avi"
        woven_film(film, top_first=top_first)
        assert marks(film)[0] == 0
        info = probe(str(film))
        assert info.interlaced and info.top_field_first is top_first


@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
@pytest.mark.parametrize(("order", "top_first"), [(2, True), (3, False), (4, True), (5, False)])
def test_woven_orders_name_the_earlier_field_first(
    tmp_path: Path, suffix: str, order: int, top_first: bool
) -> None:
    """QuickTime's 9 and Matroska's 9 (FFmpeg's 4) are top first, 14 (5) bottom first."""
    film = tmp_path / f"in{suffix}"
    # The frames of MJPEG say nothing of fields.
    woven_film(film, codec="mjpeg", pix_fmt="yuvj420p", order=order, top_first=top_first)
    info = probe(str(film))
    assert marks(film)[0] == order
    assert info.interlaced and not info.frames_state_fields
    assert info.top_field_first is top_first
    target = tmp_path / "out.mkv"
    color(film, target, options("ffv1"))
    assert probe(str(target)).top_field_first is top_first


@pytest.mark.parametrize("top_first", [True, False])
def test_frames_are_believed_where_the_file_says_the_other_order(
    tmp_path: Path, top_first: bool
) -> None:
    film = tmp_path / "in.mkv"
    woven_film(film, top_first=top_first, order=5 if top_first else 4)
    with FilmReader(str(film)) as reader:
        assert reader.info.top_field_first is top_first
        (notice,) = reader.notices
    first = "top" if top_first else "bottom"
    assert notice.warning and f"their {first} field comes first" in notice.text
    woven_film(film, top_first=top_first, order=4 if top_first else 5)
    with FilmReader(str(film)) as reader:
        assert reader.info.top_field_first is top_first and not reader.notices


def test_the_fields_of_a_result_that_are_the_wrong_way_round_are_named(tmp_path: Path) -> None:
    source, wrong = tmp_path / "in.mkv", tmp_path / "wrong.mkv"
    woven_film(source, codec="mjpeg", pix_fmt="yuvj420p", order=4)
    woven_film(wrong, codec="mjpeg", pix_fmt="yuvj420p", order=5)
    swapped = "the order of the fields is not the source's"
    for result, expected in ((wrong, True), (tmp_path / "right.mkv", False)):
        if result != wrong:
            color(source, result, options("ffv1"))
        report = verified(source, result)
        assert any(each.line == swapped for each in report.findings) is expected


def test_deinterlaced_frames_are_the_same_wherever_a_pass_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.helpers.woven.FRAMES", 110)
    film = tmp_path / "film.mkv"
    woven_film(film, top_first=False, whole=[n for n in range(110) if n // 10 % 2 == 0])
    with FilmReader(str(film)) as reader:
        whole = list(reader.frames(deinterlace=True))
        for index in range(60, 110, 6):
            with closing(reader.frames_from(whole[index].pts, deinterlace=True)) as frames:
                assert np.array_equal(next(frames).luma, whole[index].luma)


@pytest.mark.parametrize(("codec", "suffix"), [("libx265", ".mp4"), ("libsvtav1", ".mkv")])
def test_where_only_the_file_can_say_it(tmp_path: Path, codec: Codec, suffix: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    woven_film(source)
    plan = color(source, target, options(codec))
    assert marks(target) == (4, [False] * FRAMES)
    (notice,) = (each for each in plan.notices if "fields" in each.text)
    assert notice.warning and codec in notice.text
    info = probe(str(target))
    assert info.interlaced and not info.frames_state_fields
    with FilmReader(str(target)) as reader:
        assert all(frame.interlaced for frame in reader.frames())


def test_a_height_that_x264_cannot_mark(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    lumas = woven_film(source, size=(66, 96))
    plan = color(source, target, options("libx264", lossless=True))
    assert any("height of 66" in each.text and each.warning for each in plan.notices)
    assert all(map(np.array_equal, decode_film(target)[1], lumas))
    assert marks(target) == (4, [False] * FRAMES)


def test_each_frame_says_whether_it_has_fields(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    lumas = woven_film(source, whole=WHOLE)
    expected = [index not in WHOLE for index in range(FRAMES)]
    with FilmReader(str(source)) as reader:
        assert reader.info.interlaced and reader.info.frames_state_fields
        frames = list(reader.frames())
        third = frames[3].pts
        assert [frame.interlaced for frame in frames] == expected
        assert [frame.interlaced for frame in reader.frames_from(third)] == expected[3:]
        assert not any(frame.interlaced for frame in reader.frames(deinterlace=True))
        assert not any(frame.interlaced for frame in reader.frames_from(third, deinterlace=True))
    color(source, target, options("ffv1"))
    assert marks(target) == (4, expected)
    assert all(map(np.array_equal, decode_film(target)[1], lumas))


def test_a_mixed_film_keeps_one_order_where_frames_cannot_differ(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    woven_film(source, whole=WHOLE)
    for codec, suffix in (("libx264", ".mp4"), ("prores", ".mov")):
        target = tmp_path / f"out{suffix}"
        color(source, target, options(codec))  # type: ignore[arg-type]
        guessed = 2 if codec == "libx264" else 4  # see test_fields_are_found_again
        assert marks(target) == (guessed, [True] * FRAMES)


@pytest.mark.parametrize("codec", ["mpeg2video", "ffv1"])
def test_frames_of_a_film_that_is_not_interlaced_have_no_fields(tmp_path: Path, codec: str) -> None:
    make_clip(tmp_path / "in.mkv", frames=3, codec=codec)
    with FilmReader(str(tmp_path / "in.mkv")) as reader:
        assert not reader.info.interlaced
        assert not any(frame.interlaced for frame in reader.frames())
    color(tmp_path / "in.mkv", tmp_path / "out.mkv", options())
    order, said = marks(tmp_path / "out.mkv")
    assert order not in (2, 3, 4, 5) and not any(said)


def test_fields_after_a_whole_beginning_are_counted(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    woven_film(source, whole=range(5), order=1)
    with FilmReader(str(source)) as reader:
        assert not reader.info.interlaced
        assert not any(frame.interlaced for frame in reader.frames())
        (notice,) = reader.notices
    assert notice.warning and notice.text.startswith("3 frames are interlaced")


def test_whole_frames_are_not_marked(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    woven_film(source)
    info = probe(str(source))
    choice = RunOptions(encode=EncodeOptions("libx264"), deinterlace=True)
    plan = plan_output(info, str(tmp_path / "out.mp4"), choice)
    assert plan.field_order == 0 and plan.settings is not None
    assert not plan.settings.marks_fields and "tff" not in plan.settings.options["x264-params"]
    assert "fields" not in plan.summary and not plan.notices
    kept = plan_output(info, str(tmp_path / "out.mp4"), replace(choice, deinterlace=False))
    assert kept.settings is not None and kept.settings.options["x264-params"].endswith("tff=1")


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", ".mp4"), ("libx264", ".mkv"), ("ffv1", ".mkv")]
)
def test_segments_keep_fields(tmp_path: Path, codec: Codec, suffix: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    lumas = woven_film(source, top_first=False, whole=WHOLE if codec == "ffv1" else ())
    cut = cut_film(source, target, options(codec, lossless=codec == "libx264"), [3, 1, 4])
    segment_and_join(cut, tmp_path)
    write_direct(cut, tmp_path / f"direct{suffix}")
    assert marks(target) == marks(tmp_path / f"direct{suffix}")
    order = 3 if suffix == ".mp4" else 5  # see test_fields_are_found_again
    assert marks(target)[0] == order and marks(target)[1][0]
    assert described(target)["streams"][0]["fields"] == order
    assert all(map(np.array_equal, decode_film(target)[1], lumas))
