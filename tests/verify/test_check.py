"""`verify`: honest results hold, and whatever is changed in one is found and named."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from filmcolor.errors import MediaError, OptionError
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.options import Codec, EncodeOptions, RunOptions, VerifyOptions
from filmcolor.types import ColorTags
from filmcolor.verify.check import verify_film
from filmcolor.verify.findings import Place, VerifyReport
from filmcolor.verify.picture import (
    COLOR_CODES,
    NO_COLOR_CODES,
    Difference,
    LumaLimits,
    can_have_color,
    compare_luma,
    strongest_color,
)
from tests.helpers.clips import fill_plane, luma_picture, make_clip, plane_codes
from tests.helpers.coloring import color, color_frame, options
from tests.helpers.tampering import (
    FrameEdit,
    PacketEdit,
    at_another_time,
    evenly_without_frame,
    later,
    negative,
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
        (
            without_color(*range(24)),
            "the result has no colour at all, or less than its codes can hold; --size, "
            "--saturation and --look give it more",
        ),
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
def test_a_frame_that_was_left_out_without_a_gap(films: Films, tmp_path: Path, result: str) -> None:
    made: Path = getattr(films, result)
    rewrite(made, tmp_path / made.name, frames=evenly_without_frame(9))
    missing, moved = faults(verify(films.source, tmp_path / made.name))
    assert missing == "missing from the result: frame 9 (0.375 s)"
    assert moved.startswith("shown at another time: frame 10 (0.417 s; 0.042 s too early)") or (
        moved.startswith("shown at another time: frame 10 (0.417 s; 0.0416667 s too early)")
    )
    assert moved.endswith("and 11 more")


@pytest.mark.parametrize("result", ["lossless", "lossy"])
def test_several_frames_in_a_row_are_missing(films: Films, tmp_path: Path, result: str) -> None:
    made: Path = getattr(films, result)
    rewrite(
        made,
        tmp_path / made.name,
        frames=lambda number, frame: None if 9 <= number < 15 else frame,
    )
    assert faults(verify(films.source, tmp_path / made.name)) == [
        "missing from the result: frame 9 (0.375 s), frame 10 (0.417 s), frame 11 (0.458 s) "
        "and 3 more"
    ]


def test_a_frame_that_the_source_does_not_have(films: Films, tmp_path: Path) -> None:
    rewrite(films.source, tmp_path / "cut.mkv", frames=without_frame(9))
    assert faults(verify(tmp_path / "cut.mkv", films.lossless)) == [
        "not in the source: 0.375 s; its frame 9"
    ]


def test_a_picture_that_is_shown_twice(films: Films, tmp_path: Path) -> None:
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


def test_other_things_that_are_lost_or_changed(films: Films, tmp_path: Path) -> None:
    result = tmp_path / "out.mkv"
    for kind, line in [
        ("subtitle", "subtitle stream 2 (subrip, eng) is missing from the result"),
        ("audio", "audio stream 1 (aac, eng) is missing from the result"),
        ("attachment", "attachment type.ttf is missing from the result"),
        ("chapters", "0 chapters in the result, 2 in the source"),
    ]:
        rewrite(films.lossless, result, without=[kind])
        assert faults(verify(films.source, result)) == [line]
    rewrite(films.lossless, result, attachment=b"another font")
    assert faults(verify(films.source, result)) == [
        "attachment type.ttf: its bytes are not the source's"
    ]
    rewrite(films.lossless, result, comment="reel 2")
    assert faults(verify(films.source, result)) == [
        "the comment does not say that it is colorized by filmcolor"
    ]
    rewrite(films.lossless, result, comment="colorized by filmcolor 1.2.3, default")
    (line,) = faults(verify(films.source, result))
    assert line.startswith("the tag COMMENT 'reel 2' has become 'colorized by")


def test_a_stream_that_the_source_does_not_have(tmp_path: Path) -> None:
    silent, result = tmp_path / "silent.mkv", tmp_path / "out.mkv"
    make_clip(silent, frames=6)
    make_clip(tmp_path / "in.mkv", frames=6, sound=1)
    color(tmp_path / "in.mkv", result, options())
    assert faults(verify(silent, result)) == ["audio stream 1 (aac, eng) is not in the source"]


def test_what_the_headers_of_the_picture_say(tmp_path: Path) -> None:
    plain, odd = tmp_path / "plain.mp4", tmp_path / "odd.mp4"
    make_clip(plain, frames=3, codec="libx264", tags=ColorTags(6, 6, 6, False))
    make_clip(
        odd,
        frames=3,
        codec="libx264",
        tags=ColorTags(1, 1, 1, True),
        sample_aspect_ratio=Fraction(16, 15),
        rotation=90,
        chapters=[(0.0, 0.1, "The street")],
        metadata={"title": "Another"},
    )
    color(odd, tmp_path / "out.mp4", options())
    assert verify(odd, tmp_path / "out.mp4").holds
    assert faults(verify(plain, tmp_path / "out.mp4")) == [
        "the shape of the pixels 1:1 has become 16:15",
        "the rotation of 0 degrees has become 90 degrees",
        "the colour tag matrix 6 has become 1",
        "the colour tag primaries 6 has become 1",
        "the colour tag transfer 6 has become 1",
        "the colour tag range limited has become full",
        "1 chapters in the result, 0 in the source",
    ]


def test_chapters_at_another_time_or_with_another_title(tmp_path: Path) -> None:
    first, second = tmp_path / "first.mkv", tmp_path / "second.mkv"
    make_clip(first, frames=24, chapters=CHAPTERS)
    make_clip(second, frames=24, chapters=[(0.0, 0.6, "The street"), (0.6, 1.0, "The lake")])
    color(second, tmp_path / "out.mkv", options("ffv1"))
    assert faults(verify(first, tmp_path / "out.mkv")) == [
        "chapter at another time: 0.000 s; The street, 0.500 s; The sea",
        "chapter with another title: 0.500 s; The sea",
    ]


@pytest.mark.parametrize(("codec", "suffix"), [("ffv1", ".mkv"), ("libx264", ".mp4")])
def test_a_part_is_compared_with_that_part(films: Films, codec: Codec, suffix: str) -> None:
    part = films.source.with_name(f"part{suffix}")
    choice = RunOptions(
        encode=EncodeOptions(codec),
        start_seconds=Fraction(3, 10),
        duration_seconds=Fraction(1, 2),
    )
    color(films.source, part, choice)
    span = {"start_seconds": Fraction(3, 10), "duration_seconds": Fraction(1, 2)}
    report = verify(films.source, part, **span)
    assert (report.holds, report.frames) == (True, 12)
    assert not verify(films.source, part).holds
    assert not verify(films.source, part, start_seconds=Fraction(3, 10)).holds
    rewrite(part, part.with_stem("cut"), frames=without_frame(4))
    assert faults(verify(films.source, part.with_stem("cut"), **span)) == [
        "missing from the result: frame 4 (0.500 s)"
    ]


def test_negative_times_are_shifted_all_alike_and_it_is_said(tmp_path: Path) -> None:
    source, result = tmp_path / "in.mp4", tmp_path / "out.mkv"
    make_clip(source, codec="libx264", frames=24, sound=1)  # its sound begins before the picture
    color(source, result, options())
    report = verify(source, result)
    assert report.holds
    assert notes(report) == ["all times are shifted by +0.022 s, the same for all"]
    rewrite(result, tmp_path / "early.mkv", packets=later(-0.022))
    (line,) = faults(verify(source, tmp_path / "early.mkv"))
    assert line.startswith("audio stream 1 (aac, eng), packet at another time: -0.021 s; 0.02")
    assert line.endswith("s too early and 45 more")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_irregular_times(tmp_path: Path, suffix: str) -> None:
    source, result = tmp_path / "in.mp4", tmp_path / f"out{suffix}"
    pts = [index * 3003 + 700 * (index % 3) for index in range(24)]
    make_clip(source, codec="libx264", time_base=Fraction(1, 90_000), pts=pts, sound=1)
    color(source, result, options())
    assert verify(source, result).holds


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "note"),
    [
        ("gray", "libx264", ""),
        ("gray10le", "ffv1", ""),
        ("yuv422p12le", "libx264", "the luma is rounded from 12 to 10 bits"),
        ("yuv420p10le", "libsvtav1", ""),
        ("bgr0", "ffv1", ""),
    ],
)
def test_a_source_in_another_pixel_format(
    tmp_path: Path, pix_fmt: str, codec: Codec, note: str
) -> None:
    source, result = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_clip(source, frames=6, pix_fmt=pix_fmt)
    color(source, result, options(codec))
    report = verify(source, result)
    assert report.holds
    assert notes(report) == ([note] if note else [])
    assert (report.luma == "exact") == (codec == "ffv1")


@pytest.mark.parametrize(("codec", "suffix"), [("libx264", ".mp4"), ("libx265", ".mkv")])
def test_a_lossless_codec_has_to_keep_every_code(tmp_path: Path, codec: Codec, suffix: str) -> None:
    source, result = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(source, frames=6)
    color(source, result, options(codec, lossless=True))
    assert verify(source, result, lossless=True).findings == ()
    color(source, tmp_path / f"lossy{suffix}", options(codec))
    assert verify(source, tmp_path / f"lossy{suffix}").holds
    (line,) = faults(verify(source, tmp_path / f"lossy{suffix}", lossless=True))
    assert line.startswith("luma changed: frame 0 (0.000 s; the block at ")
    assert line.endswith("and 3 more")


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_coarsely_coded_film_with_cuts_holds(tmp_path: Path, codec: Codec) -> None:
    source, result = tmp_path / "in.mkv", tmp_path / "out.mp4"
    make_clip(source, frames=40, width=160, height=96, cuts=[9, 20, 21, 33])
    choice = EncodeOptions(codec, crf=47, preset="ultrafast")
    color(source, result, RunOptions(encode=choice))
    report = verify(source, result)
    assert report.findings == ()
    assert report.worst_block_psnr is not None
    assert report.worst_block_psnr < 22


def test_interlaced_film_and_its_whole_frames(tmp_path: Path) -> None:
    source, woven, whole = (tmp_path / name for name in ("in.mkv", "woven.mkv", "whole.mkv"))
    make_clip(source, frames=8, interlaced=True, codec="mpeg2video")
    color(source, woven, options("ffv1"))
    assert verify(source, woven).findings == ()
    color(source, tmp_path / "woven.mp4", options("libx264", lossless=True))
    assert verify(source, tmp_path / "woven.mp4", lossless=True).findings == ()
    rewrite_deinterlaced(source, whole)
    assert verify(source, whole, deinterlace=True).holds
    report = verify(source, whole)
    assert any(line.startswith("luma changed: frame 0") for line in faults(report))
    assert any("--deinterlace" in line for line in notes(report))


def rewrite_deinterlaced(source: Path, target: Path) -> None:
    """Colour whole frames, as `run --deinterlace` does."""
    choice = RunOptions(encode=EncodeOptions("ffv1"), deinterlace=True)
    with FilmReader(str(source)) as reader:
        plan = plan_output(reader.info, str(target), choice)
        with FilmWriter(plan, label="colorized by filmcolor 1.2.3, default") as writer:
            for frame in reader.frames(deinterlace=True):
                writer.write(color_frame(frame, plan.layout))
            writer.finish()


@pytest.mark.parametrize(
    ("before", "sound", "after"),
    [(".mkv", "pcm_s16le", ".mov"), (".ts", "aac", ".mkv"), (".ts", "mp2", ".mp4")],
)
def test_sound_that_containers_cut_or_wrap_differently(
    tmp_path: Path, before: str, sound: str, after: str
) -> None:
    source, result = tmp_path / f"in{before}", tmp_path / f"out{after}"
    make_clip(source, codec="mpeg2video", frames=25, rate=Fraction(25), sound=1, sound_codec=sound)
    color(source, result, options())
    assert verify(source, result).findings == ()
    rewrite(result, tmp_path / f"bad{after}", packets=with_other_bytes(3))
    (line,) = faults(verify(source, tmp_path / f"bad{after}"))
    assert line.startswith(f"audio stream 1 ({sound}")
    assert ", packet with other bytes: " in line


def test_another_film_is_one_line(films: Films, tmp_path: Path) -> None:
    another = "the result is another film, or another part of it: its pictures are not alike"
    for result in (films.lossless, films.lossy):
        rewrite(result, tmp_path / result.name, frames=negative)
        assert faults(verify(films.source, tmp_path / result.name)) == [another]
    for width, height in ((48, 30), (50, 32), (192, 128), (16, 12)):
        make_clip(tmp_path / "other.mkv", width=width, height=height)
        assert faults(verify(tmp_path / "other.mkv", films.lossless)) == [
            f"the picture is 96x64, the source's {width}x{height}: nothing else was compared"
        ]
    make_clip(tmp_path / "half.mkv", width=48, height=32)  # as if it had been made larger
    assert faults(verify(tmp_path / "half.mkv", films.lossless)) == [another]


def test_a_result_that_is_cut_short_is_a_fault(films: Films, tmp_path: Path) -> None:
    content = films.lossless.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) * 2 // 3])
    found = faults(verify(films.source, tmp_path / "cut.mkv"))
    assert any(line.startswith("missing from the result: frame ") for line in found)


def test_what_cannot_be_compared(films: Films, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="two files"):
        verify(Path("-"), films.lossless)
    with pytest.raises(OptionError, match="is the source itself"):
        verify(films.source, films.source)
    with pytest.raises(MediaError, match="no such file"):
        verify(films.source, tmp_path / "none.mkv")
    make_clip(tmp_path / "film.avi", frames=3)
    with pytest.raises(OptionError, match=r"\.mp4, \.mov, \.mkv and \.mxf only"):
        verify(films.source, tmp_path / "film.avi")


def grainy(picture: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Limited-range codes of a picture in 0..1, with the grain of film."""
    grain = np.random.default_rng(5).normal(0, 0.02, picture.shape)
    codes = np.rint(16 + 219 * np.clip(picture + grain, 0, 1))
    return codes.astype(np.uint8)


def title(lines: int) -> NDArray[np.float64]:
    """White words on black, a little soft."""
    card = np.full((240, 320), 13, np.uint8)
    for line in range(lines):
        place = (20, 240 * (line + 1) // (lines + 1))
        cv2.putText(card, "Meanwhile, at the", place, cv2.FONT_HERSHEY_TRIPLEX, 0.9, 235, 2)
    return cv2.GaussianBlur(card, (0, 0), 1.0).astype(np.float64) / 255


def leader() -> NDArray[np.float64]:
    """Flat grey with a cross, two circles and a number."""
    card = np.full((240, 320), 128, np.uint8)
    cv2.line(card, (160, 0), (160, 239), 13, 2)
    cv2.line(card, (0, 120), (319, 120), 13, 2)
    for radius in (80, 100):
        cv2.circle(card, (160, 120), radius, 230, 2)
    cv2.putText(card, "7", (130, 150), cv2.FONT_HERSHEY_TRIPLEX, 3, 25, 6)
    return card.astype(np.float64) / 255


def scene() -> NDArray[np.float64]:
    """A street in the mist: paler than most, but there is something to see."""
    rows, columns = np.mgrid[0:240, 0:320]
    hills = 0.55 + 0.1 * np.sin(columns / 30.0) * np.cos(rows / 25.0)
    hills[140:, 60:120] -= 0.2
    return hills


def test_what_can_have_colour() -> None:
    assert can_have_color(grainy(scene()), 8, full_range=False)
    assert can_have_color(luma_picture(0, 64, 96, 10), 10, full_range=False)
    assert can_have_color(grainy(cv2.resize(scene(), (1280, 960))), 8, full_range=False)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((240, 320)),
        np.ones((240, 320)),
        np.full((240, 320), 0.5),
        np.linspace(0.4, 0.45, 240 * 320).reshape(240, 320),
        title(1),
        title(5),
        leader(),
        cv2.resize(leader(), (960, 720)),
        0.2 * scene(),
    ],
    ids=[
        "black",
        "white",
        "grey",
        "uneven grey",
        "title",
        "many words",
        "leader",
        "large leader",
        "fade",
    ],
)
def test_what_has_no_colour_to_lose(picture: NDArray[np.float64]) -> None:
    assert not can_have_color(grainy(picture), 8, full_range=False)


@pytest.mark.parametrize("bits", [8, 10])
def test_a_little_colour_in_one_place_is_colour(bits: int) -> None:
    scale, dtype = 1 << (bits - 8), np.uint8 if bits == 8 else np.uint16
    grey = np.full((60, 80), 128 * scale, dtype)
    noise = np.random.default_rng(3).integers(-2, 3, grey.shape) * scale
    noisy = (grey.astype(np.int64) + noise).astype(dtype)
    assert strongest_color(None, bits) == strongest_color((grey, grey), bits) == 0
    assert 0 < strongest_color((noisy, grey), bits) < NO_COLOR_CODES
    patch = noisy.copy()
    patch[16:32, 16:32] += 5 * scale
    assert COLOR_CODES < strongest_color((patch, grey), bits) < 6


def with_strength(*strengths: int) -> FrameEdit:
    """Makes Cb of each frame, in turn, so many codes more than neutral in a corner."""

    def edit(number: int, frame: VideoFrame) -> VideoFrame:
        without_color(number)(number, frame)
        plane = plane_codes(frame, 1).copy()
        plane[:16, :16] += strengths[number % len(strengths)]
        fill_plane(frame, 1, plane)
        return frame

    return edit


@pytest.mark.parametrize(
    ("strengths", "wrong", "weak"),
    [
        ((1, 1, 1, 0), None, "colours are weak: 1.0 of 255 codes"),  # composing rounds it away
        ((4, 1, 4, 3), None, None),  # a weak film, in which no frame stands out
        ((4, 0, 4, 4), "without colour: frame 1 ", None),
        ((40, 1, 40, 40), "without colour: frame 1 ", None),
        ((0, 0, 0, 0), "the result has no colour at all", None),
    ],
)
def test_weak_colour_is_judged_by_the_colours_of_the_film(
    films: Films, tmp_path: Path, strengths: tuple[int, ...], wrong: str | None, weak: str | None
) -> None:
    rewrite(films.lossless, tmp_path / "weak.mkv", frames=with_strength(*strengths))
    report = verify(films.source, tmp_path / "weak.mkv")
    assert [line.startswith(wrong) for line in faults(report)] == [True] if wrong else report.holds
    assert any(weak in line for line in notes(report)) if weak else not notes(report)


def judged(differences: list[Difference]) -> list[int | None]:
    limits = LumaLimits()
    failed = []
    for number, difference in enumerate(differences):
        failed += limits.add(Place(frame=number), difference)
    return [place.frame for place, _ in [*failed, *limits.rest()]]


def difference(mean: float, rms: float = 1.5, square: float = 50.0) -> Difference:
    return Difference(False, rms, mean, (0, 0), square, (0, 0))


def test_a_frame_is_judged_by_those_around_it() -> None:
    fine = [difference(2.0)] * 40
    assert judged(fine) == []
    for at in (0, 20, 39):
        assert judged([*fine[:at], difference(13.0), *fine[at + 1 :]]) == [at]
        assert judged([*fine[:at], difference(2.0, square=700.0), *fine[at + 1 :]]) == [at]
    coarse = [difference(18.0, 8.0, 800.0)] * 40  # libx264 at crf 40
    assert judged(coarse) == []
    assert judged([*coarse[:20], difference(85.0, 9.0, 7500.0), *coarse[21:]]) == [20]
    assert judged([*fine, *coarse]) == []
    assert judged([difference(30.0)]) == [0]
    assert judged([difference(20.0, rms=31.0)] * 3) == [0, 1, 2]


def test_a_change_that_lasts_is_found_too() -> None:
    assert judged([difference(30.0)] * 30) == list(range(30))


def test_where_two_planes_differ_most() -> None:
    first = luma_picture(0, 64, 96)
    second = first.copy()
    second[32:48, 80:96] += 9
    found = compare_luma(first, second, 8)
    assert (round(found.mean, 3), found.mean_at) == (9.0, (80, 32))
    assert (round(found.square, 3), found.square_at) == (81.0, (80, 32))
    assert found.rms == pytest.approx(9 * (256 / (64 * 96)) ** 0.5)
    wide = compare_luma(first.astype(np.uint16) * 4, second.astype(np.uint16) * 4, 10)
    assert wide == found
    assert compare_luma(first, first.copy(), 8) == Difference(True)
    assert compare_luma(first[:3, :5], second[:3, :5] + 1, 8).mean == pytest.approx(1.0)
