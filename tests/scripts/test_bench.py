"""What `scripts/bench.py` measures: the worker's own memory, the stride it names, training."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from filmcolor.cli import main
from filmcolor.options import TrainOptions
from tests.helpers import memory
from tests.helpers.clips import make_clip


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[2] / "scripts" / "bench.py"
    spec = importlib.util.spec_from_file_location("bench", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench"] = module
    spec.loader.exec_module(module)
    return module


def test_memory_is_the_peak_of_the_process_itself(bench: ModuleType) -> None:
    """Not what it, or the one that started it, took before: that is what `getrusage` tells."""
    before = memory.forget_peak() / 1e6
    block = np.ones(200 << 20, np.uint8)
    assert 200 < bench.peak_megabytes() - before < 240
    del block
    assert bench.peak_megabytes() - before > 200
    now = memory.forget_peak() / 1e6
    assert bench.peak_megabytes() - now < 20


@pytest.mark.parametrize(("name", "stride"), [("1", 1), ("3", 3), ("auto", 2)])
def test_stages_are_timed_at_the_stride_they_are_named_after(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, stride: int
) -> None:
    film = tmp_path / "film.mkv"
    make_clip(film, frames=7)
    monkeypatch.setattr(bench, "settle_stride", lambda *_: 2)
    painted: list[int] = []
    steadied: list[int] = []
    infer, smooth = bench.infer_sparsely, bench.smooth

    def infer_seen(*given: Any, stride: int) -> Any:
        painted.append(stride)
        return infer(*given, stride=stride)

    def smooth_seen(*given: Any, stride: int) -> Any:
        steadied.append(stride)
        return smooth(*given, stride=stride)

    monkeypatch.setattr(bench, "infer_sparsely", infer_seen)
    monkeypatch.setattr(bench, "smooth", smooth_seen)
    found = bench.time_stages(bench.Setting("fp32", name), str(film), "cpu", None)
    assert found["stride"] == stride and set(painted) == set(steadied) == {stride}
    assert list(found["stages"]) == ["decode", "shots", "infer", "smooth", "compose", "encode"]


def test_training_is_timed_by_a_command_that_train_takes(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = [1.0, 30.0, 32.0, 34.0]
    chosen: list[TrainOptions] = []

    def train_run(sources: Any, output: str, options: TrainOptions, **_: object) -> list[object]:
        chosen.append(options)
        Path(output).mkdir()
        lines = [json.dumps({"images_per_second": rate, "data_share": 0.1}) for rate in rates]
        lines.append(json.dumps({"step": 4, "psnr_gain": 1.0}))
        (Path(output) / "metrics.jsonl").write_text("\n".join(lines))
        return []

    def run(command: list[str], check: bool) -> None:
        assert command[:3] == [sys.executable, "-m", "filmcolor"] and check
        if main(command[3:]) != 0:
            raise subprocess.CalledProcessError(2, command)

    monkeypatch.setattr("filmcolor.train.run.train_run", train_run)
    monkeypatch.setattr(bench.subprocess, "run", run)
    found = bench.time_training("photos", "cpu", "fp32", 0.5)
    assert found == {"images_per_second": 32.0, "data_share": 0.1}
    assert [(each.minutes, each.size, each.precision) for each in chosen] == [(0.5, 128, "fp32")]
