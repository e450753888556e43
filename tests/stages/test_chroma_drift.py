"""The slow drift of a shot's palette is told from what changes in the picture."""

from __future__ import annotations

import cv2
import numpy as np

from filmcolor.stages.chroma_drift import SPACING, Drift, DriftMeter
from filmcolor.types import AbMap


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Lightness (96, 128) and ab (2, 24, 32) that belong together."""
    rng = np.random.default_rng(seed)
    light = cv2.GaussianBlur(rng.normal(0, 1, (96, 128)), (0, 0), 6)
    light = (50 + 20 * light / light.std()).clip(0, 100).astype(np.float32)
    small = cv2.resize(light, (32, 24), interpolation=cv2.INTER_AREA)
    return light, np.stack([small - 50, 60 - small]).astype(np.float32)


def measured(offsets: np.ndarray, *, seed: int = 1, shot: int = 0, moving: bool = False) -> Drift:
    """Drift found over samples whose ab is off by `offsets` (n, 2)."""
    meter = DriftMeter()
    rng = np.random.default_rng(9)
    for number, offset in enumerate(offsets):
        light, ab = scene(seed + (number if moving else 0))
        exposed = (light * rng.uniform(0.9, 1.1) + rng.normal(0, 1, light.shape)).clip(0, 100)
        colors = ab + offset[:, None, None] + rng.normal(0, 1, ab.shape)
        field = AbMap(number, colors.astype(np.float32), exposed.astype(np.float32))
        meter.add(shot, number * SPACING, field)
    return meter.found()


def test_a_wandering_palette_is_followed_through_flicker_of_the_exposure() -> None:
    offsets = np.stack([np.linspace(-3, 3, 9), np.linspace(2, -2, 9)], axis=1)
    drift = measured(offsets)
    for number in range(1, 8):
        assert np.allclose(drift.at(0, number * SPACING), offsets[number], atol=0.3)
    between = (offsets[3] + offsets[4]) / 2
    assert np.allclose(drift.at(0, 3 * SPACING + SPACING // 2), between, atol=0.3)


def test_a_steady_palette_has_no_drift() -> None:
    drift = measured(np.zeros((8, 2)))
    assert max(float(np.abs(drift.at(0, place)).max()) for place in range(8 * SPACING)) < 0.15


def test_another_picture_with_other_colours_is_no_drift() -> None:
    offsets = np.repeat([[0.0, 0.0], [25.0, 10.0], [-20.0, 5.0]], 3, axis=0)
    drift = measured(offsets, moving=True)
    assert float(np.abs(drift.at(0, 4 * SPACING)).max()) < 2.0


def test_a_single_frame_that_is_off_counts_half_and_no_offset_is_large() -> None:
    offsets = np.zeros((9, 2))
    offsets[4] = 4.0
    found = measured(offsets).at(0, 4 * SPACING)
    assert np.allclose(found, 2.0 - 4.0 / 9, atol=0.3)
    wild = measured(np.linspace([-40, 0], [40, 0], 9))
    assert float(wild.at(0, 0)[0]) == -6.0 and float(wild.at(0, 9999)[0]) == 6.0


def test_short_and_unknown_shots_have_none() -> None:
    drift = measured(np.array([[5.0, 5.0], [-5.0, -5.0]]))
    assert not drift.at(0, 0).any()
    assert not drift.at(7, 100).any()


def test_shots_are_kept_apart() -> None:
    meter = DriftMeter()
    light, ab = scene(1)
    for shot, step in ((0, 1.0), (1, -1.0)):
        for number in range(5):
            field = AbMap(0, (ab + step * (number - 2)).astype(np.float32), light)
            meter.add(shot, number * SPACING, field)
    drift = meter.found()
    assert np.allclose(drift.at(0, 3 * SPACING), 1.0, atol=0.1)
    assert np.allclose(drift.at(1, 3 * SPACING), -1.0, atol=0.1)
