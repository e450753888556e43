"""A film is shown at another speed: all its frames, and what belongs to them, at new times."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.packet import Packet
from av.stream import Stream

from filmcolor.api import verify_film
from filmcolor.errors import OptionError
from filmcolor.events import Event, Notice, Progress
from filmcolor.jobs.film import color_film
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.retiming import stated_words
from filmcolor.options import Audio, ColorOptions, EncodeOptions, RunOptions, VerifyOptions
from filmcolor.verify.findings import VerifyReport
from tests.helpers.clips import make_clip
from tests.helpers.play import shell
from tests.helpers.tampering import rewrite
from tests.helpers.tiny_model import tiny_model

pytestmark = pytest.mark.e2e

FRAMES, RATE = 24, Fraction(24)
OPTIONS = RunOptions(
    color=ColorOptions(device="cpu", model=tiny_model(), size=64),
    encode=EncodeOptions("libx264", preset="ultrafast"),
    fps=Fraction(16),
)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots, sound, a subtitle from frame 6 to 12 and one from 18 to 21, chapters."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    make_clip(
        path,
        frames=FRAMES,
        rate=RATE,
        cuts=[13],
        sound=1,
        subtitles=[(0.25, 0.5, "one"), (0.75, 0.875, "two")],
        chapters=[(0, 0.5, "a"), (0.5, 1, "b")],
    )
    return path


@pytest.fixture(scope="module")
def slow(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film at 16 frames a second."""
    target = tmp_path_factory.mktemp("slow") / "slow.mp4"
    run(film, target)
    return target


def run(source: Path, target: Path | str, options: RunOptions = OPTIONS) -> str:
    """Colour it; what was said."""
    return words(list(color_film(str(source), str(target), options)))


def words(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def times(path: Path) -> list[Fraction]:
    with FilmReader(str(path)) as reader:
        return [frame.pts * reader.info.time_base for frame in reader.frames()]


def packets(path: Path, kind: str) -> list[tuple[Fraction, Fraction, bytes]]:
    """(time, how long, content) of all packets of the first stream of a kind."""
    with av.open(str(path)) as file:
        stream = next(each for each in file.streams if each.type == kind)
        return [
            (
                packet.pts * packet.time_base,
                (packet.duration or 0) * packet.time_base,
                bytes(packet),
            )
            for packet in file.demux(stream)
            if packet.size > 2 and packet.pts is not None
        ]


def kinds(path: Path) -> list[str]:
    with av.open(str(path)) as file:
        return [stream.type for stream in file.streams if stream.type != "data"]


def proof(source: Path, result: Path, **options: Fraction | Audio) -> VerifyReport:
    return verify_film(source, result, VerifyOptions(**options))  # type: ignore[arg-type]


def test_frame_i_is_shown_at_i_by_the_rate_and_all_else_with_it(film: Path, slow: Path) -> None:
    assert times(slow) == [Fraction(index, 16) for index in range(FRAMES)]
    assert kinds(slow) == ["video", "subtitle"]
    shown = [(at, lasts) for at, lasts, _ in packets(slow, "subtitle")]
    assert shown == [
        (Fraction(6, 16), Fraction(6, 16)),
        (Fraction(18, 16), Fraction(188, 1000)),  # 3 / 16, to the millisecond
    ]
    with av.open(str(slow)) as file:
        starts = [each["start"] * each["time_base"] for each in file.chapters()]
        assert starts == [0, Fraction(12, 16)]
        assert file.metadata["comment"].endswith(stated_words(Fraction(16)))
        assert file.duration == pytest.approx(1_500_000, abs=2000)
    assert proof(film, slow).holds


@pytest.mark.parametrize(
    "rate", ["18", "24000/1001", "1667/100", "12", pytest.param("24", id="its own")]
)
def test_any_rate_is_exact(film: Path, tmp_path: Path, rate: str) -> None:
    fps, target = Fraction(rate), tmp_path / "result.mov"
    said = run(film, target, replace(OPTIONS, fps=fps))
    assert times(target) == [index / fps for index in range(FRAMES)]
    assert ("as they are already" in said) == (fps == RATE)
    assert proof(film, target).holds


def test_sound_is_left_out_or_kept_and_told(film: Path, tmp_path: Path) -> None:
    out, kept = tmp_path / "out.mkv", tmp_path / "kept.mkv"
    said = run(film, out)
    assert "not fit any more: left out: audio stream 1 (aac, eng); --audio copy keeps it" in said
    assert "shown at 16 a second, not at 24 (0:01.0 become 0:01.5)" in said
    assert kinds(out) == ["video", "subtitle"]
    said = run(film, kept, replace(OPTIONS, audio="copy"))
    assert "kept from the first frame on, not stretched: audio stream 1" in said
    before, after = packets(film, "audio"), packets(kept, "audio")
    assert [content for *_, content in after] == [content for at, _, content in before if at >= 0]
    assert after[0][0] < 0.03
    assert abs(after[-1][0] - before[-1][0]) <= Fraction(1, 1000)
    assert packets(kept, "subtitle")[0][0] == Fraction(6, 16)
    for result in (out, kept):
        assert proof(film, result).holds
    assert proof(film, kept, audio="copy").holds
    assert not proof(film, out, audio="copy").holds


def test_a_film_of_unequal_frames(tmp_path: Path) -> None:
    source, target = tmp_path / "film.mkv", tmp_path / "result.mkv"
    pts = [40 * index + 200 * (index >= 5) + 300 * (index >= 9) for index in range(12)]
    ticks = Fraction(1, 1000)
    make_clip(
        source,
        frames=12,
        pts=pts,
        time_base=ticks,
        rate=Fraction(25),
        subtitles=[(0.4, 0.69, "five")],
    )
    assert pts[5] == 400
    assert "40 to 340 ms: all last alike now" in run(
        source, target, replace(OPTIONS, fps=Fraction(20))
    )
    assert times(target) == [Fraction(index, 20) for index in range(12)]
    ((at, lasts, _),) = packets(target, "subtitle")
    assert at == Fraction(5, 20)
    assert lasts == Fraction(175, 1000)  # frames 5, 6, 7, and half of the one of 340 ms
    assert proof(source, target).holds


def test_a_part_begins_at_zero_with_its_subtitles(film: Path, tmp_path: Path) -> None:
    part = {"start_seconds": Fraction(3, 8), "duration_seconds": Fraction(1, 2)}
    target = tmp_path / "part.mp4"
    run(film, target, replace(OPTIONS, audio="copy", **part))  # frames 9 to 21
    assert times(target) == [Fraction(index, 16) for index in range(12)]
    shown = packets(target, "subtitle")
    assert [at for at, *_ in shown] == [0, Fraction(563, 1000)]  # 9 / 16
    assert abs(shown[0][1] - Fraction(3, 16)) <= Fraction(1, 1000)
    sound = packets(target, "audio")
    assert Fraction(6, 10) < sound[-1][0] < Fraction(12, 16)
    assert proof(film, target, **part).holds


def test_work_is_gone_on_with(tmp_path: Path) -> None:
    source, target = tmp_path / "film.mkv", tmp_path / "result.mkv"
    make_clip(source, frames=24, rate=Fraction(2), cuts=[13])
    options = replace(OPTIONS, fps=Fraction(3))
    with closing(color_film(str(source), str(target), options)) as events:
        for event in events:
            if isinstance(event, Progress) and event.done > 13:
                break
    done = run(source, target, options)
    if not target.exists() or "going on with earlier work" not in done:
        pytest.fail(done)
    assert [round(at * 1000) for at in times(target)] == [
        round(Fraction(1000 * index, 3)) for index in range(24)
    ]
    assert proof(source, target).holds


def test_wrong_results_are_named(film: Path, slow: Path, tmp_path: Path) -> None:
    plain, lying = tmp_path / "plain.mkv", tmp_path / "lying.mkv"
    run(film, plain, replace(OPTIONS, fps=None))
    assert proof(film, plain).holds
    found = [each.line for each in proof(film, plain, fps=Fraction(16)).findings]
    assert any("shown at another time" in line for line in found)
    assert any("audio" in line and "not in the source" in line for line in found) is False
    found = [each.line for each in proof(film, slow, fps=Fraction(18)).findings]
    assert any("shown at another time" in line for line in found)
    with av.open(str(plain)) as file:
        comment = file.metadata["COMMENT"] + stated_words(Fraction(16))
    rewrite(plain, lying, comment=comment)
    report = proof(film, lying)
    assert not report.holds
    assert any("shown at another time" in each.line for each in report.findings)


def test_interlaced_film_keeps_its_fields(tmp_path: Path) -> None:
    source, target = tmp_path / "film.mkv", tmp_path / "result.mov"
    make_clip(source, frames=8, rate=Fraction(25), interlaced=True, codec="libx264")
    said = run(source, target)
    assert "its fields stay: 32 a second" in said
    assert times(target) == [Fraction(index, 16) for index in range(8)]
    assert proof(source, target).holds


def test_what_cannot_be_asked_for(film: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"--fps: frames .* hold no times"):
        run(film, tmp_path / "f_%06d.png")
    with pytest.raises(OptionError, match="--fps, --keep-start"):
        run(film, tmp_path / "result.mkv", replace(OPTIONS, keep_start=True))


@pytest.mark.process
def test_pipes_have_the_rate() -> None:
    header = b"YUV4MPEG2 W64 H48 F24:1 Ip A1:1 C420mpeg2\n"
    piped = header + 3 * (b"FRAME\n" + bytes(range(64)) * 48 + b"\x80" * (64 * 24))
    done = shell("run", "-", "--fps", "16.67", "--device", "cpu", "-o", "-", stdin=piped)
    first, _, rest = done.stdout.partition(b"\n")
    assert first.split()[3] == b"F1667:100"
    assert rest.count(b"FRAME\n") == 3
    assert b"shown at 16.67 a second, not at 24" in done.stderr


def delayed(number: int, packet: Packet[Stream]) -> Packet[Stream]:
    """A packet 125 ms late; those of the result tick in milliseconds."""
    assert packet.pts is not None and packet.dts is not None
    packet.pts, packet.dts = packet.pts + 125, packet.dts + 125
    return packet


def without_the_seventh(number: int, packet: Packet[Stream]) -> Packet[Stream] | None:
    return None if number == 7 else packet


def test_what_is_beside_the_frames_in_a_wrong_place_is_named(film: Path, tmp_path: Path) -> None:
    kept, wrong = tmp_path / "kept.mkv", tmp_path / "wrong.mkv"
    run(film, kept, replace(OPTIONS, audio="copy"))
    for kind in ("audio", "subtitle"):
        rewrite(kept, wrong, packets=delayed, kind=kind)
        lines = [each.line for each in proof(film, wrong).findings if each.severity == "fault"]
        assert lines and all(kind in line and "at another time" in line for line in lines)
    rewrite(kept, wrong, without=("chapters",))
    assert any("chapters" in each.line for each in proof(film, wrong).findings)
    rewrite(
        kept, wrong, packets=lambda number, packet: None if number == 7 else packet, kind="video"
    )
    assert not proof(film, wrong).holds
