"""Training pictures: folders and shards are read whole, crops are as asked for."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from filmcolor.errors import MediaError
from filmcolor.train.data import CropSettings, PhotoSet, batches, load_photos, random_crop


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
    shard = make_shard(tmp_path / "s.tar", {"x/1.png": encoded(60, 30), "x/readme": b"-"})
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
    with pytest.raises(MediaError, match="no such folder or shard"):
        load_photos([tmp_path / "gone"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaError, match="no pictures found"):
        load_photos([tmp_path / "empty"])
    whole = make_shard(tmp_path / "s.tar", {f"{i}.png": encoded(64, 64) for i in range(9)})
    cut = tmp_path / "cut.tar"
    cut.write_bytes(whole.read_bytes()[:600])
    with pytest.raises(MediaError, match="not a whole tar shard"):
        load_photos([cut])


def test_crops_have_the_size_and_stay_inside() -> None:
    photo = np.zeros((120, 200, 3), np.uint8)
    photo[..., 0] = np.arange(200, dtype=np.uint8)
    rng = np.random.default_rng(0)
    settings = CropSettings(size=64, scale=(0.5, 1.0), largest_stretch=1.0)
    spans = []
    for _ in range(60):
        crop = random_crop(photo, settings, rng)
        assert crop.shape == (64, 64, 3)
        row = crop[0, :, 0].astype(int)
        spans.append(abs(row[-1] - row[0]))
    assert 0.4 * 120 < min(spans) < 0.6 * 120
    assert 0.9 * 120 < max(spans) <= 120


def test_an_epoch_takes_every_photo_once() -> None:
    photos = PhotoSet(
        tuple(np.full((32, 32, 3), i, np.uint8) for i in range(12)), tuple(map(str, range(12)))
    )
    stream = batches(photos, CropSettings(size=16), 4, np.random.default_rng(1))
    seen = [int(crop[0, 0, 0]) for _ in range(3) for crop in next(stream)]
    assert sorted(seen) == list(range(12))
