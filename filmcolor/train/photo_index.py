"""What is known of the pictures of a shard or folder, kept in a file to be found out only once.

Every picture is decoded once for it. It must not know training, or where pictures come from.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.durable import make_folders
from filmcolor.errors import MediaError
from filmcolor.evaluate.coloring import reduce_photo
from filmcolor.hashing import digest
from filmcolor.media.partfile import write_bytes
from filmcolor.visual.rgb import Rgb

GREY_SPREAD = 1.0
"""Mean difference between a picture's channels, codes of 255, below which it counts as grey."""

_FORMAT = "filmcolor-pictures-1"
_SPREAD_SIDE = 256
"""Short side, px, that a larger picture is reduced to before its colour is measured."""
_BLOCK = 4096
"""Pictures handed to the threads at a time."""
_COLUMNS = ("offset", "length", "changed", "height", "width", "spread", "shot")


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Names in little memory, one after another in UTF-8."""

    text: bytes
    bounds: NDArray[np.int64]
    """(count + 1,): where each begins in `text`, and where the last one ends."""

    @classmethod
    def of(cls, names: Sequence[str]) -> Names:
        """Pack them."""
        coded = [name.encode("utf-8", "surrogateescape") for name in names]
        bounds = np.zeros(len(coded) + 1, np.int64)
        np.cumsum([len(code) for code in coded], out=bounds[1:])
        return cls(b"".join(coded), bounds)

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, index: int) -> str:
        start, stop = self.bounds[index : index + 2]
        return self.text[start:stop].decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True, eq=False)
class PhotoIndex:
    """The pictures of one source; all arrays have one entry a picture."""

    names: Names
    """Relative to the source."""
    offset: NDArray[np.int64]
    """First byte within the shard; 0 where every picture is a file."""
    length: NDArray[np.int64]
    """Bytes."""
    changed: NDArray[np.int64]
    """When the picture's own file was last changed, ns; 0 in a shard."""
    height: NDArray[np.int32]
    """As decoded, px; 0 if it cannot be."""
    width: NDArray[np.int32]
    spread: NDArray[np.float64]
    """As `channel_spread` of the picture, reduced to a short side of 256 px if it is larger."""
    shot: NDArray[np.int64]
    """For a film's frames the number of the first that was kept of the shot, else -1."""

    def __len__(self) -> int:
        return len(self.names)

    def part(self, start: int, stop: int) -> PhotoIndex:
        """The pictures from `start` to before `stop`."""
        names = Names(self.names.text, self.names.bounds[start : stop + 1])
        return PhotoIndex(names, *(getattr(self, name)[start:stop] for name in _COLUMNS))

    def sizes(self, short_side: int | None) -> NDArray[np.int64]:
        """(count, 2): height and width as `reduce_photo` leaves them."""
        sizes = np.stack([self.height, self.width], axis=1).astype(np.int64)
        short = sizes.min(axis=1, initial=np.iinfo(np.int64).max)
        if short_side is not None:
            large = short > short_side
            scale = short_side / short[large]
            sizes[large] = np.maximum(1, np.rint(sizes[large] * scale[:, None]))
        return sizes


def decode_photo(encoded: bytes, short_side: int | None = None) -> Rgb | None:
    """Decode one picture file to RGB, reduced to `short_side` px if it is larger; None if it is
    damaged.
    """
    try:
        bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None  # an empty file, or one that claims to be immense
    if bgr is None:
        return None
    rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    return reduce_photo(rgb, short_side)


def channel_spread(photo: Rgb) -> float:
    """Mean difference between the largest and the smallest channel of a pixel, codes of 255."""
    sample = photo[:: max(1, photo.shape[0] // 64), :: max(1, photo.shape[1] // 64)].astype(int)
    return float((sample.max(axis=2) - sample.min(axis=2)).mean())


def make_index(
    names: Sequence[str],
    offset: Sequence[int] | NDArray[np.int64],
    length: Sequence[int] | NDArray[np.int64],
    changed: Sequence[int],
    read: Callable[[int], bytes],
    threads: int,
    *,
    shot: Sequence[int] | None = None,
    known: PhotoIndex | None = None,
) -> PhotoIndex:
    """Decode every picture, `read` giving its file by number, unless it is in `known`."""
    height, width = np.zeros(len(names), np.int32), np.zeros(len(names), np.int32)
    spread = np.zeros(len(names), np.float64)
    rows = list(range(len(names)))
    if known is not None:
        before = {
            (known.names[row], int(known.length[row]), int(known.changed[row])): row
            for row in range(len(known))
        }
        rows = []
        for row, key in enumerate(zip(names, length, changed, strict=True)):
            found = before.get(key)
            if found is None:
                rows.append(row)
            else:
                height[row], width[row] = known.height[found], known.width[found]
                spread[row] = known.spread[found]

    def look(row: int) -> tuple[int, int, float]:
        photo = decode_photo(read(row))
        if photo is None:
            return 0, 0, 0.0
        return *photo.shape[:2], channel_spread(reduce_photo(photo, _SPREAD_SIDE))

    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            for row, (high, wide, colour) in zip(block, pool.map(look, block), strict=True):
                height[row], width[row], spread[row] = high, wide, colour
    return PhotoIndex(
        Names.of(names),
        np.array(offset, np.int64),
        np.array(length, np.int64),
        np.array(changed, np.int64),
        height,
        width,
        spread,
        np.array([-1] * len(names) if shot is None else shot, np.int64),
    )


def index_path(source: Path) -> Path:
    """Where the index of a shard (beside it) or of a folder's pictures (in it) is kept; in the
    user's cache if it must not be written there and the user has one.
    """
    beside = source / ".pictures.index" if source.is_dir() else Path(f"{source}.index")
    folder = beside.parent
    if folder.stat().st_mode & 0o222 and os.access(folder, os.W_OK):
        return beside  # root could write anywhere, but a folder without write bits says no
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not os.path.isabs(cache):  # a user without a home, as a container may have
        return beside
    name = digest(os.fsencode(os.path.abspath(source)))
    return Path(cache) / "filmcolor" / "pictures" / f"{name}.index"


def save_index(index: PhotoIndex, path: Path, identity: str) -> None:
    """Keep an index of what `identity` tells apart; where it cannot be written, it is made again
    the next time.
    """
    file = io.BytesIO()
    columns = {name: getattr(index, name) for name in _COLUMNS}
    columns["names"] = np.frombuffer(index.names.text, np.uint8)
    columns["bounds"] = index.names.bounds
    columns["identity"] = np.array(f"{_FORMAT} {identity}")
    np.savez(file, allow_pickle=False, **columns)
    with suppress(OSError, MediaError):
        make_folders(path.parent)
        write_bytes(path, file.getvalue(), overwrite=True)


def load_index(path: Path, identity: str) -> PhotoIndex | None:
    """The index at `path`; None if there is none, or it is damaged or of something else."""
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            if str(file["identity"]) != f"{_FORMAT} {identity}":
                return None
            names = Names(file["names"].tobytes(), file["bounds"])
            return PhotoIndex(names, *(file[name] for name in _COLUMNS))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
