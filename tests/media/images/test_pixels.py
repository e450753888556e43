"""Pixels of still pictures: what is read is what is stored, what is written has the same luma."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from filmcolor.errors import MediaError, NameTakenError, OptionError
from filmcolor.media.images.fields import HOLDS
from filmcolor.media.images.formats import format_of_suffix
from filmcolor.media.images.picture import Picture
from filmcolor.media.images.reader import read_picture
from filmcolor.media.images.still_file import read_still
from filmcolor.media.images.writer import write_picture
from filmcolor.types import ColorTags, PixelLayout
from tests.helpers.clips import largest_file
from tests.helpers.stills import (
    chroma_inside,
    chunk,
    colors,
    luma_codes,
    neutral,
    png16,
    ramp,
    srgb_profile,
    tiff,
)

LABEL = "colorized by filmcolor 1.2.3, a model"
LOSSLESS = (".png", ".tif", ".bmp")
GREY_FILES = (".png", ".jpg", ".tif", ".webp", ".bmp")


def test_every_format_is_tried() -> None:
    rarer = {"HEIC", "AVIF", "JPEG 2000", "PNM", "TGA", "PCX", "SGI", "DPX"}  # in `test_kinds`
    assert {format_of_suffix(Path(f"x{suffix}")) for suffix in GREY_FILES} == set(HOLDS) - rarer


def written(picture: Picture, target: Path, seed: int = 0) -> Picture:
    cb, cr = chroma_inside(picture.luma, seed)
    write_picture(picture, cb, cr, target, label=LABEL, overwrite=True)
    return read_picture(target)


def rgb_codes(path: Path) -> np.ndarray:
    """R'G'B' (and alpha) as OpenCV reads them: independent of the package's reader."""
    codes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert codes is not None
    return codes[..., [2, 1, 0, 3][: codes.shape[2]]]


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_grey_is_read_exactly_and_luma_stays_within_one_code(tmp_path: Path, suffix: str) -> None:
    grey = ramp(40, 60)
    source = tmp_path / f"in{suffix}"
    Image.fromarray(grey).save(source)
    picture = read_picture(source)
    assert picture.layout == PixelLayout(8, "444")
    assert picture.tags == ColorTags(matrix=6, primaries=1, transfer=13, full_range=True)
    assert (picture.luma == grey).all()
    assert not picture.had_color
    for seed in range(5):
        target = tmp_path / f"out{suffix}"
        written(picture, target, seed)
        rgb = rgb_codes(target)
        assert np.ptp(rgb, axis=2).mean() > 20
        assert np.abs(luma_codes(rgb) - grey).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_stay_sixteen(tmp_path: Path, suffix: str, channels: int) -> None:
    if channels == 1:
        codes = expected = ramp(40, 60, 16)
    else:
        codes = colors(40, 60, 16)
        expected = luma_codes(codes)
    source = tmp_path / f"in{suffix}"
    (png16 if suffix == ".png" else tiff)(source, codes)
    picture = read_picture(source)
    assert picture.layout == PixelLayout(16, "444")
    assert picture.luma.dtype == np.uint16
    assert np.abs(picture.luma.astype(int) - expected).max() <= (0 if channels == 1 else 1)
    assert picture.had_color == (channels == 3)
    target = tmp_path / f"out{suffix}"
    again = written(picture, target)
    rgb = rgb_codes(target)
    assert rgb.dtype == np.uint16
    assert np.abs(luma_codes(rgb) - picture.luma).max() <= 1
    assert len(np.unique(rgb[..., 0] & 255)) > 100  # the lower byte is used
    assert again.layout.bit_depth == 16


@pytest.mark.parametrize("suffix", GREY_FILES)
def test_neutral_colour_gives_equal_channels(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(ramp()).save(tmp_path / f"in{suffix}")
    picture = read_picture(tmp_path / f"in{suffix}")
    write_picture(picture, *neutral(picture), tmp_path / f"out{suffix}", label=LABEL)
    with Image.open(tmp_path / f"out{suffix}") as result:
        assert result.mode == "RGB"
        rgb = np.asarray(result).astype(int)
    assert np.ptp(rgb, axis=2).max() <= 2
    limit = 0 if suffix in LOSSLESS else 4
    assert np.abs(luma_codes(rgb) - picture.luma).max() <= limit


def test_jpeg_has_full_chroma_and_holds_the_luma(tmp_path: Path) -> None:
    grey = cv2.GaussianBlur(ramp(64, 96), (0, 0), 2)
    Image.fromarray(grey).save(tmp_path / "in.jpg", quality=95)
    picture = read_picture(tmp_path / "in.jpg")
    cb = np.tile(np.float32([-0.1, 0.1]), (64, 48))  # changes with every column
    write_picture(picture, cb, -cb, tmp_path / "out.jpg", label=LABEL)
    with Image.open(tmp_path / "out.jpg") as result:
        assert result.format == "JPEG"
        assert [part[1:3] for part in result.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]
        result.draft("YCbCr", result.size)
        planes = np.asarray(result).astype(int)
    assert np.abs(planes[..., 0] - picture.luma).max() <= 4
    inner = planes[8:-8, 8:-8, 1]
    assert (inner[:, 1::2] - inner[:, 0::2]).mean() > 40


def test_full_resolution_is_kept_for_odd_sizes_and_one_pixel(tmp_path: Path) -> None:
    for height, width in ((1, 1), (1, 37), (53, 1), (1201, 803)):
        Image.fromarray(np.full((height, width), 90, np.uint8)).save(tmp_path / "in.png")
        picture = read_picture(tmp_path / "in.png")
        for suffix in GREY_FILES:
            again = written(picture, tmp_path / f"out{suffix}")
            assert again.luma.shape == (height, width)


def test_colour_pictures_give_their_bt601_luma(tmp_path: Path) -> None:
    rgb = colors()
    Image.fromarray(rgb).save(tmp_path / "in.png")
    picture = read_picture(tmp_path / "in.png")
    assert picture.had_color
    assert any("only its luma" in notice.text for notice in picture.notices)
    assert (picture.luma == luma_codes(rgb)).all()
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(np.dstack([every] * 3)).save(tmp_path / "grey.png")
    picture = read_picture(tmp_path / "grey.png")
    assert (picture.luma == every).all()
    assert not picture.had_color
    wide = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert (read_picture(png16(tmp_path / "w.png", np.dstack([wide] * 3))).luma == wide).all()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_kept(tmp_path: Path, suffix: str, mode: str) -> None:
    codes = colors(channels=4)
    codes = codes[..., [0, 3]].copy() if mode == "LA" else codes
    source = tmp_path / f"in{suffix}"
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    Image.fromarray(codes, mode=None).save(source, **options)
    picture = read_picture(source)
    assert picture.alpha is not None
    assert (picture.alpha == codes[..., -1]).all()
    if mode == "LA":
        assert (picture.luma == codes[..., 0]).all()
    again = written(picture, tmp_path / f"out{suffix}")
    assert again.alpha is not None
    assert (again.alpha == picture.alpha).all()
    limit = 2 if suffix == ".webp" and not picture.lossless else 1
    assert np.abs(again.luma.astype(int) - picture.luma).max() <= limit


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_alpha_is_kept(tmp_path: Path, suffix: str) -> None:
    codes = colors(bits=16, channels=4)
    picture = read_picture((png16 if suffix == ".png" else tiff)(tmp_path / f"in{suffix}", codes))
    assert picture.alpha is not None
    assert (picture.alpha == codes[..., 3]).all()
    assert np.abs(picture.luma - luma_codes(codes)).max() <= 1
    written(picture, tmp_path / f"out{suffix}")
    assert (rgb_codes(tmp_path / f"out{suffix}")[..., 3] == codes[..., 3]).all()


def test_sixteen_bit_grey_with_alpha_or_a_clear_tone(tmp_path: Path) -> None:
    both = colors(bits=16, channels=2)
    picture = read_picture(png16(tmp_path / "ga.png", both))
    assert picture.alpha is not None
    assert (picture.luma == both[..., 0]).all() and (picture.alpha == both[..., 1]).all()
    grey = ramp(bits=16)
    tone = [(b"tRNS", struct.pack(">H", int(grey[3, 5])))]
    picture = read_picture(png16(tmp_path / "trns.png", grey, tone))
    assert picture.alpha is not None
    assert (picture.alpha == np.where(grey == grey[3, 5], 0, 65535)).all()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_clear_code_of_a_grey_png_of_few_bits(tmp_path: Path, bits: int) -> None:
    codes = np.random.default_rng(0).integers(0, 1 << bits, (20, 32)).astype(np.uint8)
    single = np.unpackbits(codes[..., None], axis=2)[..., 8 - bits :].reshape(20, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(single, axis=1))
    clear = int(codes[0, 0])
    path = tmp_path / "in.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 20, bits, 0, 0, 0, 0))
        + chunk(b"tRNS", struct.pack(">H", clear))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    picture = read_picture(path)
    assert np.array_equal(picture.luma, codes * (255 // ((1 << bits) - 1)))
    assert np.array_equal(picture.alpha, np.where(codes == clear, 0, 255))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extra", [(0,), ()])
def test_a_channel_of_unstated_meaning_is_no_transparency(
    tmp_path: Path, bits: int, extra: tuple[int, ...]
) -> None:
    """Scanners put infrared there; no tag at all says as little as the tag 0."""
    codes = colors(bits=bits, channels=4)
    picture = read_picture(tiff(tmp_path / "in.tif", codes, {338: extra}))
    assert picture.alpha is None
    assert np.abs(picture.luma.astype(int) - luma_codes(codes)).max() <= 1
    assert [notice.text for notice in picture.notices if notice.warning] == [
        "has a channel of unstated meaning (not marked as transparency): left out"
    ]


def test_premultiplied_tiff_becomes_straight(tmp_path: Path) -> None:
    codes = np.full((4, 4, 4), 20_000, np.uint16)
    codes[..., 3] = 32_768
    picture = read_picture(tiff(tmp_path / "in.tif", codes, {338: (1,)}))
    assert np.abs(picture.luma.astype(int) - 20_000 * 65535 / 32_768).max() <= 1


def test_palettes_bits_and_inverted_tiffs(tmp_path: Path) -> None:
    rgb = Image.fromarray(colors()).quantize(17)
    rgb.save(tmp_path / "palette.png")
    expected = luma_codes(np.asarray(rgb.convert("RGB")))
    assert (read_picture(tmp_path / "palette.png").luma == expected).all()
    rgb.save(tmp_path / "clear.png", transparency=3)
    clear = read_picture(tmp_path / "clear.png").alpha
    assert clear is not None
    assert (clear == np.where(np.asarray(rgb) == 3, 0, 255)).all()
    bits = ramp() > 100
    for suffix in (".png", ".tif", ".bmp"):
        Image.fromarray(bits).save(tmp_path / f"bits{suffix}")
        assert (read_picture(tmp_path / f"bits{suffix}").luma == bits * 255).all()
    for depth in (8, 16):
        negative = tiff(tmp_path / "negative.tif", ramp(bits=depth), {262: (0,)})
        assert (read_picture(negative).luma == (1 << depth) - 1 - ramp(bits=depth)).all()
    big_endian = tiff(tmp_path / "be.tif", ramp(bits=16), order=">")
    assert (read_picture(big_endian).luma == ramp(bits=16)).all()


def test_cmyk_jpeg_is_read_as_what_it_shows(tmp_path: Path) -> None:
    grey = np.dstack([ramp(48, 64)] * 3)
    Image.fromarray(grey).convert("CMYK").save(tmp_path / "in.jpg", quality=98)
    picture = read_picture(tmp_path / "in.jpg")
    assert np.abs(picture.luma.astype(int) - grey[..., 0]).max() <= 6
    assert any("CMYK" in notice.text for notice in picture.notices)
    assert written(picture, tmp_path / "out.jpg").luma.shape == (48, 64)


def test_cmyk_with_a_profile_of_another_kind_is_still_read(tmp_path: Path) -> None:
    grey = np.dstack([ramp(48, 64)] * 3)
    wrong = srgb_profile()
    Image.fromarray(grey).convert("CMYK").save(tmp_path / "in.tif", icc_profile=wrong)
    picture = read_picture(tmp_path / "in.tif")
    assert np.abs(picture.luma.astype(int) - grey[..., 0]).max() <= 1
    assert picture.icc is None


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_only_the_first_of_several_is_coloured_and_it_is_said(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(np.full((16, 16), tone, np.uint8)) for tone in (50, 150, 250)]
    options = {"lossless": True} if suffix == ".webp" else {}
    frames[0].save(tmp_path / f"in{suffix}", save_all=True, append_images=frames[1:], **options)
    picture = read_picture(tmp_path / f"in{suffix}")
    assert np.abs(picture.luma.astype(int) - 50).max() <= 1
    said = [notice for notice in picture.notices if "only the first" in notice.text]
    assert len(said) == 1 and said[0].warning and "3" in said[0].text


def test_lossless_webp_stays_lossless_and_lossy_stays_lossy(tmp_path: Path) -> None:
    for lossless in (True, False):
        Image.fromarray(ramp(64, 64)).save(tmp_path / "in.webp", lossless=lossless)
        picture = read_picture(tmp_path / "in.webp")
        assert picture.lossless is lossless
        again = written(picture, tmp_path / "out.webp")
        assert again.lossless is lossless
        difference = np.abs(again.luma.astype(int) - picture.luma)
        assert difference.max() <= 1 if lossless else difference.mean() < 8


def test_the_content_decides_what_a_file_is(tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / "really.png")
    os.rename(tmp_path / "really.png", tmp_path / "named.jpg")
    picture = read_picture(tmp_path / "named.jpg")
    assert picture.format == "PNG"
    assert (picture.luma == ramp()).all()
    assert [n.text for n in picture.notices] == ["is a PNG picture, whatever its name says"]


def test_what_a_format_cannot_hold_is_said(tmp_path: Path) -> None:
    picture = read_picture(png16(tmp_path / "in.png", colors(bits=16, channels=4)))
    cb, cr = neutral(picture)
    for suffix, words in {
        ".jpg": ("8 bits of its 16", "transparency"),
        ".webp": ("8 bits of its 16",),
        ".bmp": ("8 bits of its 16", "transparency", "synthetic"),
        ".png": (),
        ".tif": (),
    }.items():
        notices = write_picture(picture, cb, cr, tmp_path / f"out{suffix}", label=LABEL)
        assert len(notices) == len(words)
        assert all(any(word in notice.text for notice in notices) for word in words)
        assert all(notice.warning for notice in notices)


# Errors ------------------------------------------------------------------------------------------


def error_of(path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        read_picture(path)
    message = str(caught.value)
    assert "\n" not in message and path.name in message
    return message


def test_errors_say_what_is_wrong(tmp_path: Path) -> None:
    assert "no such file" in error_of(tmp_path / "missing.jpg")
    assert "folder" in error_of(tmp_path)
    text = tmp_path / "text.jpg"
    text.write_text("BM is how this text begins, but it is no bitmap")
    assert "not a picture of a known kind" in error_of(text)
    (tmp_path / "empty.png").write_bytes(b"")
    assert "empty (0 bytes)" in error_of(tmp_path / "empty.png")


@pytest.mark.parametrize("suffix", GREY_FILES)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_files(tmp_path: Path, suffix: str, share: float) -> None:
    whole = tmp_path / f"whole{suffix}"
    Image.fromarray(colors(100, 100)).save(whole)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    assert "damaged" in error_of(cut)


def test_truncated_sixteen_bit_png(tmp_path: Path) -> None:
    path = png16(tmp_path / "in.png", colors(64, 64, 16))
    path.write_bytes(path.read_bytes()[:-4000])
    assert "damaged" in error_of(path)


def test_absurd_dimensions_are_refused_before_memory_is_asked_for(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 2_000_000, 2_000_000, 8, 2, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    assert "megapixels" in error_of(tmp_path / "bomb.png")


def test_kinds_that_would_lose_something_are_refused(tmp_path: Path) -> None:
    Image.fromarray(ramp().astype(np.float32)).save(tmp_path / "float.tif")
    assert "32-bit" in error_of(tmp_path / "float.tif")
    raw = tiff(tmp_path / "raw.tif", colors(), {254: (1,), 330: (8,)})
    assert "raw file" in error_of(raw)


def test_unwritable_targets(tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / "in.png")
    picture = read_picture(tmp_path / "in.png")
    cb, cr = neutral(picture)
    with pytest.raises(OptionError, match=r"\.png"):
        write_picture(picture, cb, cr, tmp_path / "out.gif", label=LABEL)
    with pytest.raises(MediaError, match="does not exist"):
        write_picture(picture, cb, cr, tmp_path / "no" / "out.png", label=LABEL)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(NameTakenError, match=r"folder~2\.png"):
        write_picture(picture, cb, cr, tmp_path / "folder.png", label=LABEL, overwrite=True)
    assert picture.luma.shape == read_picture(tmp_path / "folder~2.png").luma.shape
    with pytest.raises(ValueError, match="chroma"):
        write_picture(picture, cb[:-1], cr[:-1], tmp_path / "out.png", label=LABEL)
    long = np.zeros((1, 16384), np.uint8)
    Image.fromarray(long).save(tmp_path / "long.png")
    wide = read_picture(tmp_path / "long.png")
    with pytest.raises(MediaError, match="16383"):
        write_picture(wide, *neutral(wide), tmp_path / "out.webp", label=LABEL)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "folder.png",
        "folder~2.png",
        "in.png",
        "long.png",
    ]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / "in.png")
    picture = read_picture(tmp_path / "in.png")
    target = tmp_path / "out.png"
    target.write_bytes(b"old")
    with largest_file(10), pytest.raises(MediaError, match="cannot be written"):
        write_picture(picture, *neutral(picture), target, label=LABEL, overwrite=True)
    assert target.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.png", "out.png"]


def test_other_libraries_write_no_lines_of_their_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for compression in ("tiff_adobe_deflate", "tiff_lzw"):
        path = tmp_path / f"{compression}.tif"
        Image.fromarray(colors(90, 90)).save(path, compression=compression)
        whole = bytearray(path.read_bytes())
        whole[400:420] = b"\xff" * 20
        path.write_bytes(whole)
        for read in (read_picture, read_still):
            with pytest.raises(MediaError, match=f"{compression}.tif: damaged TIFF picture"):
                read(path)
    path = png16(tmp_path / "wide.png", colors(90, 90, bits=16), [(b"gAMA", b"\0\0\0\0")])
    rgb = read_picture(path, with_rgb=True).rgb
    assert rgb is not None and np.array_equal(rgb, colors(90, 90, bits=16))
    assert capfd.readouterr() == ("", "")
