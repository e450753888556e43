"""Old film's faults on the *input* of training pictures, never on the truth; batched, on any
device.

In the order in which a film meets them: the stock's response to colours, the lens, the exposure and
the print's tone, grain, fading, scratches and dust, then copying at lower resolution and JPEG.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from kornia.filters import filter2d_separable, gaussian_blur2d, get_gaussian_kernel1d
from torch import Tensor

from filmcolor.color import luma_from_rgb
from filmcolor.evaluate.enlarging import coded
from filmcolor.models.resampling import enlarge, reduce


@dataclass(frozen=True, slots=True)
class DegradeSettings:
    """How often and how strongly a picture's luma is harmed.

    Strengths are upper ends and luma is 0..1; a chance is that of a picture that is harmed at all
    to have this fault as well.
    """

    chance: float = 0.4  # of a picture to be harmed at all
    orthochromatic_chance: float = 0.15  # film that sees blue and green, but little or no red
    blur: float = 1.2  # standard deviation, px
    vignette: float = 0.25  # share of light lost in the corners
    vignette_chance: float = 0.15
    gain: float = 0.12  # flicker of the exposure: factor 1 +- gain
    gamma: float = 0.2  # tone: exponent in 1 / (1 + gamma) .. 1 + gamma
    curve: float = 0.2  # S-curve, either way; 0.5 is flat at one end
    grain: float = 0.05  # standard deviation
    fade: float = 0.12  # share of the contrast range that is lost
    scratches: int = 3  # vertical lines
    scratch_chance: float = 0.1
    specks: int = 8  # of dust
    dust_chance: float = 0.1
    reduction: float = 2.0  # factor of down- and up-sampling, the same for a batch
    reduction_chance: float = 0.1
    jpeg_quality: int = 30  # lowest; the highest is 90
    jpeg_chance: float = 0.15


NO_DEGRADATION = DegradeSettings(chance=0.0)
SMALL_FILM = DegradeSettings(
    chance=0.85,
    blur=1.0,
    grain=0.06,
    reduction=1.6,
    reduction_chance=0.3,
    jpeg_quality=30,
    jpeg_chance=0.5,
)
"""For `degrade_small`, which looks at these alone."""

_GRAIN_SOFTNESS = 0.9
_BLOCK = 8
# ITU-T T.81, table K.1: the luminance quantization that JPEG's example gives.
_QUANTIZATION = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


class _Dice:
    """Random numbers of one call, a value for every picture unless said otherwise."""

    def __init__(self, count: int, rng: torch.Generator) -> None:
        self._count, self._rng = count, rng

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """(N, 1, 1, 1), or (N, *shape)."""
        wanted = (self._count, *(shape or (1, 1, 1)))
        drawn = torch.rand(wanted, generator=self._rng, device=self._rng.device)
        return low + (high - low) * drawn

    def chosen(self, chance: float) -> Tensor:
        """(N, 1, 1, 1): whether, as 0 or 1."""
        return (self.uniform(0, 1) < chance).float()

    def noise(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self._rng, device=self._rng.device)


def degrade(rgb: Tensor, settings: DegradeSettings, rng: torch.Generator) -> Tensor:
    """R'G'B' (N, 3, H, W), 0..1, to luma (N, 1, H, W), 0..1, as an old print might show it.

    Pictures that are not chosen keep exactly the luma that `color.luma_from_rgb` gives them. `rng`
    lives on the device of `rgb`.
    """
    luma = luma_from_rgb(rgb)
    if settings.chance <= 0:
        return luma
    drawn = torch.rand(len(rgb), generator=host_random(rng)) < settings.chance
    chosen = drawn.nonzero().flatten().to(rgb.device, non_blocking=True)
    if not len(chosen):
        return luma
    return luma.index_copy(0, chosen, _harm(rgb[chosen], luma[chosen], settings, rng))


def degrade_small(
    rgb: Tensor, settings: DegradeSettings, factor: int, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """R'G'B' (N, 3, H, W), 0..1, to what an upscaler is shown and what it should make of it.

    Shown is luma (N, 1, H / factor, W / factor), reduced bicubically, with the faults of a small
    file of old film; strengths count in its pixels. Wanted is luma (N, 1, H, W): the picture as
    soft as the lens and the scanner left it, and over it grain and blocks exactly as a bicubic
    enlargement has them. So detail is learnt, and neither to sharpen faults nor to smear them.
    """
    luma = luma_from_rgb(rgb)
    if settings.chance <= 0:
        return coded(reduce(luma, factor)), luma
    dice = _Dice(len(rgb), rng)
    chosen = dice.chosen(settings.chance)
    soft = luma
    if settings.blur > 0:
        soft = _soften(luma, chosen * factor * settings.blur * dice.uniform(0, 1) ** 2)
    if settings.reduction > 1:
        scanned = chosen * dice.chosen(settings.reduction_chance)
        soft = soft + scanned * (_reduce(soft, factor * settings.reduction, rng) - soft)
    small = reduce(soft, factor)
    strength = chosen * settings.grain * dice.uniform(0, 1) ** 2
    worn = small + strength * (0.5 + 2 * small * (1 - small)) * _grain(small, dice)
    packed = chosen * dice.chosen(settings.jpeg_chance)
    worn = coded(worn + packed * (_jpeg(worn, settings.jpeg_quality, dice) - worn))
    return worn, soft + enlarge(worn - small, factor)


def numbered_seed(seed: int, number: int) -> int:
    """What torch can be seeded with, 64 bits, for each of 2**20 pictures or batches of a run.

    Seeds of 2**44 and more are as good as any, but share their numbers with a smaller one.
    """
    return ((seed << 20) + number) % 2**64


def host_random(rng: torch.Generator) -> torch.Generator:
    """For numbers that the host reads, such as sizes: `rng` itself, but for that of a CUDA device
    one of the host that follows from it, so that nothing waits for the device.
    """
    if rng.device.type != "cuda":
        return rng
    seed = numbered_seed(rng.initial_seed(), rng.get_offset())
    return torch.Generator().manual_seed(seed)


def worn_half(settings: DegradeSettings, seed: int) -> Callable[[int, Tensor, int], Tensor]:
    """What `degrade_small` shows of photographs, for `evaluate_enlarging`: the same each time."""

    def smaller(number: int, rgb: Tensor, factor: int) -> Tensor:
        rng = torch.Generator(rgb.device).manual_seed(numbered_seed(seed, number))
        return degrade_small(rgb, settings, factor, rng)[0]

    return smaller


def _harm(rgb: Tensor, luma: Tensor, settings: DegradeSettings, rng: torch.Generator) -> Tensor:
    dice = _Dice(len(rgb), rng)
    harmed = luma
    if settings.orthochromatic_chance > 0:
        blind = dice.chosen(settings.orthochromatic_chance)
        harmed = harmed + blind * (_orthochromatic(rgb, dice) - harmed)
    if settings.blur > 0:
        harmed = _soften(harmed, settings.blur * dice.uniform(0, 1) ** 2)
    if settings.vignette > 0:
        strength = settings.vignette * dice.uniform(0, 1) * dice.chosen(settings.vignette_chance)
        harmed = harmed * (1 - strength * _distance(harmed) ** 2)
    if settings.gamma > 0:
        exponent = (1 + settings.gamma) ** dice.uniform(-1, 1)
        harmed = harmed.clamp(min=1e-4) ** exponent
    if settings.curve > 0:
        bend = settings.curve * dice.uniform(-1, 1)
        harmed = harmed + 2 * bend * harmed * (1 - harmed) * (2 * harmed - 1)
    harmed = (harmed * (1 + settings.gain * dice.uniform(-1, 1))).clamp(0, 1)
    if settings.grain > 0:
        strength = settings.grain * dice.uniform(0, 1) ** 2
        harmed = harmed + strength * (0.5 + 2 * harmed * (1 - harmed)) * _grain(harmed, dice)
    lost = settings.fade * dice.uniform(0, 1) ** 2
    harmed = lost * dice.uniform(0, 1) + harmed * (1 - lost)
    for drawn, chance, count in (
        (_scratches, settings.scratch_chance, settings.scratches),
        (_dust, settings.dust_chance, settings.specks),
    ):
        if chance > 0 and count > 0:
            cover, shade = drawn(harmed, count, dice)
            cover = cover * dice.chosen(chance)
            harmed = harmed + cover * (shade - harmed)
    if settings.reduction > 1 and settings.reduction_chance > 0:
        small = dice.chosen(settings.reduction_chance)
        harmed = harmed + small * (_reduce(harmed, settings.reduction, rng) - harmed)
    harmed = harmed.clamp(0, 1)
    if settings.jpeg_chance > 0:
        packed = dice.chosen(settings.jpeg_chance)
        harmed = harmed + packed * (_jpeg(harmed, settings.jpeg_quality, dice) - harmed)
    return harmed


def _orthochromatic(rgb: Tensor, dice: _Dice) -> Tensor:
    """What film blind to red records: blue-sensitive to orthochromatic, a mix in each picture.

    Light is taken as the square of R'G'B', which is near enough to add it up.
    """
    red = dice.uniform(0.0, 0.08)
    green = dice.uniform(0.1, 0.6)
    sensitivity = torch.cat([red, green, 1 - red - green], dim=1)
    return (sensitivity * rgb * rgb).sum(dim=1, keepdim=True).sqrt()


def _soften(luma: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur with a sigma (N, 1, 1, 1) for each picture."""
    sigma = sigma.view(-1, 1).clamp(min=0.05)
    blurred: Tensor
    if luma.device.type == "cuda":  # where kornia's blur waits, to read sigma on the host
        kernel = get_gaussian_kernel1d(9, sigma)
        blurred = filter2d_separable(luma, kernel, kernel, border_type="replicate")
    else:
        blurred = gaussian_blur2d(luma, (9, 9), sigma.expand(-1, 2), border_type="replicate")
    return blurred


def _distance(luma: Tensor) -> Tensor:
    """Distance from the middle (1, 1, H, W); 1 in the corners."""
    down = torch.linspace(-1, 1, luma.shape[-2], device=luma.device)
    across = torch.linspace(-1, 1, luma.shape[-1], device=luma.device)
    return torch.hypot(down[:, None], across[None, :])[None, None] / math.sqrt(2)


def _grain(luma: Tensor, dice: _Dice) -> Tensor:
    """Noise of standard deviation 1, low-passed by a random amount as emulsion's is."""
    soft = _soften(dice.noise(luma), _GRAIN_SOFTNESS * dice.uniform(0, 1))
    return soft / soft.std(dim=(-2, -1), keepdim=True).clamp(min=1e-4)


def _bumps(length: int, center: Tensor, radius: Tensor) -> Tensor:
    """Bell curves (N, K, length) about centers (N, K) of these radii, px."""
    place = torch.arange(length, device=center.device, dtype=center.dtype)
    return torch.exp(-(((place - center[..., None]) / radius[..., None]) ** 2))


def _scratches(luma: Tensor, count: int, dice: _Dice) -> tuple[Tensor, Tensor]:
    """(cover 0..1, shade): thin lines down the picture or part of it, black or white."""
    height, width = luma.shape[-2:]
    lines = _bumps(width, dice.uniform(0, width, count), dice.uniform(0.4, 1.2, count))
    reach = dice.uniform(0.2, 1.5, count) * height
    extent = _bumps(height, dice.uniform(0, height, count), reach)
    depth = dice.uniform(0.2, 0.9, count) * (dice.uniform(0, 1, count) < 0.6)
    cover = torch.einsum("nk,nkh,nkw->nhw", depth, extent, lines)[:, None]
    return cover.clamp(0, 1), (dice.uniform(0, 1) < 0.5).float()


def _dust(luma: Tensor, count: int, dice: _Dice) -> tuple[Tensor, Tensor]:
    """(cover 0..1, shade): specks with hard edges, black or white."""
    height, width = luma.shape[-2:]
    down = _bumps(height, dice.uniform(0, height, count), dice.uniform(0.5, 3.0, count))
    across = _bumps(width, dice.uniform(0, width, count), dice.uniform(0.5, 3.0, count))
    there = (dice.uniform(0, 1, count) < 0.6).float()
    cover = torch.einsum("nk,nkh,nkw->nhw", there, down, across)[:, None]
    return (4 * cover - 1).clamp(0, 1), (dice.uniform(0, 1) < 0.5).float()


def _reduce(luma: Tensor, largest: float, rng: torch.Generator) -> Tensor:
    """Down by a random factor of at most `largest`, and up again."""
    share = torch.rand((), generator=host_random(rng)).item()
    factor = largest**share
    small = [max(1, round(side / factor)) for side in luma.shape[-2:]]
    reduced = F.interpolate(luma, size=small, mode="bilinear", antialias=True)
    return F.interpolate(reduced, size=luma.shape[-2:], mode="bilinear", align_corners=False)


def _jpeg(luma: Tensor, lowest: int, dice: _Dice) -> Tensor:
    """What JPEG's luminance quantization of 8x8 blocks leaves (ITU-T T.81), quality `lowest` to
    90 by the Independent JPEG Group's scale.
    """
    height, width = luma.shape[-2:]
    padded = F.pad(luma, (0, -width % _BLOCK, 0, -height % _BLOCK), mode="replicate")
    turn = _cosines(luma)
    quality = dice.uniform(lowest, 90, 1, 1, 1, 1)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality) / 100
    steps = torch.tensor(_QUANTIZATION, dtype=luma.dtype, device=luma.device)
    steps = (steps * scale).round().clamp(1, 255)
    rows, columns = padded.shape[-2] // _BLOCK, padded.shape[-1] // _BLOCK
    blocks = padded.reshape(-1, rows, _BLOCK, columns, _BLOCK).transpose(2, 3) * 255 - 128
    frequencies = turn @ blocks @ turn.T
    kept = turn.T @ ((frequencies / steps).round() * steps) @ turn
    whole = ((kept + 128) / 255).transpose(2, 3).reshape(padded.shape)
    return whole[..., :height, :width].clamp(0, 1)


def _cosines(like: Tensor) -> Tensor:
    """The orthonormal DCT-II of eight samples, as a matrix."""
    place = torch.arange(_BLOCK, device=like.device, dtype=like.dtype)
    waves = torch.cos(math.pi / _BLOCK * place[:, None] * (place[None, :] + 0.5))
    waves[0] /= math.sqrt(2)
    return waves * math.sqrt(2 / _BLOCK)
