"""Upscalers measured on photographs made small: how near the luma is, and whether it is the same
brought back down.

It must not know files or training.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from filmcolor.color import luma_from_rgb
from filmcolor.errors import MediaError
from filmcolor.evaluate.coloring import reduce_photo, to_photos, to_rgb
from filmcolor.evaluate.photos import psnr
from filmcolor.evaluate.report import SHORT_SIDE
from filmcolor.models.checkpoint import LoadedUpscaler
from filmcolor.models.resampling import enlarge, reduce
from filmcolor.visual.rgb import Rgb

Smaller = Callable[[int, Tensor, int], Tensor]
"""Number of a photograph, its R'G'B' (1, 3, H, W) and the factor, to luma (1, 1, h, w), 0..1."""


@dataclass(frozen=True, slots=True)
class EnlargeReport:
    """An upscaler's measures on a set of photographs, means over them."""

    model: str
    photos: int
    psnr: float
    """Of Y', rounded to codes of 8 bits, dB."""
    psnr_bicubic: float
    """The same of the bicubic enlargement."""
    down_error: float
    """Mean difference to what was enlarged, of the result reduced again, codes of 255."""
    down_error_bicubic: float

    @property
    def psnr_gain(self) -> float:
        """dB over the bicubic enlargement."""
        return self.psnr - self.psnr_bicubic

    def card_metrics(self) -> dict[str, float]:
        """The figures that go onto a model's card, rounded."""
        return {
            "val_photos": float(self.photos),
            "psnr": round(self.psnr, 3),
            "psnr_bicubic": round(self.psnr_bicubic, 3),
            "psnr_gain": round(self.psnr_gain, 3),
            "down_error": round(self.down_error, 3),
        }

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "psnr_gain": self.psnr_gain}


def bicubic_half(number: int, rgb: Tensor, factor: int) -> Tensor:
    """Luma reduced with nothing else done to it."""
    del number
    return reduce(luma_from_rgb(rgb), factor)


@torch.inference_mode()
def evaluate_enlarging(
    model: LoadedUpscaler,
    photos: Iterable[Rgb],
    *,
    smaller: Smaller = bicubic_half,
    enlarged: Callable[[Tensor], Tensor] | None = None,
    factor: int | None = None,
    short_side: int = SHORT_SIDE,
    keep: Collection[int] = (),
    on_picture: Callable[[Rgb, Rgb, Rgb], None] | None = None,
    on_done: Callable[[int], None] | None = None,
) -> EnlargeReport:
    """Measure an upscaler on photographs, uint8 RGB (height, width, 3), at its own factor.

    What is enlarged has codes of 8 bits, as a film's frame has. `enlarged` does it otherwise than
    by the bare network, and may by another `factor`: Y' (1, 1, h, w) 0..1 to Y'. `on_picture` gets
    bicubic, enlarged and true luma as pictures. Raises `MediaError` if there are no photographs.
    """
    factor = factor or model.card.descriptor.scale
    enlarging = enlarged or model.network
    rows: list[tuple[float, float, float, float]] = []
    for number, photo in enumerate(reduce_photo(photo, short_side) for photo in photos):
        height, width = (side - side % factor for side in photo.shape[:2])
        rgb = to_rgb([photo[:height, :width]], model.device)
        truth = luma_from_rgb(rgb)
        small = coded(smaller(number, rgb, factor))
        plain, ours = coded(enlarge(small, factor)), coded(enlarging(small))
        again = [255 * float((reduce(each, factor) - small).abs().mean()) for each in (ours, plain)]
        rows.append((float(psnr(ours, truth)[0]), float(psnr(plain, truth)[0]), again[0], again[1]))
        if number in keep and on_picture is not None:
            shown = [to_photos(luma.expand(-1, 3, -1, -1))[0] for luma in (plain, ours, truth)]
            on_picture(shown[0], shown[1], shown[2])
        if on_done is not None:
            on_done(len(rows))
    if not rows:
        raise MediaError("no photographs to evaluate on; give some")
    means = np.mean(rows, axis=0).tolist()
    return EnlargeReport(model.card.name, len(rows), *means)


def coded(luma: Tensor) -> Tensor:
    """Y' as 8 bits hold it, 0..1."""
    return (luma.clamp(0, 1) * 255).round() / 255
