"""What a plan says of things, come to for one film: which are one, and the colours they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from filmcolor.color import rgb_to_lab
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.plan_things import PlanThing
from filmcolor.guide.thing_hints import SaidOfThings
from filmcolor.guide.times import FilmTimes
from filmcolor.hashing import digest
from filmcolor.stages.cast import Ab, Cast, Thing
from filmcolor.stages.tone import Tone
from filmcolor.timecode import name_of
from filmcolor.types import Shot


def thing_name(film: FilmPlan, times: FilmTimes, thing: Thing) -> str:
    """The name of what is seen in one shot: when that starts, and its number there. It stays what
    it is whatever else is found in the film.
    """
    shot, row = thing
    start = (film.found or film.shots)[shot].start
    return f"{name_of(times.edge_seconds(start))}_{row + 1}"


@dataclass(frozen=True, slots=True, eq=False)
class ThingEdits:
    """What people have said of a film's things."""

    cast: Cast
    """Which are one then."""
    colors: Mapping[int, Ab]
    """ab by their numbers in it."""


def find_edits(things: Sequence[PlanThing], film: FilmPlan, times: FilmTimes) -> ThingEdits | None:
    """What the plan's file says of the things of an analysed film; None for nothing.

    Raises `OptionError` with the place for things that there are not and for what contradicts.
    """
    edited = [thing for thing in things if thing.is_edited]
    if not edited:
        return None
    groups = _Groups(film, times)
    for thing in edited:
        for name in thing.keep_apart:
            groups.part(thing, name)
    for thing in edited:
        groups.join(thing)
    for thing in edited:
        groups.check(thing)
    cast = film.cast.regrouped(groups.made())
    colors: dict[int, tuple[PlanThing, Ab]] = {}
    for thing in edited:
        if thing.color is None:
            continue
        shot, row = groups.find(thing, "name", thing.name)
        number = cast.members[shot][row]
        other, _ = colors.get(number, (thing, None))
        if other.rgb != thing.rgb:
            what = f"{thing.color}, but {other.name} is the same thing and has {other.color}"
            raise thing.error("color", f"{what}; give it one, or keep_apart = [...]")
        colors[number] = thing, _ab(thing.rgb)
    return ThingEdits(cast, {number: ab for number, (_, ab) in colors.items()})


class _Groups:
    """Which things of a film are one, as people go on to change it."""

    def __init__(self, film: FilmPlan, times: FilmTimes) -> None:
        self._of: dict[Thing, set[Thing]] = {}
        for seen in film.cast.things.values():
            group = set(seen)
            self._of |= {each: group for each in seen}
        self._named = {thing_name(film, times, each): each for each in self._of}

    def find(self, thing: PlanThing, key: str, name: str) -> Thing:
        """What is seen where a name says."""
        found = self._named.get(name)
        if found is None:
            if not self._named:
                what = "nothing is known of things in this film: its model has no --coherence, or 0"
                raise thing.error(key, what)
            what = f"{name} is none of this film as it is coloured here"
            raise thing.error(key, f"{what}; `filmcolor plan` lists its things")
        return found

    def part(self, thing: PlanThing, name: str) -> None:
        """What is seen there is a thing by itself."""
        own, other = self.find(thing, "name", thing.name), self.find(thing, "keep_apart", name)
        if own == other:
            raise thing.error("keep_apart", f"{name} is this thing itself; name another place")
        self._of[other].discard(other)
        self._of[other] = {other}

    def join(self, thing: PlanThing) -> None:
        """What is seen in both places is one thing."""
        if thing.join is None:
            return
        own, other = self.find(thing, "name", thing.name), self.find(thing, "join", thing.join)
        if own == other:
            raise thing.error("join", f"{thing.join} is this thing itself; name another")
        whole = self._of[own] | self._of[other]
        self._of |= {each: whole for each in whole}

    def check(self, thing: PlanThing) -> None:
        """Refuse what is to be kept apart and is joined."""
        own = self._of[self.find(thing, "name", thing.name)]
        for name in thing.keep_apart:
            if self.find(thing, "keep_apart", name) in own:
                raise thing.error("keep_apart", f"{name}, but a join makes both one; take one away")

    def made(self) -> list[list[Thing]]:
        """All of them."""
        return [sorted(group) for group in {id(each): each for each in self._of.values()}.values()]


def _ab(rgb: tuple[int, int, int]) -> Ab:
    lab = rgb_to_lab(torch.tensor(rgb, dtype=torch.float32).view(1, 3, 1, 1) / 255)
    _, a, b = lab.flatten().tolist()
    return a, b


def with_edits(
    film: FilmPlan,
    edits: ThingEdits | None,
    heard: SaidOfThings,
    shots: Sequence[Shot],
    tone_of: Callable[[int], Tone],
) -> FilmPlan:
    """The film as it was analysed, with what people have said of its things: in the plan, and
    where that says nothing, by stills and strokes (`heard`).

    `shots` are those that people have set, `tone_of` the tone of each: a colour that is given stays
    as it is given.
    """
    if edits is None and not heard.colors:
        return film
    numbers = {(shot.start, shot.stop): number for number, shot in enumerate(shots)}
    cast, colors = (film.cast, {}) if edits is None else (edits.cast, edits.colors)

    def said(shot: int, number: int) -> Ab | None:
        ab = colors.get(number)
        if ab is None and shot not in heard.told_in.get(number, ()):
            ab = heard.colors.get(number)
        found = film.shots[shot]
        chosen = numbers.get((found.start, found.stop))
        if ab is None or chosen is None:
            return ab
        a, b = tone_of(chosen).undone(np.array(ab, np.float32)).tolist()
        return a, b

    return replace(film, things=cast.shown(said), cast=cast)


def edit_digests(
    film: FilmPlan, edited: FilmPlan, settled: FilmPlan, digests: Mapping[int, str]
) -> dict[int, str]:
    """`digests` of the shots of a settled film, with those of things that make it another than it
    would be if nobody had `edited` any.
    """
    changed = {
        (film.shots[shot].start, film.shots[shot].stop): packed
        for shot, packed in edited.things.items()
        if packed != film.things.get(shot)
    }
    found = dict(digests)
    for number, shot in enumerate(settled.shots):
        packed = changed.get((shot.start, shot.stop))
        if packed is not None and settled.things.get(number) == packed:
            parts = [found[number]] if number in found else []
            found[number] = ", ".join([*parts, f"things {digest(packed, 8)}"])
    return found
