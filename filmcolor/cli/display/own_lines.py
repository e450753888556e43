"""Keeps what libraries print off the terminal: what is wrong with a file is told in our words.

libpng and libjpeg inside OpenCV write past Python, straight to standard error, and have no switch.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def own_lines() -> Generator[None, None, None]:
    """Inside, Python alone writes to standard error: libraries of C write nowhere.

    Displays must be opened inside. Where standard error is something else already (in tests, in
    notebooks), nothing changes.
    """
    if not _is_plain():
        yield
        return
    before = sys.stderr
    before.flush()
    kept = os.dup(_STDERR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
    with open(kept, "w", buffering=1, encoding=before.encoding, errors=before.errors) as own:
        sys.stderr = own
        try:
            yield
        finally:
            sys.stderr = before
            os.dup2(kept, _STDERR)
            own.flush()  # last, for it fails where nobody reads any more


def _is_plain() -> bool:
    try:
        return sys.stderr.fileno() == _STDERR
    except (AttributeError, OSError, ValueError, io.UnsupportedOperation):
        return False
