"""What an edit list cuts away is not heard in the result, and what is played keeps its time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from filmcolor.media.mov_boxes import read_tracks
from filmcolor.media.played import CLOCK
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.options import Codec
from tests.helpers.clips import AUDIO_RATE, probe
from tests.helpers.coloring import color, decoded_times, options
from tests.helpers.edits import MOVIE_TICKS, PICTURE_TICKS, heard, put_edits, toned_film, tones
from tests.media.write.test_fields import verified

pytestmark = pytest.mark.codec

AAC_LEAD = 1024
"""Samples that FFmpeg's encoder of AAC puts in front."""
NOISE = 3e-3
"""What AAC's decoder makes up for noise depends on what it decoded before."""


def edited(path: Path, *, picture: list[tuple[int, int]], sound: list[tuple[int, int]]) -> None:
    """A film of four tones, cut: (seconds in thousandths, first picture tick or sample)."""
    is_aac = path.suffix == ".mp4"
    toned_film(path, sound="aac" if is_aac else "pcm_s16le")
    lead = AAC_LEAD if is_aac else 0
    put_edits(path, {0: picture, 1: [(lasts, at + lead * (at >= 0)) for lasts, at in sound]})


def trimmed(path: Path, extra: int = 0) -> None:
    """Seconds 1 to 3, the sound from `extra` samples later on."""
    edited(path, picture=[(2000, PICTURE_TICKS)], sound=[(2000, AUDIO_RATE + extra)])


def colored(source: Path, target: Path) -> OutputPlan:
    codec: Codec = "libx264"
    plan = color(source, target, options(codec))
    faults = [each for each in verified(source, target).findings if each.severity == "fault"]
    assert {each.kind for each in faults} <= {"luma"}
    return plan


def cuts_told(plan: OutputPlan) -> list[str]:
    return [each.text for each in plan.notices if "packets" in each.text]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("extra", [0, 333])
def test_sound_is_cut_to_the_sample_by_an_edit_list(
    tmp_path: Path, suffix: str, extra: int
) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    trimmed(source, extra)
    plan = colored(source, target)
    assert tones(heard(target))[:40] == [600] * 20 + [900] * 20
    played = heard(target)
    assert np.allclose(played, heard(source)[: played.size], atol=NOISE)
    if suffix == ".mov":  # a decoder gives AAC's last packet whole
        assert 0 <= played.size - 2 * AUDIO_RATE < float(CLOCK) * AUDIO_RATE
    assert decoded_times(target) == [Fraction(n, 25) for n in range(50)]
    assert not cuts_told(plan)
    with av.open(str(target)) as film:
        hidden = [packet.is_discard for packet in film.demux(audio=0) if packet.size]
        sound = film.streams.audio[0]
        assert sound.duration is not None and sound.time_base is not None
        assert abs(sound.duration * sound.time_base - 2) < Fraction(1, 500)
    (end,) = (each.end for each in read_tracks(str(target))[1:])
    assert end is not None and abs(end - 2) < Fraction(1, 500)
    # What was cut away is not in the file, but for what the decoder needs to settle.
    assert sum(hidden) <= 4


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_matroska_cuts_sound_at_packets_and_says_by_how_much(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / "out.mkv"
    trimmed(source)
    plan = colored(source, target)
    (told,) = cuts_told(plan)
    assert "it begins 19 ms earlier" in told and ".mp4 or .mov" in told
    late = float(plan.offset_seconds)
    assert 0.018 < late < 0.02
    assert tones(heard(target), late)[:40] == [600] * 20 + [900] * 20
    assert heard(target).size < AUDIO_RATE * (2 + late) + 1024
    assert decoded_times(target)[0] == plan.offset_seconds


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("kind", ["same", ".mkv"])
def test_sound_goes_on_at_its_time_behind_a_cut_within(
    tmp_path: Path, suffix: str, kind: str
) -> None:
    source = tmp_path / f"in{suffix}"
    target = tmp_path / f"out{suffix if kind == 'same' else kind}"
    edited(
        source,
        picture=[(1000, 0), (1500, 2 * PICTURE_TICKS)],
        sound=[(1000, 0), (1500, 2 * AUDIO_RATE)],
    )
    assert [each.cuts for each in read_tracks(str(source))] == [1, 1]
    plan = colored(source, target)
    wanted = [300] * 20 + [900] * 20 + [1200] * 10
    assert tones(heard(target), float(plan.offset_seconds))[:49] == wanted[:49]
    assert len(decoded_times(target)) == len(decoded_times(source))
    (told,) = cuts_told(plan)
    assert "is cut in one place" in told and "21 ms off at most" in told


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("kind", ["same", ".mkv"])
def test_sound_that_begins_late_begins_there(tmp_path: Path, suffix: str, kind: str) -> None:
    source = tmp_path / f"in{suffix}"
    target = tmp_path / f"out{suffix if kind == 'same' else kind}"
    edited(source, picture=[(4000, 0)], sound=[(500, -1), (2000, AUDIO_RATE // 2)])
    plan = colored(source, target)
    wanted = [0] * 10 + [300] * 10 + [600] * 20 + [900] * 10
    found = tones(heard(target))
    assert found[:9] == wanted[:9] and found[10:49] == wanted[10:49]
    if kind == "same":
        (end,) = (each.end for each in read_tracks(str(target))[1:])
        assert end is not None and abs(end - Fraction(5, 2)) < Fraction(1, 500)
        played = heard(target)
        assert np.allclose(played, heard(source)[: played.size], atol=NOISE)
        assert not cuts_told(plan)
    else:
        assert "begins 9 ms earlier" in cuts_told(plan)[0]


def test_ordinary_films_are_as_before(tmp_path: Path) -> None:
    for suffix in (".mp4", ".mov"):
        source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
        toned_film(source, sound="aac" if suffix == ".mp4" else "pcm_s16le", seconds=1)
        plan = colored(source, target)
        assert not cuts_told(plan)
        packets = []
        for path in (source, target):
            with av.open(str(path)) as film:
                found = [
                    (packet.pts, packet.is_discard, bytes(packet))
                    for packet in film.demux(audio=0)
                    if packet.size
                ]
            packets.append(found)
        assert packets[0] == packets[1]


def test_pictures_go_on_behind_a_cut_that_goes_far_back_for_a_key_frame(tmp_path: Path) -> None:
    """Between two key frames lie four seconds: where it goes on, decoding goes back by three."""
    source = tmp_path / "in.mp4"
    toned_film(source, gop=200)
    put_edits(source, {0: [(1000, 0), (MOVIE_TICKS // 2, 3 * PICTURE_TICKS)]})
    plan = color(source, tmp_path / "out.mp4", options())
    assert not [each for each in plan.notices if each.warning]
    assert probe(str(source)).duration is not None
    assert decoded_times(tmp_path / "out.mp4") == decoded_times(source)
    assert len(decoded_times(source)) in (37, 38)
