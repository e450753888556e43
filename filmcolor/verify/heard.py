"""The sound of two films as a player plays it, side by side: what is heard, when, and whether it is
the source's.

Packets may be the source's, byte for byte, and yet be played at another time, or though they were
cut away. Decoding is done in `sound`, each pair of tracks is compared in `sound_match`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from av.audio.stream import AudioStream
from av.container import InputContainer

from filmcolor.media.open import can_seek
from filmcolor.media.timebase import MATROSKA_TIME_BASE
from filmcolor.media.write.containers import Container
from filmcolor.media.write.stream_survey import codec_name
from filmcolor.verify.findings import Findings
from filmcolor.verify.packet_items import Part
from filmcolor.verify.packets import StreamPair
from filmcolor.verify.sound import Played, Timeline, play
from filmcolor.verify.sound_match import SoundMatch, Tolerance

_REPORT_PIECES = 1000
_LATE_SECONDS = Fraction(1, 1000)
_BEHIND_SECONDS = 1
"""How far beyond the end of a part the source is read."""


@dataclass(frozen=True, slots=True)
class Track:
    """A track of the source's sound and the one of the result that holds it."""

    name: str
    source: int
    result: int
    rate: int
    """Samples a second, of both."""
    is_exact: bool
    """Whether every sample must be the source's: it is without loss, or was made so."""
    is_filled: bool
    """Whether silence was put where the source has no sound."""
    can_leap: bool
    """Whether the source's clock may be set anew on the way."""


def tracks_of(
    source: InputContainer, result: InputContainer, pairs: Sequence[StreamPair]
) -> Iterator[Track]:
    """The pairs that are sound which can be decoded, of one form in both."""
    can_leap = not can_seek(source)
    for pair in pairs:
        first, second = source.streams[pair.source], result.streams[pair.result]
        if not isinstance(first, AudioStream) or not isinstance(second, AudioStream):
            continue
        if first.codec_context is None or second.codec_context is None:
            continue  # FFmpeg does not know the codec
        rates = {each.codec_context.sample_rate for each in (first, second)}
        if len(rates) == 1 and first.codec_context.channels == second.codec_context.channels:
            is_exact = second.codec.lossless or codec_name(first) != codec_name(second)
            is_filled = pair.plan.lossless is not None
            yield Track(
                pair.plan.name,
                pair.source,
                pair.result,
                rates.pop(),
                is_exact,
                is_filled,
                can_leap,
            )


class _Side:
    """What is played of one of the two files."""

    def __init__(self, pieces: Iterator[Played], origin: Fraction, end: Fraction | None) -> None:
        """`origin`: where the film begins by the file's clock, `end` how much of it is read."""
        self._pieces, self._origin, self._end = pieces, origin, end
        self.timelines: dict[int, Timeline] = {}
        self.seconds = Fraction(0)
        self.is_over = False

    def next(self) -> int | None:
        """Take the next piece; the track that it belongs to, None past the end."""
        piece = next(self._pieces, None)
        if piece is not None and piece.seconds is not None:
            self.seconds = piece.seconds - self._origin
        if piece is None or (self._end is not None and self.seconds > self._end):
            self.is_over = True
            return None
        self.timelines[piece.track].take(piece)
        return piece.track


def compare_sound(
    paths: tuple[str, str],
    tracks: Sequence[Track],
    part: Part,
    first: Fraction,
    container: Container,
    findings: Findings,
) -> Generator[int, None, None]:
    """Compare what is heard of all tracks; yields now and then the number of pieces decoded.

    `first` is the time of the film's first frame in the source, `container` the result's. Raises
    what FFmpeg raises for a file that cannot be opened.
    """
    length = None if part.end is None else part.end - first
    start = None if any(track.can_leap for track in tracks) else part.first
    sources = play(paths[0], [track.source for track in tracks], start)
    sides = (
        _Side(sources, first, None if length is None else length + _BEHIND_SECONDS),
        _Side(play(paths[1], [track.result for track in tracks], None), first + part.offset, None),
    )
    is_whole = part.first is None and part.end is None
    late = _LATE_SECONDS if container.exact_times else _LATE_SECONDS + MATROSKA_TIME_BASE
    packets = 1 if is_whole else 2  # one may be the decoder's delay
    matches: list[dict[int, SoundMatch]] = [{}, {}]
    for track in tracks:
        span = (
            None if part.first is None else 0,
            None if length is None else int(length * track.rate),
        )
        lines = (
            Timeline(
                track.rate, first, span=span, can_leap=track.can_leap, is_rough=track.can_leap
            ),
            Timeline(track.rate, first + part.offset, is_rough=track.can_leap),
        )
        sides[0].timelines[track.source], sides[1].timelines[track.result] = lines
        match = SoundMatch(
            track.name,
            track.rate,
            lines,
            Tolerance(late, packets),
            is_exact=track.is_exact,
            is_filled=track.is_filled,
        )
        matches[0][track.source] = matches[1][track.result] = match
    count = 0
    while not (sides[0].is_over and sides[1].is_over):
        first_is_next = not sides[0].is_over and (
            sides[1].is_over or sides[0].seconds <= sides[1].seconds
        )
        number = 0 if first_is_next else 1
        if (index := sides[number].next()) is not None:
            matches[number][index].settle()
        count += 1
        if count % _REPORT_PIECES == 0:
            yield count
    for match in matches[0].values():
        match.end(findings)
    yield count
