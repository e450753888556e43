"""Two tracks of sound that are alike, or not, at their places in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from filmcolor.verify.findings import Findings
from filmcolor.verify.sound import Played, Samples, Timeline
from filmcolor.verify.sound_match import SoundMatch, Tolerance

RATE = 8000
PACKET = 400


def noise(seconds: float, seed: int = 1) -> Samples:
    """Two channels, -0.5..0.5."""
    count = round(seconds * RATE)
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (count, 2)).astype(np.float32)


def pieces(samples: Samples, start: Fraction = Fraction(0), rate: int = RATE) -> Iterator[Played]:
    for at in range(0, len(samples), PACKET):
        yield Played(1, start + Fraction(at, rate), rate, samples[at : at + PACKET])


def told(wanted: list[Played], found: list[Played], *, is_exact: bool = True) -> list[str]:
    """What is said of two tracks, the source's beginning at 10 s of its clock."""
    sides = Timeline(RATE, Fraction(10)), Timeline(RATE, Fraction(0))
    match = SoundMatch("sound 1", RATE, sides, Tolerance(Fraction(1, 1000), 1), is_exact=is_exact)
    for number in range(max(len(wanted), len(found))):
        for side, each in zip(sides, (wanted, found), strict=True):
            if number < len(each):
                side.take(each[number])
        match.settle()
    findings = Findings()
    match.end(findings)
    return [finding.line for finding in findings.all()]


def of_source(samples: Samples, start: Fraction = Fraction(0)) -> list[Played]:
    return list(pieces(samples, 10 + start))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda codes: codes, []),
        (lambda codes: codes + np.float32(1 / 32768), []),
        (lambda codes: codes * np.float32(0.99), ["sound 1, sound with other samples: 10.000 s"]),
    ],
)
def test_samples_are_the_source_s_but_for_rounding(
    change: Callable[[Samples], Samples], expected: list[str]
) -> None:
    samples = noise(3)
    lines = told(of_source(samples), list(pieces(change(samples))))
    assert [line.split(", 11")[0] for line in lines] == expected


def test_channels_that_have_been_swapped_are_named() -> None:
    samples = noise(2)
    swapped = np.ascontiguousarray(samples[:, ::-1])
    (line,) = told(of_source(samples), list(pieces(swapped)), is_exact=False)
    assert line == "sound 1, sound with other samples: 10.000 s, 11.000 s"


@pytest.mark.parametrize("late", [Fraction(30, 1000), Fraction(-1), Fraction(3, 2)])
def test_sound_that_is_late_or_early_is_told_once(late: Fraction) -> None:
    samples = noise(6)
    way = "late" if late > 0 else "early"
    assert told(of_source(samples), list(pieces(samples, late))) == [
        f"sound 1, sound at another time: 10.000 s; {float(abs(late)):.3f} s too {way}"
    ]


def test_rounded_times_are_not_late() -> None:
    samples = noise(4)
    found = [
        Played(1, Fraction(round(1000 * each.seconds), 1000), RATE, each.samples)  # type: ignore[operator]
        for each in pieces(samples, Fraction(1, 3000))
    ]
    assert told(of_source(samples, Fraction(1, 3000)), found) == []


def test_what_is_heard_in_one_alone_is_named_with_its_length() -> None:
    samples = noise(4)
    whole, gap = of_source(samples), 2 * RATE // PACKET
    found = list(pieces(samples))
    assert told(whole, found[: -RATE // PACKET]) == [
        "sound 1, sound of the source that is not played: 13.000 s; 1.000 s long"
    ]
    assert told(whole[gap:], found) == [
        "sound 1, sound that the source does not play: 10.000 s; 2.000 s long"
    ]
    assert told(whole[:gap] + whole[gap + 5 :], found) == [
        "sound 1, sound that the source does not play: 12.000 s; 0.250 s long"
    ]
    assert told(whole[1:], found) == told(whole, found[1:]) == []  # cut at packets


def test_sound_after_an_hour_of_silence() -> None:
    first, second = noise(2), noise(2, seed=2)
    hour = Fraction(3600)
    wanted = of_source(first) + of_source(second, hour)
    assert told(wanted, [*pieces(first), *pieces(second, hour)]) == []
    (line,) = told(wanted, [*pieces(first), *pieces(second, hour + Fraction(1, 10))])
    assert line == "sound 1, sound at another time: 3610.000 s; 0.100 s too late"


def test_sound_behind_a_clock_that_is_set_anew_is_not_judged() -> None:
    first, second = noise(2), noise(2, seed=2)
    wanted = of_source(first) + of_source(second)
    assert told(wanted, [*pieces(first), *pieces(second, Fraction(2))]) == []
    other_rate = list(pieces(second, Fraction(12), 2 * RATE))
    assert told(of_source(first) + other_rate, list(pieces(first))) == []
