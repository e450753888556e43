"""The pictures of a training run: loaded, divided, and found to be those that it began with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filmcolor.errors import OptionError
from filmcolor.extract.film import film_reader
from filmcolor.options import TrainOptions
from filmcolor.train.data import PhotoSet, load_photos
from filmcolor.train.film_frames import FilmFrames
from filmcolor.train.recipes import Recipe
from filmcolor.train.split import Split, choose_split, split_by_number, split_photos
from filmcolor.train.workers import Workers

_VAL_SIDE = 256
"""Short side of the pictures that a run is evaluated on, px."""


@dataclass(frozen=True, slots=True)
class DataRecord:
    """What a run's configuration keeps of its pictures, to know them again."""

    count: int
    digest: str
    """Of the names and sizes in bytes of the pictures that have colour."""
    split: Split | None = None
    """None: evaluated on pictures of their own."""
    val_count: int | None = None
    val_digest: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RunData:
    """The pictures to train and to evaluate on."""

    photos: PhotoSet
    val: PhotoSet
    record: DataRecord


def load_run_data(
    sources: Sequence[str],
    options: TrainOptions,
    recipe: Recipe,
    folder: Path,
    workers: Workers,
    *,
    resumed: bool = False,
    record: DataRecord | None = None,
    data_changed: bool = False,
) -> RunData:
    """Training and validation pictures of the run in `folder`, where films' frames are kept.

    The first of several processes makes the indices, the others read them. A resumed run takes the
    split of its `record`; without one it is divided as it was before there were records. Raises the
    errors of `load_photos`, and `OptionError` when the pictures are not those of the record, unless
    `data_changed` says that this is known.
    """
    if not sources:
        raise OptionError("no training data: give folders, shards or films with colour")
    if workers.rank > 0:
        workers.agree(0.0)
    threads = os.cpu_count() or 1
    side = max(options.short_side, *(phase.size for phase in recipe.phases))

    def load(places: Sequence[str], short_side: int, kept: str) -> PhotoSet:
        films = FilmFrames(film_reader(), folder / kept)
        return load_photos(places, short_side, threads, films=films, exclude=options.exclude)

    photos = load(sources, side, "frames")
    val = load(options.val, _VAL_SIDE, "frames-val") if options.val else None
    if workers.rank == 0:
        workers.agree(0.0)
    idle = set(photos.idle_patterns)
    if val is not None:
        idle &= set(val.idle_patterns)
    if idle and not resumed:
        raise OptionError(
            f"--exclude {min(idle)}: no picture has such a name; they are like {photos.names[0]}"
        )
    found = DataRecord(len(photos), photos.digest)
    if val is not None:
        found = replace(found, val_count=len(val), val_digest=val.digest)
    if record is not None:
        found = replace(found, split=record.split)
        if found != record and not data_changed:
            raise OptionError(f"--resume {folder}: {_difference(record, found)}")
    if val is not None:
        return RunData(photos, val, found)
    if resumed and record is None:
        kept, held_out = split_by_number(photos, recipe.val_share, options.seed)
    else:
        split = found.split or choose_split(photos, recipe.val_share, options.seed)
        kept, held_out = split_photos(photos, split, options.seed)
        found = replace(found, split=split)
    kept = replace(kept, unreadable=photos.unreadable, grey=photos.grey)
    return RunData(kept, held_out, found)


def _difference(before: DataRecord, now: DataRecord) -> str:
    """What to say of pictures that are not those that a run began with."""
    what: str = "training data"
    then: int | None = before.count
    count: int | None = now.count
    if (then, before.digest) == (count, now.digest):
        what, then, count = "data of --val", before.val_count, now.val_count
    counts = f"{then} pictures then, {count} now"
    if then == count:
        counts = f"{count} pictures then and now, of other names or sizes"
    return (
        f"the {what} are not those that the run began with ({counts}); bring them back, or go on "
        "with --data-changed: no picture that was trained on is then held out, nor the reverse"
    )


def absolute_paths(options: TrainOptions) -> TrainOptions:
    """The same with all files named from the root, so that a run goes on from any folder."""
    named = {
        name: os.path.abspath(value)
        for name in ("recipe", "init", "teacher", "card")
        if (value := getattr(options, name)) is not None
        and (Path(value).suffix in (".toml", ".safetensors") or name == "card")
    }
    if options.teacher is not None and os.path.isfile(options.teacher):
        named["teacher"] = os.path.abspath(options.teacher)
    return replace(options, val=tuple(map(os.path.abspath, options.val)), **named)
