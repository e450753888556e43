"""Which pictures are held out of training: by a hash of their names, frames of a film in stretches.

A picture's side depends on its own name and on the two numbers of the split alone, so it does not
change when others come or go. Neighbouring frames are on one side: one that is held out has no
twin that is trained on. It must not know where pictures come from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from filmcolor.errors import MediaError
from filmcolor.train.data import PhotoSet

_LONGEST_STRETCH = 1024
"""Frames, by the numbers in their names, that are held out together."""
_APART = 8
"""Held-out pictures that are nearer to one that is trained on than this part of a stretch are used
for neither: the end of a stretch may lie within a shot."""
_OFF = 0.25
"""What is held out may be more or less than wished by this share of it, where only the hash
decides."""
_NUMBER = re.compile(r"(\d+)(?=\D*$)")
_BITS = 63


@dataclass(frozen=True, slots=True)
class Split:
    """How pictures are divided; with the seed, all that is needed to do it again."""

    stretch: int
    """Numbers in names that belong together."""
    below: int
    """Pictures of stretches whose hash, 0 to 2^63, is below it are held out."""
    whole_shots: bool = True
    """Whether no shot of a film is divided, unless it is longer than the longest stretch."""


def choose_split(photos: PhotoSet, share: float, seed: int) -> Split:
    """A split that holds out about `share` of the photos, at least one, and not all.

    Stretches are as long as that allows. Raises `MediaError` for fewer than two photos.
    """
    if len(photos) < 2:
        raise MediaError("a single picture cannot be split; give more pictures, or --val DATA")
    named, wanted = _Named(photos, seed), share * len(photos)
    for whole_shots, least in ((True, 2), (False, 1)):
        stretch = _LONGEST_STRETCH
        while True:
            hashes = named.hashes(stretch, whole_shots=whole_shots)
            values, counts = np.unique(hashes, return_counts=True)
            if stretch == least or counts.max() <= wanted:
                break
            stretch //= 2
        if len(values) > 1:
            break
    else:
        raise MediaError("pictures of one name cannot be split; give others, or --val DATA")
    plain = round(share * 2**_BITS)
    if abs(int((hashes < plain).sum()) - wanted) <= _OFF * wanted:
        return Split(stretch, plain, whole_shots)
    best = int(np.argmin(np.abs(np.cumsum(counts)[:-1] - wanted)))
    return Split(stretch, int(values[best + 1]), whole_shots)


def split_photos(photos: PhotoSet, split: Split, seed: int) -> tuple[PhotoSet, PhotoSet]:
    """(training, validation) parts; `MediaError` if one of them is empty.

    Held-out pictures right beside one that is trained on are in neither.
    """
    named = _Named(photos, seed)
    hashes = named.hashes(split.stretch, whole_shots=split.whole_shots)
    held_out = hashes < split.below
    if held_out.all() or not held_out.any():
        left = "to train on" if held_out.all() else "to evaluate on"
        raise MediaError(f"of these data there is nothing {left}; begin a new run with them")
    gaps = named.gaps(~held_out)
    if split.whole_shots:
        gaps[photos.shots >= 0] = split.stretch
    apart = held_out & (gaps > split.stretch // _APART)
    shown = apart if apart.any() else held_out
    return photos.take(np.flatnonzero(~held_out)), photos.take(np.flatnonzero(shown))


def split_by_number(photos: PhotoSet, share: float, seed: int) -> tuple[PhotoSet, PhotoSet]:
    """As runs were split that keep no `Split` in their configuration; these go on with it."""
    if len(photos) < 2:
        raise MediaError("a single picture cannot be split; give more pictures, or --val DATA")
    order = np.random.default_rng([seed, 1]).permutation(len(photos))
    count = min(len(photos) - 1, max(1, round(share * len(photos))))
    return photos.take(np.sort(order[count:])), photos.take(np.sort(order[:count]))


class _Named:
    """Names taken apart: a hash of all but the number in it, and that number."""

    def __init__(self, photos: PhotoSet, seed: int) -> None:
        key = str(seed).encode()
        heads = np.empty(len(photos), np.uint64)
        numbers = np.zeros(len(photos), np.int64)
        for row, name in enumerate(photos.names):
            stem = name[: name.rfind(".")] if "." in name.rpartition("/")[2] else name
            folder, slash, last = stem.rpartition("/")
            match = _NUMBER.search(last)
            if match is not None and len(match[1]) <= 18:
                numbers[row] = int(match[1])
                last = f"{last[: match.start()]}\0{last[match.end() :]}"
            code = f"{folder}{slash}{last}".encode("utf-8", "surrogateescape")
            summary = blake2b(code, digest_size=8, key=key).digest()
            heads[row] = int.from_bytes(summary, "little")
        self._heads, self._numbers, self._shots = heads, numbers, photos.shots

    def hashes(self, stretch: int, *, whole_shots: bool) -> NDArray[np.int64]:
        """One hash a stretch, for every photo."""
        in_shot = (self._shots >= 0) & (self._numbers - self._shots < _LONGEST_STRETCH)
        in_shot &= whole_shots
        numbers = np.where(in_shot, self._shots, self._numbers) // stretch
        mixed = self._heads + numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
        return np.asarray(mixed >> np.uint64(1), np.int64)

    def gaps(self, trained: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How far every picture's number is from that of the nearest one that is trained on, of
        those that are named alike.
        """
        order = np.lexsort((self._numbers, self._heads))
        heads, numbers, there = self._heads[order], self._numbers[order], trained[order]
        far = np.int64(1) << 62
        nearest = np.full(len(order), far)
        for step in (1, -1):
            place = np.where(there[::step], np.arange(len(order)), -1)
            last = np.maximum.accumulate(place)
            alike = (last >= 0) & (heads[::step][last] == heads[::step])
            gap = np.abs(numbers[::step] - numbers[::step][last])
            nearest = np.minimum(nearest, np.where(alike, gap, far)[::step])
        result = np.empty_like(nearest)
        result[order] = nearest
        return result
