"""Looks through a film before it is coloured, for what one pass over it cannot know.

decode -> shots, and the network on a frame now and then -> FilmPlan
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from filmcolor.fields import field_view, fields_of, keeps_fields
from filmcolor.infer import View, infer
from filmcolor.job import FilmPlan
from filmcolor.media.decode import FilmReader
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.options import RunOptions
from filmcolor.palette import SPACING, DriftMeter
from filmcolor.prefetch import prefetch
from filmcolor.shots import ShotFinder
from filmcolor.smooth import smooth
from filmcolor.types import ColorField, Frame, Looking, Notice

_REPORT_SECONDS = 0.2
_LONGEST_AUTO_STRIDE = 4
_TIMED_FRAMES = 6


def look_through(
    source: str, model: LoadedModel, view: View, options: RunOptions, stride: int = 1
) -> Generator[Looking | Notice, None, FilmPlan]:
    """Find the frames of a film, or of the part that `options` name, its shots, and how far their
    colours drift (only where these are steadied along the motion).

    Yields how far it is a few times a second, at the end what there is to say of the film, and
    returns the plan. Holds a few frames only. Raises `FilmcolorError` as reading and inferring do.
    """
    steadied = options.color.smooth == "flow" and options.color.stability > 0
    with FilmReader(source, options.on_error) as reader:
        info, told = reader.info, len(reader.notices)
        total = info.expected_frames(options.start_seconds, options.duration_seconds)
        frames = reader.frames(
            start_seconds=options.start_seconds,
            duration_seconds=options.duration_seconds,
            deinterlace=options.deinterlace,
        )
        split = keeps_fields(info, options)
        seen_view = field_view(view) if split else view
        finder, meter = ShotFinder(info.layout.bit_depth), DriftMeter()
        samples: dict[int, ColorField] = {}
        times = array("q")
        last = 0
        settled = done = 0

        def settle(shot: int, place: int) -> None:
            nonlocal settled
            if field := samples.pop(settled, None):
                meter.add(shot, place, field)
            settled += 1

        reported = time.monotonic()
        with closing(prefetch(frames, info.queue_depth)) as ahead:
            for frame in ahead:
                done, last = frame.index + 1, frame.duration
                times.append(frame.pts)
                if steadied and frame.index % SPACING == 0:
                    seen = fields_of(frame, top_first=info.top_field_first)[0] if split else frame
                    ((_, samples[frame.index]),) = infer([seen], model, seen_view, 1)
                if known := finder.add(frame.luma):
                    settle(*known)
                if time.monotonic() - reported > _REPORT_SECONDS:
                    reported = time.monotonic()
                    yield Looking(done, total)
        for known in finder.finish():
            settle(*known)
        yield Looking(done, done)
        yield from reader.notices[told:]
    pts = np.array(times, np.int64)
    shots = tuple(finder.shots())
    return FilmPlan(shots, pts, info.time_base, last, stride, meter.found())


def settle_stride(samples: Sequence[Frame], model: LoadedModel, view: View) -> int:
    """The smallest stride at which the network is no longer what takes longest, timed here.

    `samples` are frames of the film. At most 4: beyond that colours get visibly coarser in time
    while little is gained.
    """
    frames = [
        replace(frame, index=index, shot=0, place=index)
        for index, frame in enumerate(samples[:_TIMED_FRAMES])
    ]
    if len(frames) < 2:
        return 1
    list(infer(frames[:1], model, view, 1))  # the first is slower than those that follow
    begun = time.perf_counter()
    fields = list(infer(frames, model, view, len(frames)))
    inferred = time.perf_counter()
    list(smooth(fields, "flow"))
    network, carrying = inferred - begun, time.perf_counter() - inferred
    strides = range(1, _LONGEST_AUTO_STRIDE + 1)
    return next((n for n in strides if network / n <= carrying), _LONGEST_AUTO_STRIDE)
