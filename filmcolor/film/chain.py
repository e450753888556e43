"""The chain of stages from a film's frames to frames for the writer, whole or segment by segment.

    decode -> shots (from the plan) -> infer -> smooth -> [superres] -> compose

Decoding runs ahead in one bounded thread, the network in another. Nothing is written here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

import numpy as np
import torch

from filmcolor.analysis.shots import assign_shots
from filmcolor.color import ChromaTable, resolve_tags
from filmcolor.errors import MediaError
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan, Segment
from filmcolor.prefetch import prefetch
from filmcolor.stages.chroma_drift import Drift
from filmcolor.stages.compose import compose
from filmcolor.stages.infer import HintSource, Together, View, infer_sparsely, show_lightness
from filmcolor.stages.interlace import (
    FieldSplitter,
    field_drift,
    field_view,
    frame_of,
    keeps_fields,
)
from filmcolor.stages.smooth import smooth
from filmcolor.stages.things import PackedThings
from filmcolor.stages.tone import Tone
from filmcolor.stages.upscale import enlarged, enlarged_box
from filmcolor.types import AbMap, Box, ColorFrame, FieldAbMaps, Frame, VideoInfo

T = TypeVar("T")

_NEAR_FRAMES = 250
"""Frames that are decoded and passed over rather than sought past, where seeking can be trusted;
elsewhere it would decode all frames before them anew.
"""


def color_stream(context: FilmContext, film: FilmPlan | None) -> Generator[ColorFrame, None, None]:
    """The whole film in one pass; without a plan its shots are found on the way."""
    options = context.options
    frames = context.reader.frames(
        start_seconds=options.start_seconds,
        duration_seconds=options.duration_seconds,
        deinterlace=options.deinterlace,
    )
    ahead = prefetch(context.timer.watch("decode", frames), context.reader.info.queue_depth)
    waited = context.timer.watch("_wait", ahead)
    layout = context.reader.info.layout
    marked = assign_shots(waited, layout) if film is None else film.mark(waited)
    with closing(ahead):
        yield from _colored(context, context.restored(marked), film, None)


def color_frames(
    context: FilmContext, film: FilmPlan, indices: Iterable[int]
) -> Generator[ColorFrame, None, None]:
    """Some frames of the film, in order, each with the colours that it has in the whole."""
    with closing(PlannedFrames(context, film)) as source:
        for index in indices:
            segment = Segment(0, index, index + 1)
            yield from _colored(context, source.needed(segment), film, segment)


def color_segments(
    context: FilmContext,
    film: FilmPlan,
    segments: Iterable[tuple[Segment, T]],
    source: PlannedFrames,
) -> Generator[tuple[Segment, T, ColorFrame], None, None]:
    """The frames of one segment after another, in order, each with its segment.

    A segment is taken from `segments` only when the one before it has been coloured; what comes
    with it goes on with it. `source` has the frames, and stays open.
    """
    for segment, along in segments:
        for frame in _colored(context, source.needed(segment), film, segment):
            yield segment, along, frame


def _colored(
    context: FilmContext, marked: Iterable[Frame], film: FilmPlan | None, segment: Segment | None
) -> Generator[ColorFrame, None, None]:
    """Frames with their shots, coloured; of a segment's frames only its own."""
    timer = context.timer
    tags = resolve_tags(context.reader.info.tags, context.reader.info.height)
    found = timer.watch("shots", marked, "restore" if context.is_restored else "_wait")
    steady = _steadied(context, found, film)
    own: Iterator[tuple[Frame, AbMap | FieldAbMaps]] = (
        (frame, field)
        for frame, field in timer.watch(
            "smooth", steady, "shots" if context.options.no_color else "_inferred"
        )
        if segment is None or segment.start <= frame.index < segment.stop
    )
    box, before = context.view.box, "smooth"
    if context.enlarger is not None:
        threads = context.threads if context.model.device.type == "cpu" else 1
        own = timer.watch("superres", enlarged(own, context.enlarger, threads), "smooth")
        box, before = enlarged_box(box, context.enlarger.factor), "superres"
    composed = compose(
        own,
        source_layout=context.reader.info.layout,
        layout=context.output.layout,
        tags=tags,
        siting=context.output.siting,
        box=box,
        table=ChromaTable.build(tags.matrix, tags.primaries).to(context.model.device),
        device=context.model.device,
        tone_of=context.shots.tone,
    )
    # An error leaves what is below suspended: its threads must end before the film is closed.
    with closing(steady):
        yield from timer.watch("compose", composed, before)


def _steadied(
    context: FilmContext, frames: Iterable[Frame], film: FilmPlan | None
) -> Generator[tuple[Frame, AbMap | FieldAbMaps], None, None]:
    """Every frame with its colours, steadied in time: of interlaced film, those of each field."""
    info = context.reader.info
    if context.options.no_color:
        yield from _left_grey(frames, context.view, context.model.device)
        return
    drift = None if film is None else film.drift
    things = {} if film is None else film.things
    if not keeps_fields(info, context.options):
        yield from _pictures_steadied(context, frames, drift, things, context.hint_source)
        return
    splitter = FieldSplitter(top_first=info.top_field_first)
    fields = splitter.split(frames)
    drift = None if drift is None else field_drift(drift)
    hint_source = context.hint_source
    of_field = None if hint_source is None else lambda field: hint_source(frame_of(field))
    yield from splitter.join(_pictures_steadied(context, fields, drift, things, of_field))


def _pictures_steadied(
    context: FilmContext,
    pictures: Iterable[Frame],
    drift: Drift | None,
    things: Mapping[int, PackedThings],
    hint_source: HintSource | None,
) -> Generator[tuple[Frame, AbMap], None, None]:
    """Every picture, be it a frame or a field, with its colour: shots of equal network options in
    one go; the network runs ahead in a thread of its own.
    """
    shots, timer = context.shots, context.timer
    by_field = keeps_fields(context.reader.info, context.options)
    for color, alike in groupby(pictures, lambda picture: shots.network_options(picture.shot)):
        model, view = context.model_for(color)
        view = field_view(view) if by_field else view
        if color.saturation == 0:
            yield from _left_grey(alike, view, model.device)
            continue
        fields = infer_sparsely(
            alike,
            model,
            view,
            color.batch_size,
            context.stride,
            hint_source,
            context.threads,
            Together(color.coherence, things),
        )
        inferred = timer.watch("infer", fields, "shots")
        with closing(prefetch(inferred, context.reader.info.queue_depth)) as ahead:
            yield from smooth(
                timer.watch("_inferred", ahead),
                color.smooth,
                stability=color.stability,
                stride=context.stride,
                drift=drift,
            )


def _left_grey(
    pictures: Iterable[Frame], view: View, device: torch.device
) -> Generator[tuple[Frame, AbMap], None, None]:
    """Every picture without colour."""
    grey = np.zeros((2, 1, 1), np.float32)
    for picture in pictures:
        yield picture, AbMap(picture.index, grey, show_lightness(picture, view, device))


def composed(
    fields: Iterable[tuple[Frame, AbMap]],
    info: VideoInfo,
    device: torch.device,
    box: Box | None,
    tone: Tone,
) -> Generator[Frame, None, None]:
    """Frames with their colours, as frames with chroma: whole ones, all in one tone. They may be
    larger than the film that `info` describes; `box` lies in them.
    """
    tags = resolve_tags(info.tags, info.height)
    for frame in compose(
        fields,
        source_layout=info.layout,
        layout=info.layout.colored,
        tags=tags,
        siting=info.siting,
        box=box,
        table=ChromaTable.build(tags.matrix, tags.primaries).to(device),
        device=device,
        tone_of=lambda shot: tone,
    ):
        yield Frame(frame.index, frame.pts, frame.luma, chroma=(frame.cb, frame.cr))


class PlannedFrames:
    """A film's frames by number, decoded in one pass as long as they are wanted in order."""

    def __init__(self, context: FilmContext, film: FilmPlan) -> None:
        self._context, self._film = context, film
        self._stream: Generator[Frame, None, None] | None = None
        self._next = 0
        self._kept: deque[Frame] = deque()

    def close(self) -> None:
        """Let go of the film."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def between(self, start: int, stop: int) -> Generator[Frame, None, None]:
        """Frames start..stop, half-open, marked with their shots."""
        return self._film.mark(map(self._at, range(start, stop)), start)

    def needed(self, segment: Segment) -> Generator[Frame, None, None]:
        """The frames that a segment's colours depend on, marked with their shots."""
        (start, stop), (first, last) = self._film.needed(segment), self._looked_at(segment)
        marked = self._film.mark(self._frames(first, last, segment.stop), first)
        for frame in self._context.restored(marked):
            if start <= frame.index < stop:
                yield frame

    def _looked_at(self, segment: Segment) -> tuple[int, int]:
        """Start and stop of the frames that those it needs are restored from, if they are."""
        film, (start, stop) = self._film, self._film.needed(segment)
        before, after = film.shot_at(start), film.shot_at(stop - 1)
        reach = [self._context.shots.restoration(shot).reach for shot in (before, after)]
        first, last = film.shots[before].start, film.shots[after].stop
        return max(first, start - reach[0]), min(last, stop + reach[1])

    def _frames(self, start: int, stop: int, next_start: int) -> Generator[Frame, None, None]:
        kept = {frame.index: frame for frame in self._kept}
        overlap = stop
        if next_start < self._film.frames:
            overlap, _ = self._looked_at(Segment(0, next_start, next_start + 1))
        self._kept.clear()
        for index in range(start, stop):
            frame = kept.get(index) or self._at(index)
            if index >= overlap:
                self._kept.append(frame)
            yield frame

    def _at(self, index: int) -> Frame:
        """One frame: the next one, or where it has to be sought."""
        ahead = index - self._next
        is_near = ahead <= _NEAR_FRAMES or not self._context.reader.can_seek
        if self._stream is None or ahead < 0 or not is_near:
            self._seek(index)
        while True:
            frame = self._read()
            if frame is None:
                raise MediaError(
                    f"{self._context.reader.info.path}: ends before frame {index}; was it changed "
                    "while it was being coloured? Run the same command again"
                )
            if frame.index == index:
                return frame

    def _seek(self, index: int) -> None:
        """Begin to read at a frame; where seeking lands elsewhere, at the film's beginning."""
        pts = int(self._film.pts[index])
        for seek in (True, False):
            self.close()
            reader, timer = self._context.reader, self._context.timer
            frames = reader.frames_from(
                pts, deinterlace=self._context.options.deinterlace, seek=seek
            )
            self._stream = prefetch(timer.watch("decode", frames), reader.info.queue_depth)
            self._next = index
            first = self._read()
            if first is not None and first.pts == pts:
                self._stream = chained(first, self._stream)
                self._next = index
                return

    def _read(self) -> Frame | None:
        assert self._stream is not None
        begun = time.perf_counter()
        frame = next(self._stream, None)
        self._context.timer.add("_wait", time.perf_counter() - begun)
        if frame is None:
            return None
        self._next += 1
        return replace(frame, index=self._next - 1)


def chained(first: T, rest: Generator[T, None, None]) -> Generator[T, None, None]:
    """An item, and then those of a generator, which is closed with this one."""
    with closing(rest):
        yield first
        yield from rest
