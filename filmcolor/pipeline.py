"""Wires the stages into jobs, and tells how they go by yielding events.

    decode -> shots -> infer -> smooth -> compose -> encode

Decoding runs ahead in one bounded thread, and everything up to composing in another, so that the
encoder, the network and the decoder work side by side. Nothing is printed here, and nothing is
read from disk but through `media`.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from filmcolor import __version__
from filmcolor.color import ChromaTable, resolve_tags
from filmcolor.compose import chroma_at, compose
from filmcolor.errors import FilmcolorError, JobError, MediaError, OptionError
from filmcolor.infer import View, infer
from filmcolor.media.decode import FilmReader
from filmcolor.media.encode import FilmWriter, OutputPlan, plan_output
from filmcolor.media.images import (
    Picture,
    find_pictures,
    mirror_target,
    read_picture,
    write_picture,
)
from filmcolor.media.probe import has_color, refuse_hdr
from filmcolor.models.checkpoint import LoadedModel, load_generator
from filmcolor.models.device import resolve_device
from filmcolor.options import ColorOptions, RunOptions
from filmcolor.prefetch import prefetch
from filmcolor.shots import assign_shots, find_picture_box
from filmcolor.smooth import smooth
from filmcolor.types import (
    Box,
    ColorFrame,
    Event,
    Finished,
    Frame,
    Notice,
    PictureDone,
    Planned,
    Progress,
    VideoInfo,
)

T = TypeVar("T")

_SAMPLES = 24
"""Frames looked at before the run: for letterbox bars and for colour that is already there."""
_REPORT_SECONDS = 0.2


class StageClock:
    """Working seconds of each stage of a chain of generators, waiting for the stage before left
    out.
    """

    def __init__(self) -> None:
        self._inclusive: dict[str, float] = {}
        self._feeds: dict[str, str] = {}

    def watch(self, name: str, items: Iterable[T], feeds_on: str | None = None) -> Iterator[T]:
        """Yield `items`, adding up the time they take; `feeds_on` names the stage inside them."""
        self._inclusive[name] = 0.0
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


def _label(model: LoadedModel) -> str:
    return f"colorized by filmcolor {__version__}, {model.card.name}"


def color_film(source: str, target: str, options: RunOptions) -> Generator[Event, None, None]:
    """Colour a film: `source` and `target` are file names, or "-" for Y4M on stdin or stdout.

    Yields `Notice`s and one `Planned`, then `Progress` a few times a second, then one `Finished`.
    The target appears under its name only when it is whole; closing the generator early leaves
    nothing behind. Raises `FilmcolorError`; of these, `PipeClosedError` is a normal end: the reader
    of standard output has gone.
    """
    started = time.monotonic()
    device = resolve_device(options.color.device)
    with FilmReader(source, options.on_error) as reader:
        info = reader.info
        refuse_hdr(info)
        plan = plan_output(info, target, options)
        model = load_generator(options.color.model, device)
        samples = reader.sample(_SAMPLES)
        told = reader.notices
        yield from told
        yield from plan.notices
        yield from _film_notices(info, samples, options)
        total = info.expected_frames(options.start_seconds, options.duration_seconds)
        yield Planned(source, target, model.card.name, str(device), plan.summary, total)
        tags = resolve_tags(info.tags, info.height)
        box = find_picture_box(samples, info.layout, bool(tags.full_range))
        if box is not None:
            yield Notice(
                f"the picture is {box.size[1]}x{box.size[0]} inside black bars, which stay neutral"
            )
        del samples
        clock = StageClock()
        colored = _color_frames(reader, plan, model, box, options, clock)
        done = 0
        for done in _write_frames(colored, plan, _label(model), info.queue_depth, clock):
            yield Progress(done, total, clock.seconds())
        yield from reader.notices[len(told) :]
    yield Finished(target, done, time.monotonic() - started, clock.seconds())


def _write_frames(
    frames: Generator[ColorFrame, None, None],
    plan: OutputPlan,
    label: str,
    depth: int,
    clock: StageClock,
) -> Generator[int, None, None]:
    """Carry `plan` out while `frames` are made ahead; yields the count now and then."""
    done, reported = 0, time.monotonic()
    with FilmWriter(plan, label=label) as writer, closing(prefetch(frames, depth)) as ready:
        for frame in ready:
            begun = time.perf_counter()
            writer.write(frame)
            clock.add("encode", time.perf_counter() - begun)
            done += 1
            if time.monotonic() - reported > _REPORT_SECONDS:
                reported = time.monotonic()
                yield done
        begun = time.perf_counter()
        writer.finish()
        clock.add("encode", time.perf_counter() - begun)
    yield done


def _film_notices(info: VideoInfo, samples: list[Frame], options: RunOptions) -> Iterator[Notice]:
    if info.interlaced and not options.deinterlace:
        yield Notice(
            "the film is interlaced: colour is laid over both fields together, which may smear on "
            "fast motion; --deinterlace makes whole frames first (and gives up exact luma)",
            warning=True,
        )
    if options.deinterlace and not info.interlaced:
        yield Notice("--deinterlace: the film does not say that it is interlaced", warning=True)
    if info.tags.matrix in (0, 2, 3):
        matrix = "BT.601" if resolve_tags(info.tags, info.height).matrix == 6 else "BT.709"
        yield Notice(f"the film does not say its colour matrix: taken as {matrix} from its height")
    state = has_color(samples, info.layout)
    if state == "color":
        yield Notice("the film already has colour: only its luma is used", warning=True)
    elif state == "tinted":
        yield Notice("the film is tinted: the tint is replaced, only its luma is used")


def _color_frames(
    reader: FilmReader,
    plan: OutputPlan,
    model: LoadedModel,
    box: Box | None,
    options: RunOptions,
    clock: StageClock,
) -> Generator[ColorFrame, None, None]:
    """The chain of stages from the reader's frames to frames for the writer."""
    info = reader.info
    tags = resolve_tags(info.tags, info.height)
    table = ChromaTable.build(tags.matrix, tags.primaries).to(model.device)
    view = film_view(info, model, box, options.color)
    frames = reader.frames(
        start_seconds=options.start_seconds,
        duration_seconds=options.duration_seconds,
        deinterlace=options.deinterlace,
    )
    ahead = prefetch(clock.watch("decode", frames), info.queue_depth)
    waited = clock.watch("_wait", ahead)
    marked = clock.watch("shots", assign_shots(waited, info.layout), "_wait")
    fields = clock.watch("infer", infer(marked, model, view, options.color.batch_size), "shots")
    steady = clock.watch("smooth", smooth(fields, options.color.smooth), "infer")
    composed = compose(
        steady,
        source_layout=info.layout,
        layout=plan.layout,
        tags=tags,
        siting=plan.siting,
        box=box,
        saturation=options.color.saturation,
        table=table,
        device=model.device,
    )
    with closing(ahead):
        yield from clock.watch("compose", composed, "smooth")


def film_view(info: VideoInfo, model: LoadedModel, box: Box | None, options: ColorOptions) -> View:
    """How the network is shown this film: upright, in its displayed shape, without its bars."""
    height, width = (info.height, info.width) if box is None else box.size
    aspect = float(info.sample_aspect_ratio)
    if info.rotation % 180:
        height, width, aspect = width, height, 1 / aspect
    rows, columns = model.card.descriptor.model_size(height, width, options.size, aspect)
    return View(
        info.layout.bit_depth, bool(info.tags.full_range), rows, columns, info.rotation, box
    )


def color_pictures(source: str, target: str, options: RunOptions) -> Generator[Event, None, None]:
    """Colour one picture, or every picture of a folder and its subfolders.

    With a folder, `target` is a folder that mirrors it; a picture that cannot be read or written
    is reported by a `PictureDone` and the rest goes on; what is there already is skipped unless
    `overwrite`. With a single picture, an error is raised. Yields `Planned`, then a `PictureDone`
    and `Progress` for each, then `Finished`.
    """
    started = time.monotonic()
    device = resolve_device(options.color.device)
    folder = Path(source)
    single = not folder.is_dir()
    pairs = _picture_pairs(folder, Path(target), single=single)
    if single and pairs[0][1].exists() and not options.overwrite:
        raise OptionError(f"{target}: is there already; choose another name or give --overwrite")
    model = load_generator(options.color.model, device)
    yield Planned(
        source,
        target,
        model.card.name,
        str(device),
        f"{len(pairs)} pictures",
        len(pairs),
        "pictures",
    )
    table = ChromaTable.build(6, 1).to(device)
    clock = StageClock()
    count = {"done": 0, "skipped": 0, "failed": 0}
    for number, (picture, place) in enumerate(pairs, 1):
        if place.exists() and not options.overwrite:
            count["skipped"] += 1
            yield PictureDone(str(picture), str(place), "skipped", "is there already")
        else:
            try:
                yield from _color_picture(picture, place, model, table, options.color, clock)
                count["done"] += 1
                yield PictureDone(str(picture), str(place), "done")
            except FilmcolorError as error:
                if single:
                    raise
                count["failed"] += 1
                yield PictureDone(str(picture), str(place), "failed", str(error))
        yield Progress(number, len(pairs), clock.seconds())
    yield Finished(
        target,
        count["done"],
        time.monotonic() - started,
        clock.seconds(),
        skipped=count["skipped"],
        failed=count["failed"],
        unit="pictures",
    )


def _picture_pairs(source: Path, target: Path, *, single: bool) -> list[tuple[Path, Path]]:
    if single:
        if target.is_dir():
            target = mirror_target(source, source.parent, target)
        if target.exists() and target.samefile(source):
            raise OptionError(f"{target}: source and target are the same picture")
        return [(source, target)]
    if target.exists() and not target.is_dir():
        raise OptionError(f"{target}: must be a folder, since {source} is one")
    if target.resolve().is_relative_to(source.resolve()):
        raise OptionError(f"{target}: the results must not go into the folder they are made from")
    pictures = find_pictures(source)
    if not pictures:
        raise MediaError(f"{source}: no pictures in this folder (JPEG, PNG, WebP, TIFF, BMP)")
    return [(picture, mirror_target(picture, source, target)) for picture in pictures]


def _color_picture(
    source: Path,
    target: Path,
    model: LoadedModel,
    table: ChromaTable,
    options: ColorOptions,
    clock: StageClock,
) -> Iterator[Notice]:
    """Colour one picture file; yields what its reader and its writer have to say."""
    begun = time.perf_counter()
    picture = read_picture(source)
    for notice in picture.notices:
        yield Notice(f"{source}: {notice.text}", notice.warning)
    clock.add("read", time.perf_counter() - begun)
    begun = time.perf_counter()
    (pair,) = infer([Frame(0, 0, picture.luma)], model, picture_view(picture, model, options), 1)
    clock.add("infer", time.perf_counter() - begun)
    begun = time.perf_counter()
    cb, cr = chroma_at(
        pair[1],
        picture.luma,
        bit_depth=picture.layout.bit_depth,
        saturation=options.saturation,
        table=table,
        device=model.device,
    )
    clock.add("compose", time.perf_counter() - begun)
    begun = time.perf_counter()
    if not target.parent.is_dir():
        try:
            target.parent.mkdir(parents=True)
        except OSError as error:
            raise JobError(
                f"{target.parent}: cannot make this folder ({error.strerror})"
            ) from error
    for notice in write_picture(picture, cb, cr, target, label=_label(model)):
        yield Notice(f"{target}: {notice.text}", notice.warning)
    clock.add("write", time.perf_counter() - begun)


def picture_view(picture: Picture, model: LoadedModel, options: ColorOptions) -> View:
    """How the network is shown this picture: upright, in its own shape."""
    height, width = picture.luma.shape
    if picture.rotation % 180:
        height, width = width, height
    rows, columns = model.card.descriptor.model_size(height, width, options.size)
    return View(picture.layout.bit_depth, True, rows, columns, picture.rotation)
