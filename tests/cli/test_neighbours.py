"""Threads that wait leave the cores to other processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from filmcolor.cli import main


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP tells its settings so")
@pytest.mark.process
@pytest.mark.parametrize(("given", "found"), [(None, "PASSIVE"), ("active", "ACTIVE")])
def test_threads_of_torch_do_not_spin(given: str | None, found: str) -> None:
    code = "from filmcolor.cli import main; main(['--version']); import torch"
    environment = {**os.environ, "OMP_DISPLAY_ENV": "true"}
    environment.pop("OMP_WAIT_POLICY", None)
    if given is not None:
        environment["OMP_WAIT_POLICY"] = given
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert f"OMP_WAIT_POLICY = '{found}'" in result.stderr


def test_a_choice_of_the_user_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert main(["--version"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "active"
