"""Pictures in tar shards, read by their place; and what a store of pictures is.

It must not know training.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from filmcolor.errors import MediaError, refusals
from filmcolor.train.photo_index import PhotoIndex, index_path, load_index, make_index, save_index

SUFFIXES = frozenset({".webp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})


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


def reading(source: Path | str) -> AbstractContextManager[None]:
    """Turns the errors of the disk into one line about `source`."""
    return refusals(MediaError, f"{source}: cannot be read")


def shard_store(source: Path, threads: int) -> PhotoStore:
    """The pictures of a shard, which is looked through unless that was done before."""
    with reading(source):
        stat = source.stat()
        identity = f"{stat.st_size} {stat.st_mtime_ns}"
        path = index_path(source)
    index = load_index(path, identity)
    if index is None:
        index = shard_index(source, threads)
        save_index(index, path, identity)
    read = span_reader(source, index.offset, index.length, stat.st_mtime_ns)
    return PhotoStore(f"{source}:", index, read)


def shard_index(source: Path, threads: int, shot: Sequence[int] | None = None) -> PhotoIndex:
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
    read = span_reader(source, offset, length, stat.st_mtime_ns)
    return make_index(names, offset, length, [0] * len(names), read, threads, shot=shot)


def _is_compressed(source: Path) -> bool:
    try:
        with tarfile.open(source, "r:"):
            return False
    except (tarfile.TarError, OSError, EOFError):
        return tarfile.is_tarfile(source)


def span_reader(
    source: Path, offset: NDArray[np.int64], length: NDArray[np.int64], changed: int
) -> Callable[[int], bytes]:
    """Reads pieces of a file by their number, as long as it was `changed` (ns) then."""

    def read(row: int) -> bytes:
        with reading(source), open(source, "rb") as file:
            if os.fstat(file.fileno()).st_mtime_ns != changed:
                raise MediaError(f"{source}: has changed while it was in use; begin again")
            file.seek(offset[row])
            return file.read(length[row])

    return read
