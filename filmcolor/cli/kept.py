"""What a run of several films, of one, or of pictures has left when it ends before its end."""

from __future__ import annotations

from pathlib import Path

from filmcolor.events import Analyzing, Event, FilmDone, PictureDone, Progress, Started

_AGAIN = "the same command goes on from there"


class Kept:
    """Takes note of the events of a run, so that only what is there is said to be kept."""

    def __init__(self) -> None:
        self._work, self._kind = "", "film"
        self._works: set[str] = set()
        self._is_at_work = False
        self._films = self._pictures = 0

    def note(self, event: Event) -> None:
        """An event of the run."""
        match event:
            case Started():
                self._work, self._is_at_work = event.work, False
                self._works.add(event.work)
                self._kind = "film" if event.unit == "frames" else "picture"
            case Analyzing() | Progress():
                self._is_at_work = True
            case PictureDone(status="done"):
                self._pictures += 1
            case FilmDone(status="done"):
                self._films += 1

    def note_work(self, folder: Path) -> None:
        """A folder in which a film is worked on, where no event names it."""
        self._works.add(str(folder))

    def after_a_stop(self) -> str:
        """For people, after Ctrl-C."""
        if self._films or any(map(_has_parts, self._works)):
            return f"what is done is kept; {_AGAIN}."
        if self._pictures:
            return f"the pictures that were done are kept; {_AGAIN}."
        return f"no {self._kind} was written."

    def after_an_error(self) -> str:
        """That a run that failed need not begin anew; empty if it has to."""
        if self._is_at_work and _has_parts(self._work):
            return f"what is done is kept in {self._work}: {_AGAIN}"
        return ""


def _has_parts(work: str) -> bool:
    """Whether a work folder has something of its film."""
    if not work:
        return False
    from filmcolor.segments.unfinished import look_into

    return look_into(Path(work)) is not None
