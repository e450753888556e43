"""Hints for training are parts of the truth, as often and as wrong as asked for."""

from __future__ import annotations

import torch

from filmcolor.train.hints import HintSettings, random_hints


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def colors(count: int = 60) -> torch.Tensor:
    across = torch.linspace(-60, 60, 48).expand(count, 1, 40, 48)
    down = torch.linspace(40, -40, 40)[:, None].expand(count, 1, 40, 48)
    return torch.cat([across, down], dim=1).contiguous()


def test_none_is_given_when_none_is_wanted() -> None:
    assert random_hints(colors(), HintSettings(chance=0.0), rng()) is None


def test_about_the_wanted_share_gets_hints_and_they_are_seeded() -> None:
    settings = HintSettings(chance=0.2)
    hint, again = (random_hints(colors(400), settings, rng()) for _ in range(2))
    assert hint is not None and again is not None
    assert torch.equal(hint.ab, again.ab) and torch.equal(hint.confidence, again.confidence)
    given = (hint.confidence.amax(dim=(1, 2, 3)) > 0).float().mean()
    assert 0.14 < given < 0.27
    assert hint.confidence.min() >= 0 and hint.confidence.max() <= 1
    assert (hint.ab * (hint.confidence == 0)).abs().max() == 0


def test_what_is_given_is_close_to_the_truth() -> None:
    truth = colors()
    settings = HintSettings(chance=1.0, warp=2.0, noise=0.0, point_side=3)
    hint = random_hints(truth, settings, rng(1))
    assert hint is not None
    known = (hint.confidence > 0).expand_as(truth)
    steepest = 120 / 47
    assert (hint.ab - truth)[known].abs().max() < 3 * steepest + 0.5
    shares = (hint.confidence > 0).float().mean(dim=(1, 2, 3))
    assert shares.min() < 0.05  # points
    assert shares.max() > 0.6  # a neighbour
    assert ((shares > 0.1) & (shares < 0.5)).any()  # patches


def test_a_neighbours_colours_are_off_by_the_noise() -> None:
    flat = torch.zeros(80, 2, 40, 40)
    hint = random_hints(flat, HintSettings(chance=1.0, noise=5.0), rng(2))
    assert hint is not None
    assert 2.0 < hint.ab.abs().max() <= 5.0
