"""Folders of films: what is a film in them, and where results go."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmcolor.media.folders import film_target, look_into_folder
from tests.helpers.clips import make_clip


def test_content_decides_where_names_do_not(tmp_path: Path) -> None:
    make_clip(tmp_path / "reel.mkv", frames=2)
    (tmp_path / "reel.mkv").rename(tmp_path / "reel 10")
    (tmp_path / "deep").mkdir()
    make_clip(tmp_path / "deep" / "reel.mkv", frames=2)
    for name, content in {
        "reel 9.MP4": b"damaged, but meant as a film",
        "notes.txt": b"no film",
        "reel.srt": b"1\n00:00:00,000 --> 00:00:01,000\nhello\n",
        "cover.jpg": b"damaged, but meant as a picture",
        "head.bin": b"\xff\xd8\xff a picture by another name",
        "empty": b"",
        ".reel 9.MP4.part": b"hidden",
    }.items():
        (tmp_path / name).write_bytes(content)
    found = look_into_folder(tmp_path)
    names = [str(path.relative_to(tmp_path)) for path in found.films]
    assert names == ["deep/reel.mkv", "reel 9.MP4", "reel 10"]
    assert [path.name for path in found.pictures] == ["cover.jpg"]
    assert [path.name for path in found.others] == ["empty", "head.bin", "notes.txt", "reel.srt"]


@pytest.mark.parametrize(
    ("name", "suffixes", "result"),
    [
        ("deep/reel.MP4", (".mkv", ".mp4"), "deep/reel.MP4"),
        ("reel.avi", (".mkv", ".mp4"), "reel.avi.mkv"),
        ("reel.mp4", (".mkv",), "reel.mp4.mkv"),
        ("reel", (".mov", ".mkv"), "reel.mov"),
    ],
)
def test_no_two_films_share_a_target(name: str, suffixes: tuple[str, ...], result: str) -> None:
    assert film_target(Path("in", name), Path("in"), Path("out"), suffixes) == Path("out", result)
