"""Captions, active format and timecodes stay beside the pictures that they came with."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type

from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.options import Codec, EncodeOptions, RunOptions
from filmcolor.types import Ancillary, ColorFrame
from tests.helpers.clips import luma_picture, make_frame, probe
from tests.helpers.coloring import color, options
from tests.helpers.segments import cut_film, segment_and_join, write_direct

pytestmark = pytest.mark.codec

FRAMES = 30
SLICE = re.compile(rb"\x00\x00\x01[\x01-\xaf]")
"""Start code of a slice of MPEG-2."""
HEVC_SLICE = re.compile(rb"\x00?\x00\x00\x01[\x00-\x3f]")


def captions(number: int) -> bytes:
    """Two fields' worth of CEA-608 for a frame, other ones for every frame; zeros among them."""
    return bytes((0xFC, 0x80 | number, 0x00, 0xFD, 0x00, 0x80))


def captioned_film(path: Path, *, first: int = 0) -> None:
    """MPEG-2 with captions from frame `first` on and active format 9, as ATSC A/53 has them."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg2video", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frames = []
        for number in range(FRAMES):
            frame = make_frame(luma_picture(number, 48, 64))
            frame.pts = number
            frames.append(frame)
        for packet in [each for frame in [*frames, None] for each in stream.encode(frame)]:
            content = bytes(packet)
            assert packet.pts is not None
            number = round(packet.pts * packet.time_base * 25)
            said = b"\0\0\1\xb2DTG1\x41\xf9"
            if number >= first:
                said += b"\0\0\1\xb2GA94\x03\x42\xff" + captions(number) + b"\xff"
            found = SLICE.search(content)
            assert found is not None
            content = content[: found.start()] + said + content[found.start() :]
            changed: av.Packet[av.VideoStream] = av.Packet(content)
            changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
            changed.is_keyframe, changed.stream = packet.is_keyframe, stream
            film.mux(changed)


def timed_film(path: Path) -> None:
    """HEVC whose frames state 10:20:30:00 on, without frames dropped (ITU-T H.265, D.2.27)."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx265", rate=25, options={"x265-params": "log-level=error"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(5):
            frame = make_frame(luma_picture(number, 48, 64))
            frame.pts = number
            film.mux(_with_timecode(each, stream) for each in stream.encode(frame))
        film.mux(_with_timecode(each, stream) for each in stream.encode(None))


def _with_timecode(
    packet: av.Packet[av.VideoStream], stream: av.VideoStream
) -> av.Packet[av.VideoStream]:
    assert packet.pts is not None
    number = round(packet.pts * packet.time_base * 25)
    bits = f"011000000100{number:09b}0111100101000101000000"
    bits += "1" + "0" * (-(len(bits) + 1) % 8)
    payload = int(bits, 2).to_bytes(len(bits) // 8, "big")
    content = bytes(packet)
    found = HEVC_SLICE.search(content)
    assert found is not None and b"\0\0" not in payload
    unit = b"\0\0\0\1\x4e\x01" + bytes((136, len(payload))) + payload + b"\x80"
    changed: av.Packet[av.VideoStream] = av.Packet(
        content[: found.start()] + unit + content[found.start() :]
    )
    changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
    changed.is_keyframe, changed.stream = packet.is_keyframe, stream
    return changed


def seconds(frames: int) -> Fraction:
    return Fraction(frames, 25)


def said(path: Path, kind: Type) -> list[bytes | None]:
    """What FFmpeg's decoder gives of a kind with each frame."""
    with av.open(str(path)) as film:
        frames = list(film.decode(video=0))
    return [bytes(frame.side_data[kind]) if kind in _kinds(frame) else None for frame in frames]  # type: ignore[literal-required, arg-type]


def timecodes(path: Path) -> list[bytes | None]:
    """How many, and the first one; FFmpeg leaves the rest undefined."""
    return [each and each[:8] for each in said(path, Type.S12M_TIMECODE)]


def _kinds(frame: av.VideoFrame) -> list[Type]:
    return [entry.type for entry in frame.side_data]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("libx264", ".mp4"), ("libx264", ".mkv"), ("libx265", ".mov"), ("libsvtav1", ".mp4")],
)
def test_captions_stay_with_their_frames(tmp_path: Path, codec: Codec, suffix: str) -> None:
    source, target = tmp_path / "in.ts", tmp_path / f"out{suffix}"
    captioned_film(source)
    wanted = [captions(number) for number in range(FRAMES)]
    assert said(source, Type.A53_CC) == wanted
    # Frames that look ahead, and hidden ones.
    preset = {"libx264": "medium", "libx265": "superfast", "libsvtav1": "10"}[codec]
    plan = color(source, target, RunOptions(encode=EncodeOptions(codec=codec, preset=preset)))
    assert said(target, Type.A53_CC) == wanted
    lost = [notice.text for notice in plan.notices if "beside its pictures" in notice.text]
    if codec == "libsvtav1":
        assert lost == [
            "libsvtav1 cannot hold what the film says beside its pictures (active format): left "
            "out; --codec libx264 or libx265 keeps it"
        ]
    else:
        assert not lost and said(target, Type.AFD) == [b"\x09"] * FRAMES


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1"])
def test_segments_say_what_the_film_in_one_piece_says(tmp_path: Path, codec: Codec) -> None:
    source, direct = tmp_path / "in.ts", tmp_path / "direct.mkv"
    captioned_film(source, first=3)
    cut = cut_film(source, tmp_path / "out.mkv", options(codec), (1, 2, 17, 10))
    write_direct(cut, direct)
    segment_and_join(cut, tmp_path)
    wanted = [None] * 3 + [captions(number) for number in range(3, FRAMES)]
    assert said(tmp_path / "out.mkv", Type.A53_CC) == wanted == said(direct, Type.A53_CC)


def test_a_part_and_whole_pictures_of_fields_keep_their_captions(tmp_path: Path) -> None:
    source, target = tmp_path / "in.ts", tmp_path / "out.mp4"
    captioned_film(source)
    color(source, target, RunOptions(start_seconds=seconds(10), duration_seconds=seconds(5)))
    assert said(target, Type.A53_CC) == [captions(number) for number in range(10, 15)]
    with FilmReader(str(source)) as reader:
        frames = list(reader.frames(deinterlace=True))
    assert [frame.ancillary for frame in frames] == [
        Ancillary(captions(number), 9) for number in range(FRAMES)
    ]


def test_captions_of_a_dvd_stand_in_one_frame_for_many(tmp_path: Path) -> None:
    many = bytes(range(3, 3 + 40)) * 3
    frame = np.zeros((48, 64), np.uint8)
    target = tmp_path / "out.mp4"
    source = tmp_path / "in.ts"
    captioned_film(source)
    with FilmReader(str(source)) as reader:
        plan = plan_output(reader.info, str(target), options())
        grey = np.full((24, 32), 128, np.uint8)
        with FilmWriter(plan, label="") as writer:
            for number in range(3):
                spoken = Ancillary(many) if number == 1 else None
                writer.write(ColorFrame(number, 3600 * number, frame, grey, grey, ancillary=spoken))
            writer.finish()
    assert said(target, Type.A53_CC) == [None, many, None]


def test_timecodes_of_frames_stay_or_become_the_files(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    timed_film(source)
    # Frames, seconds, minutes and hours in binary coded decimals.
    wanted = [np.uint32([1, number << 24 | 0x302010]).tobytes() for number in range(5)]
    assert timecodes(source) == wanted
    color(source, tmp_path / "out.mp4", options("libx265"))
    assert timecodes(tmp_path / "out.mp4") == wanted
    plan = color(source, tmp_path / "out.mov", options())
    assert [notice.text for notice in plan.notices if notice.warning] == [
        "libx264 cannot hold what the film says beside its pictures (frame timecode): left out; "
        "--codec libx265 keeps it"
    ]
    with av.open(str(tmp_path / "out.mov")) as film:
        assert film.streams.video[0].metadata["timecode"] == "10:20:30:00"


@pytest.mark.parametrize("codec", ["prores", "ffv1"])
def test_codecs_without_a_place_for_captions_are_told(tmp_path: Path, codec: Codec) -> None:
    source, target = tmp_path / "in.ts", tmp_path / "out.mkv"
    captioned_film(source)
    plan = color(source, target, options(codec))
    assert [notice.text for notice in plan.notices if "beside" in notice.text] == [
        f"{codec} cannot hold what the film says beside its pictures (active format, closed "
        "captions): left out; --codec libx264 or libx265 keeps it"
    ]
    assert probe(str(target)).ancillary == frozenset()
