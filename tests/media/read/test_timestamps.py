"""Films whose pictures have their times in another order."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from filmcolor.media.read.film_reader import FilmReader
from filmcolor.options import OnError, RunOptions
from tests.helpers.clips import make_clip
from tests.helpers.coloring import color, decoded_times


def shuffled(path: Path, name: str) -> Path:
    """The film anew, the time of every picture being its packet's turn, as if decoded in order."""
    target = path.with_name(name)
    with av.open(str(path)) as film, av.open(str(target), "w") as other:
        copy = other.add_stream_from_template(film.streams.video[0], opaque=True)
        for number, packet in enumerate(film.demux(video=0)):
            if packet.size:
                packet.time_base = Fraction(1, 24)
                packet.pts = packet.dts = number
                packet.stream = copy
                other.mux_one(packet)
    return target


@pytest.mark.parametrize("on_error", ["stop", "repeat"])
@pytest.mark.parametrize(
    ("codec", "choice"),
    [
        ("mpeg4", {"bf": "1", "g": "12"}),
        ("mpeg4", {"bf": "2", "g": "12"}),
        ("libx264", {"bf": "3", "x264-params": "b-adapt=0:keyint=12"}),
    ],
)
def test_times_of_another_order_are_sorted(
    tmp_path: Path, codec: str, choice: dict[str, str], on_error: OnError
) -> None:
    plain = tmp_path / "plain.mp4"
    make_clip(plain, codec=codec, frames=40, options=choice, rate=Fraction(24))
    film = shuffled(plain, "in.mp4")
    with av.open(str(film)) as raw:
        given = [frame.pts for frame in raw.decode(video=0)]
    assert given != sorted(given)
    with FilmReader(str(plain)) as reader:
        lumas = [frame.luma for frame in reader.frames()]
    with FilmReader(str(film), on_error) as reader:
        frames = list(reader.frames())
        assert not reader.notices and not reader.can_seek
        later = next(iter(reader.frames_from(frames[30].pts)))
    assert [frame.pts * reader.info.time_base * 24 for frame in frames] == list(range(40))
    assert all(np.array_equal(frame.luma, luma) for frame, luma in zip(frames, lumas, strict=True))
    assert np.array_equal(later.luma, lumas[30])


def test_a_result_keeps_one_step_a_frame(tmp_path: Path) -> None:
    plain, target = tmp_path / "plain.mp4", tmp_path / "out.mp4"
    make_clip(plain, codec="mpeg4", frames=24, options={"bf": "2"}, rate=Fraction(24))
    color(shuffled(plain, "in.mp4"), target, RunOptions())
    assert decoded_times(target) == [Fraction(n, 24) for n in range(24)]
