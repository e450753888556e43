"""Recordings strung together: any number of them, with any clocks, in any time base."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from filmcolor.media.splices import TimestampRepair

FILM, SOUND = 0, 1
STREAMS = [SimpleNamespace(type=kind, disposition=0) for kind in ("video", "audio")]


@dataclass
class FakePacket:
    """What is asked of a packet."""

    stream_index: int
    pts: int | None
    dts: int | None
    duration: int
    time_base: Fraction

    @property
    def stream(self) -> SimpleNamespace:
        return STREAMS[self.stream_index]


@dataclass(frozen=True)
class Recording:
    """Packets of pictures and of sound, in the order of the file, from some second on."""

    begins: Fraction
    frames: int


def packets(
    parts: list[Recording], base: Fraction, depth: int, sound_base: Fraction
) -> list[FakePacket]:
    """25 pictures a second, each shown `depth` pictures after it is decoded; sound in 40 ms."""
    found = []
    for part in parts:
        for index, tick, late in ((FILM, base, depth), (SOUND, sound_base, 0)):
            lasts, begins = int(Fraction(1, 25) / tick), int(part.begins / tick)
            for number in range(part.frames):
                dts = begins + number * lasts
                found.append(FakePacket(index, dts + late * lasts, dts, lasts, tick))
        own = found[-2 * part.frames :]
        found[-2 * part.frames :] = sorted(own, key=lambda each: (each.dts or 0) * each.time_base)
    return found


def repaired(given: list[FakePacket], *, strung: bool) -> tuple[list[FakePacket], TimestampRepair]:
    repair = TimestampRepair(FILM, strung)
    found: list[Any] = []
    for packet in given:
        found += repair.feed(cast("Any", packet))
    return [*found, *repair.flush()], repair


def times(found: list[FakePacket], index: int) -> list[int]:
    return [each.dts or 0 for each in found if each.stream_index == index]


BASES = st.sampled_from([Fraction(1, 1000), Fraction(1, 90_000), Fraction(1, 25), Fraction(1, 600)])
BEGINS = st.one_of(
    st.integers(-100_000, 100_000).map(Fraction),
    st.just(Fraction(2**33, 90_000)),
    st.just(Fraction(2**33 - 90_000, 90_000)),
)
DEPTHS = st.integers(0, 4)


@given(BEGINS, st.integers(1, 120), BASES, BASES, DEPTHS, st.booleans())
def test_a_film_that_goes_on_is_let_alone(
    begins: Fraction, frames: int, base: Fraction, sound_base: Fraction, depth: int, strung: bool
) -> None:
    parts = [Recording(begins, frames)]
    found, repair = repaired(packets(parts, base, depth, sound_base), strung=strung)
    assert found == packets(parts, base, depth, sound_base)
    assert not repair.found and not repair.astray


@given(st.lists(BEGINS, min_size=2, max_size=4), BASES, BASES, DEPTHS)
def test_recordings_go_on_from_each_other(
    begins: list[Fraction], base: Fraction, sound_base: Fraction, depth: int
) -> None:
    """Wherever each begins, all are shown one after another, and sound stays with its picture."""
    # What begins a little after the end of the one before is a gap, or its pictures out of order.
    clear = [begins[0]]
    for each in begins[1:]:
        near = abs(each - clear[-1]) < 20
        clear.append(each + (40 if near else 0))
    parts = [Recording(each, 60) for each in clear]
    given = packets(parts, base, depth, sound_base)
    order = [(each.stream_index, number) for number, each in enumerate(given)]
    found, repair = repaired(given, strung=True)
    assert [each.stream_index for each in found] == [index for index, _ in order]
    assert len(repair.found) == len(parts) - 1 and not repair.astray
    for index, tick in ((FILM, base), (SOUND, sound_base)):
        steps = {after - before for before, after in pairwise(times(found, index))}
        assert max(abs(step * tick - Fraction(1, 25)) for step in steps) <= 4 * Fraction(1, 25)
        assert min(steps) > 0
    apart = [
        (film * base, sound * sound_base)
        for film, sound in zip(times(found, FILM), times(found, SOUND), strict=True)
    ]
    assert max(abs(film - sound) for film, sound in apart) <= 2 * max(base, sound_base)


@given(
    st.integers(30, 90),
    st.integers(-(10**7), 10**7).filter(lambda ticks: abs(ticks) > 10**5),
    BASES,
    DEPTHS,
    st.booleans(),
)
def test_one_wrong_time_moves_nothing_else(
    at: int, off: int, base: Fraction, depth: int, strung: bool
) -> None:
    right = packets([Recording(Fraction(5), 120)], base, depth, base)
    given = packets([Recording(Fraction(5), 120)], base, depth, base)
    films = [each for each in given if each.stream_index == FILM]
    films[at].dts = (films[at].dts or 0) + off
    films[at].pts = (films[at].pts or 0) + off
    found, repair = repaired(given, strung=strung)
    wrong = found.index(films[at])
    assert [each for each in found if each is not films[at]] == [
        each for number, each in enumerate(right) if number != wrong
    ]
    assert films[at].pts is None and repair.astray == 1 and not repair.found
