"""What a film and its shots are given: stills, strokes, a reference, each with its frame.

What a shot is given is one value with one digest, so that work on it can be told from work on the
same shot with something else. It decodes no film.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from filmcolor.errors import OptionError
from filmcolor.events import Notice
from filmcolor.files_read import FilesRead
from filmcolor.guide.geometry import Screen, ab_of
from filmcolor.guide.propagate import Anchor
from filmcolor.guide.spread import spread
from filmcolor.hashing import digest
from filmcolor.media.images.still_file import read_still
from filmcolor.options import Stroke
from filmcolor.timecode import time_text
from filmcolor.types import FloatPlane, Shot


def frames_of(shot: Shot) -> range:
    """Numbers of a shot's frames."""
    return range(shot.start, shot.stop)


@dataclass(frozen=True, slots=True)
class StillHint:
    """A still, and the frame that it shows."""

    frame: int
    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class ShotHints:
    """All that is given for one shot."""

    shot: int
    stills: tuple[StillHint, ...] = ()
    strokes: tuple[tuple[int, Stroke], ...] = ()
    """Each with its frame."""
    reference: Path | None = None
    """A picture in colour of other things."""
    reference_digest: str = ""
    """Of its pixels."""

    @property
    def digest(self) -> str:
        """What it depends on, and nothing else."""
        parts = [repr((still.frame, still.digest)) for still in self.stills]
        parts += [repr(pair) for pair in self.strokes]
        if self.reference is not None:
            parts.append(self.reference_digest)
        return digest("\n".join(parts).encode(), 8)

    def anchor(
        self, screen: Screen, frame: int, lightness: FloatPlane, files: FilesRead | None = None
    ) -> Anchor | None:
        """What is known of a frame, whose lightness (h, w) on the grid this is, by itself: strokes
        lie over a still; None for nothing. What a reference suggests is not known.
        """
        found: Anchor | None = None
        for still in self.stills:
            if still.frame == frame:
                ab = screen.ab_on_grid(read_still(still.path, files)[0])
                found = Anchor(ab, np.ones(screen.grid, np.float32))
        strokes = [stroke for index, stroke in self.strokes if index == frame]
        if strokes:
            seeds = np.stack([screen.seeds(stroke) for stroke in strokes])
            colors = np.array([ab_of(stroke) for stroke in strokes], np.float32)
            ab, reach = spread(seeds, colors, lightness)
            if found is None:
                return Anchor(ab, reach)
            return Anchor(found.ab + reach * (ab - found.ab), found.confidence)
        return found


@dataclass(frozen=True, slots=True)
class ShotOverrides:
    """What a shot is given by itself; None where it has what the film is given."""

    shot: Shot
    where: Callable[[str], str]
    """How to name a key of it to people."""
    stills: tuple[tuple[Path, Fraction | None], ...] | None = None
    """Each with its time, None where its name tells it."""
    strokes: str | tuple[Stroke, ...] | None = None
    reference: str | None = None
    """Empty for no reference."""

    def check(self, name: str, seconds: Fraction, frame: int | None) -> None:
        """Raise `OptionError` if a frame, None outside of the part, is not of this shot."""
        if frame is not None and frame not in frames_of(self.shot):
            raise OptionError(
                f"{name}: {time_text(seconds)} is in another shot; move it there, or to [film]"
            )


@dataclass(frozen=True, slots=True)
class Hints:
    """All that is given for a film."""

    shots: Mapping[int, ShotHints] = field(default_factory=dict)
    """By number."""
    notices: tuple[Notice, ...] = ()
