"""What holds for every test: the same terminal, no real-time scheduling left behind, and how many
examples `hypothesis` makes up (`--hypothesis-profile once` for many, and other ones each time).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ordinary",
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "once",
    max_examples=2000,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ordinary")

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
