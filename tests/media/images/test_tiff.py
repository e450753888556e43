"""TIFF files as scanners and copiers write them: what is read, and what is said of the others."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from filmcolor.errors import MediaError
from filmcolor.media.images import reader
from filmcolor.media.images.reader import read_picture
from filmcolor.media.images.tiff_samples import silent_opencv
from filmcolor.media.images.writer import refuse_large
from tests.helpers.stills import Codes, colors, luma_codes, ramp, tiff


def planar(path: Path, codes: Codes, order: str, tags: dict[int, tuple[int, ...]]) -> Path:
    """A TIFF whose channels lie plane by plane."""
    height, width, channels = codes.shape
    planes = np.ascontiguousarray(codes.transpose(2, 0, 1)).reshape(-1, width)
    size = height * width * codes.itemsize
    plain = {257: (height,), 258: (16,) * channels, 262: (2,), 277: (channels,), 278: (height,)}
    offsets = tuple(8 + number * size for number in range(channels))
    more = {284: (2,), 279: (size,) * channels, 273: offsets}
    return tiff(path, planes, {**plain, **more, **tags}, order=order)


def pages(path: Path, *each: tuple[int, Codes]) -> Path:
    """A TIFF of 8-bit grey pages: what each is (its NewSubfileType), and its codes."""
    strips, directories = b"", b""
    start = 8 + sum(codes.size for _, codes in each)
    for number, (kind, codes) in enumerate(each, 1):
        height, width = codes.shape
        values = {254: kind, 256: width, 257: height, 258: 8, 259: 1, 262: 1}
        values |= {273: 8 + len(strips), 277: 1, 278: height, 279: codes.size}
        strips += codes.tobytes()
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in values.items())
        directories += struct.pack("<H", len(values)) + entries
        after = start + len(directories) + 4
        directories += struct.pack("<I", after if number < len(each) else 0)
    path.write_bytes(b"II*\0" + struct.pack("<I", start) + strips + directories)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        read_picture(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


def test_a_thumbnail_before_the_picture_is_passed_over(tmp_path: Path) -> None:
    small, full = ramp(6, 9), ramp(24, 36)
    picture = read_picture(pages(tmp_path / "two.tif", (1, small), (0, full)))
    assert np.array_equal(picture.luma, full)
    told = [(notice.text, notice.warning) for notice in picture.notices]
    assert told == [("begins with a thumbnail: page 2 of 2 is coloured", False)]
    more = pages(tmp_path / "four.tif", (1, small), (0, small), (0, full), (4, ramp(48, 72)))
    picture = read_picture(more)
    assert np.array_equal(picture.luma, full)
    told = [(notice.text, notice.warning) for notice in picture.notices]
    assert told == [("begins with a thumbnail: page 3 of 4 is coloured, the largest", True)]


def test_a_thumbnail_without_a_picture_is_called_that(tmp_path: Path) -> None:
    assert "all its pages are marked as thumbnails" in refusal(
        pages(tmp_path / "a.tif", (1, ramp()))
    )
    raw = tiff(tmp_path / "raw.tif", colors(), {50706: (1,)})
    assert "camera's raw file" in refusal(raw)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_floating_point_grey_becomes_16_bits(tmp_path: Path, order: str, photometric: int) -> None:
    codes = ramp(bits=16)
    tags = {258: (32,), 339: (3,), 262: (photometric,)}
    values = (codes / 65535).astype(np.float32)
    picture = read_picture(tiff(tmp_path / "in.tif", values, tags, order=order))  # type: ignore[arg-type]
    assert np.array_equal(picture.luma, codes if photometric else 65535 - codes)
    assert picture.bits == 16


@pytest.mark.parametrize("value", [255.0, -1.0, np.nan, np.inf])
def test_floats_that_are_no_codes_are_refused(tmp_path: Path, value: float) -> None:
    values = np.full((4, 4), 0.5, np.float32)
    values[1, 2] = value
    said = refusal(tiff(tmp_path / "in.tif", values, {339: (3,)}))  # type: ignore[arg-type]
    assert said.startswith("32-bit samples of ") and "not 0 to 1; scale them" in said


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("extra", [0, 1, 2])
def test_grey_with_alpha_at_16_bits(tmp_path: Path, order: str, extra: int) -> None:
    both = colors(bits=16, channels=2)
    both[..., 1] |= 32_768
    both[..., 0] = np.minimum(both[..., 0], both[..., 1])
    tags = {338: (extra,), 274: (6,), 34675: (1, 2, 3)}
    picture = read_picture(tiff(tmp_path / "in.tif", both, tags, order=order))
    grey, alpha = both[..., 0], both[..., 1]
    if extra == 1:
        grey = np.rint(grey.astype(float) * 65535 / alpha)
    assert np.array_equal(picture.luma, grey)
    assert picture.orientation == 6 and picture.bits == 16
    if extra:
        assert np.array_equal(picture.alpha, alpha)
    else:
        assert picture.alpha is None
        assert any("unstated meaning" in notice.text for notice in picture.notices)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_planes(tmp_path: Path, order: str, orientation: int, channels: int) -> None:
    codes = colors(bits=16, channels=channels)
    tags = {274: (orientation,), 338: (2,) if channels == 4 else ()}
    picture = read_picture(planar(tmp_path / "in.tif", codes, order, tags))
    assert np.abs(picture.luma - luma_codes(codes)).max() <= 1
    assert picture.orientation == orientation
    if channels == 4:
        assert np.array_equal(picture.alpha, codes[..., 3])


def test_planes_that_are_cut_off_are_damage(tmp_path: Path) -> None:
    size = 24 * 36 * 2
    tags: dict[int, tuple[int, ...]] = {273: (8, 8 + size, 100_000)}
    assert "damaged" in refusal(planar(tmp_path / "in.tif", colors(bits=16), "<", tags))


def test_planes_in_tiles_are_refused_by_name(tmp_path: Path) -> None:
    codes = colors(32, 32, bits=16)
    offsets = tuple(8 + number * 2048 for number in range(3))
    strips: dict[int, tuple[int, ...]] = {273: (), 278: (), 279: ()}
    tiles = {322: (32,), 323: (32,), 324: offsets, 325: (2048,) * 3}
    said = refusal(planar(tmp_path / "in.tif", codes, "<", {**strips, **tiles}))
    assert "in tiles: not supported; save it in strips" in said


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({259: (6,)}, "compressed as old-style JPEG of a rare form"),
        ({259: (34712,)}, "compressed by method 34712"),
        ({258: (24,)}, "a TIFF of 1 unsigned sample of 24 bits (photometric interpretation 1)"),
    ],
)
def test_kinds_that_are_not_read_are_not_called_damaged(
    tmp_path: Path, tags: dict[int, tuple[int, ...]], said: str
) -> None:
    text = refusal(tiff(tmp_path / "in.tif", ramp(), tags))
    assert said in text and "; save it " in text and "damaged" not in text


def old_jpeg(path: Path, content: bytes, tags: dict[int, tuple[int, ...]]) -> Path:
    """A TIFF of old-style JPEG whose strips and tables lie in `content`, which begins at 8."""
    raw = np.frombuffer(content + bytes(len(content) % 2), np.uint8)[None]
    usual = {259: (6,), 258: (8,), 278: (), 279: (), 273: ()}
    return tiff(path, raw, {**usual, **tags})


def segments(jpeg: bytes) -> tuple[dict[int, list[bytes]], bytes]:
    """What stands in the segments of a JPEG file by marker, and the data of its scan."""
    at, found = 2, dict[int, list[bytes]]()
    while True:
        marker, size = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        found.setdefault(marker, []).append(jpeg[at + 4 : at + 2 + size])
        at += 2 + size
        if marker == 0xDA:
            return found, jpeg[at:-2]


@pytest.mark.parametrize("form", ["whole", "strip", "apart", "tables"])
def test_old_style_jpeg_is_what_the_jpeg_file_in_it_is(tmp_path: Path, form: str) -> None:
    out = io.BytesIO()
    Image.fromarray(ramp()).save(out, "JPEG", quality=92)
    jpeg = out.getvalue()
    expected = np.asarray(Image.open(out))
    height, width = expected.shape
    tags: dict[int, tuple[int, ...]] = {256: (width,), 257: (height,), 278: (height,)}
    content = jpeg
    found, scan = segments(jpeg)
    if form == "whole":
        tags |= {513: (8,), 514: (len(jpeg),), 273: (8,), 279: (len(jpeg),)}
    elif form == "strip":
        tags |= {273: (8,), 279: (len(jpeg),)}
    elif form == "apart":
        start = len(jpeg) - len(scan) - 2
        tags |= {513: (8,), 514: (start,), 273: (8 + start,), 279: (len(scan),)}
    else:
        tables = [found[0xDB][0][1:], *(body[1:] for body in sorted(found[0xC4]))]
        places = [8 + sum(map(len, tables[:number])) for number in range(4)]
        content = b"".join(tables) + scan
        tags |= {519: places[:1], 520: places[1:2], 521: places[2:3]}  # type: ignore[dict-item]
        tags |= {273: (places[3],), 279: (len(scan),)}
    picture = read_picture(old_jpeg(tmp_path / "in.tif", content, tags))
    assert np.array_equal(picture.luma, expected)


def test_cmyk_of_16_bits_is_read_as_8(tmp_path: Path) -> None:
    ink = np.zeros((8, 8, 4), np.uint16)
    ink[..., 3] = np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)
    picture = read_picture(tiff(tmp_path / "in.tif", ink, {262: (5,), 338: ()}))
    assert picture.layout.bit_depth == 8
    assert np.abs(picture.luma.astype(int) - (255 - ink[..., 3] / 257)).max() <= 1
    text = "is CMYK of 16 bits: converted to sRGB of 8"
    assert [(notice.text, notice.warning) for notice in picture.notices] == [(text, True)]


@pytest.mark.parametrize("bits", [8, 16])
def test_cielab_becomes_srgb(tmp_path: Path, bits: int) -> None:
    # White, black, mid grey (L* 53.585 is sRGB 128) and sRGB's red, green and blue in D50.
    lab = [(100, 0, 0), (0, 0, 0), (53.585, 0, 0)]
    lab += [(54.29, 80.81, 69.89), (87.82, -79.28, 80.99), (29.57, 68.30, -112.03)]
    rgb = [(255,) * 3, (0,) * 3, (128,) * 3, (255, 0, 0), (0, 255, 0), (0, 0, 255)]
    codes = np.zeros((2, 3, 3), np.uint8 if bits == 8 else np.uint16)
    scale, peak = (1, 255) if bits == 8 else (256, 65535)
    for place, (light, a, b) in enumerate(lab):
        signed = np.array([round(a * scale), round(b * scale)]) % (1 << bits)
        codes[divmod(place, 3)] = [round(light * peak / 100), *signed]
    path = tiff(tmp_path / "in.tif", codes, {262: (8,)})
    picture = read_picture(path, with_rgb=True)
    assert picture.rgb is not None and picture.layout.bit_depth == bits
    found = picture.rgb.reshape(-1, 3) / (1 if bits == 8 else 257)
    assert np.abs(found - rgb).max() <= (10 if bits == 8 else 1)
    assert "is CIELAB: converted to sRGB" in [notice.text for notice in picture.notices]


@pytest.mark.parametrize("channels", [3, 4])
def test_floating_point_colour_becomes_16_bits(tmp_path: Path, channels: int) -> None:
    codes = colors(bits=16, channels=channels)
    values = (codes / 65535).astype(np.float32)
    tags = {258: (32,) * channels, 339: (3,) * channels}
    path = tiff(tmp_path / "in.tif", values, tags)  # type: ignore[arg-type]
    picture = read_picture(path, with_rgb=True)
    assert picture.rgb is not None and np.array_equal(picture.rgb, codes[..., :3])
    if channels == 4:
        assert picture.alpha is not None and np.array_equal(picture.alpha, codes[..., 3])
    bright = tiff(tmp_path / "bright.tif", 2 * values, tags)  # type: ignore[arg-type]
    assert "not 0 to 1; scale them" in refusal(bright)


@pytest.mark.parametrize("major", [4, 5])
def test_opencv_is_silent_in_either_version(monkeypatch: pytest.MonkeyPatch, major: int) -> None:
    """Version 5 has the level of its lines in a module of its own, 4 has not."""
    levels = [3]
    place = SimpleNamespace(getLogLevel=lambda: levels[-1], setLogLevel=levels.append)
    monkeypatch.delattr(cv2.utils, "logging", raising=False)
    if major == 4:
        monkeypatch.setattr(cv2, "getLogLevel", place.getLogLevel, raising=False)
        monkeypatch.setattr(cv2, "setLogLevel", place.setLogLevel, raising=False)
    else:
        monkeypatch.setattr(cv2.utils, "logging", place, raising=False)
    with silent_opencv():
        assert levels == [3, 0]
    assert levels == [3, 0, 3]


def test_a_scan_that_pillow_finds_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = ramp(40, 60)
    Image.fromarray(codes).save(tmp_path / "a.tif", compression="tiff_adobe_deflate")
    Image.fromarray(codes).save(tmp_path / "a.png")
    usual = read_picture(tmp_path / "a.tif")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    monkeypatch.setattr(reader, "_SMALL", 1000)
    large = read_picture(tmp_path / "a.tif")
    assert np.array_equal(large.luma, usual.luma)
    assert Image.MAX_IMAGE_PIXELS == 1000
    with pytest.raises(MediaError, match="save it as plain TIFF, or scale it down"):
        read_picture(tmp_path / "a.png")
    refuse_large(large, tmp_path / "b.tif")
    with pytest.raises(MediaError, match=r"are written as TIFF alone; name it \.tif"):
        refuse_large(large, tmp_path / "b.png")
    monkeypatch.setattr(reader, "_LARGEST", 2000)
    with pytest.raises(MediaError, match="scale it down, or cut it"):
        read_picture(tmp_path / "a.tif")
