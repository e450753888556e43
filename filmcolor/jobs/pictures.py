"""Colours pictures: one, or every one of a folder, and tells how it goes by yielding events.

read -> infer -> [superres] -> compose -> write
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from filmcolor.color import ChromaTable
from filmcolor.errors import FilmcolorError, MediaError, NameTakenError, OptionError
from filmcolor.events import Event, Finished, Notice, PictureDone, Progress, Started
from filmcolor.film.stage_timer import StageTimer
from filmcolor.guide.match import Reference, reference_for
from filmcolor.jobs.sidecar import model_label
from filmcolor.media.folders import find_pictures, mirror_target
from filmcolor.media.images.formats import format_of_suffix
from filmcolor.media.images.picture import Chroma
from filmcolor.media.images.reader import read_picture
from filmcolor.media.images.writer import refuse_large, write_picture
from filmcolor.media.partfile import forget_part, make_folder, refuse_sources, refuse_taken
from filmcolor.memory import NO_MEMORY, is_out_of_memory
from filmcolor.models.checkpoint import LoadedModel, load_generator, load_upscaler
from filmcolor.models.device import resolve_device
from filmcolor.options import RunOptions
from filmcolor.stages.compose import PictureChroma
from filmcolor.stages.infer import Together, infer
from filmcolor.stages.tone import Tone
from filmcolor.stages.upscale import enlarged_picture
from filmcolor.stages.view import picture_view
from filmcolor.types import Frame


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
    for number, (picture, place) in enumerate(pairs, 1):
        done = partial(PictureDone, str(picture), str(place))
        try:
            if place.exists() and not options.overwrite:
                forget_part(place)
                end = done("skipped", "is there already")
            else:
                if options.overwrite or single:
                    refuse_taken(place, overwrite=options.overwrite)
                yield from colorer.color(picture, place, keep=single)
                end = done("done")
        except (FilmcolorError, MemoryError, RuntimeError, cv2.error) as error:
            if single or not (isinstance(error, FilmcolorError) or is_out_of_memory(error)):
                raise
            why = NO_MEMORY if is_out_of_memory(error) else str(error)
            was_quicker = isinstance(error, NameTakenError)  # another run
            end = done("skipped", "is there by now") if was_quicker else done("failed", why)
        count[end.status] += 1
        yield end
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

    def color(self, source: Path, target: Path, *, keep: bool) -> Iterator[Notice]:
        """Colour one picture file; yields what its reader and its writer have to say. `keep` as
        `write_picture`.
        """
        color, timer, device = self._options.color, self.timer, self._model.device
        begun = time.perf_counter()
        picture = read_picture(source)
        refuse_large(picture, target)
        for notice in picture.notices:
            yield Notice(f"{source}: {notice.text}", notice.warning)
        timer.add("read", time.perf_counter() - begun)
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
        for notice in write_picture(
            picture,
            cb,
            cr,
            target,
            label=label,
            chroma_alone=self._options.output_chroma,
            overwrite=self._options.overwrite,
            keep=keep,
        ):
            yield Notice(f"{target}: {notice.text}", notice.warning)
        timer.add("write", time.perf_counter() - begun)
