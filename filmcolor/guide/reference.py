"""Reads the picture that `run --reference` names."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from filmcolor.color import rgb_to_lab
from filmcolor.errors import MediaError
from filmcolor.files_read import FilesRead
from filmcolor.hashing import digest
from filmcolor.media.images.still_file import Rgb, read_still

_SMALLEST = 64
"""Px of the shorter side."""
_PALEST = 2.0
"""Lab units: a picture whose strongest colours (0.5 % of its places) are paler has none."""


def read_reference(path: str | Path, files: FilesRead | None = None) -> tuple[Rgb, str]:
    """A picture's pixels, upright, in sRGB, and a digest of them; `files` takes note of it.

    Raises `MediaError` for one that cannot be read, is tiny or has no colour.
    """
    rgb, _ = read_still(Path(path), files)
    height, width = rgb.shape[:2]
    if min(height, width) < _SMALLEST:
        raise MediaError(
            f"{path}: {width}x{height} is too small to see anything in; a reference needs at least "
            f"{_SMALLEST} px each way"
        )
    scale = _SMALLEST / min(height, width)
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    pixels = torch.from_numpy(small.transpose(2, 0, 1).copy())[None].float() / 255
    chroma = np.hypot(*rgb_to_lab(pixels)[0, 1:].numpy())
    if np.quantile(chroma, 0.995) < _PALEST:
        raise MediaError(f"{path}: has no colour; a reference must be a picture in colour")
    content = repr(rgb.shape).encode() + np.ascontiguousarray(rgb).tobytes()
    return rgb, digest(content)
