"""Memory: what has run out is known as such; what was freed goes back to the system."""

from __future__ import annotations

import ctypes
import sys

from filmcolor.errors import FilmcolorError

_RUN_OUT = ("can't allocate memory", "Insufficient memory", "out of memory", "bad_alloc")
"""What torch and OpenCV say in errors of kinds that they use for all else too."""

_KINDS = ("MemoryError", "OutOfMemoryError")
"""Python's own kind, and torch's by its name: torch need not be loaded to know it."""

NO_MEMORY = "there is not enough memory for this; close other programs, or scale it down first"
"""What a user can do then."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory has run out, the computer's or a graphics card's; one of
    ours says so better.
    """
    if isinstance(error, FilmcolorError):
        return False
    known = any(kind.__name__ in _KINDS for kind in type(error).__mro__)
    return known or any(said in str(error) for said in _RUN_OUT)


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
