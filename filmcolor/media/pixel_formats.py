"""FFmpeg's pixel formats, and the few layouts filmcolor works in.

A table only: it says for every format that FFmpeg decodes which layout loses neither depth nor luma
detail, and where in the planes each component's codes lie. It touches no frame (see `planes`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from filmcolor.errors import MediaError
from filmcolor.types import Chroma, PixelLayout

Model = Literal["ycbcr", "rgb", "palette", "bits"]
"""What the components are: luma and chroma, red-green-blue, indices into a palette, single bits."""


@dataclass(frozen=True, slots=True)
class Component:
    """Where the codes of one component lie: word `first` of every `step` words of a plane's row."""

    plane: int
    word: str
    """NumPy type of a word with its byte order: "u1", "<u2", ">u4", "<f4" (1.0 is white)."""
    step: int = 1
    first: int = 0
    shift: int = 0
    """Bits to the right of the code inside its word."""
    bits: int = 8
    alone: bool = True
    """Whether the word holds nothing else, so that no mask is needed."""


@dataclass(frozen=True, slots=True)
class FormatPlan:
    """How the planes of one pixel format become those of a layout."""

    layout: PixelLayout
    model: Model
    components: tuple[Component, ...]
    """Y, Cb, Cr, or R, G, B; Y alone for grey."""
    grid: tuple[int, int] = (1, 1)
    """Luma samples per chroma sample in the source, (vertical, horizontal)."""
    full_range: bool | None = None
    """What the format itself says of the range; None leaves it to the stream's tag."""
    conversion: str | None = None
    """One line for people when the planes are not taken as they are."""
    via: str | None = None
    """Format that libswscale makes first, for the rare ones not read here."""


_DEPTHS = {8: 8, 9: 10, 10: 10, 12: 12, 14: 16, 16: 16}
_GRIDS: dict[str, tuple[tuple[int, int], Chroma]] = {
    "444": ((1, 1), "444"),
    "422": ((1, 2), "422"),
    "420": ((2, 2), "420"),
    "440": ((2, 1), "444"),
    "411": ((1, 4), "422"),
    "410": ((4, 4), "420"),
}
_PLANAR = re.compile(r"yuv(?P<tail>[aj]?)(?P<grid>4\d\d)p(?P<bits>\d*)(?P<msb>msb)?(?P<end>le|be)?")
_GREY = re.compile(r"(?P<kind>gray|ya)(?P<bits>\d*)(?P<end>le|be)?")
_GBR = re.compile(r"gbr(?P<alpha>a?)p(?P<bits>\d*)(?P<msb>msb)?(?P<end>le|be)?")
_SEMI = re.compile(r"(?P<kind>nv|p)(?P<digits>\d\d\d?)(?P<end>le|be)?")
_PACKED_RGB = re.compile(r"(?P<order>[argb0]{3,4})(?P<bits>24|48|64)?(?P<end>le|be)?")
_SMALL_RGB = re.compile(r"(?P<order>rgb|bgr)(?P<bits>565|555|444)(?P<end>le|be)")
_TEN_RGB = re.compile(r"x2(?P<order>rgb|bgr)10(?P<end>le|be)")
_WIDE = re.compile(r"(?P<kind>gray|ya|gbra?p|rgba?)(?P<number>f16|f32|32|96|128)(?P<end>le|be)")
_PAIRS = re.compile(r"y2(?P<bits>10|12|16)(?P<end>le|be)")

_NV = {"12": ("420", 8, 0), "21": ("420", 8, 1), "16": ("422", 8, 0), "20": ("422", 10, 0)}
_NV |= {"24": ("444", 8, 0), "42": ("444", 8, 1)}
_P_GRID = {"0": "420", "2": "422", "4": "444"}

# Packed Y'CbCr as the order of its words; other letters stand for alpha or nothing.
_YUV_WORDS: dict[str, tuple[str, int, int]] = {
    "ayuv": ("ayuv", 8, 0),
    "uyva": ("uyva", 8, 0),
    "vuya": ("vuya", 8, 0),
    "vuyx": ("vuyx", 8, 0),
    "vyu444": ("vyu", 8, 0),
    "ayuv64": ("ayuv", 16, 0),
    "xv36": ("uyvx", 12, 4),
    "xv48": ("uyvx", 16, 0),
}
# Packed Y'CbCr in one 32-bit word: right shift of Y, Cb, Cr.
_YUV_BITS = {"xv30": (10, 0, 20), "v30x": (12, 2, 22)}
_YUV_PAIRS = {"yuyv422": (0, 1, 3), "yvyu422": (0, 3, 1), "uyvy422": (1, 0, 2)}

# RGB as bit fields in one byte.
_BYTE_RGB = {"rgb8": (3, 3, 2), "bgr8": (2, 3, 3), "rgb4_byte": (1, 2, 1), "bgr4_byte": (1, 2, 1)}

# Read through libswscale, which makes this of them.
_VIA = re.compile(r"(?P<kind>bayer_[a-z]{4}|xyz)(?P<bits>8|12|16)(le|be)?")


def format_name(layout: PixelLayout) -> str:
    """FFmpeg's name of the planar format with this layout, such as "yuv420p10le" or "gray".

    The range is not part of the name (the "yuvj" names are deprecated): it belongs into the tags.
    """
    name = "gray" if layout.chroma == "400" else f"yuv{layout.chroma}p"
    return name if layout.bit_depth == 8 else f"{name}{layout.bit_depth}le"


def working_format(ffmpeg_name: str) -> tuple[PixelLayout, bool | None, str | None]:
    """Layout a pixel format is delivered in, the range it forces, and what to say about it.

    The range is True (full) where the format itself decides it (yuvj*, RGB, palette, single bits)
    and None where the stream's tag does. The text is None when the planes are taken as they are.
    Raises `MediaError` for formats that hold no picture in memory (hardware surfaces).
    """
    plan = format_plan(ffmpeg_name)
    return plan.layout, plan.full_range, plan.conversion


@cache
def format_plan(name: str) -> FormatPlan:
    """How the planes of the pixel format `name` are read; `MediaError` if it cannot be."""
    for read in (_planar, _semi_planar, _packed_ycbcr, _rgb, _wide, _rare):
        plan = read(name)
        if plan is not None:
            return plan
    raise MediaError(f"pixel format {name} cannot be read: convert the film to yuv420p first")


def _word(bits: int, end: str | None) -> str:
    """NumPy type of the word that holds a code of `bits` bits."""
    return "u1" if bits <= 8 else f"{'>' if end == 'be' else '<'}u2"


def describe_layout(layout: PixelLayout) -> str:
    """For people: "10-bit 4:2:2"."""
    grid = "grey" if layout.chroma == "400" else ":".join(layout.chroma)
    return f"{layout.bit_depth}-bit {grid}"


def _luma_kept(name: str, layout: PixelLayout, extra: str = "the luma is unchanged") -> str:
    return f"pixel format {name} is taken as {describe_layout(layout)}; {extra}"


def _planar(name: str) -> FormatPlan | None:
    """Y'CbCr in three planes, grey, with or without alpha."""
    if match := _GREY.fullmatch(name):
        bits = int(match["bits"] or 8)
        if bits not in _DEPTHS:
            return None
        layout = PixelLayout(_DEPTHS[bits], "400")
        step = 2 if match["kind"] == "ya" else 1
        luma = Component(0, _word(bits, match["end"]), step=step, bits=bits)
        text = _planar_text(name, layout, bits, has_alpha=step == 2)
        return FormatPlan(layout, "ycbcr", (luma,), conversion=text)
    if (match := _PLANAR.fullmatch(name)) is None:
        return None
    bits = int(match["bits"] or 8)
    grid, chroma = _GRIDS[match["grid"]]
    layout = PixelLayout(_DEPTHS[bits], chroma)
    shift = 16 - bits if match["msb"] else 0
    word = _word(bits, match["end"])
    planes = tuple(Component(plane, word, shift=shift, bits=bits) for plane in range(3))
    text = _planar_text(name, layout, bits, has_alpha=match["tail"] == "a")
    if text is None and (layout.chroma != match["grid"] or shift):
        text = _luma_kept(name, layout)
    full_range = True if match["tail"] == "j" else None
    return FormatPlan(layout, "ycbcr", planes, grid, full_range, text)


def _planar_text(name: str, layout: PixelLayout, bits: int, *, has_alpha: bool) -> str | None:
    if has_alpha:
        return _luma_kept(name, layout, "its alpha channel is left out")
    if bits != layout.bit_depth:
        return _luma_kept(name, layout, f"its codes are shifted up from {bits} bits")
    return None


def _semi_planar(name: str) -> FormatPlan | None:
    """Luma in one plane, Cb and Cr side by side in another."""
    match = _SEMI.fullmatch(name)
    if match is None:
        return None
    digits = match["digits"]
    if match["kind"] == "nv":
        if digits not in _NV:
            return None
        grid_name, bits, swapped = _NV[digits]
        shift = 0
    else:
        grid_name, bits, swapped = _P_GRID[digits[0]], int(digits[1:]), 0
        shift = 16 - bits
    grid, chroma = _GRIDS[grid_name]
    layout = PixelLayout(bits, chroma)
    word = _word(bits, match["end"])
    components = (
        Component(0, word, shift=shift, bits=bits),
        Component(1, word, step=2, first=swapped, shift=shift, bits=bits),
        Component(1, word, step=2, first=1 - swapped, shift=shift, bits=bits),
    )
    return FormatPlan(layout, "ycbcr", components, grid, conversion=_luma_kept(name, layout))


def _packed_ycbcr(name: str) -> FormatPlan | None:
    """Y, Cb and Cr of a pixel, or of two, side by side in one plane."""
    stem = name[:-2] if name.endswith(("le", "be")) else name
    end = name[-2:]
    grid = (1, 1)
    if stem in _YUV_WORDS:
        order, bits, shift = _YUV_WORDS[stem]
        word = _word(bits, end)
        components = tuple(
            Component(0, word, len(order), order.index(letter), shift, bits) for letter in "yuv"
        )
    elif stem in _YUV_BITS:
        bits = 10
        word = ">u4" if end == "be" else "<u4"
        components = tuple(
            Component(0, word, shift=at, bits=bits, alone=False) for at in _YUV_BITS[stem]
        )
    elif (match := _PAIRS.fullmatch(name)) or name in _YUV_PAIRS:
        bits = int(match["bits"]) if match else 8
        places = (0, 1, 3) if match else _YUV_PAIRS[name]
        word, grid = _word(bits, end), (1, 2)
        shift = 16 - bits if match else 0
        components = tuple(
            Component(0, word, step, at, shift, bits)
            for step, at in zip((2, 4, 4), places, strict=True)
        )
    else:
        return None
    layout = PixelLayout(bits, "444" if grid == (1, 1) else "422")
    return FormatPlan(layout, "ycbcr", components, grid, conversion=_luma_kept(name, layout))


def _rgb(name: str) -> FormatPlan | None:
    """Red, green, blue in planes, words or bit fields; palettes; single bits."""
    model: Model = "rgb"
    components: tuple[Component, ...]
    if name in ("monow", "monob"):
        layout = PixelLayout(8, "400")
        text = f"pixel format {name} is taken as 8-bit grey; its bits become codes 0 and 255"
        return FormatPlan(layout, "bits", (Component(0, "u1"),), (1, 1), True, text)
    if name == "pal8":
        model, components, depth = "palette", (Component(0, "u1"),), 8
    elif match := _GBR.fullmatch(name):
        bits = int(match["bits"] or 8)
        if bits not in _DEPTHS:
            return None
        depth = _DEPTHS[bits]
        shift = 16 - bits if match["msb"] else 0
        word = _word(bits, match["end"])
        components = tuple(Component(plane, word, shift=shift, bits=bits) for plane in (2, 0, 1))
    elif match := _SMALL_RGB.fullmatch(name):
        depth, word = 8, ">u2" if match["end"] == "be" else "<u2"
        components = _fields(match["order"], tuple(map(int, match["bits"])), word)
    elif name in _BYTE_RGB:
        depth = 8
        components = _fields(name[:3], _BYTE_RGB[name], "u1")
    elif match := _TEN_RGB.fullmatch(name):
        depth, word = 10, ">u4" if match["end"] == "be" else "<u4"
        components = _fields(match["order"], (10, 10, 10), word)
    elif (match := _PACKED_RGB.fullmatch(name)) and set("rgb") <= set(match["order"]):
        order = match["order"]
        depth = 16 if match["bits"] in ("48", "64") else 8
        word = _word(depth, match["end"])
        components = tuple(
            Component(0, word, len(order), order.index(letter), bits=depth) for letter in "rgb"
        )
    else:
        return None
    layout = PixelLayout(depth, "444")
    text = (
        f"pixel format {name} is turned into full-range {describe_layout(layout)} Y'CbCr; "
        "neutral greys keep their codes"
    )
    return FormatPlan(layout, model, components, (1, 1), True, text)


def _fields(order: str, widths: tuple[int, ...], word: str) -> tuple[Component, ...]:
    """R, G, B as bit fields of one word; `order` names them from the most significant down."""
    return tuple(
        Component(0, word, shift=sum(widths[at + 1 :]), bits=widths[at], alone=False)
        for at in map(order.index, "rgb")
    )


def _wide(name: str) -> FormatPlan | None:
    """Grey and RGB of 16 or 32 bit floating point and of 32-bit integers: taken as 16 bit."""
    match = _WIDE.fullmatch(name)
    if match is None:
        return None
    kind, number = match["kind"], match["number"]
    size = 2 if number == "f16" else 4
    word = f"{'>' if match['end'] == 'be' else '<'}{'f' if number[0] == 'f' else 'u'}{size}"
    shift = 0 if number[0] == "f" else 16
    if kind in ("gray", "ya"):
        layout = PixelLayout(16, "400")
        places = [(0, 2 if kind == "ya" else 1, 0)]
    elif kind.startswith("gbr"):
        layout, places = PixelLayout(16, "444"), [(plane, 1, 0) for plane in (2, 0, 1)]
    else:
        layout, places = PixelLayout(16, "444"), [(0, len(kind), at) for at in range(3)]
    components = tuple(
        Component(plane, word, step, first, shift, 16) for plane, step, first in places
    )
    model: Model = "ycbcr" if layout.chroma == "400" else "rgb"
    text = f"pixel format {name} is rounded to full-range {describe_layout(layout)}"
    return FormatPlan(layout, model, components, (1, 1), True, text)


def _rare(name: str) -> FormatPlan | None:
    """Formats that libswscale turns into one of those above: camera raw, digital cinema."""
    match = _VIA.fullmatch(name)
    if match is None:
        return None
    via = "rgb24" if match["bits"] == "8" else "rgb48le"
    plan = format_plan(via)
    text = f"pixel format {name} is converted to full-range {describe_layout(plan.layout)} Y'CbCr"
    return replace(plan, conversion=text, via=via)
