"""What people have given for a film: stills, strokes, references; found their frames and shots.

What a shot is given is one value with one digest, so that work on it can be told from work on the
same shot with something else. It decodes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from filmcolor.errors import MediaError, OptionError
from filmcolor.guide.carry import Anchor
from filmcolor.guide.reference import read_reference
from filmcolor.guide.screen import Screen, ab_of
from filmcolor.guide.spread import spread
from filmcolor.guide.strokes import read_strokes
from filmcolor.job import FilmPlan
from filmcolor.media.images import find_pictures
from filmcolor.media.still_file import read_still
from filmcolor.moments import name_of, seconds_in
from filmcolor.options import RunOptions, Stroke
from filmcolor.types import Field, Notice

_SLACK = Fraction(1, 1000)
"""Seconds by which a time in a name may be off."""
_PALEST = 2.0
"""Lab units: a still whose strongest colours (0.5 % of its places) are paler has none."""


@dataclass(frozen=True, slots=True)
class GivenStill:
    """A still, and the frame that it shows."""

    frame: int
    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class GivenShot:
    """All that is given for one shot."""

    shot: int
    stills: tuple[GivenStill, ...] = ()
    strokes: tuple[tuple[int, Stroke], ...] = ()
    """Each with its frame."""
    reference: Path | None = None
    """A picture in colour of other things."""
    reference_digest: str = ""
    """Of its pixels."""

    @property
    def digest(self) -> str:
        """What it depends on, and nothing else."""
        parts = [repr((still.frame, still.digest)) for still in self.stills]
        parts += [repr(pair) for pair in self.strokes]
        if self.reference is not None:
            parts.append(self.reference_digest)
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()

    def anchor(self, screen: Screen, frame: int, lightness: Field) -> Anchor | None:
        """What is known of a frame, whose lightness (h, w) on the grid this is, by itself: strokes
        lie over a still; None for nothing. What a reference suggests is not known.
        """
        found: Anchor | None = None
        for still in self.stills:
            if still.frame == frame:
                ab = screen.known_ab(read_still(still.path)[0])
                found = Anchor(ab, np.ones(screen.grid, np.float32))
        strokes = [stroke for index, stroke in self.strokes if index == frame]
        if strokes:
            seeds = np.stack([screen.seeds(stroke) for stroke in strokes])
            colors = np.array([ab_of(stroke) for stroke in strokes], np.float32)
            ab, reach = spread(seeds, colors, lightness)
            if found is None:
                return Anchor(ab, reach)
            return Anchor(found.ab + reach * (ab - found.ab), found.confidence)
        return found


@dataclass(frozen=True, slots=True)
class Given:
    """All that is given for a film."""

    shots: Mapping[int, GivenShot] = field(default_factory=dict)
    """By number."""
    notices: tuple[Notice, ...] = ()

    def settings(self, film: FilmPlan) -> dict[int, str]:
        """By number of the segment: a digest of what its shots are given; none for nothing."""
        found = {}
        for segment in film.segments():
            shots = range(film.shot_at(segment.start), film.shot_at(segment.stop - 1) + 1)
            digests = [f"{n}:{self.shots[n].digest}" for n in shots if n in self.shots]
            if digests:
                found[segment.number] = " ".join(digests)
        return found


def find_given(
    options: RunOptions, film: FilmPlan, origin: int, screen: Screen, length: Fraction | None
) -> Given:
    """What `options` give for a film or for a part of it: stills and strokes put to their frames, a
    reference to every shot.

    `origin` is the pts of the film's very first frame, `length` its length in seconds if known.
    Raises `OptionError` or `MediaError`, in one line, for what cannot be meant.
    """
    moments = _Moments(film, origin, length)
    notices: list[Notice] = []
    stills: list[GivenStill] = []
    if options.stills is not None:
        stills = _stills(options.stills, moments, screen, notices)
    strokes = _strokes(options.strokes, moments, screen)
    reference, digest = None, ""
    if options.reference is not None:
        reference, digest = Path(options.reference), read_reference(options.reference)[1]
    if moments.outside:
        what = "stills and strokes left out, being outside of the part that is coloured"
        notices.append(Notice(f"{what}: {moments.outside}"))
    by_shot: dict[int, GivenShot] = {}
    told = {film.shot_at(frame) for frame in _frames(stills, strokes)}
    for number in range(len(film.shots)) if reference else sorted(told):
        shot = film.shots[number]
        by_shot[number] = GivenShot(
            number,
            tuple(still for still in stills if shot.start <= still.frame < shot.stop),
            tuple(pair for pair in strokes if shot.start <= pair[0] < shot.stop),
            reference,
            digest,
        )
    if by_shot:
        what = f"stills: {len(stills)}, strokes: {len(strokes)}"
        if reference:
            what += f", reference: {reference.name}"
        notices.append(Notice(f"{len(by_shot)} of {len(film.shots)} shots are guided ({what})"))
    return Given(by_shot, tuple(notices))


def _frames(stills: Iterable[GivenStill], strokes: Iterable[tuple[int, Stroke]]) -> Iterable[int]:
    yield from (still.frame for still in stills)
    yield from (frame for frame, _ in strokes)


class _Moments:
    """The frames of a film by their times, counted from its very first one."""

    def __init__(self, film: FilmPlan, origin: int, length: Fraction | None) -> None:
        self._film, self._origin, self._length = film, origin, length
        self.outside = 0
        """How many times were asked for that are in the film, but not in the part."""

    def frame(self, seconds: Fraction) -> int | None:
        """The frame nearest to a time, None outside of the part; `ValueError` outside the film."""
        film = self._film
        ticks = seconds / film.time_base + self._origin
        after = int(np.searchsorted(film.pts, float(ticks)))
        near = range(max(0, after - 1), min(film.frames, after + 1))
        best = min(near, key=lambda index: abs(int(film.pts[index]) - ticks))
        start, end = int(film.pts[0]), int(film.pts[-1]) + max(1, self._last_ticks())
        if start - _SLACK / film.time_base <= ticks < end:
            return best
        whole = (end - self._origin) * film.time_base
        if seconds >= max(whole, self._length or whole):
            raise ValueError(
                f"{name_of(seconds).replace('-', ':')} is after the film's end at "
                f"{name_of(max(whole, self._length or whole)).replace('-', ':')}"
            )
        self.outside += 1
        return None

    def _last_ticks(self) -> int:
        film = self._film
        if film.last_duration or film.frames < 2:
            return film.last_duration
        return int(film.pts[-1] - film.pts[-2])


def _stills(
    folder: str, moments: _Moments, screen: Screen, notices: list[Notice]
) -> list[GivenStill]:
    if not Path(folder).is_dir():
        raise OptionError(f"--stills {folder}: no such folder; `filmcolor stills` makes one")
    paths = find_pictures(folder)
    if not paths:
        raise OptionError(f"--stills {folder}: no pictures in it; `filmcolor stills` makes them")
    found: dict[int, GivenStill] = {}
    untouched = 0
    for path in paths:
        seconds = seconds_in(path.stem)
        if seconds is None:
            raise OptionError(
                f"{path}: its name tells no time; call it as `filmcolor stills` does, such as "
                "00-01-12.400.png"
            )
        try:
            frame = moments.frame(seconds)
        except ValueError as error:
            raise OptionError(f"{path}: {error}; its name must be the time of a frame") from None
        rgb, as_written = read_still(path)
        if as_written:
            untouched += 1
            continue
        height, width = screen.displayed
        if rgb.shape[:2] != screen.displayed:
            raise MediaError(
                f"{path}: {rgb.shape[1]}x{rgb.shape[0]}, but the film is displayed at "
                f"{width}x{height}; save the still at this size"
            )
        chroma = np.hypot(*screen.known_ab(rgb))
        if np.quantile(chroma, 0.995) < _PALEST:
            raise MediaError(f"{path}: has no colour; paint it, or remove it from the folder")
        if frame is None:
            continue
        if frame in found:
            raise OptionError(f"{path}: shows the same frame as {found[frame].path}; remove one")
        found[frame] = GivenStill(frame, path, _digest(rgb.tobytes()))
    if untouched:
        notices.append(Notice(f"stills left out, being as they were written: {untouched}"))
    return [found[frame] for frame in sorted(found)]


def _strokes(
    given: str | tuple[Stroke, ...] | None, moments: _Moments, screen: Screen
) -> list[tuple[int, Stroke]]:
    if given is None:
        return []
    strokes: Sequence[Stroke] = read_strokes(given) if isinstance(given, str) else given
    where = f"{given}: " if isinstance(given, str) else ""
    found = []
    for number, stroke in enumerate(strokes, 1):
        name = f"{where}stroke {number}"
        try:
            frame = moments.frame(stroke.at)
        except ValueError as error:
            raise OptionError(f"{name}: at: {error}") from None
        try:
            screen.seeds(stroke)
        except ValueError as error:
            key = "box" if stroke.box else "points"
            raise OptionError(f"{name}: {key}: {error}") from None
        if frame is not None:
            found.append((frame, stroke))
    return found


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
