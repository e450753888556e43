"""Skin of faces: found in the truth, and judged by hue and chroma."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage import data

from filmcolor.color import lab_to_rgb, rgb_to_lab
from filmcolor.evaluate.photos import Truth, average, measure
from filmcolor.evaluate.skin import off_locus, on_locus, true_skin
from filmcolor.evaluate.video import measure_films
from filmcolor.types import FloatPlane


def face() -> FloatPlane:
    """Lab (3, H, W) of a photograph of a woman, face and shoulders, which is in the public
    domain (NASA)."""
    photo = data.astronaut()[:256, 96:352]
    rgb = torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)[None].float() / 255
    return rgb_to_lab(rgb)[0].numpy()


@pytest.mark.parametrize(
    ("lightness", "a", "b", "expected"),
    [
        (59.6, 11.8, 14.6, True),  # cheek, Caucasian, mean (Xiao et al. 2017)
        (61.9, 7.1, 17.4, True),  # arm, Thai
        (65.0, 16.2, 19.6, True),  # preferred (Chen et al. 2013)
        (20.0, 6.0, 7.0, True),  # a face in shade
        (60.0, 2.0, 3.0, False),  # grey
        (60.0, -8.0, 15.0, False),  # green
        (60.0, -5.0, -20.0, False),  # blue
        (60.0, 20.0, 2.0, False),  # pink as no face is
        (60.0, 30.0, 45.0, False),  # orange paint
        (20.0, 20.0, 25.0, False),  # the same in shade
    ],
)
def test_the_colors_of_skin(lightness: float, a: float, b: float, expected: bool) -> None:
    found = on_locus(np.array([a, b], np.float32), np.float32(lightness)[None][0])
    assert bool(found) is expected


def test_the_skin_of_a_face_is_found_in_truth_and_nowhere_else() -> None:
    lab = face()
    skin = true_skin(lab)
    rows, columns = np.divmod(skin, lab.shape[2])
    assert 0.01 < len(skin) / lab[0].size < 0.1
    assert rows.min() > 40 and rows.max() < 190 and columns.min() > 70 and columns.max() < 190
    assert len(true_skin(np.stack([lab[0], lab[2], lab[1]]))) == 0  # a face that is pink
    assert len(true_skin(lab[:, 128:, :96])) == 0  # no face there


def test_the_share_of_skin_that_is_off_its_colors() -> None:
    lab = face()
    skin = true_skin(lab)
    assert off_locus(lab[1:], lab, skin) == 0
    blue = lab[1:].copy()
    spoilt = skin[: len(skin) // 4]
    blue.reshape(2, -1)[:, spoilt] = [[-5], [-20]]
    assert off_locus(blue, lab, skin) == pytest.approx(0.25, abs=0.01)
    assert off_locus(np.zeros_like(blue), lab, skin) == 1


def test_photographs_and_films_have_it_by_the_area_of_skin() -> None:
    lab = face()
    true = lab_to_rgb(torch.from_numpy(lab)[None]).clamp(0, 1)
    luma = (true * torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]).sum(1, keepdim=True)
    grey = luma.expand(-1, 3, -1, -1)
    (same,), (none,) = measure(true, Truth.of(true)), measure(grey, Truth.of(true))
    assert same.skin == none.skin > 0.01 and same.skin_off < 0.05 and none.skin_off == 1
    faceless = Truth.of(true[:, :, 128:, :96])
    (empty,) = measure(true[:, :, 128:, :96], faceless)
    assert math.isnan(empty.skin_off) and empty.skin == 0
    assert average([none, empty]).skin_off == 1
    assert average([none, same, same]).skin_off == pytest.approx((1 + 2 * same.skin_off) / 3)

    def picture(rgb: torch.Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        codes: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = (
            (rgb[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        )
        return np.ascontiguousarray(codes)

    films = measure_films([(0, {"truth": picture(true), "grey": picture(grey)})] * 2, "truth", 2)
    first, second = films["grey"].frames
    assert first.skin_off > 0.99 and first.skin == pytest.approx(same.skin, rel=0.05)
    assert math.isnan(second.skin_off)
    assert films["grey"].total.skin_off == first.skin_off
