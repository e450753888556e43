"""Colours a film segment by segment in a work folder, so that a run may stop and go on anywhere.

plan -> segments, each coloured, encoded and entered in the ledger -> joined into the film
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from filmcolor._version import __version__
from filmcolor.disk_space import check_room, least_bytes, missing_room, size_text
from filmcolor.errors import FilmcolorError, JobError
from filmcolor.events import Event, Notice, Progress
from filmcolor.film.analyze import analyze_film, settle_shots
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan, Segment
from filmcolor.guide.build_hints import make_hint_files
from filmcolor.guide.geometry import Screen
from filmcolor.guide.hint_file import HintFiles
from filmcolor.guide.plan_file import PlanFile
from filmcolor.guide.shot_choices import Chosen, choose, segment_settings
from filmcolor.guide.thing_choices import edit_digests, find_edits, with_edits
from filmcolor.guide.thing_hints import said_of_things
from filmcolor.guide.times import FilmTimes
from filmcolor.guide.user_hints import find_hints
from filmcolor.media.write.encoder_input import check_durations
from filmcolor.options import ColorOptions, RunOptions
from filmcolor.options.facts import names_of
from filmcolor.segments.join import is_there, refuse_frames
from filmcolor.segments.lease import Watch
from filmcolor.segments.make import make_segments
from filmcolor.segments.processes import make_with_workers
from filmcolor.segments.workfolder import WorkFolder

SegmentRunner = Callable[[Sequence[Segment]], Generator[Event, None, int]]
"""Makes the segments that are not done, yields events, and returns the number of frames made.
Segments that another process has leased are passed over."""

FilmEnd = Callable[[FilmContext, FilmPlan], Generator[Event, None, int]]
"""Puts a film together whose segments are all done; returns the number of its frames."""

_ADDED_LATER = ("keep_start", "fps", "sound", "audio", "output_chroma", "restore_map")
"""Options that older work folders know nothing of."""
_LONG_LOOK_SECONDS = 60.0
"""An analysis of the film that took so long is kept even if no segment was finished."""
_WAIT_SECONDS = 1.0
"""Between two checks of the segments that other processes have leased."""
_ROUNDS = 3
"""How often segments are taken anew that nobody is at work on and that are still not done."""


def fingerprint(context: FilmContext) -> dict[str, str]:
    """What the work on a film depends on, by names for people."""
    chosen = asdict(context.options)
    for name in names_of(RunOptions, lambda facts: not facts.in_fingerprint):
        chosen[name] = getattr(RunOptions(), name)
    for name in names_of(ColorOptions, lambda facts: not facts.in_fingerprint):
        del chosen["color"][name]
    for name in _ADDED_LATER:
        if chosen[name] == getattr(RunOptions(), name):
            del chosen[name]
    if chosen["color"]["engine"] in ("auto", "torch"):  # as in older work folders
        del chosen["color"]["engine"]
    for name in ("restore", "restore_strength"):  # likewise
        if chosen["color"][name] == getattr(ColorOptions(), name):
            del chosen["color"][name]
    chosen["insisted"] = chosen.pop("explicit_options")  # as plans in older work folders have it
    chosen["target"] = Path(context.output.target).suffix.lower()
    prints = {}
    if context.enlarger is not None and context.enlarger.facts is not None:
        prints["the upscaler"] = context.enlarger.facts.sha256
    return prints | {
        "the film": context.source_print,
        "the model": "" if context.model.facts is None else context.model.facts.sha256,
        "the options": json.dumps(chosen, default=str, sort_keys=True),
        "filmcolor's version": __version__,
        "the kind of device": context.model.device.type,
    }


def color_in_segments(
    context: FilmContext, folder: WorkFolder, plan: PlanFile | None, end: FilmEnd
) -> Generator[Event, None, tuple[int, bool]]:
    """Do what is not done yet, and `end` the film; returns the number of its frames, and True. A
    shard that leaves the rest to others returns what it has done, and False.

    `plan` says what is chosen for its shots; `context` has its choices for the film already. Yields
    `Analyzing`, `Progress` and `Joining`, and a `Notice` when earlier work is gone on with or does
    not fit any more. The folder keeps what is done whatever happens. Raises `FilmcolorError`.
    """
    try:
        return (yield from _color_in_segments(context, folder, plan, end))
    except OSError as error:
        place = error.filename or folder.path
        raise JobError(
            f"{place}: {error.strerror or error}; see to its folder and disk, then run the same "
            "command again"
        ) from error


def _color_in_segments(
    context: FilmContext, folder: WorkFolder, plan: PlanFile | None, end: FilmEnd
) -> Generator[Event, None, tuple[int, bool]]:
    shard = context.options.shard
    if shard is not None:
        yield from _wait_for_lock(folder)
        if not folder.is_alone() or is_there(context, folder):
            return 0, False
    context, film, looked = yield from prepare_segments(context, folder, plan)
    if shard is not None:
        folder.lock.release()
    here = partial(_make_here, context, folder, film)
    made, whole = yield from make_all(folder, film, here, is_shard=shard is not None)
    if shard is not None:
        with suppress(FileNotFoundError):
            whole = whole and folder.lock.take() and not is_there(context, folder)
        if not (whole and folder.is_alone()):
            return made, False
    yield Progress(film.frames, film.frames, context.timer.seconds())
    context.timer.add("plan", looked)
    return (yield from end(context, film)), True


def _wait_for_lock(folder: WorkFolder) -> Generator[Notice, None, None]:
    """Until it is this shard's turn to see to the plan, or the film is whole, its folder gone."""
    is_noticed = False
    with suppress(FileNotFoundError):
        while not folder.lock.take():
            if not is_noticed:
                is_noticed = True
                yield Notice(f"waiting for {folder.lock.holder()}, which analyses this film")
            time.sleep(_WAIT_SECONDS)


def prepare_segments(
    context: FilmContext, folder: WorkFolder, plan: PlanFile | None
) -> Generator[Event, None, tuple[FilmContext, FilmPlan, float]]:
    """See that everything stands in the folder that segments are made from; returns the context
    with what people have said of the film, its plan, and the seconds that it took.
    """
    refuse_frames(context, folder)
    film, looked = yield from _plan(context, folder)
    folder.check_alone()
    check_durations(context.output, film.pts.tolist(), film.lasting)
    folder.keep_plan = looked >= _LONG_LOOK_SECONDS
    context = replace(context, stride=film.stride)
    folder.settings = {}
    chosen = context.options
    given = (plan, chosen.stills, chosen.strokes, chosen.reference)
    if any(each is not None for each in given):
        begun = time.perf_counter()
        context, film = yield from _guided(context, folder, film, plan)
        looked += time.perf_counter() - begun
    refuse_frames(context, folder)  # some may have been given their names with other settings
    if not folder.others():
        folder.check()
    entries = folder.entries().values()
    if entries:
        count = f"{len(entries)} of {len(film.segments())}"
        yield Notice(f"going on with earlier work: {count} parts are done")
    _check_room(context, folder, film, sum(entry.frames for entry in entries))
    return context, film, looked


def make_all(
    folder: WorkFolder, film: FilmPlan, make: SegmentRunner, *, is_shard: bool = False
) -> Generator[Event, None, tuple[int, bool]]:
    """Have every segment made that is not done; returns the number of frames, and whether all are
    done.

    What others are at work on is waited for, until it is done or they have died; but a shard leaves
    it to those that are seen to live.
    """
    segments = film.segments()
    made, rounds, watch = 0, 0, Watch()
    while missing := folder.missing(segments):
        try:
            made += yield from make(missing)
        except (FilmcolorError, OSError):
            if is_shard and folder.is_gone():
                return made, False  # the others were quicker
            raise
        if is_shard and folder.is_gone():
            return made, False
        missing = folder.missing(segments)
        held = folder.held(missing)
        if is_shard and len(held) == len(missing):
            if all([watch.is_alive(lease) for lease in held]):
                return made, not missing
        elif not held:
            rounds += 1
            if rounds >= _ROUNDS and missing:
                raise JobError(f"{folder.path}: some parts are missing; run the same command again")
        if held:
            time.sleep(_WAIT_SECONDS)
    return made, True


def _make_here(
    context: FilmContext, folder: WorkFolder, film: FilmPlan, missing: Sequence[Segment]
) -> Generator[Event, None, int]:
    """Make segments with this machine's means; returns the number of frames."""
    before = sum(entry.frames for entry in folder.entries().values())
    if context.options.workers > 1 and len(missing) > 1:
        yield from make_with_workers(context, folder, film, missing, context.options.workers)
        return max(0, sum(entry.frames for entry in folder.entries().values()) - before)
    made, is_noticed = 0, False
    for made in make_segments(context, folder, film, missing):
        yield Progress(before + made, film.frames, context.timer.seconds())
        if not is_noticed and (warning := _room_warning(context, folder, film)) is not None:
            is_noticed = True
            yield warning
    return made


def _guided(
    context: FilmContext, folder: WorkFolder, film: FilmPlan, plan: PlanFile | None
) -> Generator[Event, None, tuple[FilmContext, FilmPlan]]:
    """The context with what people have said of its shots and colours, made ready in the folder,
    and the film with the shots that they have set.
    """
    info, options = context.reader.info, context.options
    times = FilmTimes(film, context.reader.first_pts(), info.duration)
    screen = Screen.of(info, context.view)
    chosen, edits = Chosen(film.shots), None
    if plan is not None:
        is_part = options.start_seconds is not None or options.duration_seconds is not None
        chosen = choose(plan, options, film, times, is_part=is_part, files=context.files)
        context = replace(context, shot_options=chosen.colors)
        edits = find_edits(plan.things, film, times)
    by_shot = film.revised(chosen.shots, film.drift, {})
    hints = find_hints(options, by_shot, times, screen, chosen.overrides, context.files)
    yield from hints.notices
    cast = film.cast if edits is None else edits.cast
    heard = said_of_things(context, by_shot, hints, screen, cast)
    settled = edited = with_edits(film, edits, heard, chosen.shots, context.shots.tone)
    if plan is not None:
        settled = yield from settle_shots(context, edited, chosen.shots, folder.path)
    chosen = replace(chosen, digests=edit_digests(film, edited, settled, chosen.digests))
    paths = yield from make_hint_files(context, settled, hints, screen, folder.path)
    folder.settings = segment_settings(settled, chosen, hints)
    return replace(context, hint_source=HintFiles(paths, context.shots.tone)), settled


def _frames_left(context: FilmContext, film: FilmPlan) -> int:
    """How many frames the result still takes room for, beside files that are there already."""
    frames = context.output.frames
    there = 0 if frames is None else len(frames.names.numbers())
    return max(0, film.frames - there)


def _check_room(context: FilmContext, folder: WorkFolder, film: FilmPlan, done: int) -> None:
    """Refuse what the disk can certainly not hold."""
    output, encode = context.output, context.options.encode
    if output.frames is not None:
        size = output.frames.least_bytes * output.width * output.height
    else:
        size = least_bytes(
            encode.codec, lossless=encode.lossless, width=output.width, height=output.height
        )
    left, beside = film.frames - done, _frames_left(context, film)
    check_room(folder.path, Path(os.path.realpath(output.target)), left * size, beside * size)


def _room_warning(context: FilmContext, folder: WorkFolder, film: FilmPlan) -> Notice | None:
    """What to say when the film will not fit, going by the parts that are done."""
    entries = folder.recorded().values()
    frames = sum(entry.frames for entry in entries)
    if not frames:
        return None
    size = sum(entry.bytes for entry in entries) / frames
    target = Path(os.path.realpath(context.output.target))
    left = (film.frames - frames) * size
    found = missing_room(folder.path, target, left, _frames_left(context, film) * size)
    if found is None:
        return None
    place, missing = found
    return Notice(
        f"{place}: going by the parts that are done, {size_text(missing)} more will be needed; "
        "make room meanwhile (what is done is kept if it does not suffice)",
        warning=True,
    )


def _plan(
    context: FilmContext, folder: WorkFolder
) -> Generator[Event, None, tuple[FilmPlan, float]]:
    """The plan of earlier work if it still fits, else a new one; and the seconds it took."""
    film, changed = folder.plan()
    if film is not None:
        return film, 0.0
    if changed:
        yield Notice(
            f"earlier work on this film does not fit any more ({', '.join(changed)} changed): "
            "it is done anew"
        )
    begun = time.perf_counter()
    film = yield from analyze_film(
        context.source, context.model, context.view, context.options, context.stride
    )
    folder.begin(film, f"{context.source} -> {context.output.target}")
    return film, time.perf_counter() - begun
