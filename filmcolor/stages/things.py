"""The things of each shot: found once, from a few of its frames, and what all of them decide by.

A frame's colours are drawn toward the colours that its shot's things have in the plan, so that a
thing which was hidden comes back in its colour, and no palette drifts. It knows what was seen of
frames, not films.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

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

PackedThings = bytes
"""The things of one shot, as `pack` stores them."""


class ThingFinder:
    """Finds the things of each shot from what was seen of its frames, shot by shot in order."""

    def __init__(self) -> None:
        self._found: dict[int, PackedThings] = {}
        self._shot = -1
        self._step = 1
        self._kept: list[Places] = []

    def wants(self, shot: int, place: int) -> bool:
        """Whether to look at a frame; all frames must be asked for."""
        if shot != self._shot:
            self._close()
            self._shot, self._step = shot, 1
        number, rest = divmod(place - FIRST_PLACE, SPACING)
        return place >= FIRST_PLACE and rest == 0 and number % self._step == 0

    def add(self, seen: Places) -> None:
        """Take what was seen of the frame that was asked for last."""
        self._kept.append(seen)
        if len(self._kept) > _MOST_FRAMES:
            self._kept = self._kept[::2]
            self._step *= 2

    def _close(self) -> None:
        if self._kept:
            self._found[self._shot] = pack(find_things(self._kept, IN_SHOT))
        self._kept = []

    def found(self) -> Mapping[int, PackedThings]:
        """The things of each shot; a shot without a frame that is looked at has none."""
        self._close()
        return self._found


def pack(things: Places) -> PackedThings:
    """Things in a few kB: vectors as 8-bit codes with a scale each, the rest in half precision."""
    count, width = things.decoded.shape
    parts = [_HEADER.pack(count, things.features.shape[1], width)]
    for vectors in (things.features, things.decoded):
        values = vectors.float().cpu().numpy()
        scale = np.maximum(np.abs(values).max(axis=1, keepdims=True) / 126, 1e-4)
        parts += [scale.astype("<f2").tobytes(), np.rint(values / scale).astype(np.int8).tobytes()]
    columns = (things.lightness, things.variance, things.weight, *things.ab.T)
    parts += [column.float().cpu().numpy().astype("<f2").tobytes() for column in columns]
    return b"".join(parts)


def unpack(packed: PackedThings, device: torch.device) -> Places:
    """What `pack` was given, but for rounding; `ValueError` if it is none."""
    try:
        count, *widths = _HEADER.unpack_from(packed)
        at, vectors = _HEADER.size, list[NDArray[np.float32]]()
        for width in widths:
            scale = np.frombuffer(packed, "<f2", count, at)[:, None].astype(np.float32)
            codes = np.frombuffer(packed, np.int8, count * width, at + 2 * count)
            vectors.append(codes.reshape(count, width) * scale)
            at += count * (2 + width)
        columns = np.frombuffer(packed, "<f2", 5 * count, at).reshape(5, count)
    except struct.error as error:
        raise ValueError(str(error)) from error

    def sent(values: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.array(values, np.float32)).to(device)

    features, decoded = map(sent, vectors)
    lightness, variance, weight, *ab = columns
    return Places(
        features, sent(lightness), sent(np.stack(ab, 1)), sent(variance), decoded, sent(weight)
    )
