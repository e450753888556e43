"""Sound as a player plays it: decoded, with edit lists and skipped samples, at its places in time.

A file is opened, and the rest is left to FFmpeg: what the container hides is not heard. It compares
nothing (see `sound_match`).
"""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.packet import Packet
from av.stream import Discard, Stream
from numpy.typing import NDArray

from filmcolor.media.open import open_source
from filmcolor.media.straight_packets import packets_of

Samples: TypeAlias = NDArray[np.float32]
"""Shape (samples, channels), full scale -1..1."""

_LEAD_SECONDS = 2
"""How much earlier than asked for decoding begins, for decoders that need what came before."""
_ROUNDED_SECONDS, _JITTER_SECONDS = Fraction(2, 1000), Fraction(15, 1000)
"""Times that are off by no more are rounded ones, or those of a container whose times are never
exact: the samples follow each other.
"""
_BACK_SECONDS, _LEAP_SECONDS = 1, 10
"""A clock that is set back or forth by more is another recording's."""


@dataclass(frozen=True, slots=True)
class Played:
    """A piece of one track."""

    track: int
    """Index of its stream."""
    seconds: Fraction | None
    """By the file's own clock; None: it follows the piece before it."""
    rate: int
    """Samples a second."""
    samples: Samples


def play(path: str, tracks: Sequence[int], start: Fraction | None) -> Iterator[Played]:
    """What is heard of some tracks of a file, in the order in which they are stored.

    `start`: seconds before which nothing is needed, in a file that can be sought in. What cannot be
    decoded is passed over.
    """
    with open_source(path) as file:
        for stream in file.streams:
            if stream.index not in tracks:
                stream.discard = Discard.all
        if start is not None and start > _LEAD_SECONDS:
            with contextlib.suppress(av.error.FFmpegError, OSError):
                file.seek(int((start - _LEAD_SECONDS) * av.time_base))
        for packet in packets_of(file, [file.streams[index] for index in tracks]):
            yield from _decoded(packet)


def _decoded(packet: Packet[Stream]) -> Iterator[Played]:
    try:
        frames = packet.decode()
    except (av.error.FFmpegError, OSError):
        return
    for frame in frames:
        if isinstance(frame, AudioFrame) and frame.samples:
            seconds = None
            if frame.pts is not None and frame.time_base is not None:
                seconds = frame.pts * frame.time_base
            yield Played(packet.stream.index, seconds, frame.sample_rate, _samples(frame))


def _samples(frame: AudioFrame) -> Samples:
    codes: NDArray[Any] = frame.to_ndarray()
    codes = codes.T if frame.format.is_planar else codes.reshape(-1, frame.layout.nb_channels)
    samples: Samples = codes.astype(np.float32, copy=False)
    if codes.dtype.kind == "f":
        return samples
    full = np.float32(1 << (8 * codes.itemsize - 1))
    return (samples - full) / full if codes.dtype.kind == "u" else samples / full


class Timeline:
    """The samples of one track at their places, silent where nothing is played.

    Places are counted in samples from the beginning of the film. Only what has not been dropped yet
    is held.
    """

    def __init__(
        self,
        rate: int,
        origin: Fraction,
        *,
        span: tuple[int | None, int | None] = (None, None),
        can_leap: bool = False,
        is_rough: bool = False,
    ) -> None:
        """`rate` in samples a second; `origin`: seconds of the film's beginning by the file's
        clock. What lies outside of `span` is not taken. `can_leap`: a gap may be a clock set anew;
        `is_rough`: times are not exact.
        """
        self._rate, self.origin, self._span = rate, origin, span
        self._can_leap = can_leap
        self._rounded = _JITTER_SECONDS if is_rough else _ROUNDED_SECONDS
        self._pieces: deque[tuple[int, Samples]] = deque()
        self._starts: list[int] = []
        self.runs: list[tuple[int, int]] = []
        """Where something is played without a gap, half-open."""
        self.known: int | None = None
        """Everything before this place is known; None before the first samples."""
        self.longest_piece = 0
        self._channels = 0
        self.is_lost = False
        """Whether the clock was set anew, or the form changed: what comes after it has no place."""

    def take(self, piece: Played) -> None:
        """Put the next piece of the track where it belongs."""
        samples = piece.samples
        self._channels = self._channels or samples.shape[1]
        self.is_lost |= (piece.rate, samples.shape[1]) != (self._rate, self._channels)
        at = self._place(piece.seconds)
        if at is None:
            return
        self.longest_piece = max(self.longest_piece, len(samples))
        follows = at == self.known
        self.known = at + len(samples)
        first, last = self._span
        if last is not None and at + len(samples) > last:
            samples = samples[: max(0, last - at)]
        if first is not None and at < first:
            at, samples = first, samples[first - at :]
        if not len(samples):
            return
        self._pieces.append((at, samples))
        if self.runs and self.runs[-1][1] == at:
            self.runs[-1] = self.runs[-1][0], at + len(samples)
        else:
            self.runs.append((at, at + len(samples)))
        if not follows:
            self._starts.append(at)

    def _place(self, seconds: Fraction | None) -> int | None:
        """Where a piece of this time goes; None: nowhere."""
        if self.is_lost or (seconds is None and self.known is None):
            return None
        if seconds is None:
            return self.known
        at = round((seconds - self.origin) * self._rate)
        if self.known is None:
            return at
        late = Fraction(at - self.known, self._rate)
        if abs(late) <= self._rounded:
            return self.known
        self.is_lost = late < -_BACK_SECONDS or (self._can_leap and late > _LEAP_SECONDS)
        if self.is_lost:
            return None
        self._cut_from(at)
        return at

    def _cut_from(self, place: int) -> None:
        """Forget what was to be played from here on: an edit list goes on with other sound."""
        while self._pieces and self._pieces[-1][0] + len(self._pieces[-1][1]) > place:
            at, samples = self._pieces.pop()
            if at < place:
                self._pieces.append((at, samples[: place - at]))
        while self.runs and self.runs[-1][1] > place:
            start, _ = self.runs.pop()
            if start < place:
                self.runs.append((start, place))

    def between(self, start: int, stop: int) -> Samples | None:
        """The samples of a stretch; None if nothing is played in it."""
        found = [(at, each) for at, each in self._pieces if at < stop and at + len(each) > start]
        if not found:
            return None
        whole = np.zeros((stop - start, found[0][1].shape[1]), np.float32)
        for at, each in found:
            first, last = max(at, start), min(at + len(each), stop)
            whole[first - start : last - start] = each[first - at : last - at]
        return whole

    def covers(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Of every place in a stretch, whether something is played there."""
        played = np.zeros(stop - start, bool)
        for first, last in reversed(self.runs):
            if last <= start:
                break
            played[max(0, first - start) : max(0, last - start)] = True
        return played

    def begins_within(self, start: int, stop: int) -> Iterator[int]:
        """Places in a stretch at which playing begins after a gap."""
        for at in self._starts[bisect_right(self._starts, start - 1) :]:
            if at >= stop:
                return
            yield at

    def drop_before(self, place: int) -> None:
        """Forget the samples before a place."""
        while self._pieces and self._pieces[0][0] + len(self._pieces[0][1]) <= place:
            self._pieces.popleft()
