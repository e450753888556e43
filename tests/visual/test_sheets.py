"""Contact sheets: places, sizes, and files that are whole or not there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from filmcolor.errors import MediaError
from filmcolor.visual.sheets import make_sheet, write_png


def flat(height: int, width: int, level: int) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def test_cells_have_one_height_and_columns_one_width() -> None:
    rows = [[flat(40, 80, 100), flat(20, 20, 200)], [flat(10, 10, 50)]]
    sheet = make_sheet(rows, cell_height=20)
    assert sheet.shape == (44, 40 + 4 + 20, 3)
    assert (sheet[:20, :40] == 100).all() and (sheet[:20, 44:] == 200).all()
    assert (sheet[24:, 10:30] == 50).all()
    assert (sheet[24:, :10] == 32).all() and (sheet[20:24] == 32).all()


def test_titles_stand_above_their_columns_whole() -> None:
    rows = [[flat(20, 20, 100), flat(20, 200, 100)]]
    bare = make_sheet(rows, cell_height=20)
    titled = make_sheet(rows, cell_height=20, titles=["a title wider than its picture", "b"])
    assert titled.shape[0] == bare.shape[0] + 24
    assert titled.shape[1] > bare.shape[1] + 100  # the first column has grown
    assert titled[:24, : -200 - 4].max() > 200 and titled[:24, -200:].max() > 200
    assert (titled[24:, -200:] == 100).all()
    first = titled[24:, : -200 - 4]
    filled = np.flatnonzero((first == 100).all(axis=(0, 2)))
    assert len(filled) == 20  # the picture is not stretched, and stands in the middle
    assert abs(filled.mean() - (first.shape[1] - 1) / 2) <= 0.5


def test_a_sheet_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        make_sheet([[], []])


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    write_png(tmp_path / "a.png", picture)
    assert np.array_equal(cv2.imread(str(tmp_path / "a.png"))[..., ::-1], picture)
    with pytest.raises(MediaError, match="does not exist"):
        write_png(tmp_path / "gone" / "a.png", picture)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
