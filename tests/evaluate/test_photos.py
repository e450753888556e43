"""Photo measures against hand-made cases, scikit-image and published pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000
from skimage.metrics import peak_signal_noise_ratio

from filmcolor.evaluate.photos import (
    PhotoMeasures,
    Truth,
    average,
    ciede2000,
    colorfulness,
    measure,
    psnr,
)


def test_psnr_agrees_with_scikit_image() -> None:
    a, b = torch.rand(2, 3, 20, 30), torch.rand(2, 3, 20, 30)
    for ours, x, y in zip(psnr(a, b).tolist(), a.numpy(), b.numpy(), strict=True):
        assert ours == pytest.approx(peak_signal_noise_ratio(y, x, data_range=1.0), abs=1e-3)


def test_colorfulness_follows_its_definition() -> None:
    assert colorfulness(torch.full((1, 3, 8, 8), 0.4)).item() == pytest.approx(0, abs=1e-3)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32)).astype(np.float64)
    rg, yb = pixels[0] - pixels[1], (pixels[0] + pixels[1]) / 2 - pixels[2]
    expected = math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean())
    ours = colorfulness(torch.from_numpy(pixels).float()[None] / 255).item()
    assert ours == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [  # Sharma, Wu and Dalal 2005, from table 1
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.4900, -0.0010), (50, -2.4900, 0.0009), 7.1792),
        ((50, 2.4900, -0.0010), (50, -2.4900, 0.0011), 7.2195),
        ((50, -0.0010, 2.4900), (50, 0.0009, -2.4900), 4.8045),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((50, 2.5, 0), (50, 3.2592, 0.3350), 1.0),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_gives_the_published_differences(
    first: tuple[float, ...], second: tuple[float, ...], expected: float
) -> None:
    one, other = (torch.tensor(lab).double().view(1, 3, 1, 1) for lab in (first, second))
    assert ciede2000(one, other).item() == pytest.approx(expected, abs=6e-5)
    assert ciede2000(other, one).item() == pytest.approx(expected, abs=6e-5)


def test_ciede2000_agrees_with_scikit_image() -> None:
    rng = np.random.default_rng(3)
    labs = rng.uniform((0, -100, -100), (100, 100, 100), (2, 40, 50, 3))
    one, other = (torch.from_numpy(lab).permute(2, 0, 1)[None] for lab in labs)
    assert np.allclose(ciede2000(one, other)[0].numpy(), deltaE_ciede2000(*labs), atol=1e-6)


def test_a_perfect_result_and_a_neutral_one() -> None:
    rgb = torch.rand(2, 3, 16, 16)
    rgb[..., :4] = 0.5
    truth = Truth.of(rgb)
    for perfect in measure(rgb, truth):
        assert perfect.psnr == pytest.approx(100)
        assert perfect.ab_error == pytest.approx(0, abs=1e-4)
        assert perfect.ciede2000 == pytest.approx(0, abs=1e-3)
        assert perfect.neutral_chroma < 5
    for grey in measure(rgb.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1), truth):
        assert grey.psnr < 30
        assert grey.ab_error > 10 and grey.ciede2000 > 5
        assert grey.colorfulness < 0.01
        assert grey.neutral_chroma == pytest.approx(0, abs=0.05)


def test_chroma_on_neutral_looks_only_where_the_truth_is_neutral() -> None:
    rgb = torch.full((1, 3, 8, 8), 0.5)
    rgb[:, 0, :, 4:] = 0.9
    truth = Truth.of(rgb)
    tinted = rgb.clone()
    tinted[:, 2, :, 4:] = 0.1
    (on_colors,) = measure(tinted, truth)
    assert on_colors.neutral_chroma == pytest.approx(0, abs=0.05)
    tinted = rgb.clone()
    tinted[:, 2, :, :4] = 0.3
    (on_neutral,) = measure(tinted, truth)
    assert on_neutral.neutral_chroma > 15
    everywhere = torch.rand(1, 3, 4, 4) * 0.2
    everywhere[:, 0] = 0.9
    (without,) = measure(everywhere, Truth.of(everywhere))
    assert math.isnan(without.neutral_chroma) and without.as_dict()["neutral_chroma"] is None


def test_average_leaves_out_what_is_not_a_number() -> None:
    pair = [
        PhotoMeasures(20, 10, 8, 30, 4, 0.2, 0.5),
        PhotoMeasures(22, 12, 9, 40, math.nan, 0.4, 0.5),
    ]
    assert average(pair) == PhotoMeasures(21, 11, 8.5, 35, 4, pytest.approx(0.3), 0.5)
