"""Pictures whose colours can be learnt from their brightness, made on the spot."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from safetensors.torch import save_file

from filmcolor.models.mobilenet_unet import MobileNetEncoder
from filmcolor.train.data import PhotoSet


def photographs(count: int = 6, height: int = 48, width: int = 64) -> PhotoSet:
    """Blue above, green below, the brightness telling which; a red ball somewhere."""
    photos = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[: height // 2] = (90, 140, 230)
        pixels[height // 2 :] = (50, 110, 30)
        place = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(pixels, place, height // 8, (150, 30, 20), -1)
        noise = rng.integers(-20, 20, pixels.shape[:2])[..., None]
        photos.append(np.clip(pixels.astype(int) + noise, 0, 255).astype(np.uint8))
    return PhotoSet(tuple(photos), tuple(map(str, range(count))))


def write_photographs(folder: Path, count: int = 6, height: int = 48, width: int = 64) -> Path:
    """The same as PNG files in a new folder."""
    folder.mkdir(parents=True)
    for name, photo in enumerate(photographs(count, height, width).photos):
        cv2.imwrite(str(folder / f"{name:03}.png"), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
    return folder


def imagenet_file(path: Path) -> Path:
    """Weights with the names of MobileNetV2's, as they are published."""
    tensors = {}
    for name, value in MobileNetEncoder(channels=3).state_dict().items():
        if name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            name = f"block{int(number):02d}.{rest}"
        tensors[name] = value.contiguous()
    save_file(tensors, path)
    return path
