"""Samples of TIFF files that Pillow does not decode, or not at their depth: plane by plane or grey
with alpha in 16 bit, CIELAB, and R'G'B' in floating point (TIFF 6.0).
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import PIL._imaging
from numpy.typing import NDArray

from filmcolor.errors import MediaError
from filmcolor.media.images.decoded import Decoded, decoded
from filmcolor.media.images.exif_directory import (
    LONG,
    SHORT,
    Directory,
    Entry,
    laid_out,
    layout_and_start,
)
from filmcolor.media.images.picture import Codes
from filmcolor.media.images.tiff import Page, first_page, is_whole

_WIDTH, _HEIGHT, _BITS, _COMPRESSION = 256, 257, 258, 259
_PHOTOMETRIC, _FILL_ORDER, _OFFSETS, _SAMPLES = 262, 266, 273, 277
_ROWS, _SIZES, _PLANAR, _PREDICTOR = 278, 279, 284, 317
_TILE_OFFSETS, _EXTRA, _FORMAT = 324, 338, 339
_OF_PIXELS = (
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _OFFSETS, _SAMPLES),
    *(_ROWS, _SIZES, _PLANAR, _PREDICTOR),
)
_BLACK_IS_ZERO, _RGB, _CIELAB = 1, 2, 8
_ASSOCIATED, _STRAIGHT = 1, 2
_FLOATING = 3
_BEYOND_PILLOW = (
    (_BLACK_IS_ZERO, 1, (16, 16)),
    (_RGB, _FLOATING, (32,) * 3),
    (_RGB, _FLOATING, (32,) * 4),
)
"""Photometric interpretation, format of the samples, and their bits."""
_ROUNDING = 0.001
"""By how much floating-point samples may leave 0..1."""
_BAND = 1 << 20
_LAB_TO_RGB = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
) @ np.diag([0.9642, 1.0, 0.8249])
"""Linear sRGB of XYZ over that of D50 white (Lindbloom, brought there with the Bradford matrix)."""


def is_beyond_pillow(content: bytes) -> bool:
    """Whether it holds what `decoded_deep` reads and Pillow does not: unsigned grey of 16 bits and
    one more channel, CIELAB of 16 bits, or R'G'B' in floating point, side by side.
    """
    page = first_page(content)
    if page is None or page.number(_PLANAR, 1) != 1:
        return False
    kind = page.number(_PHOTOMETRIC, 0), page.number(_FORMAT, 1), page.numbers(_BITS)
    return (kind[0] == _CIELAB and kind[2] == (16,) * 3) or kind in _BEYOND_PILLOW


def decoded_deep(content: bytes) -> tuple[Decoded, int]:
    """Samples that lie plane by plane in 16 bit, or of the kinds `is_beyond_pillow`, and how many
    channels of unstated meaning were left out.

    Raises `ValueError` for what is damaged, and `MediaError`, without the file's name.
    """
    page = first_page(content)
    if page is None or not is_whole(page, content):
        raise ValueError("its samples lie beyond its end")
    if page.number(_FORMAT, 1) == _FLOATING:
        return _of_floats(page, content)
    if _TILE_OFFSETS in page.entries:
        raise MediaError(
            "16-bit planes, grey with alpha or CIELAB in tiles: not supported; save it in strips"
        )
    # FFmpeg is strict about entries that it does not know: it is given those of the pixels alone.
    entries: Directory = {tag: page.entries[tag] for tag in _OF_PIXELS if tag in page.entries}
    for tag in (_WIDTH, _HEIGHT, _OFFSETS, _ROWS, _SIZES):
        if tag in page.entries:
            values = page.numbers(tag)
            packed = struct.pack(f"{page.order}{len(values)}I", *values)
            entries[tag] = Entry(LONG, len(values), packed)
    is_lab = page.number(_PHOTOMETRIC, 1) == _CIELAB
    if is_lab:  # to be decoded as it is
        entries[_PHOTOMETRIC] = Entry(SHORT, 1, struct.pack(page.order + "H", _RGB))
    layout, _ = layout_and_start(content)
    place = len(content) + len(content) % 2
    head = b"II*\x00" if layout.order == "<" else b"MM\x00*"
    head += struct.pack(layout.order + "I", place)
    body = content[8:].ljust(place - 8, b"\x00") + laid_out(entries, layout.order, place)
    try:
        pixels = decoded(head + body, "TIFF")
    except ValueError as error:
        raise MediaError(
            "damaged, or 16-bit planes, CIELAB or grey with alpha in a rare form; copy it from "
            "the original again, or save it as interleaved RGB or plain grey"
        ) from error
    codes, alpha = pixels.codes, pixels.alpha
    if is_lab:
        return Decoded(rgb_of_lab(codes), None, 16), 0
    if page.number(_PHOTOMETRIC, 1) == _BLACK_IS_ZERO and codes.ndim == 3:
        codes = codes[..., 0].copy()
    if alpha is None:
        return Decoded(codes, None, 16), 0
    kind = page.number(_EXTRA, 0)
    if kind not in (_ASSOCIATED, _STRAIGHT):
        return Decoded(codes, None, 16), 1
    return Decoded(straight(codes, alpha) if kind == _ASSOCIATED else codes, alpha, 16), 0


def _of_floats(page: Page, content: bytes) -> tuple[Decoded, int]:
    """R'G'B' of floating-point samples, 0..1, at 16 bits."""
    with silent_opencv():
        values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    size = page.number(_HEIGHT, 0), page.number(_WIDTH, 0)
    if values is None or values.dtype != np.float32 or values.shape[:2] != size:
        raise ValueError("its floating-point samples cannot be decoded")
    codes = codes_of_floats(values.astype(np.float32, copy=False))
    rgb: Codes = np.ascontiguousarray(codes[..., 2::-1])
    kind = page.number(_EXTRA, 0)
    if codes.shape[2] == 3 or kind not in (_ASSOCIATED, _STRAIGHT):
        return Decoded(rgb, None, 16), codes.shape[2] - 3
    alpha = codes[..., 3].copy()
    return Decoded(straight(rgb, alpha) if kind == _ASSOCIATED else rgb, alpha, 16), 0


def codes_of_floats(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """16-bit codes of samples in 0..1, of any shape; raises `MediaError` for others."""
    least, most = values.min(), values.max()  # no number where there is one that is none
    if not (least >= -_ROUNDING and most <= 1 + _ROUNDING):
        raise MediaError(
            f"32-bit samples of {least:.3g} to {most:.3g}, not 0 to 1; scale them, or save it "
            "with 16 bits a channel"
        )
    return np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16)


def rgb_of_lab(codes: Codes) -> Codes:
    """R'G'B' codes of CIELAB codes of TIFF 6.0 (H, W, 3), 8 or 16 bit: L* 0..100 over the whole
    range, a* and b* with a sign, of 16 bit in 256ths. White is D50, as in ICC profiles.
    """
    signed, unit = (np.int8, 1) if codes.dtype == np.uint8 else (np.int16, 256)
    peak = np.iinfo(codes.dtype).max
    rgb: Codes = np.empty_like(codes)
    for top in range(0, len(codes), rows := max(1, _BAND // codes.shape[1])):
        band = codes[top : top + rows]
        height = (band[..., 0] * (100 / peak) + 16) / 116
        a, b = (band[..., each].astype(signed).astype(np.float64) / unit for each in (1, 2))
        roots = np.stack([height + a / 500, height, height - b / 200], axis=-1)
        light = np.where(roots > 6 / 29, roots**3, (roots - 4 / 29) * (108 / 841))
        linear = np.clip(light @ _LAB_TO_RGB.T, 0, 1)
        curve = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
        rgb[top : top + rows] = np.rint(curve * peak)
    return rgb


@contextmanager
def silent_opencv() -> Iterator[None]:
    """OpenCV's own lines about a file stay off the terminal: what is wrong is told in ours."""
    log = getattr(cv2.utils, "logging", cv2)  # in OpenCV 4 it is not in a module of its own
    level = log.getLogLevel()
    log.setLogLevel(0)
    try:
        yield
    finally:
        log.setLogLevel(level)


@contextmanager
def silent_libtiff() -> Iterator[None]:
    """So do those of Pillow's libtiff, which has no other switch; where it is part of Pillow's own
    library and cannot be reached, it speaks.
    """
    try:
        library = ctypes.CDLL(PIL._imaging.__file__)
        setters = [library.TIFFSetErrorHandler, library.TIFFSetWarningHandler]
    except (OSError, AttributeError):
        setters = []
    for setter in setters:
        setter.restype, setter.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    before = [setter(None) for setter in setters]
    try:
        yield
    finally:
        for setter, handler in zip(setters, before, strict=True):
            setter(handler)


def straight(codes: Codes, alpha: Codes) -> Codes:
    """16-bit grey or R'G'B' codes that were multiplied with `alpha`, as they were before."""
    divisor = np.maximum(alpha, 1)
    if codes.ndim == 3:
        divisor = divisor[..., None]
    return np.minimum(np.rint(codes.astype(np.float64) * 65535 / divisor), 65535).astype(np.uint16)
