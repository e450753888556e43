"""A model's report on photographs: the same chain as `run`, baselines, curves, order, bad input."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from filmcolor.cli import main
from filmcolor.errors import MediaError
from filmcolor.evaluate.coloring import reduce_photo
from filmcolor.evaluate.report import (
    CurvePoint,
    PhotoReport,
    evaluate_photos,
    spread_indices,
)
from filmcolor.models.checkpoint import load_generator
from filmcolor.visual.rgb import Rgb
from tests.helpers.networks import one_color as model
from tests.helpers.scenes import write_photographs


def photographs(*sizes: tuple[int, int]) -> list[Rgb]:
    """Photographs with skin-like colours on a ramp."""
    made = []
    for number, (height, width) in enumerate(sizes):
        ramp = np.linspace(60, 200, width)[None, :, None] * np.ones((height, 1, 1))
        photo = ramp * (1 + np.array([0.25, 0.0, -0.2]) * (1 + 0.2 * number))
        made.append(photo.clip(0, 255).astype(np.uint8))
    return made


def test_no_color_is_the_neutral_baseline() -> None:
    report = evaluate_photos(model(0, 0), photographs((64, 80), (48, 48)))
    assert report.photos == 2
    assert report.psnr_gain == pytest.approx(0, abs=1e-3)
    assert report.ours.ab_error == pytest.approx(report.neutral.ab_error, abs=0.01)
    assert report.colorfulness_ratio == pytest.approx(0, abs=1e-3)
    assert report.truth.colorfulness > 20
    assert not report.reaches(0.65) and report.gain_at(0.65) < 0


def test_the_mean_color_is_the_other_baseline_and_better_than_none() -> None:
    photos = photographs((64, 80), (48, 64), (64, 80))
    a, b = evaluate_photos(model(0, 0), photos).mean_ab
    assert a > 5 and b > 10
    report = evaluate_photos(model(a, b), photos)
    assert report.mean_color.psnr > report.neutral.psnr + 3
    assert report.ours.psnr == pytest.approx(report.mean_color.psnr, abs=0.02)
    assert report.ours.ciede2000 == pytest.approx(report.mean_color.ciede2000, abs=0.05)
    assert 0.4 < report.colorfulness_ratio < 1


def test_the_curve_rises_where_colors_are_right_and_falls_where_they_are_wrong() -> None:
    photos = photographs((64, 80))
    a, b = evaluate_photos(model(0, 0), photos).mean_ab
    right = evaluate_photos(model(a / 2, b / 2), photos, saturations=(0.5, 1.0, 1.5))
    assert [point.saturation for point in right.curve] == [0.5, 1.0, 1.5]
    assert right.curve[0].psnr_gain < right.curve[1].psnr_gain < right.curve[2].psnr_gain
    strengths = [point.colorfulness_ratio for point in right.curve]
    assert strengths[1] == pytest.approx(2 * strengths[0], rel=0.1)
    wrong = evaluate_photos(model(-a / 2, -b / 2), photos)
    assert wrong.psnr_gain < -1 and wrong.gain_at(0.3) < right.gain_at(0.3)


def report_with(*points: tuple[float, float]) -> PhotoReport:
    base = evaluate_photos(model(0, 0), photographs((32, 32)))
    curve = tuple(CurvePoint(1.0, 20 + gain, gain, ratio) for ratio, gain in points)
    return replace(base, curve=curve)


def test_gains_are_read_between_the_measured_points() -> None:
    report = report_with((0.4, 0.8), (0.8, 0.4))
    assert report.reaches(0.65)
    assert report.gain_at(0.2) == pytest.approx(0.4)
    assert report.gain_at(0.6) == pytest.approx(0.6)
    assert report.gain_at(0.8) == pytest.approx(0.4)


def test_gains_beyond_the_measured_points_follow_a_parabola_of_error() -> None:
    skill = 0.5

    def gain(ratio: float) -> float:
        return -10 * math.log10(1 - 2 * skill * ratio + ratio**2)

    report = report_with((0.2, gain(0.2)), (0.4, gain(0.4)))
    assert not report.reaches(0.8)
    assert report.gain_at(0.8) == pytest.approx(gain(0.8), abs=1e-6)


def test_pictures_come_in_their_order_and_sizes() -> None:
    sizes = [(64, 80), (300, 400), (48, 64), (64, 80)]
    photos = photographs(*sizes)
    seen: list[tuple[Rgb, Rgb, Rgb]] = []
    done: list[int] = []
    evaluate_photos(
        model(20, 20),
        photos,
        keep=[3, 1],
        on_picture=lambda grey, ours, truth: seen.append((grey, ours, truth)),
        on_done=done.append,
    )
    assert done == sorted(done) and done[-1] == 4
    assert [truth.shape[:2] for _, _, truth in seen] == [(256, 341), (64, 80)]
    for number, (grey, ours, truth) in zip((1, 3), seen, strict=True):
        assert np.array_equal(truth, reduce_photo(photos[number], 256))
        assert grey.shape == ours.shape == truth.shape
        assert (grey == grey[..., :1]).all()
        assert ours[..., 0].mean() > ours[..., 2].mean() + 10


def test_photographs_without_color_and_none_at_all_are_refused() -> None:
    with pytest.raises(MediaError, match="no photographs"):
        evaluate_photos(model(0, 0), [])
    with pytest.raises(MediaError, match="all 2 photographs are grey"):
        evaluate_photos(model(0, 0), [np.full((32, 32, 3), 90, np.uint8)] * 2)


def test_spread_indices() -> None:
    assert spread_indices(10, 3) == [0, 4, 9]
    assert spread_indices(2, 5) == [0, 1]
    assert spread_indices(5, 1) == [0]


def test_a_report_measures_what_run_makes_of_the_same_picture(
    tmp_path: Path,
) -> None:
    """Luma from OpenCV or from the planes, PNG or tensor: the pictures agree to a code or so."""
    folder = write_photographs(tmp_path / "photos", 2, 96, 128)
    photos = [cv2.imread(str(path))[..., ::-1] for path in sorted(folder.iterdir())]
    seen: list[Rgb] = []
    evaluate_photos(
        load_generator("default"),
        [np.ascontiguousarray(photo) for photo in photos],
        keep=[0, 1],
        on_picture=lambda _grey, ours, _truth: seen.append(ours),
    )
    grey = tmp_path / "grey"
    grey.mkdir()
    for number, photo in enumerate(photos):
        luma = cv2.cvtColor(np.ascontiguousarray(photo), cv2.COLOR_RGB2GRAY)
        cv2.imwrite(str(grey / f"{number}.png"), luma)
    run = ["run", str(grey), "-o", str(tmp_path / "color"), "--model", "default"]
    assert main([*run, "--device", "cpu", "--precision", "fp32", "--quiet"]) == 0
    for number, ours in enumerate(seen):
        colored = cv2.imread(str(tmp_path / "color" / f"{number}.png"))[..., ::-1]
        difference = np.abs(colored.astype(int) - ours.astype(int))
        assert difference.mean() < 0.6 and difference.max() <= 4


def test_the_command_writes_a_table_json_and_a_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_photographs(tmp_path / "photos", 3, 64, 80)
    cv2.imwrite(str(folder / "grey.png"), np.full((64, 64), 90, np.uint8))
    sheet = tmp_path / "sheet.png"
    common = ["evaluate", "--model", "default", "--model", "default", "--device", "cpu"]
    common += ["--val", str(folder), "--sheet", str(sheet), "--sheet-pictures", "2"]
    assert main(common) == 0
    out, err = capsys.readouterr()
    assert err == f"Warning: 1 grey pictures left out: {folder}/grey.png\n"
    assert "3 photographs" in out
    for row in ("PSNR gain over grey", "colourfulness, saturation 1", "gain at colourfulness 0.65"):
        assert row in out
    drawn = cv2.imread(str(sheet))
    assert drawn.shape == (24 + 2 * 192 + 4, 4 * 240 + 3 * 4, 3)
    assert main([*common, "--json", "--pictures", "2"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert len(reports) == 2 and reports[0] == reports[1]
    assert reports[0]["photos"] == 2
    assert {point["saturation"] for point in reports[0]["curve"]} == {0.5, 0.75, 1, 1.25, 1.5}
    gain = reports[0]["ours"]["psnr"] - reports[0]["neutral"]["psnr"]
    assert reports[0]["psnr_gain"] == pytest.approx(gain)


def test_the_command_refuses_what_cannot_be_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def complaint(*arguments: object, code: int) -> str:
        assert main(["evaluate", *map(str, arguments)]) == code
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and lines[0].startswith("Error: ")
        return lines[0]

    assert "--val is missing" in complaint(code=2)
    assert "no such folder" in complaint("--val", tmp_path / "gone", code=3)
    photos = write_photographs(tmp_path / "photos", 2, 64, 64)
    assert "ends in .png" in complaint("--val", photos, "--sheet", "a.jpg", code=2)
    assert "unknown model 'nobody'" in complaint("--val", photos, "--model", "nobody", code=4)
