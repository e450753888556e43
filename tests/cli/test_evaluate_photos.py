"""`filmcolor evaluate --val` with several models: told apart everywhere, nothing cut off."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from filmcolor.cli import main
from filmcolor.models import checkpoint
from tests.helpers.networks import one_color
from tests.helpers.scenes import write_photographs

MODELS = [
    f"runs/{run}_with_a_name_that_is_long/best.safetensors" for run in ("first", "second", "third")
]
NAMES = [path.removeprefix("runs/") for path in MODELS]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three models whose files have the same name and whose cards say the same."""
    for user in ("filmcolor.train.build", "filmcolor.jobs.film", "filmcolor.evaluate.film_report"):
        importlib.import_module(user)  # or it would keep the substitute for good
    colors = iter([(5.0, 5.0), (10.0, 10.0), (-10.0, 5.0)])
    monkeypatch.setattr(checkpoint, "load_generator", lambda *_: one_color(*next(colors)))
    folder = write_photographs(tmp_path / "photos", 2, 48, 64)
    given = [word for path in MODELS for word in ("--model", path)]
    return ["evaluate", "--device", "cpu", "--val", str(folder), *given]


def test_a_table_in_a_pipe(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not any("…" in line for line in lines)
    (heads,) = [line for line in lines if "mean over photographs" in line]
    assert [cell.strip() for cell in heads.strip("┃").split("┃")] == [
        "mean over photographs",
        *NAMES,
        "grey",
        "mean colour",
        "truth",
    ]
    (gains,) = [line for line in lines if "PSNR gain over grey" in line]
    found = [cell.strip() for cell in gains.strip("│").split("│")][1:4]
    assert len(set(found)) == 3 and all(cell.endswith(" dB") for cell in found)


def test_a_sheet_says_whose_colors_these_are(command: list[str], tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    assert main([*command, "--sheet", str(sheet), "--sheet-pictures", "1"]) == 0
    drawn = cv2.imread(str(sheet))
    assert drawn.shape[0] == 24 + 192
    bright = (drawn[:24] > 128).all(axis=2)
    written = np.flatnonzero(bright.any(axis=0))
    titles = np.split(written, np.flatnonzero(np.diff(written) > 8) + 1)
    assert len(titles) == 5
    shapes = {bright[:, title[0] : title[-1] + 1].tobytes() for title in titles}
    assert len(shapes) == 5


def test_json_tells_models_apart(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert [report["name"] for report in reports] == NAMES
    assert [report["source"] for report in reports] == MODELS
    assert {report["model"] for report in reports} == {"one colour"}
