"""Every frame once, in order, at its own time, with the codes that went in."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from filmcolor.errors import MediaError
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.types import Frame
from tests.helpers.clips import (
    Plane,
    decode_film,
    fill_plane,
    luma_picture,
    make_clip,
    make_frame,
    y4m_bytes,
)

_LOSSLESS = {"qp": "0"}


def _read(path: Path, **part: Fraction) -> list[Frame]:
    with FilmReader(str(path)) as reader:
        frames = list(reader.frames(**part))  # type: ignore[arg-type]
    assert [frame.index for frame in frames] == list(range(len(frames)))
    return frames


def _assert_lumas(frames: Sequence[Frame], lumas: Sequence[Plane]) -> None:
    assert len(frames) == len(lumas)
    for frame, luma in zip(frames, lumas, strict=True):
        assert frame.luma.dtype == luma.dtype
        np.testing.assert_array_equal(frame.luma, luma)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "options"),
    [
        ("a.mp4", "libx264", "yuv420p", {"qp": "0", "bf": "3"}),
        ("a.mov", "libx264", "yuv422p10le", {"qp": "0", "bf": "2"}),
        ("a.mkv", "libx264", "yuv444p", {"qp": "0"}),
        ("a.mkv", "libx265", "yuv420p10le", {"x265-params": "lossless=1:log-level=none"}),
        ("a.mkv", "ffv1", "yuv420p12le", {}),
        ("a.mkv", "ffv1", "yuv420p9le", {}),
        ("a.mkv", "ffv1", "yuv422p14le", {}),
        ("a.mkv", "ffv1", "gray", {}),
        ("a.mkv", "ffv1", "gray10le", {}),
        ("a.mkv", "ffv1", "gray16le", {}),
        ("a.mkv", "ffv1", "yuv411p", {}),
        ("a.mkv", "ffv1", "yuv440p", {}),
        ("a.mkv", "ffv1", "yuva420p", {}),
        ("a.nut", "rawvideo", "yuv410p", {}),
        ("a.avi", "rawvideo", "yuv420p", {}),
    ],
)
def test_luma_comes_out_code_for_code(
    tmp_path: Path, name: str, codec: str, pix_fmt: str, options: dict[str, str]
) -> None:
    film = tmp_path / name
    lumas = make_clip(film, codec=codec, pix_fmt=pix_fmt, options=options, frames=9, width=66)
    depth = av.VideoFormat(pix_fmt).components[0].bits
    shift = {9: 1, 14: 2}.get(depth, 0)
    _assert_lumas(_read(film), [luma << shift for luma in lumas])


@pytest.mark.parametrize("pix_fmt", ["nv12", "yuyv422", "uyvy422", "nv21", "yvyu422"])
def test_packed_sources_keep_their_luma(tmp_path: Path, pix_fmt: str) -> None:
    """The same codes, once planar and once packed, in raw video."""
    film = tmp_path / "film.nut"
    lumas = make_clip(film, codec="rawvideo", pix_fmt=pix_fmt, frames=3)
    with FilmReader(str(film)) as reader:
        assert reader.info.source_format == pix_fmt
        assert len(reader.notices) == 1 and pix_fmt in reader.notices[0].text
        _assert_lumas(list(reader.frames()), lumas)


@pytest.mark.parametrize(("width", "height"), [(65, 49), (17, 33), (2, 2), (1, 1)])
def test_odd_sizes(tmp_path: Path, width: int, height: int) -> None:
    film = tmp_path / "film.mkv"
    lumas = make_clip(film, width=width, height=height, frames=3, colored=True)
    with FilmReader(str(film)) as reader:
        frames = list(reader.frames(with_chroma=True))
    _assert_lumas(frames, lumas)
    for frame in frames:
        assert frame.chroma is not None
        assert all(plane.shape == (-(-height // 2), -(-width // 2)) for plane in frame.chroma)


def test_chroma_only_when_asked_for(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    make_clip(film, frames=1, colored=True)
    with FilmReader(str(film)) as reader:
        assert next(reader.frames()).chroma is None
        chroma = next(reader.frames(with_chroma=True)).chroma
    assert chroma is not None and chroma[0].min() == 90 and chroma[1].max() == 170


@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.mkv"])
def test_variable_frame_rate(tmp_path: Path, name: str) -> None:
    film = tmp_path / name
    pts = [0, 10, 45, 100, 101, 170, 1000, 1010]
    base = Fraction(1, 1000)
    options = {"qp": "0", "bf": "3"}
    lumas = make_clip(film, codec="libx264", options=options, time_base=base, pts=pts)
    with FilmReader(str(film)) as reader:
        frames = list(reader.frames())
        assert reader.info.time_base == base and reader.notices == []
    assert [frame.pts for frame in frames] == pts
    _assert_lumas(frames, lumas)


def test_times_of_29_97(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    make_clip(film, codec="libx264", rate=Fraction(30000, 1001), frames=7)
    frames = _read(film)
    assert [frame.pts for frame in frames] == [1001 * n for n in range(7)]
    assert {frame.duration for frame in frames} == {1001}


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.flv"])
def test_a_film_behind_its_sound_is_read_to_its_last_frame(tmp_path: Path, name: str) -> None:
    """Frames that are reordered come out of the decoder only when it is told that all is over."""
    plain, film = tmp_path / "plain.mkv", tmp_path / name
    make_clip(plain, codec="libx264", options={"bf": "3", "b_strategy": "0"}, frames=25, sound=1)
    with av.open(str(plain)) as source, av.open(str(film), "w") as other:
        streams = [source.streams.audio[0], source.streams.video[0]]
        copies = {each.index: other.add_stream_from_template(each) for each in streams}
        for packet in source.demux(streams):
            if packet.size:
                packet.stream = copies[packet.stream_index]
                other.mux(packet)
    with FilmReader(str(film)) as reader:
        assert reader.info.stream_index == 1
        assert len(list(reader.frames())) == 25


def test_huge_times(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    pts = [2**40 + 512 * n for n in range(5)]
    make_clip(film, codec="libx264", time_base=Fraction(1, 12800), pts=pts)
    assert [frame.pts for frame in _read(film)] == pts
    part = _read(
        film, start_seconds=Fraction(512 * 2, 12800), duration_seconds=Fraction(512, 12800)
    )
    assert [frame.pts for frame in part] == pts[2:3]


def test_a_film_that_starts_before_zero(tmp_path: Path) -> None:
    film = tmp_path / "film.ts"
    pts = [-9000, -4500, 900, 4500, 9000]
    lumas = make_clip(
        film,
        codec="libx264",
        options=_LOSSLESS,
        time_base=Fraction(1, 90000),
        pts=pts,
        container_options={"avoid_negative_ts": "disabled"},
    )
    frames = _read(film)
    assert [frame.pts for frame in frames] == pts
    _assert_lumas(frames, lumas)
    part = _read(film, start_seconds=Fraction(1, 10), duration_seconds=Fraction(1, 20))
    assert [frame.pts for frame in part] == [900]


def test_an_edit_list_hides_what_players_hide(tmp_path: Path) -> None:
    film = tmp_path / "film.mov"
    make_clip(film, codec="libx264", time_base=Fraction(1, 600), pts=[-100, 0, 50, 100, 150])
    theirs, _ = decode_film(film)
    assert [frame.pts for frame in _read(film)] == theirs == [0, 50, 100, 150]


def test_one_frame(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    lumas = make_clip(film, codec="libx264", options=_LOSSLESS, frames=1)
    _assert_lumas(_read(film), lumas)
    with FilmReader(str(film)) as reader:
        assert len(reader.sample(5)) == 1
        assert len(list(reader.frames(deinterlace=True))) == 1


@pytest.mark.parametrize(
    ("name", "codec"),
    [("film.h264", "libx264"), ("film.hevc", "libx265"), ("film.m1v", "mpeg1video")],
)
def test_raw_streams_are_counted(tmp_path: Path, name: str, codec: str) -> None:
    film = tmp_path / name
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {"bf": "2"}
    make_clip(film, codec=codec, rate=Fraction(25), frames=30, options=options)
    with FilmReader(str(film)) as reader:
        frames = list(reader.frames())
        seconds = [frame.pts * reader.info.time_base for frame in frames]
    assert len(frames) == 30
    assert {later - first for first, later in pairwise(seconds)} == {Fraction(1, 25)}


def test_mpeg2_in_a_program_stream(tmp_path: Path) -> None:
    film = tmp_path / "film.mpg"
    make_clip(film, codec="mpeg2video", rate=Fraction(25), frames=30, options={"bf": "2"})
    frames = _read(film)
    assert len(frames) == 30
    assert {later.pts - first.pts for first, later in pairwise(frames)} == {3600}


@pytest.mark.parametrize(
    ("name", "codec"), [("film.mp4", "libx264"), ("film.mkv", "libx264"), ("film.avi", "mpeg4")]
)
def test_a_part_is_the_part_of_the_whole(tmp_path: Path, name: str, codec: str) -> None:
    film = tmp_path / name
    make_clip(film, codec=codec, rate=Fraction(10), frames=90, options={"g": "25", "bf": "2"})
    whole = _read(film)
    assert len(whole) == 90
    for start, duration in ((0, 1), (Fraction(1, 3), 2), (5, Fraction(1, 10)), (7, 20)):
        part = _read(film, start_seconds=Fraction(start), duration_seconds=Fraction(duration))
        with FilmReader(str(film)) as reader:
            base = reader.info.time_base
        inside = [
            frame
            for frame in whole
            if start <= (frame.pts - whole[0].pts) * base < start + duration
        ]
        assert inside and [frame.pts for frame in part] == [frame.pts for frame in inside]
        for mine, theirs in zip(part, inside, strict=True):
            np.testing.assert_array_equal(mine.luma, theirs.luma)


def test_a_part_that_begins_in_an_open_group_of_pictures(tmp_path: Path) -> None:
    """What a decoder leaves out there, since it needs what came before, is not lost."""
    film = tmp_path / "film.mkv"
    settings = {"g": "12", "bf": "2", "flags": "-cgop", "sc_threshold": "1000000000"}
    make_clip(film, codec="mpeg2video", rate=Fraction(25), frames=150, height=64, options=settings)
    whole = _read(film)
    for start in (4, 5):
        part = _read(film, start_seconds=Fraction(start))
        assert [frame.pts for frame in part] == [frame.pts for frame in whole[25 * start :]]
        for mine, theirs in zip(part, whole[25 * start :], strict=True):
            np.testing.assert_array_equal(mine.luma, theirs.luma)


def test_a_part_after_the_end(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    make_clip(film, codec="libx264", rate=Fraction(10), frames=11)
    with pytest.raises(MediaError, match=r"no frame at 60 s.*1\.00 s"):
        _read(film, start_seconds=Fraction(60))


def test_the_cover_is_not_the_film(tmp_path: Path) -> None:
    for name, codec in (("film.mp4", "libx264"), ("film.mkv", "ffv1")):
        film = tmp_path / name
        options = _LOSSLESS if codec == "libx264" else {}
        lumas = make_clip(film, codec=codec, options=options, cover=True, sound=1)
        _assert_lumas(_read(film), lumas)


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    lumas = make_clip(film, frames=5)
    with FilmReader(str(film)) as reader:
        first = next(reader.frames())
        _assert_lumas(list(reader.frames()), lumas)
        _assert_lumas([first], lumas[:1])


def test_samples_are_spread_over_the_film(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    make_clip(film, frames=40, colored=True)
    with FilmReader(str(film)) as reader:
        frames = reader.sample(4)
        assert [frame.pts for frame in frames] == [208, 625, 1042, 1458]  # ms: frames 5, 15, 25, 35
        assert all(frame.chroma is not None for frame in frames)
        assert len(list(reader.frames())) == 40
        assert len(reader.sample(100)) == 40


def test_samples_of_a_long_film_are_found_by_seeking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "film.mp4"
    make_clip(film, codec="libx264", rate=Fraction(10), frames=100, options={"g": "10", "bf": "2"})
    monkeypatch.setattr("filmcolor.media.read.sampling._STRIDE_PIXELS", 1)
    with FilmReader(str(film)) as reader:
        whole = {frame.pts: frame.luma for frame in reader.frames()}
        frames = reader.sample(5)
        seconds = [float(frame.pts * reader.info.time_base) for frame in frames]
    assert seconds == [1.0, 3.0, 5.0, 7.0, 9.0]
    for frame in frames:
        np.testing.assert_array_equal(frame.luma, whole[frame.pts])


def test_no_frames_at_all(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    make_clip(film, frames=0, sound=1, codec="ffv1")
    with pytest.raises(MediaError, match="no frame"), FilmReader(str(film)) as reader:
        list(reader.frames())


def test_deinterlacing_keeps_count_and_times(tmp_path: Path) -> None:
    film = tmp_path / "film.mpg"
    make_clip(film, codec="mpeg2video", rate=Fraction(25), frames=9, interlaced=True, height=64)
    with FilmReader(str(film)) as reader:
        woven = list(reader.frames())
        whole = list(reader.frames(deinterlace=True, with_chroma=True))
    assert [frame.pts for frame in whole] == [frame.pts for frame in woven]
    assert all(frame.luma.shape == (64, 64) and frame.chroma is not None for frame in whole)


@pytest.mark.parametrize(
    "pix_fmt", ["yuv420p", "yuv422p10le", "gray10le", "gbrp10le", "yuv444p12le"]
)
def test_deinterlacing_takes_out_the_comb(tmp_path: Path, pix_fmt: str) -> None:
    """A vertical edge that moves between the fields leaves a comb, which must go."""
    film = tmp_path / "film.mkv"
    depth = av.VideoFormat(pix_fmt).components[0].bits
    with av.open(str(film), "w") as target:
        stream = target.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pix_fmt
        stream.codec_context.field_order = 2
        for index in range(6):
            luma = np.full((64, 64), 40 << (depth - 8), np.uint8 if depth == 8 else np.uint16)
            luma[0::2, 4 + 8 * index :] = 200 << (depth - 8)
            luma[1::2, 8 + 8 * index :] = 200 << (depth - 8)
            target.mux(stream.encode(_comb_frame(luma, pix_fmt, index)))
        target.mux(stream.encode(None))
    with FilmReader(str(film)) as reader:
        woven = [_comb(frame.luma) for frame in reader.frames()]
        whole = [_comb(frame.luma) for frame in reader.frames(deinterlace=True)]
        assert reader.info.interlaced
    assert len(whole) == len(woven) == 6
    assert sum(whole) < 0.25 * sum(woven)


def _comb_frame(luma: Plane, pix_fmt: str, index: int) -> av.VideoFrame:
    if pix_fmt == "gbrp10le":
        frame = av.VideoFrame(64, 64, pix_fmt)
        for plane in range(3):
            fill_plane(frame, plane, luma)
    else:
        frame = make_frame(luma, pix_fmt)
    frame.pts, frame.time_base = index, Fraction(1, 25)
    return frame


def _comb(luma: Plane) -> float:
    """Mean difference of a line from the mean of its neighbours."""
    lines = luma.astype(np.float64)
    return float(np.abs(lines[1:-1] - (lines[:-2] + lines[2:]) / 2).mean())


def test_a_change_of_size_is_named(tmp_path: Path) -> None:
    film = tmp_path / "film.h264"
    parts = []
    for size in (48, 32):
        make_clip(film, codec="libx264", height=size, frames=4, options={"bf": "0"})
        parts.append(film.read_bytes())
    film.write_bytes(b"".join(parts))
    for deinterlace in (False, True):
        with (
            FilmReader(str(film)) as reader,
            pytest.raises(MediaError, match=r"frame 4 is 64x32.* began as 64x48"),
        ):
            list(reader.frames(deinterlace=deinterlace))


def _damage(film: Path, at: int) -> None:
    """Overwrite the `at`-th packet of the film's video with noise."""
    broken = film.with_name(f"broken-{film.name}")
    with av.open(str(film)) as source, av.open(str(broken), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for index, packet in enumerate(source.demux(source.streams.video[0])):
            if packet.size == 0:
                continue
            sent = packet
            if index == at:
                sent = av.Packet(np.random.default_rng(1).bytes(packet.size))
                sent.pts, sent.dts, sent.time_base = packet.pts, packet.dts, packet.time_base
            sent.stream = stream
            target.mux(sent)
    broken.replace(film)


@pytest.mark.parametrize("at", [12, 20, 22, 23])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "ffv1"])
def test_damage_is_an_error_with_its_place(tmp_path: Path, codec: str, at: int) -> None:
    """Near the end, too, where parallel decoding hides it."""
    film = tmp_path / "film.mkv"
    make_clip(film, codec=codec, frames=24, rate=Fraction(25))
    _damage(film, at)
    got = []
    with (
        FilmReader(str(film)) as reader,
        pytest.raises(MediaError, match=r"film\.mkv: damaged after frame \d+ \(\d\.\d\d s\)"),
    ):
        got.extend(frame.pts for frame in reader.frames())
    assert 0 < len(got) < 24 and got == [40 * n for n in range(len(got))]


def test_a_recording_that_begins_between_key_frames(tmp_path: Path) -> None:
    film, cut = tmp_path / "film.ts", tmp_path / "cut.ts"
    make_clip(film, codec="mpeg2video", frames=40, rate=Fraction(25), options={"g": "15"})
    whole = _read(film)
    content = film.read_bytes()
    packets = len(content) // 188
    cut.write_bytes(content[188 * (packets // 4) :])
    frames = _read(cut)
    assert 20 <= len(frames) < len(whole)
    assert [frame.pts for frame in frames] == [frame.pts for frame in whole[-len(frames) :]]


def _pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    class _Standard:
        buffer = io.BufferedReader(_Pipe(content))

    monkeypatch.setattr(sys, "stdin", _Standard())


class _Pipe(io.RawIOBase):
    """Bytes that cannot be sought."""

    def __init__(self, content: bytes) -> None:
        self._rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        return self._rest.readinto(target)


def test_y4m_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    lumas = [luma_picture(index, 48, 64) for index in range(20)]
    _pipe(monkeypatch, y4m_bytes(lumas, Fraction(24000, 1001)))
    with FilmReader("-") as reader:
        assert reader.info.is_pipe and reader.info.rate == Fraction(24000, 1001)
        sampled = reader.sample(6)
        _assert_lumas(sampled, lumas[:6])
        assert all(frame.chroma is not None for frame in sampled)
        _assert_lumas(reader.sample(4), lumas[:4])
        frames = list(reader.frames())
        _assert_lumas(frames, lumas)
        assert [frame.pts for frame in frames] == list(range(20))
        with pytest.raises(MediaError, match="twice"):
            list(reader.frames())


def test_a_part_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    lumas = [luma_picture(index, 16, 16) for index in range(20)]
    _pipe(monkeypatch, y4m_bytes(lumas, Fraction(10)))
    with FilmReader("-") as reader:
        reader.sample(3)
        part = reader.frames(start_seconds=Fraction(1, 2), duration_seconds=Fraction(1, 2))
        _assert_lumas(list(part), lumas[5:10])


@pytest.mark.parametrize("content", [b"", b"not Y4M at all\n" * 100])
def test_standard_input_that_is_no_film(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    _pipe(monkeypatch, content)
    with pytest.raises(MediaError, match=r"standard input.*Y4M"):
        FilmReader("-")


def test_a_last_frame_that_is_shown_for_long_is_no_end_before_the_end(tmp_path: Path) -> None:
    """A GIF's last delay counts in its length."""
    path = tmp_path / "in.gif"
    pictures = [Image.fromarray(luma_picture(index, 48, 64)) for index in range(4)]
    pictures[0].save(path, append_images=pictures[1:], duration=[200, 3000, 100, 7000], loop=0)
    with FilmReader(str(path)) as reader:
        assert len(list(reader.frames())) == 4
        assert reader.info.duration == Fraction(103, 10)
        assert not [notice for notice in reader.notices if "header" in notice.text]
