"""Analyses a film before it is coloured: its shots, and the slow drift of their colours.

decode -> shots, and the network on a frame now and then -> FilmPlan
"""

from __future__ import annotations

import json
import time
from array import array
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from filmcolor.analysis.shots import ShotFinder
from filmcolor.events import Analyzing, Notice
from filmcolor.film.chain import PlannedFrames
from filmcolor.film.context import FilmContext
from filmcolor.film.plan import FilmPlan
from filmcolor.media.partfile import write_bytes
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.models.registry import find_checkpoint
from filmcolor.options import ColorOptions, RunOptions
from filmcolor.prefetch import prefetch
from filmcolor.stages.chroma_drift import FEWEST_SAMPLES, SPACING, Drift, DriftMeter, DriftPath
from filmcolor.stages.infer import View, infer
from filmcolor.stages.interlace import field_view, fields_of, keeps_fields
from filmcolor.stages.smooth import smooth
from filmcolor.throttle import Throttle
from filmcolor.types import AbMap, Frame, Shot, VideoInfo

_LONGEST_AUTO_STRIDE = 4
_TIMED_FRAMES = 6


def analyze_film(
    source: str, model: LoadedModel, view: View, options: RunOptions, stride: int = 1
) -> Generator[Analyzing | Notice, None, FilmPlan]:
    """Find the frames of a film, or of the part that `options` name, its shots, and how far their
    colours drift (only where these are steadied along the motion).

    Yields how far it is a few times a second, at the end what there is to say of the film, and
    returns the plan. Holds a few frames only. Raises `FilmcolorError` as reading and inferring do.
    """
    steadied = _is_steadied(options.color)
    with FilmReader(source, options.on_error, options.fps) as reader:
        info, seen_notices = reader.info, len(reader.notices)
        total = info.expected_frames(options.start_seconds, options.duration_seconds)
        frames = reader.frames(
            start_seconds=options.start_seconds,
            duration_seconds=options.duration_seconds,
            deinterlace=options.deinterlace,
        )
        finder = ShotFinder(info.layout.bit_depth)
        meter = _LazyMeter(lambda frame: _sampled(frame, model, view, info, options))
        samples: dict[int, Frame] = {}
        times = array("q")
        last = 0
        settled = done = 0

        def settle(shot: int, place: int) -> None:
            nonlocal settled
            if frame := samples.pop(settled, None):
                meter.add(shot, place, frame)
            settled += 1

        is_due = Throttle()
        with closing(prefetch(frames, info.queue_depth)) as ahead:
            for frame in ahead:
                done, last = frame.index + 1, frame.duration
                times.append(frame.pts)
                if steadied and frame.index % SPACING == 0:
                    samples[frame.index] = frame
                if placed := finder.add(frame.luma):
                    settle(*placed)
                if is_due():
                    yield Analyzing(done, total)
        for placed in finder.finish():
            settle(*placed)
        yield Analyzing(done, done)
        yield from reader.notices[seen_notices:]
    pts = np.array(times, np.int64)
    shots = tuple(finder.shots())
    return FilmPlan(shots, pts, info.time_base, last, stride, meter.found())


class _LazyMeter:
    """As `DriftMeter`, but the network sees no frame of a shot that has too few samples for drift:
    frames are held until there are enough.
    """

    def __init__(self, sampled: Callable[[Frame], AbMap]) -> None:
        """`sampled` is what the network makes of a frame."""
        self._sampled, self._meter = sampled, DriftMeter()
        self._shot, self._count = -1, 0
        self._held: list[tuple[int, Frame]] = []

    def add(self, shot: int, place: int, frame: Frame) -> None:
        """Take the next sample."""
        if shot != self._shot:
            self._shot, self._count, self._held = shot, 0, []
        self._count += 1
        self._held.append((place, frame))
        while self._count >= FEWEST_SAMPLES and self._held:
            held_place, held = self._held.pop(0)
            self._meter.add(shot, held_place, self._sampled(held))

    def found(self) -> Drift:
        """As `DriftMeter.found`."""
        return self._meter.found()


def _is_steadied(color: ColorOptions) -> bool:
    """Whether drift of the palette is taken out."""
    return color.smooth == "flow" and color.stability > 0 and color.saturation > 0


def _sampled(
    frame: Frame, model: LoadedModel, view: View, info: VideoInfo, options: RunOptions
) -> AbMap:
    """What the network makes of a frame by itself, or of its first field."""
    if keeps_fields(info, options):
        first, _ = fields_of(frame, top_first=info.top_field_first)
        frame, view = replace(first, index=frame.index), field_view(view)
    ((_, colors),) = infer([frame], model, view, 1)
    return colors


def settle_drift(
    context: FilmContext, film: FilmPlan, shots: Sequence[Shot], folder: Path
) -> Generator[Analyzing, None, Drift]:
    """How far the colours drift of shots that people have set in place of those of `film`.

    The plan has the drift of shots that were found and are coloured as the film is. That of the
    others is measured once and stored in the folder. Yields now and then how many of their frames
    were analysed.
    """
    color, by_shot = context.options.color, context.shots
    found = {(shot.start, shot.stop): number for number, shot in enumerate(film.shots)}
    digests: dict[str, str] = {}
    paths: dict[int, DriftPath] = {}
    unknown: dict[int, Path] = {}
    for number, shot in enumerate(shots):
        wanted = by_shot.of(number)
        samples = -(-shot.stop // SPACING) - -(-shot.start // SPACING)
        if not _is_steadied(wanted) or samples < FEWEST_SAMPLES:
            continue
        before = found.get((shot.start, shot.stop))
        has_same_model = (wanted.model, wanted.look) == (color.model, color.look)
        if before is not None and has_same_model and _is_steadied(color):
            paths[number] = film.drift.paths.get(before, ())
            continue
        if wanted.model not in digests:
            path = find_checkpoint(wanted.model)
            digests[wanted.model] = context.files.note(path, path.read_bytes()).sha256[:32]
        name = f"drift-{shot.start}-{shot.stop}-{wanted.look}-{digests[wanted.model]}.json"
        kept = _kept_path(folder / name)
        if kept is None:
            unknown[number] = folder / name
        else:
            paths[number] = kept
    total = sum(shots[number].stop - shots[number].start for number in unknown)
    looked, is_due = 0, Throttle()
    with closing(PlannedFrames(context, film)) as source:
        for number, file in unknown.items():
            meter, start = DriftMeter(), shots[number].start
            model, view = context.model_for(by_shot.of(number))
            for frame in source.between(start, shots[number].stop):
                looked += 1
                if frame.index % SPACING == 0:
                    seen = _sampled(frame, model, view, context.reader.info, context.options)
                    meter.add(number, frame.index - start, seen)
                if is_due():
                    yield Analyzing(looked, total)
            paths[number] = meter.found().paths.get(number, ())
            write_bytes(file, json.dumps(paths[number]).encode(), overwrite=True)
    return Drift({number: path for number, path in paths.items() if path})


def _kept_path(file: Path) -> DriftPath | None:
    """The stored drift of a shot; None if it has to be measured."""
    try:
        values = json.loads(file.read_bytes())
        return tuple((int(place), float(a), float(b)) for place, a, b in values)
    except (OSError, ValueError, TypeError):
        return None


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
    # The first is slower than those that follow; a graphics card prepares for each shape anew.
    warm = frames[:1] if model.device.type == "cpu" else frames
    list(infer(warm, model, view, len(warm)))
    begun = time.perf_counter()
    fields = list(infer(frames, model, view, len(frames)))
    inferred = time.perf_counter()
    list(smooth(fields, "flow"))
    network, carrying = inferred - begun, time.perf_counter() - inferred
    strides = range(1, _LONGEST_AUTO_STRIDE + 1)
    return next((n for n in strides if network / n <= carrying), _LONGEST_AUTO_STRIDE)
