"""Frame sequences are read as films: every code, every number, and what is missing or broken."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from filmcolor.errors import MediaError
from filmcolor.media.images.decoded import encoded_codes
from filmcolor.media.read.film_reader import FilmReader
from tests.helpers.clips import Plane

RATE = Fraction(18)


def grey(index: int, bits: int) -> Plane:
    """Codes (12, 20) from all over the depth, another picture for each index."""
    chance = np.random.default_rng(index)
    codes = chance.integers(0, 1 << bits, (12, 20))
    return codes.astype(np.uint8 if bits == 8 else np.uint16)


def file_of(codes: Plane, suffix: str, bits: int) -> bytes:
    if suffix == ".dpx":
        return encoded_codes(np.stack([codes] * 3, axis=-1), "DPX", bits)
    if suffix in (".jp2", ".jpg"):
        out = io.BytesIO()
        options = {"quality": 90} if suffix == ".jpg" else {}
        Image.fromarray(codes).save(out, {".jp2": "JPEG2000", ".jpg": "JPEG"}[suffix], **options)
        return out.getvalue()
    written, content = cv2.imencode(suffix, codes)
    assert written
    return content.tobytes()


def sequence(folder: Path, suffix: str, bits: int, numbers: range = range(5, 11)) -> str:
    folder.mkdir(exist_ok=True)
    for index, number in enumerate(numbers):
        path = folder / f"f_{number:04}{suffix}"
        path.write_bytes(file_of(grey(index, bits), suffix, bits))
    return str(folder / f"f_%04d{suffix}")


@pytest.mark.parametrize(
    ("suffix", "bits"),
    [
        *((".png", 8), (".png", 16), (".tif", 8), (".tif", 16), (".jp2", 8), (".jp2", 16)),
        *((".dpx", 8), (".dpx", 10), (".dpx", 12), (".dpx", 16), (".pgm", 16)),
    ],
)
def test_every_code_of_grey_frames_is_luma(tmp_path: Path, suffix: str, bits: int) -> None:
    with FilmReader(sequence(tmp_path / "scan", suffix, bits), rate=RATE) as reader:
        frames = list(reader.frames())
        info = reader.info
    assert (info.layout.bit_depth, info.tags.full_range) == (bits, True)
    assert (info.rate, info.time_base, info.first_number) == (18, Fraction(1, 18), 5)
    assert [frame.pts for frame in frames] == list(range(6))
    for index, frame in enumerate(frames):
        assert np.array_equal(frame.luma, grey(index, bits))


def test_the_luma_of_a_jpeg_is_its_own(tmp_path: Path) -> None:
    """Not one that went through R'G'B'."""
    path = sequence(tmp_path / "scan", ".jpg", 8)
    with FilmReader(path, rate=RATE) as reader:
        first = next(reader.frames())
    with av.open(str(tmp_path / "scan/f_0005.jpg")) as file:
        assert np.array_equal(first.luma, next(file.decode(video=0)).to_ndarray(format="gray"))


def test_a_part_and_samples_are_found_without_reading_the_rest(tmp_path: Path) -> None:
    path = sequence(tmp_path / "scan", ".png", 8)
    (tmp_path / "scan/f_0005.png").write_bytes(file_of(grey(0, 8), ".png", 8))
    with FilmReader(path, rate=RATE) as reader:
        (tmp_path / "scan/f_0006.png").write_bytes(b"broken")
        part = reader.frames(start_seconds=Fraction(3, 18), duration_seconds=Fraction(2, 18))
        assert [frame.pts for frame in part] == [3, 4]
        assert np.array_equal(next(reader.frames_from(5)).luma, grey(5, 8))
        samples = reader.sample(6)
    assert [frame.pts for frame in samples] == [0, 2, 3, 4, 5]


def test_missing_numbers_end_the_run_or_are_repeated(tmp_path: Path) -> None:
    path = sequence(tmp_path / "scan", ".png", 16)
    for number in (7, 8):
        (tmp_path / f"scan/f_{number:04}.png").unlink()
    with pytest.raises(MediaError, match=r"2 numbers are missing \(0007 to 0008\).*--on-error"):
        FilmReader(path, rate=RATE)
    with FilmReader(path, "repeat", RATE) as reader:
        frames = list(reader.frames())
        texts = [notice.text for notice in reader.notices if notice.warning]
        landed = next(reader.frames_from(3))
    assert [frame.pts for frame in frames] == list(range(6))
    for index, shown in enumerate((0, 1, 1, 1, 4, 5)):
        assert np.array_equal(frames[index].luma, grey(shown, 16))
    assert np.array_equal(landed.luma, grey(1, 16))
    assert any("0007 to 0008" in text for text in texts)
    assert any("2 frames could not be decoded" in text for text in texts)


@pytest.mark.parametrize("suffix", [".png", ".dpx", ".tif"])
def test_a_broken_frame_is_named_or_repeated(tmp_path: Path, suffix: str) -> None:
    path = sequence(tmp_path / "scan", suffix, 16)
    broken = tmp_path / f"scan/f_0008{suffix}"
    broken.write_bytes(broken.read_bytes()[:200])
    with FilmReader(path, rate=RATE) as reader, pytest.raises(MediaError, match=broken.name):
        list(reader.frames())
    with FilmReader(path, "repeat", RATE) as reader:
        frames = list(reader.frames())
    assert np.array_equal(frames[3].luma, grey(2, 16))
    assert np.array_equal(frames[4].luma, grey(4, 16))


def test_frames_of_another_size_are_refused_or_scaled(tmp_path: Path) -> None:
    path = sequence(tmp_path / "scan", ".png", 8)
    (tmp_path / "scan/f_0007.png").write_bytes(file_of(grey(2, 8)[:6], ".png", 8))
    named = r"f_0007\.png: is 20x6, the frames before it are 20x12: .* \[0005-0006\]"
    with FilmReader(path, rate=RATE) as reader, pytest.raises(MediaError, match=named):
        list(reader.frames())
    part = {"start_seconds": 1 / RATE}
    with FilmReader(path, rate=RATE) as reader, pytest.raises(MediaError, match=named):
        list(reader.frames(**part))
    with FilmReader(path, "repeat", RATE) as reader:
        assert {frame.luma.shape for frame in reader.frames()} == {(12, 20)}


def test_a_rate_that_nobody_states_is_told(tmp_path: Path) -> None:
    with FilmReader(sequence(tmp_path / "scan", ".png", 8)) as reader:
        assert reader.info.rate == 24
        assert any("--fps" in notice.text for notice in reader.notices)
