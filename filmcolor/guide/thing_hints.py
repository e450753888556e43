"""What stills and strokes say of things: a colour that is given in one shot holds for the same
thing in the others, where it is clear which thing is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch

from filmcolor.film.chain import PlannedFrames
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.geometry import Screen, ab_of
from filmcolor.guide.shot_hints import Hints, ShotHints
from filmcolor.guide.thing_at import place_shares
from filmcolor.media.images.still_file import read_still
from filmcolor.stages.cast import Ab, Cast
from filmcolor.stages.infer import needs_things
from filmcolor.stages.look import colors_of
from filmcolor.types import FloatPlane, Frame

_CLEARLY = 0.7
"""Of a stroke's places, or of a thing's, the share that has to be of the thing."""
_LEAST_PLACES = 40
"""Places of the grid in which a thing has to be seen in a still."""
_LEAST_CHANGE = 8.0
"""ab units by which a still's colour is another than the thing's own."""
_LARGEST_SPREAD = 8.0
"""ab units: standard deviation along each axis of a colour that is one."""
_AGREE = 10.0
"""ab units within which two people say the same."""


@dataclass(frozen=True, slots=True)
class SaidOfThings:
    """Colours of things by their numbers in a film's cast, and the shots that they come from, which
    have them from their still or stroke itself.
    """

    colors: Mapping[int, Ab]
    told_in: Mapping[int, frozenset[int]]
    """Numbers of shots as they were found."""


def said_of_things(
    context: FilmContext, film: FilmPlan, hints: Hints, screen: Screen, cast: Cast
) -> SaidOfThings:
    """What the stills and strokes of a film say of its things that are seen in several shots.

    `film` has the shots that people have set, and `hints` are put to these; `cast` says which
    things are one. Where two disagree on a thing, neither counts outside of its own shot.
    """
    heard: dict[int, list[tuple[int, Ab]]] = {}
    numbers = {(shot.start, shot.stop): n for n, shot in enumerate(film.found or film.shots)}
    wanted: list[tuple[int, int, ShotHints]] = []
    for number, given in hints.shots.items():
        shot = film.shots[number]
        found = numbers.get((shot.start, shot.stop))
        if (
            found is not None
            and found in cast.members
            and needs_things(context.model, context.shots.of(number))
        ):
            frames = {still.frame for still in given.stills} | {frame for frame, _ in given.strokes}
            wanted += [(frame, found, given) for frame in frames]
    with closing(PlannedFrames(context, film)) as source:
        for index, found, given in sorted(wanted, key=lambda each: each[0]):
            (frame,) = source.between(index, index + 1)
            for number, ab in _heard(context, film, frame, found, given, screen, cast):
                if len(cast.things[number]) > 1:
                    heard.setdefault(number, []).append((found, ab))
    colors, told_in = {}, {}
    for number, said in heard.items():
        values = np.array([ab for _, ab in said])
        if np.ptp(values, axis=0).max() <= _AGREE:
            a, b = values.mean(axis=0).tolist()
            colors[number], told_in[number] = (a, b), frozenset(shot for shot, _ in said)
    return SaidOfThings(colors, told_in)


def _heard(
    context: FilmContext,
    film: FilmPlan,
    frame: Frame,
    shot: int,
    given: ShotHints,
    screen: Screen,
    cast: Cast,
) -> Iterator[tuple[int, Ab]]:
    """Numbers of things, and what is said of them in one frame."""
    numbers = cast.members[shot]
    parts = place_shares(frame, shot, film, context.model, context.view).numpy()
    wholes = {
        n: parts[[row for row, own in enumerate(numbers) if own == n]].sum(axis=0)
        for n in dict.fromkeys(numbers)
    }
    for index, stroke in given.strokes:
        if index == frame.index:
            seeds = np.rot90(screen.seeds(stroke), screen.turns)
            shares = {n: float(share[seeds].mean()) for n, share in wholes.items()}
            best = max(shares, key=lambda n: shares[n])
            if shares[best] >= _CLEARLY:
                yield best, ab_of(stroke)
    for still in given.stills:
        if still.frame == frame.index:
            ab = np.rot90(
                screen.ab_on_grid(read_still(still.path, context.files)[0]), screen.turns, (1, 2)
            )
            own = _own_colors(context, cast, list(wholes))
            yield from _in_still(ab, wholes, own)


def _own_colors(context: FilmContext, cast: Cast, numbers: list[int]) -> dict[int, Ab]:
    """What things are like without a word said."""
    decoded = np.stack([cast.mean(cast.things[number]).decoded for number in numbers])
    ab, _ = colors_of(torch.from_numpy(decoded), context.model)
    return {number: (a, b) for number, (a, b) in zip(numbers, ab.tolist(), strict=True)}


def _in_still(
    ab: FloatPlane, wholes: Mapping[int, FloatPlane], own: Mapping[int, Ab]
) -> Iterator[tuple[int, Ab]]:
    """Things that have one colour in a still, which is not their own."""
    for number, share in wholes.items():
        seen = ab[:, share >= _CLEARLY]
        if seen.shape[1] < _LEAST_PLACES or seen.std(axis=1).max() > _LARGEST_SPREAD:
            continue
        a, b = seen.mean(axis=1).tolist()
        if np.hypot(a - own[number][0], b - own[number][1]) >= _LEAST_CHANGE:
            yield number, (a, b)
