"""Matches a picture in colour with one in grey by what the network sees in both, so that things of
one kind come to have like colours: skin as skin, sky as sky.

Deep features of both are correlated and the colours of the picture warped by what is alike, as in
He et al., "Deep Exemplar-based Colorization" (2018) and Zhang et al., "Deep Exemplar-based Video
Colorization" (CVPR 2019). Here the features are those of the network that colours, so both pictures
are shown to it in grey; nothing was trained for it. It knows no films.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from filmcolor.color import lightness, normalize_luma, rgb_to_lab
from filmcolor.errors import MediaError, OptionError
from filmcolor.files_read import FilesRead
from filmcolor.guide.geometry import GRID_STEP
from filmcolor.guide.propagate import Anchor
from filmcolor.hashing import digest
from filmcolor.media.images.picture import luma_of
from filmcolor.media.images.still_file import Rgb, read_still
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.stages.infer import View, show_lightness
from filmcolor.types import FloatPlane, Frame, KnownColors
from filmcolor.visual.rgb import resized, rgb_tensor

_SIZE = 256
"""Side in px of the square whose area both pictures are brought to."""


_SMALLEST = 64
"""Px of a reference's shorter side."""
_PALEST = 2.0
"""Lab units: a picture whose strongest colours (0.5 % of its places) are paler has none."""


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """When a place of the reference is believed; the values were measured, see
    docs/experiments.md. Likeness is the cosine of centred features."""

    temperature: float = 0.04  # of the mean over all places, by likeness
    coarsest: float = 2.0  # how much the coarsest features count, the others 1
    similar: tuple[float, float] = (0.2, 0.5)  # of the likest place: no match below, one above
    related: tuple[float, float] = (0.15, 0.35)  # likewise, the mean over the picture
    discord: float = 25.0  # Lab units: spread of the matched colours at which half is believed


class Reference:
    """A picture in colour, ready to be matched with pictures in grey."""

    def __init__(
        self, rgb: NDArray[np.uint8], model: LoadedModel, settings: MatchSettings | None = None
    ) -> None:
        """`rgb` (height, width, 3), sRGB. Raises `OptionError` if the model cannot be guided."""
        self._model, self._settings = model, settings or MatchSettings()
        card = model.card
        size = card.descriptor.model_size(rgb.shape[0], rgb.shape[1], _SIZE)
        small = resized(rgb, size)
        luma = torch.from_numpy(luma_of(small)[0])[None, None]
        self._levels = self._seen(lightness(normalize_luma(luma, 8, full_range=True)))
        if not self._levels or not card.descriptor.accepts_hints:
            lack = "follow known colours" if self._levels else "compare pictures"
            raise OptionError(
                f"--reference: model {card.name} was not made to {lack}; choose another --model"
            )
        grid = self._levels[0].shape[-2:]
        self._ab = F.interpolate(rgb_to_lab(rgb_tensor(small))[:, 1:], grid, mode="area")[
            0
        ].flatten(1)

    @torch.inference_mode()
    def guess(self, light: FloatPlane, grid: tuple[int, int], turns: int = 0) -> Anchor:
        """What the reference says of a picture whose lightness (H, W), L*, this is: ab and
        confidence on a grid (h, w); `turns` quarters counter-clockwise bring both upright.

        A place gets the mean colour of the places that look like it; it is believed as far as the
        likest one does, their colours agree, and the pictures have something to do with each other.
        """
        settings = self._settings
        light = np.ascontiguousarray(np.rot90(light, turns))
        size = self._model.card.descriptor.model_size(light.shape[0], light.shape[1], _SIZE)
        features = self._seen(torch.from_numpy(resized(light, size))[None, None])
        places, others = self._compared(features)
        likeness = places.T @ others
        weights = torch.softmax(likeness / settings.temperature, dim=1).cpu()
        colors = self._ab @ weights.T
        square = weights @ self._ab.square().sum(dim=0)
        variance = (square - colors.square().sum(dim=0)).clamp(min=0)
        best = likeness.max(dim=1).values.cpu()
        confidence = _ramp(best, settings.similar) * _ramp(best.mean(), settings.related)
        confidence = confidence / (1 + variance / settings.discord**2)
        planes = torch.cat([colors, confidence[None]]).view(3, *features[0].shape[-2:])
        upright = grid[::-1] if turns % 2 else grid
        on_grid = F.interpolate(planes[None], upright, mode="bilinear", align_corners=False)[0]
        a, b, belief = np.ascontiguousarray(np.rot90(on_grid.numpy(), -turns, axes=(1, 2)))
        return Anchor(np.stack([a, b]), belief)

    def hint(self, frame: Frame, view: View) -> KnownColors | None:
        """What it says of a picture by itself, None for nothing."""
        light = show_lightness(frame, view, self._model.device)
        grid = max(1, light.shape[0] // GRID_STEP), max(1, light.shape[1] // GRID_STEP)
        guess = self.guess(light, grid, view.rotation // 90)
        if not (guess.confidence > 0).any():
            return None
        return KnownColors(frame.index, guess.ab, guess.confidence, whole=True)

    def _seen(self, light: Tensor) -> list[Tensor]:
        model = self._model
        kind = model.device.type
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=model.half):
            return [level.float() for level in model.generator.features(light.to(model.device))]

    def _compared(self, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Features (C, places) of a picture and of the reference whose products are cosines,
        weighted; centred on the mean of both, since what all places share tells nothing."""
        weights = [1.0] * (len(features) - 1) + [self._settings.coarsest]
        sides: tuple[list[Tensor], list[Tensor]] = ([], [])
        for weight, mine, theirs in zip(weights, features, self._levels, strict=True):
            mean = torch.cat([mine.flatten(2), theirs.flatten(2)], dim=2).mean(dim=2)[0]
            for side, maps, finest in zip(
                sides, (mine, theirs), (features[0], self._levels[0]), strict=True
            ):
                centred = maps - mean[:, None, None]
                large = F.interpolate(
                    centred, finest.shape[-2:], mode="bilinear", align_corners=False
                )
                share = (weight / sum(weights)) ** 0.5
                side.append(F.normalize(large[0].flatten(1), dim=0) * share)
        return torch.cat(sides[0]), torch.cat(sides[1])


def read_reference(path: str | Path, files: FilesRead | None = None) -> tuple[Rgb, str]:
    """A picture's pixels, upright, in sRGB, and a digest of them; `files` takes note of it.

    Raises `MediaError` for one that cannot be read, is tiny or has no colour.
    """
    rgb, _ = read_still(Path(path), files)
    height, width = rgb.shape[:2]
    if min(height, width) < _SMALLEST:
        raise MediaError(
            f"{path}: {width}x{height} is too small to see anything in; a reference needs at least "
            f"{_SMALLEST} px each way"
        )
    scale = _SMALLEST / min(height, width)
    small = resized(rgb, (round(height * scale), round(width * scale)))
    if is_pale(rgb_to_lab(rgb_tensor(small))[0, 1:].numpy()):
        raise MediaError(f"{path}: has no colour; a reference must be a picture in colour")
    content = repr(rgb.shape).encode() + np.ascontiguousarray(rgb).tobytes()
    return rgb, digest(content)


def is_pale(ab: FloatPlane) -> bool:
    """Whether a picture of this ab (2, h, w) has no colour."""
    return bool(np.quantile(np.hypot(*ab), 0.995) < _PALEST)


def reference_for(
    path: str | Path | None, model: LoadedModel, files: FilesRead | None = None
) -> Reference | None:
    """The picture that somebody named, None for none; raises `MediaError` or `OptionError`."""
    return None if path is None else Reference(read_reference(path, files)[0], model)


def _ramp(values: Tensor, ends: tuple[float, float]) -> Tensor:
    return ((values - ends[0]) / (ends[1] - ends[0])).clamp(0, 1)
