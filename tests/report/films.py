"""Films and their results for the tests of reports: shots that are coloured, pale, or flicker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.types import ColorFrame, Frame
from tests.helpers.clips import make_clip
from tests.helpers.coloring import LABEL, options

CUTS = (24, 48, 72)
FRAMES = 96
SIZE = 96, 128
"""Height, width."""

Tint = tuple[int, int]
"""Cb and Cr of a whole frame, 8 bit."""


def tints(index: int) -> Tint:
    """Shot 1 in colour, shot 2 pale, shot 3 changing from frame to frame, shot 4 in colour."""
    shot = sum(index >= cut for cut in CUTS)
    if shot == 1:
        return 126, 130
    if shot == 2 and index % 2:
        return 104, 152
    return 112, 142


def make_pair(folder: Path, *, interlaced: bool = False) -> tuple[Path, Path]:
    """A film of four shots, and its result."""
    film, result = folder / "reel.mp4", folder / "color.mp4"
    make_clip(
        film,
        codec="mpeg2video" if interlaced else "libx264",
        frames=FRAMES,
        height=SIZE[0],
        width=SIZE[1],
        cuts=CUTS,
        interlaced=interlaced,
        metadata={"title": "A <street> & the sea"},
    )
    color(film, result)
    return film, result


def color(film: Path, result: Path) -> None:
    """Colour a film with `tints`."""
    with FilmReader(str(film)) as reader:
        plan = plan_output(reader.info, str(result), replace(options(), overwrite=True))
        with FilmWriter(plan, label=LABEL) as writer:
            for frame in reader.frames():
                writer.write(_tinted(frame, plan.layout.chroma_size(*frame.luma.shape)))
            writer.finish()


def _tinted(frame: Frame, size: tuple[int, int]) -> ColorFrame:
    cb, cr = (np.full(size, code, np.uint8) for code in tints(frame.index))
    key = frame.index in CUTS
    return ColorFrame(
        frame.index, frame.pts, frame.luma, cb, cr, frame.duration, key, frame.interlaced
    )
