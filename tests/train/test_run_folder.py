"""The run folder: what is written, replaced, forgotten and refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest

from filmcolor.errors import CheckpointError, MediaError, OptionError
from filmcolor.train.run_folder import RunFolder
from tests.helpers.clips import largest_file


def flat(value: int, width: int = 30) -> np.ndarray:
    return np.full((40, width, 3), value, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "runs" / "one")
    made.create({"options": {"steps": 3}}, ["filmcolor", "train", "my frames", "-o", "runs/one"])
    return made


def test_config_and_command_can_be_read_back(folder: RunFolder) -> None:
    config = tomllib.loads((folder.path / "config.toml").read_text())
    assert config["options"] == {"steps": 3}
    assert folder.read_config() == config
    command = (folder.path / "command.txt").read_text()
    assert command == "filmcolor train 'my frames' -o runs/one\n"


def test_a_run_is_never_begun_over_another(folder: RunFolder) -> None:
    with pytest.raises(OptionError, match="a run stands there already; go on with it"):
        folder.create({}, [])


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"no training run there \(config.toml is missing\)"):
        RunFolder(tmp_path).read_config()
    (tmp_path / "config.toml").write_text("= broken")
    with pytest.raises(CheckpointError, match="cannot be read"):
        RunFolder(tmp_path).read_config()
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="cannot be made"):
        RunFolder(tmp_path / "file" / "run").create({}, [])


def test_metrics_forget_what_a_resumed_run_does_again(folder: RunFolder) -> None:
    for step in (25, 50, 75):
        folder.append({"step": step, "losses": {"l1": 1 / step}})
        folder.write_sheet(step, flat(0), flat(step), flat(255))
    with folder.metrics.open("a") as file:
        file.write('{"step": 10')  # a power cut
    folder.forget_after(50)
    assert [entry["step"] for entry in folder.read_metrics()] == [25, 50]
    sheets = sorted(path.name for path in (folder.path / "sheets").iterdir())
    assert sheets == ["step-0000025.png", "step-0000050.png"]


def test_sheets_and_the_progress_of_the_same_pictures(folder: RunFolder) -> None:
    for step in range(1, 31):
        folder.write_sheet(step, flat(0), flat(step * 8), flat(255))
    sheet = cv2.imread(str(folder.path / "sheets" / "step-0000030.png"))
    assert sheet.shape == (40, 90, 3)
    assert [int(sheet[0, x, 0]) for x in (5, 35, 65)] == [0, 240, 255]
    progress = cv2.imread(str(folder.path / "progress.png"))
    columns = [int(value) for value in progress[0, 5::30, 0]]
    assert columns[0] == 0 and columns[-1] == 255
    assert columns[1:-1] == sorted(columns[1:-1])
    assert (columns[1], columns[-2], len(columns)) == (8, 240, 12)


def test_curves_are_drawn(folder: RunFolder) -> None:
    for step in range(1, 20):
        losses = {"l1": 1 / step, "discriminator": 0.7}
        folder.append({"step": step, "losses": losses if step > 5 else {"l1": 1 / step}})
    folder.append({"step": 19, "psnr_gain": 0.4, "colorfulness_ratio": 0.6})
    folder.write_curves()
    curves = cv2.imread(str(folder.path / "curves.png"))
    assert curves.shape == (900, 900, 3)
    assert len(np.unique(curves.reshape(-1, 3), axis=0)) > 50


def test_a_full_disk_leaves_the_former_files(folder: RunFolder) -> None:
    folder.write_sheet(1, flat(7), flat(8), flat(9))
    folder.append({"step": 1, "losses": {"l1": 1.0}})
    folder.write_curves()
    before = {path: path.read_bytes() for path in folder.path.rglob("*.png")}
    assert len(before) == 3
    with largest_file(50), pytest.raises(MediaError, match="cannot be written"):
        folder.write_curves()
    with largest_file(50), pytest.raises(MediaError, match="cannot be written"):
        folder.write_sheet(2, flat(3), flat(4), flat(5))
    assert {path: path.read_bytes() for path in folder.path.rglob("*.png")} == before


def test_a_run_is_not_begun_over_files_that_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").write_bytes(b"weights of mine")
    with pytest.raises(OptionError, match=r"best\.safetensors: is there already"):
        RunFolder(tmp_path).create({}, [])
    assert [path.name for path in tmp_path.iterdir()] == ["best.safetensors"]
    assert (tmp_path / "best.safetensors").read_bytes() == b"weights of mine"
