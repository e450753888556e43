"""What a picture file says besides its pixels survives: EXIF, orientation, ICC, dpi, text."""

from __future__ import annotations

import struct
import zlib
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from filmcolor.media.images.exif import LIMIT, ExifBlock, fitting, labelled
from filmcolor.media.images.exif_directory import layout_and_start
from filmcolor.media.images.fields import HOLDS, Holds
from filmcolor.media.images.formats import format_of_suffix
from filmcolor.media.images.icc import profile_for_rgb
from filmcolor.media.images.picture import Picture
from filmcolor.media.images.reader import read_picture
from filmcolor.media.images.writer import write_picture
from tests.helpers.stills import (
    colors,
    exif_block,
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
    write_picture(picture, *neutral(picture), target, label=LABEL, overwrite=True)
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


@pytest.mark.parametrize("kind", [1, 2, 7, 129])
@pytest.mark.parametrize("suffix", KEEPING)
def test_a_description_of_any_type_is_kept(tmp_path: Path, suffix: str, kind: int) -> None:
    words = "Großmutter".encode()
    block = exif_block({270: (kind, words + b"\0")}, {})
    Image.fromarray(ramp()).save(tmp_path / "in.jpg", exif=b"Exif\0\0" + block)
    recolored(tmp_path / "in.jpg", tmp_path / f"1{suffix}")
    recolored(tmp_path / f"1{suffix}", tmp_path / "2.jpg")
    for name in (f"1{suffix}", "2.jpg"):
        found = ExifBlock.parse(read_picture(tmp_path / name).exif)
        assert found.text(270) == words + f"; {LABEL}".encode()
        entry = found.entry(270)
        assert entry is not None and entry.kind == 2  # which every reader knows


@pytest.mark.parametrize("kind", [1, 3, 4])
def test_an_orientation_of_any_whole_type_is_read(tmp_path: Path, kind: int) -> None:
    number = struct.pack({1: ">B", 3: ">H", 4: ">I"}[kind], 6)
    block = exif_block({274: (kind, number)}, {}, ">")
    Image.fromarray(ramp()).save(tmp_path / "in.jpg", exif=b"Exif\0\0" + block)
    assert read_picture(tmp_path / "in.jpg").orientation == 6


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffixes", [(".jpg", ".tif"), (".tif", ".tif"), (".tif", ".png")])
def test_text_and_maker_notes_survive_tiff(
    tmp_path: Path, suffixes: tuple[str, str], order: str
) -> None:
    lens, note = "Müller, Görlitz".encode() + b"\0", bytes(range(256))
    block = exif_block(
        {315: (2, "Löwe".encode("latin-1") + b"\0")},
        {42035: (2, lens), 37500: (7, note), 37510: (7, b"UNICODE\0\xfc\0"), 40962: (3, b"\1\2")},
        order,
    )
    Image.fromarray(ramp()).save(tmp_path / "in.jpg", exif=b"Exif\0\0" + block)
    if suffixes[0] == ".tif":
        recolored(tmp_path / "in.jpg", tmp_path / "in.tif")
    recolored(tmp_path / f"in{suffixes[0]}", tmp_path / f"out{suffixes[1]}")
    with Image.open(tmp_path / f"out{suffixes[1]}") as result:
        found = result.getexif()
        details = found.get_ifd(EXIF_IFD)
        assert found[315] == "Löwe"
        assert details[42035].encode("latin-1") + b"\0" == lens
        assert (details[37500], details[37510]) == (note, b"UNICODE\0\xfc\0")
        assert details[40962] == struct.unpack(order + "H", b"\1\2")[0]
    if suffixes == (".jpg", ".tif"):  # what points into the block is where it was
        whole = (tmp_path / "out.tif").read_bytes()
        assert whole[8 : len(block)] == block[8:] and whole[:2] == block[:2]


def test_metadata_of_a_large_tiff_are_read(tmp_path: Path) -> None:
    exif = camera_exif()
    for tag in (EXIF_IFD, GPS_IFD):
        exif[tag] = exif.get_ifd(tag)
    Image.fromarray(ramp()).save(tmp_path / "in.tif", exif=exif, big_tiff=True)
    assert (tmp_path / "in.tif").read_bytes()[2:4] in (b"+\0", b"\0+")
    recolored(tmp_path / "in.tif", tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as result:
        found = result.getexif()
        assert found[315].encode("latin-1") == "Müller".encode()
        assert found.get_ifd(EXIF_IFD)[37500] == b"maker\x00note\xff" * 7
        assert [float(value) for value in found.get_ifd(GPS_IFD)[2]] == [50.0, 33.0, 19.5]


def test_sixteen_bits_in_either_byte_order(tmp_path: Path) -> None:
    for order in "<>":
        block = exif_block({271: (2, b"Leitz\0")}, {}, order)
        png16(tmp_path / "in.png", ramp(bits=16), [(b"eXIf", block)])
        recolored(tmp_path / "in.png", tmp_path / "out.tif")
        assert (tmp_path / "out.tif").read_bytes()[:2] == (b"II" if order == "<" else b"MM")
        codes = cv2.imread(str(tmp_path / "out.tif"), cv2.IMREAD_UNCHANGED)
        assert codes is not None and (codes[..., 1] == ramp(bits=16)).all()


def test_exif_in_the_text_of_a_png_keeps_its_bytes(tmp_path: Path) -> None:
    block = exif_block({315: (2, "Müller".encode() + b"\0")}, {42035: (2, "Görlitz".encode())})
    words = f"\nexif\n{len(block) + 6:8}\n{(b'Exif' + bytes(2) + block).hex()}\n"
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", words)
    text.add_text("Raw profile type iptc", "\niptc\n       2\n1c02\n")
    Image.fromarray(ramp()).save(tmp_path / "in.png", pnginfo=text)
    picture = recolored(tmp_path / "in.png", tmp_path / "out.png")
    assert picture.exif == block
    assert picture.iptc.endswith(b"\x1c\x02") and not picture.text
    assert read_picture(tmp_path / "out.png").iptc == picture.iptc


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


# What a format has no place for ------------------------------------------------------------------


def told(source: Path, target: Path) -> list[str]:
    """What is said when a picture is written."""
    picture = read_picture(source)
    notices = write_picture(picture, *neutral(picture), target, label=LABEL, overwrite=True)
    assert all(notice.warning for notice in notices)
    return [notice.text for notice in notices]


def test_every_field_of_a_picture_is_in_the_table_of_what_formats_hold() -> None:
    facts = {"luma", "rgb", "format", "tags", "lossless", "had_color", "stored_bits", "notices"}
    held = {field.name for field in fields(Holds)} - {"name", "text_bytes"}
    assert held | facts == {field.name for field in fields(Picture)}
    rarer = {"HEIC", "AVIF", "JPEG 2000", "PNM", "TGA", "PCX", "SGI", "DPX"}  # in `test_kinds`
    assert set(HOLDS) - rarer == {
        format_of_suffix(Path(f"x{suffix}")) for suffix in (*KEEPING, ".bmp")
    }


@pytest.mark.parametrize(
    ("suffix", "lost"),
    [
        (".jpg", "JPEG cannot hold: text (Title); left out; .png keeps it"),
        (".webp", "WebP cannot hold: text (Title, Comment); left out; .png keeps it"),
        (".tif", "TIFF cannot hold: text (Title, Comment); left out; .png keeps it"),
        (
            ".bmp",
            "BMP cannot hold: text (Author, Copyright, Description, Title, Comment); left out; "
            ".png keeps it",
        ),
        (".png", None),
    ],
)
def test_png_texts_are_carried_over_or_named(tmp_path: Path, suffix: str, lost: str | None) -> None:
    texts = {"Author": "Frau Müller", "Copyright": "1931", "Description": "Am See", "Title": "A"}
    text = PngImagePlugin.PngInfo()
    for keyword, words in (*texts.items(), ("Comment", "box 3")):
        text.add_itxt(keyword, words)
    Image.fromarray(ramp()).save(tmp_path / "in.png", pnginfo=text)
    said = told(tmp_path / "in.png", tmp_path / f"out{suffix}")
    assert [line for line in said if "synthetic" not in line] == ([] if lost is None else [lost])
    again = read_picture(tmp_path / f"out{suffix}")
    stated = ExifBlock.parse(again.exif)
    if suffix == ".png":
        assert dict(again.text) == {**texts, "Comment": f"box 3; {LABEL}"}
    elif suffix != ".bmp":
        assert stated.text(315) == "Frau Müller".encode()
        assert stated.text(33432) == b"1931"
        assert stated.text(270) == f"Am See; {LABEL}".encode()
        assert dict(again.text) == ({"Comment": "box 3"} if suffix == ".jpg" else {})


def test_texts_do_not_replace_what_exif_states(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "Mayer")
    text.add_text("Copyright", "1931")
    exif = Image.Exif()
    exif[315], exif[33432] = "Huber", "(c) 1931, Huber"
    Image.fromarray(ramp()).save(tmp_path / "in.png", pnginfo=text, exif=exif)
    assert told(tmp_path / "in.png", tmp_path / "out.jpg") == [
        "JPEG cannot hold: text (Author); left out; .png keeps it"
    ]
    stated = ExifBlock.parse(read_picture(tmp_path / "out.jpg").exif)
    assert (stated.text(315), stated.text(33432)) == (b"Huber", b"(c) 1931, Huber")


def test_a_comment_and_long_xmp_are_carried_over_or_named(tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / "in.jpg", comment="Dachböden".encode("cp1252"))
    assert "Windows-1252" in read_picture(tmp_path / "in.jpg").notices[0].text
    assert told(tmp_path / "in.jpg", tmp_path / "out.tif") == []
    stated = ExifBlock.parse(read_picture(tmp_path / "out.tif").exif)
    assert stated.text(270) == f"Dachböden; {LABEL}".encode()
    assert told(tmp_path / "in.jpg", tmp_path / "out.png") == []
    assert dict(read_picture(tmp_path / "out.png").text)["Comment"] == f"Dachböden; {LABEL}"
    for size, lost in ((65504, []), (65505, ["XMP of 65505 bytes"])):
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", "<x/>".ljust(size))
        Image.fromarray(ramp()).save(tmp_path / "in.png", pnginfo=info)
        said = told(tmp_path / "in.png", tmp_path / "out.jpg")
        assert said == [f"JPEG cannot hold: {each}; left out; .png keeps it" for each in lost]
        again = read_picture(tmp_path / "out.jpg").xmp
        assert len(again or b"") == (0 if lost else size)
    long = PngImagePlugin.PngInfo()
    long.add_text("Description", "x" * LIMIT)
    Image.fromarray(ramp()).save(tmp_path / "in.png", pnginfo=long, exif=camera_exif())
    assert "text (Description)" in told(tmp_path / "in.png", tmp_path / "out.jpg")[0]
    assert ExifBlock.parse(read_picture(tmp_path / "out.jpg").exif).text(272) == b"Ur-Leica"


def test_bmp_names_all_that_it_loses(tmp_path: Path) -> None:
    profile = srgb_profile()
    Image.fromarray(ramp()).save(
        tmp_path / "in.jpg", exif=camera_exif(), icc_profile=profile, xmp=b"<x/>"
    )
    assert told(tmp_path / "in.jpg", tmp_path / "out.bmp")[0] == (
        "BMP cannot hold: EXIF, ICC profile, XMP of 4 bytes; left out; .png keeps it"
    )


def test_extended_xmp_is_named(tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / "in.jpg", xmp=b"<x/>")
    content = (tmp_path / "in.jpg").read_bytes()
    more = b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + b"<y/>"
    segment = b"\xff\xe1" + struct.pack(">H", len(more) + 2) + more
    (tmp_path / "in.jpg").write_bytes(content[:2] + segment + content[2:])
    notices = read_picture(tmp_path / "in.jpg").notices
    assert [notice.text for notice in notices] == ["its extended XMP, beyond 64 KB, is left out"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_bmp_which_holds_no_orientation_is_turned(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "in.png"
    Image.fromarray(ramp()).save(path, exif=exif, dpi=(300, 600))
    recolored(path, tmp_path / "out.bmp")
    with Image.open(path) as image, Image.open(tmp_path / "out.bmp") as result:
        upright = np.asarray(ImageOps.exif_transpose(image))
        assert (np.asarray(result)[..., 1] == upright).all()
        found = tuple(round(each) for each in result.info["dpi"])
        assert found == ((300, 600) if orientation < 5 else (600, 300))


@pytest.mark.parametrize("source_suffix", [".webp", ".png", ".jpg"])
@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".webp", ".bmp"])
def test_a_resolution_that_only_exif_states_is_kept(
    tmp_path: Path, source_suffix: str, suffix: str
) -> None:
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 100.0, 200.0, 3  # per centimetre
    source, target = tmp_path / f"in{source_suffix}", tmp_path / f"out{suffix}"
    Image.fromarray(ramp()).save(source, exif=exif)
    recolored(source, target)
    found = read_picture(target).dpi
    assert found is not None and [round(each) for each in found] == [254, 508]


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
    assert parsed.number(296, 0) == 2
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
    if suffix == ".tif":  # there it would be the file's own
        content = (tmp_path / "out.tif").read_bytes()
        layout, start = layout_and_start(content)
        (count,) = struct.unpack_from("<H", content, start)
        assert count == len(layout.directory(content, start))


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
