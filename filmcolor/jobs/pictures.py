"""Colours pictures: one, or every one of a folder, and tells how it goes by yielding events.

read -> infer -> [superres] -> compose -> write
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch

from filmcolor.color import ChromaTable
from filmcolor.errors import FilmcolorError, MediaError, NameTakenError, OptionError
from filmcolor.events import Event, Finished, Notice, PictureDone, Progress, Started
from filmcolor.film.stage_timer import StageTimer
from filmcolor.guide.match import Reference, reference_for
from filmcolor.jobs.sidecar import model_label
from filmcolor.media.folders import find_pictures, mirror_target
from filmcolor.media.images.formats import format_of_suffix
from filmcolor.media.images.picture import Chroma, Picture
from filmcolor.media.images.reader import read_picture
from filmcolor.media.images.writer import refuse_large, write_picture
from filmcolor.media.partfile import forget_part, make_folder, refuse_sources, refuse_taken
from filmcolor.memory import NO_MEMORY, is_out_of_memory
from filmcolor.models.checkpoint import LoadedModel, load_generator, load_upscaler
from filmcolor.models.device import resolve_device
from filmcolor.options import RunOptions
from filmcolor.stages.compose import PictureChroma
from filmcolor.stages.infer import Together, infer, one_thread_each
from filmcolor.stages.tone import Tone
from filmcolor.stages.upscale import enlarged_picture
from filmcolor.stages.view import picture_view
from filmcolor.types import Frame

_Made = tuple[list[Notice], dict[str, float]]
_EXPECTED = (FilmcolorError, MemoryError, RuntimeError, cv2.error)
_PIXELS_AT_ONCE = 1 << 24
"""Pixels of the pictures that are worked on at the same time, unless one has more."""


@dataclass(slots=True, eq=False)
class _Begun:
    """A picture on its way."""

    source: Path
    target: Path
    status: Literal["done", "skipped", "failed"] = "done"
    detail: str = ""
    pixels: int = 0
    notices: list[Notice] = field(default_factory=list)
    work: Future[_Made] | None = None


def color_pictures(source: str, target: str, options: RunOptions) -> Generator[Event, None, None]:
    """Colour one picture, or every picture of a folder and its subfolders.

    With a folder, `target` is a folder that mirrors it; a picture that cannot be read or written
    is reported by a `PictureDone` and the rest goes on; what is there already is skipped unless
    `overwrite`. With a single picture, an error is raised. Yields `Started`, then a `PictureDone`
    and `Progress` for each, then `Finished`.
    """
    started = time.monotonic()
    device = resolve_device(options.color.device)
    folder = Path(source)
    single = not folder.is_dir()
    pairs = _picture_pairs(folder, Path(target), single=single)
    if single:
        read = [source] if options.reference is None else [source, options.reference]
        refuse_taken(pairs[0][1], overwrite=options.overwrite, sources=read)
    elif options.overwrite:
        refuse_sources(pairs)
    if options.shard is not None:
        pairs = pairs[options.shard[0] - 1 :: options.shard[1]]
    color = options.color
    model = load_generator(color.model, device, color.look, color.precision, color.engine)
    if model.remark:
        yield Notice(model.remark, warning=True)
    yield Started(
        source,
        target,
        model.card.name,
        str(device),
        f"{len(pairs)} pictures",
        len(pairs),
        "pictures",
        engine=model.engine,
    )
    reference = reference_for(options.reference, model)
    colorer = _PictureColorer(model, reference, options)
    count: Counter[str] = Counter()
    for number, told in enumerate(_colored(pairs, colorer, options, single=single), 1):
        for event in told:
            if isinstance(event, PictureDone):
                count[event.status] += 1
            yield event
        yield Progress(number, len(pairs), colorer.timer.seconds())
    yield Finished(
        target,
        count["done"],
        time.monotonic() - started,
        colorer.timer.seconds(),
        skipped=count["skipped"],
        failed=count["failed"],
        unit="pictures",
    )


def _colored(
    pairs: Sequence[tuple[Path, Path]],
    colorer: _PictureColorer,
    options: RunOptions,
    *,
    single: bool,
) -> Generator[list[Notice | PictureDone], None, None]:
    """What there is to say of each picture, in order, its `PictureDone` last; raises what is wrong
    with a `single` one. On a processor several are worked on at the same time, each in one thread.
    """
    with ExitStack() as stack:
        lanes = 1
        if len(pairs) > 1 and colorer.is_for_lanes:
            lanes = stack.enter_context(one_thread_each())
        pool = ThreadPoolExecutor(lanes, "filmcolor-pictures", torch.set_num_threads, (1,))
        stack.callback(pool.shutdown, cancel_futures=True)
        waiting: deque[_Begun] = deque()
        for picture, place in pairs:
            begun = _Begun(picture, place)
            try:
                if place.exists() and not options.overwrite:
                    forget_part(place)
                    begun.status, begun.detail = "skipped", "is there already"
                else:
                    if options.overwrite or single:
                        refuse_taken(place, overwrite=options.overwrite)
                    read = colorer.read(picture, begun.notices)
                    begun.pixels = read.luma.size
                    while waiting and (
                        len(waiting) >= lanes
                        or sum(each.pixels for each in waiting) + begun.pixels > _PIXELS_AT_ONCE
                    ):
                        yield _ended(waiting.popleft(), colorer, single=single)
                    job = partial(colorer.color, read, place, keep=single)
                    begun.work = pool.submit(job) if lanes > 1 else _done_at_once(job)
            except _EXPECTED as error:
                begun.work = Future()
                begun.work.set_exception(error)
            waiting.append(begun)
            if lanes == 1:
                yield _ended(waiting.popleft(), colorer, single=single)
        while waiting:
            yield _ended(waiting.popleft(), colorer, single=single)


def _done_at_once(job: Callable[[], _Made]) -> Future[_Made]:
    made: Future[_Made] = Future()
    made.set_result(job())
    return made


def _ended(begun: _Begun, colorer: _PictureColorer, *, single: bool) -> list[Notice | PictureDone]:
    """Wait for a picture; what there is to say of it."""
    told: list[Notice | PictureDone] = [*begun.notices]
    status, detail = begun.status, begun.detail
    try:
        if begun.work is not None:
            notices, seconds = begun.work.result()
            told += notices
            for name, own in seconds.items():
                colorer.timer.add(name, own)
    except _EXPECTED as error:
        if single or not (isinstance(error, FilmcolorError) or is_out_of_memory(error)):
            raise
        why = NO_MEMORY if is_out_of_memory(error) else str(error)
        was_quicker = isinstance(error, NameTakenError)  # another run
        status, detail = ("skipped", "is there by now") if was_quicker else ("failed", why)
    return [*told, PictureDone(str(begun.source), str(begun.target), status, detail)]


def _picture_pairs(source: Path, target: Path, *, single: bool) -> list[tuple[Path, Path]]:
    if single:
        if target.is_dir():
            target = mirror_target(source, source.parent, target)
        return [(source, target)]
    if target.exists() and not target.is_dir():
        raise OptionError(f"{target}: must be a folder, since {source} is one")
    if target.resolve().is_relative_to(source.resolve()):
        raise OptionError(f"{target}: the results must not go into the folder they are made from")
    pictures = find_pictures(source)
    if not pictures:
        raise MediaError(f"{source}: no pictures in this folder")
    inside, output = source.resolve(), target.resolve()
    places = (Path(os.path.realpath(picture)) for picture in pictures)
    if any(p.is_relative_to(output) and not p.is_relative_to(inside) for p in places):
        raise OptionError(f"{target}: a link in {source} leads to it; choose another -o")
    return [(picture, mirror_target(picture, source, target)) for picture in pictures]


class _PictureColorer:
    """Colours picture files, one after another."""

    def __init__(
        self, model: LoadedModel, reference: Reference | None, options: RunOptions
    ) -> None:
        self._model, self._reference, self._options = model, reference, options
        self._table = ChromaTable.build(6, 1).to(model.device)
        self._upscaler = (
            None if options.upscale is None else load_upscaler(options.upscaler, model.device)
        )
        self.timer = StageTimer()

    @property
    def is_for_lanes(self) -> bool:
        """Whether pictures beside each other are quicker; enlarging takes all cores by itself."""
        return self._model.device.type == "cpu" and self._upscaler is None

    def read(self, source: Path, notices: list[Notice]) -> Picture:
        """A picture file; what its reader has to say is added to `notices`."""
        begun = time.perf_counter()
        picture = read_picture(source)
        notices += [Notice(f"{source}: {each.text}", each.warning) for each in picture.notices]
        self.timer.add("read", time.perf_counter() - begun)
        return picture

    def color(self, picture: Picture, target: Path, *, keep: bool) -> _Made:
        """Colour a picture into a file; what its writer has to say, and the seconds of each stage.
        `keep` as `write_picture`. Several threads may ask at a time.
        """
        refuse_large(picture, target)
        color, device = self._options.color, self._model.device
        timer = StageTimer()
        if not self._options.no_color:
            begun = time.perf_counter()
            view = picture_view(picture, self._model, color)
            reference = self._reference
            hint_source = None if reference is None else partial(reference.hint, view=view)
            shown, together = [Frame(0, 0, picture.luma)], Together(color.coherence)
            ((_, field),) = infer(shown, self._model, view, 1, hint_source, together)
            timer.add("infer", time.perf_counter() - begun)
        if self._upscaler is not None and self._options.upscale is not None:
            begun = time.perf_counter()
            picture = enlarged_picture(
                picture, self._upscaler, self._options.upscale, color.precision
            )
            timer.add("superres", time.perf_counter() - begun)
        begun = time.perf_counter()
        if self._options.no_color:
            cb: Chroma
            cr: Chroma
            cb = cr = np.zeros(picture.luma.shape, np.float32)
        else:
            chroma = PictureChroma(
                field,
                picture.luma,
                bit_depth=picture.layout.bit_depth,
                table=self._table,
                device=device,
                tone=Tone.of(color),
            )
            # TIFF is written strip by strip, so that a large scan takes no more than it has to.
            in_strips = format_of_suffix(target) == "TIFF"
            cb, cr = chroma.planes if in_strips else chroma.rows(slice(None))
        timer.add("compose", time.perf_counter() - begun)
        begun = time.perf_counter()
        if not target.parent.is_dir():
            make_folder(target.parent)
        label = model_label(self._model.card, self._options)
        said = write_picture(
            picture,
            cb,
            cr,
            target,
            label=label,
            chroma_alone=self._options.output_chroma,
            overwrite=self._options.overwrite,
            keep=keep,
        )
        notices = [Notice(f"{target}: {each.text}", each.warning) for each in said]
        timer.add("write", time.perf_counter() - begun)
        return notices, timer.seconds()
