"""Where training pictures lie: shards and folders read by index, and the frames kept of films.

Nothing is held decoded. A picture's file is opened when it is asked for, so that processes share
the system's page cache. It must not know training.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.durable import make_folders
from filmcolor.errors import MediaError, refusals
from filmcolor.evaluate.coloring import reduce_photo
from filmcolor.hashing import digest
from filmcolor.media.partfile import PartFile
from filmcolor.train.photo_index import (
    PhotoIndex,
    index_path,
    load_index,
    make_index,
    save_index,
)

if TYPE_CHECKING:
    from filmcolor.extract.film import PickedFrame

SUFFIXES = frozenset({".webp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})

_FRAMES = "frames-1"


@dataclass(frozen=True, slots=True, eq=False)
class PhotoStore:
    """The pictures of one shard, folder or film."""

    shown: str
    """Shown before a picture's name: the shard or folder."""
    index: PhotoIndex
    read: Callable[[int], bytes]
    """The file of a picture by its number; `MediaError` if it has changed meanwhile."""

    def part(self, start: int, stop: int) -> PhotoStore:
        """The pictures from `start` to before `stop`."""
        read = self.read
        return PhotoStore(self.shown, self.index.part(start, stop), lambda row: read(start + row))


@dataclass(frozen=True, slots=True)
class FilmFrames:
    """How frames are taken from the films among the sources, and where they are kept."""

    read: Callable[[Path], Iterator[PickedFrame]]
    """The frames worth training on of one film after another."""
    folder: Path | None = None
    """Kept there as shards of PNG, so that a resumed run need not read the films; None: in
    memory.
    """


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
    frames = _film_stores(reels, films, short_side, threads) if films is not None else iter(())
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
            yield _shard_store(source, threads)
    if single:
        yield from _single_stores(single, threads)


def _is_film(source: Path) -> bool:
    if source.is_dir() or source.suffix.lower() in SUFFIXES:
        return False
    with _reading(source):
        return not tarfile.is_tarfile(source)


def _reading(source: Path | str) -> AbstractContextManager[None]:
    return refusals(MediaError, f"{source}: cannot be read")


def _shard_store(source: Path, threads: int) -> PhotoStore:
    with _reading(source):
        stat = source.stat()
        identity = f"{stat.st_size} {stat.st_mtime_ns}"
        path = index_path(source)
    index = load_index(path, identity)
    if index is None:
        index = _shard_index(source, threads)
        save_index(index, path, identity)
    read = _span_reader(source, index.offset, index.length, stat.st_mtime_ns)
    return PhotoStore(f"{source}:", index, read)


def _shard_index(source: Path, threads: int, shot: Sequence[int] | None = None) -> PhotoIndex:
    """Look at every picture of a shard."""
    try:
        with tarfile.open(source, "r:") as shard:
            members = [
                (member.name.removeprefix("./"), member.offset_data, member.size)
                for member in shard
                if member.isreg()
                and not member.issparse()
                and Path(member.name).suffix.lower() in SUFFIXES
            ]
        stat = source.stat()
    except (tarfile.TarError, OSError, EOFError) as error:
        if _is_compressed(source):
            raise MediaError(
                f"{source}: a compressed shard; pictures are read out of shards by their place, "
                "so unpack it to a plain .tar first"
            ) from error
        raise MediaError(f"{source}: not a whole tar shard ({error}); fetch it again") from error
    names = [name for name, _, _ in members]
    offset = np.array([place for _, place, _ in members], np.int64)
    length = np.array([size for _, _, size in members], np.int64)
    if (offset + length > stat.st_size).any():
        raise MediaError(f"{source}: not a whole tar shard (it is cut short); fetch it again")
    read = _span_reader(source, offset, length, stat.st_mtime_ns)
    return make_index(names, offset, length, [0] * len(names), read, threads, shot=shot)


def _is_compressed(source: Path) -> bool:
    try:
        with tarfile.open(source, "r:"):
            return False
    except (tarfile.TarError, OSError, EOFError):
        return tarfile.is_tarfile(source)


def _span_reader(
    source: Path, offset: NDArray[np.int64], length: NDArray[np.int64], changed: int
) -> Callable[[int], bytes]:
    def read(row: int) -> bytes:
        with _reading(source), open(source, "rb") as file:
            if os.fstat(file.fileno()).st_mtime_ns != changed:
                raise MediaError(f"{source}: has changed while it was in use; begin again")
            file.seek(offset[row])
            return file.read(length[row])

    return read


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
        yield _shard_store(folder.joinpath(*parts), threads)
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
    with _reading(path), open(path, "rb") as file:
        return file.read()


def _film_stores(
    films: Sequence[Path], frames: FilmFrames, short_side: int | None, threads: int
) -> Iterator[PhotoStore]:
    """Each film's frames. What is kept of a film depends on those before it, so frames that were
    kept earlier are good only if all films are the same.
    """
    stats = [film.stat() for film in films]
    facts = [f"{f.name} {s.st_size} {s.st_mtime_ns}" for f, s in zip(films, stats, strict=True)]
    identity = f"{_FRAMES} {short_side} " + "; ".join(facts)
    if frames.folder is None:
        for film in films:
            yield _held_store(film, frames.read(film), short_side, threads)
        return
    shards = [frames.folder / f"{film.name}-{_digest(film)}.tar" for film in films]
    indices = [load_index(index_path(s), identity) if s.exists() else None for s in shards]
    known = all(index is not None for index in indices)
    for film, shard, index in zip(films, shards, indices, strict=True):
        if not known or index is None:
            shots = _write_frames(shard, film, frames.read(film), short_side)
            index = _shard_index(shard, threads, shots)
            save_index(index, index_path(shard), identity)
        read = _span_reader(shard, index.offset, index.length, shard.stat().st_mtime_ns)
        yield PhotoStore(f"{film.parent}{os.sep}", index, read)


def _digest(film: Path) -> str:
    return digest(os.fsencode(os.path.abspath(film)), 4)


def _encoded_frames(
    film: Path, frames: Iterator[PickedFrame], short_side: int | None
) -> Iterator[tuple[str, bytes, int]]:
    """Name, PNG and first frame of the shot, of every frame."""
    shot, first = -1, 0
    for frame in frames:
        if frame.shot != shot:
            shot, first = frame.shot, frame.index
        rgb = reduce_photo(frame.rgb, short_side)
        png = cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes()
        yield f"{film.name}/{frame.index:06}.png", png, first


def _held_store(
    film: Path, frames: Iterator[PickedFrame], short_side: int | None, threads: int
) -> PhotoStore:
    found = list(_encoded_frames(film, frames, short_side))
    files = [png for _, png, _ in found]
    index = make_index(
        [name for name, _, _ in found],
        [0] * len(found),
        [len(png) for png in files],
        [0] * len(found),
        files.__getitem__,
        threads,
        shot=[shot for _, _, shot in found],
    )
    return PhotoStore(f"{film.parent}{os.sep}", index, files.__getitem__)


def _write_frames(
    shard: Path, film: Path, frames: Iterator[PickedFrame], short_side: int | None
) -> list[int]:
    """Keep a film's frames; the first frame of the shot of each."""
    encoded = _encoded_frames(film, frames, short_side)
    first = next(encoded, None)  # what is no film is found out before a folder is made
    part = PartFile(str(shard), overwrite=True)
    shots = []
    try:
        make_folders(shard.parent)
        with tarfile.open(part.path, "w") as tar:
            for name, png, shot in chain([first] if first is not None else [], encoded):
                member = tarfile.TarInfo(name)
                member.size = len(png)
                tar.addfile(member, io.BytesIO(png))
                shots.append(shot)
    except OSError as error:
        part.discard()
        raise MediaError(f"{shard}: cannot be written ({error.strerror})") from error
    except BaseException:
        part.discard()
        raise
    part.commit()
    return shots
