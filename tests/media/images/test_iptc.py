"""IPTC captions go along, byte for byte, between the kinds of files that hold them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from filmcolor.media.images import iptc
from filmcolor.media.images.reader import read_picture
from filmcolor.media.images.writer import write_picture
from tests.helpers.stills import neutral, ramp


def dataset(record: int, number: int, words: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, record, number, len(words)) + words


IIM = (
    dataset(1, 90, b"\x1b%G")  # UTF-8
    + dataset(2, 120, "Müller family at the harbour, 1931".encode())
    + dataset(2, 25, b"harbour")
)
OTHERS = {1035: b"http://archive.example/1931", 1034: b"\x01"}
KEPT = {1028: IIM, **OTHERS}
BLOCK = iptc.packed({1036: b"an old thumbnail", **KEPT, 1005: bytes(16)})


def with_captions(path: Path) -> Path:
    image = Image.fromarray(ramp())
    if path.suffix == ".jpg":
        image.save(path, extra=iptc.jpeg_segment(BLOCK))
    else:
        directory = {"tags": {33723: IIM, 34377: iptc.packed(OTHERS)}}
        if path.name == "resources.tif":
            directory = {"tags": {34377: BLOCK}}
        tags = ImageFileDirectory_v2()
        for tag, content in directory["tags"].items():
            tags.tagtype[tag] = 7
            tags[tag] = content
        image.save(path, tiffinfo=tags)
    return path


@pytest.mark.parametrize("source", ["a.jpg", "a.tif", "resources.tif"])
@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".png"])
def test_captions_are_kept_byte_for_byte(tmp_path: Path, source: str, suffix: str) -> None:
    picture = read_picture(with_captions(tmp_path / source))
    assert dict(iptc.resources(picture.iptc)) == KEPT
    target = tmp_path / f"out{suffix}"
    write_picture(picture, *neutral(picture), target, label="colorized")
    again = read_picture(target)
    assert dict(iptc.resources(again.iptc)) == KEPT
    assert not any("iptc" in keyword for keyword, _ in again.text)
    with Image.open(target) as image:  # other eyes
        if suffix == ".jpg":
            assert image.info["photoshop"][1028] == IIM
        elif suffix == ".tif":
            assert image.tag_v2[33723] == IIM
        else:
            assert IIM.hex() in image.text["Raw profile type iptc"]


def test_a_kind_without_a_place_for_captions_says_so(tmp_path: Path) -> None:
    picture = read_picture(with_captions(tmp_path / "a.jpg"))
    told = write_picture(picture, *neutral(picture), tmp_path / "a.webp", label="colorized")
    assert [notice.text for notice in told] == [
        "WebP cannot hold: IPTC captions; left out; .png keeps it"
    ]


def test_damaged_captions_do_no_harm(tmp_path: Path) -> None:
    for cut in range(len(BLOCK)):
        iptc.captions(BLOCK[:cut])
    path = tmp_path / "a.jpg"
    cut = iptc.packed({1034: b"\x01"}) + b"8BIM\x04\x04\0\0\0\0\xff\xff\x1c"
    Image.fromarray(ramp()).save(path, extra=iptc.jpeg_segment(cut))
    assert dict(iptc.resources(read_picture(path).iptc))[1034] == b"\x01"
