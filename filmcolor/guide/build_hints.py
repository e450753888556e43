"""Makes the known colours of a film's guided shots before they are coloured: a small second look.

decode -> lightness -> what is given for its frame, carried through the shot -> a file in the folder
                    -> what the reference suggests for a frame a second, carried likewise, below it
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from filmcolor.disk_space import check_scratch
from filmcolor.errors import JobError
from filmcolor.files_read import FilesRead
from filmcolor.film.chain import PlannedFrames
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.geometry import Screen
from filmcolor.guide.hint_file import NAME, KnownFile, write_known
from filmcolor.guide.match import Reference
from filmcolor.guide.propagate import PLACE_BYTES, Anchor, ShotCarry
from filmcolor.guide.reference import read_reference
from filmcolor.guide.user_hints import Hints, ShotHints
from filmcolor.stages.infer import show_lightness
from filmcolor.types import Analyzing, FloatPlane, Shot

_REPORT_SECONDS = 0.2
MATCH_SPACING = 24
"""Frames from one that is matched with a reference to the next, at most."""


def make_known(
    context: FilmContext, film: FilmPlan, given: Hints, screen: Screen, folder: Path
) -> Generator[Analyzing, None, dict[int, Path]]:
    """See that every guided shot has its file in the folder, which is named by its frames and by
    what is given for it; other such files are removed.

    Yields now and then how many frames were looked at; returns the files by number of the shot.
    """
    paths = {
        number: folder / f"known-{number:05}-{_frames(film.shots[number])}-{shot.digest}.colors"
        for number, shot in given.shots.items()
    }
    for path in folder.glob("known-*.colors"):
        if path not in paths.values() and re.fullmatch(NAME, path.name):
            path.unlink(missing_ok=True)
    missing = {number: path for number, path in paths.items() if not _is_whole(path)}
    frames = {number: film.shots[number].stop - film.shots[number].start for number in missing}
    total = sum(frames.values())
    sizes = [carried_bytes(given.shots[n], count, screen.grid) for n, count in frames.items()]
    check_scratch(folder, max(sizes, default=0))
    looked, reported = 0, time.monotonic()
    references: dict[str, Reference] = {}
    with closing(PlannedFrames(context, film)) as source:
        for number, path in missing.items():
            shot, told = film.shots[number], given.shots[number]
            if told.reference is not None and told.reference_digest not in references:
                rgb, _ = read_reference(told.reference, context.files)
                references[told.reference_digest] = Reference(rgb, context.model)
            reference = references.get(told.reference_digest)
            with GuidedShot(shot, told, screen, reference, folder, context.files) as guided:
                for frame in source.between(shot.start, shot.stop):
                    guided.add(show_lightness(frame, context.view, context.model.device))
                    looked += 1
                    if time.monotonic() - reported > _REPORT_SECONDS:
                        reported = time.monotonic()
                        yield Analyzing(looked, total)
                whole = bool(told.stills) or reference is not None
                known = guided.found()
                write_known(path, known, start=shot.start, grid=screen.grid, whole=whole)
    if total:
        yield Analyzing(total, total)
    return paths


def _frames(shot: Shot) -> str:
    return f"{shot.start}-{shot.stop}"


class GuidedShot:
    """Takes the lightness of a shot's frames in order, then tells what is known of each: stills
    and strokes first, below them what the reference suggests. A context manager.
    """

    def __init__(
        self,
        shot: Shot,
        told: ShotHints,
        screen: Screen,
        reference: Reference | None,
        scratch: Path,
        files: FilesRead | None = None,
    ) -> None:
        """Files without a name are kept in the folder `scratch`; `files` knows stills as they were
        when they were found.
        """
        self._files = files
        self._shot, self._told, self._screen = shot, told, screen
        self._reference, self._turns = reference, screen.turns
        count = shot.stop - shot.start
        self._given = {still.frame for still in told.stills} | {n for n, _ in told.strokes}
        self._matched = places_to_match(count)
        self._light: FloatPlane = np.zeros((0, 0), np.float32)
        self._known: ShotCarry | None = None
        self._suggested: ShotCarry | None = None
        with ExitStack() as open_carries:
            if self._given:
                known = ShotCarry(count, screen.grid, self._anchor, scratch)
                self._known = open_carries.enter_context(known)
            if reference is not None:
                suggested = ShotCarry(
                    count, screen.grid, self._suggestion, scratch, reach=MATCH_SPACING
                )
                self._suggested = open_carries.enter_context(suggested)
            self._open = open_carries.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def add(self, lightness: FloatPlane) -> None:
        """Take the lightness (H, W), L*, of the next frame, as it is stored."""
        self._light = lightness
        for carry in (self._known, self._suggested):
            if carry is not None:
                carry.add(lightness)

    def found(self) -> Iterable[Anchor]:
        """What is known of each frame, in order; once, after the last was added."""
        if self._known is None or self._suggested is None:
            carry = self._known or self._suggested
            return () if carry is None else carry.found()
        pairs = zip(self._known.found(), self._suggested.found(), strict=True)
        return (over(known, suggested) for known, suggested in pairs)

    def _anchor(self, place: int, lightness: FloatPlane) -> Anchor | None:
        frame = self._shot.start + place
        if frame not in self._given:
            return None
        return self._told.anchor(self._screen, frame, lightness, self._files)

    def _suggestion(self, place: int, lightness: FloatPlane) -> Anchor | None:
        if self._reference is None or place not in self._matched:
            return None
        return self._reference.guess(self._light, self._screen.grid, self._turns)


def carried_bytes(told: ShotHints, count: int, grid: tuple[int, int]) -> int:
    """What lies on the disk while what a shot of `count` frames is given is carried through it."""
    carries = bool(told.stills or told.strokes) + (told.reference is not None)
    return carries * count * grid[0] * grid[1] * PLACE_BYTES


def places_to_match(count: int) -> set[int]:
    """The frames of a shot of `count` that are matched: its ends, and evenly between."""
    steps = -(-(count - 1) // MATCH_SPACING)
    return {round(n * (count - 1) / max(1, steps)) for n in range(steps + 1)}


def over(upper: Anchor, lower: Anchor) -> Anchor:
    """What is known for certain over what is suggested, as far as the first is believed."""
    rest = (1 - upper.confidence) * lower.confidence
    confidence = upper.confidence + rest
    mixed = upper.ab * upper.confidence + lower.ab * rest
    ab = (mixed / np.maximum(confidence, np.float32(1e-6))).astype(np.float32, copy=False)
    return Anchor(ab, confidence)


def _is_whole(path: Path) -> bool:
    try:
        KnownFile(path)
    except JobError:
        return False
    return True
