"""Photographs that come with scikit-image, seen by a camera that moves."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

Picture = NDArray[np.float32]
SIZE = (120, 160)


def photo(name: str) -> Picture:
    return cv2.cvtColor(getattr(data, name)(), cv2.COLOR_RGB2GRAY).astype(np.float32)


PHOTOS = [photo(name) for name in ("astronaut", "coffee", "chelsea")]


def camera(
    picture: Picture,
    count: int,
    *,
    start: tuple[float, float, float] = (0.5, 0.5, 0.6),
    stop: tuple[float, float, float] = (0.5, 0.5, 0.6),
) -> list[Picture]:
    """A camera move over a photograph: (x, y, width) as shares of the photograph."""
    height, width = picture.shape
    views = []
    for share in np.linspace(0, 1, count):
        x, y, part = (a + (b - a) * share for a, b in zip(start, stop, strict=True))
        step = part * min(width / SIZE[1], height / SIZE[0])
        matrix = np.array(
            [
                [step, 0, x * width - step * SIZE[1] / 2],
                [0, step, y * height - step * SIZE[0] / 2],
            ],
            np.float32,
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        views.append(
            cv2.warpAffine(
                picture, matrix, SIZE[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT_101
            )
        )
    return views
