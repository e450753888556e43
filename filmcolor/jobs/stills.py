"""One still a shot, in colour, for people to correct: what `run --stills` takes as truth.

Colours are those that a run over the film would give, at full resolution.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from filmcolor.errors import OptionError
from filmcolor.events import Event, Finished, PictureDone, Progress, Started
from filmcolor.film.analyze import analyze_film
from filmcolor.film.chain import color_frames
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.film.setup import open_film, plan_pictures
from filmcolor.guide.geometry import displayed_size
from filmcolor.media.images.still_file import write_still
from filmcolor.media.open import PIPE
from filmcolor.media.partfile import make_folder
from filmcolor.options import RunOptions
from filmcolor.stages.infer import one_thread_each
from filmcolor.timecode import name_of
from filmcolor.types import ColorFrame, Frame, PixelLayout, VideoInfo
from filmcolor.visual.rgb import PictureMaker, Rgb, resized


@dataclass(frozen=True, slots=True)
class Still:
    """What is written of a shot."""

    frame: int
    path: Path


def write_stills(source: str, folder: str, options: RunOptions) -> Generator[Event, None, None]:
    """Write the middle frame of each shot of a film, or of a part of it, in colour, into a folder.

    Yields `Notice`s, `Analyzing`, `Started`, a `PictureDone` and a `Progress` for each, `Finished`.
    A still that is there already is skipped unless `overwrite`, so that corrected ones are safe.
    Raises `FilmcolorError`.
    """
    started = time.monotonic()
    refuse_pipe(source)
    with one_thread_each() as threads:
        context, film = yield from open_shots(source, options, threads)
        with context:
            stills = find_stills(film, context.reader.first_pts(), still_folder(folder))
            yield planned_stills(context, folder, len(stills))
            made = yield from make_stills(context, film, stills, overwrite=options.overwrite)
    yield Finished(
        folder,
        made,
        time.monotonic() - started,
        context.timer.seconds(),
        skipped=len(stills) - made,
        unit="pictures",
    )


def refuse_pipe(source: str) -> None:
    """Raise `OptionError` for a pipe, which cannot be analysed first."""
    if source == PIPE:
        raise OptionError("-: shots are taken from a film file; a pipe cannot be read twice")


def open_shots(
    source: str, options: RunOptions, threads: int
) -> Generator[Event, None, tuple[FilmContext, FilmPlan]]:
    """Open a film and find its shots, to colour stills of them.

    Yields `Notice`s and `Analyzing`. Raises `FilmcolorError`.
    """
    with ExitStack() as stack:
        context, samples = yield from open_film(source, options, plan_pictures, threads=threads)
        del samples
        stack.enter_context(context)
        film = yield from analyze_film(source, context.model, context.view, context.options)
        stack.pop_all()
    return replace(context, stride=1), film


def planned_stills(context: FilmContext, target: str, count: int) -> Started:
    """What is going to be written."""
    height, width = displayed_size(context.made)
    summary = f"{count} shots, {width}x{height}"
    name, engine = context.model.card.name, context.model.engine
    return Started(
        context.source, target, name, context.device, summary, count, "pictures", engine=engine
    )


def make_stills(
    context: FilmContext, film: FilmPlan, stills: Sequence[Still], *, overwrite: bool
) -> Generator[Event, None, int]:
    """Write those that are not there yet, with `overwrite` all; returns their number.

    Yields a `PictureDone` and a `Progress` for each.
    """
    source = context.source
    wanted = [still for still in stills if overwrite or not still.path.exists()]
    colored = color_frames(context, film, [still.frame for still in wanted])
    made = 0
    with closing(colored):
        for number, still in enumerate(stills, 1):
            if still in wanted and write_still(
                still.path, _picture(next(colored), context.made), overwrite=overwrite
            ):
                made += 1
                yield PictureDone(source, str(still.path), "done")
            else:
                yield PictureDone(source, str(still.path), "skipped", "is there already")
            yield Progress(number, len(stills), context.timer.seconds())
    return made


def still_folder(folder: str) -> Path:
    """The folder, made if need be."""
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise OptionError(f"{folder}: is no folder; name one for the stills")
    make_folder(path)
    return path


def find_stills(film: FilmPlan, origin: int, folder: Path) -> list[Still]:
    """The middle frame of each shot; `origin` is the pts of the film's very first frame."""
    found = []
    for number, shot in enumerate(film.shots, 1):
        frame = (shot.start + shot.stop) // 2
        seconds: Fraction = (int(film.pts[frame]) - origin) * film.time_base
        found.append(Still(frame, folder / f"shot-{number:04}_{name_of(seconds)}.png"))
    return found


def _picture(frame: ColorFrame, info: VideoInfo) -> Rgb:
    """A frame with colour at every pixel, as it is displayed."""
    layout = PixelLayout(info.layout.bit_depth, "444")
    square = replace(info, layout=layout, sample_aspect_ratio=Fraction(1))
    shown = Frame(frame.index, frame.pts, frame.luma, chroma=(frame.cb, frame.cr))
    return resized(PictureMaker(square, None, None).picture(shown), displayed_size(info))
