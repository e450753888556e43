"""Where training pictures lie: shards and folders read by index, and the frames kept of films.

Nothing is held decoded. A picture's file is opened when it is asked for, so that processes share
the system's page cache. It must not know training.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from filmcolor.errors import MediaError
from filmcolor.train.film_frames import FilmFrames, film_stores
from filmcolor.train.photo_index import PhotoIndex, index_path, load_index, make_index, save_index
from filmcolor.train.photo_shards import SUFFIXES, PhotoStore, reading, shard_store


def open_stores(
    sources: Sequence[Path], short_side: int | None, threads: int, films: FilmFrames | None
) -> Iterator[PhotoStore]:
    """What there is in folders (with the shards in them), shards, picture files and films, in
    order; raises `MediaError` for a source that is none of these or is damaged.
    """
    for source in sources:
        if not source.exists():
            raise MediaError(f"{source}: no such folder, shard or film; check the spelling")
    reels = [source for source in sources if _is_film(source)]
    if reels and films is None:
        raise MediaError(f"{reels[0]}: neither a folder, a tar shard nor a picture")
    frames = film_stores(reels, films, short_side, threads) if films is not None else iter(())
    single: list[Path] = []
    for source in sources:
        if source.suffix.lower() in SUFFIXES and not source.is_dir():
            single.append(source)
            continue
        if single:
            yield from _single_stores(single, threads)
            single = []
        if source.is_dir():
            yield from _folder_stores(source, threads)
        elif source in reels:
            yield next(frames)
        else:
            yield shard_store(source, threads)
    if single:
        yield from _single_stores(single, threads)


def _is_film(source: Path) -> bool:
    if source.is_dir() or source.suffix.lower() in SUFFIXES:
        return False
    with reading(source):
        return not tarfile.is_tarfile(source)


def _folder_stores(folder: Path, threads: int) -> Iterator[PhotoStore]:
    """The pictures and shards below a folder, in the order of their paths."""
    found: list[tuple[list[str], os.stat_result]] = []
    for place, _, names in os.walk(folder):
        below = [] if place == str(folder) else os.path.relpath(place, folder).split(os.sep)
        for name in names:
            suffix = os.path.splitext(name)[1].lower()
            if suffix in SUFFIXES or suffix == ".tar":
                path = os.path.join(place, name)
                if os.path.isfile(path):
                    found.append(([*below, name], os.stat(path)))
    found.sort(key=lambda item: item[0])
    loose = [("/".join(parts), stat) for parts, stat in found if not _is_shard(parts[-1])]
    store = _loose_store(folder, loose, threads) if loose else None
    start = row = 0
    for parts, _ in found:
        if not _is_shard(parts[-1]):
            row += 1
            continue
        if store is not None and row > start:
            yield store.part(start, row)
        start = row
        yield shard_store(folder.joinpath(*parts), threads)
    if store is not None and row > start:
        yield store.part(start, row)


def _is_shard(name: str) -> bool:
    return name.lower().endswith(".tar")


def _single_stores(sources: Sequence[Path], threads: int) -> Iterator[PhotoStore]:
    """Pictures named one by one; those of a folder that follow each other together."""
    start = 0
    for stop in range(1, len(sources) + 1):
        if stop == len(sources) or sources[stop].parent != sources[start].parent:
            named = [(path.name, path.stat()) for path in sources[start:stop]]
            yield _loose_store(sources[start].parent, named, threads, keep=False)
            start = stop


def _loose_store(
    folder: Path, files: Sequence[tuple[str, os.stat_result]], threads: int, *, keep: bool = True
) -> PhotoStore:
    """Pictures that are files of their own; `keep` writes what was found out about them."""
    names = [name for name, _ in files]
    length = [stat.st_size for _, stat in files]
    changed = [stat.st_mtime_ns for _, stat in files]
    read = partial(_read_file, folder, names.__getitem__)
    path = index_path(folder)
    known = load_index(path, "folder") if keep else None
    index = make_index(names, [0] * len(names), length, changed, read, threads, known=known)
    if keep and (known is None or not _same_files(known, index)):
        save_index(index, path, "folder")
    read = partial(_read_file, folder, index.names.__getitem__)
    return PhotoStore(f"{folder}{os.sep}", index, read)


def _same_files(one: PhotoIndex, other: PhotoIndex) -> bool:
    return (
        one.names.text == other.names.text
        and np.array_equal(one.names.bounds, other.names.bounds)
        and np.array_equal(one.length, other.length)
        and np.array_equal(one.changed, other.changed)
    )


def _read_file(folder: Path, name: Callable[[int], str], row: int) -> bytes:
    path = os.path.join(folder, name(row))
    with reading(path), open(path, "rb") as file:
        return file.read()
