"""The things of a film: those of different shots that are one thing have one distribution of
colours, and a colour that people give it holds in all of them.

Things are compared by what the network sees of them, never by their place. Nobody is asked twice:
what is found here lies in the plan, and a shot's things hold all that its frames decide by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from filmcolor.models.coherence import IN_FILM, MOST_THINGS, Places
from filmcolor.stages.things import (
    PackedThings,
    Rows,
    pack_rows,
    set_vectors,
    unpack_rows,
    vectors,
)

Thing = tuple[int, int]
"""Number of a shot, and of one of its things there."""
Ab = tuple[float, float]
"""Lab units."""

_NEAR_SHOTS = 8
"""So far apart, shots may be views of one scene that alternate."""
_SURELY = -0.4
"""Nats: of places that look the same."""
_SAME_VIEW = 3
"""So many things that are surely the same in two shots make them views of one place."""
_LEAST = ((-0.4, -0.25), (-1.0, -0.6))
"""Nats: how alike things have to be, of other places and of views of one; near, and far apart."""
_MOST_LIKE = 4
"""Of the things of earlier shots, so many are tried as the same as one."""


@dataclass(frozen=True, slots=True, eq=False)
class Mean:
    """What is seen of a thing in all its shots."""

    decoded: NDArray[np.float32]
    """(C,): what its colour is read from."""
    lightness: float
    """L*."""


@dataclass(frozen=True)
class Cast:
    """The things of a film's shots, and which of them are one."""

    found: Mapping[int, PackedThings] = field(default_factory=dict)
    """By number of the shot, as they were found in it."""
    members: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """By number of the shot: for each of its things, which of the film's it is."""

    @classmethod
    def of(cls, found: Mapping[int, PackedThings]) -> Cast:
        """With those united that are alike; a function of `found` alone."""
        return cls(found, _numbered(found, _united(found)))

    @cached_property
    def rows(self) -> Mapping[int, Rows]:
        """What was found, by number of the shot."""
        return {shot: unpack_rows(packed) for shot, packed in self.found.items()}

    @cached_property
    def things(self) -> Mapping[int, Sequence[Thing]]:
        """Each thing of the film by its number: where it is seen, shot by shot in order."""
        seen: dict[int, list[Thing]] = {}
        for shot in sorted(self.members):
            for row, number in enumerate(self.members[shot]):
                seen.setdefault(number, []).append((shot, row))
        return seen

    def regrouped(self, groups: Sequence[Sequence[Thing]]) -> Cast:
        """The same with other things as one: all those of a group."""
        return Cast(self.found, _numbered(self.found, groups))

    def shown(
        self,
        colors: Mapping[int, Ab] | None = None,
        given: Callable[[int, Ab], Ab] = lambda shot, ab: ab,
    ) -> dict[int, PackedThings]:
        """What the frames of each shot decide by: its things, with the distribution of all that
        are one, and with the colours that people have given to things, by number; `given` says
        what a colour is in a shot.
        """
        colors = colors or {}
        mean = {
            number: self.mean(seen).decoded for number, seen in self.things.items() if len(seen) > 1
        }
        shown = dict(self.found)
        for shot, numbers in self.members.items():
            own = self.rows[shot]
            changed = [n for n, each in enumerate(numbers) if each in mean]
            said = [n for n, each in enumerate(numbers) if each in colors]
            if not changed and not said:
                continue
            made = own.copy()
            if changed:
                values = vectors(own, "decoded")
                values[changed] = [mean[numbers[n]] for n in changed]
                set_vectors(made, "decoded", values)
            for n in said:
                made["said"][n] = given(shot, colors[numbers[n]])
            shown[shot] = pack_rows(made)
        return shown

    def mean(self, seen: Sequence[Thing]) -> Mean:
        """Of all that is seen of a thing, each as far as it is sure."""
        rows = np.concatenate([self.rows[shot][row : row + 1] for shot, row in seen])
        weight = rows["weight"].astype(np.float32)
        share = weight / weight.sum()
        decoded = (vectors(rows, "decoded") * share[:, None]).sum(axis=0)
        return Mean(decoded, float((rows["lightness"] * share).sum()))


def _numbered(
    found: Mapping[int, PackedThings], groups: Sequence[Sequence[Thing]]
) -> dict[int, tuple[int, ...]]:
    """Numbers of things, from 0 on as they are first seen."""
    first = {each: min(group) for group in groups for each in group}
    numbers: dict[Thing, int] = {}
    members = {}
    for shot in sorted(found):
        own = []
        for row in range(len(unpack_rows(found[shot]))):
            leader = first.get((shot, row), (shot, row))
            own.append(numbers.setdefault(leader, len(numbers)))
        members[shot] = tuple(own)
    return members


def _united(found: Mapping[int, PackedThings]) -> list[list[Thing]]:
    """Which things of different shots are one: the most alike first, as long as all that becomes
    one is as alike as two have to be, and no shot has two of it.
    """
    shots = sorted(shot for shot, packed in found.items() if packed)
    if not shots:
        return []
    all_things = _filled_up([unpack_rows(found[shot]) for shot in shots])
    groups: dict[Thing, _Group] = {}
    for pair in sorted(_pairs(all_things, shots)):
        first = groups.get(pair.one) or _Group.of(all_things, pair.one)
        second = groups.get(pair.other) or _Group.of(all_things, pair.other)
        if first is second or not first.shots.isdisjoint(second.shots):
            continue
        if len(first.seen) + len(second.seen) > 2 and first.likeness(second) < pair.least:
            continue
        first.take(second)
        groups |= dict.fromkeys(first.seen, first)
    made = {id(group): group for group in groups.values()}
    return [[(shots[shot], row) for shot, row in group.seen] for group in made.values()]


def _filled_up(shots: Sequence[Rows]) -> Places:
    """The things of all shots, of each as if it had `MOST_THINGS`; those there are not are like
    none. Nothing decoded.
    """
    size = len(shots), MOST_THINGS
    features = np.zeros((*size, shots[0].dtype["features"].shape[0]), np.float32)
    ab, variance = np.zeros((*size, 2), np.float32), np.ones(size, np.float32)
    lightness, weight = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for number, rows in enumerate(shots):
        own = slice(len(rows))
        features[number, own] = vectors(rows, "features")
        lightness[number, own], variance[number, own] = rows["lightness"], rows["variance"]
        ab[number, own], weight[number, own] = rows["ab"], rows["weight"]

    def flat(part: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(part).flatten(0, 1)

    alike = F.normalize(flat(features), dim=1)
    return Places(alike, flat(lightness), flat(ab), flat(variance), alike[:, :0], flat(weight))


@dataclass(frozen=True, slots=True, order=True)
class _Pair:
    """Things of two shots that may be one."""

    unlikeness: float
    """Nats."""
    least: float
    """How alike they have to be, nats."""
    one: Thing
    other: Thing


def _pairs(things: Places, shots: Sequence[int]) -> Iterator[_Pair]:
    """Things of two shots, by their place among the shots, each the most like the other there."""
    for shot in range(1, len(shots)):
        start = shot * MOST_THINGS
        own, before = slice(start, start + MOST_THINGS), slice(start)
        alike = things.chosen(own).likeness(things.chosen(before), IN_FILM)
        alike = alike.view(MOST_THINGS, shot, MOST_THINGS)
        best, which = alike.max(dim=2)
        back = alike.argmax(dim=0).gather(1, which.T).T
        mutual = back == torch.arange(MOST_THINGS)[:, None]
        is_view = (mutual & (best > _SURELY)).sum(dim=0) >= _SAME_VIEW
        is_near = torch.tensor([shots[shot] - each <= _NEAR_SHOTS for each in shots[:shot]])
        least = torch.tensor(_LEAST)[is_view.long(), 1 - is_near.long()]
        best = torch.where(mutual & (best >= least), best, -torch.inf)
        values, earlier = best.topk(min(_MOST_LIKE, shot), dim=1)
        for row, at in torch.nonzero(values > -torch.inf).tolist():
            number = int(earlier[row, at])
            yield _Pair(
                -float(values[row, at]),
                float(least[number]),
                (number, int(which[row, number])),
                (shot, row),
            )


@dataclass(slots=True, eq=False)
class _Group:
    """Things of different shots that are one."""

    seen: list[Thing]
    shots: set[int]
    mean: Places
    """Of all of them: one."""

    @classmethod
    def of(cls, things: Places, seen: Thing) -> _Group:
        """That of one thing."""
        row = seen[0] * MOST_THINGS + seen[1]
        return cls([seen], {seen[0]}, things.chosen(slice(row, row + 1)))

    def likeness(self, other: _Group) -> float:
        """Nats: of their means."""
        return float(self.mean.likeness(other.mean, IN_FILM))

    def take(self, other: _Group) -> None:
        """All of it is of this group."""
        self.seen = sorted(self.seen + other.seen)
        self.shots |= other.shots
        self.mean = self.mean.merged(other.mean)
