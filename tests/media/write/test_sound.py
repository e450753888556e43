"""Sound that a container cannot hold: decoded and kept without loss, left out, or copied."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.options import Audio, EncodeOptions, RunOptions, VerifyOptions
from filmcolor.verify.check import verify_film
from tests.helpers.clips import AUDIO_RATE, make_clip
from tests.helpers.coloring import color

Samples = NDArray[np.int32]


def _run(audio: Audio | None = None, start: Fraction | None = None) -> RunOptions:
    quick = EncodeOptions(preset="ultrafast")
    return RunOptions(encode=quick, audio=audio, start_seconds=start)


def _faults(source: Path, result: Path, **chosen: object) -> list[str]:
    events = verify_film(str(source), str(result), VerifyOptions(**chosen))  # type: ignore[arg-type]
    while True:
        try:
            next(events)
        except StopIteration as end:
            return [each.line for each in end.value.findings if each.severity == "fault"]


def _samples(path: Path) -> tuple[Fraction, Samples]:
    """The first sound track's first time in seconds, and its samples, shape (samples, 2): 32 bits,
    of which 24 count.
    """
    pieces, first = [], None
    with av.open(str(path)) as film:
        for frame in film.decode(film.streams.audio[0]):
            if first is None and frame.pts is not None:
                first = frame.pts * frame.time_base
            for each in av.AudioResampler("s32").resample(frame):
                pieces.append(each.to_ndarray().reshape(-1, 2) & -256)
    assert first is not None
    return first, np.concatenate(pieces)


def _codecs(path: Path) -> list[str]:
    with av.open(str(path)) as film:
        return [each.codec_context.name for each in film.streams.audio]


def _texts(plan: OutputPlan) -> list[str]:
    return [each.text for each in plan.notices]


@pytest.mark.parametrize(
    ("name", "sound", "suffix", "becomes", "words"),
    [
        ("film.avi", "adpcm_ms", ".mp4", "flac", "FLAC of 16 bits"),
        ("film.avi", "adpcm_ms", ".mov", "pcm_s16le", "PCM of 16 bits"),
        ("film.avi", "pcm_mulaw", ".mp4", "flac", "FLAC of 16 bits"),
        ("film.avi", "pcm_u8", ".mp4", "flac", "FLAC of 16 bits"),
        ("film.asf", "wmav2", ".mp4", "flac", "FLAC of 24 bits"),
        ("film.asf", "wmav2", ".mov", "pcm_s24le", "PCM of 24 bits"),
        ("film.mov", "adpcm_ima_qt", ".mkv", "flac", "FLAC of 16 bits"),
        ("film.mov", "pcm_s8", ".mkv", "flac", "FLAC of 16 bits"),
    ],
)
def test_sound_that_cannot_be_copied_is_kept_without_loss(
    tmp_path: Path, name: str, sound: str, suffix: str, becomes: str, words: str
) -> None:
    film, target = tmp_path / name, tmp_path / f"color{suffix}"
    make_clip(film, codec="mpeg4", rate=Fraction(25), frames=25, sound=1, sound_codec=sound)
    plan = color(film, target, _run())
    [line] = [text for text in _texts(plan) if "audio stream" in text]
    assert f"cannot hold audio stream 1 ({sound}" in line
    assert line.endswith(f"kept without loss, as {words}; --audio copy leaves it out")
    assert _codecs(target) == [becomes]
    before, after = _samples(film), _samples(target)
    assert abs(before[0] - after[0]) < Fraction(1, 500)
    assert before[1].any()
    np.testing.assert_array_equal(before[1], after[1])
    assert _faults(film, target) == []


def test_copy_leaves_it_out_and_none_leaves_all_out(tmp_path: Path) -> None:
    film, target = tmp_path / "film.avi", tmp_path / "color.mp4"
    make_clip(film, codec="mpeg4", sound=1, sound_codec="adpcm_ms")
    plan = color(film, target, _run("copy"))
    assert "MP4 cannot hold: audio stream 1 (adpcm_ms); left out; an .mkv target keeps more" in (
        _texts(plan)
    )
    assert _codecs(target) == []
    assert _faults(film, target, audio="copy") == []
    assert "audio stream 1 (adpcm_ms) is missing from the result" in _faults(film, target)
    held = tmp_path / "color.mkv"
    plan = color(film, held, _run("none"))
    assert "--audio none: left out: audio stream 1 (adpcm_ms)" in _texts(plan)
    assert _codecs(held) == []
    assert _faults(film, held, audio="none") == []


def test_a_gap_in_the_sound_is_silent_and_the_rest_keeps_its_place(tmp_path: Path) -> None:
    whole, film, target = (tmp_path / name for name in ("whole.nut", "film.nut", "color.mp4"))
    make_clip(whole, codec="mpeg4", rate=Fraction(25), frames=50, sound=1, sound_codec="pcm_mulaw")
    with av.open(str(whole)) as source, av.open(str(film), "w") as other:
        copies = [other.add_stream_from_template(each) for each in source.streams]
        for packet in source.demux():
            seconds = None if packet.pts is None else packet.pts * packet.time_base
            is_sound = packet.stream_index == 1
            if seconds is None or (is_sound and Fraction(1, 2) <= seconds < 1):
                continue
            packet.stream = copies[packet.stream_index]
            other.mux(packet)
    color(film, target, _run())
    (first, plain), (_, kept) = _samples(whole), _samples(target)
    assert first == 0 and abs(len(plain) - len(kept)) < 100
    late = slice(round(1.1 * AUDIO_RATE), 80_000)
    np.testing.assert_array_equal(plain[late], kept[late])
    assert not kept[round(0.6 * AUDIO_RATE) : round(0.95 * AUDIO_RATE)].any()
    assert _faults(film, target) == []


def test_a_part_has_its_part_of_the_sound(tmp_path: Path) -> None:
    film, target = tmp_path / "film.avi", tmp_path / "color.mp4"
    make_clip(film, codec="mpeg4", rate=Fraction(25), frames=50, sound=1, sound_codec="adpcm_ms")
    color(film, target, _run(start=Fraction(1)))
    first, kept = _samples(target)
    assert 0 <= first < Fraction(1, 10)
    assert abs(len(kept) + first * AUDIO_RATE - AUDIO_RATE) < 4096
    assert _faults(film, target, start_seconds=Fraction(1)) == []


@pytest.mark.parametrize("change", ["other", "late", "short"])
def test_verify_names_converted_sound_that_is_not_the_sources(tmp_path: Path, change: str) -> None:
    film, target, spoiled = (tmp_path / name for name in ("film.avi", "color.mp4", "other.mp4"))
    make_clip(film, codec="mpeg4", rate=Fraction(25), frames=50, sound=1, sound_codec="adpcm_ms")
    color(film, target, _run())
    with av.open(str(target)) as source, av.open(str(spoiled), "w") as other:
        other.metadata.update(source.metadata)
        picture, sound = source.streams.video[0], source.streams.audio[0]
        copy = other.add_stream_from_template(picture)
        made = other.add_stream("flac", rate=AUDIO_RATE, layout="stereo", format="s16")
        made.metadata.update(sound.metadata)
        other.start_encoding()
        for packet in source.demux():
            if packet.stream_index == picture.index and packet.size:
                packet.stream = copy
                other.mux(packet)
                continue
            for frame in packet.decode() if packet.stream_index == sound.index else ():
                codes = frame.to_ndarray().copy()
                if change == "other" and frame.pts >= 40_000:
                    codes[0, 100] += 1
                if change == "short" and frame.pts >= 80_000:
                    continue
                again = av.AudioFrame.from_ndarray(codes, "s16", "stereo")
                again.sample_rate, again.time_base = AUDIO_RATE, Fraction(1, AUDIO_RATE)
                again.pts = frame.pts + (4800 if change == "late" else 0)
                other.mux(made.encode(again))
        other.mux(made.encode(None))
    wanted = {"other": "with other bytes", "late": "0.1 s too late", "short": "missing from"}
    [found] = [line for line in _faults(film, spoiled) if line.startswith("audio stream 1")]
    assert wanted[change] in found
