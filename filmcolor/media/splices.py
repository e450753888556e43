"""Times of packets, carried on where they begin anew on the way.

Recordings strung together keep their own clocks: times leap where the next one begins. A leap is
believed only if what follows goes on from it. It is one for all streams: one shift puts them behind
what came before, so that they stay together. `straight_packets` reads a file by this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from filmcolor.media.open import is_still
from filmcolor.media.timebase import round_half_up

FAR_SECONDS = 1
"""A time so far from those around it is not out of order; it is looked into."""
AHEAD_SECONDS = 10
"""A time farther ahead begins a new count where recordings may be strung together."""
_FOLLOWERS = 3  # packets of a stream that show whether it goes on from a leap
_ENOUGH_SECONDS = 1  # of a stream that show the same
_MOST_AHEAD = 500  # packets looked at ahead
_MOST_REORDERED = 17  # frames by which a codec may show a picture later than it decodes it


@dataclass(slots=True)
class _Track:
    """How far a stream of sound or pictures has come, in its ticks, moved as its packets are."""

    base: Fraction
    latest: int
    end: int
    shift: int
    lasts: int
    """How long its first packet is shown."""
    second: int = field(init=False)
    far: int = field(init=False)
    """So far from the times around it, one is looked into."""

    def __post_init__(self) -> None:
        self.second = max(1, int(1 / self.base))
        self.far = max(FAR_SECONDS * self.second, _MOST_REORDERED * self.lasts)

    def is_odd(self, moved: int, latest: int, end: int) -> bool:
        """Whether a time is too far from those before to be taken without a look ahead."""
        return moved <= latest - self.far or moved >= end + self.far

    def seconds(self, ticks: int) -> Fraction:
        """Ticks in seconds."""
        return ticks * self.base


@dataclass(slots=True)
class _Look:
    """What the packets ahead show of a stream, in its ticks."""

    track: _Track
    latest: int
    end: int
    """How far it comes before it leaps, if it does; moved."""
    first: int = 0
    """Least time after the leap, not moved."""
    span: int = 0
    """How long it goes on from the leap."""
    from_leap: int = 0
    """Packets that go on from the leap."""
    from_before: int = 0
    """Packets after the leap that go on from before it."""
    leapt: int = 0
    """Decoding time of the first packet after the leap, not moved."""
    expected: int = 0
    """When the next packet comes if it goes on from before the leap; moved."""

    @property
    def leaps(self) -> bool:
        """Whether what follows goes on from a leap."""
        return self.from_leap > 1 and self.from_leap > self.from_before

    @property
    def stays(self) -> bool:
        """Whether it goes on as before, wrong times left out."""
        return not self.leaps and (self.latest > self.track.latest or self.from_before > 0)

    @property
    def is_open(self) -> bool:
        """Whether more packets may show something else."""
        passed = max(self.span, self.latest - self.track.latest)
        seen = self.from_leap + self.from_before
        return passed < _ENOUGH_SECONDS * self.track.second or 0 < seen <= _FOLLOWERS

    @property
    def shift(self) -> Fraction:
        """Seconds by which what follows the leap is moved to go on from what was before."""
        return self.track.seconds(self.end - self.first)

    def take(self, packet: Packet[Stream], at: int) -> None:
        """See the stream's next packet."""
        track, lasts = self.track, packet.duration or 0
        moved, shown = at + track.shift, shown_at(packet, at)
        if not self.from_leap and not track.is_odd(moved, self.latest, self.end):
            self.latest, self.end = moved, max(self.end, shown + lasts + track.shift)
        elif not self.from_leap:
            self.from_leap, self.leapt, self.first = 1, at, shown
            self.expected = self.end + lasts
        elif abs(at - self.leapt - self.span) <= abs(moved - self.expected):
            self.from_leap += 1
            self.expected += lasts
            self.first = min(self.first, shown)
            self.span = max(self.span, at - self.leapt)
        else:
            self.from_before += 1
            self.expected = moved + lasts


@dataclass(slots=True)
class TimestampRepair:
    """Decides on the packets of a file, given in their order; gives them back moved.

    `feed` gives those that are decided on, nearly always the one that it gets. A packet of the film
    whose time is not believed loses it; one of sound is put behind the one before.
    """

    film: int
    """Index of the stream that is the film."""
    strung: bool
    """Whether a leap forward may be the beginning of another recording, or is always a gap."""
    by_display: bool = False
    """Whether the film is followed by when it is shown, since nothing says when it is decoded."""
    found: list[Fraction] = field(default_factory=list)
    """Where times begin anew, in seconds, moved."""
    astray: int = 0
    """Packets of the film whose times were not believed."""
    _tracks: dict[int, _Track] = field(default_factory=dict)
    _rare: set[int] = field(default_factory=set)
    _doubtful: dict[int, Packet[Stream]] = field(default_factory=dict)
    _waiting: deque[Packet[Stream]] = field(default_factory=deque)
    _shift: Fraction = Fraction(0)
    _before: Fraction = Fraction(0)

    def feed(self, packet: Packet[Stream]) -> Iterator[Packet[Stream]]:
        """Take the next packet; those that are decided on by now, moved."""
        self._find_guess(packet)
        self._waiting.append(packet)
        return self._decided(is_over=False)

    def flush(self) -> Iterator[Packet[Stream]]:
        """The rest, when there are no more."""
        return self._decided(is_over=True)

    def _find_guess(self, packet: Packet[Stream]) -> None:
        """Take the decoding time away that FFmpeg has made up for a packet behind a leap.

        It goes on from before the leap; the time to be shown does not, nor does the next packet.
        """
        before = self._doubtful.pop(packet.stream_index, None)
        pts, dts = packet.pts, packet.dts
        if before is not None and before.pts is not None and before.dts is not None:
            at = dts if dts is not None else pts
            if at is not None and abs(at - before.pts) < abs(at - before.dts):
                before.dts = None
        if pts is None or dts is None:
            return
        apart, reordered = abs(pts - dts), _MOST_REORDERED * (packet.duration or 0)
        if apart < reordered or apart * packet.time_base < FAR_SECONDS:
            return
        if pts < dts:  # nothing is shown before it is decoded
            packet.dts = None
        else:
            self._doubtful[packet.stream_index] = packet

    def _decided(self, *, is_over: bool) -> Iterator[Packet[Stream]]:
        while self._waiting and self._decide(self._waiting[0], is_over=is_over):
            yield self._waiting.popleft()

    def _decide(self, packet: Packet[Stream], *, is_over: bool) -> bool:
        """Move a packet; False if more have to be seen first."""
        at, index = ticks_of(packet), packet.stream_index
        if at is None:
            return True
        if self._doubtful.get(index) is packet and not is_over:
            return False
        track = self._tracks.get(index)
        if track is None and index == self.film and packet.dts is None and not self.by_display:
            # Where it is decoded is not known yet, and it may be shown long after.
            _move(packet, round_half_up(self._shift / packet.time_base))
            return True
        if track is None:
            track = self._begun(packet, at)
            if track is None:
                _move(packet, round_half_up(self._shift_of_rare(packet, at) / packet.time_base))
                return True
        lasts = packet.duration or 0
        if track.is_odd(at + track.shift, track.latest, track.end):
            is_believed = self._is_believed(track, packet, at, is_over=is_over)
            if is_believed is None:
                return False
            if not is_believed:
                self._set_aside(packet, track, at)
                return True
        track.latest = max(track.latest, at + track.shift)
        track.end = max(track.end, shown_at(packet, at) + lasts + track.shift)
        _move(packet, track.shift)
        return True

    def _begun(self, packet: Packet[Stream], at: int) -> _Track | None:
        """What is kept of a stream from its first packet on; None of one that comes seldom."""
        index = packet.stream_index
        if index in self._rare or not _is_steady(packet.stream):
            self._rare.add(index)
            return None
        shift = round_half_up(self._shift / packet.time_base)
        lasts = packet.duration or 0
        self._tracks[index] = _Track(packet.time_base, at + shift, at + shift, shift, lasts)
        return self._tracks[index]

    def _is_believed(
        self, track: _Track, packet: Packet[Stream], at: int, *, is_over: bool
    ) -> bool | None:
        """Whether a far time is believed; if so its stream is moved as it should be from here on.
        None if more packets have to be seen.
        """
        common = round_half_up(self._shift / track.base)
        if common != track.shift and abs(at + common - track.end) < AHEAD_SECONDS * track.second:
            track.shift = common  # another stream has leapt before it
            return True
        is_full = is_over or len(self._waiting) > _MOST_AHEAD
        looks = self._looks()
        own, moved = looks[packet.stream_index], at + track.shift
        if own.is_open and not is_full:
            return None
        is_back, ahead = moved < track.latest, moved - track.latest
        if own.from_leap > 1 and 0 < ahead * (own.from_leap - 1) <= 2 * own.span:
            track.far = max(track.far, 2 * ahead)  # steps as long follow: it is their usual pace
            return True
        is_new = is_back or (self.strung and moved > track.end + AHEAD_SECONDS * track.second)
        if not is_new:
            return own.leaps or own.from_before == 0  # a gap, which stays
        if not own.leaps:
            return False
        if not is_full and any(look.is_open for look in looks.values()):
            return None
        leaping = [look for look in looks.values() if look.leaps]
        staying = [look for look in looks.values() if look.stays]
        is_films = self.film in looks and looks[self.film].leaps
        if not staying or (is_films and len(leaping) > 1):
            self._begin_anew(max(look.shift for look in leaping), looks.get(self.film, own))
            track.shift = round_half_up(self._shift / track.base)
        elif is_back or not _catches_up(track.seconds(moved), staying):
            # One alone, to where no other is: it goes on behind itself.
            track.shift = own.end - own.first
            if is_films:
                self._begin_anew(own.shift, own)
        return True

    def _begin_anew(self, shift: Fraction, look: _Look) -> None:
        self._before, self._shift = self._shift, shift
        self.found.append(look.track.seconds(look.end))

    def _looks(self) -> dict[int, _Look]:
        """How the streams go on in the packets ahead."""
        looks = {
            index: _Look(track, track.latest, track.end) for index, track in self._tracks.items()
        }
        for packet in self._waiting:
            at, look = ticks_of(packet), looks.get(packet.stream_index)
            if at is not None and look is not None:
                look.take(packet, at)
        return looks

    def _set_aside(self, packet: Packet[Stream], track: _Track, at: int) -> None:
        lasts = packet.duration or 0
        if packet.stream_index == self.film:
            packet.dts = None
            if packet.pts is not None and track.is_odd(
                packet.pts + track.shift, track.latest, track.end
            ):
                self.astray += 1
                packet.pts = None
            else:
                _move(packet, track.shift)
        else:
            _move(packet, track.end - at)
            track.latest = track.end
        track.end += lasts

    def _shift_of_rare(self, packet: Packet[Stream], at: int) -> Fraction:
        """That of the recording in which a subtitle, or what else comes seldom, lies."""
        track = self._tracks.get(self.film) or next(iter(self._tracks.values()), None)
        if track is None:
            return self._shift
        seconds, now = at * packet.time_base, track.seconds(track.latest)
        return min((self._shift, self._before), key=lambda shift: abs(seconds + shift - now))


def _catches_up(seconds: Fraction, others: list[_Look]) -> bool:
    """Whether a stream that leaps comes to where others are: then it has only paused."""
    return any(abs(seconds - look.track.seconds(look.latest)) <= AHEAD_SECONDS for look in others)


def _is_steady(stream: Stream) -> bool:
    """Whether it is a film or sound, whose packets follow each other closely."""
    return stream.type in ("audio", "video") and not is_still(stream)


def ticks_of(packet: Packet[Stream]) -> int | None:
    """When it is decoded, which grows from packet to packet, or else shown."""
    if packet.time_base is None:
        return None
    return packet.dts if packet.dts is not None else packet.pts


def shown_at(packet: Packet[Stream], decoded: int) -> int:
    return decoded if packet.pts is None else packet.pts


def _move(packet: Packet[Stream], ticks: int) -> None:
    if ticks:
        packet.dts = None if packet.dts is None else packet.dts + ticks
        packet.pts = None if packet.pts is None else packet.pts + ticks
