"""Films that are damaged or odd: what can be decoded is given at its own time, what cannot is named
or shown as the frame before.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from filmcolor.errors import MediaError
from filmcolor.events import Notice
from filmcolor.media.read.damage import Decoded
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.read.timestamps import stamp
from filmcolor.media.watchdog import Heartbeat, TimeoutReader, with_timeout
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.types import Frame, VideoInfo
from tests.helpers import coloring, memory
from tests.helpers.clips import make_clip

RATE = Fraction(25)


def rewrite(
    film: Path, target: Path, change: Callable[[int, av.Packet], Sequence[av.Packet]]
) -> None:
    """Copy the packets of a film's video, each changed, left out or doubled."""
    with av.open(str(film)) as source, av.open(str(target), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        index = 0
        for packet in source.demux(source.streams.video[0]):
            if packet.size == 0:
                continue
            for sent in change(index, packet):
                sent.stream = stream
                output.mux_one(sent)
            index += 1


def noise(packet: av.Packet) -> av.Packet:
    """A packet of the same times with nothing to be decoded in it."""
    broken = av.Packet(np.random.default_rng(1).bytes(packet.size))
    broken.pts, broken.dts = packet.pts, packet.dts
    broken.time_base, broken.duration = packet.time_base, packet.duration
    return broken


def damaged(
    folder: Path, at: Sequence[int], codec: str = "ffv1", name: str = "in.mkv", frames: int = 24
) -> tuple[Path, Path]:
    """(whole film, the same with its packets `at` overwritten)."""
    whole, broken = folder / f"whole-{name}", folder / name
    options = {"bf": "2", "g": "12"} if codec in ("libx264", "mpeg4") else {"g": "1"}
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    make_clip(whole, codec=codec, pix_fmt=pix_fmt, frames=frames, rate=RATE, options=options)
    rewrite(whole, broken, lambda n, packet: [noise(packet) if n in at else packet])
    return whole, broken


def read(path: Path, on_error: str = "repeat") -> tuple[list[Frame], list[Notice]]:
    with FilmReader(str(path), on_error) as reader:  # type: ignore[arg-type]
        frames = list(reader.frames())
        return frames, reader.notices


def seconds(path: Path, frames: Sequence[Frame]) -> list[Fraction]:
    with FilmReader(str(path)) as reader:
        return [frame.pts * reader.info.time_base for frame in frames]


def warnings(notices: list[Notice]) -> list[str]:
    return [notice.text for notice in notices if notice.warning]


@pytest.mark.parametrize("at", [[5], [5, 6, 7], [1, 12, 23]])
@pytest.mark.parametrize(
    ("name", "codec"),
    [("in.mkv", "ffv1"), ("in.mov", "mjpeg"), ("in.avi", "ffv1"), ("in.nut", "ffv1")],
)
def test_the_frame_before_stands_in_at_the_lost_ones_time(
    tmp_path: Path, name: str, codec: str, at: list[int]
) -> None:
    whole, broken = damaged(tmp_path, at, codec, name)
    expected, _ = read(whole)
    frames, notices = read(broken)
    assert [frame.index for frame in frames] == list(range(24))
    assert seconds(broken, frames) == seconds(whole, expected)
    shown = 0
    for index, frame in enumerate(frames):
        shown = shown if index in at else index
        np.testing.assert_array_equal(frame.luma, expected[shown].luma)
    (text,) = warnings(notices)
    count = "1 frame" if len(at) == 1 else f"{len(at)} frames"
    assert text.startswith(f"{count} could not be decoded")
    assert f"{at[0] / 25:.2f}" in text and f"{at[-1] / 25:.2f} s" in text


@pytest.mark.parametrize("at", [8, 12, 13, 23])
@pytest.mark.parametrize(
    ("codec", "name"),
    [("libx264", "in.mkv"), ("libx264", "in.mp4"), ("mpeg4", "in.avi")],
)
def test_with_reordered_frames_every_time_has_its_frame(
    tmp_path: Path, codec: str, name: str, at: int
) -> None:
    """A key frame that is lost, and frames that are shown in another order than they are stored."""
    whole, broken = damaged(tmp_path, [at], codec, name)
    expected, _ = read(whole)
    frames, notices = read(broken)
    assert seconds(broken, frames) == seconds(whole, expected)
    assert any("could not be decoded" in text for text in warnings(notices))
    untouched = range(0, 5)
    for index in untouched:
        np.testing.assert_array_equal(frames[index].luma, expected[index].luma)


@pytest.mark.parametrize("at", [8, 12, 13])
def test_a_hole_in_a_transport_stream_is_filled(tmp_path: Path, at: int) -> None:
    """There, damage may swallow a packet whole: then only its time is left, as a gap."""
    whole, broken = damaged(tmp_path, [at], "libx264", "in.ts", frames=48)
    expected, _ = read(whole)
    frames, _ = read(broken)
    times, right = [frame.pts for frame in frames], [frame.pts for frame in expected]
    assert set(times) < set(right) and len(right) - len(times) <= 1
    assert (times[0], times[-1]) == (right[0], right[-1])
    if at == 12:  # a key frame: what hangs on it is lost as well
        with pytest.raises(MediaError, match="damaged after frame"):
            read(broken, "stop")


def test_without_times_frames_follow_each_other(tmp_path: Path) -> None:
    film, broken = tmp_path / "film.h264", tmp_path / "broken.h264"
    make_clip(film, codec="libx264", frames=20, rate=RATE, options={"bf": "0", "g": "5"})
    content = bytearray(film.read_bytes())
    starts = [at for at in range(len(content)) if content[at : at + 4] == b"\0\0\1\x65"]
    content[starts[2] + 4 : starts[2] + 60] = bytes([0xFF]) * 56  # the third key frame
    broken.write_bytes(content)
    frames, notices = read(broken)
    assert 15 <= len(frames) <= 20
    assert len({later.pts - first.pts for first, later in pairwise(frames)}) == 1
    assert warnings(notices)


def test_stop_names_the_place(tmp_path: Path) -> None:
    _, broken = damaged(tmp_path, [12])
    with pytest.raises(MediaError, match=r"damaged after frame 12 \(0\.44 s\).*--on-error repeat"):
        read(broken, "stop")


def test_what_is_lost_before_the_first_frame_is_told(tmp_path: Path) -> None:
    _, broken = damaged(tmp_path, [0, 1, 2])
    for on_error in ("stop", "repeat"):
        frames, notices = read(broken, on_error)
        assert [frame.pts for frame in frames] == [40 * n for n in range(3, 24)]
        assert any("first 3 packets" in notice.text for notice in notices)


def test_nothing_that_can_be_decoded_is_an_error(tmp_path: Path) -> None:
    _, broken = damaged(tmp_path, range(24))
    for on_error in ("stop", "repeat"):
        with pytest.raises(MediaError, match="no frame"):
            read(broken, on_error)


@pytest.mark.parametrize("name", ["in.mkv", "in.mp4", "in.avi", "in.mpg", "in.ts"])
def test_a_film_cut_short_is_given_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    whole, broken = tmp_path / f"whole-{name}", tmp_path / name
    codec = "mpeg2video" if name == "in.mpg" else "libx264"
    fast = {"movflags": "+faststart"} if name == "in.mp4" else {}
    make_clip(whole, codec=codec, frames=75, rate=RATE, options={"g": "9"}, container_options=fast)
    content = whole.read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    expected, _ = read(whole)
    frames, notices = read(broken)
    assert 15 < len(frames) < 60
    assert [f.pts for f in frames] == [f.pts for f in expected[: len(frames)]]
    if name in ("in.mkv", "in.mp4"):  # the others have no header that could say
        assert any("cut short" in text for text in warnings(notices))


def test_a_whole_film_has_nothing_to_say(tmp_path: Path) -> None:
    film = tmp_path / "in.mp4"
    make_clip(film, codec="libx264", frames=60, rate=RATE, options={"bf": "3"}, sound=1)
    for on_error in ("stop", "repeat"):
        frames, notices = read(film, on_error)
        assert len(frames) == 60 and notices == []


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.avi", "libx264", {"bf": "3"}),
        ("a.asf", "libx264", {"bf": "3"}),
        ("a.flv", "libx264", {"bf": "3"}),
        ("a.mp4", "libx264", {"bf": "3", "x264-params": "open-gop=1:keyint=10"}),
        ("a.ts", "libx265", {"x265-params": "open-gop=1:bframes=4:keyint=10:log-level=none"}),
        ("a.mkv", "libx265", {"x265-params": "open-gop=1:bframes=4:keyint=10:log-level=none"}),
        ("a.vob", "mpeg2video", {"bf": "2", "g": "12"}),
        ("a.avi", "mpeg4", {"bf": "2"}),
        ("a.wmv", "wmv2", {}),
    ],
)
@pytest.mark.parametrize("start", [None, Fraction(3, 2)])
def test_whole_films_are_not_taken_for_damaged(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], start: Fraction | None
) -> None:
    """Reordered frames, open groups of pictures, guessed times: and a beginning in the middle."""
    make_clip(tmp_path / name, codec=codec, frames=60, rate=RATE, options=options)
    for on_error in ("stop", "repeat"):
        with FilmReader(str(tmp_path / name), on_error) as reader:  # type: ignore[arg-type]
            frames = list(reader.frames(start_seconds=start))
            told = warnings(reader.notices)
        assert len(frames) == 60 if start is None else 15 <= len(frames) <= 24
        assert not [text for text in told if "did not advance" not in text]


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9", "libsvtav1"])
def test_hidden_pictures_are_no_damage(tmp_path: Path, codec: str) -> None:
    """These codecs store pictures that are never shown, some of them in packets of their own."""
    film = tmp_path / "in.webm"
    options = {
        "auto-alt-ref": "1",
        "lag-in-frames": "12",
        "arnr-maxframes": "7",
        "deadline": "good",
    }
    if codec == "libsvtav1":
        options = {"preset": "12", "svtav1-params": "lp=1"}
    make_clip(film, codec=codec, frames=60, rate=RATE, options=options)
    for on_error in ("stop", "repeat"):
        frames, notices = read(film, on_error)
        assert len(frames) == 60 and notices == []


def test_a_change_of_size_is_scaled_and_counted(tmp_path: Path) -> None:
    film = tmp_path / "film.h264"
    parts = []
    for size in (48, 32):
        make_clip(film, codec="libx264", height=size, frames=4, options={"bf": "0"})
        parts.append(film.read_bytes())
    film.write_bytes(b"".join(parts))
    with FilmReader(str(film), "repeat") as reader:
        for deinterlace in (False, True):
            frames = list(reader.frames(deinterlace=deinterlace))
            assert [frame.luma.shape for frame in frames] == [(48, 64)] * 8
        text = warnings(reader.notices)[0]
        assert text.startswith("4 frames of another size") and "0.17 to 0.29 s" in text
        assert all(frame.luma.shape == (48, 64) for frame in reader.sample(8))


def test_damage_where_samples_are_taken_is_left_to_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filmcolor.media.read.sampling._STRIDE_PIXELS", 1)
    film = tmp_path / "in.mkv"
    make_clip(tmp_path / "a.mkv", codec="libx264", frames=60, rate=RATE, options={"g": "6"})
    rewrite(tmp_path / "a.mkv", film, lambda n, p: [noise(p) if 24 <= n < 36 else p])
    with FilmReader(str(film)) as reader:
        assert 2 <= len(reader.sample(5)) < 5
        with pytest.raises(MediaError, match=r"after frame 2\d \(0\.[89]\d s\)"):
            list(reader.frames())
    with FilmReader(str(film), "repeat") as reader:
        assert reader.sample(5)


# --- times ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> VideoInfo:
    film = tmp_path_factory.mktemp("clock") / "film.mkv"
    make_clip(film, frames=1, rate=RATE)
    with FilmReader(str(film)) as reader:
        return reader.info


def stamped(info: VideoInfo, times: Sequence[int | None]) -> tuple[list[int], list[str]]:
    """What pictures with these times, in milliseconds, are given; and what is told of it."""
    told: list[Notice] = []
    picture = av.VideoFrame(2, 2, "gray")
    decoded = (Decoded(picture, time, 40) for time in times)
    given = [timed.pts for timed in stamp(decoded, info, told.append)]
    return given, warnings(told)


def test_gaps_stay(tmp_path: Path) -> None:
    times = [0, 40, 80, 5000, 5040, 90_000, 90_040]
    film = tmp_path / "in.mkv"
    make_clip(film, time_base=Fraction(1, 1000), pts=times, rate=RATE)
    frames, notices = read(film)
    assert [frame.pts for frame in frames] == times and warnings(notices) == []


def test_raw_streams_are_counted_when_repeating(tmp_path: Path) -> None:
    film = tmp_path / "film.h264"
    make_clip(film, codec="libx264", rate=RATE, frames=30, options={"bf": "2"})
    frames, notices = read(film)
    assert len(frames) == 30 and warnings(notices) == []
    assert len({later.pts - first.pts for first, later in pairwise(frames)}) == 1


# --- what hangs ----------------------------------------------------------------------------


def test_what_hangs_is_an_error_and_what_beats_is_not() -> None:
    heartbeat, hold = Heartbeat(), threading.Event()

    def slow() -> Generator[int, None, None]:
        for number in range(3):
            for _ in range(6):  # longer than the limit, but alive
                time.sleep(0.05)
                heartbeat.beat()
            yield number
        hold.wait(20)
        yield 99

    got = []
    started = time.monotonic()
    with pytest.raises(MediaError, match=r"film\.mkv: reading it hangs.* 0\.2 seconds"):
        for number in with_timeout(slow(), heartbeat, "film.mkv", 0.2):
            got.append(number)
    assert got == [0, 1, 2] and time.monotonic() - started < 10
    hold.set()


def test_a_watched_generator_is_closed_and_its_errors_come_through() -> None:
    closed = []

    def items(fails: bool) -> Generator[int, None, None]:
        try:
            yield 1
            if fails:
                raise KeyError("inside")
            yield 2
        finally:
            closed.append(fails)

    part = with_timeout(items(False), Heartbeat(), "film")
    assert next(part) == 1
    part.close()
    with pytest.raises(KeyError, match="inside"):
        list(with_timeout(items(True), Heartbeat(), "film"))
    assert closed == [False, True]
    assert not [t for t in threading.enumerate() if t.name == "filmcolor-reading"]


def test_a_pipe_may_be_slow_but_not_silent() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as source, os.fdopen(write_end, "wb", buffering=0) as sink:
        heartbeat = Heartbeat()
        pipe = TimeoutReader(source, heartbeat, seconds=1.0)
        threading.Timer(0.6, sink.write, [b"late"]).start()
        assert pipe.read(100) == b"late"
        with pytest.raises(MediaError, match=r"standard input: nothing came for 1 seconds"):
            pipe.read(100)
        assert heartbeat.failure is not None
        sink.close()
        assert pipe.read(100) == b""


def test_a_time_far_from_its_neighbours_is_not_believed(info: VideoInfo) -> None:
    given, told = stamped(info, [0, 40, 80, 3_000_000, 160, 200])
    assert given == [0, 40, 80, 120, 160, 200]
    assert told == ["a frame's time was far from those around it: it was counted instead"]
    assert stamped(info, [0, 40, 90_000, 90_040])[0] == [0, 40, 90_000, 90_040]  # a gap is one
    assert stamped(info, [0, 40, 90_000])[0] == [0, 40, 90_000]


def test_a_time_behind_those_around_it_is_not_believed(info: VideoInfo) -> None:
    """Frames after it keep their times; where they all begin anew is a matter of packets."""
    given, told = stamped(info, [5000, 5040, 5080, 4080, 5160, 5200])
    assert given == [5000, 5040, 5080, 5120, 5160, 5200]
    assert told == ["a frame's time was far from those around it: it was counted instead"]
    assert stamped(info, [5000, 5040, 10_040, 5120])[0] == [5000, 5040, 5080, 5120]
    given, told = stamped(info, [5000, 5040, 4800, 5120])
    assert given == [5000, 5040, 5041, 5120]
    assert told == ["1 frame time that did not advance: moved by a tick"]


def test_repeated_negative_and_unknown_times(info: VideoInfo) -> None:
    given, told = stamped(info, [-80, -40, -40, 0, 40, 30, 80, None, 160])
    assert given == [-80, -40, -39, 0, 30, 40, 80, 120, 160]
    assert told == ["1 frame time that did not advance: moved by a tick"]
    assert stamped(info, [None, None, 1000, 1040]) == ([920, 960, 1000, 1040], [])
    assert stamped(info, [None] * 4) == ([0, 40, 80, 120], [])


# --- what goes with the film ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "out", "codec"), [("in.mkv", "out.mkv", "ffv1"), ("in.mp4", "out.mov", "libx264")]
)
def test_sound_and_times_stay_when_frames_are_repeated(
    tmp_path: Path, name: str, out: str, codec: str
) -> None:
    """Only the film's packets are damaged, inside the file, byte for byte where they lie."""
    whole, broken = tmp_path / f"whole-{name}", tmp_path / name
    options = {"g": "1"} if codec == "ffv1" else {"bf": "2", "g": "12"}
    make_clip(whole, codec=codec, frames=48, rate=RATE, options=options, sound=1)
    content = bytearray(whole.read_bytes())
    with av.open(str(whole)) as film:
        packets = [packet for packet in film.demux(film.streams.video[0]) if packet.size]
    for index in (7, 8, 30):
        body = bytes(packets[index])
        at = bytes(content).index(body)
        noisy = np.random.default_rng(2).bytes(len(body))
        content[at : at + len(body)] = noisy
    broken.write_bytes(content)
    for source, target in ((whole, tmp_path / f"w-{out}"), (broken, tmp_path / out)):
        with FilmReader(str(source), "repeat") as reader:
            choice = replace(coloring.options(), on_error="repeat")
            plan = plan_output(reader.info, str(target), choice)
            with FilmWriter(plan, label="x") as writer:
                for frame in reader.frames():
                    writer.write(coloring.color_frame(frame, plan.layout))
                writer.finish()
            told = warnings(reader.notices)
        assert len(told) == (source == broken), told
    assert coloring.decoded_times(tmp_path / out) == coloring.decoded_times(tmp_path / f"w-{out}")
    sound = coloring.packets_of(tmp_path / out, "audio")
    assert sound == coloring.packets_of(tmp_path / f"w-{out}", "audio")
    assert len(sound) > 80


def test_sound_is_carried_on_with_the_film_where_times_begin_anew(tmp_path: Path) -> None:
    """Two recordings strung together, each with times of its own."""
    part, film, target = tmp_path / "part.ts", tmp_path / "film.ts", tmp_path / "out.mkv"
    make_clip(part, codec="mpeg2video", frames=50, rate=RATE, sound=1, sound_codec="mp2")
    film.write_bytes(part.read_bytes() * 2)
    with FilmReader(str(film)) as reader:
        plan = plan_output(reader.info, str(target), coloring.options())
        with FilmWriter(plan, label="x") as writer:
            for frame in reader.frames():
                writer.write(coloring.color_frame(frame, plan.layout))
            writer.finish()
        assert any("begin anew" in text for text in warnings(reader.notices))
    times = coloring.decoded_times(target)
    assert len(times) == 100
    assert max(later - first for first, later in pairwise(times)) < Fraction(1, 10)
    sound = coloring.packets_of(target, "audio")
    assert len(sound) == 2 * len(coloring.packets_of(part, "audio"))
    steps = [later.seconds - first.seconds for first, later in pairwise(sound)]
    assert max(steps) < Fraction(1, 20) and min(steps) > 0
    assert abs((sound[-1].seconds - sound[0].seconds) - (times[-1] - times[0])) < Fraction(1, 5)


# --- bombs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(16384, 16384), (16380, 9000), (65535, 16), (60000, 60000)])
def test_a_small_file_that_claims_a_huge_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    film, bomb = tmp_path / "a.mkv", tmp_path / "bomb.mkv"
    make_clip(film, width=320, height=272, frames=2)
    content = film.read_bytes()
    field = b"\xb0\x82%b\xba\x82%b"  # PixelWidth and PixelHeight of two bytes each
    old = field % ((320).to_bytes(2, "big"), (272).to_bytes(2, "big"))
    assert content.count(old) == 1
    bomb.write_bytes(content.replace(old, field % tuple(n.to_bytes(2, "big") for n in size)))
    before = memory.forget_peak()
    for on_error in ("stop", "repeat"):
        with pytest.raises(MediaError, match=r"sides up to 16384|more than 134 mega"):
            read(bomb, on_error)
    assert memory.peak() - before < 200_000_000


def test_a_raw_stream_that_grows_beyond_all_bounds_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "film.h264"
    parts = []
    for side in (64, 256):
        make_clip(film, codec="libx264", width=side, height=side, frames=4, options={"bf": "0"})
        parts.append(film.read_bytes())
    film.write_bytes(b"".join(parts))
    options = {"max_pixels": str(160 * 160)}
    monkeypatch.setattr("filmcolor.media.open._DECODER_OPTIONS", options)
    for on_error in ("stop", "repeat"):
        with pytest.raises(MediaError, match="no frame of its video can be decoded"):
            read(film, on_error)
