"""Whether two tracks sound alike: at the same places, with the same samples.

Fed with the pieces of both as they are played (see `sound`); a second of both is compared at a
time, and only a few seconds are held. Where they differ, the same sound is looked for nearby.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from filmcolor.verify.findings import Findings, Place
from filmcolor.verify.sound import Samples, Timeline

_REACH_SECONDS = 2
"""How far off the same sound is looked for."""
_NEAR_SECONDS = Fraction(4, 1000)
"""And where first: times of containers are rounded."""
_WARM_UP = Fraction(1, 10)
"""Seconds after a gap in which samples may differ: decoders need some of what came before."""
_EQUAL = 2 / 32768
"""Samples that are copied, or converted without loss, differ by no more than 16 bits' rounding."""
_ALIKE = 0.1
"""Share of the energy by which sound may differ that a decoder fills up with noise (AC-3)."""
_NOISE_HERTZ = 4000
"""From here on AAC may say no more than how loud the noise is, which its decoder makes up."""
_LOUDER = 2
"""Times the energy that such noise may have."""
_SILENT = 1e-7
"""Mean square of samples that nobody hears."""
_MOST_SEARCHES, _MOST_PEAKS = 8, 4
_HIGH = 0.95
"""Share of the best correlation from which on a place may be the right one."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What is allowed."""

    late: Fraction
    """Seconds by which sound may come early or late."""
    edge_packets: int
    """By how many packets it may begin or end early or late where cuts are made between packets."""


class SoundMatch:
    """Compares one track of the source with that of the result which holds it."""

    def __init__(
        self,
        name: str,
        rate: int,
        sides: tuple[Timeline, Timeline],
        tolerance: Tolerance,
        *,
        is_exact: bool,
        is_filled: bool = False,
    ) -> None:
        """`sides`: the track of the source and that of the result, as they fill; both of `rate`.

        `is_exact`: every sample must be the source's, but for rounding. `is_filled`: the result may
        play on where the source does not; that this is silence is seen in `packets`.
        """
        self._name, self._rate, self._sides = name, rate, sides
        self._tolerance = tolerance
        self._is_filled = is_filled
        self._limit = _EQUAL if is_exact else None
        self._position: int | None = None
        self._lag = 0
        """Samples by which the result is late."""
        self._lags: list[tuple[int, int]] = []
        self._searches = 0
        self._findings = Findings()

    def settle(self, *, final: bool = False) -> None:
        """Compare what is known of both."""
        first, second = self._sides
        reach = _REACH_SECONDS * self._rate
        if self._position is None:
            starts = [side.runs[0][0] for side in self._sides if side.runs]
            if not starts or (len(starts) < 2 and not final):
                return
            self._position = min(starts)
        known = [side.known for side in self._sides if side.known is not None]
        end = max(known) if final else min(known) - reach
        if any(side.is_lost for side in self._sides):
            end = min(known)  # what comes after it has no place
        while self._position + (0 if final else self._rate) < end:
            stop = min(self._position + self._rate, end)
            self._compare(self._position, stop)
            self._position = stop
            first.drop_before(stop)
            second.drop_before(stop - reach)

    def _compare(self, start: int, stop: int) -> None:
        first, second = self._sides
        wanted = first.between(start, stop)
        found = second.between(start + self._lag, stop + self._lag)
        if wanted is None or (found is not None and self._fits(wanted, found, start, self._lag)):
            return
        if found is None and stop - start <= max(first.longest_piece, second.longest_piece):
            return  # the end of a last packet, which `end` looks at; a tone is found anywhere
        if self._searches < _MOST_SEARCHES:
            self._searches += 1
            lag = self._found_at(wanted, start, stop)
            if lag is not None:
                self._lag = lag
                self._lags.append((start, lag))
                late = Fraction(lag, self._rate)
                if abs(late) > self._tolerance.late:
                    way = "late" if late > 0 else "early"
                    detail = f"{float(abs(late)):.3f} s too {way}"
                    self._fault("sound at another time", start, detail)
                self._searches = 0
                return
        if found is not None:  # what is played by one alone is told by `end`
            self._fault("sound with other samples", start)

    def _fits(
        self, wanted: Samples, found: Samples, start: int, lag: int, *, least: int = 0
    ) -> bool:
        """Whether two stretches are the same sound, but for places where one of them begins.

        `least`: samples that must be there for it to be believed.
        """
        if wanted.shape[1] != found.shape[1]:
            return False
        difference = wanted - found
        if not difference.any() and not least:
            return True
        warm_up = int(_WARM_UP * self._rate)
        counts = np.ones(len(wanted), bool)
        for side, moved in zip(self._sides, (start, start + lag), strict=True):
            for at in side.begins_within(moved - warm_up, moved + len(wanted)):
                counts[max(0, at - moved) : max(0, at - moved + warm_up)] = False
            counts &= side.covers(moved, moved + len(wanted))
        if counts.sum() <= least:
            return not least
        difference, wanted = difference[counts], wanted[counts]
        if self._limit is not None:
            return bool(np.abs(difference).max() <= self._limit)
        energy = float(np.square(wanted).mean())
        if float(np.square(difference).mean()) <= max(_ALIKE * energy, _SILENT):
            return True
        return _differs_in_noise(wanted, difference, self._rate)

    def _found_at(self, wanted: Samples, start: int, stop: int) -> int | None:
        """By how many samples the result is late here, if the same sound is found nearby."""
        reach = _REACH_SECONDS * self._rate
        around = self._sides[1].between(start - reach, stop + reach)
        if around is None or wanted.shape[1] != around.shape[1]:
            return None
        if np.square(wanted).mean() <= _SILENT:
            return None  # it would be found anywhere
        likeness = _likeness(around.sum(axis=1), wanted.sum(axis=1))
        for near in (int(_NEAR_SECONDS * self._rate), reach):
            first = max(0, reach + self._lag - near)
            for peak in _peaks(likeness[first : reach + self._lag + near + 1], reach - first):
                lag = first - reach + peak
                found = self._sides[1].between(start + lag, stop + lag)
                least = len(wanted) // 16
                if found is not None and self._fits(wanted, found, start, lag, least=least):
                    return lag
        return None

    def end(self, findings: Findings) -> None:
        """Tell what was found, and what is played by one of the two alone."""
        self.settle(final=True)
        findings.extend(self._findings)
        if any(side.is_lost for side in self._sides):
            return
        first, second = self._sides
        moved = [
            (start - self._lag_at(start), stop - self._lag_at(stop)) for start, stop in second.runs
        ]
        packet = max(first.longest_piece, second.longest_piece)
        rounded = int(2 * self._tolerance.late * self._rate)
        slack, edge = packet + rounded, self._tolerance.edge_packets * packet + rounded
        added = [] if self._is_filled else moved
        for text, ours, theirs in (
            ("sound that the source does not play", added, first.runs),
            ("sound of the source that is not played", first.runs, moved),
        ):
            for start, stop in _without(ours, theirs):
                is_edge = ours[0][0] == start or ours[-1][1] == stop
                if stop - start > (edge if is_edge else slack):
                    detail = f"{(stop - start) / self._rate:.3f} s long"
                    self._fault(text, start, detail, findings)

    def _lag_at(self, place: int) -> int:
        """By how much the result is late at one of its places; at the beginning as soon after."""
        lags = [lag for start, lag in self._lags if start + lag <= place]
        if lags or not self._lags:
            return lags[-1] if lags else 0
        start, lag = self._lags[0]
        return lag if start < self._sides[0].runs[0][0] + self._rate else 0

    def _fault(
        self, text: str, place: int, detail: str = "", findings: Findings | None = None
    ) -> None:
        where = Place(self._sides[0].origin + Fraction(place, self._rate), detail=detail)
        (findings or self._findings).fault("sound", f"{self._name}, {text}", where)


def _differs_in_noise(wanted: Samples, difference: Samples, rate: int) -> bool:
    """Whether sound is the same but for high noise, and that as loud."""
    spectra = (np.fft.rfft(each, axis=0) for each in (wanted, wanted - difference, difference))
    ours, theirs, apart = (np.square(np.abs(each)).sum(axis=1) for each in spectra)
    split = min(len(ours), _NOISE_HERTZ * len(wanted) // rate)
    silent = _SILENT * wanted.size * len(wanted) / 2
    if apart[:split].sum() > max(_ALIKE * ours[:split].sum(), silent):
        return False
    loud = sorted((ours[split:].sum(), theirs[split:].sum()))
    return bool(loud[1] <= max(_LOUDER * loud[0], silent))


def _likeness(around: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float64]:
    """How like `wanted` the samples from each place on are: correlation by FFT, for its energy."""
    size = 1 << (len(around) + len(wanted) - 1).bit_length()
    places = len(around) - len(wanted) + 1
    spectrum = np.fft.rfft(around, size) * np.conj(np.fft.rfft(wanted, size))
    sums = np.concatenate([[0.0], np.cumsum(np.square(around, dtype=np.float64))])
    energy = sums[len(wanted) :] - sums[:places]
    likeness: NDArray[np.float64] = np.fft.irfft(spectrum, size)[:places]
    likeness /= np.sqrt(np.maximum(energy, _SILENT * len(wanted)))
    return likeness


def _peaks(likeness: NDArray[np.float64], center: int) -> list[int]:
    """The few highest places, that nearest to `center` first: a steady tone fits in many."""
    padded = np.concatenate([[-np.inf], likeness, [-np.inf]])
    is_peak = (likeness >= padded[:-2]) & (likeness >= padded[2:])
    high = np.flatnonzero(is_peak & (likeness >= _HIGH * likeness.max()))
    return [int(at) for at in high[np.argsort(np.abs(high - center))][:_MOST_PEAKS]]


def _without(runs: list[tuple[int, int]], others: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of some half-open ranges that lie in none of the others; both in order."""
    left = []
    for start, stop in runs:
        for first, last in others:
            if first >= stop or last <= start:
                continue
            if first > start:
                left.append((start, first))
            start = max(start, last)
        if start < stop:
            left.append((start, stop))
    return left
