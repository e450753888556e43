"""The shape of pixels, written into finished Matroska files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from filmcolor.media.matroska import (
    is_matroska,
    segment_end,
    with_room,
    write_display_shape,
)


def write_film(path: Path, name: str | None, *, checksums: bool) -> None:
    options = {"write_crc32": str(int(checksums))}
    with av.open(str(path), "w", format="matroska", container_options=options) as film:
        sound = film.add_stream("pcm_s16le", rate=48000)
        stream = film.add_stream("ffv1", rate=24)
        stream.width, stream.height = 720, 480
        if name is not None:
            stream.metadata["title"] = name
        sound.metadata["title"] = "the sound"
        film.add_attachment("a.txt", "text/plain", b"a")
        for number in range(3):
            frame = av.VideoFrame(720, 480, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))


@pytest.mark.parametrize("checksums", [True, False])
@pytest.mark.parametrize("name", ["", "Reel 1", "Bobine numéro deux " * 12])
def test_shape_name_and_everything_else(tmp_path: Path, name: str, checksums: bool) -> None:
    path = tmp_path / "film.mkv"
    write_film(path, with_room(name), checksums=checksums)
    size = path.stat().st_size
    assert write_display_shape(str(path), 720, 480, Fraction(8, 9))
    assert path.stat().st_size == size
    # err_detect=crccheck makes the demuxer compare every checksum.
    with av.open(str(path), options={"err_detect": "crccheck+explode"}) as film:
        stream = film.streams.video[0]
        assert stream.sample_aspect_ratio == Fraction(8, 9)
        assert stream.metadata.get("title", "") == name
        assert film.streams.audio[0].metadata["title"] == "the sound"
        assert next(each for each in film.streams if each.type == "attachment").data == b"a"
        assert len(list(film.decode(stream))) == 3
        film.seek(0)
        assert next(film.decode(stream)).pts == 0


def test_a_file_without_room_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    write_film(path, "Reel 1", checksums=True)
    before = path.read_bytes()
    assert not write_display_shape(str(path), 720, 480, Fraction(8, 9))
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"\x1a", b"not matroska at all " * 50])
def test_other_files_are_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "film.mkv"
    path.write_bytes(content)
    assert not write_display_shape(str(path), 720, 480, Fraction(8, 9))
    assert path.read_bytes() == content


HEADER = bytes.fromhex("1a45dfa3 80")
SEGMENT = bytes.fromhex("18538067")


@pytest.mark.parametrize(
    ("content", "end"),
    [
        (HEADER + SEGMENT + b"\x84film", 14),
        (HEADER + SEGMENT + b"\x01" + b"\xff" * 7 + b"film", None),  # not stated
        (HEADER + SEGMENT + b"\x01\xfe" + b"\xff" * 6, 17 + (0xFE << 48) + (1 << 48) - 1),
        (HEADER + b"\xec\x01\xfe" + b"\xff" * 6 + SEGMENT + b"\x80", None),
        (HEADER + SEGMENT, 5 + 13),  # ends within the head
        (HEADER[:4], None),
    ],
)
def test_end_of_a_film_is_found_or_not_whatever_is_damaged(
    tmp_path: Path, content: bytes, end: int | None
) -> None:
    path = tmp_path / "film.mkv"
    path.write_bytes(content)
    assert segment_end(str(path)) == end
    assert end is None or not is_matroska(str(path), end)
