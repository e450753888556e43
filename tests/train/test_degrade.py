"""Old film's faults: bounded, seeded, and only as strong as asked for."""

from __future__ import annotations

import torch

from filmcolor.train.degrade import DegradeSettings, degrade


def luma() -> torch.Tensor:
    ramp = torch.linspace(0.1, 0.9, 64).view(1, 1, 1, 64).expand(6, 1, 64, 64)
    return ramp.clone()


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_it_is_seeded_and_stays_luma() -> None:
    settings = DegradeSettings(chance=1.0)
    first, again = degrade(luma(), settings, rng()), degrade(luma(), settings, rng())
    assert torch.equal(first, again)
    assert not torch.equal(first, degrade(luma(), settings, rng(1)))
    assert first.shape == luma().shape
    assert first.min() >= 0 and first.max() <= 1


def test_chance_zero_changes_nothing_and_one_changes_all() -> None:
    assert torch.equal(degrade(luma(), DegradeSettings(chance=0.0), rng()), luma())
    harmed = degrade(luma(), DegradeSettings(chance=1.0), rng())
    assert ((harmed - luma()).abs().amax(dim=(1, 2, 3)) > 1e-3).all()


def test_grain_has_no_more_than_its_strength_and_mean_zero() -> None:
    only = DegradeSettings(chance=1.0, grain=0.05, gain=0, gamma=0, fade=0, blur=0)
    flat = torch.full((64, 1, 64, 64), 0.5)
    noise = degrade(flat, only, rng()) - flat
    spread = noise.std(dim=(1, 2, 3))
    assert 0.02 < spread.max() < 0.06
    assert spread.min() < 0.005
    assert noise.mean(dim=(1, 2, 3)).abs().max() < 0.005


def test_gain_and_fade_keep_their_bounds() -> None:
    only = DegradeSettings(chance=1.0, grain=0, gain=0.2, gamma=0, fade=0, blur=0)
    ratio = degrade(torch.full((200, 1, 4, 4), 0.5), only, rng())[:, 0, 0, 0] / 0.5
    assert 0.79 < ratio.min() < 0.85
    assert 1.15 < ratio.max() < 1.21
