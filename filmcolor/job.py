"""What is settled about a film before it is coloured, and holds however the work is divided."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace

from filmcolor.errors import JobError
from filmcolor.palette import Drift
from filmcolor.types import Frame, Shot


@dataclass(frozen=True, slots=True)
class FilmPlan:
    """The shots of a film, one after another from frame 0 on, and the drift of their palettes."""

    shots: tuple[Shot, ...]
    drift: Drift = field(default_factory=Drift)

    @property
    def frames(self) -> int:
        """How many frames the film has."""
        return self.shots[-1].stop if self.shots else 0

    def mark(self, frames: Iterable[Frame]) -> Generator[Frame, None, None]:
        """Yield the same frames, in order, with their shot and their place in it.

        Raises `JobError` if they are not as many as the plan was made from.
        """
        source = iter(frames)
        for number, shot in enumerate(self.shots):
            for index in range(shot.start, shot.stop):
                frame = next(source, None)
                if frame is None:
                    raise JobError(_changed(index, self.frames))
                yield replace(frame, shot=number, place=index - shot.start)
        if next(source, None) is not None:
            raise JobError(_changed(self.frames + 1, self.frames))


def _changed(found: int, planned: int) -> str:
    count = f"{found} frames" if found < planned else f"more than {planned} frames"
    return (
        f"the film gives {count}, but had {planned} when it was looked through: was it changed "
        "meanwhile? Run the same command again"
    )
