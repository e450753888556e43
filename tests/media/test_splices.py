"""Recordings strung together, leaps and wrong times: what goes on stays together, what does not is
not believed. The films are made here, joined byte by byte, their times written into the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from filmcolor.errors import MediaError
from filmcolor.media.open import open_source
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.straight_packets import StraightPackets
from filmcolor.media.write.encoder_input import check_durations
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.options import VerifyOptions
from filmcolor.verify.check import verify_film
from filmcolor.verify.findings import VerifyReport
from tests.helpers import coloring
from tests.helpers.clips import make_clip
from tests.properties.test_splices import FILM, Recording, packets, repaired

RATE = Fraction(25)
CODECS = {".ts": ("mpeg2video", "mp2"), ".mpg": ("mpeg2video", "mp2")} | {
    ".flv": ("flv", "aac"),
    ".mkv": ("mpeg2video", "mp2"),
}
FLV_HEADER = 13  # bytes before the first tag

Change = Callable[[av.Packet], bool | None]


def make_part(path: Path, frames: int = 50, rate: Fraction = RATE, bf: int = 0) -> None:
    """A film with sound; `bf` B-frames in a row."""
    codec, sound = CODECS[path.suffix]
    options = {"g": "12", "bf": str(bf)}
    make_clip(
        path, codec=codec, frames=frames, rate=rate, sound=1, sound_codec=sound, options=options
    )


def remux(source: Path, target: Path, change: Change) -> None:
    """Copy all packets; `change` may move one, and leaves it out by giving False."""
    keep = {"mpegts_copyts": "1"} if target.suffix == ".ts" else {}
    with av.open(str(source)) as film, av.open(str(target), "w", container_options=keep) as output:
        streams = {
            stream.index: output.add_stream_from_template(stream)
            for stream in film.streams
            if stream.type in ("video", "audio")
        }
        for packet in film.demux(*(film.streams[index] for index in streams)):
            if packet.size and change(packet) is not False:
                packet.stream = streams[packet.stream_index]
                output.mux_one(packet)


def moved(seconds: float) -> Change:
    """Moves every packet."""

    def move(packet: av.Packet) -> None:
        ticks = round(Fraction(seconds) / packet.time_base)
        packet.pts += ticks
        if packet.dts is not None:
            packet.dts += ticks

    return move


def string_together(film: Path, offsets: Sequence[float], part: Path) -> None:
    """Write `part` several times in a row, each time with its times moved."""
    content = b""
    for number, seconds in enumerate(offsets):
        one = film.with_name(f"moved{number}{film.suffix}")
        remux(part, one, moved(seconds))
        content += one.read_bytes()[FLV_HEADER if number and film.suffix == ".flv" else 0 :]
    film.write_bytes(content)


def color(source: Path, target: Path) -> list[str]:
    """Colour a film with one colour; the warnings."""
    with FilmReader(str(source)) as reader:
        plan = plan_output(reader.info, str(target), coloring.options())
        with FilmWriter(plan, label=coloring.LABEL) as writer:
            for frame in reader.frames():
                writer.write(coloring.color_frame(frame, plan.layout))
            writer.finish()
        return [notice.text for notice in reader.notices if notice.warning]


def verified(source: Path, target: Path) -> VerifyReport:
    steps = verify_film(str(source), str(target), VerifyOptions())
    try:
        while True:
            next(steps)
    except StopIteration as end:
        report: VerifyReport = end.value
        return report


def sound_times(path: Path) -> list[Fraction]:
    return [packet.seconds for packet in coloring.packets_of(path, "audio")]


def lengths(path: Path) -> list[Fraction]:
    """How long picture and sound last."""
    found = []
    for kind in ("video", "audio"):
        with av.open(str(path)) as film:
            (stream,) = (stream for stream in film.streams if stream.type == kind)
            packets = [packet for packet in film.demux(stream) if packet.size]
            ends = [(packet.pts + packet.duration) * packet.time_base for packet in packets]
            found.append(max(ends) - min(packet.pts for packet in packets) * packets[0].time_base)
    return found


@pytest.mark.parametrize(
    ("name", "out", "offsets"),
    [
        *(("in.ts", ".mp4", offsets) for offsets in [(0, 20_000), (20_000, 0), (0, 5000, 300)]),
        *(("in.mpg", ".mkv", offsets) for offsets in [(0, 20_000), (100, 0), (0, 5000, 300)]),
        *(("in.flv", ".mkv", offsets) for offsets in [(0, 20_000), (100, 0), (0, 5000, 300)]),
        *(("in.mkv", ".mp4", offsets) for offsets in [(0, 20_000), (20_000, 0)]),
    ],
)
def test_recordings_strung_together_go_on_from_each_other(
    tmp_path: Path, name: str, out: str, offsets: tuple[float, ...]
) -> None:
    """One shift for all streams: picture and sound lie in each part as they lie in the first."""
    film, target = tmp_path / name, tmp_path / f"out{out}"
    part, count = tmp_path / f"part{film.suffix}", len(offsets)
    make_part(part)
    string_together(film, offsets, part)
    (text,) = color(film, target)
    where = "after" if count == 2 else "in 2 places"
    assert text.startswith(f"the times begin anew {where}")
    times, sound = coloring.decoded_times(target), sound_times(target)
    assert len(times) == 50 * count and len(sound) % count == 0
    step, packets = max(lengths(part)), len(sound) // count
    # In MPEG-PS FFmpeg takes the time of a last frame from the next recording's first packet.
    tolerance = Fraction(16 if name == "in.mpg" else 2, 1000)
    for number in range(1, count):
        first, heard = times[50 * number : 50 * number + 50], sound[packets * number :][:packets]
        expected = [at + number * step for at in times[:50]]
        assert max(abs(a - b) for a, b in zip(first, expected, strict=True)) <= tolerance
        expected = [at + number * step for at in sound[:packets]]
        assert max(abs(a - b) for a, b in zip(heard, expected, strict=True)) <= tolerance
    report = verified(film, target)
    assert not [finding for finding in report.findings if finding.severity == "fault"]


def test_samples_are_of_the_whole_film_where_times_leap(
    tmp_path: Path,
) -> None:
    """The middle of the time from the first packet to the last lies in no recording."""
    part, film = tmp_path / "part.ts", tmp_path / "in.ts"
    make_part(part)
    string_together(film, (0, 20_000), part)
    with FilmReader(str(film)) as reader:
        times = [frame.pts * reader.info.time_base for frame in reader.sample(10)]
    assert len(times) == 10 and times[0] < 1 and times[-1] > 3


@pytest.mark.parametrize("bf", [0, 2])
def test_a_leap_of_less_than_ten_seconds_is_a_gap(tmp_path: Path, bf: int) -> None:
    part, film, target = (tmp_path / name for name in ("part.ts", "in.ts", "out.mp4"))
    make_part(part, bf=bf)
    string_together(film, (0, 8), part)
    assert color(film, target) == []
    times = coloring.decoded_times(target)
    assert [later - first for first, later in zip(times[:50], times[50:], strict=True)] == [8] * 50


def test_sound_or_picture_that_pauses_alone_is_not_moved(tmp_path: Path) -> None:
    """Twelve seconds without sound, or without picture: the other stream tells that time passes."""
    part = tmp_path / "part.ts"
    make_part(part, frames=90, rate=Fraction(5))
    for kind in ("audio", "video"):
        film, target = tmp_path / f"{kind}.ts", tmp_path / f"{kind}.mkv"

        def is_kept(packet: av.Packet, kind: str = kind) -> bool:
            return packet.stream.type != kind or not 3 < packet.pts * packet.time_base < 15.5

        remux(part, film, is_kept)
        assert color(film, target) == []
        whole = tmp_path / f"whole-{kind}.mkv"
        color(part, whole)
        for read in (coloring.decoded_times, sound_times):
            assert set(read(target)) <= set(read(whole))
        times = coloring.decoded_times(target) if kind == "video" else sound_times(target)
        assert max(later - first for first, later in pairwise(times)) > 12


def write_time(content: bytearray, stream: int, number: int, seconds: float) -> None:
    """Move the times in the header of one PES packet of a transport stream (ISO/IEC 13818-1)."""
    at = -1
    for _ in range(number + 1):
        at = content.index(bytes([0, 0, 1, stream]), at + 1)
    flags = content[at + 7] >> 6
    for place in (at + 9, at + 14)[: flags - 1]:
        field = content[place : place + 5]
        old = (field[0] >> 1 & 7) << 30 | field[1] << 22 | (field[2] >> 1) << 15
        old |= field[3] << 7 | field[4] >> 1
        new = old + round(seconds * 90_000)
        content[place : place + 5] = bytes(
            [
                field[0] & 0xF0 | (new >> 30 & 7) << 1 | 1,
                new >> 22 & 255,
                (new >> 15 & 127) << 1 | 1,
                new >> 7 & 255,
                (new & 127) << 1 | 1,
            ]
        )


SOUND, PICTURE = 0xC0, 0xE0


@pytest.mark.parametrize("seconds", [100, 15_000, 5, -1, -1.5])
@pytest.mark.parametrize("stream", [SOUND, PICTURE])
def test_one_wrong_time_moves_nothing_else(tmp_path: Path, stream: int, seconds: float) -> None:
    part, film = tmp_path / "part.ts", tmp_path / "in.ts"
    make_part(part, frames=75)
    content = bytearray(part.read_bytes())
    write_time(content, stream, 5, seconds if stream == PICTURE or seconds > 0 else 2 * seconds)
    film.write_bytes(content)
    told = color(film, tmp_path / "out.mp4")
    assert color(part, tmp_path / "right.mp4") == []
    assert coloring.decoded_times(tmp_path / "out.mp4") == coloring.decoded_times(
        tmp_path / "right.mp4"
    )
    heard, right = sound_times(tmp_path / "out.mp4"), sound_times(tmp_path / "right.mp4")
    assert max(abs(a - b) for a, b in zip(heard, right, strict=True)) <= Fraction(1, 10_000)
    expected = "a frame's time was far from those around it: it was counted instead"
    assert told == ([expected] if stream == PICTURE else [])


def test_a_wrong_time_among_reordered_frames(tmp_path: Path) -> None:
    part, film = tmp_path / "part.ts", tmp_path / "in.ts"
    make_part(part, frames=75, bf=2)
    content = bytearray(part.read_bytes())
    write_time(content, PICTURE, 20, 100)
    film.write_bytes(content)
    times, right = [], []
    for path, found in ((film, times), (part, right)):
        for on_error in ("stop", "repeat"):
            with FilmReader(str(path), on_error) as reader:  # type: ignore[arg-type]
                found.append([frame.pts for frame in reader.frames()])
    assert times == right


@pytest.mark.parametrize("name", ["in.mkv", "in.flv", "in.ts", "in.mpg"])
def test_sound_that_outlasts_the_picture_is_no_film_cut_short(tmp_path: Path, name: str) -> None:
    part, film = tmp_path / f"part{name[2:]}", tmp_path / name
    make_part(part, frames=125)

    def is_kept(packet: av.Packet) -> bool:
        return packet.stream.type == "audio" or packet.pts * packet.time_base < 2

    remux(part, film, is_kept)
    with FilmReader(str(film)) as reader:
        frames = list(reader.frames())
        assert 35 < len(frames) < 55 and reader.notices == []
    film.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    with FilmReader(str(film)) as reader:
        list(reader.frames())
        # The others state nothing: FFmpeg reckons from what is there.
        cut_short = ["cut short" in notice.text for notice in reader.notices]
        assert cut_short == ([True] if name in ("in.mkv", "in.flv") else [])


def test_a_film_that_does_not_begin_at_zero_is_not_cut_short(tmp_path: Path) -> None:
    part, film = tmp_path / "part.mkv", tmp_path / "in.mkv"
    make_part(part)
    remux(part, film, moved(30))
    with FilmReader(str(film)) as reader:
        assert len(list(reader.frames())) == 50 and reader.notices == []


def test_times_far_beyond_what_the_header_states_are_told(tmp_path: Path) -> None:
    """A gap of forty seconds in a film that says itself that it lasts two."""
    part, film = tmp_path / "part.avi", tmp_path / "in.mkv"
    make_clip(part, codec="mpeg4", frames=50, rate=RATE)

    def late(packet: av.Packet) -> None:
        if packet.pts * packet.time_base >= 1:
            moved(40)(packet)

    remux(part, film, late)
    content = film.read_bytes()
    at = content.index(b"\x44\x89\x88") + 3  # Duration, a float of eight bytes, in milliseconds
    film.write_bytes(content[:at] + struct.pack(">d", 2000.0) + content[at + 8 :])
    with FilmReader(str(film)) as reader:
        list(reader.frames())
        (text,) = [notice.text for notice in reader.notices]
    assert text.startswith("the last frame is at 41.96 s, but the file's header says 2.00 s")


@pytest.mark.parametrize("gap", [134_200, 134_300])
def test_a_frame_too_long_for_the_container_is_refused_before_colouring(
    tmp_path: Path, gap: int
) -> None:
    """mp4 holds 2^31 - 1 ticks, here of 1/16000 s: 134,217 seconds; Matroska holds any."""
    film = tmp_path / "in.mkv"
    pts = [0, 40, gap * 1000, gap * 1000 + 40]
    make_clip(film, rate=RATE, time_base=Fraction(1, 1000), pts=pts)
    with FilmReader(str(film)) as reader:
        for out in ("a.mp4", "a.mov", "a.mkv"):
            plan = plan_output(reader.info, str(tmp_path / out), coloring.options())
            if gap < 134_217 or out == "a.mkv":
                check_durations(plan, pts, 40)
                color(film, tmp_path / out)
                continue
            with pytest.raises(MediaError, match=r"frame at 0\.04 s lasts 134300 seconds.*\.mkv"):
                check_durations(plan, pts, 40)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
def test_a_picture_every_second_is_no_leap(tmp_path: Path, suffix: str) -> None:
    """Pictures that are shown seconds after they are decoded, as slide shows have them."""
    source = tmp_path / f"slides{suffix}"
    make_clip(
        source,
        frames=20,
        rate=Fraction(1),
        time_base=Fraction(1, 1000),
        codec="libx264",
        options={"g": "10", "bf": "3"},
        sound=1,
    )
    with open_source(str(source)) as container:
        film = container.streams.video[0]
        packets = StraightPackets(container, film.index, [film.index])
        seconds = sorted(float(p.pts * p.time_base) for p in packets if p.pts is not None)
    assert packets.straight.found == [] and packets.straight.astray == 0
    assert [round(at - seconds[0], 3) for at in seconds] == list(range(20))


@pytest.mark.parametrize("suffix", [".flv", ".ts"])
def test_a_picture_every_twelve_seconds_is_no_leap(tmp_path: Path, suffix: str) -> None:
    """Without sound, and where nothing says how long a picture is shown."""
    source = tmp_path / f"slides{suffix}"
    codec = "flv" if suffix == ".flv" else "mpeg4"
    make_clip(source, frames=9, rate=Fraction(1, 12), time_base=Fraction(1, 1000), codec=codec)
    with FilmReader(str(source)) as reader:
        times = [frame.pts * reader.info.time_base for frame in reader.frames()]
        assert reader.notices == []
    assert [round(float(at - times[0]), 2) for at in times] == list(range(0, 108, 12))


@pytest.mark.parametrize("ahead", [93_601, 100_001, 150_000, 200_000])
@pytest.mark.parametrize("strung", [False, True])
def test_one_time_a_little_ahead_moves_nothing_else(ahead: int, strung: bool) -> None:
    """A second or two: those that follow pass it, and do not go on from it."""
    tick = Fraction(1, 90_000)
    given = packets([Recording(Fraction(5), 120)], tick, 0, tick)
    wrong = [each for each in given if each.stream_index == FILM][30]
    wrong.pts = wrong.dts = 5 * 90_000 + 30 * 3600 + ahead
    found, repair = repaired(given, strung=strung)
    assert wrong.pts is None and repair.astray == 1 and not repair.found
    for stream in (0, 1):
        times = [each.pts for each in found if each.stream_index == stream and each is not wrong]
        places = [at for at in range(120) if (stream, at) != (FILM, 30)]
        assert times == [5 * 90_000 + 3600 * at for at in places]
