"""The things of a film as a list for people: names, colours, and where they are seen."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch

from filmcolor.color import lab_to_rgb
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.geometry import Screen
from filmcolor.guide.plan_things import PlanThing
from filmcolor.guide.thing_choices import thing_name
from filmcolor.guide.times import FilmTimes
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.stages.cast import Thing
from filmcolor.stages.infer import colors_of
from filmcolor.stages.things import Sighting, sighting
from filmcolor.timecode import time_text

_MOST_THINGS = 300
"""Of a film; those that are seen most."""
_MOST_SEEN = 12
"""Places of one thing that a plan names."""
_LEAST_AREA = 0.01
"""Share of the picture in which a thing is seen: smaller ones are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenThing:
    """A thing of a film and where it is seen, shot by shot in order."""

    name: str
    swatch: str
    """ "#rrggbb", sRGB: its colour as the model makes it, at its own lightness."""
    sure: float
    """0..1."""
    seen: tuple[tuple[Thing, Sighting], ...]


def seen_things(film: FilmPlan, times: FilmTimes, model: LoadedModel) -> list[SeenThing]:
    """The things of a film that has just been analysed, as they are first seen: those that are seen
    most.
    """
    rows, found = film.cast.rows, []
    for number, places in film.cast.things.items():
        sightings = [sighting(rows[shot][row]) for shot, row in places]
        if max(each.area for each in sightings) < _LEAST_AREA:
            continue
        frames = [film.shots[shot].stop - film.shots[shot].start for shot, _ in places]
        shown = sum(each.area * count for each, count in zip(sightings, frames, strict=True))
        found.append((-shown, number, tuple(zip(places, sightings, strict=True))))
    kept = sorted(sorted(found)[:_MOST_THINGS], key=lambda each: each[1])
    if not kept:
        return []
    means = [film.cast.mean([thing for thing, _ in seen]) for _, _, seen in kept]
    decoded = np.stack([mean.decoded for mean in means])
    ab, sure = colors_of(torch.from_numpy(decoded), model)
    light = torch.tensor([[mean.lightness] for mean in means])
    rgb = lab_to_rgb(torch.cat([light, ab], dim=1)[:, :, None, None]).clamp(0, 1)
    codes = (255 * rgb[:, :, 0, 0]).round().int().tolist()
    return [
        SeenThing(thing_name(film, times, seen[0][0]), "#" + bytes(code).hex(), own, seen)
        for (_, _, seen), code, own in zip(kept, codes, sure.tolist(), strict=True)
    ]


def listed(
    film: FilmPlan, times: FilmTimes, screen: Screen, model: LoadedModel
) -> tuple[PlanThing, ...]:
    """The things as they stand in a plan's file."""

    def line(seen: tuple[Thing, Sighting]) -> str:
        (shot, row), where = seen
        seconds = times.edge_seconds(film.shots[shot].start + where.place)
        name = thing_name(film, times, (shot, row))
        at = time_text(Fraction(round(1000 * seconds), 1000))
        box = ", ".join(str(round(side)) for side in screen.displayed_box(where.box))
        return f'"{name}": shot {shot + 1} at {at} in [{box}]'

    found = []
    for thing in seen_things(film, times, model):
        lines = tuple(line(each) for each in thing.seen[:_MOST_SEEN])
        if (rest := len(thing.seen) - _MOST_SEEN) > 0:
            lines += (f"and in {rest} more shots",)
        found.append(PlanThing(thing.name, swatch=thing.swatch, sure=thing.sure, seen=lines))
    return tuple(found)
