"""Old film's faults: bounded, seeded, each only where and as strong as it is asked for."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from filmcolor.color import luma_from_rgb
from filmcolor.train.degrade import NO_DEGRADATION, DegradeSettings, degrade

_NONE = {field.name: 0 for field in fields(DegradeSettings)}
FAULTLESS = DegradeSettings(**_NONE | {"chance": 1.0, "reduction": 1.0, "jpeg_quality": 30})  # type: ignore[arg-type]


def pictures(count: int = 6, height: int = 64, width: int = 72) -> torch.Tensor:
    """A ramp of grey with a reddish, a greenish and a bluish third."""
    ramp = torch.linspace(0.1, 0.8, width).expand(count, 3, height, width).clone()
    for channel in range(3):
        ramp[:, channel, :, channel * width // 3 : (channel + 1) * width // 3] += 0.2
    return ramp


def grey(level: float, count: int = 6, size: int = 64) -> torch.Tensor:
    return torch.full((count, 3, size, size), level)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [(64, 72), (50, 39)])
def test_it_is_seeded_and_stays_luma(size: tuple[int, int]) -> None:
    settings = replace(
        DegradeSettings(),
        **{"chance": 1.0}
        | {field.name: 1.0 for field in fields(DegradeSettings) if field.name.endswith("_chance")},
    )
    rgb = pictures(6, *size)
    first, again = degrade(rgb, settings, rng()), degrade(rgb, settings, rng())
    assert torch.equal(first, again)
    assert not torch.equal(first, degrade(rgb, settings, rng(1)))
    assert first.shape == (6, 1, *size)
    assert first.min() >= 0 and first.max() <= 1 and first.isfinite().all()


def test_pictures_that_are_spared_keep_their_luma_exactly() -> None:
    rgb = pictures(64)
    assert torch.equal(degrade(rgb, NO_DEGRADATION, rng()), luma_from_rgb(rgb))
    change = (degrade(rgb, DegradeSettings(chance=0.5), rng()) - luma_from_rgb(rgb)).abs()
    harmed = change.amax(dim=(1, 2, 3))
    assert 20 <= int((harmed > 0).sum()) <= 44
    assert (harmed[harmed > 0] > 1e-3).all()


def test_without_any_fault_a_harmed_picture_is_the_same() -> None:
    rgb = pictures()
    assert torch.allclose(degrade(rgb, FAULTLESS, rng()), luma_from_rgb(rgb), atol=1e-6)


def test_orthochromatic_film_is_blind_to_red_and_fair_to_grey() -> None:
    settings = replace(FAULTLESS, orthochromatic_chance=1.0)
    assert torch.allclose(degrade(grey(0.4), settings, rng()), torch.tensor(0.4), atol=1e-4)
    red, blue = torch.zeros(16, 3, 8, 8), torch.zeros(16, 3, 8, 8)
    red[:, 0], blue[:, 2] = 0.9, 0.9
    on_red, on_blue = degrade(red, settings, rng()), degrade(blue, settings, rng())
    assert (on_red <= 0.9 * 0.08**0.5 + 1e-4).all()
    assert (on_blue > 0.45).all()
    assert on_blue.mean() > 4 * luma_from_rgb(blue).mean()


def test_grain_is_no_stronger_than_asked_for_and_has_mean_zero() -> None:
    settings = replace(FAULTLESS, grain=0.05)
    noise = degrade(grey(0.5, 64), settings, rng()) - 0.5
    spread = noise.std(dim=(1, 2, 3))
    assert 0.04 < spread.max() < 0.052
    assert spread.min() < 0.002
    assert noise.mean().abs() < 2e-3


def test_grain_is_finer_or_coarser_from_picture_to_picture() -> None:
    noise = degrade(grey(0.5, 64), replace(FAULTLESS, grain=0.05), rng()) - 0.5
    neighbours = (noise[..., 1:] * noise[..., :-1]).mean(dim=(1, 2, 3)) / noise.var(dim=(1, 2, 3))
    assert neighbours.min() < 0.05 and neighbours.max() > 0.4


def test_tone_keeps_the_order_of_greys() -> None:
    settings = replace(FAULTLESS, gamma=0.2, curve=0.45, gain=0.12, fade=0.3)
    ramp = torch.linspace(0, 0.85, 64).expand(8, 3, 4, 64)
    steps = degrade(ramp, settings, rng()).diff(dim=-1)
    assert (steps >= -1e-6).all() and (steps.mean(dim=(1, 2, 3)) > 0).all()


def test_fading_lifts_black_or_lowers_white_and_never_the_other_way() -> None:
    settings = replace(FAULTLESS, fade=0.3)
    black, white = degrade(grey(0.0), settings, rng()), degrade(grey(1.0), settings, rng())
    assert (white <= 1).all() and (black >= 0).all()
    contrast = (white - black).amin(dim=(1, 2, 3))
    assert (contrast >= 0.7 - 1e-4).all() and contrast.min() < 0.99


def test_a_vignette_darkens_corners_and_spares_the_middle() -> None:
    shaded = degrade(grey(0.6, 32), replace(FAULTLESS, vignette=0.4, vignette_chance=1.0), rng())
    assert torch.allclose(shaded[..., 31, 31], torch.tensor(0.6), atol=1e-3)
    corner = shaded[:, 0, 0, 0] / 0.6
    assert 0.6 <= corner.min() < 0.75 and corner.max() > 0.9


def test_blur_widens_an_edge() -> None:
    edge = torch.zeros(16, 3, 32, 32)
    edge[..., 16:] = 1
    blurred = degrade(edge, replace(FAULTLESS, blur=2.0), rng())
    slope = blurred.diff(dim=-1).amax(dim=(1, 2, 3))
    assert slope.min() < 0.35 and slope.max() > 0.99
    assert torch.allclose(blurred.mean(dim=(1, 2, 3)), torch.tensor(0.5), atol=1e-3)


def test_scratches_are_thin_lines_down_the_picture() -> None:
    settings = replace(FAULTLESS, scratches=3, scratch_chance=1.0)
    change = (degrade(grey(0.5, 32), settings, rng()) - 0.5).abs()
    assert (change.amax(dim=(1, 2, 3)) > 0.05).sum() > 20
    touched = change.amax(dim=2).flatten(1) > 0.05
    assert touched.float().sum(dim=1).max() <= 3 * 6
    tallest = (change > 0.05).sum(dim=2).amax(dim=(1, 2))
    assert (tallest[tallest > 0] >= 20).float().mean() > 0.8


def test_dust_is_small_and_black_or_white() -> None:
    settings = replace(FAULTLESS, specks=8, dust_chance=1.0)
    result = degrade(grey(0.5, 32), settings, rng())
    covered = ((result - 0.5).abs() > 0.01).float().mean(dim=(1, 2, 3))
    assert covered.max() < 0.12 and (covered > 0).sum() > 24
    dark, light = result.amin(dim=(1, 2, 3)) < 0.1, result.amax(dim=(1, 2, 3)) > 0.9
    assert dark.any() and light.any() and not (dark & light).any()


def test_reduction_loses_fine_detail_only() -> None:
    checks = (torch.arange(64)[:, None] + torch.arange(64)[None, :]) % 2
    rgb = checks.float().expand(4, 3, 64, 64)
    settings = replace(FAULTLESS, reduction=4.0, reduction_chance=1.0)
    assert degrade(rgb, settings, rng(1)).std() < 0.25 * rgb.std()
    flat = grey(0.3)
    assert torch.allclose(degrade(flat, settings, rng()), flat[:, :1], atol=1e-5)


def test_jpeg_keeps_the_picture_and_shows_blocks() -> None:
    rgb = pictures(32, 64, 64)
    luma = luma_from_rgb(rgb)
    settings = replace(FAULTLESS, jpeg_quality=10, jpeg_chance=1.0)
    change = degrade(rgb, settings, rng()) - luma
    assert 0.002 < change.abs().mean() < 0.05
    jumps = change.diff(dim=-1).abs().mean(dim=(0, 1, 2))
    at_blocks, within = jumps[7::8].mean(), jumps[3::8].mean()
    assert at_blocks > 1.3 * within
