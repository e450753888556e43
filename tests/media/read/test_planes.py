"""Codes out of frames: luma equal code for code, whatever the format packs it into."""

from __future__ import annotations

import numpy as np
import pytest
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from filmcolor.media.pixel_formats import format_name, format_plan
from filmcolor.media.read.planes import PlaneReader
from filmcolor.types import PixelLayout
from tests.helpers import memory
from tests.helpers.clips import Plane, fill_plane, plane_codes

_HEIGHT, _WIDTH = 10, 18
_PACKED = (
    *("nv12", "nv21", "nv16", "nv24", "nv42", "nv20le", "nv20be"),
    *("p010le", "p010be", "p012le", "p016le", "p210le", "p212le", "p216be", "p410le", "p416le"),
    *("yuyv422", "yvyu422", "uyvy422", "y210le", "y212le", "y216le"),
    *("ayuv", "uyva", "vuya", "vuyx", "vyu444", "ayuv64le", "xv30le", "v30xle", "xv36le", "xv48le"),
    *("yuv411p", "yuv410p", "yuv440p", "yuv440p10le", "yuv440p12be"),
    *("yuv420p10be", "yuv444p12be", "yuv422p16be", "yuv444p10msble", "yuv444p12msbbe"),
    *("yuva420p", "yuva444p12le", "ya8", "ya16be", "gray10be", "gray12le"),
)


def _random_codes(bit_depth: int, seed: int = 5) -> Plane:
    codes = np.random.default_rng(seed).integers(0, 1 << bit_depth, (_HEIGHT, _WIDTH))
    return codes.astype(np.uint8) if bit_depth == 8 else codes.astype(np.uint16)


def _planar(layout: PixelLayout, luma: Plane, cb: int, cr: int) -> VideoFrame:
    frame = VideoFrame(_WIDTH, _HEIGHT, format_name(layout))
    fill_plane(frame, 0, luma)
    for at, code in enumerate((cb, cr)[: len(frame.planes) - 1], start=1):
        plane = frame.planes[at]
        fill_plane(frame, at, np.full((plane.height, plane.width), code, luma.dtype))
    return frame


@pytest.mark.parametrize("name", _PACKED)
def test_every_luma_code_survives(name: str) -> None:
    """FFmpeg packs known planes into the format; what is read must be those planes."""
    layout = format_plan(name).layout
    luma = _random_codes(layout.bit_depth)
    cb, cr = 3 << (layout.bit_depth - 3), 6 << (layout.bit_depth - 3)
    packed = _planar(layout, luma, cb, cr).reformat(format=name, threads=1)
    assert packed.format.name == name
    read, chroma = PlaneReader(layout, 1).read(packed, with_chroma=True)
    assert read.dtype == luma.dtype and read.flags.c_contiguous
    np.testing.assert_array_equal(read, luma)
    if layout.chroma == "400":
        assert chroma is None
    else:
        assert chroma is not None
        for plane, code in zip(chroma, (cb, cr), strict=True):
            assert plane.shape == layout.chroma_size(_HEIGHT, _WIDTH)
            assert (plane == code).all()


@pytest.mark.parametrize(
    ("name", "bits"), [("yuv420p9le", 9), ("yuv422p14be", 14), ("gray14le", 14)]
)
def test_depths_between_are_shifted_up(name: str, bits: int) -> None:
    codes = _random_codes(bits)
    frame = VideoFrame(_WIDTH, _HEIGHT, name)
    fill_plane(frame, 0, codes.astype(">u2" if name.endswith("be") else "<u2"))
    layout = format_plan(name).layout
    luma, _ = PlaneReader(layout, 1).read(frame)
    np.testing.assert_array_equal(luma, codes << (layout.bit_depth - bits))


def _rgb_frame(name: str, rgb: Plane) -> VideoFrame:
    """An RGB frame by FFmpeg from packed 8- or 16-bit RGB, shape (height, width, 3)."""
    flat = "rgb24" if rgb.dtype == np.uint8 else "rgb48le"
    frame = VideoFrame(_WIDTH, _HEIGHT, flat)
    fill_plane(frame, 0, rgb.reshape(_HEIGHT, -1))
    return frame if name == flat else frame.reformat(format=name, threads=1)


@pytest.mark.parametrize(
    "name",
    [
        *("rgb24", "bgr24", "rgba", "argb", "abgr", "bgra", "0rgb", "rgb0", "0bgr", "bgr0"),
        *("gbrp", "gbrap", "rgb48le", "rgb48be", "bgr48le", "rgba64le", "bgra64be", "gbrp16le"),
    ],
)
@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_neutral_greys_of_rgb_keep_their_codes(name: str, matrix: int) -> None:
    layout = format_plan(name).layout
    grey = _random_codes(layout.bit_depth)
    frame = _rgb_frame(name, grey[:, :, None].repeat(3, axis=2))
    luma, chroma = PlaneReader(layout, matrix).read(frame, with_chroma=True)
    np.testing.assert_array_equal(luma, grey)
    assert chroma is not None
    half = 1 << (layout.bit_depth - 1)
    assert all((plane == half).all() for plane in chroma)


@pytest.mark.parametrize(
    ("name", "bits"), [("gbrp10le", 10), ("gbrp12be", 12), ("gbrp10msble", 10)]
)
def test_planar_rgb_keeps_its_depth(name: str, bits: int) -> None:
    grey = _random_codes(bits)
    frame = VideoFrame(_WIDTH, _HEIGHT, name)
    stored = grey << (6 if "msb" in name else 0)
    for plane in range(3):
        fill_plane(frame, plane, stored.astype(">u2" if name.endswith("be") else "<u2"))
    luma, _ = PlaneReader(PixelLayout(bits, "444"), 1).read(frame)
    np.testing.assert_array_equal(luma, grey)


@pytest.mark.parametrize(
    ("matrix", "of_red", "of_blue"),
    [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (9, 0.2627, 0.0593)],
)
def test_rgb_becomes_the_ycbcr_of_its_matrix(matrix: int, of_red: float, of_blue: float) -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (_HEIGHT, _WIDTH, 3)).astype(np.uint8)
    luma, chroma = PlaneReader(PixelLayout(8, "444"), matrix).read(
        _rgb_frame("bgra", rgb), with_chroma=True
    )
    red, green, blue = (rgb[:, :, at].astype(np.float64) for at in range(3))
    exact = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    assert np.abs(luma - exact).max() <= 0.501
    assert chroma is not None
    assert np.abs(chroma[0] - (128 + (blue - exact) / (2 - 2 * of_blue)).clip(0, 255)).max() < 0.51
    assert np.abs(chroma[1] - (128 + (red - exact) / (2 - 2 * of_red)).clip(0, 255)).max() < 0.51


@pytest.mark.parametrize(
    "name", ["rgb565le", "bgr565be", "rgb555le", "bgr444le", "rgb8", "bgr4_byte"]
)
def test_narrow_rgb_reaches_black_and_white(name: str) -> None:
    plan = format_plan(name)
    theirs = VideoFormat(name, _WIDTH, _HEIGHT)
    assert [part.bits for part in plan.components] == [part.bits for part in theirs.components]
    word = np.dtype(plan.components[0].word)
    white = sum(((1 << part.bits) - 1) << part.shift for part in plan.components)
    stored = np.zeros((_HEIGHT, _WIDTH), word)
    stored[:, ::2] = white
    frame = VideoFrame(_WIDTH, _HEIGHT, name)
    fill_plane(frame, 0, stored)
    luma, _ = PlaneReader(plan.layout, 1).read(frame)
    assert (luma[:, ::2] == 255).all() and (luma[:, 1::2] == 0).all()


@pytest.mark.parametrize(
    "name",
    ["rgb565le", "bgr565be", "rgb555be", "bgr444le", "rgb8", "bgr8", "rgb4_byte", "bgr4_byte"],
)
def test_narrow_rgb_has_ffmpegs_order(name: str) -> None:
    """A word with one field set is that colour to FFmpeg, and its luma is that colour's."""
    plan = format_plan(name)
    for at, code in enumerate((76, 150, 29)):  # 255 times the weights of BT.601
        part = plan.components[at]
        word = np.full((_HEIGHT, _WIDTH), ((1 << part.bits) - 1) << part.shift, part.word)
        frame = VideoFrame(_WIDTH, _HEIGHT, name)
        fill_plane(frame, 0, word)
        luma, _ = PlaneReader(plan.layout, 6).read(frame)
        assert (luma == code).all()
        theirs = plane_codes(frame.reformat(format="gbrp", threads=1), (2, 0, 1)[at])
        others = plane_codes(frame.reformat(format="gbrp", threads=1), (0, 1, 2)[at])
        assert theirs.min() > 180 and others.max() < 60


def test_ten_bit_packed_rgb() -> None:
    grey = _random_codes(10).astype(np.uint32)
    frame = VideoFrame(_WIDTH, _HEIGHT, "x2rgb10le")
    fill_plane(frame, 0, (grey << 20 | grey << 10 | grey).astype("<u4"))
    luma, _ = PlaneReader(PixelLayout(10, "444"), 1).read(frame)
    np.testing.assert_array_equal(luma, grey)


def test_a_palette_is_looked_up() -> None:
    indices = _random_codes(8)
    greys = np.random.default_rng(3).permutation(256).astype(np.uint32)
    frame = VideoFrame(_WIDTH, _HEIGHT, "pal8")
    fill_plane(frame, 0, indices)
    frame.planes[1].update((0xFF000000 | greys << 16 | greys << 8 | greys).astype("=u4").tobytes())
    luma, chroma = PlaneReader(PixelLayout(8, "444"), 6).read(frame, with_chroma=True)
    np.testing.assert_array_equal(luma, greys[indices])
    assert chroma is not None and (chroma[0] == 128).all() and (chroma[1] == 128).all()


@pytest.mark.parametrize(("name", "set_bit"), [("monow", 0), ("monob", 255)])
def test_single_bits_become_black_and_white(name: str, set_bit: int) -> None:
    bits = np.random.default_rng(4).integers(0, 2, (_HEIGHT, _WIDTH)).astype(np.uint8)
    frame = VideoFrame(_WIDTH, _HEIGHT, name)
    fill_plane(frame, 0, np.packbits(bits, axis=1))
    luma, _ = PlaneReader(PixelLayout(8, "400"), 6).read(frame)
    np.testing.assert_array_equal(luma, np.where(bits == 1, set_bit, 255 - set_bit))


@pytest.mark.parametrize(("name", "word"), [("grayf32le", "<f4"), ("grayf16be", ">f2")])
def test_floating_point_grey_is_rounded_to_16_bit(name: str, word: str) -> None:
    values: NDArray[np.float64] = np.linspace(-0.1, 1.1, _HEIGHT * _WIDTH)
    stored = values.reshape(_HEIGHT, _WIDTH).astype(word)
    frame = VideoFrame(_WIDTH, _HEIGHT, name)
    fill_plane(frame, 0, stored)
    luma, _ = PlaneReader(PixelLayout(16, "400"), 6).read(frame)
    expected = np.rint(np.clip(stored.astype(np.float64), 0, 1) * 65535)
    assert np.abs(luma.astype(np.float64) - expected).max() <= 1
    assert luma.min() == 0 and luma.max() == 65535


def test_what_is_read_is_a_copy() -> None:
    luma = _random_codes(8)
    frame = _planar(PixelLayout(8, "420"), luma, 128, 128)
    read, _ = PlaneReader(PixelLayout(8, "420"), 1).read(frame)
    fill_plane(frame, 0, np.zeros_like(luma))
    np.testing.assert_array_equal(read, luma)


def test_another_layout_is_refused() -> None:
    frame = VideoFrame(_WIDTH, _HEIGHT, "yuv422p")
    with pytest.raises(ValueError, match="yuv422p"):
        PlaneReader(PixelLayout(8, "420"), 1).read(frame)


def test_camera_raw_goes_through_the_converter() -> None:
    frame = VideoFrame(_WIDTH, _HEIGHT, "bayer_rggb8")
    fill_plane(frame, 0, np.full((_HEIGHT, _WIDTH), 90, np.uint8))
    luma, _ = PlaneReader(PixelLayout(8, "444"), 6).read(frame)
    assert luma.shape == (_HEIGHT, _WIDTH) and (luma == 90).all()


def test_the_converter_leaves_nothing_behind() -> None:
    frame = VideoFrame(320, 240, "bayer_rggb8")
    fill_plane(frame, 0, np.full((240, 320), 90, np.uint8))
    reader = PlaneReader(PixelLayout(8, "444"), 6)

    def convert(passes: int) -> None:
        for _ in range(passes):
            reader.read(frame, with_chroma=True)

    convert(20)
    before = memory.forget_peak()
    convert(300)
    assert memory.peak() - before < 8 << 20  # 300 RGB frames would be 69 MiB
