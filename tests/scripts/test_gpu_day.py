"""Half an hour on a card: steps are done once, and told as they ended."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "scripts" / "gpu_day.py"


@pytest.fixture
def day() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_day", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gpu_day"] = module
    spec.loader.exec_module(module)
    return module


def test_without_a_card_it_says_so(
    day: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu_day.py", "--out", str(tmp_path / "out")])
    assert day.main() == 1
    assert "no CUDA card" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_failed_is_done_again_and_what_passed_is_not(
    day: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """A step passes, one fails until a file is there, one does not end."""
    flag = tmp_path / "flag"
    code = (
        f"import sys, pathlib; print('tried'); sys.exit(not pathlib.Path({str(flag)!r}).exists())"
    )
    planned = [
        day.Step("good", "Good", ("-c", "print('fine')"), 1),
        day.Step("later", "Later", ("-c", code), 1),
        day.Step("long", "Long", ("-c", "import time; time.sleep(60)"), 0.005),
    ]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Card 1")
    monkeypatch.setattr(day, "steps", lambda out, data: planned)
    monkeypatch.setattr(day, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(sys, "argv", ["gpu_day.py", "--out", str(tmp_path / "out")])
    assert day.main() == 1
    page = (tmp_path / "page.md").read_text()
    assert "on Card 1" in page and "passed in" in page and "failed with code 1" in page
    assert "ended after its limit" in page and "\nfine\n" in page
    flag.touch()
    capsys.readouterr()
    assert day.main() == 1
    said = capsys.readouterr().out
    assert "Good" not in said and "Later: passed" in said and "Long: ended" in said


def test_every_step_is_a_command_that_is_there(day: ModuleType, tmp_path: Path) -> None:
    planned = day.steps(tmp_path, ["photos"])
    assert [step.name for step in planned] == ["tests", "480", "large", "train-0"]
    assert sum(step.minutes for step in planned) <= 30
    bench = (SCRIPT.parent / "bench.py").read_text()
    for step in planned:
        assert step.arguments[0] == "-m" or (SCRIPT.parents[1] / step.arguments[0]).is_file()
        if step.arguments[0] == "scripts/bench.py":
            named = [word for word in step.arguments if word.startswith("--")]
            assert all(f'"{word}"' in bench for word in named)
