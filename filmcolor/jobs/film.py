"""Wires the stages into the run of a film, and tells how it goes by yielding events.

    plan    decode -> shots, drift of their palettes        film.analyze
    colour  decode -> infer -> smooth -> compose            film.chain
    keep    encode, segment by segment; join                segments

Decoding runs ahead in one bounded thread, and everything up to composing in another, so that the
encoder, the network and the decoder work side by side. Nothing is printed here, and nothing is
read from disk but through `media`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from filmcolor.errors import NameTakenError, OptionError
from filmcolor.events import Event, Finished, Notice, Progress, Started
from filmcolor.files_read import FilesRead
from filmcolor.film.analyze import analyze_film, needs_look, settle_stride
from filmcolor.film.chain import color_stream
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.film.setup import open_film
from filmcolor.film.shot_models import ModelCache
from filmcolor.guide.match import reference_for
from filmcolor.guide.plan_file import PlanFile, read_plan
from filmcolor.guide.shot_choices import check_names, check_references, with_film
from filmcolor.jobs.restore_map import plan_map, write_map
from filmcolor.jobs.sidecar import check_sidecar, model_label, sidecar_path, write_sidecar
from filmcolor.media.images.sequence import find_sequence
from filmcolor.media.open import PIPE
from filmcolor.media.partfile import make_folder
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.options import RunOptions
from filmcolor.options.facts import named_files
from filmcolor.options.run import GUIDES
from filmcolor.prefetch import prefetch
from filmcolor.segments.join import join_segments
from filmcolor.segments.lease import LeaseKey
from filmcolor.segments.processes import FilmTask
from filmcolor.segments.run import color_in_segments, fingerprint, prepare_segments
from filmcolor.segments.source_fingerprint import source_fingerprint
from filmcolor.segments.workfolder import WorkFolder
from filmcolor.segments.workplace import check_apart, check_place, default_folder
from filmcolor.stages.infer import one_thread_each
from filmcolor.throttle import Throttle
from filmcolor.types import ColorFrame, VideoInfo


def color_film(source: str, target: str, options: RunOptions) -> Generator[Event, None, None]:
    """Colour a film: `source` and `target` are file names, or "-" for Y4M on stdin or stdout.

    Yields `Notice`s and one `Started`, then `Analyzing`, `Progress` and `Joining` a few times a
    second, then one `Finished`. The target appears under its name only when it is whole. From file
    to file, parts that are done when the generator is closed or fails stay in the work folder, for
    the next call with the same arguments; nothing else is left behind. Raises `FilmcolorError`; of
    these, `PipeClosedError` is a normal end: the reader of standard output has gone.
    """
    started = time.monotonic()
    with one_thread_each() as threads:
        context, plan = yield from _open_for_run(source, target, options, ModelCache(), threads)
        with context:
            folder = _work_folder(source, target, options)
            if folder is None:
                done, whole = (yield from _color_at_once(context)), True
            else:
                shard = None if options.shard is None else options.shard[0]
                with WorkFolder(folder, fingerprint(context), shard) as work:
                    end = partial(end_film, work)
                    done, whole = yield from color_in_segments(context, work, plan, end)
    seconds = context.timer.seconds()
    yield Finished(target, done, time.monotonic() - started, seconds, whole=whole)


def prepare_film(
    source: str, target: str, options: RunOptions, model_cache: ModelCache, lease_key: LeaseKey
) -> Generator[Event, None, FilmTask]:
    """Analyse a film whose work folder the process with `lease_key` has entered, and make ready
    what its segments are made from, wherever that will be.

    Yields `Notice`s, a `Started` and `Analyzing`. Raises `FilmcolorError`.
    """
    with one_thread_each() as threads:
        context, plan = yield from _open_for_run(source, target, options, model_cache, threads)
        with context:
            folder = WorkFolder(
                work_folder(target, options), fingerprint(context), lease_key=lease_key
            )
            context, film, _ = yield from prepare_segments(context, folder, plan)
            return FilmTask.of(context, folder, film)


def end_film(
    folder: WorkFolder, context: FilmContext, film: FilmPlan
) -> Generator[Event, None, int]:
    """Put a film together whose segments are all done, remove the work unless it is to be kept,
    and write the sidecar; returns the number of frames.

    Yields `Joining`. Raises `FilmcolorError`.
    """
    keep = context.options.keep_work
    entries = folder.entries().values()
    repaired = {
        kind: sum(getattr(each, kind) for each in entries) for kind in ("dust", "scratches")
    }
    label = model_label(context.model.card, context.options, context.shots)
    try:
        yield from join_segments(context, folder, film, label)
    except NameTakenError:  # the film is whole all the same
        if not keep:
            folder.remove()
        raise
    map_output = plan_map(context.reader.info, context.output.target, context.options)
    if map_output is not None:
        yield from write_map(context, film, map_output)
    if not keep:
        folder.remove()
    if context.options.sidecar and context.model.facts is not None:
        write_sidecar(context, film, repaired)
    return film.frames


def work_folder(target: str, options: RunOptions) -> Path:
    """Where the work on a film is kept."""
    return Path(options.work) if options.work else default_folder(target)


def run_files(source: str, target: str, options: RunOptions) -> list[tuple[str, str | Path]]:
    """The files of a run on a film that its work folder must not hold, each with what it is."""
    files: list[tuple[str, str | Path]] = [("the source", source), ("the result", target)]
    if options.sidecar:
        files.append(("its sidecar", sidecar_path(target)))
    for chosen in (options, options.color):
        files += [(what, file) for _, what, file in named_files(chosen)]
    return [(what, file) for what, file in files if file != PIPE]


def _work_folder(source: str, target: str, options: RunOptions) -> Path | None:
    return None if PIPE in (source, target) else work_folder(target, options)


def _open_for_run(
    source: str, target: str, options: RunOptions, model_cache: ModelCache, threads: int
) -> Generator[Event, None, tuple[FilmContext, PlanFile | None]]:
    """Everything that is decided about a film before it is analysed."""
    files, plan = FilesRead(), None
    # A pipe has none, nor has what will be refused.
    is_whole = os.path.isfile(source) or find_sequence(source) is not None
    film_print = source_fingerprint(source) if is_whole else ""
    if options.plan is not None:
        plan = read_plan(options.plan, files)
        options = with_film(options, plan)
        check_names(plan, options, files)
    folder = _work_folder(source, target, options)
    if folder is not None:
        check_apart([folder], run_files(source, target, options))

    def plan_result(info: VideoInfo, options: RunOptions) -> OutputPlan:
        output = plan_output(info, target, options)
        if output.frames is not None:
            for name in filter(None, (target, options.sound)):
                make_folder(Path(name).parent)
        if folder is not None:
            check_place(folder)
        if options.sidecar:
            check_sidecar(source, target, overwrite=options.overwrite)
        _refuse_pipe(folder, options)
        plan_map(info, target, options)
        return output

    context, samples = yield from open_film(
        source,
        options,
        plan_result,
        threads=threads,
        source_print=film_print,
        model_cache=model_cache,
        files=files,
    )
    frames = context.output.frames
    if frames is not None:
        labelled = replace(
            frames, label=model_label(context.model.card, context.options, context.shots)
        )
        context = replace(context, output=replace(context.output, frames=labelled))
    try:
        model, info = context.model, context.reader.info
        reference_for(options.reference, model, files)  # refused now rather than after the look
        if plan is not None:
            check_references(plan, model, files)
        yield Started(
            source,
            target,
            model.card.name,
            context.device,
            context.output.summary,
            info.expected_frames(options.start_seconds, options.duration_seconds),
            work=str(folder or ""),
            engine=model.engine,
        )
        if context.options.color.stride == "auto":
            stride = settle_stride(samples, model, context.view, context.options.color)
            context = replace(context, stride=stride)
            yield Notice(f"--stride auto: the model sees {_every(context.stride)} frame of a shot")
    except BaseException:
        context.reader.close()
        raise
    return context, plan


def _refuse_pipe(folder: Path | None, options: RunOptions) -> None:
    """Raise `OptionError` for options that need a work folder, where there is none."""
    if folder is not None:
        return
    for name in ("plan", *GUIDES):
        if getattr(options, name) is not None:
            raise OptionError(f"--{name}: needs files on both sides; a pipe is not analysed first")
    if options.shard is not None:
        raise OptionError("--shard: needs files on both sides, in a folder that all see")


def _color_at_once(context: FilmContext) -> Generator[Event, None, int]:
    """Colour a film in one pass, from or to a pipe; returns the number of frames."""
    reader, options = context.reader, context.options
    film: FilmPlan | None = None
    seen, looked, done = len(reader.notices), 0.0, 0
    total = reader.info.expected_frames(options.start_seconds, options.duration_seconds)
    if needs_look(context.model, options.color) and not reader.info.is_pipe:
        begun = time.perf_counter()
        film = yield from analyze_film(
            context.source, context.model, context.view, options, context.stride
        )
        looked = time.perf_counter() - begun
        total = film.frames
    for done in _write_frames(color_stream(context, film), context):
        yield Progress(done, total, context.timer.seconds())
    context.timer.add("plan", looked)
    if film is None:
        yield from reader.notices[seen:]
    return done


def _every(stride: int) -> str:
    return {1: "every", 2: "every second", 3: "every third"}.get(stride, f"every {stride}th")


def _write_frames(
    frames: Generator[ColorFrame, None, None], context: FilmContext
) -> Generator[int, None, None]:
    """Write the film while its frames are made ahead; yields the count now and then."""
    done, is_due = 0, Throttle()
    label = model_label(context.model.card, context.options, context.shots)
    with (
        FilmWriter(context.output, label=label) as writer,
        closing(prefetch(frames, context.queue_depth)) as ready,
    ):
        for frame in ready:
            begun = time.perf_counter()
            writer.write(frame)
            context.timer.add("encode", time.perf_counter() - begun)
            done += 1
            if is_due():
                yield done
        begun = time.perf_counter()
        writer.finish()
        context.timer.add("encode", time.perf_counter() - begun)
    yield done
