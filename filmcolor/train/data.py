"""Colour pictures for training: folders, tar shards and films, decoded when they are asked for.

Knows which pictures there are, how large and how colourful; it must not know models or losses.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from filmcolor.errors import MediaError
from filmcolor.hashing import blake2
from filmcolor.train.film_frames import FilmFrames
from filmcolor.train.photo_index import GREY_SPREAD, channel_spread, decode_photo
from filmcolor.train.photo_shards import PhotoStore
from filmcolor.train.photo_stores import open_stores
from filmcolor.visual.rgb import Rgb

T = TypeVar("T")

_DAMAGED_AT_MOST, _DAMAGED_SHARE = 10, 0.1
"""A set of pictures is refused if more of them are damaged, in number and as a share of all."""
_NAMED = 20
"""At most so many damaged pictures are named in that error."""


class Listing(Sequence[T], Generic[T]):
    """Things that are made when they are asked for, by their number."""

    def __init__(self, get: Callable[[int], T], rows: NDArray[np.int64]) -> None:
        self._get, self._rows = get, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Listing[T]: ...
    def __getitem__(self, index: int | slice) -> T | Listing[T]:
        if isinstance(index, slice):
            return Listing(self._get, self._rows[index])
        return self._get(int(self._rows[index]))

    def take(self, indices: NDArray[np.int64]) -> Listing[T]:
        """Those with these numbers, in this order."""
        return Listing(self._get, self._rows[indices])


@dataclass(frozen=True, slots=True, eq=False)
class PhotoSet:
    """Photographs, what is known of each beforehand, and the names of those that were left out."""

    photos: Sequence[Rgb]
    """Decoded when they are asked for, if they come from files."""
    names: Sequence[str]
    """Relative to the source they come from."""
    sizes: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    """(count, 2): height, width, px; found out if they are not given."""
    spread: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    """(count,): as `channel_spread`; found out if it is not given."""
    shots: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """(count,): number of the first frame of a film's shot, -1 for other pictures."""
    unreadable: tuple[str, ...] = ()
    grey: tuple[str, ...] = ()
    """Files without colour: nothing can be learnt from them."""
    digest: str = ""
    """Of the names and sizes in bytes of all, in order; empty for those that are in memory."""
    idle_patterns: tuple[str, ...] = ()
    """Those of `exclude` that no picture's name matched."""
    paths: Sequence[str] = ()
    """Where each is, for people; the names if that is not given."""

    def __post_init__(self) -> None:
        count = len(self.photos)
        if len(self.sizes) != count:
            sizes = np.array([photo.shape[:2] for photo in self.photos], np.int64)
            object.__setattr__(self, "sizes", sizes.reshape(-1, 2))
        if len(self.spread) != count:
            spread = np.array([channel_spread(photo) for photo in self.photos])
            object.__setattr__(self, "spread", spread)
        if len(self.shots) != count:
            object.__setattr__(self, "shots", np.full(count, -1, np.int64))
        if len(self.paths) != count:
            object.__setattr__(self, "paths", self.names)

    def __len__(self) -> int:
        return len(self.photos)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> PhotoSet:
        """The photos with these numbers, in this order."""
        rows = np.asarray(indices, np.int64)
        return PhotoSet(
            _taken(self.photos, rows),
            _taken(self.names, rows),
            self.sizes[rows],
            self.spread[rows],
            self.shots[rows],
            paths=_taken(self.paths, rows),
        )


def _taken(items: Sequence[T], rows: NDArray[np.int64]) -> Sequence[T]:
    return items.take(rows) if isinstance(items, Listing) else tuple(items[row] for row in rows)


def repeat_palest(photos: PhotoSet, share: float) -> PhotoSet:
    """The same photos with the palest `share` of them twice: by the mean spread of the channels."""
    palest = np.argsort(photos.spread, kind="stable")[: round(share * len(photos))]
    return photos.take(np.concatenate([np.arange(len(photos)), np.sort(palest)]))


def load_photos(
    sources: Sequence[Path | str],
    short_side: int | None = 256,
    threads: int = 2,
    *,
    films: FilmFrames | None = None,
    exclude: Sequence[str] = (),
) -> PhotoSet:
    """The pictures of folders (with the shards in them), tar shards, picture files and films, in
    order. The first time every picture is looked at; what was seen is kept in an index.

    `films` is how frames are taken from any other file; without it such a file is an error.
    Pictures whose name matches one of the patterns `exclude` (`*`, `?`, `[...]`) are passed over.
    Raises `MediaError` when a source is missing, a shard is cut short, no colour picture is found,
    or more than ten pictures, and a tenth of all, are damaged.
    """
    stores = tuple(open_stores([Path(source) for source in sources], short_side, threads, films))
    starts = np.cumsum([0, *(len(store.index) for store in stores)])
    wanted = np.ones(int(starts[-1]), np.bool_)
    idle = []
    for pattern in exclude:
        match = re.compile(fnmatch.translate(pattern)).match
        names = (store.index.names[row] for store in stores for row in range(len(store.index)))
        other = np.fromiter((match(name) is None for name in names), np.bool_, len(wanted))
        wanted &= other
        if other.all():
            idle.append(pattern)
    indices = [store.index for store in stores]
    spread = np.concatenate([np.empty(0), *(index.spread for index in indices)])
    sizes = [np.empty((0, 2), np.int64), *(index.sizes(short_side) for index in indices)]
    size = np.concatenate(sizes)
    shots = np.concatenate([np.empty(0, np.int64), *(index.shot for index in indices)])
    damaged = wanted & (size[:, 0] == 0)
    grey = wanted & ~damaged & (spread < GREY_SPREAD)
    rows = np.flatnonzero(wanted & ~damaged & ~grey)
    lookup = _Lookup(stores, starts, size, short_side)
    unreadable = tuple(map(lookup.path, np.flatnonzero(damaged).tolist()))
    colourless = tuple(map(lookup.path, np.flatnonzero(grey).tolist()))
    where = ", ".join(map(str, sources))
    count = int(np.count_nonzero(wanted))
    if len(unreadable) > max(_DAMAGED_AT_MOST, _DAMAGED_SHARE * count):
        raise MediaError(
            f"{where}: {len(unreadable)} of {count} pictures are damaged, too many to go on "
            f"without them; copy them from the originals again, or remove them: "
            f"{_listed(unreadable)}"
        )
    if not len(rows):
        if colourless:
            raise MediaError(
                f"{where}: all {len(colourless)} pictures are grey; training needs colour pictures"
            )
        damage = f" ({len(unreadable)} damaged: {_listed(unreadable)})" if unreadable else ""
        raise MediaError(f"{where}: no pictures found{damage}; give folders, shards or films")
    return PhotoSet(
        Listing(lookup.photo, rows),
        Listing(lookup.name, rows),
        size[rows],
        spread[rows],
        shots[rows],
        unreadable,
        colourless,
        lookup.digest(rows),
        tuple(idle),
        Listing(lookup.path, rows),
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


@dataclass(frozen=True, slots=True, eq=False)
class _Lookup:
    """Pictures of several stores by one number."""

    stores: tuple[PhotoStore, ...]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    short_side: int | None

    def _find(self, number: int) -> tuple[PhotoStore, int]:
        place = int(np.searchsorted(self.starts, number, side="right")) - 1
        return self.stores[place], number - int(self.starts[place])

    def name(self, number: int) -> str:
        """Relative to its source."""
        store, row = self._find(number)
        return store.index.names[row]

    def path(self, number: int) -> str:
        """With the source, to be shown."""
        store, row = self._find(number)
        return store.shown + store.index.names[row]

    def photo(self, number: int) -> Rgb:
        """Read and decode it; `MediaError` if it is not what it was."""
        store, row = self._find(number)
        photo = decode_photo(store.read(row), self.short_side)
        if photo is None or photo.shape[:2] != tuple(self.sizes[number]):
            raise MediaError(f"{self.path(number)}: has changed while it was in use; begin again")
        return photo

    def digest(self, numbers: NDArray[np.int64]) -> str:
        """Of names and sizes in bytes."""
        summary = blake2()
        for store, start, stop in zip(self.stores, self.starts, self.starts[1:], strict=False):
            rows = numbers[slice(*np.searchsorted(numbers, (start, stop)))] - start
            index = store.index
            lines = (f"{index.names[row]} {index.length[row]}\n" for row in rows)
            summary.update("".join(lines).encode("utf-8", "surrogateescape"))
        return summary.hexdigest()
