from __future__ import annotations

import os
from pathlib import Path

import pytest

from filmcolor.media import partfile
from filmcolor.media.partfile import file_key, is_same_file, place_key


def test_one_file_has_one_key_by_all_its_names(tmp_path: Path) -> None:
    film, other = tmp_path / "film", tmp_path / "other"
    film.write_bytes(b"a")
    other.write_bytes(b"a")
    (tmp_path / "soft").symlink_to(film)
    os.link(film, tmp_path / "hard")
    for name in ("film", "soft", "hard"):
        assert file_key(tmp_path / name) == file_key(film)
        assert is_same_file(tmp_path / name, film)
    assert file_key(other) != file_key(film)
    assert file_key(tmp_path / "none") is None
    assert not is_same_file(tmp_path / "none", tmp_path / "none")


def test_places_through_linked_folders(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert place_key(tmp_path / "a" / "new.mp4") == place_key(tmp_path / "b" / "new.mp4")
    assert place_key(tmp_path / "a" / "new.mp4") != place_key(tmp_path / "a" / "New.mp4")


def test_places_where_letters_of_both_cases_are_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def same(one: Path, other: Path) -> bool:
        return str(one).casefold() == str(other).casefold()

    monkeypatch.setattr(partfile, "is_same_file", same)
    names = ("new.mp4", "NEW.MP4", "out/new.mp4", "out/New.mp4", "e\u0301.mp4", "\xc9.mp4")
    keys = [place_key(tmp_path / name) for name in names]
    assert [keys.index(key) for key in keys] == [0, 0, 2, 2, 4, 4]


def test_of_a_large_folder_only_the_first_names_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each film of a batch is asked about, and all are in one folder."""
    for number in range(50):
        (tmp_path / f"{number} \u0444.mp4").touch()
    asked: list[str] = []
    swapped = partfile._swapped
    monkeypatch.setattr(partfile, "_swapped", lambda name: asked.append(name) or swapped(name))
    assert place_key(tmp_path / "new.mp4") != place_key(tmp_path / "New.mp4")
    assert len(asked) == 2
