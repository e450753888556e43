"""Blotches: found where one true colour became several, and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from filmcolor.evaluate.blotches import blotched_area, even_segments, spread
from filmcolor.evaluate.photos import PhotoMeasures, Truth, average, measure
from filmcolor.types import FloatPlane

HEIGHT, WIDTH = 96, 128


def scene(
    wall: tuple[float, float] = (12, 20), coat: tuple[float, float] = (-30, 25)
) -> FloatPlane:
    """Lab (3, H, W): a shaded wall on the left and a coat on the right, with grain in L*."""
    lab = np.zeros((3, HEIGHT, WIDTH), np.float32)
    lab[0, :, : WIDTH // 2] = np.linspace(55, 80, HEIGHT)[:, None]
    lab[0, :, WIDTH // 2 :] = 35
    lab[0] += np.random.default_rng(1).normal(0, 1, (HEIGHT, WIDTH))
    for plane, left, right in zip((1, 2), wall, coat, strict=True):
        lab[plane, :, : WIDTH // 2] = left
        lab[plane, :, WIDTH // 2 :] = right
    return lab


def test_things_of_one_colour_are_segments() -> None:
    segments = even_segments(scene())
    assert [round(segment.area, 2) for segment in segments] == [0.5, 0.5]
    assert all(segment.spread < 0.1 for segment in segments)
    wall = np.zeros(HEIGHT * WIDTH, bool)
    wall[segments[0].inside] = True
    assert wall.reshape(HEIGHT, WIDTH)[2:-2, 2 : WIDTH // 2 - 2].mean() > 0.99
    assert not wall.reshape(HEIGHT, WIDTH)[:, WIDTH // 2 :].any()


def test_what_has_many_colours_or_is_small_is_none() -> None:
    patchwork = scene()
    patchwork[1:] = (
        np.random.default_rng(2)
        .uniform(-40, 40, (2, HEIGHT // 4, WIDTH // 4))
        .repeat(4, axis=1)
        .repeat(4, axis=2)
    )
    assert even_segments(patchwork) == []


def test_a_coat_of_two_colours_is_blotched_and_the_wall_is_not() -> None:
    truth, result = scene(), scene()
    segments = even_segments(truth)
    assert blotched_area(truth[1:], segments).blotched == 0
    result[1, : HEIGHT // 2, WIDTH // 2 :] = 20
    area = blotched_area(result[1:], segments)
    assert area.even == pytest.approx(1.0, abs=0.02)
    assert area.blotched == pytest.approx(0.5, abs=0.02)


def test_one_wrong_colour_and_colour_that_follows_the_light_are_no_blotches() -> None:
    segments = even_segments(scene())
    result = scene(wall=(-20, -30), coat=(40, 0))
    result[1] += 0.4 * (result[0] - 60)
    assert blotched_area(result[1:], segments).blotched == 0


def test_the_spread_is_measured_off_the_line() -> None:
    light = np.arange(100, dtype=np.float32).repeat(4)
    ab = np.zeros((2, 400), np.float32)
    ab[0] = 0.5 * light + np.tile([3, -3, -3, 3], 100)
    assert spread(ab, light) == pytest.approx(3.0, abs=1e-5)
    assert spread(ab[:, :4], light[:4]) == pytest.approx(3.0, abs=1e-5)


def test_the_share_is_of_all_even_area() -> None:
    rgb = torch.full((2, 3, HEIGHT, WIDTH), 0.5)
    truth = Truth.of(rgb)
    result = rgb.clone()
    result[0, 0, :, : WIDTH // 2] = 0.65
    half, none = measure(result, truth)
    assert (half.blotched, half.even, none.blotched) == (1.0, 1.0, 0.0)
    assert [one.blotched for one in truth.measures()] == [0.0, 0.0]
    pair = [
        PhotoMeasures(20, 10, 8, 30, 4, blotched=0.5, even=0.9),
        PhotoMeasures(20, 10, 8, 30, 4, blotched=0.0, even=0.1),
        PhotoMeasures(20, 10, 8, 30, 4, blotched=math.nan, even=0.0),
    ]
    assert average(pair).blotched == pytest.approx(0.45)
    assert average(pair).even == pytest.approx(1 / 3)
    assert math.isnan(average(pair[2:]).blotched)
