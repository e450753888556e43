"""Training pictures: folders, shards and films are read by index, and nothing is held decoded."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from filmcolor.errors import MediaError
from filmcolor.extract.film import PickedFrame
from filmcolor.train import photo_index
from filmcolor.train.crops import CropSettings, CropSource, cut_with_opencv, plan_crops
from filmcolor.train.data import PhotoSet, load_photos, repeat_palest
from filmcolor.train.film_frames import FilmFrames
from filmcolor.train.photo_index import GREY_SPREAD, channel_spread, decode_photo


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
    assert channel_spread(grey) < GREY_SPREAD <= channel_spread(nearly)


def frames_of(*looks: tuple[int, int]) -> Iterator[PickedFrame]:
    """Frames with these numbers, of these shots."""
    for index, shot in looks:
        planes = [np.full((300, 400), value, np.uint8) for value in (index, 200, 90)]
        yield PickedFrame(np.dstack(planes), Fraction(index, 25), shot, index)


def test_any_other_file_is_asked_for_its_frames(tmp_path: Path) -> None:
    film = tmp_path / "reel.mp4"
    film.write_bytes(b"not a tar, not a picture" * 100)

    def read(path: Path) -> Iterator[PickedFrame]:
        assert path == film
        return frames_of((10, 0), (60, 0), (90, 1))

    photos = load_photos([film], 150, films=FilmFrames(read))
    assert [p.shape for p in photos.photos] == [(150, 200, 3)] * 3
    assert [p[0, 0].tolist() for p in photos.photos] == [[v, 200, 90] for v in (10, 60, 90)]
    assert [*photos.names] == [f"reel.mp4/{number:06}.png" for number in (10, 60, 90)]
    assert photos.shots.tolist() == [10, 10, 90]
    with pytest.raises(MediaError, match="neither a folder, a tar shard nor a picture"):
        load_photos([film])


def test_films_are_read_once_and_again_when_one_of_them_is_another(tmp_path: Path) -> None:
    films = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for film in films:
        film.write_bytes(b"not a tar, not a picture" * 100)
    reads: list[str] = []

    def read(path: Path) -> Iterator[PickedFrame]:
        reads.append(path.name)
        return frames_of((10, 0), (60, 1))

    kept = FilmFrames(read, tmp_path / "frames")
    (tmp_path / "z.png").write_bytes(encoded(20, 20))
    first = load_photos([films[0], tmp_path / "z.png", films[1]], 150, films=kept)
    again = load_photos([films[0], tmp_path / "z.png", films[1]], 150, films=kept)
    assert reads == ["a.mp4", "b.mp4"]
    assert [*again.names] == [*first.names]
    assert again.names[2] == "z.png"
    assert again.digest == first.digest
    assert again.shots.tolist() == [10, 60, -1, 10, 60]
    assert all(np.array_equal(*both) for both in zip(again.photos, first.photos, strict=True))
    films[0].write_bytes(b"another film by the same name" * 100)
    load_photos(films, 150, films=kept)
    assert reads == ["a.mp4", "b.mp4"] * 2


def textured(height: int, width: int, seed: int) -> bytes:
    """A JPEG with detail and colour."""
    small = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    pixels = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", pixels)[1])


SHAPES = [(301, 419), (120, 97), (64, 64), (513, 307), (90, 200), (256, 255)]


def test_crops_are_the_bytes_of_the_decoded_pictures(tmp_path: Path) -> None:
    files = {f"{n}.jpg": textured(*shape, n) for n, shape in enumerate(SHAPES)}
    photos = load_photos([make_shard(tmp_path / "s.tar", files)], 128)
    whole = [decode_photo(content, 128) for content in files.values()]
    assert photos.sizes.tolist() == [[*photo.shape[:2]] for photo in whole if photo is not None]
    source = CropSource(photos, torch.device("cpu"))
    settings = CropSettings(size=48)
    for step in (0, 1, 2, 7):  # the second and third are decoded ahead, the last is not
        plan = plan_crops(photos.sizes, settings, 8, 5, step)
        crops = [
            cut_with_opencv(whole[number], box, 48, mirrored=bool(mirrored))
            for number, box, mirrored in zip(plan.photo, plan.box, plan.mirrored, strict=True)
        ]
        expected = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
        assert torch.equal(source.batch(settings, 8, 5, step), expected)
        half = source.batch(settings, 8, 5, step, rank=1, world=2)
        assert torch.equal(half, expected[4:])


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of the files that were decoded for an index."""
    lengths: list[int] = []
    real = photo_index.decode_photo

    def noted(content: bytes, short_side: int | None = None) -> object:
        lengths.append(len(content))
        return real(content, short_side)

    monkeypatch.setattr(photo_index, "decode_photo", noted)
    return lengths


def test_a_shard_is_looked_at_once_until_it_is_another(tmp_path: Path, decoded: list[int]) -> None:
    shard = make_shard(tmp_path / "s.tar", {f"{n}.png": encoded(40, 50 + n) for n in range(3)})
    first = load_photos([shard])
    again = load_photos([tmp_path])
    assert len(decoded) == 3
    assert (tmp_path / "s.tar.index").is_file()
    assert again.sizes.tolist() == first.sizes.tolist() == [[40, 50], [40, 51], [40, 52]]
    assert again.spread.tolist() == first.spread.tolist() == [110.0] * 3
    assert again.digest == first.digest
    (tmp_path / "s.tar.index").write_bytes(b"PK\x03\x04 cut")
    assert load_photos([shard]).digest == first.digest
    assert len(decoded) == 6
    make_shard(shard, {"0.png": encoded(30, 30)})
    assert load_photos([shard]).sizes.tolist() == [[30, 30]]


def test_only_new_pictures_of_a_folder_are_looked_at(tmp_path: Path, decoded: list[int]) -> None:
    for name in "ac":
        (tmp_path / f"{name}.png").write_bytes(encoded(40, 50))
    load_photos([tmp_path])
    (tmp_path / "b.png").write_bytes(encoded(30, 60))
    photos = load_photos([tmp_path])
    assert len(decoded) == 3
    assert [*photos.names] == ["a.png", "b.png", "c.png"]
    assert [photo.shape[:2] for photo in photos.photos] == [(40, 50), (30, 60), (40, 50)]
    (tmp_path / "c.png").write_bytes(encoded(80, 80))
    assert load_photos([tmp_path]).sizes.tolist()[2] == [80, 80]
    assert len(decoded) == 4


def test_a_folder_without_write_bits_stays_as_it_is(
    tmp_path: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the user, as root, could write there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    make_shard(folder / "s.tar", {"x.png": encoded(40, 50)})
    (folder / "y.png").write_bytes(encoded(40, 50))
    folder.chmod(0o555)
    try:
        assert load_photos([folder]).digest == load_photos([folder]).digest
    finally:
        folder.chmod(0o755)
    assert len(decoded) == 2
    assert {path.name for path in folder.iterdir()} == {"s.tar", "y.png"}
    assert len(list((tmp_path / "cache" / "filmcolor" / "pictures").iterdir())) == 2


def test_a_user_without_a_home_needs_no_index(
    tmp_path: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs under a number without a name."""
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("os.access", lambda _, mode: mode != os.W_OK)
    shard = make_shard(tmp_path / "s.tar", {"x.png": encoded(40, 50)})
    monkeypatch.setattr(
        "filmcolor.train.photo_index.write_bytes", lambda path, *_, **__: refuse(path)
    )
    assert [*load_photos([shard]).names] == ["x.png"]
    assert len(decoded) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["s.tar"]


def refuse(path: Path) -> None:
    raise MediaError(f"{path}: cannot write there")


def test_the_order_is_that_of_the_paths(tmp_path: Path) -> None:
    for name in ("b/2.png", "b.png", "a/z/1.png", "d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encoded(20, 20))
    make_shard(tmp_path / "b" / "c.tar", {"./in/shard.png": encoded(20, 20)})
    names = ["a/z/1.png", "b/2.png", "in/shard.png", "b.png", "d.png"]
    assert [*load_photos([tmp_path]).names] == names
    assert [*load_photos([tmp_path / "d.png", tmp_path / "b.png"]).names] == ["d.png", "b.png"]


def test_pictures_can_be_left_out_by_name(tmp_path: Path) -> None:
    entries = {name: encoded(20, 20) for name in ("cats/1.png", "cats2/1.png", "dogs/1.png")}
    photos = load_photos([make_shard(tmp_path / "s.tar", entries)], exclude=("cats/*", "cows/*"))
    assert [*photos.names] == ["cats2/1.png", "dogs/1.png"]
    assert photos.idle_patterns == ("cows/*",)


def test_what_changes_while_it_is_in_use_is_told(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "s.tar", {"1.png": encoded(60, 30)})
    photos = load_photos([shard])
    os.utime(shard, (1, 1))
    with pytest.raises(MediaError, match=r"s\.tar: has changed while it was in use"):
        photos.photos[0]
    (tmp_path / "z.png").write_bytes(encoded(20, 20))
    photos = load_photos([tmp_path / "z.png"])
    (tmp_path / "z.png").write_bytes(encoded(20, 21))
    with pytest.raises(MediaError, match=r"z\.png: has changed while it was in use"):
        photos.photos[0]


def test_empty_files_are_damaged_and_compressed_shards_are_refused(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "s.tar", {"1.png": encoded(60, 30), "2.png": b""})
    assert load_photos([shard]).unreadable == (f"{shard}:2.png",)
    packed = tmp_path / "s.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(shard, "1.png")
    with pytest.raises(MediaError, match=r"compressed shard.*unpack it"):
        load_photos([packed])


def immense() -> bytes:
    """A PNG of under a hundred bytes that claims 50000 x 50000 pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_few_damaged_pictures_are_left_out_and_many_end_it_with_their_names(
    tmp_path: Path,
) -> None:
    for number in range(12):
        (tmp_path / f"{number:03}.png").write_bytes(encoded(20, 20))
    bad = [b"", immense(), b"<html>404</html>", encoded(20, 20)[:60], bytes(5000)]
    for number in range(10):
        (tmp_path / f"bad{number}.png").write_bytes(bad[number % len(bad)])
    photos = load_photos([tmp_path])
    assert len(photos) == 12
    assert photos.unreadable == tuple(str(tmp_path / f"bad{number}.png") for number in range(10))
    (tmp_path / "bad9a.png").write_bytes(b"")
    with pytest.raises(MediaError) as caught:
        load_photos([tmp_path])
    assert str(caught.value) == (
        f"{tmp_path}: 11 of 23 pictures are damaged, too many to go on without them; copy them "
        "from the originals again, or remove them: "
        + ", ".join(f"{tmp_path}/bad{number}.png" for number in (*range(10), "9a"))
    )
    assert len(load_photos([tmp_path], exclude=["bad9*"])) == 12
    for number in range(12, 110):
        (tmp_path / f"{number:03}.png").write_bytes(encoded(20, 20))
    assert len(load_photos([tmp_path])) == 110, "11 of 121 are a tenth"


def test_the_palest_photos_come_twice() -> None:
    photos = PhotoSet(
        tuple(np.full((8, 8, 3), (90 + 10 * n, 90, 90), np.uint8) for n in (3, 1, 4, 2)),
        ("3", "1", "4", "2"),
    )
    assert repeat_palest(photos, 0.5).names == ("3", "1", "4", "2", "1", "2")
    assert repeat_palest(photos, 0.0).names == photos.names
