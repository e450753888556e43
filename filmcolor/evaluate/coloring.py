"""Photographs made grey and coloured as `filmcolor run` colours pictures, many at once.

What comes out is ab at full size, before saturation, so that any strength of colour can be looked
at without running the network again. It must not know files or training.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from filmcolor.color import ChromaTable, chroma_to_rgb, lightness, normalize_luma
from filmcolor.media.images.picture import luma_of
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.models.transfer import sent
from filmcolor.options import ColorOptions
from filmcolor.stages.infer import Together, View, infer
from filmcolor.stages.upsample import Upsampler
from filmcolor.types import AbMap, Frame, PixelLayout
from filmcolor.visual.rgb import Rgb, reduced_size, resized

_LAYOUT = PixelLayout(8, "444")
_BATCH = {"cpu": 1, "cuda": 16, "mps": 4, "xpu": 8}
"""Photographs of one size that are handed on together; on a CPU more are no quicker."""


@dataclass(frozen=True, slots=True, eq=False)
class ColoredPhotos:
    """Photographs of one size and the colour a model gave them, on the model's device."""

    indices: tuple[int, ...]
    """Which of all photographs these are."""
    truth: Tensor
    """(N, 3, H, W) R'G'B' 0..1, as they were."""
    luma: Tensor
    """(N, 1, H, W) Y' 0..1 of the grey photographs."""
    ab: Tensor
    """(N, 2, H, W), Lab units, as the model meant it."""
    table: ChromaTable

    def rgb(self, ab: Tensor) -> Tensor:
        """R'G'B' (N, 3, H, W) with this ab (any shape that fits) and the photographs' own luma."""
        chroma = self.table(self.luma, ab.expand_as(self.ab))
        return chroma_to_rgb(self.luma, chroma)

    @property
    def grey(self) -> Tensor:
        """R'G'B' (N, 3, H, W) without colour."""
        return self.luma.expand(-1, 3, -1, -1)


def reduce_photo(photo: Rgb, short_side: int | None) -> Rgb:
    """The same photograph with a short side of at most `short_side` px (area average)."""
    return resized(photo, reduced_size((photo.shape[0], photo.shape[1]), 1.0, short_side))


def to_rgb(photos: Sequence[Rgb], device: torch.device) -> Tensor:
    """Photographs of one size to R'G'B' (N, 3, H, W) 0..1 on a device."""
    codes = sent(np.stack(photos), device)
    return codes.permute(0, 3, 1, 2).float() / 255


def to_photos(rgb: Tensor) -> list[Rgb]:
    """R'G'B' (N, 3, H, W) to photographs; what lies outside 0..1 is clipped."""
    codes = (rgb.clamp(0, 1) * 255).round().to(torch.uint8)
    return list(np.ascontiguousarray(codes.permute(0, 2, 3, 1).cpu().numpy()))


def color_photos(model: LoadedModel, photos: Sequence[Rgb]) -> Generator[ColoredPhotos, None, None]:
    """Colour every photograph once, those of one size together, not in their order.

    Raises `JobError` as `infer` does.
    """
    table = ChromaTable.build(6, 1).to(model.device)
    together = Together(ColorOptions().coherence)
    by_view: dict[tuple[int, int], list[int]] = {}
    for index, photo in enumerate(photos):
        size = model.card.descriptor.model_size(*photo.shape[:2])
        by_view.setdefault(size, []).append(index)
    for (rows, columns), indices in sorted(by_view.items()):
        indices.sort(key=lambda index: photos[index].shape)
        frames = (Frame(index, 0, luma_of(photos[index])[0]) for index in indices)
        colored = infer(frames, model, View(8, True, rows, columns), together=together)
        for pairs in _same_size(colored, model.device):
            yield _compose(pairs, [photos[frame.index] for frame, _ in pairs], model.device, table)


def _same_size(
    pairs: Generator[tuple[Frame, AbMap], None, None], device: torch.device
) -> Generator[list[tuple[Frame, AbMap]], None, None]:
    """Runs of pairs whose frames have one size, no longer than is good for the device."""
    batch: list[tuple[Frame, AbMap]] = []
    for pair in pairs:
        if batch and (
            len(batch) == _BATCH[device.type] or batch[0][0].luma.shape != pair[0].luma.shape
        ):
            yield batch
            batch = []
        batch.append(pair)
    if batch:
        yield batch


def _compose(
    pairs: Sequence[tuple[Frame, AbMap]],
    photos: Sequence[Rgb],
    device: torch.device,
    table: ChromaTable,
) -> ColoredPhotos:
    """ab along the edges of each photograph's luma, as `compose.chroma_at` brings it there."""
    frames = [frame for frame, _ in pairs]
    codes = sent(np.stack([frame.luma for frame in frames])[:, None], device)
    luma = normalize_luma(codes, 8, full_range=True)
    shown = lightness(luma)
    upsampler = Upsampler(frames[0].luma.shape, _LAYOUT, "center", device)
    ab = [upsampler.lines(field).ab(shown[i : i + 1]) for i, (_, field) in enumerate(pairs)]
    indices = tuple(frame.index for frame in frames)
    return ColoredPhotos(indices, to_rgb(photos, device), luma, torch.cat(ab), table)
