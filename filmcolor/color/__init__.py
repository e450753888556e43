"""Colour, exactly: from codes to what the network sees, and from its colours back to codes.

Reading order: `matrix` (what a stream's tags mean), `convert` (the spaces), `chroma_table` (colour
at a given luma). Training and inference both call this package, so that what the network was
trained on is what it is shown. It must not know media, models or stages.
"""

from filmcolor.color.chroma_table import ChromaTable as ChromaTable
from filmcolor.color.chroma_table import solve_chroma as solve_chroma
from filmcolor.color.convert import chroma_to_rgb as chroma_to_rgb
from filmcolor.color.convert import lab_to_rgb as lab_to_rgb
from filmcolor.color.convert import lightness as lightness
from filmcolor.color.convert import linear_to_srgb as linear_to_srgb
from filmcolor.color.convert import luma_from_rgb as luma_from_rgb
from filmcolor.color.convert import normalize_chroma as normalize_chroma
from filmcolor.color.convert import normalize_luma as normalize_luma
from filmcolor.color.convert import quantize_chroma as quantize_chroma
from filmcolor.color.convert import quantize_luma as quantize_luma
from filmcolor.color.convert import rgb_to_lab as rgb_to_lab
from filmcolor.color.convert import srgb_to_linear as srgb_to_linear
from filmcolor.color.matrix import LUMA_WEIGHTS as LUMA_WEIGHTS
from filmcolor.color.matrix import resolve_tags as resolve_tags
