"""Rarer kinds of pictures: what goes in, what comes out, and what is refused by name."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from filmcolor.errors import MediaError, OptionError
from filmcolor.media.folders import is_picture, look_into_folder, mirror_target
from filmcolor.media.images.formats import picture_format, written_suffix
from filmcolor.media.images.reader import read_picture
from filmcolor.media.images.still_file import read_still
from filmcolor.media.images.writer import write_picture
from filmcolor.media.open import open_source
from tests.helpers.stills import Codes, chroma_inside, colors, luma_codes, neutral, ramp

LABEL = "colorized by filmcolor 1.2.3, a model"


def by_ffmpeg(codes: Codes, codec: str, form: str, **options: str) -> bytes:
    frame = av.VideoFrame.from_ndarray(codes, format=form)
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = frame.width, frame.height, form
    context.time_base, context.options = Fraction(1, 25), options
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def by_pillow(codes: Codes, kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(codes).save(out, kind)
    return out.getvalue()


def netpbm(codes: Codes, magic: str = "P5", peak: int = 0) -> bytes:
    """PGM: samples of two bytes are big-endian."""
    height, width = codes.shape
    peak = peak or int(np.iinfo(codes.dtype).max)
    order = codes.astype(codes.dtype.newbyteorder(">")).tobytes()
    return f"{magic}\n# made by a test\n{width} {height}\n{peak}\n".encode() + order


def psd(codes: Codes, resources: bytes = b"") -> bytes:
    """A flat grey PSD, version 1, uncompressed."""
    height, width = codes.shape
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 1, height, width, codes.itemsize * 8, 1)
    sections = bytes(4) + struct.pack(">I", len(resources)) + resources + bytes(4) + bytes(2)
    return head + sections + codes.astype(codes.dtype.newbyteorder(">")).tobytes()


def resource(number: int, body: bytes) -> bytes:
    return struct.pack(">4sHHI", b"8BIM", number, 0, len(body)) + body + bytes(len(body) % 2)


REVERSIBLE = {"format": "jp2", "pred": "dwt53"}
GREY8, GREY16 = ramp(), ramp(bits=16)
GREY10 = (GREY16 >> 6).astype(np.uint16)
WIDENED = np.rint(GREY10 * (65535 / 1023)).astype(np.uint16)

EXACT = {
    "a.dpx": (by_ffmpeg(GREY8, "dpx", "gray"), "DPX", GREY8, 8),
    "ten.dpx": (by_ffmpeg(np.stack([GREY10] * 3, -1), "dpx", "gbrp10be"), "DPX", WIDENED, 10),
    "b.dpx": (by_ffmpeg(GREY16, "dpx", "gray16be"), "DPX", GREY16, 16),
    "a.sgi": (by_ffmpeg(GREY8, "sgi", "gray"), "SGI", GREY8, 8),
    "b.sgi": (by_ffmpeg(GREY16, "sgi", "gray16be"), "SGI", GREY16, 16),
    "a.pgm": (netpbm(GREY8), "PNM", GREY8, 8),
    "b.pgm": (netpbm(GREY16), "PNM", GREY16, 16),
    "ten.pgm": (netpbm(GREY10, peak=1023), "PNM", WIDENED, 16),
    "a.tga": (by_pillow(GREY8, "TGA"), "TGA", GREY8, 8),
    "a.pcx": (by_pillow(GREY8, "PCX"), "PCX", GREY8, 8),
    "a.psd": (psd(GREY8), "PSD", GREY8, 8),
    "b.psd": (psd(GREY16), "PSD", GREY16, 16),
    "a.jp2": (by_ffmpeg(GREY8, "jpeg2000", "gray", **REVERSIBLE), "JPEG 2000", GREY8, 8),
    "b.jp2": (by_ffmpeg(GREY16, "jpeg2000", "gray16le", **REVERSIBLE), "JPEG 2000", GREY16, 16),
}


@pytest.mark.parametrize("name", EXACT)
def test_a_still_of_any_kind_is_read_exactly_at_its_depth(tmp_path: Path, name: str) -> None:
    content, kind, codes, bits = EXACT[name]
    path = tmp_path / name
    path.write_bytes(content)
    assert is_picture(path)
    picture = read_picture(path)
    assert (picture.format, picture.bits) == (kind, bits)
    assert picture.luma.dtype == codes.dtype
    # A ten-bit code may be widened by another program's rounding.
    assert np.abs(picture.luma.astype(int) - codes).max() <= (1 if name == "ten.pgm" else 0)
    rgb, mark = read_still(path)
    assert not mark and rgb.shape == (*codes.shape, 3)


@pytest.mark.parametrize("name", EXACT)
def test_colour_goes_into_its_own_kind_or_one_of_its_depth(tmp_path: Path, name: str) -> None:
    content, kind, codes, bits = EXACT[name]
    path = tmp_path / name
    path.write_bytes(content)
    picture = read_picture(path)
    target = mirror_target(path, tmp_path, tmp_path / "out")
    target.parent.mkdir()
    chroma = chroma_inside(picture.luma)
    written = write_picture(picture, *chroma, target, label=LABEL)
    again = read_picture(target)
    assert again.had_color
    unit = 65535 / ((1 << bits) - 1) if codes.dtype == np.uint16 else 1
    assert np.abs(again.luma.astype(int) - picture.luma).max() <= np.ceil(unit)
    told = " ".join(notice.text for notice in written)
    if kind == "PSD":
        assert target.name == f"{name}.tif" and again.format == "TIFF"
        assert f"it became a TIFF of {bits} bits" in told
    else:
        assert (again.format, again.bits) == (kind, 16 if name == "ten.pgm" else bits)
        assert target.suffix == (".ppm" if name.endswith(".pgm") else path.suffix)
    if kind == "PCX":
        assert "cannot say that the colours are synthetic" in told
    else:
        assert LABEL.encode() in target.read_bytes()


def test_other_eyes_see_the_same_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(GREY8).save(path)
    picture = read_picture(path)
    chroma = chroma_inside(picture.luma)
    write_picture(picture, *chroma, path.with_name("b.png"), label=LABEL)
    expected = np.asarray(Image.open(path.with_name("b.png")))
    for suffix, kind in ((".ppm", "PPM"), (".tga", "TGA"), (".pcx", "PCX"), (".sgi", "SGI")):
        target = tmp_path / f"c{suffix}"
        write_picture(picture, *chroma, target, label=LABEL)
        with Image.open(target, formats=(kind,)) as image:
            assert (np.asarray(image.convert("RGB")) == expected).all(), suffix
    write_picture(picture, *chroma, tmp_path / "c.jp2", label=LABEL)
    assert (cv2.imread(str(tmp_path / "c.jp2"))[..., ::-1] == expected).all()


def test_metadata_of_jpeg_2000_and_psd_go_along(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[315], exif[274] = "A. Photographer", 6
    block = exif.tobytes().removeprefix(b"Exif\x00\x00")
    said = resource(1058, block) + resource(1060, b"<x:xmpmeta/>")
    said += resource(1005, struct.pack(">IHHIHH", 300 << 16, 1, 1, 300 << 16, 1, 1))
    (tmp_path / "a.psd").write_bytes(psd(GREY8, said))
    picture = read_picture(tmp_path / "a.psd")
    assert picture.xmp == b"<x:xmpmeta/>" and picture.dpi == (300, 300)
    target = tmp_path / "a.jp2"
    write_picture(picture, *neutral(picture), target, label=LABEL)
    again = read_picture(target)
    assert again.xmp == picture.xmp and again.dpi == picture.dpi
    assert b"A. Photographer" in again.exif and again.orientation == 1


def test_a_psd_without_a_merged_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.psd"
    path.write_bytes(psd(GREY8, resource(1057, b"\0\0\0\1\0")))
    with pytest.raises(MediaError, match=r"a\.psd: holds its layers alone"):
        read_picture(path)


def light(values: list[float]) -> bytes:
    samples = np.array([values], np.float32)
    return by_ffmpeg(np.stack([samples] * 3, -1), "exr", "gbrpf32le")


def test_light_becomes_srgb_and_more_than_white_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    path.write_bytes(light([0.0, 0.001, 0.214, 0.5, 1.0, -0.1]))
    picture = read_picture(path)
    # sRGB: 0.001 * 12.92; 0.214 is code 0.4999; 0.5 is code 0.7354.
    codes = picture.luma[0] / 65535
    assert np.allclose(codes, [0, 0.01292, 0.5, 0.7354, 1, 0], atol=2e-4)
    assert [notice.text for notice in picture.notices] == [
        "holds linear light: it became sRGB codes"
    ]
    path.write_bytes(light([0.0, 2.5]))
    with pytest.raises(MediaError, match=r"a\.exr: holds light up to 2\.5 times white"):
        read_picture(path)
    path.write_bytes(light([0.0, float("nan")]))
    with pytest.raises(MediaError, match="no numbers"):
        read_picture(path)


@pytest.mark.parametrize("bits", [8, 10])
def test_avif_keeps_its_depth_on_the_way_in(tmp_path: Path, bits: int) -> None:
    codes = GREY8 if bits == 8 else GREY10
    path = tmp_path / "a.avif"
    options = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100]
    path.write_bytes(cv2.imencode(".avif", np.stack([codes] * 3, -1), options)[1].tobytes())
    assert is_picture(path)
    picture = read_picture(path)
    expected = GREY8 if bits == 8 else WIDENED
    assert np.abs(picture.luma.astype(int) - expected).max() <= 2 * (1 if bits == 8 else 64)
    told = write_picture(picture, *neutral(picture), tmp_path / "b.avif", label=LABEL)
    assert ["holds 8 bits of its 10" in notice.text for notice in told] == [True] * (bits == 10)
    assert read_picture(tmp_path / "b.avif").format == "AVIF"


@pytest.mark.parametrize("bits", [8, 10])
def test_a_heic_is_read_upright_and_written_at_its_depth(tmp_path: Path, bits: int) -> None:
    heif = pytest.importorskip("pillow_heif")
    codes = colors() if bits == 8 else colors(bits=16)
    smooth = cv2.GaussianBlur(codes, (0, 0), 4)
    exif = Image.Exif()
    exif[274] = 6
    path = tmp_path / "a.heic"
    out = io.BytesIO()
    mode = "RGB" if bits == 8 else "RGB;16"
    size = (codes.shape[1], codes.shape[0])
    heif.encode(mode, size, smooth.tobytes(), out, quality=100, chroma=444, exif=exif.tobytes())
    path.write_bytes(out.getvalue())
    assert is_picture(path)
    picture = read_picture(path)
    turned = picture.luma.shape != smooth.shape[:2]
    expected = luma_codes(np.rot90(smooth, 3) if turned else smooth)
    assert np.abs(picture.luma - expected).mean() < (2 if bits == 8 else 300)
    assert (picture.bits, picture.orientation) == (bits, 1)
    write_picture(picture, *neutral(picture), tmp_path / "b.heic", label=LABEL)
    again = read_picture(tmp_path / "b.heic")
    assert again.bits == bits and LABEL.encode() in again.exif


def test_a_heic_without_its_reader_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    assert is_picture(path)
    with pytest.raises(MediaError, match=r"IMG_0001\.HEIC: a HEIC picture: needs `pip install"):
        read_picture(path)


OTHERS = {
    "a.xbm": by_pillow(np.zeros((8, 8), bool), "XBM"),
    "a.ras": by_ffmpeg(GREY8, "sunrast", "gray"),
    "a.dds": by_pillow(colors(), "DDS"),
    "a.ico": by_pillow(colors(32, 32), "ICO"),
    "a.qoi": by_ffmpeg(colors(), "qoi", "rgb24"),
    "a.hdr": by_ffmpeg(colors().astype(np.float32) / 255, "hdr", "gbrpf32le"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_picture_that_is_not_coloured_never_becomes_a_film(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(OTHERS[name])
    assert not is_picture(path)
    with pytest.raises(MediaError, match=rf"{name}: a picture \(\w+\), not a film"):
        open_source(str(path))
    assert look_into_folder(tmp_path).others == (path,)


def test_sequences_of_pictures_and_text_are_no_stills() -> None:
    for brand in (b"avis", b"msf1", b"hevc", b"isom", b"qt  "):
        assert picture_format(b"\0\0\0\x18ftyp" + brand + bytes(40)) is None
    for text in (b"P1 is a title", b"P5: notes", b"\n\x05 text", b"P7 film"):
        assert picture_format(text) is None


def test_names_that_hold_no_colour_are_not_written(tmp_path: Path) -> None:
    names = {"a.PSD": ".tif", "a.pgm": ".ppm", "a.j2k": ".jp2", "a": ".png", "a.DPX": ".DPX"}
    assert {name: written_suffix(Path(name)) for name in names} == names
    (tmp_path / "a.pgm").write_bytes(netpbm(GREY8))
    picture = read_picture(tmp_path / "a.pgm")
    with pytest.raises(OptionError, match=r"cannot be written as \.pgm; name it \.ppm"):
        write_picture(picture, *neutral(picture), tmp_path / "b.pgm", label=LABEL)


@pytest.mark.parametrize("name", EXACT)
def test_a_file_cut_short_is_one_error_or_none(tmp_path: Path, name: str) -> None:
    content = EXACT[name][0]
    path = tmp_path / name
    for stop in (len(content) // 8, len(content) // 2, len(content) * 3 // 4):
        path.write_bytes(content[:stop])
        if name == "a.pcx":  # Pillow takes what there is
            continue
        with pytest.raises(MediaError, match=name):
            read_picture(path)


@pytest.mark.parametrize("kind", ["AVIF", "WEBP", "JPEG2000", "PNG", "JPEG"])
def test_damage_anywhere_is_an_error_of_ours(tmp_path: Path, kind: str) -> None:
    whole = by_pillow(np.random.default_rng(3).integers(0, 256, (24, 32, 3), np.uint8), kind)
    path = tmp_path / "a.picture"
    for start in (*range(0, 200, 4), *range(200, len(whole), 100)):
        path.write_bytes(whole[:start] + bytes(8) + whole[start + 8 :])
        for read in (read_picture, read_still):
            with suppress(MediaError):
                read(path)
