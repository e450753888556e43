"""Standard streams that a program is started without, or that cannot be written to.

`filmcolor ... >&-` closes standard output, `> /dev/full` is a disk without room. Imports nothing
heavy.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

_MODES = (os.O_WRONLY, os.O_RDONLY, os.O_RDONLY)


def replace_closed() -> None:
    """Put something in place of standard streams that are closed: their numbers would be given to
    the next files, which whoever writes to the streams would write into.

    What is written to them goes nowhere; what reads or writes by their number is refused.
    """
    for number, mode in enumerate(_MODES):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, mode)  # gets the lowest number that is free, which is this
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = sys.stdout or _nowhere("w")
    sys.stderr = sys.stderr or _nowhere("w")


def _nowhere(mode: str) -> TextIO:
    return open(os.devnull, mode, encoding="utf-8")  # type: ignore[return-value]


def is_closed(stream: TextIO) -> bool:
    """Whether this stands for a standard stream that the program was started without."""
    return getattr(stream, "name", "") == os.devnull


def show_all_text(stream: TextIO) -> None:
    """Let a stream write "?" for what its encoding has not, instead of raising an error."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")


@contextlib.contextmanager
def naming_stream(*, is_stderr: bool = False) -> Iterator[None]:
    """Let the error of a stream that cannot be written to say which it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "standard error" if is_stderr else "standard output"
        raise OSError(error.errno, error.strerror, name) from error


def discard_output() -> None:
    """Send what is still buffered for standard output nowhere, so that leaving is quiet."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
