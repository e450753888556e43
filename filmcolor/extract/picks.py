"""The sharpest frames of a shot whose end is not known yet, in bounded memory.

It knows nothing of films, colours or what becomes of the frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from filmcolor.extract.frame_checks import FrameLook
from filmcolor.types import Frame

_WINDOW = 6
"""Frames of a short shot of which one, the sharpest, goes on; twice as many in a longer one, ..."""
_SOFT_SHARE = 0.25
"""Share of the sharpness (a variance) of a shot's sharpest frame below which a frame is soft."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A frame without a flaw, and what it looks like."""

    frame: Frame
    look: FrameLook


class ShotPicks:
    """The sharpest frames of a shot that is still running, spread over it.

    The shot is divided into windows of equal length, one frame each; when there are twice as many
    as frames wanted, neighbours are joined. However long the shot, no more is held.
    """

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._windows: list[Candidate | None] = []
        self._span, self._filled = _WINDOW, _WINDOW
        self._sharpest = 0.0

    def add(self, candidate: Candidate | None) -> int:
        """Take the shot's next frame, None if it has a flaw; how many frames lost to others."""
        lost = 0
        if self._filled == self._span:
            if len(self._windows) == 2 * self._wanted:
                lost = self._join()
            self._windows.append(None)
            self._filled = 0
        self._filled += 1
        if candidate is None:
            return lost
        self._sharpest = max(self._sharpest, candidate.look.sharpness)
        before = self._windows[-1]
        self._windows[-1] = _sharper(before, candidate)
        return lost + (before is not None)

    def groups(self) -> list[list[Candidate]]:
        """At most as many groups as frames wanted, in time order, the sharpest first in each."""
        found = [window for window in self._windows if window is not None]
        count = min(self._wanted, len(found))
        edges = [len(found) * part // count for part in range(count + 1)] if count else [0]
        return [
            sorted(found[start:stop], key=lambda each: -each.look.sharpness)
            for start, stop in pairwise(edges)
        ]

    def is_soft(self, candidate: Candidate) -> bool:
        """Whether the frame is much less sharp than the sharpest of its shot."""
        return candidate.look.sharpness < _SOFT_SHARE * self._sharpest

    def _join(self) -> int:
        pairs = list(zip(self._windows[::2], self._windows[1::2], strict=True))
        self._windows = [_sharper(*pair) for pair in pairs]
        self._span *= 2
        self._filled = self._span
        return sum(None not in pair for pair in pairs)


def _sharper(first: Candidate | None, second: Candidate | None) -> Candidate | None:
    if first is None or second is None:
        return second if first is None else first
    return second if second.look.sharpness > first.look.sharpness else first
