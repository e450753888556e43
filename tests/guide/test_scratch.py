"""Arrays that are kept on the disk come back as they were, and room for them is taken first."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from filmcolor.errors import JobError
from filmcolor.guide.build_hints import MATCH_SPACING, carried_bytes, places_to_match
from filmcolor.guide.hint_file import HintFile, write_hint_file
from filmcolor.guide.propagate import PLACE_BYTES, Anchor, ShotCarry
from filmcolor.guide.scratch import Scratch
from filmcolor.guide.shot_hints import ShotHints
from filmcolor.options import Stroke
from filmcolor.types import FloatPlane
from tests.helpers import memory

SHAPE = (3, 5, 2)
GRID = (32, 32)
LIGHT = np.random.default_rng(0).uniform(40, 60, (32, 32)).astype(np.float32)


def test_arrays_come_back_in_any_order(tmp_path: Path) -> None:
    arrays = np.random.default_rng(1).uniform(-9, 9, (4, *SHAPE))
    scratch = Scratch(tmp_path, SHAPE, np.float16, 4)
    for place in (2, 0, 3, 1):
        scratch.write(place, arrays[place])
    scratch.write(2, arrays[0])
    for place, expected in ((3, 3), (2, 0), (0, 0), (1, 1)):
        found = scratch.read(place)
        assert found.dtype == np.float16 and found.flags.writeable
        assert np.array_equal(found, arrays[expected].astype(np.float16))
    with pytest.raises(IndexError):
        scratch.read(4)
    scratch.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system takes no room at once")
def test_room_is_taken_before_anything_is_written(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, (1000,), np.float32, 500)
    facts = os.fstat(scratch._file.fileno())
    scratch.close()
    assert facts.st_size == 2_000_000 and facts.st_blocks * 512 >= 2_000_000


def test_a_system_that_takes_no_room_beforehand_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", cannot, raising=False)
    scratch = Scratch(tmp_path, SHAPE, np.float32, 1)
    scratch.write(0, np.ones(SHAPE))
    assert scratch.read(0).sum() == 30
    scratch.close()


def test_too_little_room_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[int] = []

    def full(_: int, start: int, size: int) -> None:
        wanted.append(start + size)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(JobError, match=r"no room for the colours .* --work$") as caught:
        ShotCarry(100, GRID, lambda *_: None, tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: ") and "\n" not in str(caught.value)
    assert wanted == [100 * 1024 * 2] and list(tmp_path.iterdir()) == []


def test_what_is_counted_is_what_lies_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    monkeypatch.setattr("filmcolor.guide.scratch.allocate", lambda _, size: taken.append(size))
    with ShotCarry(7, (4, 6), lambda *_: None, tmp_path):
        pass
    stroke = (0, Stroke(0, "#8b1a1a", ((1, 1),)))
    counts = [
        carried_bytes(told, 7, (4, 6))
        for told in (
            ShotHints(0),
            ShotHints(0, strokes=(stroke,)),
            ShotHints(0, reference=Path("a.png")),
            ShotHints(0, strokes=(stroke,), reference=Path("a.png")),
        )
    ]
    assert PLACE_BYTES == 18 and sum(taken) == 7 * 24 * 18
    assert counts == [0, sum(taken), sum(taken), 2 * sum(taken)]


def test_a_long_shot_with_a_reference_takes_no_more_memory_than_a_short_one(
    tmp_path: Path,
) -> None:
    """Some 20 kB a frame of it lie on the disk."""
    count = 500
    matched = places_to_match(count)
    held: set[int] = set()

    def suggestion(place: int, lightness: FloatPlane) -> Anchor | None:
        held.add(len(carried._known))
        if place not in matched:
            return None
        ab = np.random.default_rng(place).uniform(-30, 30, (2, *GRID)).astype(np.float32)
        return Anchor(ab, np.ones(GRID, np.float32))

    with ShotCarry(count, GRID, suggestion, tmp_path, reach=MATCH_SPACING) as carried:
        for _ in range(100):
            carried.add(LIGHT)
        before = memory.forget_peak()
        for _ in range(count - 100):
            carried.add(LIGHT)
        frames = 0
        for found in carried.found():
            held.add(len(carried._known))
            frames += bool(found.confidence.min() > 0.9)
    assert frames == count and max(held) <= 3
    assert memory.peak() - before < 4 << 20


def test_known_colours_of_a_long_shot_are_written_and_read_a_frame_at_a_time(
    tmp_path: Path,
) -> None:
    path, count, rng = tmp_path / "known", 700, np.random.default_rng(0)
    ab = rng.uniform(-99, 99, (2, 64, 64)).astype(np.float32)
    sure = rng.uniform(0.1, 1, (64, 64)).astype(np.float32)
    before = memory.forget_peak()
    anchors = (Anchor(np.roll(ab, n, 2), sure) for n in range(count))
    write_hint_file(path, anchors, start=10, grid=(64, 64), whole=True)
    known = HintFile(path)
    for n in (0, 350, count - 1):
        found = known.at(10 + n)
        assert found is not None and np.abs(found.ab - np.roll(ab, n, 2)).max() <= 0.5
    size = path.stat().st_size
    assert size > 7e6 and memory.peak() - before < 4 << 20
    assert list(tmp_path.iterdir()) == [path]
