"""What is known of a shot comes back from its file, or the file is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filmcolor.errors import JobError
from filmcolor.guide.hint_file import HintFile, HintFiles, write_hint_file
from filmcolor.guide.propagate import Anchor
from filmcolor.stages.tone import Tone
from filmcolor.types import Frame

GRID = (6, 8)


def write(path: Path) -> list[Anchor]:
    rng = np.random.default_rng(2)
    anchors = [
        Anchor(
            rng.uniform(-100, 100, (2, *GRID)).astype(np.float32),
            rng.uniform(0, 1, GRID).astype(np.float32),
        )
        for _ in range(3)
    ]
    anchors[1].confidence[:] = 0
    write_hint_file(path, anchors, start=40, grid=GRID, whole=True)
    return anchors


def test_colors_come_back_to_half_a_unit(tmp_path: Path) -> None:
    path = tmp_path / "known"
    anchors = write(path)
    known = HintFile(path)
    assert known.at(41) is None
    for index, anchor in ((40, anchors[0]), (42, anchors[2])):
        found = known.at(index)
        assert found is not None and found.whole and found.index == index
        sure = anchor.confidence > 0.02
        assert np.abs(found.confidence - anchor.confidence)[sure].max() <= 0.5 / 255 + 1e-6
        assert np.abs(found.ab - anchor.ab)[:, sure].max() <= 0.5 + 1e-4


@pytest.mark.parametrize("change", ["cut", "flip", "head", "gone"])
def test_a_damaged_file_is_refused(tmp_path: Path, change: str) -> None:
    path = tmp_path / "known"
    write(path)
    content = path.read_bytes()
    if change == "cut":
        path.write_bytes(content[:-3])
    elif change == "flip":
        path.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    elif change == "head":
        path.write_bytes(b"[1]" + content)
    else:
        path.unlink()
    with pytest.raises(JobError, match="missing or damaged"):
        HintFile(path)


def test_frames_of_other_shots_have_none_and_saturation_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "known"
    write(path)
    luma = np.zeros((2, 2), np.uint8)
    plain, strong = HintFiles({3: path}), HintFiles({3: path}, lambda shot: Tone(2.0))
    assert plain(Frame(40, 0, luma, shot=2)) is None
    first, second = plain(Frame(40, 0, luma, shot=3)), strong(Frame(40, 0, luma, shot=3))
    assert first is not None and second is not None
    assert np.array_equal(first.ab, 2 * second.ab)
