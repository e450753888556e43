"""Between the film as it is displayed and as it is stored: sizes, turns, bars, the model's grid.

Pictures and strokes that people give are in pixels of the film as a player shows it; what the
stages know lies on the grid of the ab field, as the frame is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from filmcolor.color import rgb_to_lab
from filmcolor.options import Stroke
from filmcolor.stages.flow_average import reduced
from filmcolor.stages.infer import View
from filmcolor.types import Box, FloatPlane, VideoInfo
from filmcolor.visual.rgb import rgb_tensor

GRID_STEP = 4
"""Model pixels of a place of the grid, each way."""
_DETAIL = 8
"""A still is reduced to so many pixels a place before its colours are looked at."""


@dataclass(frozen=True, slots=True)
class Screen:
    """How one film is displayed, and where the model's grid lies in it."""

    stored: tuple[int, int]
    """(height, width) of the stored frame, and so below."""
    displayed: tuple[int, int]
    """With square pixels, enlarged where they are not, and upright."""
    turns: int
    """Quarter turns counter-clockwise from stored to displayed."""
    box: Box
    """The part of the stored frame that the model sees."""
    grid: tuple[int, int]
    """Of known colours, as stored."""

    @classmethod
    def of(cls, info: VideoInfo, view: View) -> Screen:
        """The screen of a film that the model is shown in this way."""
        height, width = info.height, info.width
        turns = info.rotation // 90
        shown = (max(1, view.height // GRID_STEP), max(1, view.width // GRID_STEP))
        size = displayed_size(info)
        box = view.box or Box(0, 0, height, width)
        return cls((height, width), size, turns, box, shown[::-1] if turns % 2 else shown)

    def ab_on_grid(self, rgb: NDArray[np.uint8]) -> FloatPlane:
        """ab (2, h, w) on the grid of a picture of the displayed size."""
        turned = np.ascontiguousarray(np.rot90(rgb, -self.turns))
        inside = self._inside(turned)
        rows, columns = (_DETAIL * side for side in self.grid)
        if inside.shape[0] > rows and inside.shape[1] > columns:
            small = cv2.resize(inside, (columns, rows), interpolation=cv2.INTER_AREA)
            inside = small.astype(np.uint8, copy=False)
        ab = rgb_to_lab(rgb_tensor(inside))[0, 1:].numpy()
        return np.stack([reduced(plane, self.grid) for plane in ab]).astype(np.float32, copy=False)

    def seeds(self, stroke: Stroke) -> NDArray[np.bool_]:
        """The places of the grid (h, w) that a stroke touches; raises `ValueError` if there are
        none, with the reason."""
        canvas = np.zeros(self.displayed, np.uint8)
        height, width = self.displayed
        corners = [stroke.box[:2], stroke.box[2:]] if stroke.box else stroke.points
        for x, y in corners:
            edge = 1 if stroke.box else 0
            if not (0 <= x < width + edge and 0 <= y < height + edge):
                raise ValueError(
                    f"({x:g}, {y:g}) is outside the picture, which is {width}x{height} as displayed"
                )
        if stroke.box:
            x0, y0, x1, y1 = (int(value) for value in stroke.box)
            canvas[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)] = 1
        for x, y in stroke.points:
            canvas[int(y), int(x)] = 1
            if stroke.radius > 1:
                cv2.circle(canvas, (int(x), int(y)), round(stroke.radius) - 1, 1, cv2.FILLED)
        inside = self._inside(np.ascontiguousarray(np.rot90(canvas, -self.turns)))
        rows, columns = np.nonzero(inside)
        found = np.zeros(self.grid, np.bool_)
        found[rows * self.grid[0] // inside.shape[0], columns * self.grid[1] // inside.shape[1]] = (
            True
        )
        if not found.any():
            raise ValueError("it touches nothing but the black bars around the picture")
        return found

    def displayed_box(self, box: tuple[float, float, float, float]) -> tuple[float, ...]:
        """Left, top, right, bottom in px of the picture as it is displayed, of a box in 0..1 of
        what the model sees of it, upright.
        """
        left, top, wide, tall = self.shown_box
        return (
            left + box[0] * wide,
            top + box[1] * tall,
            left + box[2] * wide,
            top + box[3] * tall,
        )

    @property
    def shown_box(self) -> tuple[float, float, float, float]:
        """Left, top, width, height in px of the displayed picture of what the model sees."""
        height, width = self.displayed
        edges = np.zeros(self.stored, np.bool_)
        edges[self.box.top : self.box.bottom, self.box.left : self.box.right] = True
        upright = np.rot90(edges, self.turns)
        rows, columns = np.flatnonzero(upright.any(axis=1)), np.flatnonzero(upright.any(axis=0))
        down, across = height / upright.shape[0], width / upright.shape[1]
        place = columns[0] * across, rows[0] * down
        return (*place, len(columns) * across, len(rows) * down)

    def _inside(self, turned: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part inside the box of a displayed picture turned as the film is stored."""
        down, across = turned.shape[0] / self.stored[0], turned.shape[1] / self.stored[1]
        box = self.box
        rows = slice(round(box.top * down), max(1, round(box.bottom * down)))
        columns = slice(round(box.left * across), max(1, round(box.right * across)))
        return np.ascontiguousarray(turned[rows, columns])


def displayed_size(info: VideoInfo) -> tuple[int, int]:
    """(height, width) in px of the film as a player shows it: square pixels, upright."""
    height, width, aspect = info.height, info.width, info.sample_aspect_ratio
    if aspect >= 1:
        width = max(1, round(width * aspect))
    else:
        height = max(1, round(height / aspect))
    return (width, height) if info.rotation % 180 else (height, width)


def ab_of(stroke: Stroke) -> tuple[float, float]:
    """A stroke's colour in Lab units."""
    rgb = torch.tensor(stroke.rgb, dtype=torch.float32).view(1, 3, 1, 1) / 255
    _, a, b = rgb_to_lab(rgb).flatten().tolist()
    return a, b
