"""`filmcolor doctor`: what it tells, and that it tells what makes a machine slow."""

from __future__ import annotations

import json
from collections import namedtuple
from pathlib import Path

import pytest

from filmcolor import __version__
from filmcolor.cli import main
from filmcolor.jobs import machine


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert main(["doctor", "--json"]) == 0
    values: dict[str, object] = json.loads(capsys.readouterr().out)
    return values


def test_what_is_here_in_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"filmcolor {__version__}"
    assert len(lines) <= 40 and max(map(len, lines)) <= 100
    text = "\n".join(lines)
    for words in ("system", "packages", "processor", "libx264", "default", "GB in", "cache"):
        assert words in text
    values = told(capsys)
    assert values["filmcolor"] == __version__
    assert "av" in values["packages"] and "ffv1" in values["encoders"]  # type: ignore[operator]


def test_too_few_threads_and_cores(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "_usable_cores", lambda: 4)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 16)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    advice = " ".join(told(capsys)["advice"])  # type: ignore[arg-type]
    assert "4 of the machine's 16 cores" in advice
    assert "OMP_NUM_THREADS=1 is set" in advice
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert "OMP_NUM_THREADS" not in " ".join(told(capsys)["advice"])  # type: ignore[arg-type]


def test_a_card_that_this_pytorch_cannot_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "_has_nvidia", lambda: True)
    monkeypatch.setattr(machine, "resolve_device", lambda name: machine.torch.device("cpu"))
    monkeypatch.setattr(machine.torch.version, "cuda", None)
    advice = " ".join(told(capsys)["advice"])  # type: ignore[arg-type]
    assert "built without CUDA" in advice


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage(10**12, 10**12, 3 * 10**9))
    advice = " ".join(told(capsys)["advice"])  # type: ignore[arg-type]
    assert "3.0 GB are free" in advice


def test_a_cache_folder_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no" / "cache"))
    values = told(capsys)
    assert values["cache"] == str(tmp_path / "no" / "cache" / "filmcolor" / "openvino")
    assert values["cache_bytes"] == 0
    assert list(tmp_path.iterdir()) == []
