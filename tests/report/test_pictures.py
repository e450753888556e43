"""Pictures of a report: small, as they should be, and never too many bytes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from filmcolor.media.read.film_reader import FilmReader
from filmcolor.report.pictures import LARGEST_SIDE, PictureStore, Reducer, _decode
from filmcolor.types import Box, ColorTags
from filmcolor.visual.rgb import PictureMaker, Rgb
from tests.helpers.clips import make_clip


def noise(seed: int, height: int = 150, width: int = 200) -> Rgb:
    """A picture that WebP finds hard."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_bytes_are_bounded_whatever_comes() -> None:
    most = 150_000
    store = PictureStore(most)
    sides = set()
    pictures = [noise(seed) for seed in range(3)]
    for number in range(40):
        store.add(number, pictures[number % 3], pictures[(number + 1) % 3])
        assert sum(pair.bytes for pair in store.pairs.values()) <= most
        sides.add(store.pairs[0].height)
    assert max(sides) == 150 and min(sides) == 90  # first they shrink ...
    kept = sorted(store.pairs)
    step = kept[1] - kept[0]  # ... then every second one goes
    assert step > 1 and kept == list(range(0, 40, step))


def test_pictures_that_fit_keep_their_size() -> None:
    store = PictureStore(10_000_000)
    flat = np.full((720, 960, 3), (200, 40, 90), np.uint8)
    store.add(0, flat, flat)
    pair = store.pairs[0]
    assert (pair.height, pair.width) == (LARGEST_SIDE, 640)
    assert np.abs(_decode(pair.after).astype(int) - (200, 40, 90)).max() < 8


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "gray", "yuv444p"])
@pytest.mark.parametrize("rotation", [0, 90])
def test_two_steps_give_the_picture_that_one_gives(
    tmp_path: Path, pix_fmt: str, rotation: int
) -> None:
    path = tmp_path / "film.mkv"
    make_clip(
        path,
        frames=1,
        width=900,
        height=800,
        pix_fmt=pix_fmt,
        colored=pix_fmt != "gray",
        tags=ColorTags(1, 1, 1, False),
    )
    with FilmReader(str(path)) as reader:
        info = replace(reader.info, rotation=rotation, sample_aspect_ratio=Fraction(9, 8))
        (frame,) = reader.frames(with_chroma=True)
    box = Box(40, 0, 760, 900)
    reducer = Reducer(info, box)
    small = reducer.picture(reducer.reduce(frame)).astype(int)
    if frame.chroma is None:
        assert (small[..., 0] == small[..., 2]).all()
        return
    whole = PictureMaker(info, box, LARGEST_SIDE).picture(frame).astype(int)
    assert small.shape == whole.shape == ((675, 480, 3) if rotation else (480, 675, 3))
    assert np.abs(small - whole).mean() < 1.5


def test_untagged_film_keeps_the_matrix_of_its_true_height(tmp_path: Path) -> None:
    make_clip(tmp_path / "hd.mkv", frames=1, width=1280, height=720, colored=True)
    with FilmReader(str(tmp_path / "hd.mkv")) as reader:
        info = reader.info
        (frame,) = reader.frames(with_chroma=True)
    reducer = Reducer(info, None)
    small = reducer.picture(reducer.reduce(frame)).astype(int)
    whole = PictureMaker(info, None, LARGEST_SIDE).picture(frame).astype(int)
    assert np.abs(small - whole).mean() < 1.5
