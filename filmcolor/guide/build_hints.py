"""Makes the hint files of a film's guided shots before they are coloured, in a second pass.

decode -> lightness -> what is given for its frame, carried through the shot -> a file in the folder
                    -> what the reference suggests for a frame a second, carried likewise, below it
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

import numpy as np

from filmcolor.disk_space import check_scratch
from filmcolor.errors import JobError
from filmcolor.events import Analyzing
from filmcolor.files_read import FilesRead
from filmcolor.film.chain import PlannedFrames
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.geometry import Screen
from filmcolor.guide.hint_file import NAME, HintFile, write_hint_file
from filmcolor.guide.match import Reference, read_reference
from filmcolor.guide.propagate import PLACE_BYTES, Anchor, ShotCarry
from filmcolor.guide.shot_hints import Hints, ShotHints
from filmcolor.stages.infer import show_lightness
from filmcolor.throttle import Throttle
from filmcolor.types import FloatPlane, Shot

MATCH_SPACING = 24
"""Frames from one that is matched with a reference to the next, at most."""


def make_hint_files(
    context: FilmContext, film: FilmPlan, film_hints: Hints, screen: Screen, folder: Path
) -> Generator[Analyzing, None, dict[int, Path]]:
    """See that every guided shot has its file in the folder, which is named by its frames and by
    what is given for it; other such files are removed.

    Yields now and then how many frames were looked at; returns the files by number of the shot.
    """
    paths = {
        number: folder / f"known-{number:05}-{_frames(film.shots[number])}-{shot.digest}.colors"
        for number, shot in film_hints.shots.items()
    }
    for path in folder.glob("known-*.colors"):
        if path not in paths.values() and re.fullmatch(NAME, path.name):
            path.unlink(missing_ok=True)
    missing = {number: path for number, path in paths.items() if not _is_whole(path)}
    frames = {number: film.shots[number].stop - film.shots[number].start for number in missing}
    total = sum(frames.values())
    sizes = [carried_bytes(film_hints.shots[n], count, screen.grid) for n, count in frames.items()]
    check_scratch(folder, max(sizes, default=0))
    seen, is_due = 0, Throttle()
    references: dict[str, Reference] = {}
    with closing(PlannedFrames(context, film)) as source:
        for number, path in missing.items():
            shot, hints = film.shots[number], film_hints.shots[number]
            if hints.reference is not None and hints.reference_digest not in references:
                rgb, _ = read_reference(hints.reference, context.files)
                references[hints.reference_digest] = Reference(rgb, context.model)
            reference = references.get(hints.reference_digest)
            with GuidedShot(shot, hints, screen, reference, folder, context.files) as guided:
                for frame in source.between(shot.start, shot.stop):
                    guided.add(show_lightness(frame, context.view, context.model.device))
                    seen += 1
                    if is_due():
                        yield Analyzing(seen, total)
                whole = bool(hints.stills) or reference is not None
                carried = guided.found()
                write_hint_file(path, carried, start=shot.start, grid=screen.grid, whole=whole)
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
        hints: ShotHints,
        screen: Screen,
        reference: Reference | None,
        scratch: Path,
        files: FilesRead | None = None,
    ) -> None:
        """Files without a name are kept in the folder `scratch`; `files` knows stills as they were
        when they were found.
        """
        self._files = files
        self._shot, self._hints, self._screen = shot, hints, screen
        self._reference, self._turns = reference, screen.turns
        count = shot.stop - shot.start
        self._hinted = {still.frame for still in hints.stills} | {n for n, _ in hints.strokes}
        self._matched = places_to_match(count)
        self._light: FloatPlane = np.zeros((0, 0), np.float32)
        self._carried: ShotCarry | None = None
        self._suggested: ShotCarry | None = None
        with ExitStack() as open_carries:
            if self._hinted:
                carried = ShotCarry(count, screen.grid, self._anchor, scratch)
                self._carried = open_carries.enter_context(carried)
            if reference is not None:
                suggested = ShotCarry(
                    count, screen.grid, self._suggestion, scratch, reach=MATCH_SPACING
                )
                self._suggested = open_carries.enter_context(suggested)
            self._open = open_carries.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, lightness: FloatPlane) -> None:
        """Take the lightness (H, W), L*, of the next frame, as it is stored."""
        self._light = lightness
        for carry in (self._carried, self._suggested):
            if carry is not None:
                carry.add(lightness)

    def found(self) -> Iterable[Anchor]:
        """What is known of each frame, in order; once, after the last was added."""
        if self._carried is None or self._suggested is None:
            carry = self._carried or self._suggested
            return () if carry is None else carry.found()
        pairs = zip(self._carried.found(), self._suggested.found(), strict=True)
        return (over(carried, suggested) for carried, suggested in pairs)

    def _anchor(self, place: int, lightness: FloatPlane) -> Anchor | None:
        frame = self._shot.start + place
        if frame not in self._hinted:
            return None
        return self._hints.anchor(self._screen, frame, lightness, self._files)

    def _suggestion(self, place: int, lightness: FloatPlane) -> Anchor | None:
        if self._reference is None or place not in self._matched:
            return None
        return self._reference.guess(self._light, self._screen.grid, self._turns)


def carried_bytes(hints: ShotHints, count: int, grid: tuple[int, int]) -> int:
    """What lies on the disk while what a shot of `count` frames is given is carried through it."""
    carries = bool(hints.stills or hints.strokes) + (hints.reference is not None)
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
        HintFile(path)
    except JobError:
        return False
    return True
