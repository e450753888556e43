"""Motion is measured in ab px, both ways, and not believed where nothing corresponds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from filmcolor.stages.flow import FlowEstimator, FlowSettings, Motion, sample, sampling_grid
from filmcolor.types import FloatPlane

SIZE = (96, 128)
GRID = (24, 32)


def texture(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(0, 1, size).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return (50 + 14 * soft / soft.std()).astype(np.float32)


def motion(first: FloatPlane, second: FloatPlane, grid: tuple[int, int] = GRID) -> Motion:
    height, width = first.shape
    estimator = FlowEstimator((height, width), grid, FlowSettings())
    return estimator.between(estimator.prepare(first), estimator.prepare(second))


@pytest.mark.parametrize("grain", [0.0, 3.0])
def test_a_shift_is_found_in_ab_px(grain: float) -> None:
    rng = np.random.default_rng(0)
    first = texture(1)
    second = np.roll(first, (2, 6), axis=(0, 1))
    exposed = 1.2 * second + 4 + rng.normal(0, grain, SIZE)
    found = motion(first, exposed.astype(np.float32))
    inner = np.s_[4:-4, 4:-4]
    for flow, sign in ((found.forward, 1), (found.backward, -1)):
        assert flow.shape == (*GRID, 3) and flow.dtype == np.float32
        assert np.abs(flow[inner][..., 0] - sign * 1.5).mean() < 0.1
        assert np.abs(flow[inner][..., 1] - sign * 0.5).mean() < 0.1
        assert flow[inner][..., 2].mean() > 0.85


def test_what_appears_or_leaves_is_not_trusted() -> None:
    first, second = texture(2), texture(2)
    second[24:72, 32:96] = texture(3, (48, 64))
    found = motion(first, second)
    for trust in (found.forward[..., 2], found.backward[..., 2]):
        assert trust[8:16, 10:22].mean() < 0.6
        assert trust[:4].mean() > 0.9 and trust[-4:].mean() > 0.9
    panned = motion(first, np.roll(first, 8, axis=1))
    assert panned.forward[:, -1:, 2].max() == 0
    assert panned.forward[4:-4, 8:20, 2].mean() > 0.8


def test_unlike_pictures_are_not_trusted() -> None:
    assert motion(texture(4), texture(5)).forward[..., 2].mean() < 0.55


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (31, 33), (300, 20)])
def test_any_size(size: tuple[int, int]) -> None:
    grid = (max(1, size[0] // 4), max(1, size[1] // 4))
    rng = np.random.default_rng(6)
    first, second = rng.uniform(0, 100, (2, *size)).astype(np.float32)
    found = motion(first, second, grid)
    assert found.forward.shape == found.backward.shape == (*grid, 3)
    assert np.isfinite(found.forward).all() and np.isfinite(found.backward).all()


def test_flow_does_not_depend_on_the_number_of_threads() -> None:
    first, second = texture(8), np.roll(texture(8), 3, axis=1)
    before = cv2.getNumThreads()
    found = []
    try:
        for threads in (1, 2, 5):
            cv2.setNumThreads(threads)
            found.append(motion(first, second))
    finally:
        cv2.setNumThreads(before)
    assert all(np.array_equal(found[0].forward, other.forward) for other in found[1:])


def test_sampling() -> None:
    columns, rows = sampling_grid(5, 6)
    planes = np.dstack([columns, rows, columns * rows])
    assert np.array_equal(sample(planes, columns, rows), planes)
    shifted = sample(planes, columns + 0.5, rows)
    assert np.array_equal(shifted[:, :-1, 0], columns[:, :-1] + 0.5)
    assert np.array_equal(shifted[:, -1, 0], columns[:, -1])
