"""Returns memory that the process has freed to the system."""

from __future__ import annotations

import ctypes
import sys


def release_free_memory() -> None:
    """Hand back what the C library keeps of freed memory, where it can (glibc).

    Called between parts of a film: what the frames and the encoder of one part leave in pieces
    would stay with the process, and a long film would take more than a short one.
    """
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
