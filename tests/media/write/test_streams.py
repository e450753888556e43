"""Everything beside the picture: copied byte for byte, converted, or named as lost."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import pytest

from filmcolor.events import Notice
from filmcolor.media.open import CAPTION_SECONDS, open_before
from filmcolor.media.write.container_tags import settle_tags
from filmcolor.media.write.containers import container_for
from filmcolor.media.write.subtitles import try_conversion
from filmcolor.options import RunOptions, VerifyOptions
from filmcolor.verify.check import verify_film
from tests.helpers.clips import jpeg_bytes, luma_picture, make_clip, make_frame, tone_frames
from tests.helpers.coloring import LABEL, color, decoded_times, options, packets_of

FONT = ("Old Type.ttf", "application/x-truetype-font", b"\x00\x01\x00\x00not really a font")


def warnings(notices: tuple[Notice, ...]) -> list[str]:
    return [notice.text for notice in notices if notice.warning]


def verdict(source: Path, target: Path, choice: VerifyOptions | None = None) -> list[str]:
    """What `verify` finds wrong."""
    events = verify_film(str(source), str(target), choice or VerifyOptions())
    while True:
        try:
            next(events)
        except StopIteration as end:
            return [] if end.value.holds else [finding.line for finding in end.value.findings]


def with_clock(path: Path, target: Path, seconds: Fraction) -> None:
    """The film anew, its clock standing at so many seconds when it begins."""
    with av.open(str(path)) as film, av.open(str(target), "w") as other:
        copies = {
            stream.index: other.add_stream_from_template(stream, opaque=True)
            for stream in film.streams
        }
        for packet in film.demux():
            if packet.size and packet.pts is not None and packet.dts is not None:
                shift = int(seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = copies[packet.stream_index]
                other.mux_one(packet)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("name", ["in.ts", "in.mkv"])
def test_a_broadcasts_clock_is_brought_to_zero_for_all_streams_alike(
    tmp_path: Path, name: str, suffix: str
) -> None:
    plain, source, target = tmp_path / "plain.mp4", tmp_path / name, tmp_path / f"out{suffix}"
    make_clip(plain, codec="libx264", frames=24, sound=1)
    with_clock(plain, source, Fraction(24549))
    plan = color(source, target, RunOptions() if suffix == ".mp4" else options("ffv1"))
    told = [each.text for each in plan.notices]
    assert any(text.startswith("its clock begins at 6:49:") for text in told)
    before, after = decoded_times(source), decoded_times(target)
    apart = packets_of(source, "audio")[0].seconds - before[0]
    assert packets_of(source, "audio")[0].seconds > 24548
    assert abs(packets_of(target, "audio")[0].seconds - after[0] - apart) <= Fraction(1, 1000)
    assert 0 <= after[0] < Fraction(1, 10)
    assert after[-1] - after[0] == pytest.approx(23 / 24, abs=0.002)
    assert verdict(source, target) == []
    kept = tmp_path / f"kept{suffix}"
    color(source, kept, replace(RunOptions(), keep_start=True))
    assert decoded_times(kept) == pytest.approx(before, abs=0.001)


def test_a_start_within_a_second_stays(tmp_path: Path) -> None:
    plain, source, target = tmp_path / "plain.mp4", tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_clip(plain, codec="libx264", frames=12, sound=1)
    with_clock(plain, source, Fraction(3, 4))
    color(source, target, options("ffv1"))
    assert decoded_times(target)[0] == decoded_times(source)[0] >= Fraction(3, 4)


def test_verify_tells_of_a_result_that_keeps_a_broadcasts_clock(tmp_path: Path) -> None:
    plain, source, wrong = tmp_path / "plain.mp4", tmp_path / "in.mkv", tmp_path / "wrong.mkv"
    make_clip(plain, codec="libx264", frames=12)
    with_clock(plain, source, Fraction(100))
    color(plain, tmp_path / "right.mkv", options("ffv1"))
    with_clock(tmp_path / "right.mkv", wrong, Fraction(100))
    events = verify_film(str(source), str(wrong), VerifyOptions())
    while True:
        try:
            next(events)
        except StopIteration as end:
            lines = [finding.line for finding in end.value.findings]
            break
    assert "the result begins at 100 s, as the source does: players wait" in lines


def home_video(path: Path, codec: str, rate: int) -> None:
    """A film with mono sound of a capture card's codec, its track called "Aunt Ida"."""
    with av.open(str(path), "w") as film:
        picture = film.add_stream("mpeg4", rate=25)
        picture.width, picture.height = 64, 48
        sound = film.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(sound, av.AudioStream)
        sound.metadata["title"] = "Aunt Ida"
        if codec.startswith("wma"):
            sound.bit_rate = 64_000
        resampler = av.AudioResampler(sound.format, "mono", rate, sound.frame_size or None)
        for index in range(12):
            frame = make_frame(luma_picture(index, 48, 64), "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            film.mux(picture.encode(frame))
        for tone in tone_frames(0.48, 440.0):
            for frame in resampler.resample(tone):
                film.mux(sound.encode(frame))
        for stream in (picture, sound):
            film.mux(stream.encode(None))


def samples(path: Path) -> bytes:
    with av.open(str(path)) as film:
        return b"".join(bytes(frame.planes[0]) for frame in film.decode(audio=0))


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("in.wmv", "wmav2", 44100),
        ("in.asf", "wmav1", 44100),
        ("in.avi", "adpcm_ms", 22050),
        ("in.avi", "adpcm_ima_wav", 44100),
        ("in.avi", "pcm_mulaw", 8000),
        ("in.mov", "pcm_alaw", 8000),
        ("in.avi", "g726", 8000),
        ("in.avi", "g722", 16000),
    ],
)
def test_matroska_holds_sound_by_the_header_of_windows(
    tmp_path: Path, name: str, codec: str, rate: int
) -> None:
    source, target = tmp_path / name, tmp_path / "out.mkv"
    home_video(source, codec, rate)
    plan = color(source, target, options("ffv1"))
    assert not any("cannot hold" in text for text in warnings(plan.notices))
    with av.open(str(source)) as before, av.open(str(target)) as after:
        old, new = before.streams.audio[0], after.streams.audio[0]
        assert new.codec_context.name == old.codec_context.name
        assert (new.sample_rate, new.channels) == (rate, 1)
        named = old.metadata.get("title") or old.metadata.get("name")  # in QuickTime
        assert new.metadata.get("title") == named
        assert after.duration is not None
        assert after.duration / av.time_base == pytest.approx(0.48, abs=0.3)
    assert b"A_MS/ACM" in target.read_bytes()
    assert samples(source) == samples(target)
    before_packets, after_packets = packets_of(source, "audio"), packets_of(target, "audio")
    assert [each.content for each in after_packets] == [each.content for each in before_packets]
    assert verdict(source, target) == []
    written = target.read_bytes()
    target.write_bytes(written.replace(b"A_MS/ACM", b"A_AC3\0\0\0", 1))
    assert "is missing from the result" in " ".join(verdict(source, target))


def test_sound_that_no_matroska_holds_is_named(tmp_path: Path) -> None:
    source = tmp_path / "in.mov"
    home_video(source, "pcm_s8", 8000)
    plan = color(source, tmp_path / "out.mkv", replace(options("ffv1"), audio="copy"))
    assert any("Matroska cannot hold: audio stream 1 (pcm_s8" in t for t in warnings(plan.notices))


def test_sound_of_a_codec_that_nobody_knows_is_named(tmp_path: Path) -> None:
    source = tmp_path / "in.mov"
    make_clip(source, codec="libx264", sound=1)
    known = source.read_bytes()
    source.write_bytes(known.replace(b"mp4a", b"zq7x").replace(b"esds", b"free"))
    plan = color(source, tmp_path / "out.mkv", options("ffv1"))
    assert any("audio stream 1 (unknown" in text for text in warnings(plan.notices))


@pytest.mark.parametrize("sound_codec", ["aac", "pcm_s16le", "flac", "ac3"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_is_copied_byte_for_byte(tmp_path: Path, suffix: str, sound_codec: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(source, frames=12, sound=2, sound_codec=sound_codec)
    plan = color(source, target, options())
    if (sound_codec, suffix) == ("flac", ".mov"):
        [first, _] = [each.text for each in plan.notices if "audio stream" in each.text]
        assert "audio stream 1 (flac, eng): it is decoded and kept without loss, as PCM" in first
        return
    assert warnings(plan.notices) == []
    for number in range(2):
        before = packets_of(source, "audio", number)
        after = packets_of(target, "audio", number)
        whole = sound_codec != "pcm_s16le"  # PCM has no packets of its own: containers cut it anew
        if whole:
            assert [packet.content for packet in after] == [packet.content for packet in before]
            assert all(
                abs(one.seconds - other.seconds) <= Fraction(1, 1000)
                for one, other in zip(before, after, strict=True)
            )
        joined = b"".join(packet.content for packet in before)
        assert b"".join(packet.content for packet in after) == joined
        assert len(joined) > 1000
    with av.open(str(target)) as film:
        languages = [stream.language for stream in film.streams.audio]
    assert languages == ["eng", "ger" if suffix == ".mov" else "deu"]


def test_sound_whose_packets_tell_no_length_is_kept_to_its_last(tmp_path: Path) -> None:
    source, target = tmp_path / "in.avi", tmp_path / "out.mp4"
    make_clip(source, frames=24, codec="mpeg4", sound=1, sound_codec="flac")
    with av.open(str(source)) as film:
        assert not any(packet.duration for packet in film.demux(audio=0))
    color(source, target, options())
    before, after = packets_of(source, "audio", 0), packets_of(target, "audio", 0)
    assert [packet.content for packet in after] == [packet.content for packet in before]
    assert len(before) > 5


def test_sound_keeps_its_exact_times_from_mp4_to_mp4(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    make_clip(source, frames=24, codec="libx264", sound=2)
    color(source, target, options())
    for number in range(2):
        before = packets_of(source, "audio", number)
        assert packets_of(target, "audio", number) == before
        assert len(before) > 40


def texts(path: Path) -> list[tuple[float, float, str]]:
    """(start, end, text) of the first subtitle stream, as its decoder reads it."""
    result = []
    with av.open(str(path)) as film:
        stream = film.streams.subtitles[0]
        for packet in film.demux(stream):
            for subtitle in stream.decode(packet) if packet.size else []:
                start = float(packet.pts * packet.time_base)
                end = start + float(packet.duration * packet.time_base)
                text = subtitle.dialogue.decode().removesuffix("{\\i0}")
                if text:
                    result.append((round(start, 3), round(end, 3), text))
    return result


LINES = [(0.1, 0.4, "Hello <i>world</i>"), (0.5, 0.9, "Zwei\nZeilen, ö")]


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "mov_text"), (".mov", "mov_text"), (".mkv", "subrip")]
)
def test_subrip_becomes_what_the_container_takes(tmp_path: Path, suffix: str, codec: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(source, frames=24, subtitles=LINES)
    plan = color(source, target, options())
    with av.open(str(target)) as film:
        assert film.streams.subtitles[0].codec_context.codec.canonical_name == codec
        assert film.streams.subtitles[0].language == "eng"
    assert texts(target) == texts(source)
    assert "{\\i1}" in texts(target)[0][2]
    said = [notice.text for notice in plan.notices]
    assert any("becomes mov_text" in text for text in said) == (codec == "mov_text")
    assert warnings(plan.notices) == []


def patch(path: Path, *words: str) -> None:
    """Put Windows-1252 into a film: these words, which stand in it with an u instead of ü."""
    content = path.read_bytes()
    for word in words:
        before = word.replace("ü", "u").encode()
        assert content.count(before) == 1
        content = content.replace(before, word.encode("cp1252"))
    path.write_bytes(content)


@pytest.mark.parametrize(("before", "after"), [(".mkv", ".mp4"), (".mp4", ".mkv")])
def test_lines_that_are_not_utf8_are_converted_and_told(
    tmp_path: Path, before: str, after: str
) -> None:
    source, target = tmp_path / f"in{before}", tmp_path / f"out{after}"
    lines = [
        (0.1, 0.3, "Der mude Tod"),
        (0.4, 0.5, "ö"),
        (0.6, 0.7, "Aufblende fur"),
        (0.8, 1, "E"),
    ]
    make_clip(source, frames=24, codec="libx264", subtitles=lines)
    patch(source, "Der müde Tod", "Aufblende für")
    plan = color(source, target, options())
    assert texts(target) == [
        (0.1, 0.3, "Der müde Tod"),
        (0.4, 0.5, "ö"),
        (0.6, 0.7, "Aufblende für"),
        (0.8, 1, "E"),
    ]
    codec = "mov_text" if before == ".mp4" else "subrip"
    assert warnings(plan.notices) == [
        f"subtitle stream 1 ({codec}, eng): 2 lines not UTF-8, read as Windows-1252"
    ]
    assert verdict(source, target) == []
    part = replace(options(), duration_seconds=Fraction(1, 2))
    told = color(source, tmp_path / f"part{after}", part)
    assert "one line not UTF-8" in warnings(told.notices)[0]


def test_a_line_that_cannot_be_converted_is_skipped_counted_and_told(tmp_path: Path) -> None:
    """FFmpeg takes U+FFFE for a byte order mark of the wrong order and refuses the line."""
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    lines = [(0.1, 0.3, "eins"), (0.4, 0.5, "zw\ufffeei"), (0.6, 0.7, "drei")]
    make_clip(source, frames=24, subtitles=lines)
    plan = color(source, target, options())
    assert texts(target) == [(0.1, 0.3, "eins"), (0.6, 0.7, "drei")]
    assert warnings(plan.notices) == [
        "subtitle stream 1 (subrip, eng): one line cannot be converted: left out; "
        "an .mkv target keeps all"
    ]
    assert verdict(source, target) == []


class Unreadable:
    """An open film of which nothing can be read after two packets."""

    def __init__(self, film: av.container.InputContainer) -> None:
        self.streams, self._film = film.streams, film

    def demux(self, streams: list[av.stream.Stream]) -> Iterator[av.Packet]:
        yield from islice(self._film.demux(streams), 2)
        raise OSError(5, "Input/output error")


def test_lines_are_tried_up_to_where_the_file_cannot_be_read(tmp_path: Path) -> None:
    """Whether that ends the run is up to whoever reads the film (`on_error`)."""
    source = tmp_path / "in.mkv"
    make_clip(source, frames=24, subtitles=[(0.1, 0.3, "eins"), (0.4, 0.5, "zw\ufffeei")])
    with av.open(str(source)) as film:
        tried = try_conversion(Unreadable(film), {1: "mov_text"}, 0, None, None)  # type: ignore[arg-type]
    assert tried[1].skipped == 1


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_tags_of_a_windows_code_page_are_read_and_told(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    font = ("fur uns.ttf", FONT[1], FONT[2])
    make_clip(
        source,
        frames=24,
        metadata={"title": "Der mude Tod", "artist": "größer"},
        chapters=[(0.0, 0.5, "Zugig"), (0.5, 1.0, "Akt")],
        attachment=font,
    )
    patch(source, "Der müde Tod", "Zügig", "für uns.ttf")
    plan = color(source, target, options())
    assert warnings(plan.notices)[-1] == (
        "not UTF-8, read as Windows-1252: tag title, tag filename of stream 1, title of chapter 1"
    )
    with av.open(str(target)) as film:
        found = {key.lower(): text for key, text in film.metadata.items()}
        assert (found["title"], found["artist"]) == ("Der müde Tod", "größer")
        assert film.chapters()[0]["metadata"]["title"] == "Zügig"
        names = [each.name for each in film.streams if each.type == "attachment"]
        assert names == (["für uns.ttf"] if suffix == ".mkv" else [])
    assert verdict(source, target) == []


def test_mov_text_becomes_subrip_in_matroska(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mkv"
    make_clip(source, frames=24, codec="libx264", subtitles=[(0.1, 0.4, "one"), (0.5, 0.9, "two")])
    plan = color(source, target, options())
    with av.open(str(target)) as film:
        assert film.streams.subtitles[0].codec_context.codec.canonical_name == "subrip"
    assert texts(target) == [(0.1, 0.4, "one"), (0.5, 0.9, "two")]
    assert plan.offset_seconds == 0


def test_attachment_stays_in_matroska_and_is_named_elsewhere(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    make_clip(source, frames=3, attachment=FONT, cover=True)
    kept = color(source, tmp_path / "out.mkv", options())
    assert warnings(kept.notices) == []
    with av.open(str(tmp_path / "out.mkv")) as film:
        attachment = next(each for each in film.streams if each.type == "attachment")
        assert (attachment.name, attachment.mimetype, attachment.data) == FONT
    lost = color(source, tmp_path / "out.mp4", options())
    assert warnings(lost.notices) == [
        "MP4 cannot hold: attachment Old Type.ttf; left out; an .mkv target keeps more"
    ]
    both = color(source, tmp_path / "out.mov", options())
    assert len(warnings(both.notices)) == 1
    assert "attachment Old Type.ttf, cover picture" in warnings(both.notices)[0]


@pytest.mark.parametrize(
    ("before", "after"), [(".mkv", ".mkv"), (".mkv", ".mp4"), (".mp4", ".mkv")]
)
def test_cover_picture_goes_along(tmp_path: Path, before: str, after: str) -> None:
    source, target = tmp_path / f"in{before}", tmp_path / f"out{after}"
    make_clip(source, frames=3, codec="libx264", cover=True)
    color(source, target, options())
    with av.open(str(target)) as film:
        covers = [each for each in film.streams.video if int(each.disposition) & 1024]
        assert len(covers) == 1
        packet = next(packet for packet in film.demux(covers[0]) if packet.size)
        assert bytes(packet) == jpeg_bytes()
        assert len(film.streams.video) == 2


@pytest.mark.parametrize("before", [".mkv", ".mp4", ".mov"])
@pytest.mark.parametrize("after", [".mkv", ".mp4", ".mov"])
def test_chapters_go_along_once(tmp_path: Path, before: str, after: str) -> None:
    source, target = tmp_path / f"in{before}", tmp_path / f"out{after}"
    make_clip(source, frames=24, codec="libx264", chapters=[(0.0, 0.5, "Eins"), (0.5, 1.0, "Zwei")])
    plan = color(source, target, options())
    assert warnings(plan.notices) == []
    with av.open(str(target)) as film:
        found = [
            (chapter["start"] * chapter["time_base"], chapter["metadata"]["title"])
            for chapter in film.chapters()
        ]
        assert len(film.streams.subtitles) == 0
    assert found == [(0, "Eins"), (Fraction(1, 2), "Zwei")]


@pytest.mark.parametrize("after", [".mkv", ".mp4", ".mov"])
def test_timecode_goes_along(tmp_path: Path, after: str) -> None:
    source, middle = tmp_path / "in.mov", tmp_path / f"out{after}"
    with av.open(str(source), "w") as film:
        stream = film.add_stream("libx264", rate=24)
        stream.width, stream.height = 32, 32
        stream.metadata["timecode"] = "01:02:03:04"
        for number in range(4):
            frame = av.VideoFrame(32, 32, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    plan = color(source, middle, options())
    assert warnings(plan.notices) == []
    with av.open(str(middle)) as film:
        tags = {key.lower(): text for key, text in film.streams.video[0].metadata.items()}
        assert tags["timecode"] == "01:02:03:04"
        assert len([each for each in film.streams if each.type == "data"]) == (after != ".mkv")
    part = color(
        source, tmp_path / f"part{after}", replace(options(), start_seconds=Fraction(1, 12))
    )
    assert "timecode" in warnings(part.notices)[0]


@pytest.mark.parametrize("after", [".mkv", ".mp4", ".mov"])
def test_names_of_tracks_and_of_the_reel_go_along_or_are_told(tmp_path: Path, after: str) -> None:
    source, target = tmp_path / "in.mov", tmp_path / f"out{after}"
    with av.open(str(source), "w") as film:
        stream = film.add_stream("libx264", rate=24)
        stream.width, stream.height = 32, 32
        stream.metadata.update({"timecode": "01:02:03:04", "reel_name": "A012"})
        for name in ("Mix", "Music"):
            sound = film.add_stream("pcm_s16le", rate=48000)
            sound.metadata["title"] = name
        film.start_encoding()
        for number in range(4):
            frame = av.VideoFrame(32, 32, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
        for track in film.streams.audio:
            for tone in tone_frames(0.1, 220):
                film.mux(track.encode(tone))
    plan = color(source, target, options("prores") if after == ".mov" else options())
    told = [text for text in warnings(plan.notices) if "cannot hold:" in text]
    if after == ".mp4":
        # And the sound, which is PCM.
        assert len(told) == 1 and "tag reel_name of the film" in told[0]
    else:
        assert told == []
        with av.open(str(target)) as film:
            tags = [{k.lower(): v for k, v in each.metadata.items()} for each in film.streams]
        assert any(each.get("reel_name") == "A012" for each in tags)
        names = [each.get("title") or each.get("name") for each in tags[1:3]]
        assert names == ["Mix", "Music"]
    assert [line for line in verdict(source, target) if "missing" not in line] == []


def test_tags_of_a_stream_that_mp4_has_no_place_for_are_told(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mp4"
    with av.open(str(source), "w") as film:
        stream = film.add_stream("ffv1", rate=24)
        stream.width, stream.height = 32, 32
        stream.metadata.update({"title": "Restored", "SOURCE": "35 mm nitrate", "BPS": "1234"})
        for number in range(4):
            frame = av.VideoFrame(32, 32, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    plan = color(source, target, options())
    assert warnings(plan.notices) == [
        "MP4 cannot hold: tag SOURCE of the film; left out; an .mkv target keeps more"
    ]
    with av.open(str(target)) as film:
        assert film.streams.video[0].metadata["name"] == "Restored"


ORDINARY_TAGS = {
    **{"title": "Der müde Tod", "artist": "Fritz Lang", "album_artist": "Decla", "album": "1921"},
    **{"composer": "Peter Schirmann", "date": "1921", "genre": "Märchen", "copyright": "FWMS"},
    **{"grouping": "Weimar", "lyrics": "la", "description": "Sechs Verse", "synopsis": "lang"},
    **{"show": "Stummfilm", "episode_id": "E1", "network": "arte", "keywords": "Tod, Liebe"},
    **{"track": "3/10", "disc": "1/2"},
}


@pytest.mark.parametrize("odd", [{}, {"ARCHIVE_ID": "B 12/7"}])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_metadata_goes_along_and_the_label_is_added(
    tmp_path: Path, suffix: str, odd: dict[str, str]
) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    others = {"comment": "restored 1998", "creation_time": "2001-02-03T04:05:06.000000Z"}
    make_clip(source, frames=2, metadata={**ORDINARY_TAGS, **others, **odd})
    plan = color(source, target, options())
    assert warnings(plan.notices) == []
    with av.open(str(target)) as film:
        found = {key.lower(): text for key, text in film.metadata.items()}
    assert {key: found.get(key) for key in ORDINARY_TAGS} == ORDINARY_TAGS
    assert found["comment"] == f"restored 1998; {LABEL}"
    assert found["creation_time"].startswith("2001-02-03T04:05:06")
    assert found.get("archive_id") == odd.get("ARCHIVE_ID")
    assert "major_brand" not in found or suffix != ".mkv"
    assert verdict(source, target) == []


def test_each_tag_is_held_by_itself_or_named() -> None:
    mp4, mov, mkv = (container_for(f"x{suffix}") for suffix in (".mp4", ".mov", ".mkv"))
    for key, text in ORDINARY_TAGS.items():
        for container in (mp4, mov, mkv):
            tags = settle_tags(container, {key: text}, has_cover=False)
            assert (tags.held, tags.lost) == ({key: text}, ())
            assert not tags.any_name or container is mov
    odd = {"title": "t", "track": "B2", "ARCHIVE_ID": "7"}
    assert settle_tags(mp4, odd, has_cover=True).lost == ("track", "ARCHIVE_ID")
    assert settle_tags(mp4, odd, has_cover=False).lost == ()
    place = settle_tags(mp4, {"location": "+50.1+008.2/"}, has_cover=False)
    assert (place.held, place.lost) == ({"location": "+50.1000+008.2000/"}, ())


def test_label_alone_and_never_twice(tmp_path: Path) -> None:
    source, once, twice = (tmp_path / name for name in ("in.mkv", "once.mp4", "twice.mkv"))
    make_clip(source, frames=2)
    color(source, once, options())
    color(once, twice, options())
    for path in (once, twice):
        with av.open(str(path)) as film:
            comments = [t for key, t in film.metadata.items() if key.lower() == "comment"]
        assert comments == [LABEL]


def test_names_and_roles_of_streams_stay(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mkv"
    make_clip(source, frames=6, codec="libx264", sound=2)
    color(source, target, options())
    with av.open(str(source)) as before, av.open(str(target)) as after:
        assert [int(each.disposition) for each in after.streams] == [
            int(each.disposition) for each in before.streams
        ]
        assert [each.type for each in after.streams] == [each.type for each in before.streams]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_part_of_a_film_starts_at_zero_with_its_sound(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    make_clip(
        source,
        frames=50,
        rate=Fraction(25),
        time_base=Fraction(1, 1000),
        sound=1,
        subtitles=[(0.1, 0.5, "gone"), (0.8, 1.2, "cut"), (1.3, 1.9, "cut too"), (1.9, 2.0, "no")],
        chapters=[(0.0, 1.2, "first"), (1.2, 2.0, "second")],
    )
    part = RunOptions(
        encode=options().encode,
        start_seconds=Fraction(1),
        duration_seconds=Fraction(1, 2),
    )
    color(source, target, part)
    times = decoded_times(target)
    assert (times[0], times[-1], len(times)) == (0, Fraction(480, 1000), 13)
    before = {packet.content: packet.seconds for packet in packets_of(source, "audio")}
    after = packets_of(target, "audio")
    assert 20 <= len(after) <= 26
    for packet in after:
        assert abs(before[packet.content] - 1 - packet.seconds) <= Fraction(1, 1000)
    assert 0 <= after[0].seconds < Fraction(22, 1000)
    assert texts(target) == [(0.0, 0.2, "cut"), (0.3, 0.5, "cut too")]
    with av.open(str(target)) as film:
        chapters = [
            (chapter["start"] * chapter["time_base"], chapter["end"] * chapter["time_base"])
            for chapter in film.chapters()
        ]
    assert chapters == [(0, Fraction(1, 5)), (Fraction(1, 5), Fraction(1, 2))]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_caption_that_began_long_before_a_part_is_shown_in_it(
    tmp_path: Path, suffix: str
) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    make_clip(
        source,
        frames=30,
        rate=Fraction(1),
        time_base=Fraction(1, 1000),
        codec="libx264",
        options={"g": "5"},
        sound=1,
        subtitles=[(1, 2, "gone"), (3, 27, "long"), (28, 29, "no")],
    )
    part = replace(options(), start_seconds=Fraction(25), duration_seconds=Fraction(3))
    color(source, target, part)
    assert texts(target) == [(0, 2, "long")]
    sound = packets_of(target, "audio")
    assert 0 <= sound[0].seconds < Fraction(22, 1000) and len(sound) > 120
    assert (
        verdict(
            source, target, VerifyOptions(start_seconds=Fraction(25), duration_seconds=Fraction(3))
        )
        == []
    )


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_part_from_late_in_a_film_is_sought_with_its_long_captions(
    tmp_path: Path, suffix: str
) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / "out.mkv"
    make_clip(
        source,
        frames=300,
        rate=Fraction(1),
        time_base=Fraction(1, 1000),
        codec="libx264",
        options={"g": "5"},
        subtitles=[(1, 2, "gone"), (170, 285, "long"), (290, 291, "no")],
    )
    start = Fraction(280)
    with open_before(str(source), start, CAPTION_SECONDS, [0]) as film:
        packet = next(film.demux(video=0))
        assert 155 <= packet.pts * packet.time_base <= 160  # the key frame two minutes before
    part = {"start_seconds": start, "duration_seconds": Fraction(3)}
    color(source, target, replace(options(), **part))  # type: ignore[arg-type]
    assert texts(target) == [(0, 3, "long")]
    assert verdict(source, target, VerifyOptions(**part)) == []  # type: ignore[arg-type]


def picture_caption(number: int) -> bytes:
    """A caption of a Blu-ray with nothing in it: a presentation composition and the end."""
    return struct.pack(">BHHHBHBBBB", 0x16, 11, 64, 48, 16, number, 128, 0, 0, 0) + b"\x80\0\0"


@pytest.mark.parametrize(("times", "sound"), [((1, 3), 0), ((1, 3, 27), 1), ((1, 3, 25, 29), 0)])
def test_a_picture_caption_is_shown_until_the_next(
    tmp_path: Path, times: tuple[int, ...], sound: int
) -> None:
    """Subtitles of Blu-rays do not say how long they last."""
    clip, source, target = (tmp_path / f"{name}.mkv" for name in ("clip", "in", "out"))
    make_clip(clip, frames=30, rate=Fraction(1), time_base=Fraction(1, 1000), sound=sound)
    with av.open(str(clip)) as film, av.open(str(source), "w") as copy:
        copies = [copy.add_stream_from_template(each) for each in film.streams]  # type: ignore[type-var]
        captions = copy.add_mux_stream("hdmv_pgs_subtitle")
        captions.time_base = Fraction(1, 1000)
        packets = [packet for packet in film.demux() if packet.dts is not None]
        for packet in packets:
            packet.stream = copies[packet.stream_index]
        for at in times:
            caption: av.Packet = av.Packet(picture_caption(at))
            caption.stream, caption.time_base = captions, Fraction(1, 1000)
            caption.pts = caption.dts = 1000 * at
            packets.append(caption)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            copy.mux_one(packet)
    part = {"start_seconds": Fraction(25), "duration_seconds": Fraction(3)}
    color(source, target, replace(options(), **part))  # type: ignore[arg-type]
    found = [(each.seconds, each.content) for each in packets_of(target, "subtitle")]
    wanted = [(0, 3), *((at - 25, at) for at in times if 25 <= at < 28)]
    assert found == [(at, picture_caption(number)) for at, number in wanted]
    assert verdict(source, target, VerifyOptions(**part)) == []  # type: ignore[arg-type]
    with av.open(str(target)) as film:
        order = [packet.stream.type for packet in film.demux() if packet.dts is not None]
    assert order.index("subtitle") < 5 + 90 * sound  # a frame lasts a second


def in_chunks(
    source: Path, target: Path, seconds: Fraction, options: dict[str, str] | None = None
) -> None:
    """The same streams, one after the other for so long at a time."""
    with av.open(str(source)) as film, av.open(str(target), "w", options=options or {}) as copy:
        copies = {
            stream.index: copy.add_stream_from_template(stream)  # type: ignore[type-var]
            for stream in film.streams
        }
        packets = [packet for packet in film.demux() if packet.dts is not None]
        packets.sort(
            key=lambda packet: (
                packet.dts * packet.time_base // seconds,
                packet.stream_index,
                packet.dts,
            )
        )
        for packet in packets:
            packet.stream = copies[packet.stream_index]
            copy.mux_one(packet)


def test_sound_of_a_part_is_whole_where_the_file_has_it_late(tmp_path: Path) -> None:
    """Of several tracks, one may lie behind later packets of another in the file."""
    clip, source, target = tmp_path / "clip.mkv", tmp_path / "in.mp4", tmp_path / "out.mp4"
    make_clip(clip, frames=72, codec="libx264", sound=2, options={"bf": "0"})
    in_chunks(clip, source, Fraction(9, 10), {"chunk_duration": "900000"})
    color(source, target, replace(options(), duration_seconds=Fraction(3, 2)))
    tracks = [packets_of(target, "audio", number) for number in range(2)]
    assert abs(tracks[0][-1].seconds - Fraction(3, 2)) < Fraction(1, 20)
    assert [packet.seconds for packet in tracks[1]] == [packet.seconds for packet in tracks[0]]


def test_subtitles_that_begin_together_stay_together(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_clip(source, frames=24, subtitles=[(0.5, 0.9, f"layer {n}") for n in range(9)])
    color(source, target, options())
    assert texts(target) == [(0.5, 0.9, f"layer {n}") for n in range(9)]


def test_films_strung_together_keep_their_sound(tmp_path: Path) -> None:
    """Their times begin anew, which no seeking can know."""
    clip, one, source = tmp_path / "clip.mkv", tmp_path / "one.ts", tmp_path / "in.ts"
    make_clip(clip, frames=480, codec="mpeg2video", height=64, sound=1, sound_codec="mp2")  # 20 s
    in_chunks(clip, one, Fraction(1, 10))
    source.write_bytes(2 * one.read_bytes())
    for start in (12, 32):
        target = tmp_path / f"from{start}.mkv"
        part = {"start_seconds": Fraction(start), "duration_seconds": Fraction(1)}
        color(source, target, replace(options(), **part))  # type: ignore[arg-type]
        sound = packets_of(target, "audio")
        assert 38 <= len(sound) <= 43  # of 24 ms
        assert sound[0].seconds < Fraction(1, 20) and sound[-1].seconds > Fraction(9, 10)
        assert verdict(source, target, VerifyOptions(**part)) == []  # type: ignore[arg-type]


def test_beginning_of_a_film_keeps_its_times(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    pts = [6000 + 1000 * n for n in range(24)]
    make_clip(source, time_base=Fraction(1, 24000), pts=pts, codec="libx264", sound=1)
    color(source, target, replace(options(), duration_seconds=Fraction(1, 4)))
    assert decoded_times(target) == [Fraction(1, 4) + Fraction(n, 24) for n in range(6)]
    sound = packets_of(target, "audio")
    assert sound == packets_of(source, "audio")[: len(sound)]
    assert abs(sound[-1].seconds - Fraction(1, 2)) < Fraction(1, 20)


def test_streams_are_interleaved_as_the_film_grows(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mkv"
    make_clip(source, frames=72, codec="libx264", sound=1)
    color(source, target, options())
    with av.open(str(target)) as film:
        order = [
            (packet.stream.type, float(packet.dts * packet.time_base))
            for packet in film.demux()
            if packet.dts is not None
        ]
    at = {"video": 0.0, "audio": 0.0}
    for kind, seconds in order:
        at[kind] = seconds
        if len(order) > 1 and seconds < 2.9:
            assert abs(at["video"] - at["audio"]) < 0.3
