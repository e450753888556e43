"""What a coloured film's colours are worth over time, beside what they must be compared with.

Rows of a report: *grey*, the film's own luma without colour, whose CDC is the floor that grain,
motion and light leave to any colouring; the *truth*, where it is known; *results*, films coloured
before; and what models make of the luma here and now, through the stages of `filmcolor run`, with
its smoothing and without. These meet no encoder. It must not know training.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import Literal, TypeVar

from filmcolor.errors import MediaError
from filmcolor.evaluate.film_figures import FilmFigures, FrameFigures
from filmcolor.evaluate.photos import without_nan
from filmcolor.evaluate.video import measure_films
from filmcolor.events import Notice
from filmcolor.film.chain import composed
from filmcolor.models.checkpoint import LoadedModel, load_generator
from filmcolor.models.device import resolve_device
from filmcolor.options import ColorOptions, FilmMeasureOptions, Smoothing
from filmcolor.stages.cast import Cast
from filmcolor.stages.infer import Together, infer, needs_things
from filmcolor.stages.look import look_at
from filmcolor.stages.smooth import smooth
from filmcolor.stages.things import PackedThings, ThingFinder
from filmcolor.stages.tone import Tone
from filmcolor.stages.view import film_view
from filmcolor.types import Frame, Shot
from filmcolor.visual.rgb import PictureMaker, Rgb
from filmcolor.visual.sheets import distinct_names
from filmcolor.visual.side_by_side import Row, SideBySide, with_neutral_chroma

T = TypeVar("T")

Kind = Literal["grey", "truth", "result", "model"]

_METHODS: tuple[Smoothing, ...] = (ColorOptions().smooth, "none")
"""How every model's colours are smoothed: as shipped, and not."""
_BLOTCH_FRAMES = 48
"""About so many frames, spread over the film, are searched for blotches and faces."""


@dataclass(frozen=True, slots=True)
class FilmRow:
    """One film of a report."""

    name: str
    """For people."""
    kind: Kind
    source: str
    """The file, or the model's name or file, as it was given."""
    smooth: Smoothing | None
    """How a model's colours were smoothed; None for what was coloured before."""
    figures: FilmFigures

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        frames = [without_nan(asdict(frame)) for frame in self.figures.frames]
        return {
            "name": self.name,
            "kind": self.kind,
            "source": self.source,
            "smooth": self.smooth,
            "total": without_nan(asdict(self.figures.total)),
            "by_shot": [without_nan(asdict(shot)) for shot in self.figures.by_shot().values()],
            "by_frame": {
                entry.name: [frame[entry.name] for frame in frames]
                for entry in fields(FrameFigures)
            },
        }


@dataclass(frozen=True, slots=True)
class FilmReport:
    """Films of the same pictures and their figures: grey, truth, results, models, in this order."""

    rows: tuple[FilmRow, ...]
    seconds: tuple[float, ...]
    """When each measured frame is shown, from the film's first frame."""
    size: tuple[int, int]
    """(height, width) of the pictures that were measured."""

    @property
    def has_truth(self) -> bool:
        """Whether the colours were compared with the true ones."""
        return any(row.kind == "truth" for row in self.rows)

    @property
    def shots(self) -> list[Shot]:
        """The shots, in measured frames counted from 0."""
        numbers = self.rows[0].figures.shots
        starts = [n for n, shot in enumerate(numbers) if n == 0 or numbers[n - 1] != shot]
        stops = [*starts[1:], len(numbers)]
        return [
            Shot(start, stop, "end" if stop == len(numbers) else "cut")
            for start, stop in zip(starts, stops, strict=True)
        ]

    def as_dict(self) -> dict[str, object]:
        """For JSON, where NaN becomes null."""
        return {
            "frames": len(self.seconds),
            "height": self.size[0],
            "width": self.size[1],
            "seconds": [round(moment, 6) for moment in self.seconds],
            "shots": [{"start": shot.start, "stop": shot.stop} for shot in self.shots],
            "films": [row.as_dict() for row in self.rows],
        }


def evaluate_films(
    options: FilmMeasureOptions,
    *,
    on_notice: Callable[[Notice], None] | None = None,
    on_frame: Callable[[int, int | None], None] | None = None,
) -> FilmReport:
    """Measure films of the same pictures, a few frames of each in memory at a time.

    `on_frame` is given how many frames are done, of how many (an estimate). Raises `MediaError` for
    films that cannot be read or paired, or a truth without colour; `CheckpointError` and `JobError`
    as `load_generator` and `infer` do.
    """
    has_truth = options.truth is not None
    paths = [*([options.truth] if options.truth is not None else []), *options.results]
    device = resolve_device(options.device)
    models = [
        load_generator(name, device, options.look, options.precision, options.engine)
        for name in _models(options)
    ]
    with SideBySide(paths, options.short_side) as films:
        for path, state in zip(paths, films.colors, strict=True):
            if state == "grey" and path == options.truth:
                raise MediaError(
                    f"{path}: has no colour; --truth takes the film in colour (leave it out where "
                    "nobody knows the colours)"
                )
            if state == "grey" and on_notice is not None:
                on_notice(Notice(f"{path}: has no colour", warning=True))
        part = options.start_seconds, options.duration_seconds
        things = [_things(films.rows(*part), films, model) for model in models]
        rows = films.rows(*part)
        heads = _heads(options)
        total = films.info.expected_frames(options.start_seconds, options.duration_seconds)
        seconds: list[float] = []
        sizes: set[tuple[int, int]] = set()

        def pictured() -> Iterator[tuple[int, dict[str, Rgb]]]:
            for row, pictures in _pictures(rows, films, models, things):
                seconds.append(float(films.seconds(row)))
                sizes.add(pictures[0].shape[:2])
                yield row[0].shot, {str(n): picture for n, picture in enumerate(pictures)}
                if on_frame is not None:
                    on_frame(len(seconds), total)

        with closing(rows):
            every = max(1, (total or 0) // _BLOTCH_FRAMES)
            figures = measure_films(pictured(), "1" if has_truth else None, every)
    return FilmReport(
        tuple(
            FilmRow(name, kind, source, method, figures[str(number)])
            for number, (name, kind, source, method) in enumerate(heads)
        ),
        tuple(seconds),
        sizes.pop(),
    )


def _models(options: FilmMeasureOptions) -> tuple[str, ...]:
    return () if options.files_only else options.models


def _heads(options: FilmMeasureOptions) -> list[tuple[str, Kind, str, Smoothing | None]]:
    """Name, kind, source and smoothing of every row, in order."""
    base = options.truth if options.truth is not None else options.results[0]
    heads: list[tuple[str, Kind, str, Smoothing | None]] = [("grey", "grey", base, None)]
    if options.truth is not None:
        heads.append(("truth", "truth", options.truth, None))
    for name, path in zip(distinct_names(options.results), options.results, strict=True):
        heads.append((name, "result", path, None))
    for name, model in zip(distinct_names(_models(options)), _models(options), strict=True):
        for method in _METHODS:
            suffix = ", --smooth none" if method == "none" else ""
            heads.append((f"{name}{suffix}", "model", model, method))
    return heads


def _pictures(
    rows: Iterator[Row],
    films: SideBySide,
    models: Sequence[LoadedModel],
    things: Sequence[Mapping[int, PackedThings]],
) -> Iterator[tuple[Row, list[Rgb]]]:
    """Pictures of every row of the report, in order, for each frame."""
    own, *copies = _copies(rows, 1 + len(models))
    made = [
        stream
        for model, known, copy in zip(models, things, copies, strict=True)
        for stream in _colored((row[0] for row in copy), films, model, known)
    ]
    maker: PictureMaker = films.makers[0]
    for row, *colored in zip(own, *made, strict=True):
        grey = with_neutral_chroma(row[0], films.info.layout, anyway=True)
        pictures = [maker.picture(grey)]
        pictures += [one.picture(frame) for one, frame in zip(films.makers, row, strict=True)]
        pictures += [maker.picture(frame) for frame in colored]
        yield row, pictures


def _things(
    rows: Generator[Row, None, None], films: SideBySide, model: LoadedModel
) -> Mapping[int, PackedThings]:
    """The things of each shot, as the analysis of `filmcolor run` finds them."""
    finder, options = ThingFinder(), ColorOptions()
    if not needs_things(model, options):
        return {}
    view = film_view(films.info, model, films.box, options)
    with closing(rows):
        for frame, *_ in rows:
            if finder.wants(frame.shot, frame.place):
                finder.add(look_at(frame, model, view))
    return Cast.of(finder.found()).shown()


def _colored(
    frames: Iterator[Frame],
    films: SideBySide,
    model: LoadedModel,
    things: Mapping[int, PackedThings],
) -> list[Iterator[Frame]]:
    """The frames coloured as `filmcolor run` does, by all methods; the network runs once."""
    info, options = films.info, ColorOptions()
    view, tone = film_view(info, model, films.box, options), Tone.of(options)
    together = Together(options.coherence, things)
    colored = infer(frames, model, view, options.batch_size, together=together)
    copies = _copies(colored, len(_METHODS))
    return [
        composed(
            smooth(copy, method, stability=options.stability), info, model.device, films.box, tone
        )
        for copy, method in zip(copies, _METHODS, strict=True)
    ]


def _copies(items: Iterable[T], count: int) -> list[Iterator[T]]:
    """The same items several times over; what all have taken is let go, unlike `itertools.tee`,
    which keeps dozens.
    """
    source = iter(items)
    waiting: list[deque[T]] = [deque() for _ in range(count)]

    def copy(own: deque[T]) -> Iterator[T]:
        while True:
            if not own:
                new = list(islice(source, 1))
                if not new:
                    return
                for one in waiting:
                    one.extend(new)
                del new
            yield own.popleft()

    return [copy(own) for own in waiting]
