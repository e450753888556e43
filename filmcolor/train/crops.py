"""Training crops: which part of which photo is seen at which step, and cutting it out.

What a step sees is a function of the seed and the step alone, so that a resumed run goes on exactly
and processes that share a batch need not talk. It must not know models or losses.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from filmcolor.errors import OptionError
from filmcolor.evaluate.coloring import to_rgb
from filmcolor.models.transfer import sent
from filmcolor.train.data import PhotoSet
from filmcolor.train.recipe_parts import Phase
from filmcolor.visual.rgb import Rgb, resized

_CHUNK = 64
"""Crops cut at a time on an accelerator, which bounds the memory it takes."""
_THREADS = min(4, os.cpu_count() or 1)
"""Threads that decode crops ahead; a step's share of the processor is hardly touched by them."""


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How training crops are cut."""

    size: int = 128  # side of the square the network is trained on, px
    scale: tuple[float, float] = (0.6, 1.0)  # share of the short side that a crop spans
    largest_stretch: float = 1.15  # aspect ratio is varied up to this factor
    largest_enlargement: float = 1.6  # a crop is never blown up by more than this
    native: bool = False  # cut as the pixels are, none resized; scale and stretch do not count

    @classmethod
    def of(cls, phase: Phase) -> CropSettings:
        """How the crops of a recipe's phase are cut."""
        return cls(phase.size, phase.scale, phase.stretch, native=phase.native)


@dataclass(frozen=True, slots=True, eq=False)
class CropPlan:
    """The crops of one batch."""

    photo: NDArray[np.int64]
    """(N,): number of the photo."""
    box: NDArray[np.int64]
    """(N, 4): top, left, height, width within the photo, px."""
    mirrored: NDArray[np.bool_]
    """(N,)."""

    def part(self, rank: int, world: int) -> CropPlan:
        """The share of one of `world` processes."""
        chosen = slice(rank * len(self.photo) // world, (rank + 1) * len(self.photo) // world)
        return CropPlan(self.photo[chosen], self.box[chosen], self.mirrored[chosen])


def large_enough(sizes: NDArray[np.int64], settings: CropSettings) -> NDArray[np.bool_]:
    """Which photos of these sizes (count, 2) crops can be cut from: all, if crops are resized.

    Raises `OptionError` if none is.
    """
    least = settings.size if settings.native else 1
    enough: NDArray[np.bool_] = sizes.min(axis=1) >= least
    if not enough.any():
        raise OptionError(
            f"crops of {settings.size} px are cut without resizing, and every picture is smaller; "
            "give larger pictures, or a smaller --size"
        )
    return enough


def plan_crops(
    sizes: NDArray[np.int64], settings: CropSettings, batch_size: int, seed: int, step: int
) -> CropPlan:
    """The batch of a step, for photos of these sizes (count, 2: height, width).

    Every photo comes once before any comes again; place, scale, stretch and mirroring are random.
    Where crops are not resized, photos that are smaller are left out; `OptionError` if all are.
    """
    large = np.flatnonzero(large_enough(sizes, settings))
    count = len(large)
    chosen = np.empty(batch_size, np.int64)
    first = step * batch_size
    for epoch in range(first // count, (first + batch_size - 1) // count + 1):
        start, stop = max(first, epoch * count), min(first + batch_size, (epoch + 1) * count)
        order = np.random.default_rng([seed, 2, epoch]).permutation(count)
        chosen[start - first : stop - first] = order[start - epoch * count : stop - epoch * count]
    chosen = large[chosen]
    rng = np.random.default_rng([seed, 3, step])
    height, width = sizes[chosen, 0], sizes[chosen, 1]
    short = np.minimum(height, width)
    if settings.native:
        span = np.full(batch_size, float(settings.size))
        stretch = np.ones(batch_size)
    else:
        span = short * rng.uniform(*settings.scale, batch_size)
        span = np.minimum(short, np.maximum(span, settings.size / settings.largest_enlargement))
        stretch = settings.largest_stretch ** rng.uniform(-0.5, 0.5, batch_size)
    crop_height = np.clip(np.rint(span * stretch).astype(np.int64), 1, height)
    crop_width = np.clip(np.rint(span / stretch).astype(np.int64), 1, width)
    top = rng.integers(0, height - crop_height + 1)
    left = rng.integers(0, width - crop_width + 1)
    box = np.stack([top, left, crop_height, crop_width], axis=1)
    return CropPlan(chosen, box, rng.random(batch_size) < 0.5)


class CropSource:
    """Photos ready for cutting: decoded crop by crop, or all of them as one block in device memory.

    On an accelerator that has the room they are decoded once.
    """

    def __init__(self, photos: PhotoSet, device: torch.device) -> None:
        self.device = device
        self.sizes = photos.sizes
        self._photos = photos.photos
        self._pool = ThreadPoolExecutor(_THREADS, "filmcolor-crops")
        self._ahead: dict[tuple[object, ...], list[Future[Rgb]]] = {}
        lengths = self.sizes.prod(axis=1)
        self._in_block = 3 * int(lengths.sum()) <= _room_for_block(device)
        if self._in_block:
            self._starts = sent(np.cumsum(lengths) - lengths, device)
            self._widths = sent(self.sizes[:, 1].copy(), device)
            self._pixels = torch.empty(int(lengths.sum()), 3, dtype=torch.uint8, device=device)
            self._fill(lengths)

    def __len__(self) -> int:
        return len(self.sizes)

    def batch(
        self,
        settings: CropSettings,
        batch_size: int,
        seed: int,
        step: int,
        *,
        rank: int = 0,
        world: int = 1,
    ) -> Tensor:
        """The crops that one of `world` processes sees at a step; those of the step after are
        decoded meanwhile.
        """

        def plan(number: int) -> CropPlan:
            return plan_crops(self.sizes, settings, batch_size, seed, number).part(rank, world)

        if self._in_block:
            return self.cut(plan(step), settings.size)
        key = (settings, batch_size, seed, rank, world)
        crops = self._ahead.pop((*key, step), None) or self._begin(plan(step), settings.size)
        for unused in self._ahead.values():
            for crop in unused:
                crop.cancel()
        self._ahead = {(*key, step + 1): self._begin(plan(step + 1), settings.size)}
        return self._joined(crops)

    def cut(self, plan: CropPlan, size: int) -> Tensor:
        """The crops of a plan as R'G'B' (N, 3, size, size) in 0..1, on the device."""
        if not self._in_block:
            return self._joined(self._begin(plan, size))
        parts = [
            self._cut_on_device(plan.part(index, -(-len(plan.photo) // _CHUNK)), size)
            for index in range(-(-len(plan.photo) // _CHUNK))
        ]
        return torch.cat(parts)

    def _begin(self, plan: CropPlan, size: int) -> list[Future[Rgb]]:
        """Decode and cut in the background."""

        def cut(number: int, box: NDArray[np.int64], *, mirrored: bool) -> Rgb:
            return cut_with_opencv(self._photos[number], box, size, mirrored=mirrored)

        return [
            self._pool.submit(cut, int(number), box, mirrored=bool(mirrored))
            for number, box, mirrored in zip(plan.photo, plan.box, plan.mirrored, strict=True)
        ]

    def _joined(self, crops: list[Future[Rgb]]) -> Tensor:
        return to_rgb([crop.result() for crop in crops], self.device)

    def _fill(self, lengths: NDArray[np.int64]) -> None:
        """Bring every photo into the block."""
        start = 0
        for first in range(0, len(lengths), _CHUNK):
            numbers = range(first, min(first + _CHUNK, len(lengths)))
            photos = self._pool.map(self._photos.__getitem__, numbers)
            flat = np.concatenate([photo.reshape(-1, 3) for photo in photos])
            self._pixels[start : start + len(flat)] = sent(flat, self.device)
            start += len(flat)

    def _cut_on_device(self, plan: CropPlan, size: int) -> Tensor:
        photo = sent(plan.photo, self.device)
        box = sent(plan.box, self.device)
        mirrored = sent(plan.mirrored, self.device)
        return cut_from_block(
            self._pixels, self._starts[photo], self._widths[photo], box, mirrored, size
        )


def _room_for_block(device: torch.device) -> int:
    """Bytes of an accelerator's memory that photos may take: the same whatever else is in it, since
    crops are resized otherwise on the CPU, and a resumed run has to see what it would have seen.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory // 4
    if device.type == "mps":
        return torch.mps.recommended_max_memory() // 4
    return 0


def cut_with_opencv(photo: Rgb, box: NDArray[np.int64], size: int, *, mirrored: bool) -> Rgb:
    """One crop (size, size, 3), reduced by area averaging or enlarged bilinearly."""
    top, left, height, width = (int(value) for value in box)
    crop = resized(photo[top : top + height, left : left + width], (size, size))
    return np.ascontiguousarray(crop[:, ::-1] if mirrored else crop)


def cut_from_block(
    pixels: Tensor, starts: Tensor, widths: Tensor, box: Tensor, mirrored: Tensor, size: int
) -> Tensor:
    """Crops (N, 3, size, size) in 0..1 out of photos that lie one after another in (pixels, 3).

    Sampled bilinearly on a grid twice as fine, then averaged: free of aliasing for reductions up to
    four times. Of a crop that is of that size already the pixels are taken as they are. `starts`
    and `widths` (N,) say where a crop's photo lies, box (N, 4) its place.
    """
    exact = (box[:, 2:] == size).all(dim=1)
    found = int(exact.sum())
    if found == len(exact):
        return _cut_pixels(pixels, starts, widths, box, mirrored, size)
    crops = _sample(pixels, starts, widths, box, mirrored, size)
    if found:
        crops[exact] = _cut_pixels(
            pixels, starts[exact], widths[exact], box[exact], mirrored[exact], size
        )
    return crops


def _cut_pixels(
    pixels: Tensor, starts: Tensor, widths: Tensor, box: Tensor, mirrored: Tensor, size: int
) -> Tensor:
    """As `cut_from_block`, of boxes that are (size, size)."""
    place = torch.arange(size, device=pixels.device)
    across = torch.where(mirrored[:, None], size - 1 - place, place) + box[:, 1:2]
    row = place + box[:, :1]
    index = starts[:, None, None] + row[:, :, None] * widths[:, None, None] + across[:, None, :]
    return pixels[index].permute(0, 3, 1, 2).float() / 255


def _sample(
    pixels: Tensor, starts: Tensor, widths: Tensor, box: Tensor, mirrored: Tensor, size: int
) -> Tensor:
    """As `cut_from_block`, of boxes that are resized."""
    fine = 2 * size
    place = (torch.arange(fine, device=pixels.device) + 0.5) / fine
    top, left, height, width = (box[:, i, None].float() for i in range(4))
    rows = (place * height - 0.5).clamp(min=0).minimum(height - 1) + top
    across = torch.where(mirrored[:, None], 1 - place, place)
    columns = (across * width - 0.5).clamp(min=0).minimum(width - 1) + left
    row, column = rows.floor().long(), columns.floor().long()
    row_part, column_part = rows - row, columns - column
    next_row = (row + 1).minimum((top + height - 1).long())
    next_column = (column + 1).minimum((left + width - 1).long())
    result: Tensor | None = None
    for r, down in ((row, 1 - row_part), (next_row, row_part)):
        for c, right in ((column, 1 - column_part), (next_column, column_part)):
            index = starts[:, None, None] + r[:, :, None] * widths[:, None, None] + c[:, None, :]
            weight = down[:, :, None] * right[:, None, :]
            part = pixels[index].float() * weight[..., None]
            result = part if result is None else result + part
    assert result is not None
    return F.avg_pool2d(result.permute(0, 3, 1, 2), 2) / 255
