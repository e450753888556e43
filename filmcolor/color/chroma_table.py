"""(Y', a, b) to (Cb, Cr) at the film's own luma: solved exactly, and as a table for films.

Solving takes more than a second of a processor. The tables that nearly all films need come with the
package (`scripts/make_chroma_tables.py` makes them); others are solved, once a process.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from filmcolor.color.convert import DELTA, lab_f_inverse, lightness, linear_to_srgb, rgb_to_xyz
from filmcolor.color.matrix import LUMA_WEIGHTS

SHIPPED = ((6, 1), (1, 1), (6, 6), (6, 5))
"""Matrix and primaries (H.273) of the tables that come with the package: films of up to 576 lines
that say nothing, and pictures; larger films; NTSC and PAL video that says what it is.
"""
_SAME_MATRIX, _SAME_PRIMARIES = {5: 6}, {7: 6, 12: 11}
"""Codes with the numbers of another code."""
LUMA_NODES, AB_NODES = 65, 75

_TABLE_REACH = 111.0
"""Largest |a| or |b| in the table; every sRGB colour lies inside."""
_SOLVED_AT_ONCE = 16384
"""Colours that `solve_chroma` works on at once: what they need stays in a processor's cache."""
_FILE = "chroma_tables.npz"


@dataclass(frozen=True, slots=True)
class _Solver:
    """Finds the colour of a given Y' and (a, b) by iteration; works on flat float32 vectors."""

    to_rgb: Tensor
    weights: Tensor

    @classmethod
    def of(cls, matrix: int, primaries: int) -> _Solver:
        kr, kb = LUMA_WEIGHTS[matrix]
        return cls(
            torch.linalg.inv(rgb_to_xyz(primaries, torch.float64)).to(torch.float32),
            torch.tensor([kr, 1 - kr - kb, kb]),
        )

    def linear_rgb(self, fy: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """Linear RGB (3, n) of Lab given as f(Y), a, b."""
        return self.to_rgb @ lab_f_inverse(torch.stack([fy + a / 500, fy, fy - b / 200]))

    def newton(self, fy: Tensor, luma: Tensor, a: Tensor, b: Tensor, steps: int) -> Tensor:
        """f(Y) for which the colour's Y' is `luma`, from a first guess."""
        for _ in range(steps):
            f = torch.stack([fy + a / 500, fy, fy - b / 200])
            slope_f = torch.where(f > DELTA, 3 * f**2, 3 * DELTA**2)
            linear = self.to_rgb @ lab_f_inverse(f)
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
def _nodes(matrix: int, primaries: int) -> Tensor:
    """Values of `ChromaTable`, once a process, since every picture of a folder asks."""
    matrix = _SAME_MATRIX.get(matrix, matrix)
    primaries = _SAME_PRIMARIES.get(primaries, primaries)
    if (matrix, primaries) in SHIPPED:
        with files("filmcolor.color").joinpath(_FILE).open("rb") as file, np.load(file) as tables:
            return torch.from_numpy(unpacked(tables[table_name(matrix, primaries)]))
    return solve_nodes(matrix, primaries)


def solve_nodes(matrix: int, primaries: int) -> Tensor:
    """Chroma (1, 2, Y' nodes, b nodes, a nodes) at all nodes of a table."""
    luma = torch.linspace(0, 1, LUMA_NODES)
    axis = torch.linspace(-_TABLE_REACH, _TABLE_REACH, AB_NODES)
    y, b, a = torch.meshgrid(luma, axis, axis, indexing="ij")
    chroma, _ = solve_chroma(
        y.reshape(1, 1, 1, -1),
        torch.stack([a.reshape(1, 1, -1), b.reshape(1, 1, -1)], dim=1),
        matrix,
        primaries,
    )
    chroma[..., (y == 0).reshape(-1) | (y == 1).reshape(-1)] = 0.0
    return chroma.reshape(1, 2, LUMA_NODES, AB_NODES, AB_NODES).contiguous()


def table_name(matrix: int, primaries: int) -> str:
    """Under which a table stands in the package's file."""
    return f"matrix_{matrix}_primaries_{primaries}"


def packed(nodes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Values as the file holds them, losslessly: first byte of each, second, ... (4, ...), which
    makes nearly half of it go away in compression.
    """
    little = np.ascontiguousarray(nodes, "<f4")
    return np.ascontiguousarray(np.moveaxis(little[..., None].view(np.uint8), -1, 0))


def unpacked(columns: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Undoes `packed`."""
    little = np.ascontiguousarray(np.moveaxis(columns, 0, -1)).view("<f4")[..., 0]
    return np.ascontiguousarray(little, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ChromaTable:
    """`solve_chroma` as a table over (Y', a, b), read by trilinear interpolation.

    Because the RGB cube is convex, what is interpolated between colours inside it lies inside it
    too.
    """

    values: Tensor
    """(1, 2, Y' nodes, b nodes, a nodes): Cb and Cr."""

    @classmethod
    def build(cls, matrix: int, primaries: int) -> ChromaTable:
        """The table of a matrix and primaries (H.273); those that are not shipped are solved, which
        takes more than a second, once a process.
        """
        return cls(_nodes(matrix, primaries))

    def to(self, device: torch.device | str) -> ChromaTable:
        """The same table on another device."""
        return ChromaTable(self.values.to(device))

    def __call__(self, luma: Tensor, ab: Tensor) -> Tensor:
        """(Cb, Cr), (N, 2, H, W) in -0.5..0.5, of luma (N, 1, H, W) 0..1 and ab (N, 2, H, W)."""
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
        """Values (1, 2, h, w) at `grid_sample` places (1, h, w, 2) in the planes of all nodes."""
        return F.grid_sample(
            self.values.flatten(2, 3),
            where,
            mode="bilinear",
            padding_mode="border",
            align_corners=True,
        )
