"""Makes the known colours of a film's guided shots before they are coloured: a small second look.

decode -> lightness -> what is given for its frame, carried through the shot -> a file in the folder
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

from filmcolor.errors import JobError
from filmcolor.film_stages import Coloring, PlannedFrames
from filmcolor.guide.carry import Anchor, carry
from filmcolor.guide.given import Given, GivenShot
from filmcolor.guide.known_file import KnownFile, write_known
from filmcolor.guide.screen import Screen
from filmcolor.infer import show_lightness
from filmcolor.job import FilmPlan
from filmcolor.types import Field, Looking

_REPORT_SECONDS = 0.2


def make_known(
    job: Coloring, film: FilmPlan, given: Given, screen: Screen, folder: Path
) -> Generator[Looking, None, dict[int, Path]]:
    """See that every guided shot has its file in the folder, which is named by what is given for
    it; other such files are removed.

    Yields now and then how many frames were looked at; returns the files by number of the shot.
    """
    paths = {
        number: folder / f"known-{number:05}-{shot.digest}.colors"
        for number, shot in given.shots.items()
    }
    for path in folder.glob("known-*.colors"):
        if path not in paths.values():
            path.unlink(missing_ok=True)
    missing = {number: path for number, path in paths.items() if not _is_whole(path)}
    shots = {number: film.shots[number] for number in missing}
    total = sum(shot.stop - shot.start for shot in shots.values())
    looked, reported = 0, time.monotonic()
    with closing(PlannedFrames(job, film)) as source:
        for number, shot in shots.items():

            def lights(start: int = shot.start, stop: int = shot.stop) -> Iterator[Field]:
                nonlocal looked
                for frame in source.between(start, stop):
                    looked += 1
                    yield show_lightness(frame, job.view, job.model.device)

            colors = _carried(given.shots[number], screen, film, lights(), folder)
            kept = []
            for each in colors:
                kept.append(each)
                if time.monotonic() - reported > _REPORT_SECONDS:
                    reported = time.monotonic()
                    yield Looking(looked, total)
            whole = bool(given.shots[number].stills)
            write_known(missing[number], kept, start=shot.start, grid=screen.grid, whole=whole)
    if total:
        yield Looking(total, total)
    return paths


def _carried(
    given: GivenShot, screen: Screen, film: FilmPlan, lights: Iterator[Field], folder: Path
) -> Generator[Anchor, None, None]:
    shot = film.shots[given.shot]

    def anchor_at(place: int, lightness: Field) -> Anchor | None:
        return given.anchor(screen, shot.start + place, lightness)

    return carry(lights, shot.stop - shot.start, screen.grid, anchor_at, folder)


def _is_whole(path: Path) -> bool:
    try:
        KnownFile(path)
    except JobError:
        return False
    return True
