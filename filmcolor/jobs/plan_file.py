"""The plan of a film as a file for people to edit: its shots, and a place for what they choose.

What is written, `run --plan` obeys.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from filmcolor.errors import OptionError
from filmcolor.events import Event, Finished, Notice
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.geometry import Screen
from filmcolor.guide.plan_file import COLOR_KEYS, UPSCALE_KEYS, Choices, PlanFile, PlanShot
from filmcolor.guide.plan_text import write_plan
from filmcolor.guide.plan_things import PlanThing
from filmcolor.guide.thing_list import listed
from filmcolor.guide.times import FilmTimes
from filmcolor.jobs.stills import (
    Still,
    find_stills,
    make_stills,
    open_shots,
    planned_stills,
    refuse_pipe,
    still_folder,
)
from filmcolor.media.partfile import check_target
from filmcolor.options import ColorOptions, RunOptions
from filmcolor.stages.infer import one_thread_each
from filmcolor.timecode import time_text

_ENDS = {
    "cut": "ends with a cut",
    "dissolve": "ends in the middle of a dissolve",
    "fade": "ends in the middle of a fade",
    "end": "ends with the film",
}


def plan_film(source: str, target: str, options: RunOptions) -> Generator[Event, None, None]:
    """Write the plan of a film, or of a part of it, as TOML.

    With `options.stills` also one coloured still a shot into that folder, which the plan names;
    those that are there already are kept. Options of colour that are not at their default go into
    the plan's [film]. Yields `Notice`s, `Analyzing`, for stills what `write_stills` yields, and one
    `Finished`, counted in shots. Raises `FilmcolorError`.
    """
    started = time.monotonic()
    refuse_pipe(source)
    if Path(target).suffix.lower() != ".toml":
        raise OptionError(f"-o {target}: give a name that ends in .toml")
    check_target(target, overwrite=options.overwrite, sources=[source])
    looked = options
    if options.stills is None:  # then nothing is coloured, and no drift has to be known
        looked = replace(options, color=replace(options.color, smooth="none", stride=1))
    with one_thread_each() as threads:
        context, film = yield from open_shots(source, looked, threads)
        with context:
            origin = context.reader.first_pts()
            times = FilmTimes(film, origin, context.reader.info.duration)
            screen = Screen.of(context.reader.info, context.view)
            things = listed(film, times, screen, context.model)
            folder = Path() if options.stills is None else still_folder(options.stills)
            stills = find_stills(film, origin, folder)
            if options.stills is not None:
                yield planned_stills(context, options.stills, len(stills))
                made = yield from make_stills(context, film, stills, overwrite=False)
                kept = len(stills) - made
                yield Notice(f"{options.stills}: {made} stills written, {kept} were there already")
    names = [_seen_from(target, still, options) for still in stills]
    write_found(source, target, film, times, things, names, options)
    seconds = time.monotonic() - started
    yield Finished(target, len(film.shots), seconds, context.timer.seconds(), unit="shots")


def write_found(
    source: str,
    target: str,
    film: FilmPlan,
    times: FilmTimes,
    things: tuple[PlanThing, ...],
    stills: Sequence[str],
    options: RunOptions,
) -> None:
    """Write a plan of the shots that were found in a film, and of the things in them; `stills` are
    names of those that show the shots. Raises as `write_plan`.
    """
    plan = PlanFile(_for_film(options), tuple(_shots(film, times, stills, options)), things=things)
    title = f"The plan of {Path(source).name}, shot by shot ({len(plan.shots)} in all)."
    write_plan(target, plan, title, _command(source, target, options), overwrite=options.overwrite)


def _shots(
    film: FilmPlan, times: FilmTimes, stills: Sequence[str], options: RunOptions
) -> Generator[PlanShot, None, None]:
    end = shortest_time(times, 0)
    for shot, still in zip(film.shots, stills, strict=True):
        start, end = end, shortest_time(times, shot.stop)
        is_cut_off = shot.ends_by == "end" and options.duration_seconds is not None
        why = "ends with the part" if is_cut_off else _ENDS[shot.ends_by]
        yield PlanShot(start, end, ends_by=why, still=still)


def shortest_time(times: FilmTimes, edge: int) -> Fraction:
    """The shortest time, from milliseconds down, whose nearest frame this one is."""
    seconds = times.edge_seconds(edge)
    for digits in (3, 6, 9):
        rounded = Fraction(round(seconds * 10**digits), 10**digits)
        if times.edge(rounded) == edge:
            return rounded
    return seconds


def _for_film(options: RunOptions) -> Choices:
    """What was asked for the whole film."""
    plain = ColorOptions()
    chosen = {
        key: getattr(options.color, key)
        for key in COLOR_KEYS
        if getattr(options.color, key) != getattr(plain, key)
    }
    if options.upscale is not None:
        chosen |= {key: getattr(options, key) for key in UPSCALE_KEYS}
    return Choices(stills=options.stills, **chosen)


def _seen_from(target: str, still: Still, options: RunOptions) -> str:
    """A still's name from the folder of the plan; without a folder of stills, its own."""
    if options.stills is None:
        return still.path.name
    return Path(os.path.relpath(still.path, Path(target).parent)).as_posix()


def _command(source: str, target: str, options: RunOptions) -> str:
    words = ["filmcolor", "run", source, "--plan", target]
    if options.fps is not None:
        words += ["--fps", str(options.fps)]
    if options.start_seconds is not None:
        words += ["--start", time_text(options.start_seconds)]
    if options.duration_seconds is not None:
        words += ["--duration", time_text(options.duration_seconds)]
    if options.deinterlace:
        words.append("--deinterlace")
    return shlex.join([*words, "-o", "color.mp4"])
