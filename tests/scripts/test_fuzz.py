"""A few damaged files of every kind; `scripts/fuzz.py` runs as many as one likes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz.py"


@pytest.mark.slow
def test_damaged_files_end_in_a_film_or_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--count", "48", "--seed", "7", "--keep", str(tmp_path)]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(SCRIPT.parents[1]),
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "48 files, 0 violations" in done.stdout
