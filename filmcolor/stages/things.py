"""The things of each shot: found once, from a few of its frames, and what all of them decide by.

A frame's colours are drawn toward the colours that its shot's things have in the plan, so that a
thing which was hidden comes back in its colour, and no palette drifts. It knows what was seen of
frames, not films.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from filmcolor.models.coherence import IN_SHOT, Places, find_things

FIRST_PLACE, SPACING = 4, 24
"""Frames of a shot that are looked at: this one, since a shot may begin in a dissolve, and every so
many after it."""
_MOST_FRAMES = 8
"""Of a shot; of a longer one only every second, fourth ... of these is kept."""
_HEADER = struct.Struct("<HHH")
_CODES = {"features": 31, "decoded": 126}
"""The largest code of each vector."""

ShotThings = tuple[Places, Tensor | None]
"""The things of one shot, and the colours that people have given them, as `unpack` has both."""
PackedThings = bytes
"""The things of one shot, as `pack` stores them."""
Rows = NDArray[np.void]
"""The things of one shot, one after another: an array of `_row`."""


class ThingFinder:
    """Finds the things of each shot from what was seen of its frames, shot by shot in order."""

    def __init__(self) -> None:
        self._found: dict[int, PackedThings] = {}
        self._shot = -1
        self._step = 1
        self._place = 0
        self._kept: list[_Look] = []

    def wants(self, shot: int, place: int) -> bool:
        """Whether to look at a frame; all frames must be asked for."""
        if shot != self._shot:
            self._close()
            self._shot, self._step = shot, 1
        self._place = place
        number, rest = divmod(place - FIRST_PLACE, SPACING)
        return place >= FIRST_PLACE and rest == 0 and number % self._step == 0

    def add(self, seen: Places, shape: tuple[int, int] = (1, 1)) -> None:
        """Take what was seen of the frame that was asked for last; `shape` is its height to its
        width.
        """
        rows = round((len(seen.weight) * shape[0] / shape[1]) ** 0.5)
        grid = (rows, len(seen.weight) // rows)
        if rows * grid[1] != len(seen.weight):
            grid = (1, len(seen.weight))
        self._kept.append(_Look(self._place, seen, grid))
        if len(self._kept) > _MOST_FRAMES:
            self._kept = self._kept[::2]
            self._step *= 2

    def _close(self) -> None:
        if self._kept:
            things = find_things([look.seen for look in self._kept], IN_SHOT)
            self._found[self._shot] = pack(things, _sightings(things, self._kept))
        self._kept = []

    def found(self) -> Mapping[int, PackedThings]:
        """The things of each shot; a shot without a frame that is looked at has none."""
        self._close()
        return self._found


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What was seen of a frame."""

    place: int
    seen: Places
    grid: tuple[int, int]
    """(height, width) of its places."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a thing of a shot is seen best."""

    place: int
    """Number of the frame in its shot, counted from 0."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom of its largest part, 0..1 of the picture as the network is shown it,
    upright."""
    area: float
    """Share of the picture, 0..1, on average over the frames that were looked at."""


def _sightings(things: Places, looks: Sequence[_Look]) -> list[Sighting]:
    """Where each thing is seen best: in the frame in which its largest part is largest."""
    count = len(things.weight)
    best = [Sighting(looks[0].place, (0.0, 0.0, 1.0, 1.0), 0.0)] * count
    largest, area = np.zeros(count), np.zeros(count)
    for look in looks:
        alike = look.seen.likeness(things, IN_SHOT) + things.weight.log()
        owner = alike.argmax(dim=1).cpu().numpy().reshape(look.grid)
        for number in range(count):
            mask = (owner == number).astype(np.uint8)
            _, _, parts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
            area[number] += mask.mean() / len(looks)
            if len(parts) < 2:
                continue
            left, top, width, height, size = max(parts[1:].tolist(), key=lambda part: int(part[4]))
            if size > largest[number]:
                largest[number] = size
                rows, columns = look.grid
                ends = (left + width) / columns, (top + height) / rows
                best[number] = Sighting(look.place, (left / columns, top / rows, *ends), 0.0)
    return [Sighting(each.place, each.box, float(area[n])) for n, each in enumerate(best)]


def _row(features: int, decoded: int) -> np.dtype[np.void]:
    fields: list[tuple[Any, ...]] = [
        ("features", "i1", features),
        ("decoded", "i1", decoded),
        *((f"{name}_scale", "<f2") for name in _CODES),
        *((name, "<f2") for name in ("lightness", "variance", "weight", "area")),
        ("ab", "<f2", 2),
        ("said", "<f2", 2),
        ("place", "<u4"),
        ("box", "u1", 4),
    ]
    return np.dtype(fields)


def pack(things: Places, sightings: Sequence[Sighting] = ()) -> PackedThings:
    """Things in a few kB: vectors as codes with a scale each, the rest in half precision."""
    count, width = things.decoded.shape
    rows: Rows = np.zeros(count, _row(things.features.shape[1], width))
    for name in _CODES:
        set_vectors(rows, name, getattr(things, name).float().cpu().numpy())
    for name in ("lightness", "variance", "weight", "ab"):
        rows[name] = getattr(things, name).float().cpu().numpy()
    rows["said"] = np.nan
    for row, seen in zip(rows, sightings, strict=False):
        row["place"], row["area"] = seen.place, seen.area
        row["box"] = np.rint(255 * np.array(seen.box))
    return pack_rows(rows)


def set_vectors(rows: Rows, name: str, values: NDArray[np.float32]) -> None:
    """Give rows their `features` or what is `decoded` of them."""
    largest = np.abs(values).max(axis=1)
    scale = np.maximum(largest / _CODES[name], 1e-4).astype("<f2")
    rows[f"{name}_scale"] = scale
    limit = _CODES[name] + 1
    codes = np.rint(values / scale[:, None].astype(np.float32)).clip(-limit, limit)
    rows[name] = codes.astype(np.int8)


def vectors(rows: Rows, name: str) -> NDArray[np.float32]:
    """The `features` of rows, or what is `decoded` of them."""
    scale = rows[f"{name}_scale"].astype(np.float32)
    found: NDArray[np.float32] = rows[name] * scale[:, None]
    return found


def pack_rows(rows: Rows) -> PackedThings:
    """Rows as they are stored."""
    widths = (rows.dtype[name].shape[0] for name in _CODES)
    return _HEADER.pack(len(rows), *widths) + zlib.compress(rows.tobytes())


def unpack_rows(packed: PackedThings) -> Rows:
    """The rows that `pack_rows` was given, to be changed; `ValueError` if it is none."""
    try:
        count, *widths = _HEADER.unpack_from(packed)
        content = zlib.decompress(packed[_HEADER.size :])
    except (struct.error, zlib.error) as error:
        raise ValueError(str(error)) from error
    return np.frombuffer(content, _row(*widths), count).copy()


def sighting(row: np.void) -> Sighting:
    """Where a thing is seen best."""
    left, top, right, bottom = (int(side) / 255 for side in row["box"])
    return Sighting(int(row["place"]), (left, top, right, bottom), float(row["area"]))


def unpack(packed: PackedThings, device: torch.device) -> ShotThings:
    """What `pack` was given, but for rounding; `ValueError` if it is none. And the colours that
    people have given things: ab (K, 3), the last 1 where there is one, else all 0; None for no
    colours at all.
    """
    rows = unpack_rows(packed)

    def sent(values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device)

    named = {name: sent(rows[name]) for name in ("lightness", "ab", "variance", "weight")}
    things = Places(**{name: sent(vectors(rows, name)) for name in _CODES}, **named)
    is_said = ~np.isnan(rows["said"][:, :1])
    if not is_said.any():
        return things, None
    return things, sent(np.hstack([np.where(is_said, rows["said"], 0), is_said]))
