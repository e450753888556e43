"""What a model makes of photographs whose colours are known, beside what no model needs to make.

Photographs are made grey and coloured as `filmcolor run` colours pictures, then compared with what
they were. It must not know files or training.

Two baselines stand beside every model. *Neutral* leaves the photograph grey. *Mean colour* gives
every pixel one and the same ab: the mean over the photographs of each one's mean ab. Both keep the
photograph's own luma, as the model does. PSNR alone rewards grey and colourfulness alone rewards
nonsense, so models are compared by their gain in PSNR over neutral at equal colourfulness, read
off the curve that saturation draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from filmcolor.color import rgb_to_lab
from filmcolor.errors import MediaError
from filmcolor.evaluate.coloring import (
    ColoredPhotos,
    color_photos,
    reduce_photo,
    to_photos,
    to_rgb,
)
from filmcolor.evaluate.photos import PhotoMeasures, Truth, average, colorfulness, measure, psnr
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.options import ColorOptions
from filmcolor.visual.rgb import Rgb

SHORT_SIDE = 256
"""Larger photographs are reduced to this short side, px; smaller ones stay as they are."""
SATURATIONS = (0.5, 0.75, 1.0, 1.25, 1.5)
COMPARED_RATIOS = (0.5, 0.65, 0.8)
"""Shares of the truth's colourfulness at which reports state the gain."""

_SHIPPED = ColorOptions().saturation
_COLORLESS = 0.5
"""Colourfulness of grey photographs is 0 but for the noise of JPEG."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The model at one saturation."""

    saturation: float
    psnr: float
    psnr_gain: float
    """dB over neutral."""
    colorfulness_ratio: float
    """Mean colourfulness over the truth's."""


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """A model's measures on a set of photographs, all of them means over the photographs."""

    model: str
    photos: int
    ours: PhotoMeasures
    """At the saturation that `filmcolor run` has by default."""
    neutral: PhotoMeasures
    """Baseline: ab = 0."""
    mean_color: PhotoMeasures
    """Baseline: `mean_ab` everywhere."""
    truth: PhotoMeasures
    """The photographs themselves; only colourfulness and chroma say something."""
    mean_ab: tuple[float, float]
    curve: tuple[CurvePoint, ...]
    """By saturation."""

    @property
    def psnr_gain(self) -> float:
        """dB over the neutral baseline."""
        return self.ours.psnr - self.neutral.psnr

    @property
    def colorfulness_ratio(self) -> float:
        """Mean colourfulness over the truth's."""
        return self.ours.colorfulness / self.truth.colorfulness

    def reaches(self, ratio: float) -> bool:
        """Whether the curve was measured as far as this share of the truth's colourfulness."""
        return any(point.colorfulness_ratio >= ratio for point in self.curve)

    def gain_at(self, ratio: float) -> float:
        """PSNR gain, dB, at a share of the truth's colourfulness; always finite.

        Read off straight lines between neutral (0, 0) and the measured points. Beyond the last
        point the squared error is taken to go on as a parabola over colourfulness, as it does
        where no colour meets the surface of the RGB cube; a model without any colour counts as one
        whose colours have nothing to do with the truth.
        """
        points = sorted((point.colorfulness_ratio, point.psnr_gain) for point in self.curve)
        if self.reaches(ratio):
            ratios, gains = zip((0.0, 0.0), *points, strict=True)
            return float(np.interp(ratio, ratios, gains))
        return _continued(points[-1], ratio)

    def saturation_at(self, ratio: float) -> float:
        """The saturation at which the model reaches a share of the truth's colourfulness, read off
        the curve, within what was measured of it.
        """
        points = sorted((point.saturation, point.colorfulness_ratio) for point in self.curve)
        saturations, ratios = zip(*points, strict=True)
        # Where all colours meet the surface of the RGB cube, more saturation can give less.
        return float(np.interp(ratio, np.maximum.accumulate(ratios), saturations))

    def card_metrics(self) -> dict[str, float]:
        """The figures that go onto a model's card, rounded."""
        figures = {
            "val_photos": float(self.photos),
            "psnr": round(self.ours.psnr, 3),
            "psnr_neutral": round(self.neutral.psnr, 3),
            "psnr_mean_color": round(self.mean_color.psnr, 3),
            "psnr_gain": round(self.psnr_gain, 3),
            "colorfulness_ratio": round(self.colorfulness_ratio, 3),
            "ab_error_ratio": round(self.ours.ab_error / self.neutral.ab_error, 3),
            "ciede2000": round(self.ours.ciede2000, 2),
            "neutral_chroma": round(self.ours.neutral_chroma, 2),
            "blotched": round(self.ours.blotched, 3),
            "skin_off": round(self.ours.skin_off, 3),
        }
        return {name: value for name, value in figures.items() if not math.isnan(value)}

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        truth = self.truth.as_dict()
        return {
            "model": self.model,
            "photos": self.photos,
            "psnr_gain": self.psnr_gain,
            "colorfulness_ratio": self.colorfulness_ratio,
            "ours": self.ours.as_dict(),
            "neutral": self.neutral.as_dict(),
            "mean_color": {**self.mean_color.as_dict(), "ab": list(self.mean_ab)},
            "truth": {
                name: truth[name] for name in ("colorfulness", "neutral_chroma", "even", "skin")
            },
            "curve": [asdict(point) for point in self.curve],
            "at_equal_colorfulness": [
                {
                    "colorfulness_ratio": ratio,
                    "psnr_gain": self.gain_at(ratio),
                    "measured": self.reaches(ratio),
                }
                for ratio in COMPARED_RATIOS
            ],
        }


def _continued(point: tuple[float, float], ratio: float) -> float:
    """Gain at a larger ratio than that of a (ratio, gain) point, from the error's parabola.

    The squared error over neutral's is 1 - 2 skill r + r^2 where colours of the truth's strength
    are r = 1; skill, at most 1, is how far they are the truth's colours.
    """
    known, gain = point
    skill = min(1.0, (1 + known**2 - 10 ** (-gain / 10)) / (2 * known)) if known > 0 else 0.0
    return -10 * math.log10(max(1 - 2 * skill * ratio + ratio**2, 1e-3))


def spread_indices(count: int, wanted: int) -> list[int]:
    """`wanted` of the numbers below `count`, all if there are fewer, spread evenly."""
    places = np.linspace(0, count - 1, min(count, wanted)).round()
    return sorted({int(place) for place in places})


class _Rows:
    """What was measured so far: a list of measures for each row of a report."""

    def __init__(self, saturations: Sequence[float]) -> None:
        self._saturations = saturations
        names = ("ours", "neutral", "mean_color", "truth")
        self._rows: dict[str, list[PhotoMeasures]] = {name: [] for name in names}
        self._curve: list[list[tuple[float, float]]] = [[] for _ in saturations]

    def __len__(self) -> int:
        return len(self._rows["truth"])

    def add(self, batch: ColoredPhotos, mean_ab: Tensor) -> Tensor:
        """Measure a batch; returns it as `filmcolor run` would colour it."""
        truth = Truth.of(batch.truth)
        shipped = batch.rgb(batch.ab * _SHIPPED)
        self._rows["truth"] += truth.measures()
        self._rows["neutral"] += measure(batch.grey, truth)
        self._rows["mean_color"] += measure(batch.rgb(mean_ab), truth)
        self._rows["ours"] += measure(shipped, truth)
        for saturation, points in zip(self._saturations, self._curve, strict=True):
            result = shipped if saturation == _SHIPPED else batch.rgb(batch.ab * saturation)
            columns = torch.stack([psnr(result, truth.rgb), colorfulness(result)], dim=1)
            points += [(quality, strength) for quality, strength in columns.tolist()]
        return shipped

    def report(self, model: str, mean_ab: Tensor) -> PhotoReport:
        """All of it, averaged; `MediaError` if the photographs have no colour."""
        means = {name: average(measures) for name, measures in self._rows.items()}
        neutral, truth = means["neutral"], means["truth"]
        if truth.colorfulness < _COLORLESS:
            raise MediaError(
                f"all {len(self)} photographs are grey; a model is evaluated on photographs with "
                "colour"
            )
        curve = []
        for saturation, points in zip(self._saturations, self._curve, strict=True):
            quality, strength = np.mean(points, axis=0).tolist()
            gain = quality - neutral.psnr
            curve.append(CurvePoint(saturation, quality, gain, strength / truth.colorfulness))
        a, b = mean_ab.flatten().tolist()
        return PhotoReport(model, len(self), **means, mean_ab=(a, b), curve=tuple(curve))


def _mean_ab(photos: Sequence[Rgb], device: torch.device) -> Tensor:
    """Mean over photographs of each one's mean ab: (1, 2, 1, 1)."""
    means = [rgb_to_lab(to_rgb([photo], device))[:, 1:].mean(dim=(2, 3)) for photo in photos]
    return torch.cat(means).mean(dim=0).view(1, 2, 1, 1)


@torch.inference_mode()
def evaluate_photos(
    model: LoadedModel,
    photos: Iterable[Rgb],
    *,
    saturations: Sequence[float] = SATURATIONS,
    short_side: int = SHORT_SIDE,
    keep: Collection[int] = (),
    on_picture: Callable[[Rgb, Rgb, Rgb], None] | None = None,
    on_done: Callable[[int], None] | None = None,
) -> PhotoReport:
    """Measure a model on colour photographs, uint8 RGB (height, width, 3).

    `on_picture` is given grey, coloured and true picture of the photographs numbered in `keep`, in
    the order of their numbers, at the end; `on_done` the number of photographs measured so far.
    Raises `MediaError` if there are no photographs or none has colour, and `JobError` as `infer`
    does.
    """
    reduced = [reduce_photo(photo, short_side) for photo in photos]
    if not reduced:
        raise MediaError("no photographs to evaluate on; give some with colour")
    mean_ab = _mean_ab(reduced, model.device)
    rows = _Rows(sorted({*saturations, _SHIPPED}))
    kept: dict[int, tuple[Rgb, Rgb, Rgb]] = {}
    for batch in color_photos(model, reduced):
        ours = rows.add(batch, mean_ab)
        for place, index in enumerate(batch.indices):
            if index in keep and on_picture is not None:
                shown = slice(place, place + 1)
                ((grey,), (colored,)) = to_photos(batch.grey[shown]), to_photos(ours[shown])
                kept[index] = (grey, colored, reduced[index])
        if on_done is not None:
            on_done(len(rows))
    if on_picture is not None:
        for index in sorted(kept):
            on_picture(*kept[index])
    return rows.report(model.card.name, mean_ab)
