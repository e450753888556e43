"""A segment's file: every packet with its frame's number, whole or not there at all."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from filmcolor.errors import MediaError
from filmcolor.media.write.encoder_input import Pacer, last_duration
from filmcolor.media.write.segment import SegmentReader, SegmentWriter
from filmcolor.options import Codec, EncodeOptions, RunOptions
from filmcolor.types import ColorFrame
from tests.helpers.clips import decode_film, largest_file, make_clip
from tests.helpers.segments import Cut, cut_film, write_segment

SUFFIXES: dict[Codec, str] = {
    "libx264": ".mp4",
    "libx265": ".mov",
    "libsvtav1": ".mp4",
    "prores": ".mov",
    "ffv1": ".mkv",
}


def film(folder: Path, codec: Codec, count: int, **chosen: object) -> Cut:
    """A small film in colour, in one piece, for a target that takes the codec."""
    source = folder / "in.mkv"
    make_clip(source, frames=count)
    preset = {"libx264": "medium", "libx265": "medium", "libsvtav1": "10"}.get(codec)
    encode = EncodeOptions(codec=codec, preset=preset, **chosen)  # type: ignore[arg-type]
    return cut_film(source, folder / f"out{SUFFIXES[codec]}", RunOptions(encode=encode), [count])


def numbers_of(path: Path) -> list[int]:
    """The frames' numbers in the order of their packets."""
    with closing(SegmentReader(str(path))) as segment:
        return [number for number, _ in segment.packets()]


@pytest.mark.parametrize("count", [1, 2, 3, 24])
@pytest.mark.parametrize("codec", SUFFIXES)
def test_every_packet_has_its_frames_number(tmp_path: Path, codec: Codec, count: int) -> None:
    cut = film(tmp_path, codec, count)
    path = tmp_path / "0.seg"
    facts = write_segment(cut.plan, path, cut.frames)
    numbers = numbers_of(path)
    assert sorted(numbers) == list(range(count))
    assert numbers[0] == 0
    assert facts.frames == count
    assert facts.bytes == path.stat().st_size
    assert facts.reorder == max(place - number for place, number in enumerate(numbers))
    assert (facts.reorder > 0) == (codec in ("libx264", "libx265") and count > 2)
    # Decoding times of "sorted[k - reorder]" are never later than the frame is shown.
    assert all(place - facts.reorder <= number for place, number in enumerate(numbers))


@pytest.mark.parametrize("codec", ["libx264", "libx265", "ffv1"])
def test_a_lossless_segment_holds_the_films_luma(tmp_path: Path, codec: Codec) -> None:
    cut = film(tmp_path, codec, 12, lossless=True)
    path = tmp_path / "0.seg"
    write_segment(cut.plan, path, cut.frames[4:], None)
    _, lumas = decode_film(path)
    for luma, frame in zip(lumas, cut.frames[4:], strict=True):
        np.testing.assert_array_equal(luma, frame.luma)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "prores", "ffv1"])
def test_the_file_does_not_tell_where_in_the_film_it_stands(tmp_path: Path, codec: Codec) -> None:
    cut = film(tmp_path, codec, 9, lossless=codec != "prores")
    early, late = tmp_path / "early.seg", tmp_path / "late.seg"
    write_segment(cut.plan, early, cut.frames)
    write_segment(cut.plan, late, [replace(each, pts=each.pts + 777_000) for each in cut.frames])
    assert packets_of(early) == packets_of(late)


def packets_of(path: Path) -> list[tuple[int, bool, bytes]]:
    with closing(SegmentReader(str(path))) as segment:
        return [(number, each.is_keyframe, bytes(each)) for number, each in segment.packets()]


def test_frames_before_zero_are_encoded_too(tmp_path: Path) -> None:
    cut = film(tmp_path, "libx264", 5)
    path = tmp_path / "0.seg"
    write_segment(cut.plan, path, [replace(each, pts=each.pts - 300) for each in cut.frames])
    assert sorted(numbers_of(path)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1"])
def test_first_frame_and_marked_frames_are_key_frames(tmp_path: Path, codec: Codec) -> None:
    cut = film(tmp_path, codec, 30)
    path = tmp_path / "0.seg"
    marked = [replace(each, key=number in (7, 19)) for number, each in enumerate(cut.frames)]
    write_segment(cut.plan, path, marked)
    packets = packets_of(path)
    assert {0, 7, 19} <= {number for number, is_key, _ in packets if is_key}
    for place, (number, is_key, _) in enumerate(packets):
        if is_key:  # no later packet belongs to an earlier frame: the group before is closed
            assert all(later > number for later, *_ in packets[place + 1 :])
            assert all(earlier < number for earlier, *_ in packets[:place])


@pytest.mark.parametrize("written", [0, 1, 6])
def test_nothing_stays_of_a_segment_given_up(tmp_path: Path, written: int) -> None:
    cut = film(tmp_path, "libx264", 6)
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(KeyboardInterrupt), SegmentWriter(cut.plan, str(work / "0.seg")) as writer:
        for frame in cut.frames[:written]:
            writer.write(frame)
        assert [path.name for path in work.iterdir()] == [".0.seg.part"]
        raise KeyboardInterrupt
    assert list(work.iterdir()) == []


def test_a_segment_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    cut = film(tmp_path, "ffv1", 4)
    path = tmp_path / "0.seg"
    path.write_bytes(b"what stood there")
    with SegmentWriter(cut.plan, str(path)) as writer:
        for frame in cut.frames:
            writer.write(frame)
        assert path.read_bytes() == b"what stood there"
        facts = writer.finish(None)
    assert path.stat().st_size == facts.bytes
    assert sorted(numbers_of(path)) == [0, 1, 2, 3]


def test_no_frames_are_an_error(tmp_path: Path) -> None:
    cut = film(tmp_path, "ffv1", 1)
    path = tmp_path / "0.seg"
    with (
        pytest.raises(MediaError, match="segment without frames"),
        SegmentWriter(cut.plan, str(path)) as writer,
    ):
        writer.finish(None)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.mkv"]


@pytest.mark.parametrize("room", ["some", "a byte too little"])
@pytest.mark.parametrize("codec", ["libx264", "prores", "ffv1"])
def test_full_disk_is_one_clear_error(tmp_path: Path, codec: Codec, room: str) -> None:
    cut = film(tmp_path, codec, 24, lossless=codec != "prores")  # then of equal size every time
    path = tmp_path / "0.seg"
    whole = write_segment(cut.plan, path, cut.frames).bytes
    path.unlink()
    limit = whole // 3 if room == "some" else whole - 1
    with largest_file(limit), pytest.raises(MediaError, match="make room") as caught:
        write_segment(cut.plan, path, cut.frames)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.mkv"]
    assert write_segment(cut.plan, path, cut.frames).bytes == whole


def test_a_folder_that_has_gone_is_one_clear_error(tmp_path: Path) -> None:
    cut = film(tmp_path, "ffv1", 2)
    with pytest.raises(MediaError, match="does not exist; create it"):
        write_segment(cut.plan, tmp_path / "gone" / "0.seg", cut.frames)


@pytest.mark.parametrize(("name", "codec"), [("film.mp4", "libx264"), ("film.avi", "mpeg4")])
def test_what_is_no_segment_is_refused(tmp_path: Path, name: str, codec: str) -> None:
    path = tmp_path / name
    make_clip(path, frames=2, codec=codec)
    with pytest.raises(MediaError, match="not a whole segment"):
        SegmentReader(str(path))


def frame(pts: int, duration: int = 0) -> ColorFrame:
    plane = np.zeros((2, 2), np.uint8)
    return ColorFrame(0, pts, plane, plane, plane, duration)


def test_a_frame_lasts_until_the_next(tmp_path: Path) -> None:
    plan = replace(
        film(tmp_path, "ffv1", 1).plan, source_time_base=Fraction(1, 1000), rate=Fraction(25)
    )
    pacer = Pacer(plan)
    given = [pacer.take(frame(pts)) for pts in (5, 45, 46, 146)]
    assert [paced and (paced[0].pts, paced[1]) for paced in given] == [
        None,
        (5, 40),
        (45, 1),
        (46, 100),
    ]
    last = pacer.finish(next_pts=156)
    assert last is not None
    assert (last[0].pts, last[1]) == (146, 10)
    assert pacer.finish() is None


def test_the_last_frame_lasts_as_it_says_else_as_the_one_before_else_as_the_rate_says(
    tmp_path: Path,
) -> None:
    plan = replace(
        film(tmp_path, "ffv1", 1).plan, source_time_base=Fraction(1, 1000), rate=Fraction(25)
    )
    assert last_duration(plan, 30, 20) == 30
    assert last_duration(plan, 0, 20) == 20
    assert last_duration(plan, 0, 0) == 40
    pacer = Pacer(plan)
    pacer.take(frame(0))
    pacer.take(frame(70, duration=0))
    last = pacer.finish()
    assert last is not None
    assert last[1] == 70
