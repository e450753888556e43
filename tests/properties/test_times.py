"""Times: of frames, of packets, of what belongs to them, and as people write them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from math import lcm
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from filmcolor.events import Notice
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.times import FilmTimes
from filmcolor.media.read.damage import Decoded
from filmcolor.media.read.timestamps import Timed, stamp
from filmcolor.media.retiming import Retiming
from filmcolor.media.timebase import (
    LARGEST_TIMESCALE,
    LEAST_TIMESCALE,
    Chapter,
    Clock,
    DecodeClock,
    counted_rate,
    exact_time_base,
    fit_chapters,
    frame_ticks,
    is_exact,
    lift_to_zero,
    movie_timescale,
)
from filmcolor.media.write.join import _Join
from filmcolor.timecode import (
    clock_text,
    name_of,
    parse_rate,
    parse_seconds,
    seconds_in,
    time_text,
)
from filmcolor.types import Shot

BASES = st.one_of(
    st.sampled_from(
        [Fraction(1, 1000), Fraction(1, 90_000), Fraction(1001, 30_000), Fraction(1, 10**9)]
    ),
    st.builds(Fraction, st.integers(1, 2000), st.integers(1, LARGEST_TIMESCALE)),
)
FIRST = st.one_of(st.integers(-(2**40), 2**40), st.sampled_from([0, 2**33 - 3000, -(2**33)]))
SECONDS = st.fractions(0, 10**6, max_denominator=10**9)


@st.composite
def rising(draw: st.DrawFn, least: int = 1, longest: int = 40) -> list[int]:
    """Times of frames in ticks, each after the one before, from anywhere on."""
    steps = draw(st.lists(st.integers(1, 5000), min_size=least - 1, max_size=longest - 1))
    return list(accumulate(steps, initial=draw(FIRST)))


@st.composite
def reordered(draw: st.DrawFn, times: Sequence[int], depth: int) -> list[int]:
    """The same, each moved by `depth` places at most."""
    keys = [at + draw(st.integers(0, depth)) for at in range(len(times))]
    return [times[at] for at in sorted(range(len(times)), key=lambda at: (keys[at], at))]


def film(base: Fraction, *, container: str = "matroska", disordered: bool = False) -> Any:
    return SimpleNamespace(
        rate=Fraction(25), time_base=base, container=container, times_disordered=disordered
    )


def pictures(times: Sequence[int | None], lasts: Sequence[int] | None = None) -> list[Decoded]:
    """Pictures that are numbers, with these times."""
    lasts = lasts or [0] * len(times)
    return [
        Decoded(cast("Any", at), time, last)
        for at, (time, last) in enumerate(zip(times, lasts, strict=True))
    ]


def stamped(
    given: list[Decoded], info: Any, *, holds: bool = True
) -> tuple[list[Timed], list[str]]:
    said: list[Notice] = []
    return list(stamp(given, info, said.append, holds=holds)), [each.text for each in said]


ANY_TIME = st.one_of(st.none(), st.integers(-300, 300), st.integers(-(2**40), 2**40))


@given(
    st.lists(st.tuples(ANY_TIME, st.integers(-3, 90)), max_size=60),
    BASES,
    st.sampled_from(["matroska", "h264"]),
    st.booleans(),
    st.booleans(),
)
def test_every_picture_gets_a_time_after_the_one_before(
    given: list[tuple[int | None, int]], base: Fraction, container: str, bad: bool, holds: bool
) -> None:
    """Whatever the container says: no picture is lost, made up, or in another place."""
    times, lasts = [time for time, _ in given], [last for _, last in given]
    info = film(base, container=container, disordered=bad)
    found, _ = stamped(pictures(times, lasts), info, holds=holds)
    assert [each.picture for each in found] == list(range(len(given)))
    assert all(before.pts < after.pts for before, after in pairwise(found))


@given(rising(), BASES, st.booleans(), st.booleans())
def test_times_that_advance_are_kept(
    times: list[int], base: Fraction, bad: bool, holds: bool
) -> None:
    found, said = stamped(pictures(times), film(base, disordered=bad), holds=holds)
    assert [each.pts for each in found] == times and not said


@given(st.data(), rising(2), st.sampled_from([Fraction(1, 90_000), Fraction(1, 10**6)]))
def test_times_in_another_order_are_sorted(
    data: st.DataObject, times: list[int], base: Fraction
) -> None:
    given = data.draw(reordered(times, 7))
    found, said = stamped(pictures(given), film(base, disordered=True))
    assert [each.pts for each in found] == times and not said


@given(rising(), st.integers(0, 15), BASES)
def test_pictures_before_the_first_time_are_counted_back(
    times: list[int], unknown: int, base: Fraction
) -> None:
    found, _ = stamped(pictures([None] * unknown + times), film(base))
    step = frame_ticks(Fraction(25), base)
    assert [each.pts for each in found[unknown:]] == times
    assert [each.pts for each in found[:unknown]] == [
        times[0] - step * back for back in range(unknown, 0, -1)
    ]


@given(BASES)
def test_an_exact_time_base_holds_every_tick(source: Fraction) -> None:
    base = exact_time_base(source)
    assert is_exact(source, base) and base.numerator == 1
    assert LEAST_TIMESCALE <= base.denominator <= LARGEST_TIMESCALE


@given(BASES, st.lists(st.sampled_from([8000, 11_025, 44_100, 48_000, 96_000]), max_size=4))
def test_a_movie_timescale_is_exact_for_the_film(source: Fraction, rates: list[int]) -> None:
    video = exact_time_base(source)
    scale = movie_timescale(video, rates)
    assert scale % video.denominator == 0 and scale <= LARGEST_TIMESCALE
    if lcm(video.denominator, *rates) <= LARGEST_TIMESCALE:
        assert all(scale % rate == 0 for rate in rates)


@given(st.fractions(-(10**6), 10**6), BASES)
def test_a_lift_is_the_least_that_suffices(earliest: Fraction, base: Fraction) -> None:
    lift = lift_to_zero(earliest, base)
    assert lift >= 0 and (lift / base).denominator == 1 and earliest + lift >= 0
    assert lift == 0 or earliest + lift - base < 0


@given(rising(), BASES, BASES, st.fractions(-100, 100))
def test_a_clock_keeps_order_and_the_nearest_tick(
    times: list[int], source: Fraction, output: Fraction, offset: Fraction
) -> None:
    clock = Clock(source, output, offset)
    found = [clock(pts) for pts in times]
    exact = [(pts * source + offset) / output for pts in times]
    assert all(before < after for before, after in pairwise(found))
    assert all(ticks >= want - Fraction(1, 2) for ticks, want in zip(found, exact, strict=True))
    if all(after - before >= 2 for before, after in pairwise(exact)):
        far = [abs(ticks - want) for ticks, want in zip(found, exact, strict=True)]
        assert max(far) <= Fraction(1, 2)
    assert all(clock.duration(ticks) >= 1 for ticks in (0, 1, 5000))


@given(st.data(), rising(), st.integers(0, 16), st.integers(1, 5000))
def test_packets_are_decoded_in_order_and_before_they_are_shown(
    data: st.DataObject, times: list[int], depth: int, lasts: int
) -> None:
    clock = DecodeClock(depth)
    for pts in times:
        clock.give(pts, lasts)
    coded = data.draw(reordered(times, depth))
    decoded = [clock.next() for _ in coded]
    assert all(before < after for before, after in pairwise(decoded))
    assert all(at <= pts for at, pts in zip(decoded, coded, strict=True))


class _Muxer:
    """Stands for the film that is written: what is announced, and what is copied under it."""

    def __init__(self) -> None:
        self.announced: list[tuple[int, int]] = []
        self.copied: list[tuple[int, int]] = []

    def announce(self, pts: int, duration: int) -> int:
        self.announced.append((pts, duration))
        return pts * 10

    def copy(self, packet: int, shown: int) -> None:
        self.copied.append((packet, shown))


@given(st.data(), rising(), st.integers(0, 16), st.integers(1, 5000))
def test_a_join_gives_every_packet_the_time_of_its_frame(
    data: st.DataObject, times: list[int], depth: int, lasts: int
) -> None:
    order = data.draw(reordered(range(len(times)), depth))
    muxer = _Muxer()
    join = _Join(cast("Any", muxer), times, lasts)
    for index in order:
        join._copy("segment", index, cast("Any", index))
    assert join.copied == len(times)
    assert muxer.copied == [(index, times[index] * 10) for index in order]
    ends = [*times[1:], times[-1] + lasts]
    assert muxer.announced == [(pts, end - pts) for pts, end in zip(times, ends, strict=True)]


@given(
    st.lists(st.tuples(st.fractions(0, 100), st.fractions(0, 30)), max_size=8),
    st.fractions(-50, 50),
    st.one_of(st.none(), st.fractions(0, 100)),
    st.one_of(st.none(), st.fractions(0, 50)),
)
def test_chapters_lie_in_the_part_that_is_kept(
    stretches: list[tuple[Fraction, Fraction]],
    offset: Fraction,
    first: Fraction | None,
    length: Fraction | None,
) -> None:
    last = None if length is None else (first or Fraction(0)) + length
    chapters = [Chapter(start, start + long, {}) for start, long in stretches]
    found = fit_chapters(chapters, offset, first, last)
    for chapter in found:
        assert chapter.start <= chapter.stop
        assert first is None or chapter.start >= first + offset
        assert last is None or chapter.stop <= last + offset
    if first is None and last is None:
        assert [each.start - offset for each in found] == [each.start for each in chapters]


@given(rising(), BASES, st.integers(1, 5000), st.fractions(Fraction(1, 10), 1000), st.data())
def test_retiming_goes_both_ways(
    times: list[int], base: Fraction, lasts: int, rate: Fraction, data: st.DataObject
) -> None:
    retiming = Retiming(times, base, lasts, rate)
    for at, pts in enumerate(times):
        assert retiming.shown(pts * base) == at / rate
    assert retiming.shown(retiming.end) == len(times) / rate
    length = retiming.end - retiming.first
    seconds = retiming.first + length * data.draw(st.fractions(-1, 2))
    later = seconds + length * data.draw(st.fractions(0, 1))
    assert retiming.source(retiming.shown(seconds)) == seconds
    assert retiming.shown(seconds) <= retiming.shown(later)


@given(rising(2), BASES, st.integers(0, 5000))
def test_a_frame_is_found_by_its_time(times: list[int], base: Fraction, last: int) -> None:
    plan = FilmPlan((Shot(0, len(times)),), np.array(times, np.int64), base, last)
    found = FilmTimes(plan, times[0], None)
    for at in range(len(times)):
        seconds = found.edge_seconds(at)
        assert found.frame(seconds) == at == found.edge(seconds)
    assert found.edge(found.end) == len(times)
    shortest = min(after - before for before, after in pairwise(times)) * base
    if shortest > Fraction(1, 400) and found.end < 10**6:
        for at in range(len(times)):
            name = name_of(found.edge_seconds(at))
            assert found.frame(seconds_in(f"still_{name}.png") or Fraction(0)) == at


@given(SECONDS)
def test_times_are_read_as_they_are_written(seconds: Fraction) -> None:
    assert abs(parse_seconds(time_text(seconds)) - seconds) <= Fraction(1, 2 * 10**9)
    if (seconds * 10**9).denominator == 1:
        assert parse_seconds(time_text(seconds)) == seconds
    assert abs((seconds_in(name_of(seconds)) or 0) - seconds) <= Fraction(1, 2000)
    assert parse_seconds(clock_text(seconds)) == round(seconds)


@given(st.integers(1, 999), st.integers(1, 9999))
def test_rates_are_read_as_they_are_written(above: int, below: int) -> None:
    rate = Fraction(above, below)
    assume(rate.denominator <= 9999)
    assert abs(parse_rate(f"{above}/{below}") - rate) < Fraction(5, 1000)
    assert counted_rate(counted_rate(rate)) == counted_rate(rate)
    ticks = frame_ticks(rate, Fraction(1, 90_000))
    assert ticks >= 1 and abs(ticks - 90_000 / rate) <= 1
