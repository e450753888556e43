"""Between codes, luma, lightness, Lab, RGB and chroma: the only place where they meet.

Training and inference both call this module, so that what the network was trained on is what it is
shown. All functions work on torch tensors of any device, float32 unless said otherwise. It must
not know files, models or stages.

Spaces and units
    luma       Y', the gamma-encoded luma of a video signal, 0..1
    lightness  CIE L*, 0..100
    ab         CIE Lab a* and b*, D65, about -110..110
    rgb        R'G'B', sRGB encoding (IEC 61966-2-1), 0..1
    chroma     (Cb, Cr) of ITU-R BT.601/709/2020, -0.5..0.5; `quantize_chroma` makes codes of them
"""

from __future__ import annotations

import torch
from torch import Tensor

from filmcolor.color.matrix import D65, LUMA_WEIGHTS, PRIMARIES

DELTA = 6.0 / 29.0
"""CIE 15: below its cube Lab is straight."""


def _code_range(bit_depth: int, *, full_range: bool) -> tuple[float, float]:
    """Black code and black-to-white distance of luma (ITU-R BT.2100 table 9)."""
    if full_range:
        return 0.0, float((1 << bit_depth) - 1)
    scale = float(1 << (bit_depth - 8))
    return 16.0 * scale, 219.0 * scale


def normalize_luma(
    codes: Tensor, bit_depth: int, full_range: bool, *, clamped: bool = True
) -> Tensor:
    """Luma codes to Y' in 0..1, any shape, float32; `clamped` to it, or beyond where codes are."""
    black, span = _code_range(bit_depth, full_range=full_range)
    luma = (codes.to(torch.float32) - black) / span
    return luma.clamp_(0.0, 1.0) if clamped else luma


def quantize_luma(
    luma: Tensor, bit_depth: int, full_range: bool, *, clamped: bool = True
) -> Tensor:
    """Y' in 0..1 to codes, any shape; uint8 at 8 bit, int32 above: undoes `normalize_luma`."""
    black, span = _code_range(bit_depth, full_range=full_range)
    inside = luma.clamp(0.0, 1.0) if clamped else luma
    codes = (inside * span + black).round_().clamp_(0, (1 << bit_depth) - 1)
    return codes.to(torch.uint8 if bit_depth == 8 else torch.int32)


def _chroma_range(bit_depth: int, *, full_range: bool) -> tuple[float, float]:
    """Code of no colour, and how many codes chroma spans."""
    span = float((1 << bit_depth) - 1) if full_range else 224.0 * (1 << (bit_depth - 8))
    return float(1 << (bit_depth - 1)), span


def normalize_chroma(codes: Tensor, bit_depth: int, full_range: bool) -> Tensor:
    """Codes of (Cb, Cr) to about -0.5..0.5, any shape, float32: undoes `quantize_chroma`."""
    neutral, span = _chroma_range(bit_depth, full_range=full_range)
    return (codes.to(torch.float32) - neutral) / span


def quantize_chroma(chroma: Tensor, bit_depth: int, full_range: bool) -> Tensor:
    """(Cb, Cr) in -0.5..0.5 to codes, any shape; uint8 at 8 bit, int32 above.

    Neutral is 2^(n-1) in both ranges. Limited range spans 224 codes at 8 bit (BT.601, BT.709),
    full range 2^n - 1 (JFIF, H.273).
    """
    neutral, span = _chroma_range(bit_depth, full_range=full_range)
    codes = (chroma * span + neutral).round_()
    codes = codes.clamp_(0, (1 << bit_depth) - 1)
    return codes.to(torch.uint8 if bit_depth == 8 else torch.int32)


def srgb_to_linear(encoded: Tensor) -> Tensor:
    """sRGB decoding (IEC 61966-2-1), any shape, 0..1; continued straight below 0."""
    power = ((encoded.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(encoded <= 0.04045, encoded / 12.92, power)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """sRGB encoding (IEC 61966-2-1), any shape, 0..1; continued straight below 0."""
    power = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, linear * 12.92, power)


def _lab_f(ratio: Tensor) -> Tensor:
    """CIE 15: the cube root with its straight start."""
    straight = ratio / (3 * DELTA**2) + 4.0 / 29.0
    return torch.where(ratio > DELTA**3, ratio.clamp(min=DELTA**3) ** (1 / 3), straight)


def lab_f_inverse(value: Tensor) -> Tensor:
    """CIE 15: from f of a ratio to white back to the ratio, any shape."""
    return torch.where(value > DELTA, value**3, 3 * DELTA**2 * (value - 4.0 / 29.0))


def lightness(luma: Tensor) -> Tensor:
    """L*(Y'): the lightness of the neutral colour whose code is Y'; any shape, 0..1 to 0..100.

    This is what the network sees. It is not Lab's L of the coloured pixel, which nobody knows
    beforehand.
    """
    return 116.0 * _lab_f(srgb_to_linear(luma)) - 16.0


def luma_from_rgb(rgb: Tensor, matrix: int = 6) -> Tensor:
    """Y' of sRGB pictures: (N, 3, H, W) 0..1 to (N, 1, H, W) 0..1, weights of an H.273 matrix."""
    kr, kb = LUMA_WEIGHTS[matrix]
    weights = rgb.new_tensor([kr, 1 - kr - kb, kb]).view(1, 3, 1, 1)
    return (rgb * weights).sum(dim=1, keepdim=True)


def rgb_to_xyz(primaries: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """3x3 matrix from linear RGB to XYZ / white, so that a neutral is exactly (v, v, v)."""
    columns = [(x / y, 1.0, (1 - x - y) / y) for x, y in PRIMARIES[primaries]]
    basis = torch.tensor(columns, dtype=torch.float64).T
    x, y = D65
    white = torch.tensor([x / y, 1.0, (1 - x - y) / y], dtype=torch.float64)
    scaled = basis * torch.linalg.solve(basis, white) / white[:, None]
    matrix: Tensor = scaled.to(dtype)
    return matrix


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB (N, 3, H, W) 0..1 to CIE Lab, D65 (N, 3, H, W): L 0..100, a and b about -110..110."""
    matrix = rgb_to_xyz(1).to(rgb.device)
    f = _lab_f(torch.einsum("ij,njhw->nihw", matrix, srgb_to_linear(rgb)))
    fx, fy, fz = f.unbind(dim=1)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], dim=1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """CIE Lab, D65 (N, 3, H, W) to sRGB (N, 3, H, W); may leave 0..1 where Lab leaves the cube."""
    light, a, b = lab.unbind(dim=1)
    fy = (light + 16) / 116
    xyz = lab_f_inverse(torch.stack([fy + a / 500, fy, fy - b / 200], dim=1))
    inverse = torch.linalg.inv(rgb_to_xyz(1, torch.float64)).to(lab.device, torch.float32)
    return linear_to_srgb(torch.einsum("ij,njhw->nihw", inverse, xyz))


def chroma_to_rgb(luma: Tensor, chroma: Tensor, matrix: int = 6) -> Tensor:
    """Unclamped R'G'B' (N, 3, H, W) of luma (N, 1, H, W) and chroma (Cb, Cr) (N, 2, H, W)."""
    kr, kb = LUMA_WEIGHTS[matrix]
    cb, cr = chroma[:, :1], chroma[:, 1:]
    red = luma + 2 * (1 - kr) * cr
    blue = luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return torch.cat([red, green, blue], dim=1)
