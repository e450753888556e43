"""Temporal smoothing of ab at model size: steady colour inside a shot, none across a cut.

Every method has finite support: a frame's colour depends on at most `REACH` frames on each side,
inside its own shot, and on what the plan says of the shot; so a film may be divided anywhere as
long as the pieces overlap by `REACH`. It knows lightness and ab, not codes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from filmcolor.options import LONGEST_STRIDE, Smoothing
from filmcolor.stages.chroma_drift import Drift
from filmcolor.stages.flow import FlowSettings
from filmcolor.stages.flow_average import FlowAverage, WeightedFrame, grid_of, likeness, reduced
from filmcolor.stages.windows import windows
from filmcolor.types import AbMap, FloatPlane, Frame, Uncolored

Source = tuple[Frame, AbMap | Uncolored]

RADIUS = LONGEST_STRIDE
"""Frames on each side that an average is taken over; so many, for a frame between two that the
network saw always has one of them in its window."""
_SECOND_RADIUS = 2
"""The same for the second average, which evens out what `stride` leaves between its frames."""
REACH = RADIUS + _SECOND_RADIUS
"""Frames on each side that a frame's colour depends on."""


@dataclass(frozen=True, slots=True)
class SmoothSettings:
    """Weights of the neighbours; the values were measured, see docs/experiments.md."""

    spread: float = 5.5  # frames: standard deviation of the weight over time, at stability 1
    tolerance: float = 3.0  # L*: lightness this far off means another surface
    flow: FlowSettings = field(default_factory=lambda: FlowSettings(long_side=192))


@dataclass(slots=True, eq=False)
class _Entry:
    """One frame on its way."""

    frame: Frame
    colors: AbMap | Uncolored
    weighted: WeightedFrame


def smooth(
    fields: Iterable[Source],
    method: Smoothing,
    *,
    stability: float = 0.7,
    stride: int = 1,
    drift: Drift | None = None,
    settings: SmoothSettings | None = None,
) -> Generator[tuple[Frame, AbMap], None, None]:
    """Yield the same frames with steadied colour, in order, each with its own field.

    "flow" averages over `RADIUS` frames on each side along the motion; "ema" is an exponential
    average over the `RADIUS` frames before, without motion; "none" hands everything through.
    `stability` 0..1 is how much: the weight of neighbours far away in time, or the share of the
    past; 0 is none. With "flow" frames may come `Uncolored` as long as every `stride`-th one of a
    shot has colour; they get theirs along the motion. `drift` is taken out first, as far as
    `stability` says. Nothing crosses a change of `Frame.shot`. Reads up to `REACH` frames ahead and
    holds `2 * REACH + 2` at most. Raises `ValueError` for a field of another frame, and for an
    uncoloured frame with a method other than "flow" or too far from colour.
    """
    settings = settings or SmoothSettings()
    checked = _evened(fields, drift, stability)
    if method == "none" or (stability == 0 and stride == 1):
        yield from map(_colored, checked)
    elif method == "ema":
        yield from _moving_averages(map(_colored, checked), stability, settings)
    else:
        yield from _flow_averages(checked, stability, stride, settings)


def _colored(source: Source) -> tuple[Frame, AbMap]:
    frame, colors = source
    if isinstance(colors, Uncolored):
        raise ValueError(f"frame {frame.index} has no colour, which only the flow method can carry")
    return frame, colors


def _evened(
    fields: Iterable[Source], drift: Drift | None, share: float
) -> Generator[Source, None, None]:
    """The fields without the slow drift of their shot's palette, which known colours have not;
    `ValueError` for the field of another frame.
    """
    for frame, colors in fields:
        if frame.index != colors.index:
            raise ValueError(f"frame {frame.index} came with the colour of frame {colors.index}")
        if drift is not None and share > 0 and isinstance(colors, AbMap):
            offset = share * drift.at(frame.shot, frame.place)
            if offset.any():
                guessed = np.float32(1) if colors.hint_map is None else 1 - colors.hint_map
                colors = replace(colors, ab=colors.ab - offset[:, None, None] * guessed)
        yield frame, colors


def _flow_averages(
    fields: Iterable[Source], stability: float, stride: int, settings: SmoothSettings
) -> Generator[tuple[Frame, AbMap], None, None]:
    """Averages along the motion, a second time over what was carried between the frames seen."""
    flow: FlowAverage | None = None

    def entries() -> Generator[_Entry, None, None]:
        nonlocal flow
        for frame, colors in fields:
            height, width = colors.lightness.shape
            sizes = (height, width), grid_of(colors)
            flow = flow or FlowAverage(*sizes, settings.flow)
            if flow.sizes != sizes:
                raise ValueError(f"frame {frame.index} has another size than those before it")
            yield _Entry(frame, colors, flow.weighted_frame(colors))

    def link(first: _Entry, second: _Entry) -> None:
        assert flow is not None
        flow.link(first.weighted, second.weighted)

    def averaged(
        items: Iterable[_Entry], radius: int, spread: float, join: Callable[[_Entry, _Entry], None]
    ) -> Generator[_Entry, None, None]:
        for around, center in windows(items, lambda entry: entry.frame.shot, radius, radius, join):
            assert flow is not None
            window = [entry.weighted for entry in around]
            color = flow.average(window, center, spread, settings.tolerance)
            entry = around[center]
            yield replace(entry, weighted=replace(entry.weighted, color=color))

    # With a stride the neighbours seen lie so far apart that fewer of them would not be an average.
    spread = max(settings.spread * stability, 0.5 * stride)
    steady = averaged(entries(), RADIUS, spread, link)
    if stride > 1 and stability > 0:
        steady = averaged(steady, _SECOND_RADIUS, _SECOND_RADIUS, lambda first, second: None)
    for entry in steady:
        yield entry.frame, _field(entry)


def _field(entry: _Entry) -> AbMap:
    color, colors = entry.weighted.color, entry.colors
    assert color is not None
    a, b, confidence = np.ascontiguousarray(color[..., :3].transpose(2, 0, 1))
    stated = isinstance(colors, Uncolored) or colors.confidence is not None
    return AbMap(colors.index, np.stack([a, b]), colors.lightness, confidence if stated else None)


def _moving_averages(
    fields: Iterable[tuple[Frame, AbMap]], momentum: float, settings: SmoothSettings
) -> Generator[tuple[Frame, AbMap], None, None]:
    """Averages over this frame and those before it in the window, without motion."""
    entries = (
        (frame, colors, reduced(colors.lightness, grid_of(colors))) for frame, colors in fields
    )
    for around, center in windows(entries, lambda e: e[0].shot, RADIUS, 0, lambda a, b: None):
        frame, colors, own = around[center]
        total: FloatPlane = colors.ab.copy()
        weights = np.ones(own.shape, np.float32)
        for position in range(center):
            _, other, light = around[position]
            weight = likeness(own, light, None, settings.tolerance)
            weight *= np.float32(momentum ** (center - position))
            weights += weight
            total += other.ab * weight
        yield frame, replace(colors, ab=total / weights)
