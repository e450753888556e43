"""What a film is said to be, and what is said of files that are none."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet
from av.stream import Stream
from PIL import Image

from filmcolor.errors import MediaError
from filmcolor.media.read.color_state import has_color
from filmcolor.media.read.probe import refuse_hdr
from filmcolor.types import ColorTags, Frame, PixelLayout
from tests.helpers.clips import jpeg_bytes, luma_picture, make_clip, make_sound, probe, y4m_bytes

_420 = PixelLayout(8, "420")


def test_an_mp4_with_everything(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    make_clip(
        film,
        codec="libx264",
        rate=Fraction(30000, 1001),
        sound=2,
        subtitles=[(0.0, 0.2, "Hello")],
        chapters=[(0.0, 0.2, "One"), (0.2, 0.4, "Two")],
        cover=True,
        metadata={"title": "A film"},
        rotation=90,
        sample_aspect_ratio=Fraction(8, 9),
        tags=ColorTags(5, 6, 4, False),
    )
    info = probe(str(film))
    assert (info.width, info.height, info.codec) == (64, 48, "h264")
    assert info.layout == _420 and info.conversion is None and info.source_format == "yuv420p"
    assert info.tags == ColorTags(5, 6, 4, False)
    assert info.time_base == Fraction(1, 30000) and info.rate == Fraction(30000, 1001)
    assert info.frame_count == 12 and info.duration == Fraction(12 * 1001, 30000)
    assert info.sample_aspect_ratio == Fraction(8, 9)
    assert info.rotation == 90 and info.display_matrix is not None
    assert info.display_matrix[:5] == (0, -65536, 0, 65536, 0)
    assert not info.interlaced and not info.is_pipe
    assert info.metadata["title"] == "A film" and info.chapter_count == 2
    kinds = [(stream.kind, stream.language, stream.is_cover) for stream in info.streams]
    assert kinds[:4] == [
        ("video", None, False),
        ("audio", "eng", False),
        ("audio", "deu", False),
        ("subtitle", "eng", False),
    ]
    assert kinds[-1] == ("video", None, True) and info.stream_index == 0
    assert info.streams[0].detail == "64x48" and info.streams[1].detail == "48000 Hz stereo"
    assert info.streams[1].codec == "aac"


def test_a_matroska_with_cover_and_attachment(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    make_clip(film, attachment=("notes.txt", "text/plain", b"notes"), cover=True, sound=1)
    info = probe(str(film))
    assert (info.codec, info.width, info.height) == ("ffv1", 64, 48)
    assert info.container.startswith("matroska") and info.time_base == Fraction(1, 1000)
    assert info.frame_count in (12, 13)  # an estimate: the sound lasts longer
    assert [stream.detail for stream in info.streams if stream.kind == "attachment"] == [
        "notes.txt"
    ]
    assert [stream.is_cover for stream in info.streams if stream.kind == "video"] == [False, True]
    assert info.tags == ColorTags() and info.rotation == 0 and info.display_matrix is None


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_counter_clockwise(tmp_path: Path, degrees: int) -> None:
    film = tmp_path / "film.mp4"
    make_clip(film, frames=2, codec="libx264", rotation=degrees)
    assert probe(str(film)).rotation == degrees


def test_side_data_without_a_name_is_passed_over(tmp_path: Path) -> None:
    """FFmpeg hands out the Exif block of every JPEG; PyAV has no name for that kind."""
    film = tmp_path / "film.mkv"
    _jpeg_film(film)
    with av.open(str(film)) as container:
        frame = next(container.decode(video=0))
    with pytest.raises(ValueError, match="is not a valid Type"):
        _ = frame.side_data
    info = probe(str(film))
    assert info.rotation == 270  # Exif's 6: a quarter clockwise
    assert info.display_matrix is not None
    assert info.display_matrix[:5] == (0, 65536, 0, -65536, 0)


def _jpeg_film(path: Path) -> None:
    """Five frames of Motion JPEG whose Exif says orientation 6."""
    exif = Image.Exif()
    exif[0x0112] = 6
    jpeg = BytesIO()
    Image.new("L", (64, 48), 90).save(jpeg, "JPEG", exif=exif)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", 25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number in range(5):
            packet: Packet[Stream] = Packet(jpeg.getvalue())
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, 25)
            packet.is_keyframe = True
            packet.stream = stream
            container.mux_one(packet)


@pytest.mark.parametrize(
    ("pix_fmt", "layout"),
    [
        ("yuv420p10le", PixelLayout(10, "420")),
        ("yuv422p10le", PixelLayout(10, "422")),
        ("yuv444p12le", PixelLayout(12, "444")),
        ("gray10le", PixelLayout(10, "400")),
        ("yuv411p", PixelLayout(8, "422")),
        ("yuv420p9le", PixelLayout(10, "420")),
    ],
)
def test_layouts_keep_the_depth(tmp_path: Path, pix_fmt: str, layout: PixelLayout) -> None:
    film = tmp_path / "film.mkv"
    make_clip(film, frames=2, pix_fmt=pix_fmt, width=17, height=13)
    info = probe(str(film))
    assert (info.layout, info.source_format) == (layout, pix_fmt)
    assert (info.width, info.height) == (17, 13)


def test_ranges(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    make_clip(film, frames=1, codec="libx264", tags=ColorTags(1, 1, 1, True))
    assert probe(str(film)).tags == ColorTags(1, 1, 1, True)
    make_clip(film, frames=1, tags=ColorTags(6, 6, 6, False))
    assert probe(str(film)).tags == ColorTags(6, 6, 6, False)
    make_clip(film, frames=1)
    assert probe(str(film)).tags.full_range is None
    make_clip(film, frames=1, pix_fmt="gray")
    assert probe(str(film)).tags.full_range is True
    make_clip(film, frames=1, pix_fmt="gray", tags=ColorTags(2, 2, 2, False))
    assert probe(str(film)).tags.full_range is False


@pytest.mark.parametrize(("height", "matrix"), [(576, 6), (578, 1)])
def test_rgb_gets_the_tags_of_its_conversion(tmp_path: Path, height: int, matrix: int) -> None:
    film = tmp_path / "film.mkv"
    make_clip(film, frames=1, pix_fmt="gbrp10le", height=height)
    info = probe(str(film))
    assert info.layout == PixelLayout(10, "444")
    assert (info.tags.matrix, info.tags.full_range) == (matrix, True)
    assert info.conversion is not None and "gbrp10le" in info.conversion


@pytest.mark.parametrize(("codec", "name"), [("mpeg2video", "film.mpg"), ("libx264", "film.mov")])
def test_interlacing_is_seen(tmp_path: Path, codec: str, name: str) -> None:
    film = tmp_path / name
    for interlaced in (False, True):
        make_clip(film, codec=codec, rate=Fraction(25), interlaced=interlaced, height=64)
        assert probe(str(film)).interlaced is interlaced


@pytest.mark.parametrize(("transfer", "word"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_described_and_refused(tmp_path: Path, transfer: int, word: str) -> None:
    film = tmp_path / "film.mkv"
    make_clip(film, frames=1, pix_fmt="yuv420p10le", tags=ColorTags(9, 9, transfer, False))
    info = probe(str(film))
    assert info.tags == ColorTags(9, 9, transfer, False)
    with pytest.raises(MediaError, match=word):
        refuse_hdr(info)
    refuse_hdr(replace(info, tags=ColorTags(9, 9, 14, False)))


def test_the_name_decides_nothing(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    make_clip(film, frames=3)
    disguised = tmp_path / "song: 1%d.mp3"
    os.rename(film, disguised)
    info = probe(str(disguised))
    assert (info.codec, info.frame_count) == ("ffv1", 3)


def test_y4m_on_a_file(tmp_path: Path) -> None:
    film = tmp_path / "film.y4m"
    film.write_bytes(y4m_bytes([luma_picture(0, 12, 16)] * 2, Fraction(24000, 1001), "A8:9"))
    info = probe(str(film))
    assert info.time_base == Fraction(1001, 24000) and info.rate == Fraction(24000, 1001)
    assert info.sample_aspect_ratio == Fraction(8, 9)


def _refused(path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        probe(str(path))
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


def test_files_that_are_no_films(tmp_path: Path) -> None:
    assert "no such file" in _refused(tmp_path / "missing.mp4")
    assert "folder" in _refused(tmp_path)
    (tmp_path / "text.mp4").write_text("This is a text, not a film.\n" * 50)
    assert "not a film" in _refused(tmp_path / "text.mp4")
    (tmp_path / "notes.txt").write_text("This is a text, not a film.\n" * 50)
    assert "not a film" in _refused(tmp_path / "notes.txt")
    (tmp_path / "noise.mkv").write_bytes(np.random.default_rng(1).bytes(5000))
    assert "not a film" in _refused(tmp_path / "noise.mkv")
    (tmp_path / "empty.mp4").write_bytes(b"")
    assert "zero bytes" in _refused(tmp_path / "empty.mp4")
    make_sound(tmp_path / "sound.mp4")
    assert "only sound" in _refused(tmp_path / "sound.mp4")


def test_a_truncated_mp4(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    make_clip(film, codec="libx264")
    whole = film.read_bytes()
    film.write_bytes(whole[: whole.index(b"moov") - 4])
    assert "moov" in _refused(film)


def test_a_song_with_a_cover_is_no_film(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    make_clip(film, frames=0, cover=True, sound=1, codec="libx264")
    song = tmp_path / "song.mka"
    _without_film(film, song)
    assert "only sound" in _refused(song)


def _without_film(source: Path, target: Path) -> None:
    with av.open(str(source)) as film, av.open(str(target), "w", format="matroska") as song:
        track = song.add_stream_from_template(film.streams.audio[0])
        song.add_attachment("cover.jpg", "image/jpeg", jpeg_bytes())
        for packet in film.demux(film.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = track
                song.mux(packet)


def test_absurd_sizes(tmp_path: Path) -> None:
    film = tmp_path / "film.y4m"
    film.write_bytes(b"YUV4MPEG2 W200000 H200000 F24:1 Ip C420jpeg\nFRAME\n" + bytes(100))
    _refused(film)
    film.write_bytes(b"YUV4MPEG2 W20000 H16 F24:1 Ip C420jpeg\nFRAME\n" + bytes(480000))
    assert "20000x16 is too large" in _refused(film)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    make_clip(film, frames=1)
    film.chmod(0)
    assert "permissions" in _refused(film)


def _frame(cb: np.ndarray, cr: np.ndarray, luma: np.ndarray) -> Frame:
    codes = [np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in (luma, cb, cr)]
    return Frame(0, 0, codes[0], chroma=(codes[1], codes[2]))


def test_colour_is_told_from_tint_and_from_noise() -> None:
    rng = np.random.default_rng(6)
    luma = luma_picture(0, 256, 256).astype(np.float64)
    small = luma.reshape(128, 2, 128, 2).mean(axis=(1, 3))
    neutral = np.full((128, 128), 128.0)
    noise = rng.normal(0, 4, (2, 128, 128))
    grey = _frame(neutral + noise[0], neutral + noise[1], luma)
    sepia = _frame(128 - small / 12 + noise[0], 128 + small / 18 + noise[1], luma)
    blue_tint = _frame(neutral + 20, neutral - 6, luma)
    colored = neutral.copy()
    colored[:40, :] += 14
    color = _frame(colored, 256 - colored, luma)
    assert has_color([grey] * 4, _420) == "grey"
    assert has_color([Frame(0, 0, luma.astype(np.uint8))], _420) == "grey"
    assert has_color([sepia] * 4, _420) == "tinted"
    assert has_color([sepia, blue_tint, blue_tint], _420) == "tinted"
    assert has_color([color] * 4, _420) == "color"
    assert has_color([grey] * 9 + [color], _420) == "grey"
    assert has_color([grey] * 2 + [color] * 2, _420) == "color"


def test_colour_above_8_bit() -> None:
    luma = luma_picture(0, 64, 64, 10)
    cb = np.full((64, 64), 512, np.uint16)
    frame = Frame(0, 0, luma, chroma=(cb, cb))
    assert has_color([frame], PixelLayout(10, "444")) == "grey"
    other = cb.copy()
    other[:, :32] = 430
    assert has_color([Frame(0, 0, luma, chroma=(cb, other))], PixelLayout(10, "444")) == "color"
