"""The table of pixel formats, against FFmpeg's own description of them."""

from __future__ import annotations

import pytest
from av.video.format import VideoFormat, names  # type: ignore[attr-defined]

from filmcolor.errors import MediaError
from filmcolor.media.pixel_formats import format_name, format_plan, working_format
from filmcolor.types import PixelLayout

_SURFACES = {
    *("vaapi", "dxva2_vld", "vdpau", "qsv", "mmal", "d3d11va_vld", "cuda", "videotoolbox_vld"),
    *("mediacodec", "d3d11", "drm_prime", "opencl", "vulkan", "d3d12", "amf", "ohcodec"),
}
_NO_DECODER = {"uyyvyy411", "rgb4", "bgr4"}
_READABLE = sorted(set(names) - _SURFACES - _NO_DECODER)


@pytest.mark.parametrize("name", _READABLE)
def test_no_format_loses_depth_or_chroma_grid(name: str) -> None:
    theirs = VideoFormat(name, 64, 64)
    layout, full_range, _ = working_format(name)
    plan = format_plan(name)
    if theirs.has_palette or plan.model == "bits":
        assert layout.bit_depth == 8 and full_range is True
        return
    assert layout.bit_depth >= min(16, max(part.bits for part in theirs.components))
    if theirs.is_rgb or theirs.is_bayer or name.startswith("xyz"):
        assert layout.chroma == "444" and full_range is True
    elif len(theirs.components) < 3:
        assert layout.chroma == "400"
    else:
        height, width = layout.chroma_size(64, 64)
        assert height >= theirs.chroma_height() and width >= theirs.chroma_width()
        assert full_range is (True if name.startswith("yuvj") else None)


@pytest.mark.parametrize("name", _READABLE)
def test_components_lie_where_ffmpeg_says(name: str) -> None:
    theirs = VideoFormat(name, 64, 64)
    plan = format_plan(name)
    if plan.via is not None or plan.model in ("palette", "bits"):
        return
    expected = [(part.plane, min(16, part.bits)) for part in theirs.components]
    assert [(part.plane, part.bits) for part in plan.components] == expected[: len(plan.components)]
    assert len(plan.components) == (1 if len(expected) < 3 else 3)


@pytest.mark.parametrize("name", sorted(_SURFACES | _NO_DECODER))
def test_what_holds_no_picture_is_refused(name: str) -> None:
    with pytest.raises(MediaError, match=name):
        working_format(name)


@pytest.mark.parametrize(
    ("name", "bit_depth", "chroma"),
    [
        ("yuv420p", 8, "420"),
        ("yuvj422p", 8, "422"),
        ("yuv444p", 8, "444"),
        ("yuv420p10le", 10, "420"),
        ("yuv422p10be", 10, "422"),
        ("yuv444p12le", 12, "444"),
        ("yuv420p16le", 16, "420"),
        ("gray", 8, "400"),
        ("gray10le", 10, "400"),
        ("gray16be", 16, "400"),
    ],
)
def test_planes_taken_as_they_are_need_no_words(name: str, bit_depth: int, chroma: str) -> None:
    layout, _, conversion = working_format(name)
    assert (layout.bit_depth, layout.chroma) == (bit_depth, chroma)
    assert conversion is None


@pytest.mark.parametrize(
    ("name", "bit_depth", "chroma", "word"),
    [
        ("nv12", 8, "420", "unchanged"),
        ("p010le", 10, "420", "unchanged"),
        ("y210le", 10, "422", "unchanged"),
        ("yuyv422", 8, "422", "unchanged"),
        ("yuv411p", 8, "422", "unchanged"),
        ("yuv410p", 8, "420", "unchanged"),
        ("yuv440p", 8, "444", "unchanged"),
        ("yuv420p9le", 10, "420", "9 bits"),
        ("yuv422p14le", 16, "422", "14 bits"),
        ("yuva444p10le", 10, "444", "alpha"),
        ("ya8", 8, "400", "alpha"),
        ("rgb24", 8, "444", "neutral greys"),
        ("gbrp12le", 12, "444", "neutral greys"),
        ("pal8", 8, "444", "neutral greys"),
        ("monow", 8, "400", "0 and 255"),
        ("grayf32le", 16, "400", "rounded"),
        ("bayer_rggb8", 8, "444", "converted"),
    ],
)
def test_a_conversion_is_said_in_one_line(
    name: str, bit_depth: int, chroma: str, word: str
) -> None:
    layout, _, conversion = working_format(name)
    assert (layout.bit_depth, layout.chroma) == (bit_depth, chroma)
    assert conversion is not None and name in conversion and word in conversion
    assert "\n" not in conversion


def test_format_names_are_ffmpegs() -> None:
    for depth in (8, 10, 12, 16):
        for chroma in ("400", "420", "422", "444"):
            layout = PixelLayout(depth, chroma)
            name = format_name(layout)
            assert name in names
            assert working_format(name) == (layout, None, None)
