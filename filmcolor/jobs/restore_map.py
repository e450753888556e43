"""`--restore-map`: a film of where dust and scratches were repaired, for those who check it.

Black is as it was, white hid dust, grey a scratch. The film is read and repaired once more for it.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import cast

import numpy as np

from filmcolor.errors import OptionError
from filmcolor.events import Progress
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.media.open import PIPE
from filmcolor.media.partfile import is_same_file
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.options import EncodeOptions, RunOptions
from filmcolor.prefetch import prefetch
from filmcolor.throttle import Throttle
from filmcolor.types import DUST, SCRATCH, ColorFrame, Luma, VideoInfo

_WHITE, _GREY, _BLACK = 235, 128, 16


def plan_map(info: VideoInfo, target: str, options: RunOptions) -> OutputPlan | None:
    """How it is written; None if there is to be none. Raises as `plan_output`."""
    path = options.restore_map
    if path is None:
        return None
    if PIPE in (info.path, target, path):
        raise OptionError("--restore-map: needs files; a pipe cannot be read twice")
    if os.path.abspath(path) == os.path.abspath(target) or is_same_file(path, target):
        raise OptionError(f"--restore-map {path}: is the result itself; choose another name")
    encode = EncodeOptions(codec="ffv1") if path.endswith(".mkv") else EncodeOptions()
    alone = replace(info, streams=(), metadata={}, chapter_count=0)
    chosen = RunOptions(encode=encode, audio="none", overwrite=options.overwrite)
    return plan_output(alone, path, chosen)


def write_map(
    context: FilmContext, film: FilmPlan, output: OutputPlan
) -> Generator[Progress, None, None]:
    """Write it. Yields how far it is. Raises `FilmcolorError`."""
    options, reader = context.options, context.reader
    frames = reader.frames(
        start_seconds=options.start_seconds,
        duration_seconds=options.duration_seconds,
        deinterlace=options.deinterlace,
    )
    done, is_due = 0, Throttle()
    layout = output.layout
    scale = 1 << (reader.info.layout.bit_depth - 8)
    size = layout.chroma_size(output.height, output.width)
    neutral = cast("Luma", np.full(size, 1 << (layout.bit_depth - 1), layout.dtype))
    with (
        FilmWriter(
            output, label="where filmcolor repaired dust (white) and scratches (grey)"
        ) as writer,
        closing(prefetch(frames, reader.info.queue_depth)) as ahead,
    ):
        for frame in context.restored(film.mark(ahead)):
            codes = np.full(frame.luma.shape, _BLACK * scale, frame.luma.dtype)
            if frame.mended is not None:
                codes[frame.mended == SCRATCH] = _GREY * scale
                codes[frame.mended == DUST] = _WHITE * scale
            writer.write(
                ColorFrame(frame.index, frame.pts, codes, neutral, neutral, duration=frame.duration)
            )
            done += 1
            if is_due():
                yield Progress(done, film.frames, {})
        writer.finish()
