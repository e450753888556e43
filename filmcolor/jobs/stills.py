"""One still a shot, in colour, for people to correct: what `run --stills` takes as truth.

Colours are those that a run over the film would give, at full resolution.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from filmcolor.analysis.letterbox import find_picture_box
from filmcolor.color import chroma_to_rgb, normalize_chroma, normalize_luma, resolve_tags
from filmcolor.errors import JobError, OptionError
from filmcolor.events import Event, Finished, PictureDone, Progress, Started
from filmcolor.film.analyze import analyze_film
from filmcolor.film.chain import FilmContext, StageClock, color_frames
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.geometry import displayed_size
from filmcolor.media.images.still_file import write_still
from filmcolor.media.open import PIPE
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.read.probe import refuse_hdr
from filmcolor.media.timebase import FALLBACK_RATE
from filmcolor.media.write.film_writer import OutputPlan
from filmcolor.media.write.plan_output import enlarged_info
from filmcolor.models.checkpoint import load_generator
from filmcolor.models.device import resolve_device
from filmcolor.options import RunOptions
from filmcolor.stages.infer import one_thread_each
from filmcolor.stages.upscale import load_enlarger
from filmcolor.stages.view import film_view
from filmcolor.timecode import name_of
from filmcolor.types import ColorFrame, PixelLayout, VideoInfo

_SAMPLES = 24


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
    with one_thread_each(), FilmReader(source, options.on_error) as reader:
        job, film = yield from look_at_shots(reader, options)
        stills = find_stills(film, reader.first_pts(), still_folder(folder))
        yield planned_stills(job, folder, len(stills))
        made = yield from make_stills(job, film, stills, overwrite=options.overwrite)
    yield Finished(
        folder,
        made,
        time.monotonic() - started,
        job.clock.seconds(),
        skipped=len(stills) - made,
        unit="pictures",
    )


def refuse_pipe(source: str) -> None:
    """Raise `OptionError` for what cannot be looked through first."""
    if source == PIPE:
        raise OptionError("-: shots are taken from a film file; a pipe cannot be read twice")


def look_at_shots(
    reader: FilmReader, options: RunOptions
) -> Generator[Event, None, tuple[FilmContext, FilmPlan]]:
    """Find the shots of a film, and what it takes to colour stills of them.

    Yields `Notice`s and `Analyzing`. Raises `FilmcolorError`.
    """
    info = reader.info
    device = resolve_device(options.color.device)
    refuse_hdr(info)
    model = load_generator(options.color.model, device, options.color.look, options.color.precision)
    samples = reader.sample(_SAMPLES)
    yield from reader.notices
    tags = resolve_tags(info.tags, info.height)
    box = find_picture_box(samples, info.layout, bool(tags.full_range), interlaced=info.interlaced)
    view = film_view(info, model, box, options.color)
    enlarger = load_enlarger(info, options, device)
    film = yield from analyze_film(info.path, model, view, options)
    output = _output(info if enlarger is None else enlarged_info(info, enlarger.factor))
    clock = StageClock()
    return FilmContext(reader, output, model, view, 1, options, clock, enlarger=enlarger), film


def planned_stills(job: FilmContext, target: str, count: int) -> Started:
    """What is going to be written."""
    height, width = displayed_size(job.made)
    summary = f"{count} shots, {width}x{height}"
    name, device = job.model.card.name, str(job.model.device)
    return Started(job.reader.info.path, target, name, device, summary, count, "pictures")


def make_stills(
    job: FilmContext, film: FilmPlan, stills: Sequence[Still], *, overwrite: bool
) -> Generator[Event, None, int]:
    """Write those that are not there yet, with `overwrite` all; returns their number.

    Yields a `PictureDone` and a `Progress` for each.
    """
    source = job.reader.info.path
    wanted = [still for still in stills if overwrite or not still.path.exists()]
    colored = color_frames(job, film, [still.frame for still in wanted])
    made = 0
    with closing(colored):
        for number, still in enumerate(stills, 1):
            if still in wanted and write_still(
                still.path, _picture(next(colored), job.made), overwrite=overwrite
            ):
                made += 1
                yield PictureDone(source, str(still.path), "done")
            else:
                yield PictureDone(source, str(still.path), "skipped", "is there already")
            yield Progress(number, len(stills), job.clock.seconds())
    return made


def still_folder(folder: str) -> Path:
    """The folder, made if need be."""
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise OptionError(f"{folder}: is no folder; name one for the stills")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JobError(f"{folder}: cannot make this folder ({error.strerror})") from error
    return path


def find_stills(film: FilmPlan, origin: int, folder: Path) -> list[Still]:
    """The middle frame of each shot; `origin` is the pts of the film's very first frame."""
    found = []
    for number, shot in enumerate(film.shots, 1):
        frame = (shot.start + shot.stop) // 2
        seconds: Fraction = (int(film.pts[frame]) - origin) * film.time_base
        found.append(Still(frame, folder / f"shot-{number:04}_{name_of(seconds)}.png"))
    return found


def _output(info: VideoInfo) -> OutputPlan:
    """What the stages need to know of the result: colour at every pixel."""
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


def _picture(frame: ColorFrame, info: VideoInfo) -> NDArray[np.uint8]:
    """R'G'B' (height, width, 3) of a frame with colour at every pixel, as it is displayed."""
    tags, depth = resolve_tags(info.tags, info.height), info.layout.bit_depth
    luma = normalize_luma(torch.from_numpy(frame.luma)[None, None], depth, bool(tags.full_range))
    codes = torch.from_numpy(np.stack([frame.cb, frame.cr]))[None]
    chroma = normalize_chroma(codes, depth, bool(tags.full_range))
    rgb = chroma_to_rgb(luma, chroma, tags.matrix)[0].clamp_(0, 1) * 255
    pixels = rgb.round_().to(torch.uint8).permute(1, 2, 0).numpy()
    upright = np.ascontiguousarray(np.rot90(pixels, info.rotation // 90))
    size = displayed_size(info)
    if upright.shape[:2] == size:
        return upright
    return cv2.resize(upright, size[::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8)
