"""Known colours stay on what they belong to while it moves, and fade where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

from filmcolor.guide.propagate import Anchor, ShotCarry
from filmcolor.types import FloatPlane

GRID, SCALE, COUNT = (32, 48), 4, 12


def scene(index: int, speed: float = 2.0) -> FloatPlane:
    """A textured ground that moves to the right, in px of (128, 192); L*."""
    noise = np.random.default_rng(5).normal(0, 1, (160, 320)).astype(np.float32)
    ground = cv2.GaussianBlur(noise, (0, 0), 3.0)
    ground = 50 + 18 * ground / ground.std()
    left = 100 - speed * index
    move = np.array([[1, 0, left], [0, 1, 16]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(ground, move, (192, 128), flags=flags).astype(np.float32)


def stripes(shift: float) -> FloatPlane:
    """ab (2, h, w) whose a is 40 right of a border that moves with the ground."""
    columns = np.arange(GRID[1]) * SCALE + SCALE / 2
    a = np.where(columns >= 90 + shift, 40.0, -40.0)
    return np.stack([np.tile(a, (GRID[0], 1)), np.zeros(GRID)]).astype(np.float32)


def carried(
    anchors: Mapping[int, Anchor], folder: Path, lights: list[FloatPlane] | None = None
) -> list[Anchor]:
    lights = lights or [scene(index) for index in range(COUNT)]
    with ShotCarry(len(lights), GRID, lambda place, _: anchors.get(place), folder) as shot:
        for light in lights:
            shot.add(light)
        return list(shot.found())


def full(ab: FloatPlane) -> Anchor:
    return Anchor(ab, np.ones(GRID, np.float32))


@pytest.mark.parametrize("start", [0, 5, COUNT - 1])
def test_colors_move_with_the_picture_forward_and_backward(start: int, tmp_path: Path) -> None:
    found = carried({start: full(stripes(2.0 * start))}, tmp_path)
    assert len(found) == COUNT
    for place, known in enumerate(found):
        expected = stripes(2.0 * place)
        inner = np.s_[4:-4, 8:-8]
        right = np.abs(known.ab[0] - expected[0])[inner] < 10
        assert right.mean() > 0.93, place
        assert known.confidence[inner].mean() > 0.9
    assert list(tmp_path.iterdir()) == []


def test_a_known_frame_is_as_it_was_given(tmp_path: Path) -> None:
    given = stripes(8.0)
    found = carried({4: full(given)}, tmp_path)[4]
    assert np.abs(found.ab - given).max() < 0.1
    assert (found.confidence == 1).all()


def test_the_nearer_of_two_counts_for_more(tmp_path: Path) -> None:
    flat = [np.full((2, *GRID), value, np.float32) for value in (0.0, 44.0)]
    found = carried({0: full(flat[0]), 11: full(flat[1])}, tmp_path)
    means = [float(known.ab[0, 8:-8, 10:-10].mean()) for known in found]
    assert means[0] < 1 and means[11] > 43
    assert (np.diff(means) > 0).all()
    assert abs(means[5] - 44 * 5 / 11) < 3


def test_what_comes_anew_is_unknown(tmp_path: Path) -> None:
    lights = [scene(index, speed=6.0) for index in range(COUNT)]
    found = carried({0: full(stripes(0))}, tmp_path, lights)
    assert found[-1].confidence[:, :14].mean() < 0.5  # 66 of 192 px came in on the left
    assert found[-1].confidence[4:-4, 22:-6].mean() > 0.85


def test_another_picture_is_hardly_believed(tmp_path: Path) -> None:
    lights = [scene(0), scene(0), np.ascontiguousarray(scene(0)[::-1, ::-1])]
    found = carried({0: full(stripes(0))}, tmp_path, lights)
    assert found[1].confidence.min() > 0.95
    assert found[2].confidence.mean() < 0.45  # flow finds like texture even there


def test_a_brighter_exposure_changes_nothing(tmp_path: Path) -> None:
    lights = [scene(0), scene(0) * 1.15 + 3]
    found = carried({0: full(stripes(0))}, tmp_path, lights)
    assert found[1].confidence.mean() > 0.95


def test_nothing_known_is_nothing_found(tmp_path: Path) -> None:
    found = carried({}, tmp_path, [scene(0), scene(1)])
    assert all(not known.confidence.any() for known in found)


def test_a_frame_too_few_is_an_error(tmp_path: Path) -> None:
    with ShotCarry(3, GRID, lambda place, _: None, tmp_path) as shot:
        shot.add(scene(0))
        with pytest.raises(ValueError, match="1 frames of a shot of 3"):
            list(shot.found())
