"""Freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest

from filmcolor.memory import release_free_memory

_BLOCKS, _BYTES = 4000, 60_000


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="the C library is not glibc",
)
def test_what_was_freed_in_pieces_goes_back() -> None:
    blocks = [np.ones(_BYTES, np.uint8) for _ in range(_BLOCKS)]
    kept = blocks[::40]  # between them: nothing can be handed back from the end
    del blocks
    before = resident()
    release_free_memory()
    assert len(kept) == _BLOCKS // 40
    assert resident() < before - 0.8 * _BLOCKS * _BYTES


def test_where_the_c_library_cannot_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", None)
    release_free_memory()
