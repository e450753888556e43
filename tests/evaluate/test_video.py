"""Measures of films whose colours are known: still ones, wavering ones, moving ones, a cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from filmcolor.color import lab_to_rgb
from filmcolor.evaluate.film_figures import FilmFigures, FrameFigures
from filmcolor.evaluate.video import Rgb, measure_films

HEIGHT, WIDTH = 72, 96
Plane = NDArray[np.float64]


def texture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> Plane:
    """Lightness with much to hold on to for a motion estimate, L* 45..75."""
    rough = np.random.default_rng(seed).uniform(0, 1, (height, width))
    soft = cv2.GaussianBlur(rough, (0, 0), 1.5)
    return 45 + 30 * (soft - soft.min()) / (soft.max() - soft.min())


def picture(lightness: Plane, a: Plane | float, b: Plane | float) -> Rgb:
    lab = np.stack(np.broadcast_arrays(lightness, a, b)).astype(np.float32)
    rgb = lab_to_rgb(torch.from_numpy(lab)[None])[0].permute(1, 2, 0).numpy()
    assert rgb.min() > 0 and rgb.max() < 1, "outside of what R'G'B' can show"
    return np.rint(rgb * 255).astype(np.uint8)


def measured(pictures: Sequence[Rgb], shots: Sequence[int] | None = None) -> list[FrameFigures]:
    numbers = shots or [0] * len(pictures)
    frames = ((shot, {"film": one}) for shot, one in zip(numbers, pictures, strict=True))
    return list(measure_films(frames)["film"].frames)


def total(pictures: Sequence[Rgb]) -> FrameFigures:
    return measure_films((0, {"film": one}) for one in pictures)["film"].total


def test_colors_that_hold_still_are_faultless() -> None:
    figures = measured([picture(texture(1), 10, 20)] * 7)
    for frame in figures[:-1]:
        assert frame.cdc == frame.warp_error == frame.still_noise == 0
    for frame in figures[1:-1]:
        assert frame.flicker == 0
    last = figures[-1]
    assert math.isnan(last.cdc) and math.isnan(last.warp_error) and math.isnan(last.flicker)
    assert math.isnan(figures[0].flicker) and math.isnan(figures[0].psnr)
    assert figures[0].colorfulness == figures[-1].colorfulness > 10


def test_flicker_of_a_known_size() -> None:
    """a wavers by 4 to both sides of 10, b stays."""
    light = texture(2)
    figures = total([picture(light, 10 + 4 * (-1) ** n, 5) for n in range(8)])
    assert figures.warp_error == pytest.approx(8.0**2, rel=0.03)
    assert figures.flicker == pytest.approx(8.0, rel=0.03)
    # Steps of 8 in one channel of two; noise of 4 in both takes steps as long on average.
    assert figures.still_noise == pytest.approx(4.0, rel=0.03)


def test_a_slow_drift_is_no_flicker() -> None:
    light = texture(2)
    figures = total([picture(light, 2.0 * n, 5) for n in range(8)])
    assert figures.warp_error == pytest.approx(2.0**2, rel=0.1)
    assert figures.flicker < 0.5


def test_noise_of_still_places_is_its_standard_deviation() -> None:
    rng, light = np.random.default_rng(0), texture(3)
    noisy = [picture(light, *rng.normal(5, 3, (2, HEIGHT, WIDTH))) for _ in range(6)]
    assert total(noisy).still_noise == pytest.approx(3.0, rel=0.04)


def test_colors_that_a_pan_leaves_behind() -> None:
    """The camera moves by 3 px a frame; the colours go with what they lie on, or stay in place."""
    wide, slope = texture(4, HEIGHT, WIDTH + 30), 0.5
    ramp = slope * np.arange(WIDTH + 30) - 10
    views = [slice(3 * n, 3 * n + WIDTH) for n in range(6)]
    along = total([picture(wide[:, view], ramp[view], 5) for view in views])
    left = total([picture(wide[:, view], ramp[:WIDTH], 5) for view in views])
    assert left.warp_error == pytest.approx((3 * slope) ** 2, rel=0.15)
    assert along.warp_error < 0.1 * left.warp_error
    assert math.isnan(left.still_noise)


def test_colors_that_a_moving_thing_leaves_behind() -> None:
    """A red square crosses by 3 px a frame; its colour goes with it, or stays where it was."""
    height, width, side, step = 120, 160, 60, 3
    ground, thing = texture(4, height, width), texture(5, side, side)

    def frame(place: int, painted: int) -> Rgb:
        light, a = ground.copy(), np.zeros((height, width))
        light[30 : 30 + side, place : place + side] = thing
        a[30 : 30 + side, painted : painted + side] = 25
        return picture(light, a, 0)

    places = [20 + step * n for n in range(5)]
    along = total([frame(place, place) for place in places])
    left = total([frame(place, places[0]) for place in places])
    # What the colour wrongly lets go and holds on to: a strip on each side of the square. Where
    # the motion's own edge is a pixel or two off, colour that is right counts a little too.
    slip = 2 * side * step / (height * width) * 25.0**2
    assert along.warp_error < 0.4 * slip
    assert left.warp_error > along.warp_error


def test_nothing_is_measured_across_a_cut() -> None:
    first = [picture(texture(6), 10 + n, 0) for n in range(5)]
    second = [picture(texture(7), -20 - n, 15) for n in range(4)]
    whole = measured([*first, *second], [0] * 5 + [1] * 4)
    parts = [*measured(first), *measured(second)]
    np.testing.assert_equal([asdict(one) for one in whole], [asdict(one) for one in parts])
    joined = measured([*first, *second])
    assert joined[4].cdc > 10 * whole[3].cdc and math.isnan(whole[4].cdc)
    films = measure_films((n // 5, {"film": one}) for n, one in enumerate([*first, *second]))[
        "film"
    ]
    by_shot = films.by_shot()
    assert list(by_shot) == [0, 1]
    np.testing.assert_equal(asdict(by_shot[1]), asdict(total(second)))
    squares = [one.flicker**2 for one in films.frames if not math.isnan(one.flicker)]
    assert films.total.flicker == pytest.approx(math.sqrt(np.mean(squares)))
    known = [one.warp_error for one in films.frames if not math.isnan(one.warp_error)]
    assert len(known) == 7 and films.total.warp_error == pytest.approx(np.mean(known))


def test_bleeding_is_the_slope_of_color_where_lightness_is_flat() -> None:
    columns = np.broadcast_to(np.arange(WIDTH, dtype=np.float64), (HEIGHT, WIDTH))
    flat = np.full((HEIGHT, WIDTH), 60.0)
    (even,) = measured([picture(flat, 10, 10)])
    assert even.bleeding == 0
    (ramp,) = measured([picture(flat, columns / 4, columns / 3)])
    assert ramp.bleeding == pytest.approx(math.hypot(1 / 4, 1 / 3), rel=0.15)
    half = columns >= WIDTH // 2
    (inside,) = measured([picture(np.where(half, 45.0, 70.0), np.where(half, 30.0, -10.0), 0)])
    assert inside.bleeding < 0.05
    (outside,) = measured([picture(flat, np.where(half, 30.0, -10.0), 0)])
    assert outside.bleeding == pytest.approx(2 * 20 / WIDTH, rel=0.1)


def test_blotches_and_chroma_on_neutral_are_those_against_the_truth() -> None:
    """A third of the picture is grey, the rest one colour; the result has chroma 5 on the grey, and
    half of the other in a second colour.
    """
    columns = np.broadcast_to(np.arange(WIDTH), (HEIGHT, WIDTH))
    rows = np.broadcast_to(np.arange(HEIGHT)[:, None], (HEIGHT, WIDTH))
    light = np.where(columns < WIDTH // 3, 45.0, 70.0)
    true_a = np.where(columns < WIDTH // 3, 0.0, 20.0)
    spoilt_a = np.where(columns < WIDTH // 3, 3.0, np.where(rows < HEIGHT // 2, 20.0, -10.0))
    spoilt_b = np.where(columns < WIDTH // 3, 4.0, 0.0)
    truth, spoilt = picture(light, true_a, 0), picture(light, spoilt_a, spoilt_b)
    frames = [(0, {"truth": truth, "ours": one}) for one in (spoilt, truth, truth, truth)]

    films = measure_films(frames, "truth")
    first, second = films["ours"].frames[:2]
    assert first.even == second.even == pytest.approx(1.0, abs=0.03)
    assert first.blotched == pytest.approx(2 / 3, abs=0.03)
    assert first.neutral_chroma == pytest.approx(5.0, abs=0.2)
    assert second.blotched == 0 and second.neutral_chroma < 0.3
    whole = films["ours"].total
    assert whole.blotched == pytest.approx(first.blotched / 4)
    assert whole.neutral_chroma == pytest.approx(
        np.mean([one.neutral_chroma for one in films["ours"].frames])
    )
    assert films["truth"].total.blotched == 0

    some = measure_films(frames, "truth", every=3)["ours"]
    assert [math.isnan(one.blotched) for one in some.frames] == [False, True, True, False]
    assert some.total.blotched == pytest.approx(first.blotched / 2)
    unknown = measure_films(frames)["ours"].total
    assert math.isnan(unknown.blotched) and math.isnan(unknown.neutral_chroma)


def test_the_blotched_share_of_a_film_is_of_all_its_even_area() -> None:
    """A frame with little that is even counts for little."""
    frames = (FrameFigures(blotched=1.0, even=0.2), FrameFigures(blotched=0.0, even=0.6))
    known = FilmFigures((*frames, FrameFigures(even=0.0)), (0, 0, 0), ((math.nan,) * 3,) * 3)
    assert known.total.blotched == pytest.approx(0.25)


def test_cdc_is_a_divergence_of_histograms_over_three_lags() -> None:
    dark, bright = (np.full((40, 40, 3), level, np.uint8) for level in (60, 200))
    figures = measured([dark, bright, dark, bright, dark, bright])
    # 1 frame apart nothing is alike: ln 2. 2 and 4 frames apart all is.
    assert figures[0].cdc == pytest.approx(math.log(2) / 3)
    assert figures[3].cdc == pytest.approx(math.log(2) / 2)
    assert figures[4].cdc == pytest.approx(math.log(2))
    half = dark.copy()
    half[:20] = bright[:20]
    mixed = 0.5 * math.log(1 / 0.75) + 0.25 * (math.log(0.5 / 0.75) + math.log(0.5 / 0.25))
    assert measured([dark, half])[0].cdc == pytest.approx(mixed)


def test_the_cdc_of_a_film_is_a_mean_over_lags_of_means_over_their_pairs() -> None:
    """Each lag counts for a third, however few pairs it has."""
    dark, bright = (np.full((40, 40, 3), level, np.uint8) for level in (60, 200))
    # Pairs that differ, of all: 1 apart 1 of 4, 2 apart 1 of 3, 4 apart 1 of 1.
    late = [dark, dark, dark, dark, bright]
    cdc = math.log(2) * (1 / 4 + 1 / 3 + 1) / 3
    assert total(late).cdc == pytest.approx(cdc)
    # A second shot that stands still: 3 more pairs 1 apart, 2 more 2 apart, none 4 apart.
    frames = [(0, one) for one in late] + [(1, bright)] * 4
    film = measure_films((shot, {"film": one}) for shot, one in frames)["film"]
    assert film.total.cdc == pytest.approx(math.log(2) * (1 / 7 + 1 / 5 + 1) / 3)
    assert film.by_shot()[0].cdc == pytest.approx(cdc) and film.by_shot()[1].cdc == 0
    assert total([dark, bright]).cdc == pytest.approx(math.log(2))  # one lag alone has pairs


def test_the_truth_is_what_others_are_held_against() -> None:
    truth = picture(texture(8), 10, 5)
    off = truth + np.uint8(10)
    frames = [(0, {"ours": off, "truth": truth})] * 3
    films = measure_films(frames, "truth")
    assert films["ours"].total.psnr == pytest.approx(20 * math.log10(255 / 10), abs=1e-3)
    assert math.isnan(films["truth"].total.psnr)
    assert films["truth"].shots == films["ours"].shots == (0, 0, 0)


def test_films_measured_together_get_the_figures_they_get_alone() -> None:
    light = texture(9)
    wavering = [picture(light, 10 + 3 * (-1) ** n, 5) for n in range(6)]
    grey = [picture(light, 0, 0)] * 6
    together = measure_films(
        (0, {"grey": one, "film": two}) for one, two in zip(grey, wavering, strict=True)
    )
    assert together["grey"].total.warp_error < 1e-3
    alone = total(wavering)
    assert together["film"].total.cdc == alone.cdc
    assert together["film"].total.warp_error == pytest.approx(alone.warp_error, rel=0.02)


def test_pictures_of_different_sizes_are_refused() -> None:
    small, large = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 44, 3), np.uint8)
    with pytest.raises(ValueError, match="different sizes"):
        measure_films([(0, {"one": small, "other": large})])


def test_a_film_of_one_frame_and_of_none() -> None:
    (alone,) = measured([picture(texture(1), 10, 20)])
    assert math.isnan(alone.cdc) and math.isnan(alone.warp_error) and alone.colorfulness > 10
    assert measure_films([]) == {}
