"""Copies of frames that come again and again in the same places are found, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from filmcolor.analysis.frame_signature import frame_signature
from filmcolor.analysis.repeats import Cadence, RepeatMeter
from filmcolor.types import ColorTags, Luma, PixelLayout, VideoInfo
from tests.helpers.clips import luma_picture

HEIGHT, WIDTH = 96, 128
INFO = VideoInfo(
    path="film.mkv",
    container="matroska,webm",
    stream_index=0,
    codec="ffv1",
    width=WIDTH,
    height=HEIGHT,
    source_format="gray",
    layout=PixelLayout(8, "400"),
    tags=ColorTags(),
    time_base=Fraction(1, 1000),
    rate=Fraction(24),
)


def pictures(places: Iterable[int], noise: float = 0.0, speed: float = 1.0) -> Iterator[Luma]:
    """Those frames of a pan with grain of their own; `noise` differs from copy to copy."""
    coding = np.random.default_rng(1)
    for place in places:
        own = np.random.default_rng(100 + place).normal(0, 4, (HEIGHT, WIDTH))
        codes = luma_picture(round(speed * place), HEIGHT, WIDTH, scene=place // 400) + own
        codes = codes + coding.normal(0, noise, (HEIGHT, WIDTH))
        yield np.clip(np.rint(codes), 0, 255).astype(np.uint8)


def found(luma: Iterable[Luma]) -> Cadence | None:
    meter = RepeatMeter()
    for codes in luma:
        meter.add(frame_signature(codes, 8))
    return meter.found()


def stepped(frames: int, own: int, shown: int) -> list[int]:
    """Which frame of `own` a second is seen where `shown` a second are."""
    return [place * own // shown for place in range(frames)]


@pytest.mark.parametrize(
    ("own", "shown", "frames", "copies", "length"),
    [
        (18, 24, 72, 1, 4),
        (16, 24, 72, 1, 3),
        (12, 24, 60, 1, 2),
        (20, 24, 90, 1, 6),
        (24, 30, 75, 1, 5),
        (24, 60, 75, 3, 5),  # AAABB: 3:2 pulldown, whole frames
        (24, 25, 300, 1, 25),
        (16, 25, 100, 9, 25),
        (18, 25, 125, 7, 25),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_the_cadence_is_found(
    own: int, shown: int, frames: int, copies: int, length: int, noise: float
) -> None:
    cadence = found(pictures(stepped(frames, own, shown), noise))
    assert cadence is not None
    assert (cadence.copies, cadence.length) == (copies, length)
    assert cadence.share > 0.8


@pytest.mark.parametrize(
    "places",
    [
        list(range(120)),
        [0] * 120,  # a still
        [*range(50), *[50] * 30, *range(50, 90)],  # a picture that is held in a film
        [place - place // 40 for place in range(160)],  # too seldom
        [*stepped(16, 18, 24), *range(100, 300)],  # too few
        np.repeat(range(60), np.random.default_rng(3).integers(1, 4, 60)).tolist(),  # no order
        [0, 1],
        [],
    ],
)
def test_ordinary_films_and_stills_are_not_told_of(places: list[int]) -> None:
    assert found(pictures(places)) is None


def test_a_slow_film_is_not_told_of() -> None:
    assert found(pictures(range(120), noise=3.0, speed=0.25)) is None


def test_splices_break_no_cadence_and_a_part_is_told_as_one() -> None:
    spliced = [place + 400 * (at // 30) for at, place in enumerate(stepped(121, 18, 24))]
    cadence = found(pictures([*spliced[:31], *spliced[33:]]))
    assert cadence is not None
    assert (cadence.copies, cadence.length) == (1, 4)
    cadence = found(pictures([*stepped(72, 18, 24), *range(400, 500)]))
    assert cadence is not None
    assert cadence.share == pytest.approx(72 / 172, abs=0.03)


def test_what_is_said_of_it() -> None:
    text = Cadence(1, 4, 1.0).notice(INFO).text
    assert text.startswith(
        "every 4th frame is a copy of the one before (18 frames a second shown at 24): all are kept"
    )
    assert "decimate=cycle=4 first, then --fps 18" in text
    assert "every second frame" in Cadence(1, 2, 1.0).notice(INFO).text
    text = Cadence(9, 25, 0.42).notice(INFO).text
    assert text.startswith("in 42 % of the film 9 of every 25 frames are copies")
    assert "mpdecimate" in text
