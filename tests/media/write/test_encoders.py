"""The encoder table against the FFmpeg that is installed, and the choices drawn from it."""

from __future__ import annotations

from fractions import Fraction
from typing import get_args

import av
import pytest

from filmcolor.errors import OptionError
from filmcolor.media.write.encoder_settings import (
    EncoderSettings,
    encoder_options,
    gop_frames,
    settle_layout,
)
from filmcolor.media.write.encoders import ENCODERS, available_formats, find_encoder
from filmcolor.options import Codec, EncodeOptions
from filmcolor.options.encode import SHORT_NAMES
from filmcolor.types import Chroma, ColorTags, PixelLayout

BITS_8 = PixelLayout(8, "420")
SOFTWARE: list[Codec] = ["libx264", "libx265", "libsvtav1", "prores", "dnxhr", "ffv1"]


def settings(codec: Codec, layout: PixelLayout, width: int, height: int) -> EncoderSettings:
    encoder = ENCODERS[codec]
    return EncoderSettings(
        encoder=encoder,
        pixel_format=encoder.formats[layout],
        width=width,
        height=height,
        time_base=Fraction(1, 24000),
        rate=Fraction(24),
        tags=ColorTags(),
        options=encoder_options(encoder, EncodeOptions(codec=codec), layout, "left"),
    )


def wide(codec: Codec, width: int, height: int) -> tuple[int, int]:
    """The size, or one larger by even numbers that the encoder takes."""
    encoder = ENCODERS[codec]
    least = max(0, encoder.least_width - 64), max(0, encoder.smallest - 64)
    return width + least[0], height + least[1]


def test_the_table_has_every_codec_of_the_options() -> None:
    assert set(ENCODERS) == set(get_args(Codec)) - set(SHORT_NAMES)
    assert all(entry.codec == name for name, entry in ENCODERS.items())


def test_every_software_encoder_is_tried() -> None:
    assert set(SOFTWARE) == {codec for codec in ENCODERS if not codec.endswith("_nvenc")}


def test_codecs_have_short_names() -> None:
    named = {name: EncodeOptions(codec=name).codec for name in SHORT_NAMES}
    libraries = {"h264": "libx264", "h265": "libx265", "hevc": "libx265", "av1": "libsvtav1"}
    assert named == libraries
    assert EncodeOptions(codec="hevc") == EncodeOptions(codec="libx265")


@pytest.mark.parametrize("codec", SOFTWARE)
def test_the_table_promises_what_the_build_takes(codec: Codec) -> None:
    encoder = ENCODERS[codec]
    assert set(encoder.formats.values()) <= available_formats(encoder.library)
    for layout, name in encoder.formats.items():
        description = av.VideoFormat(name, 64, 64)
        assert {component.bits for component in description.components} == {layout.bit_depth}
        assert description.chroma_width(64) == layout.chroma_size(64, 64)[1]
        assert description.chroma_height(64) == layout.chroma_size(64, 64)[0]


@pytest.mark.parametrize("codec", ["h264_nvenc", "hevc_nvenc", "av1_nvenc"])
def test_nvenc_formats_exist_where_the_build_has_nvenc(codec: Codec) -> None:
    offered = available_formats(ENCODERS[codec].library)
    if not offered:
        pytest.skip("this build has no NVENC")
    assert set(ENCODERS[codec].formats.values()) <= offered


@pytest.mark.parametrize("codec", SOFTWARE)
def test_no_planar_format_of_the_build_is_left_out(codec: Codec) -> None:
    encoder = ENCODERS[codec]
    chromas: tuple[Chroma, ...] = ("420", "422", "444")
    able = {
        PixelLayout(depth, chroma)
        for depth in (8, 10, 12, 16)
        for chroma in chromas
        if f"yuv{chroma}p{'' if depth == 8 else f'{depth}le'}" in available_formats(encoder.library)
    }
    assert able == set(encoder.formats)


@pytest.mark.parametrize("codec", SOFTWARE)
def test_every_layout_of_the_table_opens(codec: Codec) -> None:
    for layout in ENCODERS[codec].formats:
        settings(codec, layout, *wide(codec, 64, 64)).check()


@pytest.mark.parametrize("codec", SOFTWARE)
@pytest.mark.parametrize(("width", "height"), [(65, 64), (64, 65), (65, 65)])
def test_odd_sizes_open_exactly_where_the_table_says(codec: Codec, width: int, height: int) -> None:
    encoder = ENCODERS[codec]
    width, height = wide(codec, width, height)
    for layout in encoder.formats:
        down, across = layout.subsampling
        fits = not encoder.needs_even_size or (width % across == 0 and height % down == 0)
        if fits:
            settings(codec, layout, width, height).check()
        else:
            with pytest.raises(OptionError):
                settings(codec, layout, width, height).check()


@pytest.mark.parametrize("codec", SOFTWARE)
def test_smallest_size_opens(codec: Codec) -> None:
    encoder = ENCODERS[codec]
    smallest, width = encoder.smallest, max(encoder.smallest, encoder.least_width)
    layout, _ = settle_layout(encoder, BITS_8, width, smallest)
    settings(codec, layout, width, smallest).check()


CHOICES: list[tuple[Codec, PixelLayout, tuple[int, int], PixelLayout]] = [
    ("libx264", PixelLayout(8, "400"), (64, 48), PixelLayout(8, "420")),
    ("libx264", PixelLayout(10, "400"), (64, 48), PixelLayout(10, "420")),
    ("libx264", PixelLayout(10, "422"), (64, 48), PixelLayout(10, "422")),
    ("libx265", PixelLayout(12, "444"), (64, 48), PixelLayout(12, "444")),
    ("prores", PixelLayout(8, "420"), (64, 48), PixelLayout(10, "422")),
    ("prores", PixelLayout(8, "444"), (64, 48), PixelLayout(10, "444")),
    ("ffv1", PixelLayout(16, "422"), (63, 47), PixelLayout(16, "422")),
    ("libsvtav1", PixelLayout(8, "420"), (63, 47), PixelLayout(8, "420")),
    ("libx264", PixelLayout(8, "420"), (63, 48), PixelLayout(8, "444")),
    ("libx264", PixelLayout(10, "400"), (63, 47), PixelLayout(10, "444")),
    ("libx265", PixelLayout(8, "420"), (64, 47), PixelLayout(8, "422")),
]


@pytest.mark.parametrize(("codec", "source", "size", "expected"), CHOICES)
def test_layout_loses_nothing(
    codec: Codec, source: PixelLayout, size: tuple[int, int], expected: PixelLayout
) -> None:
    layout, notices = settle_layout(ENCODERS[codec], source, *size)
    assert layout == expected
    assert not any(notice.warning for notice in notices)
    assert len(notices) == (layout != source.colored)
    assert all("loses nothing" in notice.text for notice in notices)


@pytest.mark.parametrize(
    ("codec", "source", "expected", "keeper"),
    [
        ("libx264", PixelLayout(12, "420"), PixelLayout(10, "420"), "libx265 or ffv1"),
        ("libx265", PixelLayout(16, "444"), PixelLayout(12, "444"), "--codec ffv1 keeps"),
        ("prores", PixelLayout(12, "400"), PixelLayout(10, "422"), "libx265 or ffv1"),
    ],
)
def test_lost_depth_is_a_warning_that_names_the_way_out(
    codec: Codec, source: PixelLayout, expected: PixelLayout, keeper: str
) -> None:
    layout, notices = settle_layout(ENCODERS[codec], source, 64, 48)
    assert layout == expected
    assert [notice.warning for notice in notices] == [True]
    assert keeper in notices[0].text


def test_coarser_colour_is_said() -> None:
    layout, notices = settle_layout(ENCODERS["libsvtav1"], PixelLayout(10, "444"), 64, 48)
    assert layout == PixelLayout(10, "420")
    assert "luma is kept whole" in notices[0].text


def test_too_small_names_ffv1() -> None:
    with pytest.raises(OptionError, match="ffv1"):
        settle_layout(ENCODERS["libx265"], BITS_8, 8, 8)


def test_gop_is_two_seconds() -> None:
    assert [gop_frames(Fraction(rate)) for rate in (24, 1, Fraction(30000, 1001))] == [48, 2, 60]
    assert gop_frames(Fraction(1, 10)) == 1
    assert gop_frames(None) == 48


def test_defaults_come_from_the_table() -> None:
    x264 = encoder_options(ENCODERS["libx264"], EncodeOptions(), BITS_8, "left")
    assert (x264["crf"], x264["preset"]) == ("18", "faster")
    assert "open-gop=0" in x264["x264-params"]
    assert x264["forced-idr"] == "1"
    assert "chroma_sample_location" not in x264
    prores = encoder_options(
        ENCODERS["prores"], EncodeOptions(codec="prores"), PixelLayout(10, "422"), "left"
    )
    assert prores["profile"] == "hq"
    av1 = encoder_options(
        ENCODERS["libsvtav1"], EncodeOptions(codec="libsvtav1", crf=40.5), BITS_8, "center"
    )
    assert av1 == {"crf": "40.5", "preset": "8"}


def test_large_pictures_have_a_quicker_default() -> None:
    def chosen(options: EncodeOptions, pixels: int) -> tuple[str, bool]:
        found = encoder_options(ENCODERS[options.codec], options, BITS_8, "left", pixels=pixels)
        return found["preset"], "trellis=1" in found.get("x264-params", "")

    assert chosen(EncodeOptions(), 1280 * 720 - 1) == ("faster", False)
    assert chosen(EncodeOptions(), 1280 * 720) == ("superfast", True)
    assert chosen(EncodeOptions(preset="slow"), 1920 * 1080) == ("slow", False)
    assert chosen(EncodeOptions(lossless=True), 1920 * 1080) == ("faster", False)
    assert chosen(EncodeOptions(codec="libx265"), 1920 * 1080) == ("medium", False)


def test_small_pictures_take_one_thread_of_svt_av1() -> None:
    def chosen(pixels: int) -> str | None:
        options = EncodeOptions(codec="libsvtav1")
        found = encoder_options(ENCODERS["libsvtav1"], options, BITS_8, "left", pixels=pixels)
        return found.get("svtav1-params")

    assert (chosen(64 * 48), chosen(256 * 256 - 1)) == ("lp=1", "lp=1")
    assert (chosen(256 * 256), chosen(1920 * 1080)) == (None, None)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "ffv1"])
def test_lossless_is_never_a_crf(codec: Codec) -> None:
    chosen = encoder_options(
        ENCODERS[codec], EncodeOptions(codec=codec, lossless=True), PixelLayout(10, "420"), "left"
    )
    assert "crf" not in chosen
    assert chosen.get("qp") == ("0" if codec == "libx264" else None)
    assert ("lossless=1" in chosen.get("x265-params", "")) == (codec == "libx265")


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (EncodeOptions(codec="libsvtav1", lossless=True), "libx264, libx265 or ffv1"),
        (EncodeOptions(codec="prores", lossless=True), "ffv1"),
        (EncodeOptions(codec="prores", crf=10), "--preset"),
        (EncodeOptions(codec="ffv1", crf=10), "always lossless"),
        (EncodeOptions(codec="libx264", crf=52), "0 to 51"),
        (EncodeOptions(codec="libsvtav1", crf=0), "1 to 63"),
        (EncodeOptions(codec="libx264", preset="p5"), "ultrafast"),
        (EncodeOptions(codec="libsvtav1", preset="slow"), "0, 1, 2"),
        (EncodeOptions(codec="libsvtav1", preset="12"), "knows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"),
        (EncodeOptions(codec="ffv1", preset="slow"), "no presets"),
        (EncodeOptions(codec="prores", preset="4444"), "proxy, lt, standard or hq"),
    ],
)
def test_settings_an_encoder_lacks_are_refused(choice: EncodeOptions, words: str) -> None:
    encoder = ENCODERS[choice.codec]
    layout = PixelLayout(10, "422") if choice.codec == "prores" else BITS_8
    with pytest.raises(OptionError) as caught:
        encoder_options(encoder, choice, layout, "left")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_and_missing_encoders_name_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="libx264, libx265"):
        find_encoder("mpeg2video")
    monkeypatch.setattr(
        "filmcolor.media.write.encoders.available_formats",
        lambda library: frozenset() if library == "libx265" else frozenset({"yuv420p"}),
    )
    with pytest.raises(OptionError, match="no encoder libx265; choose one of libx264"):
        find_encoder("libx265")


def test_nvenc_without_a_gpu_names_the_software_encoders() -> None:
    if not available_formats("h264_nvenc"):
        pytest.skip("this build has no NVENC")
    try:
        settings("h264_nvenc", BITS_8, 256, 256).check()
    except OptionError as error:
        assert "libx264, libx265 or libsvtav1" in str(error)
        assert "\n" not in str(error)
