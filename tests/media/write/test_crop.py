"""What the container says is shown of the picture stays shown, in the same shape."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from filmcolor.errors import MediaError
from filmcolor.media.matroska import read_crops
from filmcolor.media.mov_boxes import read_tracks
from filmcolor.media.write.plan_output import plan_output
from filmcolor.types import Box, ColorTags
from tests.helpers.clips import decode_film, make_clip, probe
from tests.helpers.coloring import color, options
from tests.helpers.edits import box, boxes
from tests.helpers.segments import cut_film, segment_and_join

WIDTH, HEIGHT = 64, 48
SHOWN = Box(6, 0, 42, 64)
"""Of a letterboxed film of 64x48 the inner 64x36."""
DISPLAY_HEIGHT = b"\x54\xba\x81\x30"
CROP_TOP, CROP_BOTTOM = b"\x54\xbb\x81\x06", b"\x54\xaa\x81\x06"
# 64x36 of 64x48, its centre as far right and down as that of the picture.
CLAP = struct.pack(">I4s8i", 40, b"clap", 64, 1, 36, 1, 0, 2, 0, 2)


def cropped_matroska(path: Path, *, states_shape: bool = False) -> None:
    """A film cropped by its header: 64x36 shown as such, or (with a stated shape) as 64x48."""
    options = {"write_crc32": "0"}
    make_clip(path, frames=3, tags=ColorTags(1, 1, 1, False), container_options=options)
    content = path.read_bytes()
    # Unit of the display and colour tags, in whose place the crop is put.
    start = content.index(b"\x54\xb2\x81\x04\x55\xb0\x90")
    crop = CROP_TOP[:3] + b"\x0c" + DISPLAY_HEIGHT if states_shape else CROP_TOP + CROP_BOTTOM
    rest = b"\xec\x8d" + bytes(13)
    path.write_bytes(content[:start] + crop + rest + content[start + 23 :])


def cropped_mov(path: Path, clap: bytes = CLAP, *, track_height: int = 0) -> None:
    """A film with a clean aperture, its track as high as the picture or as stated."""
    make_clip(path, frames=3, codec="libx264")
    content = bytearray(path.read_bytes())
    at, stop, found = 0, len(content), []
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        inner = box(content, name, at, stop)
        assert inner is not None
        found.append(inner[0])
        at, stop = inner[0] + 8, inner[1]
        if name == b"trak" and track_height:
            header = box(content, b"tkhd", at, stop)
            assert header is not None
            struct.pack_into(">I", content, header[1] - 4, track_height << 16)
    ((start, end, _),) = boxes(content, at + 8, stop)
    content[end:end] = clap
    for place in (*found, start):
        size = int.from_bytes(content[place : place + 4], "big") + len(clap)
        content[place : place + 4] = size.to_bytes(4, "big")
    path.write_bytes(content)


@pytest.mark.parametrize("suffix", [".mkv", ".mov", ".mp4"])
@pytest.mark.parametrize("kind", [".mkv", ".mov"])
def test_crop_and_shape_are_kept(tmp_path: Path, kind: str, suffix: str) -> None:
    source, target = tmp_path / f"in{kind}", tmp_path / f"out{suffix}"
    (cropped_matroska if kind == ".mkv" else cropped_mov)(source)
    info = probe(str(source))
    assert (info.crop, info.sample_aspect_ratio) == (SHOWN, 1)
    color(source, target, options("libx264", lossless=True))
    content = target.read_bytes()
    if suffix == ".mkv":
        assert CROP_TOP in content and CROP_BOTTOM in content
        # Width and height of the display, whose unit 3 is "aspect ratio": 16 to 9.
        assert b"\x54\xb0\x81\x10\x54\xba\x81\x09\x54\xb2\x81\x03" in content
    else:
        assert CLAP in content and struct.pack(">I4sII", 16, b"pasp", 1, 1) in content
        header = content.index(b"tkhd")
        size = int.from_bytes(content[header - 4 : header], "big")
        track_size = struct.unpack_from(">II", content, header - 4 + size - 8)
        assert track_size == (64 << 16, 36 << 16)
    after = probe(str(target))
    assert (after.crop, after.sample_aspect_ratio) == (SHOWN, 1)
    assert (after.width, after.height) == (WIDTH, HEIGHT)
    assert all(map(np.array_equal, decode_film(target)[1], decode_film(source)[1]))


@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_pixels_that_are_not_square_stay_so_in_what_is_shown(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    cropped_matroska(source, states_shape=True)
    wanted = (Box(12, 0, 48, 64), Fraction(3, 4))  # 64x36 shown as 64x48
    for path in (source, target):
        info = probe(str(path))
        assert (info.crop, info.sample_aspect_ratio) == wanted
        if path == source:
            color(source, target, options())


def test_the_size_of_a_track_that_is_cropped_is_no_shape_of_pixels(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mov", tmp_path / "out.mkv"
    cropped_mov(source, track_height=36)
    assert probe(str(source)).sample_aspect_ratio == 1
    color(source, target, options())
    assert (probe(str(target)).crop, probe(str(target)).sample_aspect_ratio) == (SHOWN, 1)


def test_a_crop_off_the_centre_and_a_title_are_kept_by_segments(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mov", tmp_path / "out.mov"
    # 40x30 from column 3 and row 5: its centre is 9 and 4 pixels from the picture's.
    clap = struct.pack(">I4s8i", 40, b"clap", 80, 2, 30, 1, -18, 2, -4, 1)
    cropped_mov(source, clap)
    assert probe(str(source)).crop == Box(5, 3, 35, 43)
    cut = cut_film(source, target, options(), [2, 1])
    segment_and_join(cut, tmp_path)
    assert probe(str(target)).crop == Box(5, 3, 35, 43)
    assert len(decode_film(target)[1]) == 3
    assert b"VideoHandler \0" not in target.read_bytes().replace(b"  ", b" ")


def test_an_enlarged_film_is_cropped_as_much(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    cropped_matroska(source)
    plan = plan_output(probe(str(source)), str(tmp_path / "out.mkv"), replace(options(), upscale=2))
    assert plan.crop == Box(12, 0, 84, 128)
    piped = plan_output(probe(str(source)), "-", options())
    assert "the crop to 64x36" in piped.notices[0].text


@pytest.mark.parametrize(
    "clap",
    [
        struct.pack(">I4s8i", 40, b"clap", 64, 1, 48, 1, 0, 1, 0, 1),  # the whole picture
        struct.pack(">I4s8i", 40, b"clap", 64, 0, 36, 1, 0, 1, 0, 1),
        struct.pack(">I4s8i", 40, b"clap", 64, 1, 36, 1, 0, 1, 30, 1),  # outside
        struct.pack(">I4s3i", 20, b"clap", 64, 1, 36),
    ],
)
def test_an_aperture_that_cuts_nothing_or_is_damaged_is_none(tmp_path: Path, clap: bytes) -> None:
    source = tmp_path / "in.mov"
    cropped_mov(source, clap)
    assert probe(str(source)).crop is None


def test_damaged_headers_end_in_no_crop(tmp_path: Path) -> None:
    """Bytes of the headers are changed, and the file is cut short; nothing is raised."""
    mkv, mov = tmp_path / "in.mkv", tmp_path / "in.mov"
    cropped_matroska(mkv)
    cropped_mov(mov)
    rng = np.random.default_rng(0)
    for path, read in ((mkv, read_crops), (mov, read_tracks)):
        whole = path.read_bytes()
        start = whole.index(b"moov") if path == mov else 0
        for _ in range(300):
            content = bytearray(whole)
            for at in rng.integers(start, min(len(whole), start + 1000), 3):
                content[at] = rng.integers(256)
            path.write_bytes(content[: rng.integers(start, len(content))])
            assert isinstance(read(str(path)), list)


@pytest.mark.parametrize(
    ("suffix", "way_out"), [(".mov", r"target that ends in \.mkv"), (".mkv", r"\.mov")]
)
def test_what_finds_no_place_in_the_finished_film_is_not_lost_unsaid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, way_out: str
) -> None:
    source, target = tmp_path / "in.mov", tmp_path / f"out{suffix}"
    cropped_mov(source)
    cut = cut_film(source, target, options(), [2, 1])
    monkeypatch.setattr("filmcolor.media.mov_boxes._LARGEST_INDEX", 100)  # bytes
    monkeypatch.setattr("filmcolor.media.matroska._ROOM", 73)  # more than was left
    monkeypatch.setattr("filmcolor.media.write.muxer.with_room", lambda name: name + " " * 72)
    with pytest.raises(MediaError, match=f"no place for .* of its picture.*{way_out}"):
        segment_and_join(cut, tmp_path)
    assert not target.exists()
