"""`verify` sees and hears what a player makes of a result: wrong on purpose, each is named."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from filmcolor.options import EncodeOptions, RunOptions, VerifyOptions
from filmcolor.verify.check import verify_film
from filmcolor.verify.findings import VerifyReport
from filmcolor.verify.header_bytes import read_header
from filmcolor.verify.shown import ShownPictures
from tests.helpers.clips import AUDIO_RATE, luma_picture, make_clip, make_frame
from tests.helpers.coloring import color, options
from tests.helpers.header_patches import (
    CROPS,
    LANGUAGE_BCP47,
    ROOM,
    edits,
    with_captions,
    with_clean_aperture,
    with_edits,
    with_elements,
)
from tests.helpers.tampering import FrameEdit, rewrite
from tests.helpers.woven import marked, woven_film

LINE = {3: b"\xfc\x94\x2c", 5: b"\xfc\x41\x42\xfd\x80\x80"}
"""A command and two letters of CEA-608; of its second field nothing."""
NAME = "audio stream 1 (aac, eng)"


def verify(source: Path, result: Path, chosen: VerifyOptions | None = None) -> VerifyReport:
    steps = verify_film(str(source), str(result), chosen or VerifyOptions())
    while True:
        try:
            next(steps)
        except StopIteration as end:
            report: VerifyReport = end.value
            return report


def faults(source: Path, result: Path) -> list[str]:
    found = verify(source, result).findings
    return [finding.line for finding in found if finding.severity == "fault"]


def marking(mode: str) -> FrameEdit:
    """Every frame says another order of fields; nothing of it is changed."""
    return lambda number, frame: marked(frame, mode)


@pytest.mark.parametrize("top_first", [True, False])
def test_fields_that_are_shown_in_another_order_are_named(tmp_path: Path, top_first: bool) -> None:
    source, right, same, wrong = (
        tmp_path / name for name in ("in.mkv", "right.mkv", "same.mkv", "wrong.mkv")
    )
    woven_film(source, top_first=top_first)
    color(source, right, options("ffv1"))
    rewrite(right, same, frames=marking("tff" if top_first else "bff"))
    rewrite(right, wrong, frames=marking("bff" if top_first else "tff"))
    assert faults(source, right) == faults(source, same) == []
    assert faults(source, wrong) == ["the order of the fields is not the source's"]


def test_fields_of_a_source_that_says_the_wrong_order_may_be_put_right(tmp_path: Path) -> None:
    clip, source, wrong, right = (
        tmp_path / name for name in ("clip.mkv", "in.mkv", "out.mkv", "right.mkv")
    )
    woven_film(clip)
    rewrite(clip, source, frames=marking("bff"))
    color(source, wrong, options("ffv1"))
    assert faults(source, wrong) == []  # as the source says
    rewrite(wrong, right, frames=marking("tff"))
    report = verify(source, right)
    assert not [each for each in report.findings if each.kind == "fields"]
    assert any("by what moves it is the top one" in each.line for each in report.findings)


def test_a_header_that_contradicts_the_frames_of_a_result_is_named(tmp_path: Path) -> None:
    source, right, wrong = (tmp_path / name for name in ("in.mkv", "right.mkv", "wrong.mkv"))
    woven_film(source)
    color(source, right, options("ffv1"))
    content = right.read_bytes()
    stated = content.index(b"\x9d\x81", content.index(b"\xe0"))  # FieldOrder, one byte
    assert content[stated + 2] in (1, 9)
    wrong.write_bytes(content[: stated + 2] + b"\x0e" + content[stated + 3 :])
    assert faults(source, right) == []
    assert faults(source, wrong) == [
        "the result's header says that the bottom field comes first, its frames say the top one"
    ]


def test_the_order_of_fields_is_seen_in_pictures_alone() -> None:
    """Interlaced pictures that pan, of which each says that its bottom field is first."""
    for top_first in (True, False):
        shown = ShownPictures(None)
        for index in range(8):
            luma = luma_picture(4 * index, 64, 96)
            luma[top_first::2] = luma_picture(4 * index + 2, 64, 96)[top_first::2]
            frame = make_frame(luma)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            shown.look(index, marked(frame, "bff"), index)
        assert (shown.order, shown.order_by_motion) == ("bottom", "top" if top_first else "bottom")


def test_a_time_that_a_player_takes_and_the_reader_does_not() -> None:
    shown = ShownPictures(None)
    frame = VideoFrame(64, 48, "yuv420p")
    frame.pts, frame.time_base = 7, Fraction(1, 25)
    shown.look(0, frame, 7)
    shown.look(1, frame, 8)
    assert shown.moved == {1: Fraction(-1, 25)}


def test_captions_in_the_picture_that_are_lost_or_changed_are_named(tmp_path: Path) -> None:
    clip, source, bare = tmp_path / "clip.mp4", tmp_path / "in.mp4", tmp_path / "bare.mp4"
    make_clip(clip, codec="libx264")
    color(clip, bare, options())
    with_captions(clip, source, LINE)
    right, padded, fewer, other = (
        tmp_path / f"{name}.mp4" for name in ("right", "padded", "fewer", "other")
    )
    with_captions(bare, right, LINE)
    with_captions(bare, padded, {**LINE, 6: b"\xfc\x80\x80\xfe\x01\x01"[:3], 7: b"\xf8\x01\x02"})
    with_captions(bare, fewer, {3: LINE[3]})
    with_captions(bare, other, {**LINE, 5: b"\xfc\x41\x43"})
    assert faults(source, right) == faults(source, padded) == []
    assert faults(source, bare) == [
        "captions in the picture are missing: frame 3 (0.125 s), frame 5 (0.208 s)"
    ]
    assert faults(source, fewer) == ["captions in the picture are missing: frame 5 (0.208 s)"]
    assert faults(source, other) == [
        "captions in the picture differ from the source's: frame 5 (0.208 s)"
    ]
    assert faults(clip, right)[0].startswith("captions in the picture are not in the source: frame")


def test_captions_that_a_codec_cannot_hold_are_no_fault(tmp_path: Path) -> None:
    clip, source, result = tmp_path / "clip.mp4", tmp_path / "in.mp4", tmp_path / "out.mkv"
    make_clip(clip, codec="libx264")
    with_captions(clip, source, LINE)
    color(clip, result, options("ffv1"))
    report = verify(source, result)
    assert report.holds
    assert "ffv1 cannot hold captions in the picture; left out" in [
        finding.line for finding in report.findings
    ]


def test_a_clean_aperture_that_is_lost_is_named(tmp_path: Path) -> None:
    clip, source = tmp_path / "clip.mp4", tmp_path / "in.mp4"
    lost, right, other = (tmp_path / f"{name}.mp4" for name in ("lost", "right", "other"))
    make_clip(clip, codec="libx264", sample_aspect_ratio=Fraction(4, 3))
    color(clip, lost, options())
    with_clean_aperture(clip, source, 64, 40)
    with_clean_aperture(lost, right, 64, 40)
    with_clean_aperture(lost, other, 60, 48)
    assert faults(source, right) == []
    cut = "a player cuts off {} of the picture, of the source's 4 px top, 4 px bottom"
    assert faults(source, lost) == [cut.format("nothing")]
    assert faults(source, other) == [cut.format("2 px left, 2 px right")]


def cropped(source: Path, target: Path, shape: tuple[int, int]) -> None:
    """Hide 6 rows at the top and 2 at the bottom of a film; what is left has this shape."""
    rows = zip(CROPS, (b"\6", b"\0", b"\2", b"\0"), strict=True)
    width, height = (bytes([side]) for side in shape)
    shown = {0x54B0: width, 0x54BA: height}
    with_elements(source, target, 0, {**dict(rows), **shown}, video=True)
    unknown, is_shape = b"\x54\xb2\x81\4", b"\x54\xb2\x81\3"  # FFmpeg's DisplayUnit, and ours
    target.write_bytes(target.read_bytes().replace(unknown, is_shape, 1))


def named_clip(path: Path, **chosen: object) -> None:
    """A film whose tracks are all named `ROOM`."""
    made = path.with_stem(f"{path.stem}.made")
    make_clip(made, frames=6, **chosen)  # type: ignore[arg-type]
    with av.open(str(made)) as before, av.open(str(path), "w") as after:
        copies = {}
        for stream in before.streams:
            copy = after.add_stream_from_template(stream)  # type: ignore[type-var]
            copy.metadata.update({**stream.metadata, "title": ROOM})
            copies[stream.index] = copy
        for packet in before.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                after.mux_one(packet)


def test_a_crop_of_matroska_that_is_lost_is_named(tmp_path: Path) -> None:
    clip, source, lost, right, bent = (
        tmp_path / f"{name}.mkv" for name in ("clip", "in", "lost", "right", "bent")
    )
    named_clip(clip)
    color(clip, lost, options("ffv1"))
    cropped(clip, source, (64, 40))
    cropped(lost, right, (64, 40))
    cropped(lost, bent, (64, 20))
    with av.open(str(source)) as film:
        header = read_header(str(source), film.format.name, 0, film.streams[0].id)
    assert (header.crop, header.pixel_aspect) == ((6, 0, 2, 0), 1)
    assert faults(source, right) == []
    assert faults(source, lost) == [
        "a player cuts off nothing of the picture, of the source's 6 px top, 2 px bottom"
    ]
    assert faults(source, bent) == ["the shape of the pixels 1:1 has become 2:1"]


def test_a_language_that_is_lost_is_named(tmp_path: Path) -> None:
    clip, source, lost, right = (
        tmp_path / f"{name}.mkv" for name in ("clip", "in", "lost", "right")
    )
    named_clip(clip, sound=1)
    color(clip, lost, options("ffv1"))
    for before, after in ((clip, source), (lost, right)):
        with_elements(before, after, 1, {LANGUAGE_BCP47: b"pt-BR"})
    assert faults(source, right) == []
    # What makes room for the element is the title, which is another, too.
    assert faults(source, lost)[-1] == f"{NAME}: its language pt-BR has become eng"


@dataclass(frozen=True)
class Cut:
    """A film whose sound is cut by an edit list, and results of it."""

    uncut: Path
    source: Path
    right: Path
    ignored: Path


def noise_frames(seconds: float, hertz: float) -> list[AudioFrame]:
    """Noise, another for each track: unlike itself at any other time."""
    noise = np.random.default_rng(round(hertz)).normal(0, 0.1, round(seconds * AUDIO_RATE))
    soft = np.convolve(noise, np.full(8, 1 / 8), "same").astype(np.float32)
    frames = []
    for start in range(0, len(soft), 1024):
        part = np.stack(2 * [soft[start : start + 1024]])
        frame = AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, start, Fraction(1, AUDIO_RATE)
        frames.append(frame)
    return frames


@pytest.fixture(scope="module")
def uncut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of three seconds with sound that is unlike itself at any other time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.helpers.clips.tone_frames", noise_frames)
        path = tmp_path_factory.mktemp("uncut") / "uncut.mp4"
        make_clip(path, codec="libx264", frames=72, sound=1)
    return path


def cut(uncut: Path, folder: Path, parts: list[tuple[float, float]], suffix: str = ".mp4") -> Cut:
    """`parts`: from when to when the sound is played, in seconds of what was recorded."""
    found = Cut(uncut, folder / "in.mp4", folder / "right.mp4", folder / f"ignored{suffix}")
    color(uncut, folder / "whole.mp4", options())
    for before, after in ((uncut, found.source), (folder / "whole.mp4", found.right)):
        ticks, begin = edits(before)
        entries = [
            (round((last - first) / 3 * ticks), begin + round(first * AUDIO_RATE))
            for first, last in parts
        ]
        with_edits(before, after, entries)
    color(uncut, found.ignored, options())
    return found


@pytest.mark.parametrize("parts", [[(0.75, 3.0)], [(0.0, 1.0), (2.0, 3.0)], [(0.0, 2.0)]])
def test_an_edit_list_that_is_ignored_is_named(
    uncut: Path, tmp_path: Path, parts: list[tuple[float, float]]
) -> None:
    films = cut(uncut, tmp_path, parts)
    assert faults(films.source, films.right) == []
    assert faults(films.source, films.ignored) != []
    assert faults(films.uncut, films.ignored) == []
    assert faults(films.uncut, films.right) != []


def with_sound(
    picture: Path, sound: Path, target: Path, *, hidden: bool = False, late: float = 0
) -> None:
    """The picture of one film and the sound of another, packet by packet.

    `hidden`: what its edit list cuts away at the beginning is there, and heard. All of the sound is
    so many seconds `late`.
    """
    with (
        av.open(str(picture)) as first,
        av.open(str(sound)) as second,
        av.open(str(target), "w") as after,
    ):
        after.metadata.update(first.metadata)
        film, track = first.streams.video[0], second.streams.audio[0]
        copies = [after.add_stream_from_template(each) for each in (film, track)]
        copies[1].metadata.update(track.metadata)
        packets = [packet for packet in first.demux(film) if packet.size]
        heard = [packet for packet in second.demux(track) if packet.size]
        kept = [packet for packet in heard if hidden or not packet.is_discard]
        # In Matroska nothing is at a negative time: all move alike.
        move = max(Fraction(0), -min(packet.pts * packet.time_base for packet in kept))
        first_shown = min(packet.pts * packet.time_base for packet in packets)
        for packet, copy, extra in (
            *((packet, copies[0], -first_shown) for packet in packets),
            *((packet, copies[1], Fraction(late)) for packet in kept),
        ):
            ticks = round((move + extra) / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            packet.stream = copy
            after.mux_one(packet)


def test_what_an_edit_list_cuts_away_is_not_heard_in_matroska(uncut: Path, tmp_path: Path) -> None:
    films = cut(uncut, tmp_path, [(0.75, 3.0)], ".mkv")
    right, heard, late = (tmp_path / f"{name}.mkv" for name in ("right", "heard", "late"))
    with_sound(films.ignored, films.source, right)  # cut between packets
    with_sound(films.ignored, films.source, heard, hidden=True)
    with_sound(films.ignored, films.source, late, late=0.05)
    assert faults(films.source, right) == []
    assert faults(films.source, heard) == [
        f"{NAME}, sound that the source does not play: -0.771 s; 0.771 s long"
    ]
    assert faults(films.source, late)[0].startswith(f"{NAME}, packet at another time: ")


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_pcm_may_be_cut_to_the_sample(tmp_path: Path, suffix: str) -> None:
    """Then its packets are cut otherwise, and only what is heard proves it."""
    clip, source, whole = tmp_path / "clip.mov", tmp_path / "in.mov", tmp_path / f"whole{suffix}"
    make_clip(clip, codec="libx264", frames=48, sound=1, sound_codec="pcm_s16le")
    ticks, _ = edits(clip)
    with_edits(clip, source, [(ticks // 2, 48_100)])
    color(clip, whole, options())
    right, other = tmp_path / f"right{suffix}", tmp_path / f"other{suffix}"
    cut_pcm(whole, right, 48_100 * 4)
    cut_pcm(whole, other, 48_100 * 4, changed=20_000)
    assert faults(source, right) == []
    assert faults(source, other) == [
        "audio stream 1 (pcm_s16le, eng), sound with other samples: 0.000 s"
    ]
    assert faults(source, whole) != []


def cut_pcm(source: Path, target: Path, skip: int, changed: int | None = None) -> None:
    """Copy a film but for so many bytes of its sound at the beginning; one byte may be changed."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        after.metadata.update(before.metadata)
        film, track = before.streams.video[0], before.streams.audio[0]
        copies = [after.add_stream_from_template(each) for each in (film, track)]
        copies[1].metadata.update(track.metadata)
        packets = [packet for packet in before.demux(film, track) if packet.size]
        for packet in packets:
            if packet.stream.type == "video":
                packet.stream = copies[0]
                after.mux_one(packet)
        sound = bytearray(b"".join(bytes(each) for each in packets if each.stream is track)[skip:])
        if changed is not None:
            sound[changed] ^= 0x40
        for at in range(0, len(sound), 8192):
            piece: av.Packet = av.Packet(bytes(sound[at : at + 8192]))  # type: ignore[type-arg]
            piece.stream, piece.time_base = copies[1], Fraction(1, AUDIO_RATE)
            piece.pts = piece.dts = at // 4
            after.mux_one(piece)


def test_a_part_of_a_film_whose_sound_is_cut(uncut: Path, tmp_path: Path) -> None:
    films = cut(uncut, tmp_path, [(0.75, 3.0)])
    part = {"start_seconds": Fraction(1), "duration_seconds": Fraction(1)}
    target = tmp_path / "part.mp4"
    choice = RunOptions(encode=EncodeOptions("libx264", preset="ultrafast"), **part)  # type: ignore[arg-type]
    color(films.source, target, choice)
    assert verify(films.source, target, VerifyOptions(**part)).holds  # type: ignore[arg-type]
