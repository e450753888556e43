"""What post houses exchange: DNxHR and ProRes in QuickTime and MXF, timecodes, reel names."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from filmcolor.errors import MediaError, OptionError
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.encoder_input import check_durations
from filmcolor.media.write.plan_output import plan_output, stated_tags
from filmcolor.options import Codec, EncodeOptions, RunOptions, VerifyOptions
from filmcolor.types import ColorTags
from filmcolor.verify.check import verify_film
from tests.helpers.clips import (
    AUDIO_RATE,
    luma_picture,
    make_clip,
    make_frame,
    plane_codes,
)
from tests.helpers.coloring import LABEL, color, decoded_times
from tests.helpers.segments import cut_film, segment_and_join
from tests.helpers.woven import woven_film

pytestmark = pytest.mark.codec

RATE = Fraction(30000, 1001)
SIZE = {"width": 256, "height": 144}


def _run(codec: Codec) -> RunOptions:
    return RunOptions(encode=EncodeOptions(codec=codec))


def _faults(source: Path, result: Path) -> list[str]:
    events = verify_film(str(source), str(result), VerifyOptions())
    while True:
        try:
            next(events)
        except StopIteration as end:
            return [each.line for each in end.value.findings if each.severity == "fault"]


@pytest.mark.parametrize("suffix", [".mov", ".mxf"])
@pytest.mark.parametrize(
    ("codec", "pix_fmt", "written"),
    [
        ("dnxhr", "yuv422p", "yuv422p"),
        ("dnxhr", "yuv422p10le", "yuv422p10le"),
        ("dnxhr", "yuv444p10le", "yuv444p10le"),
        ("dnxhr", "yuv420p12le", "yuv422p10le"),
        ("prores", "yuv420p", "yuv422p10le"),
        ("prores", "yuv444p10le", "yuv444p12le"),  # as FFmpeg reads it
    ],
)
def test_a_film_in_and_out(
    tmp_path: Path, codec: Codec, pix_fmt: str, written: str, suffix: str
) -> None:
    """And what was written is a film to be read in its turn."""
    source, target, again = (tmp_path / name for name in ("in.nut", f"a{suffix}", f"b{suffix}"))
    make_clip(source, pix_fmt=pix_fmt, frames=5, rate=RATE, **SIZE)
    for before, after in ((source, target), (target, again)):
        color(before, after, _run(codec))
        with av.open(str(after)) as film:
            assert film.streams.video[0].codec_context.pix_fmt == written
        assert decoded_times(after) == [number / RATE for number in range(5)]
        assert _faults(before, after) == []


def test_the_timecode_goes_from_quicktime_to_mxf_and_back_and_the_reel_name_stays(
    tmp_path: Path,
) -> None:
    source, mxf, mov, same = (tmp_path / name for name in ("in.mov", "a.mxf", "b.mov", "c.mov"))
    with av.open(str(source), "w") as film:
        stream = film.add_stream("prores_ks", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 256, 144, "yuv422p10le"
        stream.metadata.update({"timecode": "01:00:59;28", "reel_name": "A012"})
        for number in range(3):
            frame = make_frame(luma_picture(number, 144, 256, 10), "yuv422p10le")
            frame.pts, frame.time_base = number, 1 / RATE
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    for before, after in ((source, mxf), (mxf, mov), (source, same)):
        color(before, after, _run("prores"))
        assert _faults(before, after) == []
        with av.open(str(after)) as film:
            tags = [film.metadata, *(each.metadata for each in film.streams)]
            assert "01:00:59;28" in [each.get("timecode") for each in tags]
    with av.open(str(same)) as film:
        assert "A012" in [each.metadata.get("reel_name") for each in film.streams]


def test_sound_in_mxf_is_as_long_as_the_film_and_tags_are_kept(tmp_path: Path) -> None:
    """Sound that begins at 0.5 s is silent before it: MXF has no times."""
    whole, source, target = (tmp_path / name for name in ("whole.mov", "in.mov", "a.mxf"))
    make_clip(
        whole,
        codec="mpeg4",
        rate=Fraction(25),
        frames=25,
        sound=1,
        sound_codec="pcm_s16le",
        metadata={"title": "A film"},
    )
    with av.open(str(whole)) as plain, av.open(str(source), "w") as film:
        film.metadata.update(plain.metadata)
        copies = [film.add_stream_from_template(each) for each in plain.streams]
        for packet in plain.demux():
            is_sound = packet.stream_index == 1
            if packet.size and not (is_sound and packet.pts * packet.time_base < Fraction(1, 2)):
                packet.stream = copies[packet.stream_index]
                film.mux(packet)
    plan = color(source, target, _run("prores"))
    assert not [
        each
        for each in plan.notices
        if "audio stream 1 (pcm_s16le" in each.text and "language" not in each.text
    ]
    assert _faults(source, target) == []
    with av.open(str(target)) as film:
        assert film.metadata["comment_title"] == "A film"
        assert LABEL in film.metadata["comment_comment"]
        sound = film.streams.audio[0]
        pieces = [frame.to_ndarray().reshape(-1, 2) for frame in film.decode(sound)]
        samples = np.concatenate(pieces)
    assert len(samples) == AUDIO_RATE
    assert not samples[: AUDIO_RATE // 2 - 2048].any()
    assert samples[AUDIO_RATE // 2 + 2048 : -2048].any()


def test_what_mxf_cannot_hold_is_refused_before_the_run(tmp_path: Path) -> None:
    film, slow, woven, uneven = (tmp_path / f"{name}.mkv" for name in ("a", "b", "c", "d"))
    target = str(tmp_path / "out.mxf")
    make_clip(film, frames=2, rate=Fraction(25), **SIZE)
    make_clip(slow, frames=2, rate=Fraction(18), **SIZE)
    woven_film(woven, top_first=True)

    def refusal(path: Path, codec: Codec) -> str:
        with FilmReader(str(path)) as reader, pytest.raises(OptionError) as error:
            plan_output(reader.info, target, _run(codec))
        return str(error.value)

    assert "use --codec dnxhr or prores" in refusal(film, "libx264")
    assert "does not hold 18 frames a second" in refusal(slow, "prores")
    assert "name the target .mov" in refusal(slow, "prores")
    base = Fraction(1, 1000)
    make_clip(uneven, time_base=base, pts=[0, 40, 80, 121, 160, 260], rate=Fraction(25), **SIZE)
    with FilmReader(str(uneven)) as reader:
        plan = plan_output(reader.info, target, _run("prores"))
        check_durations(plan, [0, 40, 80, 121, 160], 40)
        with pytest.raises(MediaError, match=r"\(frame 5 at 0\.260 s\)"):
            check_durations(plan, [0, 40, 80, 121, 160, 260], 40)


def test_a_film_without_a_matrix_gets_the_one_it_is_read_by_in_dnxhr(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "out.mov"
    make_clip(source, frames=2, **SIZE)
    color(source, target, _run("dnxhr"))
    with FilmReader(str(target)) as reader:
        assert (reader.info.tags.matrix, reader.info.tags.primaries) == (6, 6)
    assert _faults(source, target) == []
    assert stated_tags(ColorTags(), 1080) == ColorTags(1, 1, 1)
    assert stated_tags(ColorTags(9), 1080) == ColorTags(9, 9, 14)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("dnxhr", ".mov"), ("dnxhr", ".mxf"), ("prores", ".mxf")]
)
def test_segments_are_joined_into_the_same_frames(
    tmp_path: Path, codec: Codec, suffix: str
) -> None:
    source, parts, whole = tmp_path / "in.mkv", tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    make_clip(source, frames=9, rate=Fraction(25), **SIZE)
    segment_and_join(cut_film(source, parts, _run(codec), (2, 1, 6)), tmp_path)
    color(source, whole, _run(codec))
    assert decoded_times(parts) == decoded_times(whole)
    for one, other in zip(_lumas(parts), _lumas(whole), strict=True):
        np.testing.assert_array_equal(one, other)


def _lumas(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [plane_codes(frame, 0) for frame in film.decode(video=0)]
