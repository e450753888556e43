"""Wires the stages into the job of a film, and tells how it goes by yielding events.

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
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from filmcolor.analysis.letterbox import find_picture_box
from filmcolor.color import resolve_tags
from filmcolor.errors import NameTakenError, OptionError
from filmcolor.events import Event, Finished, Notice, Progress, Started
from filmcolor.files_read import FilesRead
from filmcolor.film.analyze import analyze_film, settle_stride
from filmcolor.film.chain import FilmContext, StageClock, color_stream
from filmcolor.film.plan import FilmPlan
from filmcolor.film.shot_models import ModelShelf
from filmcolor.guide.match import reference_for
from filmcolor.guide.plan_file import PlanFile, read_plan
from filmcolor.guide.shot_choices import check_names, check_references, with_film
from filmcolor.jobs.sidecar import (
    check_sidecar,
    model_label,
    read_facts,
    sidecar_path,
    write_sidecar,
)
from filmcolor.media.open import PIPE
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.read.probe import has_color, refuse_hdr
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.models.device import resolve_device
from filmcolor.options import ColorOptions, RunOptions
from filmcolor.prefetch import prefetch
from filmcolor.segments.lease import Claim
from filmcolor.segments.processes import FilmTask
from filmcolor.segments.run import color_in_segments, fingerprint, prepare_segments
from filmcolor.segments.source_fingerprint import SourceWatch, source_fingerprint
from filmcolor.segments.workfolder import WorkFolder, default_folder
from filmcolor.segments.workplace import check_apart, check_place
from filmcolor.stages.infer import one_thread_each
from filmcolor.stages.upscale import load_enlarger
from filmcolor.stages.view import film_view
from filmcolor.throttle import Throttle
from filmcolor.types import ColorFrame, Frame, VideoInfo

_SAMPLES = 24
"""Frames looked at before the run: for letterbox bars and for colour that is already there."""


def color_film(source: str, target: str, options: RunOptions) -> Generator[Event, None, None]:
    """Colour a film: `source` and `target` are file names, or "-" for Y4M on stdin or stdout.

    Yields `Notice`s and one `Started`, then `Analyzing`, `Progress` and `Joining` a few times a
    second, then one `Finished`. The target appears under its name only when it is whole. From file
    to file, parts that are done when the generator is closed or fails stay in the work folder, for
    the next call with the same arguments; nothing else is left behind. Raises `FilmcolorError`; of
    these, `PipeClosedError` is a normal end: the reader of standard output has gone.
    """
    started = time.monotonic()
    files, film_print = FilesRead(), _print_of(source)
    plan, options = _with_plan(options, files)
    with one_thread_each() as lanes, FilmReader(source, options.on_error) as reader:
        job = yield from _open_job(reader, film_print, target, options, plan, ModelShelf(), files)
        job = replace(job, lanes=lanes)
        options = job.options
        told = len(reader.notices)
        done, whole, looked = 0, True, 0.0
        folder = _work_folder(reader.info, target, options)
        if folder is not None:
            shard = None if options.shard is None else options.shard[0]
            with WorkFolder(folder, fingerprint(job), shard) as work:
                label = model_label(job.model.card, options)
                try:
                    done, whole = yield from color_in_segments(job, work, label, plan)
                except NameTakenError:  # the film is whole all the same
                    if not options.keep_work:
                        work.remove()
                    raise
                if whole and not options.keep_work:
                    work.remove()
        else:
            film: FilmPlan | None = None
            total = reader.info.expected_frames(options.start_seconds, options.duration_seconds)
            if _looks_ahead(options.color) and not reader.info.is_pipe:
                begun = time.perf_counter()
                film = yield from analyze_film(source, job.model, job.view, options, job.stride)
                looked = time.perf_counter() - begun
                total = film.frames
            for done in _write_frames(color_stream(job, film), job):
                yield Progress(done, total, job.clock.seconds())
            job.clock.add("plan", looked)
            if film is None:
                yield from reader.notices[told:]
        if whole:
            write_facts(job, done)
    seconds = job.clock.seconds()
    yield Finished(target, done, time.monotonic() - started, seconds, whole=whole)


def prepare_film(
    source: str, target: str, options: RunOptions, shelf: ModelShelf, claim: Claim
) -> Generator[Event, None, FilmTask]:
    """Look through a film whose work folder another process has entered, which `claim` is of, and
    make ready what its segments are made from, wherever that will be.

    Yields `Notice`s, a `Started` and `Analyzing`. Raises `FilmcolorError`.
    """
    files, film_print = FilesRead(), _print_of(source)
    plan, options = _with_plan(options, files)
    with one_thread_each(), FilmReader(source, options.on_error) as reader:
        job = yield from _open_job(reader, film_print, target, options, plan, shelf, files)
        place = work_folder(target, options)
        folder = WorkFolder(place, fingerprint(job), claim=claim)
        job, film, _ = yield from prepare_segments(job, folder, plan)
        return FilmTask.of(job, folder, film)


def write_facts(job: FilmContext, frames: int) -> None:
    """Write what was done beside the finished film, if that is asked for."""
    if not job.options.sidecar or job.model.facts is None:
        return
    source = read_facts(job.reader.info.path)
    SourceWatch(job.reader.info.path, job.film_print).check()
    write_sidecar(
        source,
        read_facts(job.output.target),
        card=job.model.card,
        model=job.model.facts,
        options=job.options,
        device=str(job.model.device),
        encoding=job.output.summary,
        frames=frames,
        given=job.files.without(job.model.facts),
    )


def _with_plan(options: RunOptions, files: FilesRead) -> tuple[PlanFile | None, RunOptions]:
    """The plan file that the options name, and the options with what it has for the film."""
    plan = None if options.plan is None else read_plan(options.plan, files)
    if plan is not None:
        options = with_film(options, plan)
        check_names(plan, options, files)
    return plan, options


def _print_of(source: str) -> str:
    """What tells a film from another, before it is opened; nothing for a pipe, and for what will be
    refused.
    """
    return source_fingerprint(source) if os.path.isfile(source) else ""


def work_folder(target: str, options: RunOptions) -> Path:
    """Where the work on a film is kept."""
    return Path(options.work) if options.work else default_folder(target)


def run_files(source: str, target: str, options: RunOptions) -> list[tuple[str, str | Path]]:
    """The files of a run on a film that its work folder must not hold, each with what it is."""
    model = options.color.model
    strokes = options.strokes if isinstance(options.strokes, str) else None
    files = [
        ("the source", source),
        ("the result", target),
        ("its sidecar", sidecar_path(target) if options.sidecar else None),
        ("the plan", options.plan),
        ("the folder of stills", options.stills),
        ("the file of strokes", strokes),
        ("the reference", options.reference),
        ("the model", model if model.endswith(".safetensors") else None),
        ("the upscaler", options.upscale_model),
    ]
    return [(what, file) for what, file in files if file is not None and file != PIPE]


def _work_folder(info: VideoInfo, target: str, options: RunOptions) -> Path | None:
    return None if info.is_pipe or target == PIPE else work_folder(target, options)


def _open_job(
    reader: FilmReader,
    film_print: str,
    target: str,
    options: RunOptions,
    plan: PlanFile | None,
    shelf: ModelShelf,
    files: FilesRead,
) -> Generator[Event, None, FilmContext]:
    """Everything that is settled of a film before it is looked through; `files` takes note of what
    is read.
    """
    info = reader.info
    folder = _work_folder(info, target, options)
    if folder is not None:
        check_apart([folder], run_files(info.path, target, options))
    device = resolve_device(options.color.device)
    if options.no_color:  # nothing to steady, nothing to carry
        options = replace(options, color=replace(options.color, stability=0.0, stride=1))
    refuse_hdr(info)
    output = plan_output(info, target, options)
    if folder is not None:
        check_place(folder)
    if options.sidecar:
        check_sidecar(info.path, target, overwrite=options.overwrite)
    model = shelf.of_film(options.color, device)
    files.add(model.facts)
    options = replace(options, color=replace(options.color, precision=model.precision))
    samples = reader.sample(_SAMPLES)
    yield from reader.notices
    yield from output.notices
    yield from _film_notices(info, samples, options)
    guided = [
        name
        for name, value in (
            ("--plan", options.plan),
            ("--stills", options.stills),
            ("--strokes", options.strokes),
            ("--reference", options.reference),
        )
        if value is not None
    ]
    if guided and folder is None:
        raise OptionError(f"{guided[0]}: needs files on both sides; a pipe is not looked through")
    reference_for(options.reference, model, files)  # refused now rather than after the look
    if plan is not None:
        check_references(plan, model, files)
    if options.shard is not None and folder is None:
        raise OptionError("--shard: needs files on both sides, in a folder that all see")
    yield Started(
        info.path,
        target,
        model.card.name,
        str(device),
        output.summary,
        info.expected_frames(options.start_seconds, options.duration_seconds),
        work=str(folder or ""),
    )
    tags = resolve_tags(info.tags, info.height)
    box = find_picture_box(samples, info.layout, bool(tags.full_range), interlaced=info.interlaced)
    if box is not None:
        yield Notice(
            f"the picture is {box.size[1]}x{box.size[0]} inside black bars, which stay neutral"
        )
    view = film_view(info, model, box, options.color)
    if options.color.stride == "auto":
        stride = settle_stride(samples, model, view)
        yield Notice(f"--stride auto: the model sees {_every(stride)} frame of a shot")
    else:
        stride = options.color.stride
    enlarger = load_enlarger(info, options, device)
    files.add(None if enlarger is None else enlarger.facts)
    return FilmContext(
        reader,
        output,
        model,
        view,
        stride,
        options,
        StageClock(),
        shelf=shelf,
        enlarger=enlarger,
        files=files,
        film_print=film_print,
    )


def _looks_ahead(options: ColorOptions) -> bool:
    """Whether colours are steadied by what only a look at the whole film can tell."""
    return options.smooth == "flow" and options.stability > 0


def _every(stride: int) -> str:
    return {1: "every", 2: "every second", 3: "every third"}.get(stride, f"every {stride}th")


def _write_frames(
    frames: Generator[ColorFrame, None, None], job: FilmContext
) -> Generator[int, None, None]:
    """Write the film while its frames are made ahead; yields the count now and then."""
    done, is_due = 0, Throttle()
    with (
        FilmWriter(job.output, label=model_label(job.model.card, job.options)) as writer,
        closing(prefetch(frames, job.queue_depth)) as ready,
    ):
        for frame in ready:
            begun = time.perf_counter()
            writer.write(frame)
            job.clock.add("encode", time.perf_counter() - begun)
            done += 1
            if is_due():
                yield done
        begun = time.perf_counter()
        writer.finish()
        job.clock.add("encode", time.perf_counter() - begun)
    yield done


def _film_notices(info: VideoInfo, samples: list[Frame], options: RunOptions) -> Iterator[Notice]:
    if info.interlaced and not options.deinterlace:
        yield Notice(
            "the film is interlaced: its fields are kept, and each is coloured by itself (--stride "
            "2 shows the model every second field only); --deinterlace makes whole frames instead, "
            "which gives up exact luma and every second moment"
        )
    if options.deinterlace and info.interlaced:
        yield Notice(
            "--deinterlace: the two fields of each frame become one whole picture, which gives up "
            "exact luma and every second moment; the number of frames stays",
            warning=True,
        )
    if options.deinterlace and not info.interlaced:
        yield Notice("--deinterlace: the film does not say that it is interlaced", warning=True)
    if info.tags.matrix in (0, 2, 3):
        matrix = "BT.601" if resolve_tags(info.tags, info.height).matrix == 6 else "BT.709"
        yield Notice(f"the film does not say its colour matrix: taken as {matrix} from its height")
    state = has_color(samples, info.layout)
    if state == "color":
        yield Notice("the film already has colour: only its luma is used", warning=True)
    elif state == "tinted":
        yield Notice("the film is tinted: the tint is replaced, only its luma is used")
