"""Things that are followed: those that keep their colour, that wander, that come back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from filmcolor.color import lab_to_rgb
from filmcolor.evaluate.film_figures import FilmFigures
from filmcolor.evaluate.video import measure_films
from filmcolor.visual.rgb import Rgb

HEIGHT, WIDTH, FRAMES = 72, 96, 16
Plane = NDArray[np.float64]


def texture(seed: int) -> Plane:
    """Lightness 56..64, with something to hold on to."""
    soft = cv2.GaussianBlur(np.random.default_rng(seed).uniform(0, 1, (HEIGHT, WIDTH)), (0, 0), 2)
    return np.asarray(56 + 8 * (soft - soft.min()) / (soft.max() - soft.min()))


def picture(lightness: Plane, left: Sequence[float], right: Sequence[float]) -> Rgb:
    """One colour (a, b) on the left half, another on the right."""
    half = np.arange(WIDTH) < WIDTH // 2
    ab = [np.broadcast_to(np.where(half, left[c], right[c]), lightness.shape) for c in (0, 1)]
    lab = torch.from_numpy(np.stack([lightness, *ab]).astype(np.float32))[None]
    rgb = lab_to_rgb(lab)[0].permute(1, 2, 0).numpy()
    return np.rint(rgb.clip(0, 1) * 255).astype(np.uint8)


def measured(
    truth: Sequence[Rgb], ours: Sequence[Rgb], shots: Sequence[int] | None = None
) -> dict[str, FilmFigures]:
    numbers = shots or [0] * len(truth)
    frames = zip(numbers, truth, ours, strict=True)
    return measure_films(((n, {"truth": t, "ours": o}) for n, t, o in frames), "truth", 8)


def test_a_thing_that_wanders_drifts_by_its_root_mean_square() -> None:
    """One half goes from a = -6 to 6 in even steps, the other keeps a wrong colour."""
    light = texture(1)
    path = np.linspace(-6, 6, FRAMES)
    truth = [picture(light, (20, 20), (-20, 0))] * FRAMES
    ours = [picture(light, (a, 0), (10, -10)) for a in path]
    films = measured(truth, ours)
    total = films["ours"].total
    assert total.followed > 0.9
    assert total.drift == pytest.approx(math.sqrt(np.square(path).mean() / 2), rel=0.05)
    assert films["truth"].total.drift < 0.3
    # By frame: half of the picture is so far off its mean.
    last = films["ours"].frames[-1]
    assert last.drift == pytest.approx(6 / math.sqrt(2), rel=0.05)
    assert math.isnan(total.across_shots) and total.seen_again == 0


def test_what_changes_in_truth_is_no_drift_of_a_film_that_follows() -> None:
    light = texture(2)
    path = np.linspace(-4, 4, FRAMES)
    truth = [picture(light, (20 + a, 20), (-20, a)) for a in path]
    ours = [picture(light, (5 + a, 0), (0, 8 + a)) for a in path]
    grey = [picture(light, (0, 0), (0, 0))] * FRAMES
    own = math.sqrt(np.square(path).mean())
    films = measured(truth, ours)
    assert films["ours"].total.drift < 0.2
    assert films["truth"].total.drift == pytest.approx(own, rel=0.05)
    assert measured(truth, grey)["ours"].total.drift == pytest.approx(own, rel=0.05)


def test_things_are_followed_along_the_motion() -> None:
    """The picture moves by 1 px a frame; colours go with it, or stay where they were."""
    light = np.asarray(
        cv2.GaussianBlur(np.random.default_rng(3).uniform(0, 1, (72, 128)), (0, 0), 2)
    )
    light = 45 + 30 * (light - light.min()) / (light.max() - light.min())
    views = [slice(n, n + WIDTH) for n in range(FRAMES)]

    def shown(view: slice, edge: int) -> Rgb:
        half = np.arange(128)[view] < edge
        a = np.broadcast_to(np.where(half, 20.0, -20.0), (72, WIDTH))
        lab = np.stack([light[:, view], a, np.zeros_like(a)]).astype(np.float32)
        rgb = lab_to_rgb(torch.from_numpy(lab)[None])[0].permute(1, 2, 0).numpy()
        return np.rint(rgb.clip(0, 1) * 255).astype(np.uint8)

    truth = [shown(view, 60) for view in views]
    left = [shown(view, 60 + n) for n, view in enumerate(views)]
    assert measured(truth, truth)["ours"].total.drift < 0.5
    moved = measured(truth, left)["ours"].total
    assert moved.followed > 0.6 and moved.drift > 2


def test_the_same_thing_in_a_shot_that_comes_back() -> None:
    """A B A B: one half is off by 9 the second time; another scene is not taken for it."""
    one, other = texture(4), texture(5)
    true = {0: (one, (20.0, 20.0), (-20.0, 0.0)), 1: (other, (-10.0, -20.0), (15.0, 30.0))}
    shots = [number for number in range(4) for _ in range(FRAMES)]
    truth = [picture(*true[number % 2]) for number in shots]
    ours = [picture(true[n % 2][0], (9.0 if n == 2 else 0.0, 5.0), (-5.0, 5.0)) for n in shots]
    films = measured(truth, ours, shots)
    by_shot = films["ours"].by_shot()
    assert math.isnan(by_shot[0].across_shots) and math.isnan(by_shot[1].across_shots)
    assert by_shot[2].across_shots == pytest.approx(9 / math.sqrt(2), rel=0.05)
    assert by_shot[3].across_shots < 0.2
    assert films["ours"].total.across_shots == pytest.approx(9 / 2, rel=0.05)
    assert films["truth"].total.across_shots < 0.3
    assert by_shot[0].seen_again == 0 and by_shot[2].seen_again > 0.9
    assert films["ours"].total.drift < 0.2  # within each shot nothing wanders

    unlike = measured(truth[: 2 * FRAMES], ours[: 2 * FRAMES], shots[: 2 * FRAMES])["ours"]
    assert math.isnan(unlike.total.across_shots) and unlike.total.seen_again == 0


def test_a_light_that_changed_in_truth_is_no_distance_of_a_film_that_follows() -> None:
    light = texture(6)
    shots = [0] * FRAMES + [1] * FRAMES
    truth = [picture(light, (20 + 4 * n, 20), (-20 + 4 * n, 0)) for n in shots]
    ours = [picture(light, (4 * n, 5), (4 * n, 5)) for n in shots]
    films = measured(truth, ours, shots)
    assert films["truth"].total.across_shots == pytest.approx(4.0, rel=0.1)
    assert films["ours"].total.across_shots < 0.2


def test_what_is_followed_for_a_moment_only_has_no_drift() -> None:
    light = texture(7)
    truth = [picture(light, (20, 20), (-20, 0))] * 6
    ours = [picture(light, (n, 0), (0, 0)) for n in range(6)]
    total = measured(truth, ours)["ours"].total
    assert math.isnan(total.drift) and total.followed == 0
