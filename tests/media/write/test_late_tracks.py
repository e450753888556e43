"""Tracks that begin behind all that FFmpeg probes of a file: copied, or named and left out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from filmcolor.media.read.damage import GAINED_SOUND
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.options import VerifyOptions
from filmcolor.verify.check import verify_film
from tests.helpers.clips import make_clip
from tests.helpers.coloring import color, options

_PROBED = 6_000_000
"""More bytes than FFmpeg probes."""
_FLV_SOUND, _FLV_UNUSED = 8, 15
_FLV_TAG = 11
_PACK = 2048


def _sound_tracks(path: Path) -> list[int]:
    """Sample rates."""
    with av.open(str(path)) as film:
        return [stream.codec_context.sample_rate for stream in film.streams.audio]


def _flv_tag(kind: int, content: bytes) -> bytes:
    size = len(content).to_bytes(3, "big")
    head = bytes([kind]) + size + bytes(_FLV_TAG - 4)
    return head + content + (_FLV_TAG + len(content)).to_bytes(4, "big")


def _late_flv(path: Path) -> None:
    """A header that speaks of no sound, the picture, padding, and the sound."""
    make_clip(path, frames=200, codec="libx264", sound=1)
    content = path.read_bytes()
    picture, sound, at = b"", b"", 13
    while at < len(content):
        end = at + _FLV_TAG + int.from_bytes(content[at + 1 : at + 4], "big") + 4
        if content[at] == _FLV_SOUND:
            sound += content[at:end]
        elif content[at] == 9:
            picture += content[at:end]
        at = end
    assert sound and picture
    padding = _flv_tag(_FLV_UNUSED, bytes(_PROBED))
    path.write_bytes(b"FLV\1\1\0\0\0\x09\0\0\0\0" + picture + padding + sound)


def test_sound_of_which_a_head_says_nothing_is_named(tmp_path: Path) -> None:
    film, target = tmp_path / "film.flv", tmp_path / "color.mkv"
    _late_flv(film)
    with FilmReader(str(film)) as reader:
        assert len(list(reader.frames())) == 200
        assert GAINED_SOUND in [each.text for each in reader.notices if each.warning]
    color(film, target, options("libx264"))
    assert _sound_tracks(target) == []


def test_sound_that_a_programme_gains_late_is_named_before_the_run(tmp_path: Path) -> None:
    first, second, film = (tmp_path / f"{name}.ts" for name in ("first", "second", "film"))
    make_clip(first, frames=40, rate=Fraction(1), codec="libx264")
    make_clip(second, frames=5, codec="libx264", sound=1, sound_codec="mp2")
    unused = b"\x47\x1f\xff\x10" + b"\xff" * 184
    padding = unused * (_PROBED // len(unused))
    film.write_bytes(first.read_bytes() + padding + second.read_bytes())
    plan = color(film, tmp_path / "color.mkv", options("libx264"))
    [warning] = [each.text for each in plan.notices if each.warning]
    assert warning.startswith("audio stream 1 (")
    assert "begins so late that its form is not known: left out" in warning
    assert _sound_tracks(tmp_path / "color.mkv") == []
    verifying = verify_film(str(film), str(tmp_path / "color.mkv"), VerifyOptions())
    while True:
        try:
            next(verifying)
        except StopIteration as done:
            assert done.value.holds
            break


def test_late_sound_of_a_dvd_is_found_and_copied(tmp_path: Path) -> None:
    film = tmp_path / "film.vob"
    make_clip(film, frames=300, codec="mpeg2video", sound=1, sound_codec="ac3")
    content = film.read_bytes()
    packs = [content[at : at + _PACK] for at in range(0, len(content), _PACK)]
    packs.sort(key=lambda pack: b"\0\0\1\xbd" in pack)
    film.write_bytes(b"".join(packs))
    assert _sound_tracks(film) == [0]
    plan = color(film, tmp_path / "color.mkv", options("libx264"))
    assert len(plan.streams) == 2
    assert _sound_tracks(tmp_path / "color.mkv") == [48_000]
