"""The timeline of a report as SVG paths: colourfulness above, flicker below, and where shots are.

In units of a chart `WIDTH` wide and `HEIGHT` high, which the page stretches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from filmcolor.report.gather import ShotFacts
from filmcolor.report.remarks import FLICKER, WEAK_COLORFULNESS

WIDTH = 1000
_UPPER = 4.0, 112.0
"""Top and bottom of colourfulness."""
_LOWER = 126.0, 190.0
"""Of flicker."""
STRIP = 197.0, 206.0
"""Of the shots."""
HEIGHT = STRIP[1]
_MOST_CUTS = 250
"""Cuts are drawn, and break the curves, up to so many; more would hide them."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One measure along the film."""

    name: str
    line: str
    """Path over all looks; broken at the cuts if these are few enough."""
    area: str
    """Path around what is under it."""
    limit: float
    """Height of the threshold."""
    base: float
    """Height of 0."""
    marks: tuple[tuple[float, float], ...]
    """(value, per cent of the chart's height) of its top and of the threshold."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A film's shots, at least one, along the chart."""

    shots: Sequence[ShotFacts]

    def across(self, seconds: float) -> float:
        """Where a time is."""
        first = self.shots[0].start
        end = max(self.shots[-1].stop, first + 1e-3)
        return WIDTH * min(1.0, max(0.0, (seconds - first) / (end - first)))

    @property
    def curves(self) -> tuple[Curve, Curve]:
        """Colourfulness and flicker."""
        colors = [look.colorfulness for shot in self.shots for look in shot.looks]
        flickers = [look.flicker for shot in self.shots for look in shot.telling]
        color_top = 10.0 * math.ceil(max([2 * WEAK_COLORFULNESS, *colors]) / 10)
        numbers = (value for value in flickers if not math.isnan(value))
        flicker_top = float(math.ceil(max([2.0, *numbers])))
        return (
            self._curve("color", "colorfulness", color_top, WEAK_COLORFULNESS, _UPPER),
            self._curve("flicker", "flicker", flicker_top, FLICKER, _LOWER),
        )

    @property
    def cuts(self) -> str:
        """Path of the lines between the shots; empty for too many."""
        shots = self.shots[1:] if len(self.shots) <= _MOST_CUTS else ()
        return "".join(f"M{self.across(s.start):.1f} {_UPPER[0]:g}V{_LOWER[1]:g}" for s in shots)

    def _curve(
        self, name: str, measure: str, top: float, limit: float, panel: tuple[float, float]
    ) -> Curve:
        def down(value: float) -> float:
            return panel[1] - (panel[1] - panel[0]) * min(value / top, 1.0)

        lines, areas = [], []
        for ends in self._runs(measure, down):
            line = "L".join(f"{x:.1f} {y:.1f}" for x, y in ends)
            lines.append(f"M{line}")
            areas.append(f"M{ends[0][0]:.1f} {panel[1]:g}L{line}V{panel[1]:g}Z")
        marks = tuple((value, 100 * down(value) / HEIGHT) for value in (top, limit))
        return Curve(name, "".join(lines), "".join(areas), down(limit), panel[1], marks)

    def _runs(
        self, measure: str, down: Callable[[float], float]
    ) -> Iterator[list[tuple[float, float]]]:
        """Points (x, y) of each unbroken part of a curve, drawn to the part's edges."""
        shots = self.shots
        for run in [[shot] for shot in shots] if len(shots) <= _MOST_CUTS else [shots]:
            looks = [look for shot in run for look in shot.telling]
            values = [(look.seconds, getattr(look, measure)) for look in looks]
            points = [(self.across(x), down(y)) for x, y in values if not math.isnan(y)]
            if points:
                start, stop = self.across(run[0].start), self.across(run[-1].stop)
                yield [(start, points[0][1]), *points, (stop, points[-1][1])]
