"""The written film: luma code for code, tags, shape, key frames, nothing half done by its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from filmcolor.errors import MediaError
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.options import Codec, EncodeOptions, RunOptions
from filmcolor.types import ColorTags, Siting
from tests.helpers.clips import largest_file, make_clip
from tests.helpers.coloring import (
    CB_8BIT,
    CR_8BIT,
    LABEL,
    color,
    color_frame,
    decoded_times,
    options,
)
from tests.helpers.woven import woven_film


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as film:
        return list(film.decode(film.streams.video[0]))


def plane(frame: av.VideoFrame, number: int) -> np.ndarray:
    """Codes of one plane, without the padding."""
    dtype = np.dtype("<u2") if frame.format.components[0].bits > 8 else np.dtype("u1")
    part = frame.planes[number]
    return np.frombuffer(part, dtype).reshape(part.height, -1)[:, : part.width]


@pytest.mark.parametrize("pix_fmt", ["gray", "yuv420p", "yuv422p10le", "yuv444p"])
@pytest.mark.parametrize(
    ("codec", "suffix"), [("ffv1", ".mkv"), ("libx264", ".mp4"), ("libx265", ".mov")]
)
def test_lossless_keeps_luma_code_for_code(
    tmp_path: Path, pix_fmt: str, codec: Codec, suffix: str
) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    lumas = make_clip(source, frames=5, pix_fmt=pix_fmt)
    color(source, target, options(codec, lossless=True))
    frames = decoded(target)
    assert len(frames) == 5
    expected = "yuv420p" if pix_fmt == "gray" else pix_fmt
    assert frames[0].format.name.replace("yuvj", "yuv") == expected
    scale = 4 if "10" in pix_fmt else 1
    for frame, luma in zip(frames, lumas, strict=True):
        np.testing.assert_array_equal(plane(frame, 0), luma)
        assert set(np.unique(plane(frame, 1))) == {CB_8BIT * scale}
        assert set(np.unique(plane(frame, 2))) == {CR_8BIT * scale}


@pytest.mark.parametrize(("width", "height"), [(63, 48), (64, 47), (63, 47)])
@pytest.mark.parametrize("codec", ["libx264", "ffv1"])
def test_odd_sizes_are_kept(tmp_path: Path, width: int, height: int, codec: Codec) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    lumas = make_clip(source, frames=3, width=width, height=height)
    color(source, target, options(codec, lossless=True))
    frames = decoded(target)
    assert [(frame.width, frame.height) for frame in frames] == [(width, height)] * 3
    np.testing.assert_array_equal(plane(frames[2], 0), lumas[2])


def test_deeper_encoder_scales_luma_and_loses_nothing(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    make_clip(source, frames=1, tags=ColorTags(1, 1, 1, False))
    with FilmReader(str(source)) as reader:
        plan = plan_output(reader.info, str(tmp_path / "out.mov"), options("prores"))
        assert (plan.layout.bit_depth, plan.layout.chroma) == (10, "422")
        assert any("loses nothing" in notice.text for notice in plan.notices)
        frame = next(iter(reader.frames()))
        with FilmWriter(plan, label=LABEL) as writer:
            writer.write(color_frame(frame, plan.layout))
            writer.finish()
    # ProRes is lossy: near the exact scaling, over the whole picture.
    error = plane(decoded(tmp_path / "out.mov")[0], 0) - 4.0 * frame.luma
    assert abs(error.mean()) < 1.0
    assert np.abs(error).mean() < 12


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_tags_shape_and_rotation_come_back(tmp_path: Path, suffix: str, codec: Codec) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(
        source,
        frames=3,
        tags=ColorTags(matrix=5, primaries=6, transfer=13, full_range=True),
        sample_aspect_ratio=Fraction(8, 9),
        rotation=90,
        codec="libx264",
    )
    color(source, target, options(codec))
    with av.open(str(target)) as film:
        stream = film.streams.video[0]
        context = stream.codec_context
        frame = next(iter(film.decode(stream)))
        assert (context.colorspace, context.color_primaries, context.color_trc) == (5, 6, 13)
        assert (int(frame.colorspace), int(frame.color_range)) == (5, 2)
        assert stream.sample_aspect_ratio == Fraction(8, 9)
        assert frame.rotation == 90


@pytest.mark.parametrize(
    ("codec", "suffix"), [("prores", ".mov"), ("ffv1", ".mkv"), ("libsvtav1", ".mp4")]
)
def test_every_codec_keeps_tags_and_frames(tmp_path: Path, codec: Codec, suffix: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(source, frames=5, tags=ColorTags(6, 6, 6, False))
    color(source, target, options(codec))
    frames = decoded(target)
    assert len(frames) == 5
    assert [int(frames[0].colorspace), int(frames[0].color_primaries)] == [6, 6]
    assert decoded_times(target) == pytest.approx(decoded_times(source), abs=0)


@pytest.mark.parametrize("codec", ["libx264", "ffv1", "prores", "libsvtav1"])
@pytest.mark.parametrize(
    "aspect", [Fraction(8, 9), Fraction(16, 11), Fraction(64, 45), Fraction(1, 1)], ids=str
)
def test_matroska_states_the_shape_of_pixels(
    tmp_path: Path, codec: Codec, aspect: Fraction
) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mkv"
    make_clip(
        source,
        frames=2,
        codec="libx264",
        sample_aspect_ratio=aspect,
        sound=1,
        metadata={"title": "A film"},
    )
    color(source, target, options(codec))
    with av.open(str(target)) as film:
        stream = film.streams.video[0]
        assert (stream.sample_aspect_ratio or 1) == aspect
        assert stream.metadata.get("title") is None
        assert len(list(film.decode(stream))) == 2
    # The shape stands in the container itself: DisplayUnit (54 B2) 3 is "aspect ratio".
    assert (b"\x54\xb2\x81\x03" in target.read_bytes()) == (aspect != 1)


@pytest.mark.parametrize(("codec", "suffix"), [("prores", ".mov"), ("ffv1", ".mkv")])
def test_order_of_fields_is_written(tmp_path: Path, codec: Codec, suffix: str) -> None:
    source = tmp_path / "in.mkv"
    for top_first in (True, False):
        target = tmp_path / f"out{top_first}{suffix}"
        woven_film(source, top_first=top_first)
        color(source, target, options(codec))
        with av.open(str(target)) as film:
            assert film.streams.video[0].codec_context.field_order == (4 if top_first else 5)
        # Woven, as they are stored: 9 or 14, and not 1 or 6, which are separated fields.
        content, order = target.read_bytes(), b"\x09" if top_first else b"\x0e"
        assert (b"fiel\x02" if suffix == ".mov" else b"\x9d\x81") + order in content


def test_untagged_stays_untagged(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    make_clip(source, frames=2)
    color(source, target, options())
    with av.open(str(target)) as film:
        context = film.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (2, 2, 2)
        assert context.color_range == 0


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_key_frames_where_asked_and_every_two_seconds(tmp_path: Path, codec: Codec) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    make_clip(source, frames=40, rate=Fraction(10), width=32, height=32)
    color(source, target, options(codec), keys={0, 7, 31})
    with av.open(str(target)) as film:
        stream = film.streams.video[0]
        keys = [
            round(packet.pts * packet.time_base * 10)
            for packet in film.demux(stream)
            if packet.is_keyframe and packet.pts is not None
        ]
    assert {0, 7, 31} <= set(keys)
    assert max(after - before for before, after in zip(keys, [*keys[1:], 40], strict=True)) <= 20


def test_forced_key_frame_is_one_that_decoding_can_start_at(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    make_clip(source, frames=24)
    choice = RunOptions(encode=EncodeOptions(preset="medium"))
    color(source, target, choice, keys={11})
    with av.open(str(target)) as film:
        stream = film.streams.video[0]
        packets = [packet for packet in film.demux(stream) if packet.size]
    at = next(
        number
        for number, packet in enumerate(packets)
        if round(packet.pts * packet.time_base * 24) == 11
    )
    # Network abstraction layer unit type 5 is an IDR slice; none before it in time comes after it.
    kinds = {unit[0] & 31 for unit in _units(bytes(packets[at]))}
    assert 5 in kinds
    assert all(packet.pts > packets[at].pts for packet in packets[at + 1 :])


def _units(packet: bytes) -> Iterator[bytes]:
    """H.264 units of a length-prefixed packet."""
    while packet:
        size = int.from_bytes(packet[:4], "big")
        yield packet[4 : 4 + size]
        packet = packet[4 + size :]


@pytest.mark.parametrize(("suffix", "tag"), [(".mp4", "hvc1"), (".mov", "hvc1")])
def test_hevc_has_the_tag_that_plays(tmp_path: Path, suffix: str, tag: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(source, frames=2)
    color(source, target, options("libx265"))
    with av.open(str(target)) as film:
        assert film.streams.video[0].codec_context.codec_tag == tag


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_index_stands_before_the_pictures(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(source, frames=3)
    color(source, target, options())
    written = target.read_bytes()
    assert 0 < written.index(b"moov") < written.index(b"mdat")


@pytest.mark.parametrize(("siting", "location"), [("center", 2), ("left", None)])
def test_centred_chroma_is_written_into_the_stream(
    tmp_path: Path, siting: Siting, location: int | None
) -> None:
    source = tmp_path / "in.mkv"
    make_clip(source, frames=1)
    with FilmReader(str(source)) as reader:
        choice = replace(options(), siting=siting)
        plan = plan_output(reader.info, str(tmp_path / "out.mkv"), choice)
    assert plan.siting == siting
    assert plan.settings is not None
    chosen = plan.settings.options.get("chroma_sample_location")
    assert chosen == ("center" if location == 2 else None)
    color(source, tmp_path / "out.mkv", choice)
    # Matroska's ChromaSitingHorz element (ID 55 B7), 2 being "half": only written when stated.
    written = (tmp_path / "out.mkv").read_bytes()
    assert (b"\x55\xb7\x81\x02" in written) == (location == 2)


def test_nothing_under_the_name_after_an_error(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    make_clip(source, frames=6, sound=1)
    with FilmReader(str(source)) as reader:
        plan = plan_output(reader.info, str(target), options())
        with pytest.raises(KeyboardInterrupt), FilmWriter(plan, label=LABEL) as writer:
            for frame in reader.frames():
                writer.write(color_frame(frame, plan.layout))
                if frame.index == 4:
                    assert (tmp_path / ".out.mp4.part").exists()
                    raise KeyboardInterrupt
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv"]


def test_old_target_survives_an_error(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    make_clip(source, frames=3)
    target.write_bytes(b"what stood there")
    with FilmReader(str(source)) as reader:
        plan = plan_output(reader.info, str(target), replace(options(), overwrite=True))
        with pytest.raises(RuntimeError), FilmWriter(plan, label=LABEL) as writer:
            writer.write(color_frame(next(iter(reader.frames())), plan.layout))
            raise RuntimeError
    assert target.read_bytes() == b"what stood there"
    color(source, target, replace(options(), overwrite=True))
    assert len(decoded(target)) == 3


def test_no_frames_is_an_error(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    make_clip(source, frames=1)
    with FilmReader(str(source)) as reader:
        plan = plan_output(reader.info, str(target), options())
    with pytest.raises(MediaError, match="no frames"), FilmWriter(plan, label=LABEL) as writer:
        writer.finish()
    assert not target.exists()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_full_disk_is_one_clear_error(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(source, frames=12, width=160, height=120)
    with largest_file(60_000), pytest.raises(MediaError, match="make room") as caught:
        color(source, target, options(lossless=True))
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv"]


def test_names_with_colons_spaces_and_percent_signs(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    make_clip(source, frames=2)
    target = tmp_path / "part: one %d ünïcode.mp4"
    color(source, target, options())
    assert len(decoded(target)) == 2
