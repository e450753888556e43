"""Films whose pictures have their times in another order."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from av.video.stream import VideoStream

from filmcolor.media.read.damage import Decoded
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.read.timestamps import stamp
from filmcolor.options import OnError, RunOptions
from filmcolor.types import VideoInfo
from tests.helpers.clips import Plane, luma_picture, make_clip, make_frame, probe
from tests.helpers.coloring import color, decoded_times


def shuffled(path: Path, name: str) -> Path:
    """The film anew, the time of every picture being its packet's turn, as if decoded in order."""
    target = path.with_name(name)
    with av.open(str(path)) as film, av.open(str(target), "w") as other:
        copy = other.add_stream_from_template(film.streams.video[0], opaque=True)
        for number, packet in enumerate(film.demux(video=0)):
            if packet.size:
                packet.time_base = Fraction(1, 24)
                packet.pts = packet.dts = number
                packet.duration = 1
                packet.stream = copy
                other.mux_one(packet)
    return target


@pytest.mark.parametrize("on_error", ["stop", "repeat"])
@pytest.mark.parametrize(
    ("codec", "choice"),
    [
        ("mpeg4", {"bf": "1", "g": "12"}),
        ("mpeg4", {"bf": "2", "g": "12"}),
        ("libx264", {"bf": "3", "x264-params": "b-adapt=0:keyint=12"}),
    ],
)
def test_times_of_another_order_are_sorted(
    tmp_path: Path, codec: str, choice: dict[str, str], on_error: OnError
) -> None:
    plain = tmp_path / "plain.mp4"
    make_clip(plain, codec=codec, frames=40, options=choice, rate=Fraction(24))
    film = shuffled(plain, "in.mp4")
    with av.open(str(film)) as raw:
        given = [frame.pts for frame in raw.decode(video=0)]
    assert given != sorted(given)
    with FilmReader(str(plain)) as reader:
        lumas = [frame.luma for frame in reader.frames()]
    with FilmReader(str(film), on_error) as reader:
        frames = list(reader.frames())
        assert not reader.notices and not reader.can_seek
        later = next(iter(reader.frames_from(frames[30].pts)))
    assert [frame.pts * reader.info.time_base * 24 for frame in frames] == list(range(40))
    assert all(np.array_equal(frame.luma, luma) for frame, luma in zip(frames, lumas, strict=True))
    assert np.array_equal(later.luma, lumas[30])


def test_a_result_keeps_one_step_a_frame(tmp_path: Path) -> None:
    plain, target = tmp_path / "plain.mp4", tmp_path / "out.mp4"
    make_clip(plain, codec="mpeg4", frames=24, options={"bf": "2"}, rate=Fraction(24))
    color(shuffled(plain, "in.mp4"), target, RunOptions())
    assert decoded_times(target) == [Fraction(n, 24) for n in range(24)]


LATE = 20
"""Frames before the first that is reordered."""


def late_shuffled(path: Path, codec: str, choice: dict[str, str]) -> list[Plane]:
    """A film of 60 frames whose packets say their turn as a time, reordered only from `LATE` on;
    the luma of its pictures in their order.
    """
    plain = path.with_name("plain.mp4")
    with av.open(str(plain), "w") as film:
        stream = film.add_stream(codec, rate=24, options=choice)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(60):
            frame = make_frame(luma_picture(number, 48, 64))
            frame.pts, frame.time_base = number, Fraction(1, 24)
            frame.pict_type = PictureType.I if number < LATE else PictureType.NONE
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    shuffled(plain, path.name)
    with FilmReader(str(plain)) as reader:
        return [frame.luma for frame in reader.frames()]


@pytest.mark.parametrize("on_error", ["stop", "repeat"])
@pytest.mark.parametrize(
    ("codec", "choice"),
    [
        ("mpeg4", {"bf": "1", "g": "24"}),
        ("mpeg4", {"bf": "2", "g": "24"}),
        ("libx264", {"bf": "2", "x264-params": "b-adapt=0:keyint=24:scenecut=0:b-pyramid=0"}),
    ],
)
def test_disorder_that_begins_late_is_found(
    tmp_path: Path, codec: str, choice: dict[str, str], on_error: OnError
) -> None:
    path = tmp_path / "in.mp4"
    lumas = late_shuffled(path, codec, choice)
    with av.open(str(path)) as raw:
        given = [frame.pts for frame in raw.decode(video=0)]
    assert given != sorted(given) and given[:LATE] == sorted(given[:LATE])
    with FilmReader(str(path), on_error) as reader:
        frames = list(reader.frames())
        assert not reader.notices and not reader.info.times_disordered
        ticks = [frame.pts * reader.info.time_base * 24 for frame in frames]
        later = next(iter(reader.frames_from(frames[50].pts)))
    assert ticks == list(range(60))
    assert all(np.array_equal(frame.luma, luma) for frame, luma in zip(frames, lumas, strict=True))
    assert (later.pts, np.array_equal(later.luma, lumas[50])) == (frames[50].pts, True)


def in_order(info: VideoInfo, times: Sequence[int | None]) -> tuple[list[int], list[str]]:
    """The times that pictures with these get, and what is told."""
    told: list[str] = []
    picture = av.VideoFrame(2, 2, "gray")
    decoded = (Decoded(picture, time, 40) for time in times)
    given = [timed.pts for timed in stamp(decoded, info, lambda each: told.append(each.text))]
    return given, told


def test_times_are_sorted_from_where_they_are_out_of_order(tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mkv", frames=2, rate=Fraction(25))
    info = probe(str(tmp_path / "a.mkv"))
    for turns in (
        [0, 2, 1, 4, 3],
        [0, 2, 3, 1, 5, 6, 4],
        [0, 2, 3, 4, 1, 6, 7, 8, 5],
        [0, 3, 2, 4, 1],
    ):
        times = [40 * turn for turn in (*range(-9, 0), *turns)]
        assert in_order(info, times) == (sorted(times), [])
    # Gaps, and what lies before a time that was given away already, are no other order.
    for times in ([0, 40, 500, 540, 3000, 3040], [0, 40, 120, 160]):
        assert in_order(info, times) == (times, [])
    moved = "1 frame time that did not advance: moved by a tick"
    assert in_order(info, [0, 40, 80, 30, 120]) == ([0, 40, 80, 81, 120], [moved])
