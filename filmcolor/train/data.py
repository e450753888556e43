"""Colour pictures for training: folders, tar shards and films are read once and kept in memory.

Knows picture files, shards and films; it must not know models or losses.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from filmcolor.errors import MediaError
from filmcolor.evaluate.coloring import Photo, reduce_photo

SUFFIXES = frozenset({".webp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})
GREY_SPREAD = 1.0
"""Mean difference between a picture's channels, codes of 255, below which it counts as grey."""

_BLOCK = 256
"""Pictures whose files are held in memory at a time while they are decoded."""


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """Photographs in memory, with the names of the files that were left out."""

    photos: tuple[Photo, ...]
    names: tuple[str, ...]
    unreadable: tuple[str, ...] = ()
    grey: tuple[str, ...] = ()
    """Files without colour: nothing can be learnt from them."""

    def __len__(self) -> int:
        return len(self.photos)

    def take(self, indices: Sequence[int]) -> PhotoSet:
        """The photos with these numbers, in this order."""
        return PhotoSet(
            tuple(self.photos[i] for i in indices), tuple(self.names[i] for i in indices)
        )


def decode_photo(encoded: bytes, short_side: int | None = None) -> Photo | None:
    """Decode one picture file to RGB, reduced to `short_side` px if it is larger; None if it is
    damaged.
    """
    bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        return None
    rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    return reduce_photo(rgb, short_side)


def channel_spread(photo: Photo) -> float:
    """Mean difference between the largest and the smallest channel of a pixel, codes of 255."""
    sample = photo[:: max(1, photo.shape[0] // 64), :: max(1, photo.shape[1] // 64)].astype(int)
    return float((sample.max(axis=2) - sample.min(axis=2)).mean())


def is_grey(photo: Photo) -> bool:
    """Whether a picture has no colour worth the name; nearly grey colour photos do have some."""
    return channel_spread(photo) < GREY_SPREAD


def repeat_palest(photos: PhotoSet, share: float) -> PhotoSet:
    """The same photos with the palest `share` of them twice: by the mean spread of the channels."""
    spread = np.array([channel_spread(photo) for photo in photos.photos])
    palest = np.argsort(spread, kind="stable")[: round(share * len(photos))]
    return photos.take([*range(len(photos)), *sorted(palest.tolist())])


def load_photos(
    sources: Sequence[Path | str],
    short_side: int | None = 256,
    threads: int = 2,
    *,
    read_film: Callable[[Path], Iterator[Photo]] | None = None,
) -> PhotoSet:
    """Read folders (with the shards in them), tar shards, picture files and films, in order.

    `read_film` gives the frames worth training on of any other file; without it such a file is an
    error. Raises `MediaError` when a source is missing, a shard is cut short, or no colour picture
    is found.
    """
    photos: list[Photo] = []
    names: list[str] = []
    unreadable: list[str] = []
    grey: list[str] = []

    def keep(name: str, photo: Photo | None) -> None:
        if photo is None:
            unreadable.append(name)
        elif is_grey(photo):
            grey.append(name)
        else:
            photos.append(photo)
            names.append(name)

    with ThreadPoolExecutor(threads) as pool:
        for source in map(Path, sources):
            if not source.exists():
                raise MediaError(f"{source}: no such folder, shard or film; check the spelling")
            if _is_film(source):
                if read_film is None:
                    raise MediaError(f"{source}: neither a folder, a tar shard nor a picture")
                for number, frame in enumerate(read_film(source)):
                    keep(f"{source}:{number}", reduce_photo(frame, short_side))
                continue
            for block in _blocks(_encoded_pictures(source)):
                decoded = pool.map(lambda item: decode_photo(item[1], short_side), block)
                for (name, _), photo in zip(block, decoded, strict=True):
                    keep(name, photo)
    if not photos:
        where = ", ".join(map(str, sources))
        if grey:
            raise MediaError(
                f"{where}: all {len(grey)} pictures are grey; training needs colour pictures"
            )
        damaged = f" ({len(unreadable)} damaged)" if unreadable else ""
        raise MediaError(f"{where}: no pictures found{damaged}; give folders, shards or films")
    return PhotoSet(tuple(photos), tuple(names), tuple(unreadable), tuple(grey))


def split_photos(photos: PhotoSet, share: float, seed: int) -> tuple[PhotoSet, PhotoSet]:
    """(training, validation) parts, `share` of the photos in the second, at least one in each.

    The choice is random but fixed by the seed. Raises `MediaError` for fewer than two photos.
    """
    if len(photos) < 2:
        raise MediaError("a single picture cannot be split; give more pictures, or --val DATA")
    order = np.random.default_rng([seed, 1]).permutation(len(photos))
    count = min(len(photos) - 1, max(1, round(share * len(photos))))
    held_out = sorted(order[:count].tolist())
    kept = sorted(order[count:].tolist())
    return photos.take(kept), photos.take(held_out)


def _is_film(source: Path) -> bool:
    if source.is_dir() or source.suffix.lower() in SUFFIXES:
        return False
    try:
        return not tarfile.is_tarfile(source)
    except OSError as error:
        raise MediaError(f"{source}: cannot be read ({error.strerror})") from error


def _encoded_pictures(source: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every picture file."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                yield str(path), path.read_bytes()
            elif path.suffix.lower() == ".tar" and path.is_file():
                yield from _shard_pictures(path)
    elif source.suffix.lower() in SUFFIXES:
        yield str(source), source.read_bytes()
    else:
        yield from _shard_pictures(source)


def _shard_pictures(source: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(source) as shard:
            for member in shard:
                if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                    stream = shard.extractfile(member)
                    if stream is not None:
                        yield f"{source}:{member.name}", stream.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise MediaError(f"{source}: not a whole tar shard ({error}); fetch it again") from error


def _blocks(pictures: Iterator[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    block: list[tuple[str, bytes]] = []
    for picture in pictures:
        block.append(picture)
        if len(block) == _BLOCK:
            yield block
            block = []
    if block:
        yield block
