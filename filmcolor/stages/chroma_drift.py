"""Slow drift of a shot's palette: found once for the whole film, taken out of every frame.

What the network thinks of a scene wanders over seconds, beyond what averaging over neighbours can
reach. Frames far apart are compared where the picture stood still: there, the colour should have
too. It knows fields, not films.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from filmcolor.stages.flow_average import grid_of, likeness, reduced
from filmcolor.types import AbMap, FloatPlane

SPACING = 24
"""Frames of a shot from one that is compared to the next."""
FEWEST_SAMPLES = 3
"""Of a shot; with fewer nothing is known of its drift."""
_TOLERANCE = 3.0
"""L*: lightness this far off means that another surface is there."""
_ALIKE = 0.5
"""Likeness from which a place counts as the same surface."""
_SMALLEST_SHARE = 0.25
"""Share of the picture that must be the same for its colours to be compared."""
_LARGEST_OFFSET = 6.0
"""Lab units: more is no drift of the palette."""


DriftPath = tuple[tuple[int, float, float], ...]
"""Of one shot: place in it, and offset of a and of b there, in Lab units."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the palette of each shot is from its mean over the shot."""

    paths: Mapping[int, DriftPath] = field(default_factory=dict)
    """By number of the shot."""

    def at(self, shot: int, place: int) -> NDArray[np.float32]:
        """Offset of (a, b) at a frame, Lab units, linear between the frames compared."""
        path = self.paths.get(shot)
        if path is None:
            return np.zeros(2, np.float32)
        places, a, b = zip(*path, strict=True)
        return np.array([np.interp(place, places, a), np.interp(place, places, b)], np.float32)


class DriftMeter:
    """Measures drift from the fields of every `SPACING`-th frame of each shot, in order."""

    def __init__(self) -> None:
        self._paths: dict[int, list[tuple[int, NDArray[np.float64]]]] = {}
        self._light: FloatPlane | None = None
        self._ab: FloatPlane | None = None

    def add(self, shot: int, place: int, colors: AbMap) -> None:
        """Take the next field."""
        light = reduced(colors.lightness, grid_of(colors))
        path = self._paths.setdefault(shot, [])
        offset = path[-1][1] if path else np.zeros(2)
        if path and self._light is not None and self._ab is not None:
            same = likeness(light, self._light, None, _TOLERANCE) > _ALIKE
            if same.mean() >= _SMALLEST_SHARE:
                offset = offset + np.median((colors.ab - self._ab)[:, same], axis=1)
        path.append((place, offset))
        self._light, self._ab = light, colors.ab

    def found(self) -> Drift:
        """What was found; shots with fewer than `FEWEST_SAMPLES` have none."""
        paths = {}
        for shot, path in self._paths.items():
            if len(path) < FEWEST_SAMPLES:
                continue
            offsets = np.array([offset for _, offset in path])
            rim = np.concatenate([offsets[:1], offsets, offsets[-1:]])
            # A single field flickers; what it shares with its neighbours is drift.
            offsets = (rim[:-2] + 2 * rim[1:-1] + rim[2:]) / 4
            offsets = np.clip(offsets - offsets.mean(axis=0), -_LARGEST_OFFSET, _LARGEST_OFFSET)
            paths[shot] = tuple(
                (place, float(a), float(b))
                for (place, _), (a, b) in zip(path, offsets, strict=True)
            )
        return Drift(paths)
