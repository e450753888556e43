"""Colour, exactly: the only place where codes, luma, lightness, Lab, RGB and chroma meet.

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

from dataclasses import dataclass, replace
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from filmcolor.errors import MediaError
from filmcolor.types import ColorTags

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
_D65 = (0.3127, 0.3290)
_PRIMARIES: dict[int, tuple[tuple[float, float], ...]] = {
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
_SD_LINES = 576
_DELTA = 6.0 / 29.0
_TABLE_REACH = 111.0
"""Largest |a| or |b| in the table; every sRGB colour lies inside."""
_SOLVED_AT_ONCE = 16384
"""Colours that `solve_chroma` works on at once: what they need stays in a processor's cache."""


def resolve_tags(tags: ColorTags, height: int) -> ColorTags:
    """Fill in what a stream leaves open, as players do.

    Untagged matrix: BT.601 up to 576 lines, else BT.709. Untagged primaries: BT.709. Untagged
    range: limited. Raises `MediaError` for a matrix that is no luma and colour differences (YCgCo,
    ICtCp, ...).
    """
    matrix = tags.matrix
    if matrix in (0, 2, 3):
        matrix = 6 if height <= _SD_LINES else 1
    if matrix not in LUMA_WEIGHTS:
        raise MediaError(
            f"the film's colour matrix (H.273 code {matrix}) is not supported: "
            "convert it to BT.709 first"
        )
    primaries = tags.primaries if tags.primaries in _PRIMARIES else 1
    return replace(tags, matrix=matrix, primaries=primaries, full_range=bool(tags.full_range))


def _code_range(bit_depth: int, *, full_range: bool) -> tuple[float, float]:
    """Black code and black-to-white distance of luma (ITU-R BT.2100 table 9)."""
    if full_range:
        return 0.0, float((1 << bit_depth) - 1)
    scale = float(1 << (bit_depth - 8))
    return 16.0 * scale, 219.0 * scale


def normalize_luma(
    codes: Tensor, bit_depth: int, full_range: bool, *, clamped: bool = True
) -> Tensor:
    """Luma codes to Y' in 0..1, any shape, float32; codes outside the range are clamped to it, or
    go beyond.
    """
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
    straight = ratio / (3 * _DELTA**2) + 4.0 / 29.0
    return torch.where(ratio > _DELTA**3, ratio.clamp(min=_DELTA**3) ** (1 / 3), straight)


def _lab_f_inverse(value: Tensor) -> Tensor:
    return torch.where(value > _DELTA, value**3, 3 * _DELTA**2 * (value - 4.0 / 29.0))


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


def _rgb_to_xyz(primaries: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """3x3 matrix from linear RGB to XYZ / white, so that a neutral is exactly (v, v, v)."""
    columns = [(x / y, 1.0, (1 - x - y) / y) for x, y in _PRIMARIES[primaries]]
    basis = torch.tensor(columns, dtype=torch.float64).T
    x, y = _D65
    white = torch.tensor([x / y, 1.0, (1 - x - y) / y], dtype=torch.float64)
    scaled = basis * torch.linalg.solve(basis, white) / white[:, None]
    matrix: Tensor = scaled.to(dtype)
    return matrix


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB (N, 3, H, W) 0..1 to CIE Lab, D65 (N, 3, H, W): L 0..100, a and b about -110..110."""
    matrix = _rgb_to_xyz(1).to(rgb.device)
    f = _lab_f(torch.einsum("ij,njhw->nihw", matrix, srgb_to_linear(rgb)))
    fx, fy, fz = f.unbind(dim=1)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], dim=1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """CIE Lab, D65 (N, 3, H, W) to sRGB (N, 3, H, W); may leave 0..1 where Lab leaves the cube."""
    light, a, b = lab.unbind(dim=1)
    fy = (light + 16) / 116
    xyz = _lab_f_inverse(torch.stack([fy + a / 500, fy, fy - b / 200], dim=1))
    inverse = torch.linalg.inv(_rgb_to_xyz(1, torch.float64)).to(lab.device, torch.float32)
    return linear_to_srgb(torch.einsum("ij,njhw->nihw", inverse, xyz))


def chroma_to_rgb(luma: Tensor, chroma: Tensor, matrix: int = 6) -> Tensor:
    """(Y', Cb, Cr) to R'G'B': luma (N, 1, H, W) and chroma (N, 2, H, W) to (N, 3, H, W), not
    clamped.
    """
    kr, kb = LUMA_WEIGHTS[matrix]
    cb, cr = chroma[:, :1], chroma[:, 1:]
    red = luma + 2 * (1 - kr) * cr
    blue = luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return torch.cat([red, green, blue], dim=1)


@dataclass(frozen=True, slots=True)
class _Solver:
    """Finds the colour of a given Y' and (a, b) by iteration; works on flat float32 vectors."""

    to_rgb: Tensor
    weights: Tensor

    @classmethod
    def of(cls, matrix: int, primaries: int) -> _Solver:
        kr, kb = LUMA_WEIGHTS[matrix]
        return cls(
            torch.linalg.inv(_rgb_to_xyz(primaries, torch.float64)).to(torch.float32),
            torch.tensor([kr, 1 - kr - kb, kb]),
        )

    def linear_rgb(self, fy: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """Linear RGB (3, n) of Lab given as f(Y), a, b."""
        return self.to_rgb @ _lab_f_inverse(torch.stack([fy + a / 500, fy, fy - b / 200]))

    def newton(self, fy: Tensor, luma: Tensor, a: Tensor, b: Tensor, steps: int) -> Tensor:
        """f(Y) for which the colour's Y' is `luma`, from a first guess."""
        for _ in range(steps):
            f = torch.stack([fy + a / 500, fy, fy - b / 200])
            slope_f = torch.where(f > _DELTA, 3 * f**2, 3 * _DELTA**2)
            linear = self.to_rgb @ _lab_f_inverse(f)
            encoded = linear_to_srgb(linear)
            # d encoded / d linear: 12.92 where it is straight, else from the power law itself.
            slope = torch.where(
                linear <= 0.0031308,
                12.92,
                (encoded + 0.055) / (2.4 * linear.clamp(min=0.0031308)),
            )
            value = self.weights @ encoded
            gradient = self.weights @ (slope * (self.to_rgb @ slope_f))
            fy = fy - (value - luma) / gradient.clamp(min=1e-3)
        return fy

    def solve(self, luma: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Linear RGB (3, n) of this Y' and (a, b), and the share (n,) of the chroma that was kept.

        The share is 1 inside the RGB cube; outside, the largest that brings the colour to its
        surface at the same Y' and the same hue.
        """
        start = (lightness(luma) + 16) / 116
        fy = self.newton(start, luma, a, b, 8)
        rgb = self.linear_rgb(fy, a, b)
        share = torch.ones_like(luma)
        outside = ~self._found(rgb, luma)
        if bool(outside.any()):
            y, oa, ob = luma[outside], a[outside], b[outside]
            low, guess = torch.zeros_like(y), start[outside]
            best = guess.clone()
            for step in range(1, 15):
                trial = low + 0.5**step
                # The nearer the trials come to each other, the better a start the last one is.
                steps = 5 if step <= 4 else 3
                fy_trial = self.newton(best, y, oa * trial, ob * trial, steps)
                inside = self._found(self.linear_rgb(fy_trial, oa * trial, ob * trial), y)
                low = torch.where(inside, trial, low)
                best = torch.where(inside, fy_trial, best)
            best = self.newton(best, y, oa * low, ob * low, 4)
            rgb[:, outside] = self.linear_rgb(best, oa * low, ob * low)
            share[outside] = low
        return rgb, share

    def _found(self, linear: Tensor, luma: Tensor) -> Tensor:
        """Where the iteration has arrived at this Y' with a colour inside the cube."""
        arrived = (self.weights @ linear_to_srgb(linear) - luma).abs() < 1e-4
        return arrived & (linear >= -1e-5).all(dim=0) & (linear <= 1 + 1e-5).all(dim=0)


def solve_chroma(
    luma: Tensor, ab: Tensor, matrix: int = 6, primaries: int = 1
) -> tuple[Tensor, Tensor]:
    """(Y', a, b) to (Cb, Cr) by iteration to convergence, and the share of (a, b) that fitted.

    `luma` (N, 1, H, W) 0..1 and `ab` (N, 2, H, W) give chroma (N, 2, H, W) in -0.5..0.5 and share
    (N, 1, H, W) in 0..1. Y' is kept exactly; L is what follows from it. Colours outside the RGB
    cube are moved toward neutral along their own hue until they touch it. Slow: `ChromaTable` is
    for films.
    """
    solver = _Solver.of(matrix, primaries)
    kr, kb = LUMA_WEIGHTS[matrix]
    flat = luma.reshape(-1).to("cpu", torch.float32)
    a, b = (ab[:, i].reshape(-1).to("cpu", torch.float32) for i in (0, 1))
    pieces = [torch.split(each, _SOLVED_AT_ONCE) for each in (flat, a, b)]
    solved = [solver.solve(*piece) for piece in zip(*pieces, strict=True)]
    linear = torch.cat([rgb for rgb, _ in solved], dim=1)
    share = torch.cat([kept for _, kept in solved])
    encoded = linear_to_srgb(linear.clamp(0, 1))
    cb = (encoded[2] - flat) / (2 * (1 - kb))
    cr = (encoded[0] - flat) / (2 * (1 - kr))
    shape = luma.shape
    chroma = torch.cat([cb.reshape(shape), cr.reshape(shape)], dim=1)
    return chroma.to(luma.device), share.reshape(shape).to(luma.device)


@cache
def _solved_nodes(matrix: int, primaries: int, luma_nodes: int, ab_nodes: int) -> Tensor:
    """Values of `ChromaTable`; solved once a process, since every picture of a folder asks."""
    luma = torch.linspace(0, 1, luma_nodes)
    axis = torch.linspace(-_TABLE_REACH, _TABLE_REACH, ab_nodes)
    y, b, a = torch.meshgrid(luma, axis, axis, indexing="ij")
    chroma, _ = solve_chroma(
        y.reshape(1, 1, 1, -1),
        torch.stack([a.reshape(1, 1, -1), b.reshape(1, 1, -1)], dim=1),
        matrix,
        primaries,
    )
    chroma[..., (y == 0).reshape(-1) | (y == 1).reshape(-1)] = 0.0
    return chroma.reshape(1, 2, luma_nodes, ab_nodes, ab_nodes).contiguous()


@dataclass(frozen=True, slots=True, eq=False)
class ChromaTable:
    """`solve_chroma` as a table over (Y', a, b), read by trilinear interpolation.

    Because the RGB cube is convex, what is interpolated between colours inside it lies inside it
    too.
    """

    values: Tensor
    """(1, 2, Y' nodes, b nodes, a nodes): Cb and Cr."""

    @classmethod
    def build(
        cls, matrix: int, primaries: int, luma_nodes: int = 65, ab_nodes: int = 75
    ) -> ChromaTable:
        """Solve all nodes; takes about a second, once a process."""
        return cls(_solved_nodes(matrix, primaries, luma_nodes, ab_nodes))

    def to(self, device: torch.device | str) -> ChromaTable:
        """The same table on another device."""
        return ChromaTable(self.values.to(device))

    def __call__(self, luma: Tensor, ab: Tensor) -> Tensor:
        """Look up (Cb, Cr): luma (N, 1, H, W) 0..1, ab (N, 2, H, W) to (N, 2, H, W) in
        -0.5..0.5.
        """
        if ab.shape[1] != 2 or luma.shape[1] != 1 or luma.shape[-2:] != ab.shape[-2:]:
            raise ValueError(f"got luma {tuple(luma.shape)} and ab {tuple(ab.shape)}")
        largest = ab.abs().amax(dim=1, keepdim=True)
        scaled = ab / largest.clamp(min=_TABLE_REACH)
        count, _, height, width = luma.shape
        nodes, side = self.values.shape[2:4]
        # Two bilinear reads, in the planes of the nearest two Y' nodes, which lie below each other
        # in one plane: half the time of a read in three dimensions, and the same.
        rows = nodes * side
        node = luma * (nodes - 1)
        lower = node.floor().clamp_(max=nodes - 2)
        row = lower * side + (scaled[:, 1:] + 1) * ((side - 1) / 2)
        where = torch.stack([scaled[:, 0], row[:, 0] * (2 / (rows - 1)) - 1], dim=-1)
        where = where.reshape(1, count * height, width, 2)
        below = self._read(where)
        where[..., 1] += 2 * side / (rows - 1)
        share = (node - lower).reshape(1, 1, count * height, width)
        found = torch.lerp(below, self._read(where), share)
        return found.reshape(2, count, height, width).transpose(0, 1)

    def _read(self, where: Tensor) -> Tensor:
        """Where (1, h, w, 2) is in the planes of all Y' nodes, as `grid_sample` counts: to
        (1, 2, h, w).
        """
        return F.grid_sample(
            self.values.flatten(2, 3),
            where,
            mode="bilinear",
            padding_mode="border",
            align_corners=True,
        )
