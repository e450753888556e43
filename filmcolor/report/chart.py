"""The timeline of a report as SVG: colourfulness above, flicker below, and a link for every shot.

Drawn 1000 units wide and stretched by the page, so that text must stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from filmcolor.report.gather import ShotFacts
from filmcolor.report.remarks import FLICKER, WEAK_COLORFULNESS, is_unsteady, is_weak
from filmcolor.timecode import clock_text

_WIDTH = 1000
_UPPER = 4.0, 112.0
"""Top and bottom of colourfulness."""
_LOWER = 126.0, 190.0
"""Of flicker."""
_STRIP = 197.0, 206.0
"""Of the shots."""
_MOST_CUTS = 250
"""Cuts are drawn, and break the curves, up to so many; more would hide them."""


def color_top(shots: Sequence[ShotFacts]) -> float:
    """Colourfulness at the top of the chart."""
    values = [look.colorfulness for shot in shots for look in shot.looks]
    return 10.0 * math.ceil(max([2 * WEAK_COLORFULNESS, *values]) / 10)


def flicker_top(shots: Sequence[ShotFacts]) -> float:
    """Flicker at the top of the chart."""
    values = [look.flicker for shot in shots for look in shot.telling]
    return float(math.ceil(max([2.0, *(v for v in values if not math.isnan(v))])))


def level_share(value: float, top: float, *, upper: bool) -> str:
    """Where a value of one of the two curves is, in per cent of the chart's height."""
    return f"{100 * _down(value, top, _UPPER if upper else _LOWER) / _STRIP[1]:.1f}%"


def draw_timeline(shots: Sequence[ShotFacts]) -> str:
    """The whole `<svg>`; all of a film's shots, at least one."""
    first, end = shots[0].start, max(shots[-1].stop, shots[0].start + 1e-3)

    def across(seconds: float) -> float:
        return _WIDTH * min(1.0, max(0.0, (seconds - first) / (end - first)))

    upper, lower = color_top(shots), flicker_top(shots)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_STRIP[1]:g}" preserveAspectRatio="none" '
        'role="group" aria-label="Shots along the film; arrow keys go from one to the next, '
        'Enter jumps to its pictures">',
        _level(WEAK_COLORFULNESS, upper, _UPPER),
        _level(FLICKER, lower, _LOWER),
        _curve(shots, across, "colorfulness", upper, _UPPER, "color"),
        _curve(shots, across, "flicker", lower, _LOWER, "flicker"),
    ]
    if len(shots) <= _MOST_CUTS:
        places = (f"M{across(shot.start):.1f} {_UPPER[0]:g}V{_LOWER[1]:g}" for shot in shots[1:])
        parts.append(f'<path class="cuts" d="{"".join(places)}"/>')
    parts += [_link(shot, across) for shot in shots]
    return "".join([*parts, "</svg>"])


def _down(value: float, top: float, panel: tuple[float, float]) -> float:
    return panel[1] - (panel[1] - panel[0]) * min(value / top, 1.0)


def _level(value: float, top: float, panel: tuple[float, float]) -> str:
    """A dashed line at a threshold, and a plain one at 0."""
    at = _down(value, top, panel)
    return (
        f'<path class="limit" d="M0 {at:.1f}H{_WIDTH}"/>'
        f'<path class="base" d="M0 {panel[1]:g}H{_WIDTH}"/>'
    )


def _curve(
    shots: Sequence[ShotFacts],
    across: Callable[[float], float],
    measure: str,
    top: float,
    panel: tuple[float, float],
    name: str,
) -> str:
    """A line over all looks, and the area under it; broken at the cuts if these are few enough."""
    runs = [[shot] for shot in shots] if len(shots) <= _MOST_CUTS else [shots]
    lines, areas = [], []
    for run in runs:
        points = [
            (across(look.seconds), _down(getattr(look, measure), top, panel))
            for shot in run
            for look in shot.telling
            if not math.isnan(getattr(look, measure))
        ]
        if not points:
            continue
        start, stop = across(run[0].start), across(run[-1].stop)
        ends = [(start, points[0][1]), *points, (stop, points[-1][1])]
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y in ends)
        lines.append(f"M{line}")
        areas.append(f"M{start:.1f} {panel[1]:g}L{line}V{panel[1]:g}Z")
    return (
        f'<path class="area {name}" d="{"".join(areas)}"/>'
        f'<path class="line {name}" d="{"".join(lines)}"/>'
    )


def _link(shot: ShotFacts, across: Callable[[float], float]) -> str:
    start, stop = across(shot.start), across(shot.stop)
    kind = "warn" if is_weak(shot) or is_unsteady(shot) else "odd" if shot.number % 2 else "even"
    text = escape(shot_words(shot), quote=True)
    reach = f'x="{start:.1f}" width="{max(stop - start, 0.5):.1f}"'
    return (
        f'<a href="#shot-{shot.number + 1}" aria-label="{text}" data-shot="{shot.number + 1}">'
        f'<rect class="strip {kind}" {reach} y="{_STRIP[0]:g}" height="{_STRIP[1] - _STRIP[0]:g}"/>'
        f'<rect class="hit" {reach} y="0" height="{_STRIP[1]:g}"/></a>'
    )


def shot_words(shot: ShotFacts) -> str:
    """A shot in one line: number, times, measures, what stands out."""
    facts = [f"Shot {shot.number + 1}, {clock_text(shot.start, 1)} to {clock_text(shot.stop, 1)}"]
    if not shot.telling:
        facts.append("shows nothing")
    else:
        facts.append(f"colourfulness {shot.colorfulness:.1f}")
        if not math.isnan(shot.flicker):
            facts.append(f"flicker {shot.flicker:.2f}")
    facts += [text for text in (weak_word(shot), flicker_word(shot)) if text]
    return ", ".join(facts)


def weak_word(shot: ShotFacts) -> str:
    """What to call it, if its colour is weak."""
    return "weak colour" if is_weak(shot) else ""


def flicker_word(shot: ShotFacts) -> str:
    """What to call it, if it flickers."""
    return "flicker" if is_unsteady(shot) else ""
