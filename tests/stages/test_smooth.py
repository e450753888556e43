"""Colour is steadied inside a shot, follows what moves, and depends on its neighbourhood only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from filmcolor.options import LONGEST_STRIDE, Smoothing
from filmcolor.stages.chroma_drift import Drift
from filmcolor.stages.smooth import RADIUS, REACH, smooth
from filmcolor.types import AbMap, Frame, Uncolored

Pair = tuple[Frame, AbMap]
Planes = NDArray[np.float32]
METHODS: list[Smoothing] = ["flow", "ema", "none"]


def noise(rng: np.random.Generator, size: tuple[int, int], softness: float) -> Planes:
    field = cv2.GaussianBlur(rng.normal(0, 1, size).astype(np.float32), (0, 0), softness)
    return ((field - field.mean()) / field.std()).astype(np.float32)


def moving_film(
    count: int,
    *,
    speed: float,
    flicker: float = 0.0,
    grain: float = 0.0,
    shot: int = 0,
    square_level: float = 75.0,
) -> tuple[list[Pair], list[Planes]]:
    """A textured red square over a textured green ground, the square moving by `speed` px a frame.

    Lightness 128x96, ab 32x24. Gives the frames with true colour, and the true ab again.
    """
    rng = np.random.default_rng(17 + shot)
    ground = 45 + 12 * noise(rng, (96, 128), 2.5)
    square = square_level + 8 * noise(rng, (40, 40), 2.0)
    pairs, truth = [], []
    for index in range(count):
        left = 20 + speed * index
        move = np.array([[1, 0, left], [0, 1, 28]], np.float32)
        body = cv2.warpAffine(square, move, (128, 96))
        mask = cv2.warpAffine(np.ones((40, 40), np.float32), move, (128, 96))
        light = ground * (1 - mask) + body * mask
        light = light * (1 + rng.normal(0, flicker)) + rng.normal(0, 30 * flicker)
        light += rng.normal(0, grain, light.shape)
        red, green = np.array([40.0, 25.0]), np.array([-25.0, 20.0])
        ab = np.stack([g * (1 - mask) + r * mask for r, g in zip(red, green, strict=True)])
        small = np.stack(
            [cv2.resize(plane, (32, 24), interpolation=cv2.INTER_AREA) for plane in ab]
        ).astype(np.float32)
        frame = Frame(index, index, np.zeros((2, 2), np.uint8), shot=shot, place=index)
        lightness = np.clip(light, 0, 100).astype(np.float32)
        pairs.append((frame, AbMap(index, small, lightness)))
        truth.append(small)
    return pairs, truth


def unsteady(pairs: list[Pair], seed: int = 3) -> list[Pair]:
    """The same with colour that differs from frame to frame."""
    rng = np.random.default_rng(seed)
    changed = []
    for frame, field in pairs:
        wave = np.stack([4 * noise(rng, (24, 32), 4.0) + rng.normal(0, 2) for _ in "ab"])
        changed.append((frame, replace(field, ab=(field.ab + wave).astype(np.float32))))
    return changed


def sparse(pairs: list[Pair], stride: int) -> list[tuple[Frame, AbMap | Uncolored]]:
    """The same with the colour of every `stride`-th frame of a shot only."""
    return [
        (frame, field)
        if frame.place % stride == 0
        else (frame, Uncolored(field.index, field.lightness, field.ab.shape[1:]))
        for frame, field in pairs
    ]


def result(
    pairs: list[Pair], method: Smoothing = "flow", stability: float = 0.7, stride: int = 1
) -> NDArray[np.float32]:
    steady = smooth(sparse(pairs, stride), method, stability=stability, stride=stride)
    return np.stack([field.ab for _, field in steady])


def flicker_of(ab: NDArray[np.float32], truth: list[Planes]) -> float:
    """Mean change of the error from frame to frame."""
    return float(np.abs(np.diff(ab - np.stack(truth), axis=0)).mean())


@pytest.mark.parametrize(("method", "left"), [("flow", 0.25), ("ema", 0.50)])
@pytest.mark.parametrize("speed", [0.0, 1.5])
def test_flicker_is_removed(method: Smoothing, left: float, speed: float) -> None:
    pairs, truth = moving_film(16, speed=speed, flicker=0.08, grain=2.0)
    given = unsteady(pairs)
    before = flicker_of(np.stack([field.ab for _, field in given]), truth)
    after = flicker_of(result(given, method), truth)
    assert before > 3
    assert after < left * before
    error = np.abs(result(given, method) - np.stack(truth)).mean()
    assert error < 0.75 * np.abs(np.stack([field.ab for _, field in given]) - truth).mean()


@pytest.mark.parametrize("speed", [1.0, 3.0, 5.0])
def test_colour_moves_with_what_it_belongs_to(speed: float) -> None:
    pairs, truth = moving_film(12, speed=speed, flicker=0.05, grain=1.0)
    error = np.abs(result(pairs) - np.stack(truth))
    assert error.mean() < 0.6
    inner = np.stack(truth)[:, 0] > 39
    assert np.abs(result(pairs) - np.stack(truth))[:, 0][inner].mean() < 1.0
    still = np.stack([np.mean(truth, axis=0)] * len(truth))
    assert error.mean() < 0.4 * np.abs(still - np.stack(truth)).mean()


@pytest.mark.parametrize(("speed", "left"), [(0.0, 0.52), (2.0, 0.48), (4.0, 0.42)])
def test_what_moves_is_steadied_too(speed: float, left: float) -> None:
    pairs, truth = moving_film(14, speed=speed, flicker=0.05, grain=1.0)
    given = unsteady(pairs)
    inside = np.stack(truth)[:, 0] > 39
    error = np.abs(result(given) - np.stack(truth))[:, 0][inside].mean()
    assert error < left * np.abs(np.stack([f.ab for _, f in given]) - truth)[:, 0][inside].mean()


def test_exposure_flicker_does_not_stop_the_smoothing() -> None:
    left = []
    for flicker in (0.0, 0.2):
        pairs, truth = moving_film(16, speed=0.5, flicker=flicker, square_level=60)
        left.append(flicker_of(result(unsteady(pairs)), truth))
    assert left[1] < 1.25 * left[0]


def test_uncovered_ground_does_not_take_the_colour_of_what_covered_it() -> None:
    pairs, truth = moving_film(12, speed=5.0)
    got = result(pairs)
    uncovered = (np.stack(truth)[0, 0] > 39) & (np.stack(truth)[11, 0] < -24)
    assert uncovered.sum() > 20
    assert float(got[11, 0][uncovered].max()) < -15


@pytest.mark.parametrize("method", METHODS)
def test_nothing_crosses_a_cut(method: Smoothing) -> None:
    first, _ = moving_film(7, speed=1.0)
    second, _ = moving_film(9, speed=2.0, shot=1)
    later = [
        (replace(frame, index=frame.index + 7), replace(field, index=field.index + 7))
        for frame, field in second
    ]
    whole = result(first + later, method)
    apart = np.concatenate([result(first, method), result(second, method)])
    assert np.array_equal(whole, apart)


@pytest.mark.parametrize(
    ("method", "stride"),
    [("none", 1), ("ema", 1), ("flow", 1), ("flow", 2), ("flow", 3), ("flow", LONGEST_STRIDE)],
)
def test_pieces_with_overlap_equal_the_whole(method: Smoothing, stride: int) -> None:
    given = unsteady(moving_film(40, speed=1.2, flicker=0.05, grain=1.5)[0])
    whole = result(given, method, stride=stride)
    for start, stop in ((0, 13), (13, 21), (21, 22), (22, 40)):
        first, last = max(0, start - REACH), min(40, stop + REACH)
        piece = result(given[first:last], method, stride=stride)[start - first : stop - first]
        assert np.array_equal(piece, whole[start:stop])


def test_support_is_exactly_the_radius() -> None:
    pairs, _ = moving_film(40, speed=0.0)
    frame, field = pairs[18]
    changed = [*pairs[:18], (frame, replace(field, ab=field.ab + 20)), *pairs[19:]]
    for method, stride, back, on in (
        ("flow", 1, RADIUS, RADIUS),
        ("flow", 3, REACH, REACH),
        ("ema", 1, 0, RADIUS),
    ):
        before, after = (result(film, method, stride=stride) for film in (pairs, changed))
        touched = np.flatnonzero(np.abs(after - before).max(axis=(1, 2, 3)))
        assert touched.tolist() == list(range(18 - back, 18 + on + 1))


@pytest.mark.parametrize("method", METHODS)
def test_frames_keep_their_own_fields(method: Smoothing) -> None:
    pairs, _ = moving_film(9, speed=1.0)
    came = list(smooth(pairs, method))
    assert len(came) == len(pairs)
    for (frame, field), (source, given) in zip(came, pairs, strict=True):
        assert frame is source
        assert field.index == frame.index
        assert field.lightness is given.lightness
        assert field.ab.shape == given.ab.shape and field.ab.dtype == np.float32


def test_none_hands_the_very_fields_through() -> None:
    pairs, _ = moving_film(3, speed=1.0)
    assert [pair[1] for pair in smooth(pairs, "none")] == [pair[1] for pair in pairs]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(1, 1), (8, 300), (5, 7), (64, 32)])
def test_sizes_and_single_frame_shots(method: Smoothing, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    grid = (max(1, size[0] // 4), max(1, size[1] // 4))
    pairs = []
    for index, shot in enumerate((0, 1, 1, 1, 2)):
        ab = rng.normal(0, 20, (2, *grid)).astype(np.float32)
        lightness = rng.uniform(0, 100, size).astype(np.float32)
        frame = Frame(index, index, np.zeros((1, 1), np.uint8), shot=shot)
        pairs.append((frame, AbMap(index, ab, lightness)))
    got = list(smooth(pairs, method))
    assert [frame.index for frame, _ in got] == [0, 1, 2, 3, 4]
    assert all(np.isfinite(field.ab).all() for _, field in got)
    for single in (0, 4):
        assert np.array_equal(got[single][1].ab, pairs[single][1].ab)


@pytest.mark.parametrize(("stride", "ahead"), [(1, RADIUS), (4, REACH)])
def test_look_ahead_is_bounded(stride: int, ahead: int) -> None:
    taken = 0

    def counted() -> Iterator[tuple[Frame, AbMap | Uncolored]]:
        nonlocal taken
        for pair in sparse(moving_film(30, speed=0.5)[0], stride):
            taken += 1
            yield pair

    for given, _ in enumerate(smooth(counted(), "flow", stride=stride)):
        assert taken <= given + 1 + ahead
    assert taken == 30


def test_stability_is_how_much() -> None:
    pairs, truth = moving_film(24, speed=0.7, grain=1.0)
    given = unsteady(pairs)
    for method in ("flow", "ema"):
        left = [flicker_of(result(given, method, share), truth) for share in (0, 0.3, 0.6, 0.9)]
        assert left[0] == flicker_of(np.stack([field.ab for _, field in given]), truth)
        assert all(more < 0.9 * less for less, more in pairwise(left))


@pytest.mark.parametrize("stride", [2, 4, LONGEST_STRIDE])
@pytest.mark.parametrize("speed", [0.0, 1.0])
def test_colour_is_carried_to_frames_that_the_network_did_not_see(
    stride: int, speed: float
) -> None:
    pairs, truth = moving_film(25, speed=speed, flicker=0.05, grain=1.0)
    for stability in (0.0, 0.7):
        error = np.abs(result(pairs, "flow", stability, stride) - np.stack(truth))
        assert error.mean() < 1.0
        inner = np.stack(truth)[:, 0] > 39
        assert error[:, 0][inner].mean() < 2.0


def test_what_no_neighbour_shows_takes_the_colour_of_the_nearer_frame_seen() -> None:
    """A picture that changes altogether between two frames seen, without a cut."""
    rng = np.random.default_rng(2)
    pairs: list[tuple[Frame, AbMap | Uncolored]] = []
    for index in range(5):
        light = np.clip(50 + 25 * noise(rng, (96, 128), 2.0), 0, 100).astype(np.float32)
        frame = Frame(index, index, np.zeros((2, 2), np.uint8), place=index)
        if index in (0, 4):
            ab = np.full((2, 24, 32), 10.0 if index == 0 else 30.0, np.float32)
            pairs.append((frame, AbMap(index, ab, light)))
        else:
            pairs.append((frame, Uncolored(index, light, (24, 32))))
    got = [float(np.median(f.ab)) for _, f in smooth(pairs, "flow", stability=0.0, stride=4)]
    assert got[0] == 10 and got[4] == 30
    assert got[1] < 15 and 18 < got[2] < 22 and got[3] > 25


def test_confidence_weighs_and_is_carried_along() -> None:
    pairs, _ = moving_film(9, speed=0.0)
    sure = np.ones((24, 32), np.float32)
    given = [
        (frame, replace(field, ab=field.ab + 20 * (frame.index == 4), confidence=sure))
        for frame, field in pairs
    ]
    unsure = [*given[:4], (given[4][0], replace(given[4][1], confidence=0.05 * sure)), *given[5:]]
    even, doubted = ([f for _, f in smooth(film, "flow")] for film in (given, unsure))
    assert all(np.allclose(field.confidence, 1) for field in even)
    off = [float(np.abs(f[4].ab - pairs[4][1].ab).mean()) for f in (even, doubted)]
    assert off[1] < 0.25 * off[0]
    confidence = doubted[4].confidence
    assert confidence is not None and 0.3 < float(confidence.mean()) < 0.95
    assert next(smooth(pairs, "flow"))[1].confidence is None


def test_drift_is_taken_out_as_far_as_stability_says() -> None:
    pairs, truth = moving_film(20, speed=0.0)
    wandered = [
        (frame, replace(field, ab=field.ab + np.float32(0.2 * (frame.place - 10))))
        for frame, field in pairs
    ]
    drift = Drift({0: ((0, -2.0, -2.0), (20, 2.0, 2.0))})
    for stability, left in ((0.5, 0.5), (1.0, 0.0)):
        steady = smooth(wandered, "none", stability=stability, drift=drift)
        error = np.stack([field.ab for _, field in steady]) - np.stack(truth)
        assert np.allclose(error[0], -2.0 * left, atol=1e-4)
        assert np.allclose(error[15], 1.0 * left, atol=1e-4)


def test_known_colors_do_not_drift() -> None:
    pairs, truth = moving_film(20, speed=0.0)
    known = np.zeros(truth[0].shape[1:], np.float32)
    known[:, :10] = 1
    told = [(frame, replace(field, hint_map=known)) for frame, field in pairs]
    drift = Drift({0: ((0, -2.0, -2.0), (20, 2.0, 2.0))})
    steady = smooth(told, "none", stability=1.0, drift=drift)
    change = next(steady)[1].ab - truth[0]
    assert np.array_equal(change[:, :, :10], np.zeros_like(change[:, :, :10]))
    assert np.allclose(change[:, :, 10:], 2.0)


@pytest.mark.parametrize("method", ["none", "ema"])
def test_only_flow_carries_colour(method: Smoothing) -> None:
    pairs = sparse(moving_film(3, speed=0.0)[0], 2)
    with pytest.raises(ValueError, match="frame 1 has no colour"):
        list(smooth(pairs, method))


def test_a_frame_too_far_from_colour_is_refused() -> None:
    pairs = moving_film(12, speed=0.0)[0]
    with pytest.raises(ValueError, match="no frame of the window has colour"):
        list(smooth(sparse(pairs, 4)[1:4], "flow", stride=4))


def test_a_field_of_another_frame_is_refused() -> None:
    (frame, _), (_, field) = moving_film(2, speed=0.0)[0]
    with pytest.raises(ValueError, match="frame 0 came with the colour of frame 1"):
        list(smooth([(frame, field)], "flow"))
