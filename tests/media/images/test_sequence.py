"""Which files a pattern, a range, a glob or a folder means, and what is missing of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmcolor.errors import MediaError
from filmcolor.media.images.sequence import FrameNames, find_sequence, sequence_of_files


def touched(folder: Path, *names: str) -> str:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return str(folder)


@pytest.mark.parametrize("name", ["scan_%04d.dpx", "scan_[0007-0010].dpx", "scan*.dpx", ""])
def test_all_ways_to_name_frames_mean_the_same_files(tmp_path: Path, name: str) -> None:
    folder = touched(tmp_path / "reel", *(f"scan_{number:04}.dpx" for number in (9, 10, 7, 8)))
    found = find_sequence(f"{folder}/{name}" if name else folder)
    assert found is not None
    assert (found.first, found.last, found.missing, len(found)) == (7, 10, 0, 4)
    assert [Path(found.path(index)).name for index in range(4)] == [
        *("scan_0007.dpx", "scan_0008.dpx", "scan_0009.dpx", "scan_0010.dpx")
    ]


def test_numbers_that_are_not_padded_are_counted_as_people_do(tmp_path: Path) -> None:
    folder = touched(tmp_path / "reel", "a9.png", "a10.png", "a11.png", "notes.txt", "slate.png")
    found = find_sequence(folder)
    assert found is not None
    assert list(found.paths()) == [f"{folder}/a{number}.png" for number in (9, 10, 11)]
    assert str(found.names) == f"{folder}/a%d.png"


def test_a_suffix_with_a_digit_is_no_number(tmp_path: Path) -> None:
    found = find_sequence(touched(tmp_path / "reel", "f_1.jp2", "f_2.jp2"))
    assert found is not None
    assert found.numbers == (1, 2)


def test_missing_numbers_are_named_also_at_the_ends_of_a_range(tmp_path: Path) -> None:
    folder = touched(tmp_path / "reel", *(f"f{number:03}.tif" for number in (2, 3, 6, 7, 8)))
    whole = find_sequence(f"{folder}/f%03d.tif")
    assert whole is not None
    assert (whole.missing, whole.missing_text) == (2, "004 to 005")
    part = find_sequence(f"{folder}/f[001-007].tif")
    assert part is not None
    assert (part.numbers, part.missing_text) == ((2, 3, 6, 7), "001, 004 to 005")
    assert [part.has(index) for index in range(7)] == [False, True, True, False, False, True, True]


def test_other_names_are_no_sequences(tmp_path: Path) -> None:
    folder = touched(tmp_path / "reel", "100%d.png", "film.mp4")
    for name in ("-", f"{folder}/film.mp4", f"{folder}/100%d.png", f"{folder}/none.mp4"):
        assert find_sequence(name) is None
    assert find_sequence(touched(tmp_path / "empty")) is None
    assert FrameNames.of("a%d_%d.png") is None


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    folder = touched(tmp_path / "reel", "a_1.png", "a_2.png", "b_1.png")
    with pytest.raises(MediaError, match=r"2 kinds of names \(a_%01d.png, b_%01d.png\)"):
        find_sequence(folder)
    with pytest.raises(MediaError, match="no frames of this name"):
        find_sequence(f"{folder}/c_%d.png")
    with pytest.raises(MediaError, match="no numbered pictures"):
        find_sequence(f"{folder}/c*.png")
    touched(tmp_path / "far", "f1.png", "f1000000000.png")
    with pytest.raises(MediaError, match="most of the numbers 1 to 1000000000 are missing"):
        find_sequence(str(tmp_path / "far"))


def test_files_that_a_shell_has_listed_are_a_range_again(tmp_path: Path) -> None:
    folder = touched(tmp_path / "reel", "f_08.png", "f_09.png", "f_10.png", "g_1.png")
    files = [f"{folder}/f_{number:02}.png" for number in (8, 9, 10)]
    assert sequence_of_files(files) == f"{folder}/f_[08-10].png"
    assert sequence_of_files([*files, f"{folder}/g_1.png"]) is None
    assert sequence_of_files([*files, str(tmp_path / "f_11.png")]) is None
