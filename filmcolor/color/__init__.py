"""Colour, exactly: from codes to what the network sees, and from its colours back to codes.

Reading order: `matrix` (what a stream's tags mean), `convert` (the spaces), `chroma_table` (colour
at a given luma). Training and inference both call this package, so that what the network was
trained on is what it is shown. It must not know media, models or stages.
"""

from filmcolor.color.chroma_table import ChromaTable, solve_chroma
from filmcolor.color.convert import (
    chroma_to_rgb,
    lab_to_rgb,
    lightness,
    linear_to_srgb,
    luma_from_rgb,
    normalize_chroma,
    normalize_luma,
    quantize_chroma,
    quantize_luma,
    rgb_to_lab,
    srgb_to_linear,
)
from filmcolor.color.matrix import LUMA_WEIGHTS, resolve_tags

__all__ = [
    "LUMA_WEIGHTS",
    "ChromaTable",
    "chroma_to_rgb",
    "lab_to_rgb",
    "lightness",
    "linear_to_srgb",
    "luma_from_rgb",
    "normalize_chroma",
    "normalize_luma",
    "quantize_chroma",
    "quantize_luma",
    "resolve_tags",
    "rgb_to_lab",
    "solve_chroma",
    "srgb_to_linear",
]
