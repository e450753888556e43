"""Colour films made on the spot from R'G'B' pictures, with a conversion of their own."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.helpers.clips import fill_plane

Picture = NDArray[np.float64]
"""Shape (height, width, 3), R'G'B' 0..1."""

WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def scene(seed: int, height: int = 64, width: int = 96) -> Picture:
    """Soft patches of many colours with fine texture; no two seeds look alike."""
    rng = np.random.default_rng(seed)
    patches = rng.uniform(0.1, 0.9, (6, 8, 3))
    soft = cv2.resize(patches, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(soft + rng.uniform(-0.08, 0.08, (height, width, 1)), 0.0, 1.0)


def pan(seed: int, frames: int, step: int = 4, height: int = 64, width: int = 96) -> list[Picture]:
    """A camera that moves over a wide scene."""
    wide = scene(seed, height, width + step * frames)
    return [wide[:, step * n : step * n + width] for n in range(frames)]


def still(seed: int, frames: int) -> list[Picture]:
    """A camera that does not move; the noise does."""
    picture = scene(seed)
    rng = np.random.default_rng(seed + 1000)
    noises = [rng.uniform(-0.02, 0.02, (*picture.shape[:2], 1)) for _ in range(frames)]
    return [np.clip(picture + noise, 0.0, 1.0) for noise in noises]


def blurred(picture: Picture, radius: float = 3.0) -> Picture:
    """The same picture out of focus."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), radius), np.float64)


def grey(picture: Picture) -> Picture:
    """The same picture without colour."""
    light: Picture = np.repeat(picture @ np.array([0.299, 0.587, 0.114])[:, None], 3, axis=2)
    return light


def sepia(picture: Picture) -> Picture:
    """The same picture toned: one hue, strongest in the middle tones."""
    light = grey(picture)
    toned: Picture = np.clip(
        light + 4 * light * (1 - light) * np.array([0.12, 0.02, -0.14]), 0.0, 1.0
    )
    return toned


def codes(
    picture: Picture,
    *,
    matrix: int = 6,
    full_range: bool = False,
    bit_depth: int = 8,
    grid: tuple[int, int] = (2, 2),
) -> list[NDArray[np.uint8] | NDArray[np.uint16]]:
    """(Y, Cb, Cr) codes of a picture (ITU-R BT.601 and others); chroma is averaged over the grid.

    That puts it between the samples; only where colours are even does it suit every siting.
    """
    kr, kb = WEIGHTS[matrix]
    red, green, blue = np.moveaxis(picture, 2, 0)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    scale = 1 << (bit_depth - 8)
    top = (1 << bit_depth) - 1
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    black, span, reach = (0, top, top) if full_range else (16 * scale, 219 * scale, 224 * scale)
    planes = [black + span * luma]
    for difference in ((blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))):
        rows, columns = difference.shape
        odd = ((0, rows % grid[0]), (0, columns % grid[1]))
        padded = np.pad(difference, odd, mode="edge")
        rows, columns = padded.shape
        shape = (rows // grid[0], grid[0], columns // grid[1], grid[1])
        planes.append(128 * scale + reach * padded.reshape(shape).mean(axis=(1, 3)))
    return [np.clip(np.rint(plane), 0, top).astype(dtype) for plane in planes]


def write_film(
    path: Path,
    pictures: Sequence[Picture],
    *,
    rate: Fraction = Fraction(12),
    matrix: int = 6,
    transfer: int = 1,
    full_range: bool = False,
    pix_fmt: str = "yuv420p",
    sample_aspect_ratio: Fraction | None = None,
    rotation: int = 0,
    codec: str = "ffv1",
) -> Path:
    """Write a lossless film of these pictures and return its path."""
    height, width = pictures[0].shape[:2]
    depth = av.VideoFormat(pix_fmt, width, height).components[0].bits
    grid = {"0": (2, 2), "2": (1, 2), "4": (1, 1)}[pix_fmt.removeprefix("yuv4")[1]]
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=rate)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        context = stream.codec_context
        context.colorspace = matrix
        context.color_primaries, context.color_trc = 1, transfer
        context.color_range = 2 if full_range else 1
        if sample_aspect_ratio is not None:
            context.sample_aspect_ratio = sample_aspect_ratio
        if rotation:
            stream.set_display_rotation(rotation)
        film.start_encoding()
        for index, picture in enumerate(pictures):
            frame = VideoFrame(width, height, pix_fmt)
            planes = codes(
                picture, matrix=matrix, full_range=full_range, bit_depth=depth, grid=grid
            )
            for number, plane in enumerate(planes):
                fill_plane(frame, number, plane)
            frame.pts, frame.time_base = index, 1 / rate
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path
