"""The chain of stages from a film's frames to frames for the writer, whole or segment by segment.

    decode -> shots (from the plan) -> infer -> smooth -> [superres] -> compose

Decoding runs ahead in one bounded thread, the network in another. Nothing is written here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Protocol, TypeVar

import numpy as np
import torch

from filmcolor.analysis.shots import assign_shots
from filmcolor.color import ChromaTable, resolve_tags
from filmcolor.errors import MediaError
from filmcolor.files_read import FilesRead
from filmcolor.film.plan import FilmPlan, Segment
from filmcolor.film.shot_models import ModelShelf, ShotColors
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.film_writer import OutputPlan
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.options import ColorOptions, RunOptions
from filmcolor.prefetch import prefetch
from filmcolor.stages.chroma_drift import Drift
from filmcolor.stages.compose import compose
from filmcolor.stages.infer import KnownSource, View, infer_sparsely, show_lightness
from filmcolor.stages.interlace import (
    FieldSplitter,
    field_drift,
    field_view,
    frame_of,
    keeps_fields,
)
from filmcolor.stages.smooth import smooth
from filmcolor.stages.upscale import Enlarger, enlarged, enlarged_box
from filmcolor.stages.view import film_view
from filmcolor.types import AbMap, ColorFrame, FieldAbMaps, Frame, VideoInfo

T = TypeVar("T")

_NEAR_FRAMES = 250
"""Frames that are decoded and passed over rather than sought past, where seeking can be trusted;
elsewhere it would decode all frames before them anew.
"""


class StageClock:
    """Working seconds of each stage of a chain of generators, waiting for the stage before left
    out.
    """

    def __init__(self) -> None:
        self._inclusive: dict[str, float] = {}
        self._feeds: dict[str, str] = {}

    def watch(self, name: str, items: Iterable[T], feeds_on: str | None = None) -> Iterator[T]:
        """Yield `items`, adding up the time they take; `feeds_on` names the stage inside them."""
        self._inclusive.setdefault(name, 0.0)
        if feeds_on is not None:
            self._feeds[name] = feeds_on
        iterator = iter(items)
        try:
            while True:
                start = time.perf_counter()
                try:
                    item = next(iterator)
                except StopIteration:
                    return
                finally:
                    self._inclusive[name] += time.perf_counter() - start
                yield item
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    def add(self, name: str, seconds: float) -> None:
        """Add working time measured elsewhere."""
        self._inclusive[name] = self._inclusive.get(name, 0.0) + seconds

    def seconds(self) -> dict[str, float]:
        """Own time of every stage."""
        inclusive = dict(self._inclusive)
        own = {n: s - inclusive.get(self._feeds.get(n, ""), 0.0) for n, s in inclusive.items()}
        return {name: max(0.0, value) for name, value in own.items() if not name.startswith("_")}


@dataclass(frozen=True, slots=True, eq=False)
class FilmContext:
    """Everything that the stages need to know of one film."""

    reader: FilmReader
    output: OutputPlan
    model: LoadedModel
    view: View
    stride: int
    options: RunOptions
    clock: StageClock
    known: KnownSource | None = None
    own: Mapping[int, ColorOptions] = field(default_factory=dict)
    """By number: how shots are coloured that are not coloured as `options` say."""
    shelf: ModelShelf = field(default_factory=ModelShelf)
    lanes: int = 1
    """Threads that paint or enlarge pictures side by side, on a CPU."""
    enlarger: Enlarger | None = None
    """Raises the resolution, where that is asked for."""
    files: FilesRead = field(default_factory=FilesRead)
    """All that was read, but the film."""
    film_print: str = ""
    """`source_fingerprint` of the film before it was opened; empty for a pipe."""

    @property
    def shots(self) -> ShotColors:
        """How each shot is coloured."""
        return ShotColors(self.options.color, self.own)

    def painter(self, color: ColorOptions) -> tuple[LoadedModel, View]:
        """The model of some options of the film or of a shot, and how it is shown the film."""
        film = self.options.color
        if (color.model, color.look) == (film.model, film.look):
            return self.model, self.view
        model = self.shelf.get(color, self.model.device)
        self.files.add(model.facts)
        return model, film_view(self.reader.info, model, self.view.box, color)

    @property
    def made(self) -> VideoInfo:
        """The film with the size of the result, its colours read as the result's are."""
        output = self.output
        return replace(self.reader.info, width=output.width, height=output.height, tags=output.tags)

    @property
    def queue_depth(self) -> int:
        """Frames of the result that may wait between two stages."""
        return self.made.queue_depth


def color_stream(job: FilmContext, film: FilmPlan | None) -> Generator[ColorFrame, None, None]:
    """The whole film in one pass; without a plan its shots are found on the way."""
    options = job.options
    frames = job.reader.frames(
        start_seconds=options.start_seconds,
        duration_seconds=options.duration_seconds,
        deinterlace=options.deinterlace,
    )
    ahead = prefetch(job.clock.watch("decode", frames), job.reader.info.queue_depth)
    waited = job.clock.watch("_wait", ahead)
    layout = job.reader.info.layout
    marked = assign_shots(waited, layout) if film is None else film.mark(waited)
    with closing(ahead):
        yield from _colored(job, marked, film, None)


def color_frames(
    job: FilmContext, film: FilmPlan, indices: Iterable[int]
) -> Generator[ColorFrame, None, None]:
    """Some frames of the film, in order, each with the colours that it has in the whole."""
    with closing(PlannedFrames(job, film)) as source:
        for index in indices:
            segment = Segment(0, index, index + 1)
            yield from _colored(job, source.needed(segment), film, segment)


class Releasable(Protocol):
    """A claim on a segment, which can be given up."""

    def release(self) -> None:
        """Let others make the segment."""


Claimed = TypeVar("Claimed", bound=Releasable)


def color_segments(
    job: FilmContext,
    film: FilmPlan,
    segments: Iterable[tuple[Segment, Claimed]],
    source: PlannedFrames,
) -> Generator[tuple[Segment, Claimed, ColorFrame], None, None]:
    """The frames of one segment after another, in order, each with its segment.

    A segment is taken from `segments` only when the one before it has been coloured; its lease is
    given up if it cannot be. `source` has the frames, and stays open.
    """
    for segment, lease in segments:
        try:
            for frame in _colored(job, source.needed(segment), film, segment):
                yield segment, lease, frame
        except BaseException:
            lease.release()
            raise


def _colored(
    job: FilmContext, marked: Iterable[Frame], film: FilmPlan | None, segment: Segment | None
) -> Generator[ColorFrame, None, None]:
    """Frames with their shots, coloured; of a segment's frames only its own."""
    clock = job.clock
    tags = resolve_tags(job.reader.info.tags, job.reader.info.height)
    found = clock.watch("shots", marked, "_wait")
    steady = _steadied(job, found, film)
    own: Iterator[tuple[Frame, AbMap | FieldAbMaps]] = (
        (frame, field)
        for frame, field in clock.watch(
            "smooth", steady, "shots" if job.options.no_color else "_inferred"
        )
        if segment is None or segment.start <= frame.index < segment.stop
    )
    box, before = job.view.box, "smooth"
    if job.enlarger is not None:
        lanes = job.lanes if job.model.device.type == "cpu" else 1
        own = clock.watch("superres", enlarged(own, job.enlarger, lanes), "smooth")
        box, before = enlarged_box(box, job.enlarger.factor), "superres"
    composed = compose(
        own,
        source_layout=job.reader.info.layout,
        layout=job.output.layout,
        tags=tags,
        siting=job.output.siting,
        box=box,
        table=ChromaTable.build(tags.matrix, tags.primaries).to(job.model.device),
        device=job.model.device,
        tone_of=job.shots.tone,
    )
    # An error leaves what is below suspended: its threads must end before the film is closed.
    with closing(steady):
        yield from clock.watch("compose", composed, before)


def _steadied(
    job: FilmContext, frames: Iterable[Frame], film: FilmPlan | None
) -> Generator[tuple[Frame, AbMap | FieldAbMaps], None, None]:
    """Every frame with its colours, steadied in time: of interlaced film, those of each field."""
    info = job.reader.info
    if job.options.no_color:
        yield from _left_grey(frames, job.view, job.model.device)
        return
    drift = None if film is None else film.drift
    if not keeps_fields(info, job.options):
        yield from _pictures_steadied(job, frames, drift, job.known)
        return
    splitter = FieldSplitter(top_first=info.top_field_first)
    fields = splitter.split(frames)
    drift = None if drift is None else field_drift(drift)
    known = job.known
    told = None if known is None else lambda field: known(frame_of(field))
    yield from splitter.join(_pictures_steadied(job, fields, drift, told))


def _pictures_steadied(
    job: FilmContext, pictures: Iterable[Frame], drift: Drift | None, known: KnownSource | None
) -> Generator[tuple[Frame, AbMap], None, None]:
    """Every picture, be it a frame or a field, with its colour: shots that are painted alike in one
    go; the network runs ahead in a thread of its own.
    """
    shots, clock = job.shots, job.clock
    by_field = keeps_fields(job.reader.info, job.options)
    for color, alike in groupby(pictures, lambda picture: shots.painting(picture.shot)):
        model, view = job.painter(color)
        view = field_view(view) if by_field else view
        if color.saturation == 0:
            yield from _left_grey(alike, view, model.device)
            continue
        fields = infer_sparsely(alike, model, view, color.batch_size, job.stride, known, job.lanes)
        inferred = clock.watch("infer", fields, "shots")
        with closing(prefetch(inferred, job.reader.info.queue_depth)) as ahead:
            yield from smooth(
                clock.watch("_inferred", ahead),
                color.smooth,
                stability=color.stability,
                stride=job.stride,
                drift=drift,
            )


def _left_grey(
    pictures: Iterable[Frame], view: View, device: torch.device
) -> Generator[tuple[Frame, AbMap], None, None]:
    """Every picture without colour."""
    grey = np.zeros((2, 1, 1), np.float32)
    for picture in pictures:
        yield picture, AbMap(picture.index, grey, show_lightness(picture, view, device))


class PlannedFrames:
    """A film's frames by number, decoded in one pass as long as they are wanted in order."""

    def __init__(self, job: FilmContext, film: FilmPlan) -> None:
        self._job, self._film = job, film
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
        start, stop = self._film.needed(segment)
        return self._film.mark(self._frames(start, stop, segment.stop), start)

    def _frames(self, start: int, stop: int, next_start: int) -> Generator[Frame, None, None]:
        kept = {frame.index: frame for frame in self._kept}
        overlap, _ = (
            self._film.needed(Segment(0, next_start, next_start + 1))
            if (next_start < self._film.frames)
            else (stop, stop)
        )
        self._kept.clear()
        for index in range(start, stop):
            frame = kept.get(index) or self._at(index)
            if index >= overlap:
                self._kept.append(frame)
            yield frame

    def _at(self, index: int) -> Frame:
        """One frame: the next one, or where it has to be sought."""
        ahead = index - self._next
        is_near = ahead <= _NEAR_FRAMES or not self._job.reader.can_seek
        if self._stream is None or ahead < 0 or not is_near:
            self._seek(index)
        while True:
            frame = self._read()
            if frame is None:
                raise MediaError(
                    f"{self._job.reader.info.path}: ends before frame {index}; was it changed "
                    "while it was being coloured? Run the same command again"
                )
            if frame.index == index:
                return frame

    def _seek(self, index: int) -> None:
        """Begin to read at a frame; where seeking lands elsewhere, at the film's beginning."""
        pts = int(self._film.pts[index])
        for seek in (True, False):
            self.close()
            reader, clock = self._job.reader, self._job.clock
            frames = reader.frames_from(pts, deinterlace=self._job.options.deinterlace, seek=seek)
            self._stream = prefetch(clock.watch("decode", frames), reader.info.queue_depth)
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
        self._job.clock.add("_wait", time.perf_counter() - begun)
        if frame is None:
            return None
        self._next += 1
        return replace(frame, index=self._next - 1)


def chained(first: T, rest: Generator[T, None, None]) -> Generator[T, None, None]:
    """An item, and then those of a generator, which is closed with this one."""
    with closing(rest):
        yield first
        yield from rest
