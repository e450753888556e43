"""Opens a film to be coloured: what has to be known of it before its first frame is read.

It must not know what is done with the film: whoever opens it says what the result is like.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import fields, replace

import torch

from filmcolor.analysis.survey import SAMPLES, FilmSurvey, survey_film
from filmcolor.events import Notice
from filmcolor.files_read import FilesRead
from filmcolor.film.context import FilmContext, FilmSettings
from filmcolor.film.shot_models import ModelCache
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.timebase import FALLBACK_RATE
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.media.write.plan_output import enlarged_info
from filmcolor.models.device import resolve_device
from filmcolor.options import RunOptions
from filmcolor.stages.upscale import load_enlarger
from filmcolor.stages.view import film_view
from filmcolor.types import Frame, PixelLayout, VideoInfo


def open_film(
    source: str,
    options: RunOptions,
    plan_result: Callable[[VideoInfo, RunOptions], OutputPlan],
    *,
    samples: int = SAMPLES,
    whole_frames: bool = False,
    threads: int = 1,
    source_print: str = "",
    model_cache: ModelCache | None = None,
    files: FilesRead | None = None,
) -> Generator[Notice, None, tuple[FilmContext, list[Frame]]]:
    """Open a film with all that its colouring takes; returns that, and its `samples`.

    `plan_result` says what the result is like. With `whole_frames` those of interlaced film are
    shown as they are, as no film is made of them. `files` takes note of what is read. A stride
    that is to be chosen is 1 so far. Yields what there is to say of the film. Raises
    `FilmcolorError`, for the source, the result, the model and the upscaler, in this order.
    """
    model_cache, files = model_cache or ModelCache(), files or FilesRead()
    with ExitStack() as stack:
        reader = stack.enter_context(FilmReader(source, options.on_error, options.fps))
        info, color = reader.info, options.color
        survey = survey_film(reader, samples)
        device = resolve_device(color.device)
        if options.no_color:  # nothing to steady, nothing to carry
            color = replace(color, stability=0.0, stride=1)
        said = [frame.ancillary.kinds for frame in survey.samples if frame.ancillary is not None]
        output = plan_result(replace(info, ancillary=info.ancillary.union(*said)), options)
        model = model_cache.of_film(color, device)
        files.add(model.facts)
        color = replace(color, precision=model.precision, engine=model.engine)
        options = replace(options, color=color)
        yield from reader.notices
        yield from output.notices
        if model.remark:
            yield Notice(model.remark, warning=True)
        yield from _notices(survey, options)
        shown = replace(options, deinterlace=True) if whole_frames else options
        enlarger = load_enlarger(info, shown, device)
        files.add(None if enlarger is None else enlarger.facts)
        context = FilmContext(
            source=source,
            source_print=source_print,
            device=str(device),
            output=output,
            view=film_view(info, model, survey.box, color),
            stride=1 if color.stride == "auto" else color.stride,
            options=options,
            files=files,
            reader=reader,
            model=model,
            model_cache=model_cache,
            enlarger=enlarger,
            threads=threads,
        )
        stack.pop_all()
    return context, survey.samples


def reopen_film(settings: FilmSettings, model_cache: ModelCache, threads: int) -> FilmContext:
    """Open a film in another process as it was opened in the first; torch is to compute in one
    thread there. Raises `FilmcolorError` where what is read is not the same.
    """
    with ExitStack() as stack:
        chosen = settings.options
        reader = stack.enter_context(FilmReader(settings.source, chosen.on_error, chosen.fps))
        model = model_cache.of_film(settings.options.color, torch.device(settings.device))
        enlarger = load_enlarger(reader.info, settings.options, settings.device)
        settings.files.add(model.facts)
        settings.files.add(None if enlarger is None else enlarger.facts)
        stack.pop_all()
    return FilmContext(
        **{each.name: getattr(settings, each.name) for each in fields(FilmSettings)},
        reader=reader,
        model=model,
        model_cache=model_cache,
        enlarger=enlarger,
        threads=threads,
    )


def plan_pictures(info: VideoInfo, options: RunOptions) -> OutputPlan:
    """For `open_film`: the result are pictures, with colour at every pixel."""
    if options.upscale is not None:
        info = enlarged_info(info, options.upscale)
    return OutputPlan(
        source=info.path,
        target="",
        width=info.width,
        height=info.height,
        layout=PixelLayout(info.layout.bit_depth, "444"),
        source_layout=info.layout,
        tags=info.tags,
        siting="center",
        rate=info.rate or FALLBACK_RATE,
        source_time_base=info.time_base,
        time_base=info.time_base,
    )


def _notices(survey: FilmSurvey, options: RunOptions) -> Iterator[Notice]:
    """What there is to say of a film that is to be coloured so."""
    is_interlaced, box = survey.info.interlaced, survey.box
    if is_interlaced and not options.deinterlace:
        yield Notice(
            "the film is interlaced: its fields are kept, and each is coloured by itself (--stride "
            "2 shows the model every second field only); --deinterlace makes whole frames instead, "
            "which gives up exact luma and every second moment"
        )
    if options.deinterlace and is_interlaced:
        yield Notice(
            "--deinterlace: the two fields of each frame become one whole picture, which gives up "
            "exact luma and every second moment; the number of frames stays",
            warning=True,
        )
    if options.deinterlace and not is_interlaced:
        yield Notice("--deinterlace: the film does not say that it is interlaced", warning=True)
    yield from survey.tag_notices()
    if survey.color == "color":
        yield Notice("the film already has colour: only its luma is used", warning=True)
    elif survey.color == "tinted":
        yield Notice("the film is tinted: the tint is replaced, only its luma is used")
    if box is not None:
        yield Notice(
            f"the picture is {box.size[1]}x{box.size[0]} inside black bars, which stay neutral"
        )
