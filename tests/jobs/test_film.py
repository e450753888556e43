"""Whole jobs, end to end: what goes in comes out again, in colour."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from filmcolor import __version__
from filmcolor.errors import JobError, MediaError, OptionError
from filmcolor.events import (
    Analyzing,
    Event,
    Finished,
    Joining,
    Notice,
    PictureDone,
    Progress,
    Started,
)
from filmcolor.film.stage_timer import StageTimer
from filmcolor.jobs.film import color_film
from filmcolor.jobs.pictures import color_pictures
from filmcolor.media.read.film_reader import _FrameMaker
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions, Smoothing
from filmcolor.stages.infer import View
from filmcolor.types import AbMap, Frame
from tests.helpers import memory
from tests.helpers.clips import Plane, decode_film, luma_picture, make_clip, plane_codes
from tests.helpers.tiny_model import tiny_model
from tests.helpers.woven import WHOLE, marks, woven_film

pytestmark = pytest.mark.e2e

QUICK = RunOptions(color=ColorOptions(device="cpu", model=tiny_model(), size=96))
FFV1 = replace(QUICK, encode=EncodeOptions(codec="ffv1"))
LOSSLESS = replace(QUICK, encode=EncodeOptions(codec="libx264", lossless=True))


def color(source: Path, target: Path, options: RunOptions = QUICK) -> list[Event]:
    return list(color_film(str(source), str(target), options))


def test_the_last_frame_is_shown_as_long_as_the_others_where_the_source_does_not_say(
    tmp_path: Path,
) -> None:
    source, target = tmp_path / "in.flv", tmp_path / "out.mp4"
    make_clip(source, codec="flv1", rate=Fraction(25), frames=5)
    color(source, target)
    with av.open(str(target)) as film:
        last = [packet for packet in film.demux(film.streams.video[0]) if packet.size][-1]
        assert last.duration * last.time_base == Fraction(1, 25)


def test_an_error_of_a_late_stage_is_the_one_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even while the network, which is quick on a graphics card, waits for the decoder."""
    source = tmp_path / "in.mkv"
    make_clip(source, frames=60)

    def quick(frames: list[Frame], model: object, view: View, *rest: object) -> list[AbMap]:
        light = np.full((view.height, view.width), 50, np.float32)
        return [AbMap(frame.index, np.zeros((2, 8, 8), np.float32), light) for frame in frames]

    decoded = _FrameMaker.frame

    def slow(self: _FrameMaker, *args: object, **named: object) -> Frame:
        time.sleep(0.03)
        return decoded(self, *args, **named)  # type: ignore[arg-type]

    def broken(*args: object) -> None:
        raise JobError("no memory")

    monkeypatch.setattr("filmcolor.stages.infer._run", quick)
    monkeypatch.setattr(_FrameMaker, "frame", slow)
    monkeypatch.setattr("filmcolor.stages.compose.quantize_chroma", broken)
    with pytest.raises(JobError, match="no memory"):
        color(source, tmp_path / "out.mkv", FFV1)
    assert not [each for each in threading.enumerate() if "prefetch" in each.name]


def seconds(path: Path) -> list[Fraction]:
    """Times of all decoded frames, relative to the first."""
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        assert stream.time_base is not None
        times = [frame.pts * stream.time_base for frame in film.decode(stream)]
    return [time - times[0] for time in times]


def chroma_spread(path: Path) -> list[float]:
    """Of each frame: mean distance of its chroma codes from neutral, in 8-bit codes."""
    spreads = []
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            bits = frame.format.components[0].bits
            planes = [plane_codes(frame, at).astype(float) for at in (1, 2)]
            centre, scale = 1 << (bits - 1), 1 << (bits - 8)
            spreads.append(float(np.mean([np.abs(p - centre).mean() for p in planes]) / scale))
    return spreads


@pytest.mark.smoke
@pytest.mark.codec
@pytest.mark.parametrize(
    ("options", "suffix"), [(FFV1, ".mkv"), (LOSSLESS, ".mp4")], ids=["ffv1", "x264-lossless"]
)
@pytest.mark.parametrize("pix_fmt", ["gray", "yuv420p", "yuv422p10le", "yuv444p"])
def test_luma_is_the_sources_code_for_code(
    tmp_path: Path, pix_fmt: str, options: RunOptions, suffix: str
) -> None:
    """The proof that the film is what was put in: lossless in, lossless out, equal planes."""
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    lumas = make_clip(source, frames=9, width=96, height=80, pix_fmt=pix_fmt, cuts=[4])
    color(source, target, options)
    _, result = decode_film(target)
    assert len(result) == 9
    for ours, theirs in zip(result, lumas, strict=True):
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)
    assert min(chroma_spread(target)) > 1.0
    with av.open(str(target)) as film:
        # FFmpeg takes untagged grey as full range, and names full-range H.264 "yuvj".
        expected = {"gray": ("yuv420p", "yuvj420p")}.get(pix_fmt, (pix_fmt,))
        assert film.streams.video[0].codec_context.pix_fmt in expected


TIMINGS: dict[str, dict[str, object]] = {
    "24": {"rate": Fraction(24)},
    "29.97": {"rate": Fraction(30000, 1001)},
    "vfr": {"time_base": Fraction(1, 1000), "pts": [0, 40, 50, 133, 500, 501, 900, 2000]},
    "late": {"time_base": Fraction(1, 1000), "pts": [5000, 5040, 5080, 5120]},
    "one-frame": {"frames": 1},
    "many": {"frames": 60, "rate": Fraction(25), "cuts": [20, 41]},
}


@pytest.mark.codec
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("timing", sorted(TIMINGS))
def test_every_frame_is_there_at_its_time(tmp_path: Path, timing: str, suffix: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(source, width=64, height=64, **TIMINGS[timing])  # type: ignore[arg-type]
    color(source, target)
    expected, found = seconds(source), seconds(target)
    assert len(found) == len(expected)
    tolerance = Fraction(1, 1000) if suffix == ".mkv" else Fraction(0)
    assert all(abs(a - b) <= tolerance for a, b in zip(found, expected, strict=True))
    assert found == sorted(set(found))


@pytest.mark.codec
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_pts_are_exact_when_the_source_is_not_in_milliseconds(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.mov", tmp_path / f"out{suffix}"
    times = [0, 1001, 2002, 3003, 6006, 7007, 11011]
    make_clip(source, codec="libx264", width=64, height=64, time_base=Fraction(1, 30000), pts=times)
    color(source, target)
    expected = [Fraction(t, 30000) for t in times]
    assert seconds(source) == expected
    found = seconds(target)
    tolerance = Fraction(1, 1000) if suffix == ".mkv" else Fraction(0)
    assert len(found) == len(expected)
    assert all(abs(a - b) <= tolerance for a, b in zip(found, expected, strict=True))


@pytest.mark.codec
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_rotation_and_sample_aspect_go_through(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    make_clip(
        source,
        codec="libx264",
        width=96,
        height=64,
        rotation=90,
        sample_aspect_ratio=Fraction(8, 9),
    )
    color(source, target)
    with av.open(str(target)) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height) == (96, 64)
        assert stream.codec_context.sample_aspect_ratio == Fraction(8, 9)
        assert next(film.decode(stream)).rotation == 90


@pytest.mark.smoke
@pytest.mark.codec
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_is_kept_packet_for_packet_and_the_result_is_labelled(
    tmp_path: Path, suffix: str
) -> None:
    def packets(path: Path, track: int) -> list[bytes]:
        with av.open(str(path)) as film:
            return [bytes(p) for p in film.demux(film.streams.audio[track]) if p.size]

    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(
        source, frames=30, sound=2, metadata={"title": "Reel 4"}, chapters=[(0, 1, "The street")]
    )
    shipped = ColorOptions(device="cpu", size=96)
    color(source, target, RunOptions(color=shipped))
    for track in (0, 1):
        assert packets(target, track) == packets(source, track)
    with av.open(str(target)) as film:
        languages = [s.metadata.get("language") for s in film.streams.audio]
        assert languages == ["eng", "ger" if suffix == ".mov" else "deu"]
        assert film.metadata["title"] == "Reel 4"
        comment = {k.lower(): v for k, v in film.metadata.items()}["comment"]
        assert comment == f"colorized by filmcolor {__version__}, default"
        assert [c["metadata"]["title"] for c in film.chapters()] == ["The street"]


def test_events_tell_what_happens_in_order(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    make_clip(source, frames=20, width=64, height=64)
    # Stages of the small generator take too little time to be told from none on a busy machine.
    shipped = replace(QUICK, color=replace(QUICK.color, model="default"))
    events = color(source, target, shipped)
    kinds = [type(event) for event in events if not isinstance(event, Notice)]
    assert kinds[0] is Started
    assert kinds[-1] is Finished
    assert set(kinds[1:-1]) == {Analyzing, Progress, Joining}
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert (finished.done, finished.target) == (20, str(target))
    assert set(finished.stage_seconds) == {
        "plan",
        "decode",
        "shots",
        "infer",
        "smooth",
        "compose",
        "encode",
    }
    assert all(value > 0 for value in finished.stage_seconds.values())
    assert any("colour matrix" in e.text for e in events if isinstance(e, Notice))


def test_stopping_early_leaves_nothing_behind(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out" / "film.mp4"
    target.parent.mkdir()
    make_clip(source, frames=200, width=64, height=64)
    events = color_film(str(source), str(target), QUICK)
    while not isinstance(next(events), Progress):
        pass
    events.close()
    assert list(target.parent.iterdir()) == []


def test_a_part_of_the_film(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    lumas = make_clip(source, frames=48, width=64, height=64)
    part = replace(FFV1, start_seconds=Fraction(1, 2), duration_seconds=Fraction(1))
    color(source, target, part)
    _, result = decode_film(target)
    assert len(result) == 24
    assert all(np.array_equal(a, b) for a, b in zip(result, lumas[12:36], strict=True))


def boxed(tmp_path: Path) -> tuple[Path, list[Plane]]:
    """A film with black bars above and below."""
    source = tmp_path / "boxed.mkv"
    film = av.open(str(source), "w")
    with film:
        stream = film.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 128, 128, "gray"
        lumas = []
        for index in range(12):
            luma = np.zeros((128, 128), np.uint8)
            luma[24:104] = luma_picture(index, 80, 128)
            lumas.append(luma)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(luma, "gray")))
        film.mux(stream.encode(None))
    return source, lumas


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("options", "suffix"), [(FFV1, ".mkv"), (LOSSLESS, ".mp4")], ids=["ffv1", "x264-lossless"]
)
def test_telecined_film_keeps_its_fields(tmp_path: Path, options: RunOptions, suffix: str) -> None:
    """Frames of two moments and whole ones in turn come out as they went in."""
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    lumas = woven_film(source, whole=WHOLE)
    events = color(source, target, options)
    (planned,) = (event for event in events if isinstance(event, Started))
    assert "fields kept (top first)" in planned.summary
    said = [event for event in events if isinstance(event, Notice) and "fields" in event.text]
    assert len(said) == 1 and not said[0].warning
    assert all(map(np.array_equal, decode_film(target)[1], lumas))
    order, frames = marks(target)
    assert order == (2 if suffix == ".mp4" else 4)  # of H.264 in mp4 FFmpeg guesses
    assert frames == [options is LOSSLESS or index not in WHOLE for index in range(len(lumas))]
    assert min(chroma_spread(target)) > 1.0


def test_the_color_of_a_field_does_not_depend_on_the_other(tmp_path: Path) -> None:
    """From file to file: whatever stands in the odd rows, the even ones have the same chroma."""
    alone = replace(FFV1, color=replace(FFV1.color, smooth="none"))
    planes = []
    for scene in (1, 2):
        source, target = tmp_path / f"{scene}.mkv", tmp_path / f"{scene}-color.mkv"
        woven_film(source, second_scene=scene)
        color(source, target, alone)
        with av.open(str(target)) as film:
            frames = list(film.decode(video=0))
        planes.append(np.stack([plane_codes(frame, at) for frame in frames for at in (1, 2)]))
    first, second = planes
    assert np.array_equal(first[:, 0::2], second[:, 0::2])
    assert (first[:, 1::2] != second[:, 1::2]).mean() > 0.5


def test_deinterlacing_says_what_it_gives_up(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    woven_film(source)
    events = color(source, target, replace(FFV1, deinterlace=True))
    (said,) = (event for event in events if isinstance(event, Notice) and event.warning)
    assert "gives up exact luma and every second moment" in said.text
    order, frames = marks(target)
    assert order not in (2, 3, 4, 5) and not any(frames) and len(frames) == 8


def test_letterbox_bars_stay_neutral_and_are_not_shown_to_the_network(tmp_path: Path) -> None:
    source, lumas = boxed(tmp_path)
    target = tmp_path / "out.mkv"
    events = color(source, target, FFV1)
    assert any("128x80 inside black bars" in e.text for e in events if isinstance(e, Notice))
    with av.open(str(target)) as film:
        for frame, luma in zip(film.decode(video=0), lumas, strict=True):
            assert np.array_equal(plane_codes(frame, 0), luma)
            for at in (1, 2):
                chroma = plane_codes(frame, at)
                assert (chroma[:12] == 128).all()
                assert (chroma[52:] == 128).all()
                assert (chroma[13:51] != 128).mean() > 0.5


def test_a_film_that_has_colour_is_said_to_and_recoloured(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    lumas = make_clip(source, frames=6, width=96, height=64, colored=True)
    events = color(source, target, FFV1)
    assert any("already has colour" in e.text for e in events if isinstance(e, Notice))
    grey = tmp_path / "grey.mkv"
    make_clip(grey, frames=6, width=96, height=64)
    other = tmp_path / "other.mkv"
    color(grey, other, FFV1)
    with av.open(str(target)) as a, av.open(str(other)) as b:
        for x, y, luma in zip(a.decode(video=0), b.decode(video=0), lumas, strict=True):
            assert np.array_equal(plane_codes(x, 0), luma)
            assert all(np.array_equal(plane_codes(x, p), plane_codes(y, p)) for p in (1, 2))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["ema", "flow"])
@pytest.mark.parametrize(
    ("frames", "growth"),
    [(5_000, 15_000_000), pytest.param(20_000, 60_000_000, marks=pytest.mark.full)],
)
def test_memory_does_not_grow_with_length(
    tmp_path: Path, method: Smoothing, frames: int, growth: int
) -> None:
    """Peak resident memory of a long run, beside that of one of 500 frames before it."""

    def peak_after(frames: int) -> int:
        source = tmp_path / f"{frames}.mkv"
        picture = [luma_picture(i, 32, 32) for i in range(48)]
        with av.open(str(source), "w") as film:
            stream = film.add_stream("ffv1", rate=24)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "gray"
            for index in range(frames):
                frame = av.VideoFrame.from_ndarray(picture[index % 48], "gray")
                film.mux(stream.encode(frame))
            film.mux(stream.encode(None))
        options = replace(QUICK, color=replace(QUICK.color, size=64, smooth=method))
        memory.forget_peak()
        for event in color_film(str(source), str(tmp_path / f"{frames}.mp4"), options):
            if isinstance(event, Finished):
                assert event.done == frames
        return memory.peak()

    short = peak_after(500)
    assert peak_after(frames) < short + growth


def pictures(folder: Path) -> dict[str, Plane]:
    """A folder with two good pictures and a broken one."""
    (folder / "1910s").mkdir(parents=True)
    made = {}
    for name in ("street.png", "1910s/portrait.jpg"):
        luma = luma_picture(3, 120, 160, scene=len(name))
        cv2.imwrite(str(folder / name), luma)
        made[name] = luma
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    return made


@pytest.mark.smoke
def test_a_folder_of_pictures(tmp_path: Path) -> None:
    made = pictures(tmp_path / "in")
    options = QUICK
    events = list(color_pictures(str(tmp_path / "in"), str(tmp_path / "out"), options))
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert (finished.done, finished.failed, finished.skipped) == (2, 1, 0)
    states = {Path(e.source).name: e for e in events if isinstance(e, PictureDone)}
    assert states["broken.jpg"].status == "failed"
    assert "broken.jpg" in states["broken.jpg"].reason
    for name, luma in made.items():
        with Image.open(tmp_path / "out" / name) as result:
            assert result.size == (luma.shape[1], luma.shape[0])
            codes = np.asarray(result.convert("RGB")).astype(float)
        assert np.abs(codes - codes.mean(axis=2, keepdims=True)).mean() > 1
    codes = np.asarray(Image.open(tmp_path / "out" / "street.png").convert("RGB")).astype(float)
    luma = codes @ [0.299, 0.587, 0.114]
    assert np.abs(luma - made["street.png"]).max() <= 1.0
    again = list(color_pictures(str(tmp_path / "in"), str(tmp_path / "out"), options))[-1]
    assert isinstance(again, Finished)
    assert (again.done, again.skipped, again.failed) == (0, 2, 1)
    anew = replace(options, overwrite=True)
    final = list(color_pictures(str(tmp_path / "in"), str(tmp_path / "out"), anew))[-1]
    assert isinstance(final, Finished)
    assert (final.done, final.skipped, final.failed) == (2, 0, 1)


def test_one_picture_and_its_errors(tmp_path: Path) -> None:
    pictures(tmp_path / "in")
    source, target = tmp_path / "in" / "street.png", tmp_path / "color.png"
    assert isinstance(list(color_pictures(str(source), str(target), QUICK))[-1], Finished)
    with pytest.raises(OptionError, match="--overwrite"):
        list(color_pictures(str(source), str(target), QUICK))
    with pytest.raises(MediaError, match=r"broken\.jpg"):
        list(color_pictures(str(tmp_path / "in" / "broken.jpg"), str(tmp_path / "b.jpg"), QUICK))
    assert not (tmp_path / "b.jpg").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaError, match="no pictures"):
        list(color_pictures(str(tmp_path / "empty"), str(tmp_path / "o"), QUICK))
    with pytest.raises(OptionError, match="must not go into"):
        list(color_pictures(str(tmp_path / "in"), str(tmp_path / "in" / "out"), QUICK))
    with pytest.raises(OptionError, match="is the source itself"):
        list(color_pictures(str(source), str(source), replace(QUICK, overwrite=True)))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((OptionError, JobError), match="must be a folder"):
        list(color_pictures(str(tmp_path / "in"), str(tmp_path / "file"), QUICK))


def test_the_clock_counts_each_stage_once() -> None:
    timer = StageTimer()
    first = timer.watch("first", iter(range(1000)))
    second = timer.watch("second", (sum(range(200)) + n for n in first), "first")
    assert len(list(second)) == 1000
    own = timer.seconds()
    assert own["second"] > own["first"] > 0
    timer.add("third", 0.5)
    timer.add("third", 0.25)
    assert timer.seconds()["third"] == pytest.approx(0.75)


def test_the_first_frame_of_a_shot_is_that_of_its_own_film(tmp_path: Path) -> None:
    """Nothing of what is before a cut is seen after it, and nothing after it before it."""
    source = tmp_path / "in.mkv"
    make_clip(source, frames=16, width=96, height=80, pix_fmt="yuv420p", cuts=[9])
    color(source, tmp_path / "whole.mkv", FFV1)
    for name, start, length, first, last in (("a", 0, 9, 0, 8), ("b", 9, 7, 9, 15)):
        part = replace(
            FFV1, start_seconds=Fraction(start, 24), duration_seconds=Fraction(length, 24)
        )
        color(source, tmp_path / f"{name}.mkv", part)
        with av.open(str(tmp_path / f"{name}.mkv")) as film:
            own = [[plane_codes(f, at) for at in (1, 2)] for f in film.decode(video=0)]
        with av.open(str(tmp_path / "whole.mkv")) as film:
            every = [[plane_codes(f, at) for at in (1, 2)] for f in film.decode(video=0)]
        assert len(own) == length
        for mine, theirs in ((own[0], every[first]), (own[-1], every[last])):
            assert all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("stride", [3, "auto"])
def test_a_stride_colours_every_frame(tmp_path: Path, stride: int | Literal["auto"]) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    lumas = make_clip(source, frames=14, width=96, height=80, pix_fmt="yuv420p", cuts=[8])
    options = replace(FFV1, color=replace(FFV1.color, stride=stride))
    events = color(source, target, options)
    _, result = decode_film(target)
    assert all(np.array_equal(a, b) for a, b in zip(result, lumas, strict=True))
    assert min(chroma_spread(target)) > 1.0
    said = [event.text for event in events if isinstance(event, Notice)]
    assert any("--stride auto: the model sees every" in text for text in said) == (stride == "auto")


def test_a_film_is_looked_through_before_it_is_coloured(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    make_clip(source, frames=12, width=96, height=80, pix_fmt="yuv420p")
    events = color(source, tmp_path / "out.mkv")
    kinds = [type(event) for event in events if not isinstance(event, Notice)]
    assert kinds[0] is Started and kinds[1] is Analyzing and kinds[-1] is Finished
    assert kinds.index(Progress) > max(i for i, kind in enumerate(kinds) if kind is Analyzing)
    assert events[-1].stage_seconds["plan"] > 0  # type: ignore[union-attr]
    assert [kind for kind in kinds if kind is not Progress][-2:] == [Joining, Finished]
