"""Folders of pictures: what is found, in which order, and where results go."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filmcolor.errors import MediaError
from filmcolor.media.folders import find_pictures, is_picture, mirror_target
from tests.helpers.stills import ramp


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_pictures_are_found_in_the_order_people_count(tmp_path: Path) -> None:
    names = [
        *("a1.jpg", "a2.JPEG", "a10.png", "B.webp", "c.tif", "d.tiff", "e.bmp"),
        *("roll 2/9.jpg", "roll 2/10.jpg", "roll 10/deep/er/1.png", "z.jfif"),
    ]
    touch(tmp_path, *names)
    touch(tmp_path, "film.mp4", "notes.txt", "thumbs.gif", "noname", ".hidden.jpg", "._a1.jpg")
    touch(tmp_path, ".cache/x.jpg", "roll 2/.git/y.png")
    found = [path.relative_to(tmp_path).as_posix() for path in find_pictures(tmp_path)]
    assert found == [
        *("a1.jpg", "a2.JPEG", "a10.png", "B.webp", "c.tif", "d.tiff", "e.bmp"),
        *("roll 2/9.jpg", "roll 2/10.jpg", "roll 10/deep/er/1.png", "z.jfif"),
    ]


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    touch(inside, "a.jpg", "sub/b.jpg")
    touch(outside, "other.jpg")
    os.symlink(outside, inside / "away")
    os.symlink(outside, inside / "sub" / "away too")  # seen already
    os.symlink(outside / "other.jpg", inside / "c.jpg")
    os.symlink(inside / "a.jpg", inside / "d.jpg")
    os.symlink(inside, inside / "sub" / "loop")
    os.symlink(inside, outside / "back")
    os.symlink(inside / "sub", inside / "0")  # its own name comes first
    found = [path.relative_to(inside).as_posix() for path in find_pictures(inside)]
    assert found == ["a.jpg", "away/other.jpg", "c.jpg", "d.jpg", "sub/b.jpg"]


def test_a_folder_may_itself_be_a_link_or_have_a_strange_name(tmp_path: Path) -> None:
    touch(tmp_path / "real[1] ö", "ä 1.jpg")
    os.symlink(tmp_path / "real[1] ö", tmp_path / "link")
    assert find_pictures(tmp_path / "link") == [tmp_path / "link" / "ä 1.jpg"]
    assert find_pictures(str(tmp_path / "link")) == [tmp_path / "link" / "ä 1.jpg"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be listed"):
        find_pictures(tmp_path / "missing")
    assert find_pictures(tmp_path) == []


def test_targets_mirror_sources_and_never_meet(tmp_path: Path) -> None:
    touch(tmp_path / "in", "a.jpg", "a.png", "sub/a.jpg", "a.bmp")
    sources = find_pictures(tmp_path / "in")
    targets = [mirror_target(path, tmp_path / "in", tmp_path / "out") for path in sources]
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in targets) == [
        *("a.bmp", "a.jpg", "a.png", "sub/a.jpg"),
    ]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_pictures_are_known_by_their_content(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "anything.mp4"
    Image.fromarray(ramp()).save(path, kind)
    assert is_picture(path)


def test_films_text_and_folders_are_no_pictures(tmp_path: Path) -> None:
    for content in (
        b"",
        b"BM",
        b"BMW is a maker of cars, and this is text",
        b"RIFF\x00\x00\x00\x00AVI LIST",
        b"\x00\x00\x00\x20ftypisom",
        b"GIF89a" + bytes(40),
        b"\x1aE\xdf\xa3" + bytes(40),
    ):
        (tmp_path / "x.jpg").write_bytes(content)
        assert not is_picture(tmp_path / "x.jpg")
    assert not is_picture(tmp_path)
    assert not is_picture(tmp_path / "missing.png")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "film.mjpeg", "JPEG")
    assert not is_picture(tmp_path / "film.mjpeg")
