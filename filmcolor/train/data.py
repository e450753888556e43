"""Colour photographs for training: read once, kept in memory as uint8, cropped on demand.

Knows picture files and tar shards; it must not know models or losses.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.errors import MediaError

Photo = NDArray[np.uint8]
"""Shape (height, width, 3), RGB."""

SUFFIXES = frozenset({".webp", ".jpg", ".jpeg", ".png"})


def decode_photo(encoded: bytes, short_side: int | None = None) -> Photo | None:
    """Decode one picture file to RGB, reduced to `short_side` px if it is larger; None if it is
    damaged.
    """
    bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        return None
    height, width = bgr.shape[:2]
    if short_side is not None and min(height, width) > short_side:
        scale = short_side / min(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _encoded_pictures(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                yield str(path), path.read_bytes()
        return
    try:
        with tarfile.open(source) as shard:
            for member in shard:
                if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                    stream = shard.extractfile(member)
                    if stream is not None:
                        yield f"{source}:{member.name}", stream.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise MediaError(f"{source}: not a whole tar shard ({error}); fetch it again") from error


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """Photographs in memory, with the names of those that could not be read."""

    photos: tuple[Photo, ...]
    names: tuple[str, ...]
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.photos)


def load_photos(sources: Sequence[Path | str], short_side: int = 256, threads: int = 2) -> PhotoSet:
    """Read folders and tar shards of pictures, all of them, in order.

    Raises `MediaError` when a source is missing, a shard is cut short, or nothing readable is
    found.
    """
    photos: list[Photo] = []
    names: list[str] = []
    unreadable: list[str] = []
    with ThreadPoolExecutor(threads) as pool:
        for source in map(Path, sources):
            if not source.exists():
                raise MediaError(f"{source}: no such folder or shard")
            found = list(_encoded_pictures(source))
            decoded = pool.map(lambda item: decode_photo(item[1], short_side), found)
            for (name, _), photo in zip(found, decoded, strict=True):
                if photo is None:
                    unreadable.append(name)
                else:
                    photos.append(photo)
                    names.append(name)
    if not photos:
        raise MediaError(f"no pictures found in {', '.join(map(str, sources))}")
    return PhotoSet(tuple(photos), tuple(names), tuple(unreadable))


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How a training crop is cut."""

    size: int = 128  # side of the square the network is trained on, px
    scale: tuple[float, float] = (0.6, 1.0)  # share of the short side that the crop spans
    largest_stretch: float = 1.15  # aspect ratio is varied up to this factor
    largest_enlargement: float = 1.6  # a crop is never blown up by more than this


def random_crop(photo: Photo, settings: CropSettings, rng: np.random.Generator) -> Photo:
    """One random crop, (size, size, 3) RGB: place, scale, stretch and mirroring are random."""
    height, width = photo.shape[:2]
    short = min(height, width)
    span = short * rng.uniform(*settings.scale)
    span = min(short, max(span, settings.size / settings.largest_enlargement))
    stretch = settings.largest_stretch ** rng.uniform(-0.5, 0.5)
    crop_h = min(height, max(1, round(span * stretch)))
    crop_w = min(width, max(1, round(span / stretch)))
    top = int(rng.integers(0, height - crop_h + 1))
    left = int(rng.integers(0, width - crop_w + 1))
    crop = photo[top : top + crop_h, left : left + crop_w]
    shrinks = crop_h >= settings.size and crop_w >= settings.size
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    crop = np.asarray(
        cv2.resize(crop, (settings.size, settings.size), interpolation=interpolation), np.uint8
    )
    return np.ascontiguousarray(crop[:, ::-1]) if rng.random() < 0.5 else crop


def batches(
    photos: PhotoSet, settings: CropSettings, batch_size: int, rng: np.random.Generator
) -> Iterator[Photo]:
    """Endless batches of crops (batch, size, size, 3); every photo once before any comes again."""
    order = np.empty(0, np.int64)
    while True:
        while len(order) < batch_size:
            order = np.concatenate([order, rng.permutation(len(photos))])
        chosen, order = order[:batch_size], order[batch_size:]
        yield np.stack([random_crop(photos.photos[i], settings, rng) for i in chosen])
