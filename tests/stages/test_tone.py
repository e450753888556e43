"""Strength and hue of colours: what is applied and what is undone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from filmcolor.options import ColorOptions
from filmcolor.stages.tone import Tone, plain

RED, YELLOW, GREEN, BLUE = (80.0, 67.0), (-21.6, 94.5), (-86.2, 83.2), (79.2, -107.9)


def hue(ab: tuple[float, float]) -> float:
    return float(np.degrees(np.arctan2(ab[1], ab[0]))) % 360


def turned(ab: tuple[float, float], degrees: float) -> tuple[float, float]:
    planes = torch.tensor(ab).view(1, 2, 1, 1)
    a, b = Tone(hue_shift=degrees).applied(planes).flatten().tolist()
    return a, b


def test_hues_turn_from_red_over_yellow_and_green_to_blue() -> None:
    for one, next_one in ((RED, YELLOW), (YELLOW, GREEN), (GREEN, BLUE), (BLUE, RED)):
        degrees = (hue(next_one) - hue(one)) % 360
        assert 0 < degrees < 180
        made = turned(one, degrees)
        assert hue(made) == pytest.approx(hue(next_one), abs=0.01)
        assert np.hypot(*made) == pytest.approx(np.hypot(*one))
    assert turned(RED, -180) == pytest.approx((-80.0, -67.0), abs=1e-4)


def test_a_tone_is_undone() -> None:
    ab = np.random.default_rng(1).normal(0, 30, (2, 5, 7)).astype(np.float32)
    for tone in (Tone(), Tone(2.5), Tone(0.5, 77.0), Tone(1.0, -180.0)):
        made = tone.applied(torch.from_numpy(tone.undone(ab))[None])[0].numpy()
        assert np.abs(made - ab).max() < 1e-4
    assert Tone().undone(ab) is ab
    assert not Tone(0.0).applied(torch.from_numpy(ab)[None]).any()
    assert np.array_equal(Tone(0.0).undone(ab), ab)


def test_a_tone_is_that_of_the_options() -> None:
    assert Tone.of(ColorOptions(saturation=1.5, hue_shift=-3.0)) == Tone(1.5, -3.0)
    assert Tone.of(ColorOptions()) == plain(4) == Tone()
