"""Colours several films and picture folders, one after another; a bad one does not stop the rest.

What one film takes is the business of `jobs.film`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from filmcolor.errors import CheckpointError, FilmcolorError, OptionError
from filmcolor.events import Event, FilmDone, Finished
from filmcolor.jobs import film as pipeline
from filmcolor.jobs.pictures import color_pictures
from filmcolor.media.folders import find_pictures, mirror_target
from filmcolor.media.images.sequence import FrameNames
from filmcolor.media.partfile import make_folder, place_key, refuse_sources
from filmcolor.memory import NO_MEMORY, is_out_of_memory
from filmcolor.models.device import resolve_device
from filmcolor.models.registry import find_checkpoint
from filmcolor.options import RunOptions
from filmcolor.segments.workfolder import in_turn
from filmcolor.segments.workplace import JOINING, check_apart
from filmcolor.timecode import clock_text

ColorFilm = Callable[[str, str, RunOptions], Generator[Event, None, None]]
"""As `pipeline.color_film`."""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One film, one picture or one folder of pictures, and where its result goes."""

    source: str
    target: str
    kind: Literal["film", "pictures"] = "film"
    work: str | None = None
    """As `RunOptions.work`."""


def color_batch(items: Sequence[BatchItem], options: RunOptions) -> Generator[Event, None, None]:
    """Colour every item; what is there already is skipped unless `options.overwrite`.

    Yields the events of every film and folder, a `FilmDone` after each, and at the end a `Finished`
    whose counts are films (and folders). The `FilmDone` of a film that cannot be coloured says so.
    Raises `FilmcolorError` for what would stop every one of them: model, device, and as
    `check_items` and `check_work`. Of each film, what is done is kept when the generator is closed,
    for the next call.
    """
    started = time.monotonic()
    check_items(items, overwrite=options.overwrite)
    check_work(items, options)
    resolve_device(options.color.device)
    find_checkpoint(options.color.model)
    count: Counter[str] = Counter()
    for item in in_turn(items, options.shard):
        with closing(color_item(item, options)) as events:
            for event in events:
                if isinstance(event, FilmDone):
                    count[event.status] += 1
                yield event
    yield all_finished(count, time.monotonic() - started)


def all_finished(count: Mapping[str, int], seconds: float) -> Finished:
    """The end of several films, of which `count` says how many ended in each way."""
    numbers = {name: count[name] for name in ("skipped", "failed", "left")}
    return Finished("", count["done"], seconds, {}, unit="films", **numbers)  # type: ignore[arg-type]


def check_work(items: Sequence[BatchItem], options: RunOptions) -> None:
    """Raise `OptionError` where what some film is made from, or its result, would lie in the work
    folder of one of them.
    """
    films = [item for item in items if item.kind == "film"]
    folders = [
        pipeline.work_folder(item.target, replace(options, work=item.work)) for item in films
    ]
    files = [pipeline.run_files(item.source, item.target, options) for item in films]
    check_apart(folders, chain.from_iterable(files))


def check_items(items: Sequence[BatchItem], *, overwrite: bool) -> None:
    """Raise `OptionError` where two results would be written to one place, or with `overwrite` one
    onto anything that is coloured here, by whatever name.
    """
    owners: dict[str, str] = {}
    for item in items:
        claim_place(item, owners)
    if overwrite:  # else what is there is skipped
        refuse_sources([pair for item in items for pair in _files_of(item)])


def claim_place(item: BatchItem, owners: dict[str, str]) -> None:
    """Note in `owners`, sources by places, that the result of an item goes to its place; raises
    `OptionError` where another's does.
    """
    if owners.setdefault(place_key(item.target), item.source) != item.source:
        raise OptionError(
            f"{item.source}: its result {item.target} is another's too; colour it by itself, "
            "or give the folder that both are in"
        )


def _files_of(item: BatchItem) -> list[tuple[Path, Path]]:
    """Every file of an item, and where its result goes."""
    source, target = Path(item.source), Path(item.target)
    if item.kind == "film" or not source.is_dir():
        return [(source, target)]
    return [(picture, mirror_target(picture, source, target)) for picture in find_pictures(source)]


def color_item(
    item: BatchItem, options: RunOptions, color_film: ColorFilm | None = None
) -> Generator[Event, None, None]:
    """The events of one item, its `FilmDone` last; films are coloured by `color_film`, if given.

    Raises `CheckpointError` alone.
    """
    if not options.overwrite and _is_there(item, options):
        yield FilmDone(item.source, item.target, "skipped", "is there already")
        return
    color = (color_film or pipeline.color_film) if item.kind == "film" else color_pictures
    end: Finished | None = None
    try:
        if item.kind == "film":
            make_folder(Path(item.target).parent)
        with closing(color(item.source, item.target, replace(options, work=item.work))) as events:
            for event in events:
                end = event if isinstance(event, Finished) else end
                yield event
    except CheckpointError:
        raise
    except (FilmcolorError, OSError) as error:
        is_late = options.shard is not None and isinstance(error, OptionError)
        if is_late and _is_there(item, options):
            yield FilmDone(item.source, item.target, "skipped", "is there already")
            return
        yield FilmDone(item.source, item.target, "failed", str(error) or type(error).__name__)
    except Exception as error:
        if is_out_of_memory(error):
            yield FilmDone(item.source, item.target, "failed", NO_MEMORY)
            return
        reason = f"{type(error).__name__}: {error} - this is a bug in filmcolor; run it by itself"
        yield FilmDone(item.source, item.target, "failed", f"{reason} with --debug and report that")
    else:
        yield _ended(item, end)


def _ended(item: BatchItem, end: Finished | None) -> FilmDone:
    """How an item ended that raised no error."""
    assert end is not None
    unit = end.unit if end.done != 1 else end.unit.removesuffix("s")
    took = f"{end.done} {unit} in {clock_text(end.seconds)}"
    if end.failed:
        reason = f"{end.failed} pictures failed; {took}"
        return FilmDone(item.source, item.target, "failed", reason)
    if not end.whole:
        reason = f"{took} done here; the shards that are still at work put it together"
        return FilmDone(item.source, item.target, "left", reason)
    if end.skipped and not end.done:
        return FilmDone(item.source, item.target, "skipped", "its pictures are there already")
    return FilmDone(item.source, item.target, "done", took)


def _is_there(item: BatchItem, options: RunOptions) -> bool:
    if item.kind != "film":
        return False
    names = FrameNames.of(item.target)
    if names is None:
        return Path(item.target).exists()
    # Frames of a run that ended while it put them there are its own.
    folder = pipeline.work_folder(item.target, replace(options, work=item.work))
    return bool(names.numbers()) and not (folder / JOINING).exists()
