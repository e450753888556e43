"""Y4M out: the header, the planes, what is said, and a reader that goes away."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from filmcolor.errors import FilmcolorError
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.media.write.y4m import PipeClosedError, Y4mWriter, y4m_header
from filmcolor.options import RunOptions
from filmcolor.types import PixelLayout
from tests.helpers.clips import make_clip, plane_codes, probe
from tests.helpers.coloring import LABEL, color_frame

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.helpers.coloring import color
from filmcolor.media.write.y4m import PipeClosedError
from filmcolor.options import RunOptions
try:
    color(Path(sys.argv[1]), "-", RunOptions())
except PipeClosedError:
    sys.exit(7)
"""


class TrainState:
    """Stands for `sys.stdout` with a buffer that keeps what is written."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO()


@pytest.mark.parametrize(
    ("layout", "siting", "expected"),
    [
        (PixelLayout(8, "420"), "left", "C420mpeg2"),
        (PixelLayout(8, "420"), "center", "C420jpeg"),
        (PixelLayout(8, "422"), "left", "C422"),
        (PixelLayout(8, "444"), "left", "C444"),
        (PixelLayout(10, "420"), "left", "C420p10"),
        (PixelLayout(12, "422"), "left", "C422p12"),
        (PixelLayout(16, "444"), "center", "C444p16"),
    ],
)
def test_header_names_the_layout(layout: PixelLayout, siting: str, expected: str) -> None:
    header = y4m_header(
        64,
        47,
        layout,
        rate=Fraction(30000, 1001),
        sample_aspect_ratio=Fraction(8, 9),
        siting=siting,  # type: ignore[arg-type]
        full_range=True,
        interlacing="t",
    )
    assert header.decode() == (
        f"YUV4MPEG2 W64 H47 F30000:1001 It A8:9 {expected} XCOLORRANGE=FULL\n"
    )


def test_untagged_range_is_left_out() -> None:
    header = y4m_header(2, 2, PixelLayout(8, "420"), rate=Fraction(24))
    assert header == b"YUV4MPEG2 W2 H2 F24:1 Ip A1:1 C420mpeg2\n"


@pytest.mark.parametrize(
    ("pix_fmt", "width"),
    [("gray", 64), ("yuv420p", 63), ("yuv422p10le", 63), ("yuv444p", 64), ("yuv420p12le", 64)],
)
def test_ffmpeg_reads_the_same_codes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pix_fmt: str, width: int
) -> None:
    source = tmp_path / "in.mkv"
    lumas = make_clip(source, frames=3, pix_fmt=pix_fmt, width=width)
    standing = TrainState()
    monkeypatch.setattr(sys, "stdout", standing)
    with FilmReader(str(source)) as reader:
        plan = plan_output(reader.info, "-", RunOptions())
        with FilmWriter(plan, label=LABEL) as writer:
            for frame in reader.frames():
                writer.write(color_frame(frame, plan.layout))
            writer.finish()
    standing.buffer.seek(0)
    with av.open(standing.buffer, format="yuv4mpegpipe") as film:
        frames = list(film.decode(video=0))
    assert len(frames) == 3
    assert frames[0].format.name == ("yuv420p" if pix_fmt == "gray" else pix_fmt)
    for frame, luma in zip(frames, lumas, strict=True):
        np.testing.assert_array_equal(plane_codes(frame, 0), luma)
        assert len(np.unique(plane_codes(frame, 1))) == 1


def test_what_y4m_cannot_carry_is_said(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    make_clip(
        source,
        frames=2,
        sound=1,
        subtitles=[(0.0, 0.1, "hello")],
        chapters=[(0.0, 0.1, "one")],
        rotation=90,
    )
    (notice,) = plan_output(probe(str(source)), "-", RunOptions()).notices
    for word in ("sound", "subtitles", "chapters", "rotation by 90", "24 a second"):
        assert word in notice.text
    assert notice.warning
    alone = replace(probe(str(source)), streams=(), chapter_count=0, rotation=0, metadata={})
    (notice,) = plan_output(alone, "-", RunOptions()).notices
    assert not notice.warning
    assert "sound" not in notice.text


class Gone(io.RawIOBase):
    """A pipe whose reader has left."""

    def write(self, _: object) -> int:
        raise BrokenPipeError


def test_a_reader_that_leaves_is_told_apart() -> None:
    y = np.zeros((2, 2), np.uint8)
    header = y4m_header(2, 2, PixelLayout(8, "444"), rate=Fraction(24))
    writer = Y4mWriter(header, Gone())  # type: ignore[arg-type]
    with pytest.raises(PipeClosedError) as caught:
        writer.write(y, y, y)
    assert caught.value.exit_code == 0
    assert isinstance(caught.value, FilmcolorError)


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    make_clip(source, frames=30, width=160, height=120)
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(source), root],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(9) == b"YUV4MPEG2"
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(timeout=60) == 7
    assert errors == b""
