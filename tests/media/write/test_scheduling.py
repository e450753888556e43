"""No encoder makes the process real-time, which SVT-AV1 does where it may: as root."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import pytest

from filmcolor.jobs.film import color_film
from filmcolor.media.write.scheduling import ordinary_scheduling
from filmcolor.media.write.segment import SegmentWriter
from filmcolor.options import EncodeOptions, RunOptions
from filmcolor.types import ColorFrame
from tests.helpers.clips import make_clip

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root may have real-time threads"
)


def policies() -> set[int]:
    """Scheduling classes of this process's threads."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # it has ended since
            found.add(os.sched_getscheduler(int(task.name)))
    return found


@pytest.fixture
def ordinary_after() -> Iterator[None]:
    """The process is ordinary again, whatever the test found."""
    yield
    for task in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):
            os.sched_setscheduler(int(task.name), os.SCHED_OTHER, os.sched_param(0))


def av1_encoder() -> av.VideoCodecContext:
    context = av.CodecContext.create("libsvtav1", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = 64, 48, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 24), Fraction(24)
    context.options = {"preset": "12"}
    return context


def test_the_encoder_does_it_and_it_is_undone(ordinary_after: None) -> None:
    context = av1_encoder()
    with ordinary_scheduling():
        context.open()
        assert os.SCHED_FIFO in policies()  # else there is nothing to mend any more
    assert policies() == {os.SCHED_OTHER}


def test_who_was_real_time_stays_so(ordinary_after: None) -> None:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    with ordinary_scheduling():
        context = av1_encoder()
        context.open()
    assert policies() <= {os.SCHED_RR, os.SCHED_OTHER}
    assert os.sched_getscheduler(0) == os.SCHED_RR


def test_a_whole_run_stays_ordinary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_clip(tmp_path / "in.mkv", frames=8)
    seen: set[int] = set()
    original = SegmentWriter.write

    def watching(self: SegmentWriter, frame: ColorFrame) -> None:
        original(self, frame)
        seen.update(policies())

    monkeypatch.setattr(SegmentWriter, "write", watching)
    options = RunOptions(encode=EncodeOptions(codec="libsvtav1", preset="10"))
    list(color_film(str(tmp_path / "in.mkv"), str(tmp_path / "out.mp4"), options))
    assert seen == {os.SCHED_OTHER}
    assert policies() == {os.SCHED_OTHER}
