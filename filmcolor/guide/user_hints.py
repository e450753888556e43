"""Finds the frames and shots of what people have given for a film: stills, strokes, references.

It decodes no film.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from filmcolor.errors import FilmcolorError, MediaError, OptionError
from filmcolor.events import Notice
from filmcolor.files_read import FilesRead
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.geometry import Screen
from filmcolor.guide.match import is_pale, read_reference
from filmcolor.guide.shot_hints import Hints, ShotHints, ShotOverrides, StillHint, frames_of
from filmcolor.guide.strokes import read_strokes
from filmcolor.guide.times import FilmTimes
from filmcolor.hashing import digest
from filmcolor.media.folders import find_pictures
from filmcolor.media.images.still_file import Rgb, read_still
from filmcolor.options import RunOptions, Stroke
from filmcolor.timecode import seconds_in


def find_hints(
    options: RunOptions,
    film: FilmPlan,
    times: FilmTimes,
    screen: Screen,
    overrides: Mapping[int, ShotOverrides] | None = None,
    files: FilesRead | None = None,
) -> Hints:
    """What `options` give for a film or for a part of it: stills and strokes put to their frames, a
    reference to every shot.

    `overrides` are hints of single shots, by number, in place of those of `options`; `files` takes
    note of all that is read. Raises `OptionError` or `MediaError`, in one line, for what cannot be
    meant.
    """
    finder = _Finder(film, times, screen, files)
    stills: list[StillHint] = []
    if options.stills is not None:
        stills = finder.stills(_in_folder(options.stills))
    strokes: list[tuple[int, Stroke]] = []
    if options.strokes is not None:
        strokes = finder.strokes(options.strokes)
    for number, changed in (overrides or {}).items():
        shot = film.shots[number]
        if changed.stills is not None:
            stills = [still for still in stills if still.frame not in frames_of(shot)]
            stills += finder.stills(changed.stills, changed)
        if changed.strokes is not None:
            strokes = [pair for pair in strokes if pair[0] not in frames_of(shot)]
            strokes += finder.strokes(changed.strokes, changed)
    references = _references(options.reference, len(film.shots), overrides or {}, files)
    notices = finder.notices()
    by_shot: dict[int, ShotHints] = {}
    touched = [*(still.frame for still in stills), *(frame for frame, _ in strokes)]
    for number in sorted({film.shot_at(frame) for frame in touched} | references.keys()):
        frames = frames_of(film.shots[number])
        by_shot[number] = ShotHints(
            number,
            tuple(still for still in stills if still.frame in frames),
            tuple(pair for pair in strokes if pair[0] in frames),
            *references.get(number, (None, "")),
        )
    if by_shot:
        what = f"stills: {len(stills)}, strokes: {len(strokes)}"
        if references:
            names = sorted({path.name for path, _ in references.values()})
            what += f", reference: {', '.join(names)}"
        notices.append(Notice(f"{len(by_shot)} of {len(film.shots)} shots are guided ({what})"))
    return Hints(by_shot, tuple(notices))


def _references(
    named_by: str | None,
    shots: int,
    overrides: Mapping[int, ShotOverrides],
    files: FilesRead | None,
) -> dict[int, tuple[Path, str]]:
    """By number of the shot: its reference, and a digest of it."""
    wanted = {} if named_by is None else dict.fromkeys(range(shots), named_by)
    wanted |= {
        n: changed.reference for n, changed in overrides.items() if changed.reference is not None
    }
    digests = {name: read_reference(name, files)[1] for name in set(wanted.values()) - {""}}
    return {number: (Path(name), digests[name]) for number, name in wanted.items() if name}


def _in_folder(folder: str) -> list[tuple[Path, Fraction | None]]:
    if not Path(folder).is_dir():
        raise OptionError(f"--stills {folder}: no such folder; `filmcolor stills` makes one")
    paths = find_pictures(folder)
    if not paths:
        raise OptionError(f"--stills {folder}: no pictures in it; `filmcolor stills` makes them")
    return [(path, None) for path in paths]


class _Finder:
    """Finds frames of stills and strokes, and counts what is left out."""

    def __init__(
        self, film: FilmPlan, times: FilmTimes, screen: Screen, files: FilesRead | None
    ) -> None:
        self._film, self._times, self._screen, self._files = film, times, screen, files
        self._untouched = 0

    def notices(self) -> list[Notice]:
        """What there is to say of all that was found."""
        found = []
        if self._untouched:
            found.append(Notice(f"stills left out, being as they were written: {self._untouched}"))
        if self._times.outside:
            what = "stills and strokes left out, being outside of the part that is coloured"
            found.append(Notice(f"{what}: {self._times.outside}"))
        return found

    def stills(
        self,
        pictures: Iterable[tuple[Path, Fraction | None]],
        overrides: ShotOverrides | None = None,
    ) -> list[StillHint]:
        """Stills with their frames, in order; of a shot of its own none may be of another."""
        found: dict[int, StillHint] = {}
        for path, seconds in pictures:
            with named("" if overrides is None else overrides.where("stills")):
                still = self._still(path, seconds, overrides)
                if still is None:
                    continue
                if (before := found.get(still.frame)) is not None:
                    raise OptionError(f"{path}: shows the same frame as {before.path}; remove one")
                found[still.frame] = still
        return [found[frame] for frame in sorted(found)]

    def _still(
        self, path: Path, seconds: Fraction | None, overrides: ShotOverrides | None
    ) -> StillHint | None:
        """A still and its frame; None if it is left out."""
        named = seconds_in(path.stem) if seconds is None else seconds
        if named is None:
            way = "" if overrides is None else ", or write { file = ..., at = ... }"
            raise OptionError(
                f"{path}: its name tells no time; call it as `filmcolor stills` does, such as "
                f"00-01-12.400.png{way}"
            )
        try:
            frame = self._times.frame(named)
        except ValueError as error:
            hint = "; its name must be the time of a frame" if seconds is None else ""
            raise OptionError(f"{path}: {error}{hint}") from None
        if overrides is not None:
            overrides.check(str(path), named, frame)
        rgb, as_written = read_still(path, self._files)
        if as_written:
            self._untouched += 1
            return None
        height, width = self._screen.displayed
        rgb = _of_enlarged(rgb, height, width)
        if rgb.shape[:2] != self._screen.displayed:
            raise MediaError(
                f"{path}: {rgb.shape[1]}x{rgb.shape[0]}, but the film is displayed at "
                f"{width}x{height}; save the still at this size"
            )
        if is_pale(self._screen.ab_on_grid(rgb)):
            raise MediaError(f"{path}: has no colour; colour it, or remove it from the folder")
        return None if frame is None else StillHint(frame, path, digest(rgb.tobytes()))

    def strokes(
        self, named_by: str | tuple[Stroke, ...], overrides: ShotOverrides | None = None
    ) -> list[tuple[int, Stroke]]:
        """Strokes with their frames; of a shot of its own none may be of another."""
        found = []
        with named("" if overrides is None else overrides.where("strokes")):
            strokes: Sequence[Stroke] = (
                read_strokes(named_by, self._files) if isinstance(named_by, str) else named_by
            )
            where = f"{named_by}: " if isinstance(named_by, str) else ""
            for number, stroke in enumerate(strokes, 1):
                name = f"{where}stroke {number}"
                try:
                    frame = self._times.frame(stroke.at)
                except ValueError as error:
                    raise OptionError(f"{name}: at: {error}") from None
                if overrides is not None:
                    overrides.check(f"{name}: at", stroke.at, frame)
                try:
                    self._screen.seeds(stroke)
                except ValueError as error:
                    key = "box" if stroke.box else "points"
                    raise OptionError(f"{name}: {key}: {error}") from None
                if frame is not None:
                    found.append((frame, stroke))
        return found


def _of_enlarged(rgb: Rgb, height: int, width: int) -> Rgb:
    """A still of a size that `--upscale` makes of this one, brought back to it; others as is."""
    for factor in (2, 3, 4):
        # Where samples are not square, sides were rounded after they had been multiplied.
        if all(
            abs(a - factor * b) < factor
            for a, b in zip(rgb.shape[:2], (height, width), strict=True)
        ):
            return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return rgb


@contextmanager
def named(where: str) -> Generator[None, None, None]:
    """Put a place before what goes wrong."""
    try:
        yield
    except FilmcolorError as error:
        if not where:
            raise
        raise type(error)(f"{where}: {error}") from error
