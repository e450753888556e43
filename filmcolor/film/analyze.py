"""Analyses a film before it is coloured: its shots, and the things in each; of models that are not
coherent the slow drift of their colours.

decode -> shots, and the network on a frame now and then -> FilmPlan
"""

from __future__ import annotations

import json
import time
from array import array
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
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
from filmcolor.media.retiming import unequal_notices, wanted_rate
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.models.registry import find_checkpoint
from filmcolor.options import ColorOptions, RunOptions
from filmcolor.prefetch import prefetch
from filmcolor.stages.cast import Cast
from filmcolor.stages.chroma_drift import FEWEST_SAMPLES, SPACING, Drift, DriftMeter, DriftPath
from filmcolor.stages.infer import Together, View, infer, needs_things
from filmcolor.stages.interlace import field_view, fields_of, keeps_fields
from filmcolor.stages.look import look_at
from filmcolor.stages.smooth import smooth
from filmcolor.stages.things import PackedThings, ThingFinder
from filmcolor.throttle import Throttle
from filmcolor.typed import parse_json
from filmcolor.types import AbMap, Frame, Shot, VideoInfo

_LONGEST_AUTO_STRIDE = 4
_TIMED_FRAMES = 6


def analyze_film(
    source: str,
    model: LoadedModel,
    view: View,
    options: RunOptions,
    stride: int = 1,
    so_far: Callable[[FilmPlan], None] | None = None,
) -> Generator[Analyzing | Notice, None, FilmPlan]:
    """Find the frames of a film, or of the part that `options` name, its shots, and the things in
    each; of a model that is not coherent how far colours drift, where they are steadied along the
    motion.

    Yields how far it is a few times a second, at the end what there is to say of the film, and
    returns the plan. `so_far` is told each time of the shots that are found, the last one cut off.
    Holds a few frames only. Raises `FilmcolorError` as reading and inferring do.
    """
    with FilmReader(source, options.on_error, options.fps) as reader:
        info, seen_notices = reader.info, len(reader.notices)
        total = info.expected_frames(options.start_seconds, options.duration_seconds)
        frames = reader.frames(
            start_seconds=options.start_seconds,
            duration_seconds=options.duration_seconds,
            deinterlace=options.deinterlace,
        )
        finder = ShotFinder(info.layout.bit_depth)
        survey = _Survey(model, view, info, options, options.color)
        waiting: deque[Frame] = deque()
        times = array("q")
        last = done = 0
        is_due = Throttle()
        with closing(prefetch(frames, info.queue_depth)) as ahead:
            for frame in ahead:
                done, last = frame.index + 1, frame.duration
                times.append(frame.pts)
                waiting.append(survey.small(frame))
                if known := finder.add(frame.luma):
                    survey.look(waiting.popleft(), *known)
                if is_due():
                    if so_far is not None and (known_shots := tuple(finder.shots())):
                        settled = np.array(times[: known_shots[-1].stop], np.int64)
                        so_far(FilmPlan(known_shots, settled, info.time_base, last, stride))
                    yield Analyzing(done, total)
        for known in finder.finish():
            survey.look(waiting.popleft(), *known)
        yield Analyzing(done, done)
        yield from reader.notices[seen_notices:]
    pts = np.array(times, np.int64)
    cadence = None if info.interlaced else finder.repeats.found()
    if cadence is not None:
        yield cadence.notice(info)
    if wanted_rate(info, options.fps) is not None:
        yield from unequal_notices(times, info.time_base)
    shots = tuple(finder.shots())
    drift, things = survey.found()
    cast = Cast.of(things)
    return FilmPlan(shots, pts, info.time_base, last, stride, drift, cast.shown(), cast)


class _Survey:
    """What the network sees in frames of each shot, shot by shot in order."""

    def __init__(
        self,
        model: LoadedModel,
        view: View,
        info: VideoInfo,
        options: RunOptions,
        color: ColorOptions,
    ) -> None:
        self._model = model
        self._fields = keeps_fields(info, options)
        self._top_first = info.top_field_first
        self._view = field_view(view) if self._fields else view
        self._upright = replace(self._view, box=None, rotation=0)
        self._finder = ThingFinder() if needs_things(model, color) else None
        steadied = self._finder is None and _is_steadied(color)
        self._meter = _LazyMeter(self._sampled) if steadied else None

    def small(self, frame: Frame) -> Frame:
        """The frame, or its first field, as the network is shown it: all that `look` needs."""
        if self._finder is None and self._meter is None:
            return frame
        if self._fields:
            first, _ = fields_of(frame, top_first=self._top_first)
            frame = replace(first, index=frame.index)
        return replace(frame, luma=self._view.show(frame.luma), chroma=None)

    def look(self, small: Frame, shot: int, place: int) -> None:
        """Look at a frame if it is one of those to look at."""
        if self._finder is not None and self._finder.wants(shot, place):
            shape = self._upright.height, self._upright.width
            self._finder.add(look_at(small, self._model, self._upright), shape)
        if self._meter is not None and small.index % SPACING == 0:
            self._meter.add(shot, place, small)

    def _sampled(self, small: Frame) -> AbMap:
        """What the network makes of a frame by itself."""
        ((_, colors),) = infer([small], self._model, self._upright, 1)
        return colors

    def found(self) -> tuple[Drift, Mapping[int, PackedThings]]:
        """The drift of the shots, or the things in them."""
        drift = Drift() if self._meter is None else self._meter.found()
        return drift, {} if self._finder is None else self._finder.found()


def needs_look(model: LoadedModel, color: ColorOptions) -> bool:
    """Whether colours depend on what only a look at the whole film tells."""
    return needs_things(model, color) or _is_steadied(color)


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


def settle_shots(
    context: FilmContext, film: FilmPlan, shots: Sequence[Shot], folder: Path
) -> Generator[Analyzing, None, FilmPlan]:
    """The plan with shots that people have set in place of its own, and what is in them.

    The plan has the things and the drift of shots that were found and are coloured as the film is.
    Those of the others are looked for once and stored in the folder. Yields now and then how many
    of their frames were analysed.
    """
    color, by_shot = context.options.color, context.shots
    found = {(shot.start, shot.stop): number for number, shot in enumerate(film.shots)}
    digests: dict[str, str] = {}
    paths: dict[int, DriftPath] = {}
    things: dict[int, PackedThings] = {}
    unknown: dict[int, Path] = {}
    for number, shot in enumerate(shots):
        wanted = by_shot.of(number)
        model, _ = context.model_for(wanted)
        before = found.get((shot.start, shot.stop))
        if not needs_look(model, wanted):
            continue
        has_same_model = (wanted.model, wanted.look) == (color.model, color.look)
        as_before = needs_look(context.model, color)
        as_before &= needs_things(model, wanted) == needs_things(context.model, color)
        if before is not None and has_same_model and as_before:
            paths[number] = film.drift.paths.get(before, ())
            things[number] = film.things.get(before, b"")
            continue
        if wanted.model not in digests:
            path = find_checkpoint(wanted.model)
            digests[wanted.model] = context.files.note(path, path.read_bytes()).sha256[:32]
        what = "things" if needs_things(model, wanted) else "drift"
        name = f"{what}-{shot.start}-{shot.stop}-{wanted.look}-{digests[wanted.model]}.json"
        kept = _kept_shot(folder / name)
        if kept is None:
            unknown[number] = folder / name
        else:
            paths[number], things[number] = kept
    total = sum(shots[number].stop - shots[number].start for number in unknown)
    looked, is_due = 0, Throttle()
    with closing(PlannedFrames(context, film)) as source:
        for number, file in unknown.items():
            start, wanted = shots[number].start, by_shot.of(number)
            model, view = context.model_for(wanted)
            survey = _Survey(model, view, context.reader.info, context.options, wanted)
            for frame in source.between(start, shots[number].stop):
                looked += 1
                survey.look(survey.small(frame), number, frame.index - start)
                if is_due():
                    yield Analyzing(looked, total)
            drift, seen = survey.found()
            paths[number], things[number] = drift.paths.get(number, ()), seen.get(number, b"")
            _keep_shot(file, paths[number], things[number])
    return film.revised(
        tuple(shots),
        Drift({number: path for number, path in paths.items() if path}),
        {number: packed for number, packed in things.items() if packed},
    )


def _keep_shot(file: Path, path: DriftPath, things: PackedThings) -> None:
    stored = {"drift": path, "things": b64encode(things).decode()}
    write_bytes(file, json.dumps(stored).encode(), overwrite=True)


def _kept_shot(file: Path) -> tuple[DriftPath, PackedThings] | None:
    """What is stored of a shot; None if it has to be looked at."""
    try:
        stored = parse_json(file.read_bytes())
        path = tuple((int(place), float(a), float(b)) for place, a, b in stored["drift"])
        return path, b64decode(stored["things"])
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return None


def settle_stride(
    samples: Sequence[Frame], model: LoadedModel, view: View, color: ColorOptions
) -> int:
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
    together = Together(color.coherence)
    list(infer(warm, model, view, len(warm), together=together))
    begun = time.perf_counter()
    fields = list(infer(frames, model, view, len(frames), together=together))
    inferred = time.perf_counter()
    list(smooth(fields, "flow"))
    network, carrying = inferred - begun, time.perf_counter() - inferred
    strides = range(1, _LONGEST_AUTO_STRIDE + 1)
    return next((n for n in strides if network / n <= carrying), _LONGEST_AUTO_STRIDE)
