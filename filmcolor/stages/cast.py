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

from filmcolor.models.coherence import IN_FILM, IN_VIEW, MOST_THINGS, Places
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
_LEAST = ((-0.4, -0.25), (-1.4, -0.6))
"""Nats: how alike things have to be, of other places and of views of one; near, and far apart."""
_LEAST_LEFT = -0.5
"""Nats: of things of near views that are not each the most like the other."""
_LEAST_COSINE = 0.76
"""Of things of shots that are not near: less would not do whatever their colours."""
_MOST_COMPARED = 64
"""Shots that are not near, with which one is compared."""
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
        self, said: Callable[[int, int], Ab | None] = lambda shot, number: None
    ) -> dict[int, PackedThings]:
        """What the frames of each shot decide by: its things, with the distribution of all that
        are one, and with the colours that people have given them: `said` of a shot and the number
        of a thing.
        """
        several = {number: seen for number, seen in self.things.items() if len(seen) > 1}
        mean = {number: self.mean(seen).decoded for number, seen in several.items()}
        shown = dict(self.found)
        for shot, numbers in self.members.items():
            changed = [n for n, each in enumerate(numbers) if each in mean]
            colors = {n: ab for n, each in enumerate(numbers) if (ab := said(shot, each))}
            if not changed and not colors:
                continue
            made = self.rows[shot].copy()
            if changed:
                values = vectors(made, "decoded")
                values[changed] = [mean[numbers[n]] for n in changed]
                set_vectors(made, "decoded", values)
            for n, ab in colors.items():
                made["said"][n] = ab
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
    one is as alike as two have to be, and no shot has two of it. What is left of near views of one
    place is then the same as what it is most like there.
    """
    shots = sorted(shot for shot, packed in found.items() if packed)
    if not shots:
        return []
    rows = [unpack_rows(found[shot]) for shot in shots]
    things = _filled_up(rows)
    views: dict[int, list[int]] = {}
    groups: dict[Thing, _Group] = {}
    for pair in sorted(_pairs(things, shots, views)):
        first = groups.get(pair.one) or _Group.of(things, pair.one)
        second = groups.get(pair.other) or _Group.of(things, pair.other)
        if first is second or not first.shots.isdisjoint(second.shots):
            continue
        is_pair = len(first.seen) + len(second.seen) == 2
        if is_pair or first.likeness(second, pair.overlap) >= pair.least:
            first.take(second)
            groups |= dict.fromkeys(first.seen, first)
    for shot, near in sorted(views.items()):
        others = [(each, row) for each in near for row in range(MOST_THINGS)]
        there = things.chosen(_of_shots(near))
        alike, which = things.chosen(_of_shot(shot)).likeness(there, IN_VIEW).max(dim=1)
        for row in range(len(rows[shot])):
            group = groups.get(others[int(which[row])])
            if (shot, row) not in groups and alike[row] >= _LEAST_LEFT and group is not None:
                group.seen = sorted([*group.seen, (shot, row)])
                groups[shot, row] = group
    made = {id(group): group for group in groups.values()}
    return [[(shots[shot], row) for shot, row in group.seen] for group in made.values()]


def _of_shot(shot: int) -> slice:
    return slice(shot * MOST_THINGS, (shot + 1) * MOST_THINGS)


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
    overlap: float
    """How far their colours have to agree, as in `likeness`."""
    one: Thing
    other: Thing


def _pairs(things: Places, shots: Sequence[int], views: dict[int, list[int]]) -> Iterator[_Pair]:
    """Things of two shots, by their place among the shots, each the most like the other there.

    Of each shot it enters those near it into `views` that are views of the same place.
    """
    for shot in range(1, len(shots)):
        own = things.chosen(_of_shot(shot))
        earlier = _worth_comparing(things, shots, shot)
        alike, which = _most_alike(own, things.chosen(_of_shots(earlier)), IN_FILM)
        is_view = (alike > _SURELY).sum(dim=0) >= _SAME_VIEW
        is_near = torch.tensor([shots[shot] - shots[each] <= _NEAR_SHOTS for each in earlier])
        least = torch.tensor(_LEAST)[is_view.long(), 1 - is_near.long()]
        alike = torch.where(alike >= least, alike, -torch.inf)
        overlap = torch.full_like(least, IN_FILM)
        for at in torch.nonzero(is_view & is_near).flatten().tolist():
            views.setdefault(shot, []).append(earlier[at])
            views.setdefault(earlier[at], []).append(shot)
            there = things.chosen(_of_shot(earlier[at]))
            in_view, which_there = _most_alike(own, there, IN_VIEW)
            alike[:, at] = torch.where(in_view >= least[at], in_view, -torch.inf)[:, 0]
            which[:, at], overlap[at] = which_there[:, 0], IN_VIEW
        values, order = alike.topk(min(_MOST_LIKE, len(earlier)), dim=1)
        for row, number in torch.nonzero(values > -torch.inf).tolist():
            at = int(order[row, number])
            yield _Pair(
                -float(values[row, number]),
                float(least[at]),
                float(overlap[at]),
                (earlier[at], int(which[row, at])),
                (shot, row),
            )


def _worth_comparing(things: Places, shots: Sequence[int], shot: int) -> list[int]:
    """Earlier shots that may have something of a shot: those near it, and of the others some whose
    things look the most like its own.
    """
    far = [each for each in range(shot) if shots[shot] - shots[each] > _NEAR_SHOTS]
    near = list(range(len(far), shot))
    if not far:
        return near
    cosine = things.features[_of_shot(shot)] @ things.features[: len(far) * MOST_THINGS].T
    best = cosine.view(MOST_THINGS, len(far), MOST_THINGS).amax(dim=2)
    looks = (best - _LEAST_COSINE).clamp(min=0).sum(dim=0)
    values, order = looks.topk(min(_MOST_COMPARED, len(far)))
    return sorted(order[values > 0].tolist()) + near


def _of_shots(shots: Sequence[int]) -> Tensor:
    starts = MOST_THINGS * torch.tensor(shots)
    return (starts[:, None] + torch.arange(MOST_THINGS)).flatten()


def _most_alike(own: Places, others: Places, overlap: float) -> tuple[Tensor, Tensor]:
    """How alike each thing of a shot is to the one of each other shot that is the most like it, if
    it is the most like that; and which that is.
    """
    alike = own.likeness(others, overlap).view(MOST_THINGS, -1, MOST_THINGS)
    best, which = alike.max(dim=2)
    back = alike.argmax(dim=0).gather(1, which.T).T
    is_mutual = back == torch.arange(MOST_THINGS)[:, None]
    return torch.where(is_mutual, best, -torch.inf), which


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

    def likeness(self, other: _Group, overlap: float) -> float:
        """Nats: of their means."""
        return float(self.mean.likeness(other.mean, overlap))

    def take(self, other: _Group) -> None:
        """All of it is of this group."""
        self.seen = sorted(self.seen + other.seen)
        self.shots |= other.shots
        self.mean = self.mean.merged(other.mean)
