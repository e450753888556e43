"""What a stream's colour tags mean (ITU-T H.273): luma weights, primaries, and what is left open.

It must not know torch.
"""

from __future__ import annotations

from dataclasses import replace

from filmcolor.errors import MediaError
from filmcolor.types import BT601, SD_LINES, UNTAGGED_MATRICES, ColorTags

LUMA_WEIGHTS: dict[int, tuple[float, float]] = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC 47 CFR 73.682
    5: (0.299, 0.114),  # BT.470BG = BT.601
    6: (0.299, 0.114),  # SMPTE 170M = BT.601
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020 non-constant luminance
}
"""(Kr, Kb) by H.273 MatrixCoefficients."""

# H.273 ColourPrimaries as (x, y) of red, green, blue, white. White is taken to be D65 throughout:
# film has no white point of its own, and a neutral code has to stay neutral.
D65 = (0.3127, 0.3290)
PRIMARIES: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    4: ((0.670, 0.330), (0.210, 0.710), (0.140, 0.080)),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}


def resolve_tags(tags: ColorTags, height: int) -> ColorTags:
    """Fill in what a stream leaves open, as players do.

    Untagged matrix: BT.601 up to 576 lines, else BT.709. Untagged primaries: BT.709. Untagged
    range: limited. Raises `MediaError` for a matrix that is no luma and colour differences (YCgCo,
    ICtCp, ...).
    """
    matrix = tags.matrix
    if matrix in UNTAGGED_MATRICES:
        matrix = BT601 if height <= SD_LINES else 1
    if matrix not in LUMA_WEIGHTS:
        raise MediaError(
            f"the film's colour matrix (H.273 code {matrix}) is not supported: "
            "convert it to BT.709 first"
        )
    primaries = tags.primaries if tags.primaries in PRIMARIES else 1
    return replace(tags, matrix=matrix, primaries=primaries, full_range=bool(tags.full_range))
