"""Whether a file that comes into a folder is whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from filmcolor.jobs import arrivals
from filmcolor.jobs.arrivals import Arrivals, FileState, is_written_to


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def names(seen: Arrivals) -> list[str]:
    return [path.name for path, _ in seen.whole()]


def test_a_file_is_whole_that_stays_as_it_is(tmp_path: Path) -> None:
    clock = Clock()
    seen = Arrivals(tmp_path, 5.0, clock)
    (tmp_path / "b.mp4").write_bytes(b"half")
    seen.look()
    assert names(seen) == [] and [path.name for path, _ in seen.seen()] == ["b.mp4"]
    clock.now += 4.0
    (tmp_path / "b.mp4").write_bytes(b"half and more")
    seen.look()
    clock.now += 4.0
    seen.look()
    assert names(seen) == []
    clock.now += 1.0
    assert names(seen) == ["b.mp4"]


def test_what_came_first_is_first(tmp_path: Path) -> None:
    clock = Clock()
    seen = Arrivals(tmp_path, 5.0, clock)
    for name in ("reel10.mp4", "a.mp4", "reel9.mp4"):
        (tmp_path / name).write_bytes(b"x")
        seen.look()
    (tmp_path / "a.mp4").write_bytes(b"another")  # comes anew
    seen.look()
    clock.now += 5.0
    assert names(seen) == ["reel10.mp4", "reel9.mp4", "a.mp4"]
    (tmp_path / "reel10.mp4").unlink()
    seen.look()
    assert names(seen) == ["reel9.mp4", "a.mp4"]


def test_what_other_programs_have_not_ended_is_left_alone(tmp_path: Path) -> None:
    seen = Arrivals(tmp_path, 0.0, Clock())
    for name in ("a.mp4.part", "b.crdownload", ".c.mp4.X7aQ", "d.TMP"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "nowhere.mp4").symlink_to(tmp_path / "gone")
    seen.look()
    assert names(seen) == []


def test_another_file_of_the_same_size_is_another_state(tmp_path: Path) -> None:
    path, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    for each in (path, other):
        each.write_bytes(b"same")
        os.utime(each, (1_000_000_000, 1_000_000_000))
    before = FileState.of(path)
    assert before == FileState.of(path)
    other.replace(path)
    assert before != FileState.of(path)
    assert FileState.of(tmp_path) is None and FileState.of(other) is None


@pytest.mark.skipif(not Path("/proc/self/fdinfo").is_dir(), reason="only Linux tells")
def test_who_writes_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with path.open("wb"):
        assert is_written_to(path)
    with path.open("rb"):
        assert not is_written_to(path)
    assert not is_written_to(tmp_path / "gone")


def test_a_system_that_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_PROC", tmp_path / "proc")
    with (tmp_path / "a.mp4").open("wb"):
        assert not is_written_to(tmp_path / "a.mp4")
