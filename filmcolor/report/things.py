"""The things of a result and their colours along the film, as its sidecar has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from filmcolor.jobs.sidecar import read_sidecar

_COLOR = re.compile("#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class ThingStrip:
    """One thing."""

    name: str
    seen: tuple[tuple[float, float, str], ...]
    """Start and stop, in seconds from the first frame of the film or of the part, and the colour
    there, "#rrggbb"."""

    @property
    def colors(self) -> list[str]:
        """All of them, once each, as they are first seen."""
        return list(dict.fromkeys(color for _, _, color in self.seen))


def find_strips(result: str) -> Iterator[ThingStrip]:
    """Those of a result; none where no sidecar is there that knows any."""
    things = (read_sidecar(result) or {}).get("things")
    for thing in things if isinstance(things, list) else []:
        try:
            seen = tuple((float(a), float(b), str(color)) for a, b, color in thing["seen"])
            name = str(thing["name"])
        except (TypeError, ValueError, KeyError):
            continue
        if seen and all(_COLOR.fullmatch(color) for _, _, color in seen):
            yield ThingStrip(name, seen)
