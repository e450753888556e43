"""What was said on the page is there the next time, whatever became of the line before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from filmcolor.errors import JobError
from filmcolor.review.journal import Change, Journal

FIRST = Change("0:00", "saturation", None, 1.2, "more colour")
SECOND = Change("0:10", "saturation", None, 0.8, "less colour")


def test_a_line_that_a_full_disk_cut_off_takes_no_other_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal")
    write, left = os.write, [20, 0]

    def filling_up(handle: int, content: bytes) -> int:
        room = left.pop(0)
        if not room:
            raise OSError(28, "No space left on device")
        return write(handle, bytes(content)[:room])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", filling_up)
        with pytest.raises(JobError, match="No space left on device"):
            journal.add(FIRST)
    assert journal.to_undo is None
    journal.add(SECOND)
    assert Journal(tmp_path / "journal").to_undo == SECOND
