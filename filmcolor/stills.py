"""One still a shot, in colour, for people to correct: what `run --stills` takes as truth.

Colours are those that a run over the film would give, at full resolution.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from filmcolor.color import chroma_to_rgb, normalize_chroma, normalize_luma, resolve_tags
from filmcolor.errors import JobError, OptionError
from filmcolor.film_stages import Coloring, StageClock, color_frames
from filmcolor.guide.screen import displayed_size
from filmcolor.job import FilmPlan
from filmcolor.media.decode import FilmReader
from filmcolor.media.encode import OutputPlan
from filmcolor.media.plan import FALLBACK_RATE, PIPE
from filmcolor.media.probe import refuse_hdr
from filmcolor.media.still_file import write_still
from filmcolor.models.checkpoint import load_generator
from filmcolor.models.device import resolve_device
from filmcolor.moments import name_of
from filmcolor.options import RunOptions
from filmcolor.picture_box import find_picture_box
from filmcolor.planning import look_through
from filmcolor.types import (
    ColorFrame,
    Event,
    Finished,
    PictureDone,
    PixelLayout,
    Planned,
    Progress,
    VideoInfo,
)
from filmcolor.views import film_view

_SAMPLES = 24


@dataclass(frozen=True, slots=True)
class _Still:
    """What is to be written."""

    frame: int
    path: Path


def write_stills(source: str, folder: str, options: RunOptions) -> Generator[Event, None, None]:
    """Write the middle frame of each shot of a film, or of a part of it, in colour, into a folder.

    Yields `Notice`s, `Looking`, `Planned`, a `PictureDone` and a `Progress` for each, `Finished`. A
    still that is there already is skipped unless `overwrite`, so that corrected ones are safe.
    Raises `FilmcolorError`.
    """
    started = time.monotonic()
    if source == PIPE:
        raise OptionError("-: stills are taken from a film file; a pipe cannot be read twice")
    device = resolve_device(options.color.device)
    with FilmReader(source, options.on_error) as reader:
        info = reader.info
        refuse_hdr(info)
        model = load_generator(
            options.color.model, device, options.color.look, options.color.precision
        )
        samples = reader.sample(_SAMPLES)
        yield from reader.notices
        tags = resolve_tags(info.tags, info.height)
        box = find_picture_box(
            samples, info.layout, bool(tags.full_range), interlaced=info.interlaced
        )
        view = film_view(info, model, box, options.color)
        film = yield from look_through(source, model, view, options)
        stills = _stills(film, reader.first_pts(), _made(folder))
        height, width = displayed_size(info)
        summary = f"{len(stills)} shots, {width}x{height}"
        yield Planned(
            source, folder, model.card.name, str(device), summary, len(stills), "pictures"
        )
        wanted = [s for s in stills if options.overwrite or not s.path.exists()]
        clock = StageClock()
        job = Coloring(reader, _output(info), model, view, 1, options, clock)
        colored = color_frames(job, film, [still.frame for still in wanted])
        with closing(colored):
            for number, still in enumerate(stills, 1):
                if still in wanted:
                    write_still(still.path, _picture(next(colored), info))
                    yield PictureDone(source, str(still.path), "done")
                else:
                    reason = "is there already"
                    yield PictureDone(source, str(still.path), "skipped", reason)
                yield Progress(number, len(stills), clock.seconds())
    yield Finished(
        folder,
        len(wanted),
        time.monotonic() - started,
        clock.seconds(),
        skipped=len(stills) - len(wanted),
        unit="pictures",
    )


def _made(folder: str) -> Path:
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise OptionError(f"{folder}: is no folder; name one for the stills")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JobError(f"{folder}: cannot make this folder ({error.strerror})") from error
    return path


def _stills(film: FilmPlan, origin: int, folder: Path) -> list[_Still]:
    found = []
    for number, shot in enumerate(film.shots, 1):
        frame = (shot.start + shot.stop) // 2
        seconds: Fraction = (int(film.pts[frame]) - origin) * film.time_base
        found.append(_Still(frame, folder / f"shot-{number:04}_{name_of(seconds)}.png"))
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
