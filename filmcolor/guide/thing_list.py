"""The things of a film as a list for people: names, colours, and where they are seen."""

from __future__ import annotations

from collections.abc import Callable
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
from filmcolor.stages.look import colors_of
from filmcolor.stages.things import Sighting, sighting, unpack_rows, vectors
from filmcolor.stages.tone import Tone
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
    shown: float
    """Frames that it would fill."""
    seen: tuple[tuple[Thing, Sighting], ...]


def seen_things(film: FilmPlan, times: FilmTimes, model: LoadedModel) -> list[SeenThing]:
    """The things of a film, as they are first seen: those that are seen most."""
    rows, found = film.cast.rows, []
    lengths = [shot.stop - shot.start for shot in film.found or film.shots]
    for number, places in film.cast.things.items():
        sightings = [sighting(rows[shot][row]) for shot, row in places]
        if max(each.area for each in sightings) < _LEAST_AREA:
            continue
        shown = sum(
            each.area * lengths[shot] for each, (shot, _) in zip(sightings, places, strict=True)
        )
        found.append((-shown, number, tuple(zip(places, sightings, strict=True))))
    kept = sorted(sorted(found)[:_MOST_THINGS], key=lambda each: each[1])
    if not kept:
        return []
    means = [film.cast.mean([thing for thing, _ in seen]) for _, _, seen in kept]
    ab, sure = colors_of(torch.from_numpy(np.stack([mean.decoded for mean in means])), model)
    codes = _swatches(torch.tensor([mean.lightness for mean in means]), ab)
    return [
        SeenThing(thing_name(film, times, seen[0][0]), code, own, -shown, seen)
        for (shown, _, seen), code, own in zip(kept, codes, sure.tolist(), strict=True)
    ]


def _swatches(lightness: torch.Tensor, ab: torch.Tensor) -> list[str]:
    """Lightness (K,), L*, and ab (K, 2) as "#rrggbb"."""
    rgb = lab_to_rgb(torch.cat([lightness[:, None], ab], dim=1)[:, :, None, None]).clamp(0, 1)
    return ["#" + bytes(each).hex() for each in (255 * rgb[:, :, 0, 0]).round().int().tolist()]


@dataclass(frozen=True, slots=True)
class Swatch:
    """A thing in one shot of the result."""

    start: float
    stop: float
    """Seconds from the first frame of the film or of the part."""
    color: str
    """ "#rrggbb": what its places are drawn to, in the tone of the shot."""


def swatches(
    film: FilmPlan, thing: SeenThing, model: LoadedModel, tone_of: Callable[[int], Tone]
) -> list[Swatch]:
    """A thing along a film as it is coloured, with what people have said of it, of each shot the
    largest part; `tone_of` the shots.
    """
    found = film.found or film.shots
    numbers = {(shot.start, shot.stop): number for number, shot in enumerate(film.shots)}
    largest: dict[int, tuple[float, int]] = {}
    for (shot, row), where in thing.seen:
        largest[shot] = max(largest.get(shot, (-1.0, row)), (where.area, row))
    made = []
    for shot, (_, row) in largest.items():
        number = numbers.get((found[shot].start, found[shot].stop))
        if number is None or number not in film.things:
            continue
        own = unpack_rows(film.things[number])[row : row + 1]
        ab, _ = colors_of(torch.from_numpy(vectors(own, "decoded")), model)
        if not np.isnan(own["said"]).any():
            ab = torch.from_numpy(own["said"].astype(np.float32))
        toned = tone_of(number).applied(ab[:, :, None, None])[:, :, 0, 0]
        (color,) = _swatches(torch.from_numpy(own["lightness"].astype(np.float32)), toned)
        start, length = found[shot].start, film.seconds(found[shot].start, found[shot].stop)
        begun = float(film.seconds(0, start)) if start else 0.0
        made.append(Swatch(begun, begun + float(length), color))
    return made


def listed(
    film: FilmPlan, times: FilmTimes, screen: Screen, model: LoadedModel
) -> tuple[PlanThing, ...]:
    """The things as they stand in a plan's file."""

    def line(seen: tuple[Thing, Sighting]) -> str:
        (shot, row), where = seen
        start = (film.found or film.shots)[shot].start
        seconds = times.edge_seconds(start + where.place)
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
