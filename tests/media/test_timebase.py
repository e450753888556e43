"""Clocks: the arithmetic alone, then every pts of written films, decoded and counted."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.timebase import (
    Chapter,
    Clock,
    DecodeClock,
    exact_time_base,
    fit_chapters,
    is_exact,
    lift_to_zero,
    movie_timescale,
)
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.options import Codec
from tests.helpers.clips import make_clip
from tests.helpers.coloring import LABEL, color, color_frame, decoded_times, options

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("source", "scale"),
    [
        (Fraction(1, 24), 12288),
        (Fraction(1001, 30000), 30000),
        (Fraction(1, 90000), 90000),
        (Fraction(1, 1000), 16000),
        (Fraction(1, 10**9), 10**9),
        (Fraction(1, 2**31 - 1), 2**31 - 1),
        (Fraction(7, 3), 12288),
        (Fraction(1), 16384),
    ],
)
def test_exact_time_base_holds_every_tick(source: Fraction, scale: int) -> None:
    base = exact_time_base(source)
    assert base == Fraction(1, scale)
    assert is_exact(source, base)


def test_matroska_is_exact_only_for_milliseconds() -> None:
    assert is_exact(Fraction(1, 25), Fraction(1, 1000))
    assert not is_exact(Fraction(1, 24), Fraction(1, 1000))


def test_movie_timescale_fits_sound_while_it_can() -> None:
    assert movie_timescale(Fraction(1, 12288), [48000]) == 1_536_000
    assert movie_timescale(Fraction(1, 24000), [48000, 44100]) == 7_056_000
    assert movie_timescale(Fraction(1, 10**9), [44100]) == 10**9


def test_lift_to_zero_is_whole_ticks() -> None:
    tick = Fraction(1, 1000)
    assert lift_to_zero(Fraction(-1024, 48000), tick) == Fraction(22, 1000)
    assert lift_to_zero(Fraction(-2, 1000), tick) == Fraction(2, 1000)
    assert lift_to_zero(Fraction(5), tick) == 0


def test_clock_keeps_frames_apart_within_a_millisecond() -> None:
    clock = Clock(Fraction(1, 90000), Fraction(1, 1000))
    assert [clock(pts) for pts in (0, 30, 60, 90, 180, 3000)] == [0, 1, 2, 3, 4, 33]


def test_clock_rounds_to_the_nearest_and_adds_the_offset() -> None:
    clock = Clock(1 / NTSC, Fraction(1, 1000), Fraction(5, 1000))
    assert [clock(pts) for pts in range(4)] == [5, 38, 72, 105]


def test_decode_clock_is_never_later_than_the_frame() -> None:
    clock = DecodeClock(2)
    shown = [100, 140, 180, 260, 300]
    for pts in shown:
        clock.give(pts, 40)
    coded = [100, 260, 180, 140, 300]
    times = [clock.next() for _ in coded]
    assert times == [20, 60, 100, 140, 180]
    assert all(time <= pts for time, pts in zip(times, coded, strict=True))


def test_chapters_are_cut_and_shifted() -> None:
    chapters = [
        Chapter(Fraction(0), Fraction(4), {"title": "a"}),
        Chapter(Fraction(4), Fraction(8), {"title": "b"}),
        Chapter(Fraction(8), Fraction(12), {"title": "c"}),
    ]
    cut = fit_chapters(chapters, Fraction(-5), Fraction(5), Fraction(8))
    assert cut == [Chapter(Fraction(0), Fraction(3), {"title": "b"})]
    moved = fit_chapters(chapters, Fraction(1), None, None)
    assert [chapter.start for chapter in moved] == [1, 5, 9]


CASES: dict[str, tuple[Fraction, list[int]]] = {
    "24": (Fraction(1, 24), list(range(20))),
    "29.97": (1 / NTSC, list(range(20))),
    "23.976 in 24000ths": (Fraction(1, 24000), [1001 * n for n in range(20)]),
    "variable": (Fraction(1, 90000), [0, 10, 700, 9000, 90010, 90020, 99999, 200_001, 200_005]),
    "starts at 1.4 s": (Fraction(1, 90000), [126_000 + 3754 * n for n in range(12)]),
    "starts at an hour": (Fraction(1, 12800), [46_080_000 + 512 * n for n in range(8)]),
    "one frame": (Fraction(1, 24), [0]),
    "one late frame": (Fraction(1, 24000), [4004]),
    "two frames": (Fraction(1, 30), [0, 1]),
    "microseconds": (Fraction(1, 10**6), [1 + 41_667 * n for n in range(8)]),
    "nanoseconds": (Fraction(1, 10**9), [7 + 41_666_667 * n for n in range(8)]),
}


def _make_exact(path: Path, time_base: Fraction, pts: list[int]) -> None:
    """A film that begins exactly at its first pts: edit lists in its own ticks."""
    make_clip(
        path,
        time_base=time_base,
        pts=pts,
        width=32,
        height=32,
        codec="libx264",
        container_options={"movie_timescale": str(time_base.denominator)},
    )


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("case", CASES)
def test_every_pts_is_exact(tmp_path: Path, case: str, suffix: str, codec: Codec) -> None:
    time_base, pts = CASES[case]
    source, target = tmp_path / "in.mov", tmp_path / f"out{suffix}"
    _make_exact(source, time_base, pts)
    expected = [tick * time_base for tick in pts]
    assert decoded_times(source) == expected
    choice = replace(options(codec), keep_start=True)
    color(source, target, replace(choice, encode=replace(choice.encode, preset="veryfast")))
    assert decoded_times(target) == expected


@pytest.mark.parametrize("case", CASES)
def test_matroska_keeps_the_nearest_millisecond_in_order(tmp_path: Path, case: str) -> None:
    time_base, pts = CASES[case]
    source, target = tmp_path / "in.mov", tmp_path / "out.mkv"
    _make_exact(source, time_base, pts)
    plan = color(source, target, replace(options(), keep_start=True))
    assert any("nearest millisecond" in notice.text for notice in plan.notices)
    written = decoded_times(target)
    assert len(written) == len(pts)
    assert all(before < after for before, after in pairwise(written))
    for tick, seconds in zip(pts, written, strict=True):
        assert abs(seconds - tick * time_base) <= Fraction(1, 1000)
    if case != "variable":  # there, frames lie closer than a millisecond
        assert all(
            abs(seconds - tick * time_base) <= Fraction(1, 2000)
            for tick, seconds in zip(pts, written, strict=True)
        )


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_negative_start_shifts_all_streams_by_one_offset(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(
        source,
        time_base=Fraction(1, 1000),
        pts=[-120 + 40 * n for n in range(10)],
        rate=Fraction(25),
        sound=1,
        subtitles=[(0.1, 0.2, "here")],
        chapters=[(0.0, 0.1, "one"), (0.1, 0.2, "two")],
        container_options={"avoid_negative_ts": "disabled"},
    )
    before = decoded_times(source)
    assert before[0] == Fraction(-120, 1000)
    plan = color(source, target, options())
    assert plan.offset_seconds == Fraction(120, 1000)
    assert any("shifted by 0.12 s" in notice.text for notice in plan.notices)
    assert decoded_times(target) == [seconds + plan.offset_seconds for seconds in before]
    for kind in ("audio", "subtitle"):
        first = _first_time(target, kind) - _first_time(source, kind)
        assert abs(first - plan.offset_seconds) < Fraction(1, 1000)
    with av.open(str(target)) as film:
        starts = [chapter["start"] * chapter["time_base"] for chapter in film.chapters()]
    # In mp4 and mov the first chapter always begins with the film.
    assert starts[0] == (Fraction(120, 1000) if suffix == ".mkv" else 0)
    assert starts[1] == Fraction(220, 1000)


def _first_time(path: Path, kind: str) -> Fraction:
    with av.open(str(path)) as film:
        stream = next(each for each in film.streams if each.type == kind)
        packet = next(
            packet for packet in film.demux(stream) if packet.size > 2 and packet.pts is not None
        )
        return packet.pts * packet.time_base


def test_sound_that_begins_early_is_kept_in_mp4_and_shifts_matroska(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    make_clip(source, frames=6, codec="libx264", sound=1)
    assert _first_time(source, "audio") == Fraction(-1024, 48000)
    again = color(source, tmp_path / "out.mp4", options())
    assert again.offset_seconds == 0
    assert _first_time(tmp_path / "out.mp4", "audio") == Fraction(-1024, 48000)
    matroska = color(source, tmp_path / "out.mkv", options())
    assert matroska.offset_seconds == Fraction(22, 1000)
    assert decoded_times(tmp_path / "out.mkv")[0] == Fraction(22, 1000)
    assert _first_time(tmp_path / "out.mkv", "audio") == Fraction(1, 1000)


def test_a_first_frame_earlier_than_planned_is_still_kept(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    make_clip(source, frames=4, rate=Fraction(25), time_base=Fraction(1, 1000))
    with FilmReader(str(source)) as reader:
        plan = plan_output(reader.info, str(target), options())
        with FilmWriter(plan, label=LABEL) as writer:
            for frame in reader.frames():
                early = replace(frame, pts=frame.pts - 60)
                writer.write(color_frame(early, plan.layout))
            writer.finish()
    assert decoded_times(target) == [Fraction(40 * n, 1000) for n in range(4)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_last_frame_lasts(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.mov", tmp_path / f"out{suffix}"
    make_clip(source, frames=5, rate=Fraction(10), codec="libx264")
    color(source, target, options())
    with av.open(str(target)) as film:
        assert film.duration == pytest.approx(500_000, abs=1000)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_long_last_frame_keeps_its_duration(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(source, frames=3, rate=Fraction(25), time_base=Fraction(1, 1000))
    with FilmReader(str(source)) as reader:
        plan = plan_output(reader.info, str(target), options())
        with FilmWriter(plan, label=LABEL) as writer:
            for frame in reader.frames():
                lasting = replace(frame, duration=3000 if frame.index == 2 else 40)
                writer.write(color_frame(lasting, plan.layout))
            writer.finish()
    assert len(decoded_times(target)) == 3
    with av.open(str(target)) as film:
        assert film.duration == pytest.approx(3_080_000, abs=1000)
