"""Makes the known colours of a film's guided shots before they are coloured: a small second look.

decode -> lightness -> what is given for its frame, carried through the shot -> a file in the folder
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from filmcolor.errors import JobError
from filmcolor.film_stages import Coloring, PlannedFrames
from filmcolor.guide.carry import Anchor, ShotCarry
from filmcolor.guide.given import Given, GivenShot
from filmcolor.guide.known_file import KnownFile, write_known
from filmcolor.guide.screen import Screen
from filmcolor.infer import show_lightness
from filmcolor.job import FilmPlan
from filmcolor.types import Field, Looking, Shot

_REPORT_SECONDS = 0.2


def make_known(
    job: Coloring, film: FilmPlan, given: Given, screen: Screen, folder: Path
) -> Generator[Looking, None, dict[int, Path]]:
    """See that every guided shot has its file in the folder, which is named by its frames and by
    what is given for it; other such files are removed.

    Yields now and then how many frames were looked at; returns the files by number of the shot.
    """
    paths = {
        number: folder / f"known-{number:05}-{_frames(film.shots[number])}-{shot.digest}.colors"
        for number, shot in given.shots.items()
    }
    for path in folder.glob("known-*.colors"):
        if path not in paths.values():
            path.unlink(missing_ok=True)
    missing = {number: path for number, path in paths.items() if not _is_whole(path)}
    total = sum(film.shots[number].stop - film.shots[number].start for number in missing)
    looked, reported = 0, time.monotonic()
    with closing(PlannedFrames(job, film)) as source:
        for number, path in missing.items():
            shot, told = film.shots[number], given.shots[number]

            def anchor_at(
                place: int, lightness: Field, told: GivenShot = told, start: int = shot.start
            ) -> Anchor | None:
                return told.anchor(screen, start + place, lightness)

            with ShotCarry(shot.stop - shot.start, screen.grid, anchor_at, folder) as carried:
                for frame in source.between(shot.start, shot.stop):
                    carried.add(show_lightness(frame, job.view, job.model.device))
                    looked += 1
                    if time.monotonic() - reported > _REPORT_SECONDS:
                        reported = time.monotonic()
                        yield Looking(looked, total)
                known = carried.found()
                whole = bool(told.stills)
                write_known(path, known, start=shot.start, grid=screen.grid, whole=whole)
    if total:
        yield Looking(total, total)
    return paths


def _frames(shot: Shot) -> str:
    return f"{shot.start}-{shot.stop}"


def _is_whole(path: Path) -> bool:
    try:
        KnownFile(path)
    except JobError:
        return False
    return True
