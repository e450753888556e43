"""What a picture file says besides its pixels survives: EXIF, orientation, ICC, dpi, text."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from filmcolor.media.exif import LIMIT, ExifBlock, fitting, labelled
from filmcolor.media.icc import profile_for_rgb
from filmcolor.media.images import Picture, read_picture, write_picture
from tests.media.stills import (
    colors,
    grey_profile,
    neutral,
    png16,
    png_chunks,
    ramp,
    srgb_profile,
    through_profile,
    tiff,
)

LABEL = "colorized by filmcolor 1.2.3, a model"
KEEPING = (".jpg", ".png", ".webp", ".tif")
EXIF_IFD, GPS_IFD = 34665, 34853


def recolored(source: Path, target: Path) -> Picture:
    picture = read_picture(source)
    write_picture(picture, *neutral(picture), target, label=LABEL)
    return picture


def camera_exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[272], exif[274] = "Leitz", "Ur-Leica", orientation
    exif[306], exif[315] = "1925:03:01 10:00:00", "Müller".encode()
    exif[282] = exif[283] = 300.0
    exif[296] = 2
    details = exif.get_ifd(EXIF_IFD)
    details[36867], details[33434], details[37386] = "1925:03:01 10:00:00", 0.025, 50.0
    details[34855], details[37500] = 12, b"maker\x00note\xff" * 7
    exif.get_ifd(GPS_IFD)[1] = "N"
    exif.get_ifd(GPS_IFD)[2] = (50.0, 33.0, 19.5)
    return exif


def save_with_exif(path: Path, exif: Image.Exif) -> Path:
    if path.suffix == ".tif":  # Pillow leaves the directories out unless they are entries
        for tag in (EXIF_IFD, GPS_IFD):
            if exif.get_ifd(tag):
                exif[tag] = exif.get_ifd(tag)
    Image.fromarray(ramp()).save(path, exif=exif)
    return path


@pytest.mark.parametrize(
    ("suffix", "bits"), [(".jpg", 8), (".png", 8), (".webp", 8), (".tif", 8), (".png", 16)]
)
def test_exif_survives(tmp_path: Path, suffix: str, bits: int) -> None:
    source = tmp_path / f"in{suffix}"
    if bits == 8:
        save_with_exif(source, camera_exif(6))
    else:
        png16(source, ramp(bits=16), [(b"eXIf", camera_exif(6).tobytes()[6:])])
    picture = recolored(source, tmp_path / f"out{suffix}")
    assert picture.orientation == 6
    with Image.open(tmp_path / f"out{suffix}") as result:
        found = result.getexif()
        assert found[274] == 6
        assert (found[271], found[272], found[306]) == ("Leitz", "Ur-Leica", "1925:03:01 10:00:00")
        assert found[315].encode("latin-1") == "Müller".encode()
        details = found.get_ifd(EXIF_IFD)
        assert (details[36867], details[34855]) == ("1925:03:01 10:00:00", 12)
        assert (float(details[33434]), float(details[37386])) == (0.025, 50.0)
        assert details[37500] == b"maker\x00note\xff" * 7
        assert found.get_ifd(GPS_IFD)[1] == "N"
        assert [float(value) for value in found.get_ifd(GPS_IFD)[2]] == [50.0, 33.0, 19.5]
        assert found[270] == LABEL


@pytest.mark.parametrize("suffix", KEEPING)
@pytest.mark.parametrize("target_suffix", KEEPING)
def test_orientation_crosses_formats_and_pixels_stay_as_stored(
    tmp_path: Path, suffix: str, target_suffix: str
) -> None:
    for orientation in range(1, 9):
        save_with_exif(tmp_path / f"in{suffix}", camera_exif(orientation))
        picture = recolored(tmp_path / f"in{suffix}", tmp_path / f"out{target_suffix}")
        assert picture.orientation == orientation
        assert picture.luma.shape == ramp().shape
        assert np.abs(picture.luma.astype(int) - ramp()).mean() < 4
        again = read_picture(tmp_path / f"out{target_suffix}")
        assert again.orientation == orientation
        assert np.abs(again.luma.astype(int) - ramp()).mean() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotation_brings_pictures_upright(tmp_path: Path, orientation: int) -> None:
    path = save_with_exif(tmp_path / "in.png", camera_exif(orientation))
    picture = read_picture(path)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    turned = np.rot90(picture.luma, picture.rotation // 90)
    mirrored = orientation in (2, 4, 5, 7)
    assert (turned[:, ::-1] if mirrored else turned).tolist() == upright.tolist()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 4])
def test_sixteen_bit_pixels_stay_as_stored(tmp_path: Path, orientation: int, channels: int) -> None:
    codes = ramp(bits=16) if channels == 1 else colors(bits=16, channels=4)
    exif = camera_exif(orientation).tobytes()[6:]
    as_png = read_picture(png16(tmp_path / "in.png", codes, [(b"eXIf", exif)]))
    as_tiff = read_picture(tiff(tmp_path / "in.tif", codes, {274: (orientation,)}))
    for picture in (as_png, as_tiff):
        assert picture.orientation == orientation
        assert (picture.luma == as_png.luma).all()
        if channels == 1:
            assert (picture.luma == codes).all()
        else:
            assert picture.alpha is not None and (picture.alpha == codes[..., 3]).all()
    write_picture(as_tiff, *neutral(as_tiff), tmp_path / "out.tif", label=LABEL)
    again = read_picture(tmp_path / "out.tif")
    assert again.orientation == orientation
    assert (again.luma == as_png.luma).all()


# The label ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", KEEPING)
def test_the_label_joins_what_a_description_says(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[270] = "Großmutter, 1931".encode()
    recolored(save_with_exif(tmp_path / f"in{suffix}", exif), tmp_path / f"1{suffix}")
    recolored(tmp_path / f"1{suffix}", tmp_path / f"2{suffix}")  # a second run adds nothing
    for name in ("1", "2"):
        with Image.open(tmp_path / f"{name}{suffix}") as result:
            words = result.getexif()[270].encode("latin-1").decode()
            assert words == f"Großmutter, 1931; {LABEL}"


def test_png_text_and_jpeg_comment_are_kept(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "Frau Mayer")
    text.add_itxt("Title", "Straße")
    text.add_text("Comment", "box 3")
    Image.fromarray(ramp()).save(tmp_path / "in.png", pnginfo=text)
    recolored(tmp_path / "in.png", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        result = image
        result.load()
    assert isinstance(result, PngImagePlugin.PngImageFile)
    assert (result.text["Author"], result.text["Title"]) == ("Frau Mayer", "Straße")
    assert result.text["Comment"] == f"box 3; {LABEL}"
    Image.fromarray(ramp()).save(tmp_path / "in.jpg", comment=b"Dachboden")
    recolored(tmp_path / "in.jpg", tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.info["comment"] == b"Dachboden"
        assert image.getexif()[270] == LABEL


@pytest.mark.parametrize("suffix", KEEPING)
def test_xmp_is_kept(tmp_path: Path, suffix: str) -> None:
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>\xc3\xa9</x:xmpmeta>"
    if suffix == ".png":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        Image.fromarray(ramp()).save(tmp_path / "in.png", pnginfo=info)
    elif suffix == ".tif":
        Image.fromarray(ramp()).save(tmp_path / "in.tif", tiffinfo={700: xmp})
    else:
        Image.fromarray(ramp()).save(tmp_path / f"in{suffix}", xmp=xmp)
    recolored(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as result:
        assert result.info["xmp"] == xmp


# EXIF blocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
def test_old_bytes_of_a_block_do_not_move(order: str) -> None:
    """Offsets in a maker note count from the block's start: nothing before its end may change."""
    text = b"Kodak\x00"
    entry = struct.pack(order + "HHII", 271, 2, len(text), 26)
    magic = b"II*\x00" if order == "<" else b"MM\x00*"
    block = magic + struct.pack(order + "IH", 8, 1) + entry + struct.pack(order + "I", 32) + text
    block += b"old thumbnail"
    new = labelled(block, LABEL, dpi=(300.0, 72.5))
    assert new[:4] == block[:4]
    assert new[8 : len(block)] == block[8:]
    parsed = ExifBlock.parse(new)
    assert parsed.text(271) == b"Kodak"
    assert parsed.text(270) == LABEL.encode()
    assert parsed.short(296, 0) == 2
    read = Image.Exif()
    read.load(new)
    assert (read[271], read[270]) == ("Kodak", LABEL)
    assert (Fraction(read[282]), Fraction(read[283])) == (300, Fraction("72.5"))
    assert read.get_ifd(1) == {}  # the grey thumbnail is gone
    assert labelled(new, LABEL) == ExifBlock.parse(new).with_values({270: LABEL.encode()})


def test_a_block_too_long_for_jpeg_loses_only_what_it_must() -> None:
    exif = camera_exif()
    thumbnail = exif.tobytes()[6:] + bytes(LIMIT - len(exif.tobytes()))
    block, notice = fitting(thumbnail, LABEL)
    assert notice is None and len(block) <= LIMIT
    assert ExifBlock.parse(block).text(272) == b"Ur-Leica"
    exif.get_ifd(EXIF_IFD)[37500] = bytes(LIMIT)
    block, notice = fitting(exif.tobytes()[6:], LABEL)
    assert notice is not None and notice.warning
    assert ExifBlock.parse(block).text(270) == LABEL.encode()


@pytest.mark.parametrize(
    "block",
    [b"no TIFF", b"II*\x00", b"II*\x00\xff\xff\x00\x00", b"MM\x00*\x00\x00\x00\x08\x00\x09"],
)
def test_damaged_exif_is_left_out_and_said(tmp_path: Path, block: bytes) -> None:
    with pytest.raises(ValueError, match=r"director|header"):
        ExifBlock.parse(block)
    Image.fromarray(ramp()).save(tmp_path / "in.jpg", exif=b"Exif\x00\x00" + block)
    picture = recolored(tmp_path / "in.jpg", tmp_path / "out.jpg")
    assert picture.exif == b"" and picture.orientation == 1
    assert ["EXIF" in n.text and n.warning for n in picture.notices] == [True]
    with Image.open(tmp_path / "out.jpg") as result:
        assert result.getexif()[270] == LABEL


@pytest.mark.parametrize("suffix", KEEPING)
def test_an_entry_that_points_nowhere_does_not_stop_the_run(tmp_path: Path, suffix: str) -> None:
    entry = struct.pack("<HHII", 271, 2, 900, 60_000)
    block = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00" + entry + bytes(4)
    Image.fromarray(ramp()).save(tmp_path / "in.jpg", exif=block)
    recolored(tmp_path / "in.jpg", tmp_path / f"out{suffix}")
    again = read_picture(tmp_path / f"out{suffix}")
    assert ExifBlock.parse(again.exif).text(270) == LABEL.encode()


# ICC and resolution ------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", KEEPING)
def test_an_rgb_profile_is_kept_byte_for_byte(tmp_path: Path, suffix: str) -> None:
    profile = srgb_profile()
    Image.fromarray(colors()).save(tmp_path / f"in{suffix}", icc_profile=profile)
    recolored(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as result:
        assert result.info["icc_profile"] == profile


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_an_rgb_profile_is_kept_at_sixteen_bits(tmp_path: Path, suffix: str) -> None:
    profile = srgb_profile()
    packed = b"p\0\0" + zlib.compress(profile)
    source = png16(tmp_path / "in.png", ramp(bits=16), [(b"iCCP", packed)])
    recolored(source, tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as result:
        assert result.info["icc_profile"] == profile
    assert read_picture(tmp_path / f"out{suffix}").layout.bit_depth == 16


@pytest.mark.parametrize("suffix", KEEPING)
@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_a_grey_profile_becomes_an_rgb_profile_of_the_same_tone(
    tmp_path: Path, suffix: str, gamma: float
) -> None:
    grey = grey_profile(gamma)
    Image.fromarray(ramp()).save(tmp_path / f"in{suffix}", icc_profile=grey)
    picture = recolored(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    assert any("same tone" in notice.text for notice in picture.notices)
    with Image.open(tmp_path / f"out{suffix}") as result:
        profile = result.info["icc_profile"]
    assert profile[16:20] == b"RGB "
    every = np.arange(256, dtype=np.uint8)[None]
    linear = (every / 255.0) ** gamma
    srgb = np.where(linear < 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    shown = through_profile(every, profile, "RGB")
    assert np.abs(shown - 255 * srgb[..., None]).max() <= 1.5
    # Little CMS is coarse about the darkest tones of a grey profile.
    assert np.abs(shown.astype(int) - through_profile(every, grey, "L"))[:, 16:].max() <= 2


def test_profiles_that_cannot_be_used_are_left_out_and_said() -> None:
    grey = grey_profile()
    for profile, word in (
        (b"short", "damaged"),
        (bytes(200), "damaged"),
        (grey.replace(b"kTRC", b"xxxx"), "GRAY"),
        (grey.replace(b"XYZ ", b"Lab ", 1), "GRAY"),
        (grey.replace(b"GRAY", b"CMYK", 1), "CMYK"),
    ):
        kept, notice = profile_for_rgb(profile)
        assert kept is None
        assert notice is not None and notice.warning and word in notice.text


@pytest.mark.parametrize("suffix", [*KEEPING, ".bmp"])
@pytest.mark.parametrize("dpi", [(300, 300), (600, 1200)])
def test_resolution_is_kept(tmp_path: Path, suffix: str, dpi: tuple[int, int]) -> None:
    source = "in.png" if suffix == ".webp" else f"in{suffix}"
    Image.fromarray(ramp()).save(tmp_path / source, dpi=dpi)
    recolored(tmp_path / source, tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as result:
        if suffix == ".webp":
            exif = result.getexif()
            found = tuple(round(float(exif[tag])) for tag in (282, 283))
            assert exif[296] == 2
        else:
            found = tuple(round(float(value)) for value in result.info["dpi"])
        assert found == dpi
    if suffix == ".png":
        chunks = png_chunks(tmp_path / source), png_chunks(tmp_path / "out.png")
        assert chunks[0][b"pHYs"] == chunks[1][b"pHYs"]


def test_no_resolution_is_made_up(tmp_path: Path) -> None:
    for suffix in (".png", ".tif", ".jpg"):
        Image.fromarray(ramp()).save(tmp_path / f"in{suffix}")
        assert recolored(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}").dpi is None
        with Image.open(tmp_path / f"out{suffix}") as result:
            if suffix == ".jpg":  # Pillow makes 72 of an EXIF block without resolution
                assert result.info["jfif_unit"] == 0
            elif suffix == ".tif":
                assert 282 not in result.tag_v2  # type: ignore[attr-defined]
            else:
                assert "dpi" not in result.info
        assert read_picture(tmp_path / f"out{suffix}").dpi is None


def test_our_png_and_tiff_are_well_formed(tmp_path: Path) -> None:
    """Pillow checks every chunk and strip; more than one strip is needed for the large one."""
    large = ramp(700, 900, 16)
    png16(tmp_path / "in.png", large)
    for suffix in (".png", ".tif"):
        recolored(tmp_path / "in.png", tmp_path / f"out{suffix}")
        with Image.open(tmp_path / f"out{suffix}") as result:
            if suffix == ".png":
                result.verify()
            else:
                assert len(result.tag_v2[273]) > 1  # type: ignore[attr-defined]
                result.load()
                assert np.abs(np.asarray(result)[..., 0] - (large >> 8)).max() <= 1
        assert (read_picture(tmp_path / f"out{suffix}").luma == large).all()
    names = list(png_chunks(tmp_path / "out.png"))
    assert names[0] == b"IHDR" and names[-1] == b"IEND"
    assert names.index(b"eXIf") < names.index(b"IDAT")
