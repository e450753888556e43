"""The shots of a film at once, as `assign_shots` decides them frame by frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from filmcolor.analysis.shots import ShotFinder, ShotSettings
from filmcolor.types import Frame, PixelLayout, Shot


def find_shots(
    frames: Iterable[Frame], layout: PixelLayout, settings: ShotSettings | None = None
) -> list[Shot]:
    """The shots of a film, in the frames' own indices; decided exactly as by `assign_shots`."""
    finder = ShotFinder(layout.bit_depth, settings)
    indices = []
    for frame in frames:
        indices.append(frame.index)
        finder.add(frame.luma)
    deque(finder.finish(), maxlen=0)
    if not indices:
        return []
    indices.append(indices[-1] + 1)
    return [Shot(indices[s.start], indices[s.stop], s.ends_by) for s in finder.shots()]
