"""Workers end with the process that started them, however that ends."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.play import is_running

SCRIPT = """
import multiprocessing, os, sys, time
from filmcolor.segments.lifeline import end_with_parent

def work(told):
    end_with_parent()
    told.put(os.getpid())
    while True:  # as one that waits for room in a queue that nobody empties
        time.sleep(1)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    context.Process(target=work, args=(told,), daemon=True).start()
    print(told.get(), flush=True)
    sys.stdin.read()
"""


@pytest.mark.process
def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py")]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert is_running(worker)
    parent.kill()
    until = time.monotonic() + 20
    while is_running(worker):
        assert time.monotonic() < until
        time.sleep(0.01)
    parent.communicate()
