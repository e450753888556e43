"""Peak memory of this process over a stretch of it.

`getrusage` tells the peak since the process began, and before that of the one that started it:
after a test that took more it shows nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def forget_peak() -> int:
    """Begin anew; returns what is resident now, bytes. Skips the test where only Linux can."""
    try:
        _RESET.write_text("5")
    except OSError:
        pytest.skip("the system does not tell the peak of a stretch")
    return _kilobytes("VmRSS") * 1024


def peak() -> int:
    """The most that was resident since `forget_peak`, bytes."""
    return _kilobytes("VmHWM") * 1024


def _kilobytes(entry: str) -> int:
    found = re.search(rf"^{entry}:\s*(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])
