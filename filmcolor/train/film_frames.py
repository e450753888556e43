"""Frames of films as training pictures: kept as shards of PNG beside a run, or in memory."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from filmcolor.durable import make_folders
from filmcolor.errors import MediaError
from filmcolor.evaluate.coloring import reduce_photo
from filmcolor.hashing import digest
from filmcolor.media.partfile import PartFile
from filmcolor.train.photo_index import index_path, load_index, make_index, save_index
from filmcolor.train.photo_shards import PhotoStore, shard_index, span_reader

if TYPE_CHECKING:
    from filmcolor.extract.film import PickedFrame

_FRAMES = "frames-1"


@dataclass(frozen=True, slots=True)
class FilmFrames:
    """How frames are taken from the films among the sources, and where they are kept."""

    read: Callable[[Path], Iterator[PickedFrame]]
    """The frames worth training on of one film after another."""
    folder: Path | None = None
    """Kept there as shards of PNG, so that a resumed run need not read the films; None: in
    memory.
    """


def film_stores(
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
            index = shard_index(shard, threads, shots)
            save_index(index, index_path(shard), identity)
        read = span_reader(shard, index.offset, index.length, shard.stat().st_mtime_ns)
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
