"""What a run saves: as colourful as its pictures, and the same when it was broken off."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import load_file

from filmcolor.evaluate.report import PhotoReport
from filmcolor.models.card import read_card
from filmcolor.options import TrainOptions
from filmcolor.train.run import Evaluated, resume_run, train_run
from tests.bold_model import GAIN, write_bold_model
from tests.train.scenes import write_photographs


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Photographs paler than a bold model paints."""
    folder = write_photographs(tmp_path_factory.mktemp("run") / "photos", 6, 64, 64)
    for path in folder.iterdir():
        bgr = cv2.imread(str(path)).astype(np.float32)
        grey = bgr.mean(axis=2, keepdims=True)
        cv2.imwrite(str(path), np.rint(grey + 0.4 * (bgr - grey)).astype(np.uint8))
    return str(folder)


def settings(data: str, init: str, steps: int) -> TrainOptions:
    return TrainOptions(
        recipe="film",
        init=init,
        steps=steps,
        evaluations=1,
        batch_size=2,
        size=64,
        device="cpu",
        val=(data,),
        precision="fp32",
    )


def test_a_model_too_bold_for_its_pictures_is_toned_down(tmp_path: Path, data: str) -> None:
    init = write_bold_model(tmp_path / "bold.safetensors")
    events = list(train_run([data], str(tmp_path / "run"), settings(data, init, 2)))
    (report,) = [event.report for event in events if isinstance(event, Evaluated)]
    assert isinstance(report, PhotoReport)
    assert 0.9 < report.colorfulness_ratio < 1.1
    card = read_card(tmp_path / "run" / "best.safetensors")
    assert card.config["chroma_gain"] < 0.7 * GAIN
    assert card.descriptor.looks["vivid"]["chroma_gain"] == 1.2 * card.config["chroma_gain"]
    assert card.metrics == report.card_metrics()


def test_a_run_that_was_broken_off_saves_the_same(tmp_path: Path, data: str) -> None:
    init = write_bold_model(tmp_path / "bold.safetensors")
    list(train_run([data], str(tmp_path / "whole"), settings(data, init, 3)))
    list(train_run([data], str(tmp_path / "broken"), settings(data, init, 3), stop=lambda: True))
    assert not (tmp_path / "broken" / "best.safetensors").exists()
    list(resume_run(str(tmp_path / "broken")))
    one, other = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "broken"))
    assert all(bool((one[name] == other[name]).all()) for name in one)
    cards = [read_card(tmp_path / name / "last.safetensors") for name in ("whole", "broken")]
    assert cards[0].config == cards[1].config
