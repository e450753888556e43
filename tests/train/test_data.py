"""Training pictures: folders and shards are read whole, crops are as asked for."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from filmcolor.errors import MediaError
from filmcolor.evaluate.coloring import Photo
from filmcolor.train.data import PhotoSet, is_grey, load_photos, repeat_palest, split_photos


def encoded(height: int, width: int, suffix: str = ".png", value: int = 90) -> bytes:
    pixels = np.full((height, width, 3), value, np.uint8)
    pixels[..., 2] = 200
    return bytes(cv2.imencode(suffix, pixels)[1])


def make_shard(path: Path, entries: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as shard:
        for name, content in entries.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))
    return path


def test_folder_and_shard_are_read_in_order_and_reduced(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.png").write_bytes(encoded(300, 400))
    (tmp_path / "a.webp").write_bytes(encoded(40, 50, ".webp"))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8not a jpeg")
    entries = {"x/1.png": encoded(60, 30), "x/readme": b"-"}
    shard = make_shard(tmp_path.parent / f"{tmp_path.name}.tar", entries)
    photos = load_photos([tmp_path / "deep", tmp_path, shard], short_side=100)
    assert [p.shape for p in photos.photos] == [
        (100, 133, 3),
        (40, 50, 3),
        (100, 133, 3),
        (60, 30, 3),
    ]
    assert photos.unreadable == (str(tmp_path / "broken.jpg"),)
    assert photos.photos[0][0, 0].tolist() == [200, 90, 90]


def test_sources_that_hold_nothing_are_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such folder, shard or film"):
        load_photos([tmp_path / "gone"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaError, match="no pictures found"):
        load_photos([tmp_path / "empty"])
    whole = make_shard(tmp_path / "s.tar", {f"{i}.png": encoded(64, 64) for i in range(9)})
    cut = tmp_path / "cut.tar"
    cut.write_bytes(whole.read_bytes()[:600])
    with pytest.raises(MediaError, match="not a whole tar shard"):
        load_photos([cut])


def test_a_folder_may_hold_shards_and_a_source_may_be_one_picture(tmp_path: Path) -> None:
    make_shard(tmp_path / "s.tar", {"1.png": encoded(60, 30)})
    (tmp_path / "z.png").write_bytes(encoded(20, 20))
    assert [p.shape[:2] for p in load_photos([tmp_path]).photos] == [(60, 30), (20, 20)]
    assert len(load_photos([tmp_path / "z.png"])) == 1


def test_grey_pictures_are_left_out_and_named(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (40, 40, 1), np.uint8).repeat(3, axis=2)
    (tmp_path / "grey.png").write_bytes(bytes(cv2.imencode(".png", grey)[1]))
    with pytest.raises(MediaError, match="all 1 pictures are grey"):
        load_photos([tmp_path])
    (tmp_path / "color.png").write_bytes(encoded(40, 40))
    photos = load_photos([tmp_path])
    assert len(photos) == 1
    assert photos.grey == (str(tmp_path / "grey.png"),)
    nearly = grey.copy()
    nearly[:20, :20, 2] = np.minimum(nearly[:20, :20, 2].astype(int) + 12, 255)
    assert is_grey(grey) and not is_grey(nearly)


def test_any_other_file_is_asked_for_its_frames(tmp_path: Path) -> None:
    film = tmp_path / "reel.mp4"
    film.write_bytes(b"not a tar, not a picture" * 100)

    def read(path: Path) -> Iterator[Photo]:
        assert path == film
        for value in (10, 60):
            yield np.dstack([np.full((300, 400), v, np.uint8) for v in (value, 200, 90)])

    photos = load_photos([film], 150, read_film=read)
    assert [p.shape for p in photos.photos] == [(150, 200, 3)] * 2
    assert photos.names == (f"{film}:0", f"{film}:1")
    with pytest.raises(MediaError, match="neither a folder, a tar shard nor a picture"):
        load_photos([film])


def test_a_split_is_fixed_by_the_seed_and_loses_nothing(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "s.tar", {f"{i}.png": encoded(32, 32 + i) for i in range(10)})
    photos = load_photos([shard])
    kept, held_out = split_photos(photos, 0.2, seed=3)
    assert (len(kept), len(held_out)) == (8, 2)
    assert set(kept.names) | set(held_out.names) == set(photos.names)
    assert split_photos(photos, 0.2, seed=3)[1].names == held_out.names
    others = {split_photos(photos, 0.2, seed=seed)[1].names for seed in range(8)}
    assert len(others) > 1
    with pytest.raises(MediaError, match="cannot be split"):
        split_photos(photos.take([0]), 0.2, seed=0)


def test_the_palest_photos_come_twice() -> None:
    photos = PhotoSet(
        tuple(np.full((8, 8, 3), (90 + 10 * n, 90, 90), np.uint8) for n in (3, 1, 4, 2)),
        ("3", "1", "4", "2"),
    )
    assert repeat_palest(photos, 0.5).names == ("3", "1", "4", "2", "1", "2")
    assert repeat_palest(photos, 0.0).names == photos.names
