"""What libraries print stays off the terminal, and standard error comes back whatever happens."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

_READER_GONE = """
import os, sys
from filmcolor.cli.display.own_lines import own_lines
reader, writer = os.pipe()
os.dup2(writer, 2)
os.close(writer)
before = sys.stderr
try:
    with own_lines():
        os.write(2, b"of a library")
        assert os.fstat(2).st_rdev == os.stat(os.devnull).st_rdev
        os.close(reader)
        sys.stderr.write("not a whole line, so that it waits")
except BrokenPipeError:
    pass
print(sys.stderr is before, os.fstat(2).st_rdev == os.stat(os.devnull).st_rdev)
"""


def test_standard_error_comes_back_though_nobody_reads_it() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _READER_GONE], capture_output=True, text=True, check=False
    )
    assert ended.stdout == "True False\n", ended.stderr
