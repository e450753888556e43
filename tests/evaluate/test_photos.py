"""Photo measures against hand-made cases and scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from filmcolor.evaluate.photos import PhotoMeasures, average, colorfulness, measure, psnr


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


def test_a_perfect_result_and_a_neutral_one() -> None:
    truth = torch.rand(1, 3, 16, 16)
    truth[..., :4] = 0.5
    perfect = measure(truth, truth)
    assert perfect.psnr == pytest.approx(100)
    assert perfect.ab_error == pytest.approx(0, abs=1e-4)
    assert perfect.neutral_chroma < 5
    grey = measure(truth.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1), truth)
    assert grey.psnr < 30
    assert grey.ab_error > 10
    assert grey.colorfulness < 0.01


def test_average_leaves_out_what_is_not_a_number() -> None:
    both = average([PhotoMeasures(20, 10, 30, 4), PhotoMeasures(22, 12, 40, math.nan)])
    assert both == PhotoMeasures(21, 11, 35, 4)
