"""`verify`: honest results hold, and whatever is changed in one is found and named."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from filmcolor.errors import MediaError, OptionError
from filmcolor.options import Codec, EncodeOptions, RunOptions, VerifyOptions
from filmcolor.types import ColorTags
from filmcolor.verify.check import verify_film
from filmcolor.verify.findings import VerifyReport
from filmcolor.verify.picture import (
    Difference,
    LumaJudge,
    can_have_color,
    compare_luma,
    is_neutral,
)
from filmcolor.verify.findings import Place
from tests.clips import luma_picture, make_clip
from tests.media.coloring import color, options
from tests.tampering import (
    FrameEdit,
    PacketEdit,
    at_another_time,
    evenly_without_frame,
    later,
    rewrite,
    twice,
    with_block,
    with_other_bytes,
    without_color,
    without_frame,
    without_packet,
)

FONT = ("type.ttf", "font/ttf", b"a font")
LINES = [(0.1, 0.4, "One"), (0.5, 0.9, "Two")]
CHAPTERS = [(0.0, 0.5, "The street"), (0.5, 1.0, "The sea")]


def verify(source: Path, result: Path, **chosen: object) -> VerifyReport:
    events = verify_film(str(source), str(result), VerifyOptions(**chosen))  # type: ignore[arg-type]
    while True:
        try:
            next(events)
        except StopIteration as end:
            report: VerifyReport = end.value
            return report


def faults(report: VerifyReport) -> list[str]:
    return [finding.line for finding in report.findings if finding.severity == "fault"]


def notes(report: VerifyReport) -> list[str]:
    return [finding.line for finding in report.findings if finding.severity == "note"]


@dataclass(frozen=True)
class Films:
    """A film and two results of it."""

    source: Path
    lossless: Path
    lossy: Path


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    folder = tmp_path_factory.mktemp("films")
    found = Films(folder / "in.mkv", folder / "out.mkv", folder / "out.mp4")
    make_clip(
        found.source,
        codec="libx264",
        frames=24,
        width=96,
        height=64,
        sound=1,
        subtitles=LINES,
        chapters=CHAPTERS,
        attachment=FONT,
        metadata={"title": "The old pier", "comment": "reel 2"},
    )
    color(found.source, found.lossless, options("ffv1"))
    color(found.source, found.lossy, RunOptions())
    return found


def test_an_honest_result_holds(films: Films) -> None:
    exact = verify(films.source, films.lossless)
    assert (exact.findings, exact.frames, exact.luma) == ((), 24, "exact")
    assert exact.worst_block_psnr is None
    near = verify(films.source, films.lossy)
    assert (near.holds, near.frames, near.luma) == (True, 24, "lossy")
    assert near.worst_block_psnr is not None
    assert near.worst_block_psnr > 30
    assert notes(near) == [
        "subtitle stream 2 (subrip, eng) has become mov_text",
        "MP4 cannot hold: attachment type.ttf; left out",
    ]


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (without_frame(9), "missing from the result: frame 9 (0.375 s)"),
        (without_frame(0), "missing from the result: frame 0 (0.000 s)"),
        (without_frame(23), "missing from the result: frame 23 (0.958 s)"),
        (without_color(5), "without colour: frame 5 (0.208 s)"),
        (
            without_color(2, 4, 6, 8, 10),
            "without colour: frame 2 (0.083 s), frame 4 (0.167 s), frame 6 (0.250 s) and 2 more",
        ),
        (without_color(*range(24)), "the result has no colour at all"),
    ],
    ids=["frame", "first", "last", "grey", "greys", "all grey"],
)
@pytest.mark.parametrize("result", ["lossless", "lossy"])
def test_a_changed_frame_is_named(
    films: Films, tmp_path: Path, result: str, edit: FrameEdit, line: str
) -> None:
    made: Path = getattr(films, result)
    rewrite(made, tmp_path / made.name, frames=edit)
    assert faults(verify(films.source, tmp_path / made.name)) == [line]


def test_a_film_encoded_again_without_change_holds(films: Films, tmp_path: Path) -> None:
    for made in (films.lossless, films.lossy):
        rewrite(made, tmp_path / made.name, frames=lambda number, frame: frame)
        assert verify(films.source, tmp_path / made.name).holds


@pytest.mark.parametrize(("result", "codes"), [("lossless", 1), ("lossy", 20)])
def test_a_changed_block_of_luma_is_named(
    films: Films, tmp_path: Path, result: str, codes: int
) -> None:
    made: Path = getattr(films, result)
    rewrite(made, tmp_path / made.name, frames=with_block(7, codes))
    (line,) = faults(verify(films.source, tmp_path / made.name))
    assert line.startswith(
        "luma changed: frame 7 (0.292 s; the block at x 16, y 16"
        if result == "lossless"
        else "luma farther off than the codec explains: frame 7 (0.292 s; the block at x 16, y 16"
    )


@pytest.mark.parametrize(
    ("result", "ticks", "words"),
    [
        ("lossless", 7, "frame 11 (0.458 s; 0.007 s too late)"),
        ("lossy", 1, "frame 11 (0.458 s; 6.25e-05 s too late)"),
    ],
)
def test_a_frame_at_another_time_is_named(
    films: Films, tmp_path: Path, result: str, ticks: int, words: str
) -> None:
    made: Path = getattr(films, result)
    rewrite(made, tmp_path / made.name, frames=at_another_time(11, ticks))
    found = faults(verify(films.source, tmp_path / made.name))
    assert found == [f"shown at another time: {words}"]


@pytest.mark.parametrize("result", ["lossless", "lossy"])
def test_a_frame_that_was_left_out_without_a_gap(
    films: Films, tmp_path: Path, result: str
) -> None:
    made: Path = getattr(films, result)
    rewrite(made, tmp_path / made.name, frames=evenly_without_frame(9))
    missing, moved = faults(verify(films.source, tmp_path / made.name))
    assert missing == "missing from the result: frame 9 (0.375 s)"
    assert moved.startswith("shown at another time: frame 10 (0.417 s; 0.042 s too early)") or (
        moved.startswith("shown at another time: frame 10 (0.417 s; 0.0416667 s too early)")
    )
    assert moved.endswith("and 11 more")


def test_a_repeated_frame_is_a_missing_and_an_added_one(films: Films, tmp_path: Path) -> None:
    rewrite(films.lossless, tmp_path / "out.mkv", frames=twice(4))
    found = faults(verify(films.source, tmp_path / "out.mkv"))
    assert len(found) == 1
    assert found[0].startswith("luma changed: frame 5 (0.208 s")


@pytest.mark.parametrize(
    ("kind", "edit", "line"),
    [
        (
            "audio",
            later(0.5),
            "audio stream 1 (aac, eng), packet at another time: -0.021 s; 0.5 s too late, "
            "0.000 s; 0.5 s too late, 0.021 s; 0.5 s too late and 45 more",
        ),
        (
            "audio",
            without_packet(8),
            "audio stream 1 (aac, eng), packet missing from the result: 0.149 s",
        ),
        (
            "audio",
            with_other_bytes(8),
            "audio stream 1 (aac, eng), packet with other bytes: 0.149 s",
        ),
        (
            "subtitle",
            without_packet(1),
            "subtitle stream 2 (subrip, eng), packet missing from the result: 0.500 s",
        ),
    ],
    ids=["shifted", "lost", "changed", "subtitle"],
)
def test_changed_packets_are_named(
    films: Films, tmp_path: Path, kind: str, edit: PacketEdit, line: str
) -> None:
    rewrite(films.lossless, tmp_path / "out.mkv", packets=edit, kind=kind)
    assert faults(verify(films.source, tmp_path / "out.mkv")) == [line]
