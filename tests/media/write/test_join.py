"""A film joined from segments is the film in one piece: frames, times, streams, and bytes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from filmcolor.errors import JobError, MediaError, NameTakenError
from filmcolor.media.write.join import join_film
from filmcolor.options import Codec, EncodeOptions, RunOptions
from filmcolor.types import ColorTags
from tests.helpers.clips import Plane, decode_film, largest_file, make_clip, plane_codes
from tests.helpers.coloring import LABEL, decoded_times, options
from tests.helpers.segments import (
    Cut,
    cut_film,
    described,
    exactly_repeatable,
    film_packets,
    join,
    segment_and_join,
    stated_reorder,
    write_direct,
    write_segment,
    write_segments,
)

pytestmark = pytest.mark.codec

SHORT = (1, 2, 3, 7, 20)
LONG = (500, 1, 120, 2, 40, 3, 7)
FONT = ("Old Type.ttf", "application/x-truetype-font", b"\x00\x01\x00\x00not really a font")

PRESETS: dict[Codec, str | None] = {
    # With frames that look ahead, where the codec has them.
    "libx264": "medium",
    "libx265": "superfast",
    "libsvtav1": "10",
    "prores": None,
    "ffv1": None,
}
HELD: list[tuple[Codec, str]] = [
    *[(codec, suffix) for codec in ("libx264", "libx265") for suffix in (".mp4", ".mov", ".mkv")],
    ("libsvtav1", ".mp4"),
    ("libsvtav1", ".mkv"),
    ("prores", ".mov"),
    ("prores", ".mkv"),
    ("ffv1", ".mkv"),
]
CLOCKS = {"constant": Fraction(1, 24), "variable": Fraction(1, 90_000)}
EVERY = [(codec, suffix, clock) for codec, suffix in HELD for clock in CLOCKS]
ONCE: list[tuple[Codec, str, str]] = [
    ("libx264", ".mp4", "variable"),
    ("libx265", ".mov", "constant"),
    ("libsvtav1", ".mkv", "variable"),
    ("prores", ".mov", "variable"),
    ("ffv1", ".mkv", "constant"),
]
"""Every codec, container and clock at least once, and each clock in each container."""
HALF = [*ONCE, *(("libx264", ".mov", "constant"), ("libx264", ".mkv", "variable"))]
HALF += [("libx265", ".mp4", "variable"), ("libx265", ".mkv", "constant")]
HALF += [("libsvtav1", ".mp4", "constant"), ("prores", ".mkv", "constant")]
"""Every codec in every container that holds it."""


def cells(chosen: list[tuple[Codec, str, str]]) -> pytest.MarkDecorator:
    """Those of the matrix; `scripts/test --all` tries the others, too."""
    full = [pytest.param(*cell, marks=pytest.mark.full) for cell in EVERY if cell not in chosen]
    return pytest.mark.parametrize(("codec", "suffix", "clock"), [*chosen, *full])


def test_the_chosen_cells_have_everything() -> None:
    assert len(set(HALF)) == len(HALF) and set(HALF) < set(EVERY)
    assert {(codec, suffix) for codec, suffix, _ in HALF} == set(HELD)
    assert {codec for codec, _, _ in ONCE} == set(PRESETS)
    assert {(suffix, clock) for _, suffix, clock in HALF} == {
        (suffix, clock) for suffix in (".mp4", ".mov", ".mkv") for clock in CLOCKS
    }
    assert {(codec, clock) for codec, _, clock in HALF if codec != "ffv1"} == {
        (codec, clock) for codec in PRESETS if codec != "ffv1" for clock in CLOCKS
    }


def choice(codec: Codec, *, lossless: bool = False) -> RunOptions:
    encode = EncodeOptions(codec=codec, preset=PRESETS[codec], lossless=lossless)
    return RunOptions(encode=encode)


def film_times(clock: str, count: int) -> list[int]:
    """Ticks of `CLOCKS`: one a frame; or between 1/45 and 1/20 of a second apart, begun late."""
    if clock == "constant":
        return list(range(count))
    return [126_001 + 3003 * n + (n * n * 37) % 1500 for n in range(count)]


def make_film(path: Path, count: int, clock: str = "constant") -> list[Plane]:
    """A film with everything that can stand beside a picture."""
    return make_clip(
        path,
        pts=film_times(clock, count),
        time_base=CLOCKS[clock],
        sound=2,
        subtitles=[(0.1, 0.4, "Hello <i>world</i>"), (0.5, 0.9, "Zwei\nZeilen")],
        chapters=[(0.0, 0.5, "Eins"), (0.5, 1.2, "Zwei")],
        attachment=FONT,
        metadata={"title": "Der müde Tod", "comment": "restored 1998"},
        tags=ColorTags(matrix=5, primaries=6, transfer=13, full_range=False),
        sample_aspect_ratio=Fraction(8, 9),
        rotation=90,
    )


@cells(HALF)
def test_joined_film_says_what_the_film_in_one_piece_says(
    tmp_path: Path, codec: Codec, suffix: str, clock: str
) -> None:
    """One segment: then the encoder's bytes are the same too, and nothing may differ.

    (Lossless where it can be: the lossy x264 does not always give the same bytes.)
    """
    source, target, direct = (
        tmp_path / name for name in ("in.mkv", f"out{suffix}", f"direct{suffix}")
    )
    make_film(source, 30, clock)
    lossless = codec in ("libx264", "libx265")
    cut = exactly_repeatable(cut_film(source, target, choice(codec, lossless=lossless), [30]))
    write_direct(cut, direct)
    paths, _ = write_segments(cut, tmp_path)
    join(cut, paths, stated_reorder(cut.plan))
    assert described(target) == described(direct)
    assert film_packets(target) == film_packets(direct)
    if codec not in ("libx265", "libsvtav1"):  # these mark frames that players may drop
        assert target.read_bytes() == direct.read_bytes()


@cells(HALF)
def test_many_segments_are_one_film(tmp_path: Path, codec: Codec, suffix: str, clock: str) -> None:
    check_film(tmp_path, codec, suffix, clock, SHORT)


@pytest.mark.slow
@cells(ONCE)
def test_segments_of_up_to_500_frames_are_one_film(
    tmp_path: Path, codec: Codec, suffix: str, clock: str
) -> None:
    check_film(tmp_path, codec, suffix, clock, LONG)


def check_film(
    folder: Path, codec: Codec, suffix: str, clock: str, lengths: tuple[int, ...]
) -> None:
    """Every promise about the picture: frames, order, times, the last frame, key frames."""
    source, target, direct = (
        folder / name for name in ("in.mkv", f"out{suffix}", f"direct{suffix}")
    )
    count = sum(lengths)
    lumas = make_film(source, count, clock)
    cut = cut_film(source, target, choice(codec), lengths)
    write_direct(cut, direct)
    segment_and_join(cut, folder)

    frames = decoded(target)
    check_order(frames, lumas)
    whole = decoded_times(direct)
    assert [seconds for seconds, _ in frames] == whole
    base, pts = cut.plan.source_time_base, cut.pts
    tolerance = Fraction(1, 2000) if suffix == ".mkv" else 0
    assert all(abs(at - tick * base) <= tolerance for at, tick in zip(whole, pts, strict=True))
    assert beside_the_picture(target) == beside_the_picture(direct)
    shown = (whole[-1] + cut.last * base) * 1_000_000
    assert duration(target) == pytest.approx(float(shown), abs=50_000)
    check_key_frames(target, frames, set(cut.starts[:-1]))


def decoded(path: Path) -> list[tuple[Fraction, Plane]]:
    with av.open(str(path)) as film:
        base = film.streams.video[0].time_base
        assert base is not None
    pts, lumas = decode_film(path)
    return [(at * base, luma) for at, luma in zip(pts, lumas, strict=True)]


def check_order(frames: list[tuple[Fraction, Plane]], lumas: list[Plane]) -> None:
    """Every frame is there and in its place: like its own source, and less like its neighbours."""
    assert len(frames) == len(lumas)
    assert all(before < after for (before, _), (after, _) in pairwise(frames))

    def error(number: int, other: int) -> float:
        luma = frames[number][1].astype(float)
        scale = 4 if frames[number][1].dtype == np.uint16 else 1
        return float(np.abs(luma / scale - lumas[other]).mean())

    for number in range(len(frames)):
        own = error(number, number)
        others = [other for other in (number - 1, number + 1) if 0 <= other < len(frames)]
        assert own < 6
        assert all(own < error(number, other) for other in others)


def beside_the_picture(path: Path) -> dict[str, object]:
    """What the file says, without what depends on the order in which the encoder codes."""
    facts = described(path)
    del facts["duration"]
    for stream in facts["streams"]:
        for key in ("depth", "rate"):
            stream.pop(key, None)
    return facts


def duration(path: Path) -> int:
    """Microseconds that the film lasts."""
    with av.open(str(path)) as film:
        assert film.duration is not None
        return film.duration


def check_key_frames(path: Path, frames: list[tuple[Fraction, Plane]], expected: set[int]) -> None:
    """Decoding can start at every key frame, and every segment begins with one."""
    number_at = {at: number for number, (at, _) in enumerate(frames)}
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        keys = [packet.pts for packet in film.demux(stream) if packet.size and packet.is_keyframe]
        assert expected <= {number_at[pts * stream.time_base] for pts in keys}
        for pts in keys if len(keys) < 100 else keys[::25]:
            film.seek(pts, stream=stream, backward=True)
            number = number_at[pts * stream.time_base]
            for frame in film.decode(stream):
                at = frame.pts * frame.time_base
                if at == frames[number][0]:
                    np.testing.assert_array_equal(plane_codes(frame, 0), frames[number][1])
                    number += 1
                else:
                    assert at < frames[number][0] and number == number_at[pts * stream.time_base]
                if number >= min(len(frames), number_at[pts * stream.time_base] + 12):
                    break
            else:
                assert number == len(frames)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", ".mp4"), ("libx265", ".mov"), ("ffv1", ".mkv")]
)
def test_lossless_segments_keep_luma_code_for_code(
    tmp_path: Path, codec: Codec, suffix: str
) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    lumas = make_film(source, sum(SHORT), "variable")
    cut = cut_film(source, target, choice(codec, lossless=True), SHORT)
    segment_and_join(cut, tmp_path)
    for (_, written), luma in zip(decoded(target), lumas, strict=True):
        np.testing.assert_array_equal(written, luma)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("case", ["part", "beginning", "early sound", "before zero"])
def test_times_that_do_not_begin_at_zero(tmp_path: Path, case: str, suffix: str) -> None:
    source, target, direct = (
        tmp_path / name for name in ("in.mkv", f"out{suffix}", f"direct{suffix}")
    )
    chosen = options("ffv1" if suffix == ".mkv" else "libx264", lossless=True)
    if case == "early sound":
        source = tmp_path / "in.mp4"
        make_clip(source, frames=24, codec="libx264", sound=1)
    else:
        first = -5 if case == "before zero" else 0
        keep = {"avoid_negative_ts": "disabled"}
        pts = [40 * number for number in range(first, first + 24)]
        make_clip(source, pts=pts, time_base=Fraction(1, 1000), sound=1, container_options=keep)
    if case == "part":
        chosen = replace(chosen, start_seconds=Fraction(2, 5), duration_seconds=Fraction(2, 5))
    if case == "beginning":
        chosen = replace(chosen, duration_seconds=Fraction(2, 5))
    lengths = (3, 1, 6) if case in ("part", "beginning") else (3, 1, 20)
    cut = cut_film(source, target, chosen, lengths)
    write_direct(cut, direct)
    segment_and_join(cut, tmp_path)
    assert described(target) == described(direct)
    assert decoded_times(target) == decoded_times(direct)


def test_the_join_says_how_far_it_is(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_clip(source, frames=230, width=16, height=16)
    cut = cut_film(source, target, options("ffv1"), (30, 200))
    paths, facts = write_segments(cut, tmp_path)
    assert join(cut, paths, facts[0].reorder) == [100, 200, 230]


@pytest.fixture
def cut_in_three(tmp_path: Path) -> tuple[Cut, list[Path]]:
    """A film of 3, 4 and 5 frames, and its segments in the folder "work"."""
    source = tmp_path / "in.mkv"
    make_clip(source, frames=12, sound=1)
    cut = cut_film(source, tmp_path / "out.mp4", options(), (3, 4, 5))
    work = tmp_path / "work"
    work.mkdir()
    paths, _ = write_segments(cut, work)
    return cut, paths


def refuse(cut: Cut, paths: list[Path], words: str, **changed: object) -> None:
    """The join ends with one line that has these words; no target, and all segments still there."""
    target = Path(cut.plan.target)
    before = {path.name: path.read_bytes() for path in paths if path.exists()}
    arguments = {"frames": cut.lengths, **changed}
    with pytest.raises(MediaError, match=words) as caught:
        list(
            join_film(
                cut.plan,
                [str(path) for path in paths],
                cut.pts,
                cut.last,
                0,
                label=LABEL,
                **arguments,
            )
        )  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in target.parent.iterdir()) == ["in.mkv", "work"]
    assert {path.name: path.read_bytes() for path in paths if path.exists()} == before


def test_a_missing_segment_is_an_error(cut_in_three: tuple[Cut, list[Path]]) -> None:
    cut, paths = cut_in_three
    paths[1].unlink()
    refuse(cut, paths, r"1\.seg: .*No such file")


def test_something_else_in_place_of_a_segment_is_an_error(
    cut_in_three: tuple[Cut, list[Path]],
) -> None:
    cut, paths = cut_in_three
    paths[1].write_bytes(b"nothing of this kind" * 20)
    refuse(cut, paths, r"1\.seg: not a film")


@pytest.mark.parametrize("left", [0.02, 0.5, 0.9, 0.999])
def test_a_segment_cut_short_is_an_error(cut_in_three: tuple[Cut, list[Path]], left: float) -> None:
    cut, paths = cut_in_three
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[: int(len(whole) * left)])
    refuse(cut, paths, r"1\.seg: ", frames=None)


@pytest.mark.parametrize("left", [0.02, 0.5, 0.8])
def test_a_segment_of_prores_cut_short_is_an_error(tmp_path: Path, left: float) -> None:
    source, work = tmp_path / "in.mkv", tmp_path / "work"
    work.mkdir()
    make_clip(source, frames=9)
    cut = cut_film(source, tmp_path / "out.mov", options("prores"), (3, 4, 2))
    paths, _ = write_segments(cut, work)
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[: int(len(whole) * left)])
    refuse(cut, paths, r"1\.seg: ")


def test_too_few_frames_are_an_error(cut_in_three: tuple[Cut, list[Path]]) -> None:
    cut, paths = cut_in_three
    refuse(cut, paths, r"1\.seg: holds 4 frames instead of 6", frames=[3, 6, 3])
    refuse(cut, paths[:2], "its segments hold 7 frames instead of 12", frames=None)


def test_a_segment_too_many_is_an_error(cut_in_three: tuple[Cut, list[Path]]) -> None:
    cut, paths = cut_in_three
    refuse(cut, [*paths, paths[0]], r"0\.seg: holds frames that the film has not", frames=None)


def test_segments_in_the_wrong_order_are_an_error(cut_in_three: tuple[Cut, list[Path]]) -> None:
    cut, paths = cut_in_three
    refuse(cut, [paths[1], paths[0], paths[2]], r"1\.seg: holds 4 frames instead of 3")


def test_no_segments_are_an_error(cut_in_three: tuple[Cut, list[Path]]) -> None:
    cut, _ = cut_in_three
    refuse(cut, [], "has no frames")


def with_params(cut: Cut, params: str) -> Cut:
    """The same film, its x265 told something more."""
    settings = cut.plan.settings
    assert settings is not None
    chosen = {**settings.options}
    chosen["x265-params"] += f":{params}"
    settings = replace(settings, options=chosen)
    return replace(cut, plan=replace(cut.plan, settings=settings))


@pytest.mark.parametrize(("params", "joins"), [("frame-threads=2", True), ("ref=5", False)])
def test_segments_of_other_settings_join_only_if_one_decoder_does_for_all(
    tmp_path: Path, params: str, joins: bool
) -> None:
    """The number of processors may change between runs; x265 writes it into its headers."""
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    lumas = make_clip(source, frames=12)
    cut = cut_film(source, target, choice("libx265", lossless=True), (6, 6))
    paths, facts = write_segments(cut, tmp_path)
    other = with_params(cut, params)
    write_segment(other.plan, paths[1], cut.frames[6:])
    if not joins:
        with pytest.raises(MediaError, match=r"1\.seg: encoded with other settings"):
            join(cut, paths, facts[0].reorder)
        assert not target.exists()
        return
    join(cut, paths, facts[0].reorder)
    for (_, written), luma in zip(decoded(target), lumas, strict=True):
        np.testing.assert_array_equal(written, luma)


def test_full_disk_leaves_the_segments_and_no_film(cut_in_three: tuple[Cut, list[Path]]) -> None:
    cut, paths = cut_in_three
    with largest_file(4_000):
        refuse(cut, paths, "make room")
    assert join(cut, paths, 0) == [12]


def test_old_target_stays_until_the_new_one_is_whole(
    cut_in_three: tuple[Cut, list[Path]],
) -> None:
    cut, paths = cut_in_three
    target = Path(cut.plan.target)
    target.write_bytes(b"what stood there")
    names = [str(path) for path in paths]
    plan = replace(cut.plan, overwrite=True)
    cut = replace(cut, starts=[0, 3, 7, 12], plan=plan)
    progress = join_film(cut.plan, names[:2], cut.pts, cut.last, 0, label=LABEL)
    with pytest.raises(MediaError, match="7 frames instead of 12"):
        list(progress)
    assert target.read_bytes() == b"what stood there"
    join(cut, paths, 0)
    assert len(decoded(target)) == 12


def test_what_appears_under_the_name_meanwhile_stays(
    cut_in_three: tuple[Cut, list[Path]],
) -> None:
    cut, paths = cut_in_three
    target = Path(cut.plan.target)
    target.write_bytes(b"somebody else's")
    with pytest.raises(NameTakenError, match=r"out~2\.mp4$"):
        join(cut, paths, 0)
    assert target.read_bytes() == b"somebody else's"
    assert len(decoded(target.with_name("out~2.mp4"))) == 12


def test_a_join_given_up_leaves_nothing(tmp_path: Path) -> None:
    source, target, work = tmp_path / "in.mkv", tmp_path / "out.mkv", tmp_path / "work"
    work.mkdir()
    make_clip(source, frames=130, width=16, height=16)
    cut = cut_film(source, target, options("ffv1"), (130,))
    paths, _ = write_segments(cut, work)
    names = [str(path) for path in paths]
    progress = join_film(cut.plan, names, cut.pts, cut.last, 0, label=LABEL)
    assert next(progress) == 100
    assert (tmp_path / ".out.mkv.part").exists()
    progress.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "work"]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_folder_removed_in_the_middle_leaves_the_segments(tmp_path: Path, suffix: str) -> None:
    source, folder, work = tmp_path / "in.mkv", tmp_path / "films", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    make_clip(source, frames=130, width=16, height=16)
    target = folder / f"out{suffix}"
    cut = cut_film(source, target, options("ffv1" if suffix == ".mkv" else "libx264"), (130,))
    paths, _ = write_segments(cut, work)
    progress = join_film(cut.plan, [str(paths[0])], cut.pts, cut.last, 0, label=LABEL)
    next(progress)
    shutil.rmtree(folder)
    with pytest.raises(MediaError, match=r"folder") as caught:
        list(progress)
    assert "\n" not in str(caught.value)
    folder.mkdir()
    assert join(cut, paths, 0)[-1] == 130
    assert len(decoded(target)) == 130


@pytest.mark.parametrize(("codec", "suffix"), [("libx264", ".mp4"), ("prores", ".mov")])
def test_a_damaged_segment_ends_in_one_line_or_in_every_frame(
    tmp_path: Path, codec: Codec, suffix: str
) -> None:
    """Damage inside a packet does not show; the number of frames and their times still hold."""
    source, work = tmp_path / "in.mkv", tmp_path / "work"
    work.mkdir()
    make_clip(source, frames=12)
    target = tmp_path / f"out{suffix}"
    cut = cut_film(source, target, options(codec), (3, 4, 5))
    paths, _ = write_segments(cut, work)
    expected = [tick * cut.plan.source_time_base for tick in cut.pts]
    random = np.random.default_rng(7)
    refused = 0
    for number in range(40):
        path = paths[number % 3]
        whole = path.read_bytes()
        damaged = np.frombuffer(whole, np.uint8).copy()
        reach = 400 if number % 2 else len(damaged)  # every second time in the headers
        places = random.integers(0, reach, 1 + number % 7)
        damaged[places] = random.integers(0, 256, len(places))
        path.write_bytes(damaged.tobytes())
        try:
            join(cut, paths, 0)
        except MediaError as error:
            refused += 1
            assert "\n" not in str(error)
            assert not target.exists()
        else:
            with av.open(str(target)) as film:
                base = film.streams.video[0].time_base
            assert base is not None
            assert [packet[0] * base for packet in film_packets(target)] == expected
            target.unlink()
        assert sorted(each.name for each in tmp_path.iterdir()) == ["in.mkv", "work"]
        path.write_bytes(whole)
    assert 5 < refused < 40


@pytest.mark.parametrize("looks", [1, 2, 3, 4])
def test_who_has_lost_the_film_leaves_it_to_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    """The other has begun to write the same name since this process was suspended."""
    monkeypatch.setattr("filmcolor.media.write.join._REPORT_FRAMES", 10)
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_film(source, 25)
    cut = cut_film(source, target, choice("ffv1"), [25])
    paths, _ = write_segments(cut, tmp_path)
    part, looked = tmp_path / ".out.mkv.part", 0
    part.write_bytes(b"of a run before")
    held = part.open("rb")

    def look() -> None:
        nonlocal looked
        looked += 1
        if looked == looks:
            part.unlink()
            part.write_bytes(b"the other's")
            raise JobError("lost")

    joined = join_film(cut.plan, paths, cut.pts, cut.last, 0, label=LABEL, look=look)
    with held, pytest.raises(JobError, match="lost"):
        for _ in joined:
            pass
        assert held.read() == b"of a run before"  # never the file that another has open
    assert part.read_bytes() == b"the other's" and not target.exists()
