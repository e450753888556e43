"""A stroke colours the thing it touches, to its edges, and nothing else."""

from __future__ import annotations

import numpy as np

from filmcolor.guide.spread import SpreadSettings, fill, geodesic_distance, spread
from filmcolor.types import FloatPlane


def halves() -> FloatPlane:
    """Dark on the left, bright on the right, with a little texture."""
    light = np.full((24, 32), 30, np.float32)
    light[:, 16:] = 70
    texture = np.random.default_rng(3).uniform(-1, 1, light.shape)
    return (light + texture).astype(np.float32)


def seeds_at(*places: tuple[int, int]) -> np.ndarray:
    seeds = np.zeros((len(places), 24, 32), np.bool_)
    for number, place in enumerate(places):
        seeds[(number, *place)] = True
    return seeds


def test_a_color_fills_its_thing_and_stops_at_the_edge() -> None:
    ab, reach = spread(seeds_at((12, 7)), np.array([[40, -20]], np.float32), halves())
    assert reach[12, 7] == 1
    assert reach[:, :15].min() > 0.8
    assert reach[:, 17:].max() < 0.01
    assert np.allclose(ab[:, :, :16], np.array([40, -20])[:, None, None])


def test_every_place_of_one_thing_takes_the_nearest_color() -> None:
    colors = np.array([[50, 0], [-50, 0]], np.float32)
    ab, reach = spread(seeds_at((12, 1), (12, 14)), colors, halves())
    assert reach[:, :15].min() > 0.8
    assert ab[0, 12, 1] > 45 and ab[0, 12, 14] < -45
    assert (np.diff(ab[0, 12, :15]) < 3).all()


def test_the_distance_is_the_shortest_way_around() -> None:
    light = np.full((9, 9), 50, np.float32)
    light[:8, 4] = 0  # a wall with a gap below
    settings = SpreadSettings(step=1.0, lightness=1.0)
    seeds = np.zeros((1, 9, 9), np.bool_)
    seeds[0, 0, 3] = True
    (distance,) = geodesic_distance(seeds, light, settings)
    assert distance[0, 3] == 0
    assert distance[0, 2] == 1
    assert np.isclose(distance[0, 4], 51)
    around = 7 + 2 * np.sqrt(2) + 7  # down, through the gap on slanted steps, up again
    assert np.isclose(distance[0, 5], around, atol=1e-3)


def test_what_is_missing_comes_from_its_own_side_of_the_edge() -> None:
    values = np.zeros((24, 32, 1), np.float32)
    values[:, :16], values[:, 16:] = 10, 20
    found = np.ones((24, 32), np.float32)
    found[8:16, 12:20] = 0
    values[8:16, 12:20] = -99
    filled, belief = fill(values, found, halves())
    assert (filled[:, :16] == 10).all() and (filled[:, 16:] == 20).all()
    assert (belief[found == 1] == 1).all()
    assert 0.6 < belief[8:16, 12:20].min() < belief[8:16, 12:20].max() < 1


def test_a_thing_that_is_new_altogether_is_not_believed() -> None:
    values = np.full((24, 32, 1), 10, np.float32)
    found = np.ones((24, 32), np.float32)
    found[:, 16:] = 0
    _, belief = fill(values, found, halves())
    assert belief[:, 17:].max() < 0.4
    assert (belief[:, :15] == 1).all()
