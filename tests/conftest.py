"""What holds for every test: the same terminal, and no real-time scheduling left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ["TERM"] = "xterm"
for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
    os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def no_test_leaves_real_time_behind() -> Iterator[None]:
    """What a test opened must not keep other processes, and the tests after it, from the cores."""
    yield
    if hasattr(os, "sched_getscheduler"):
        assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.fixture
def quick_distillation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The student head is fitted roughly where it only has to be the same."""
    monkeypatch.setattr("filmcolor.models.mobilenet_unet.distil._STEPS", 20)
