"""Fields are taken out of frames, coloured by themselves, and laid together in the right rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from filmcolor.options import RunOptions
from filmcolor.stages.chroma_drift import Drift
from filmcolor.stages.infer import View
from filmcolor.stages.interlace import FieldSplitter, field_drift, field_view, keeps_fields
from filmcolor.types import AbMap, Box, Frame
from tests.helpers.clips import probe
from tests.helpers.woven import woven_film


def frames(count: int) -> Iterator[Frame]:
    """Even rows hold twice the frame's number, odd ones one more; the third begins a shot."""
    for index in range(count):
        luma = np.full((7, 4), 2 * index, np.uint8)
        luma[1::2] += 1
        yield Frame(index, 10 * index, luma, shot=index // 3, place=index % 3, interlaced=True)


def colored(frame: Frame) -> tuple[Frame, AbMap]:
    level = float(frame.luma.mean())
    plane = np.full((2, 2, 2), level, np.float32)
    return frame, AbMap(frame.index, plane, np.zeros((4, 4), np.float32))


@pytest.mark.parametrize("top_first", [True, False])
def test_each_field_gets_its_own_color(top_first: bool) -> None:
    splitter = FieldSplitter(top_first=top_first)
    seen = list(splitter.split(frames(5)))
    assert [field.index for field in seen] == list(range(10))
    assert [field.place for field in seen] == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]
    assert [field.luma.shape[0] for field in seen[:2]] == ([4, 3] if top_first else [3, 4])
    levels = [int(field.luma[0, 0]) for field in seen]
    assert levels[:4] == ([0, 1, 2, 3] if top_first else [1, 0, 3, 2])
    together = list(splitter.join(map(colored, seen)))
    assert [frame.index for frame, _ in together] == list(range(5))
    for frame, colors in together:
        assert frame.luma.shape == (7, 4)
        assert (colors.top.ab == 2 * frame.index).all()
        assert (colors.bottom.ab == 2 * frame.index + 1).all()


def test_frames_are_joined_as_they_come() -> None:
    taken: list[int] = []
    splitter = FieldSplitter(top_first=True)

    def source() -> Iterator[Frame]:
        for frame in frames(5):
            taken.append(frame.index)
            yield frame

    for frame, _ in splitter.join(map(colored, splitter.split(source()))):
        assert taken[-1] == frame.index


def test_lost_fields_are_an_error() -> None:
    splitter = FieldSplitter(top_first=True)
    seen = list(splitter.split(frames(3)))
    del seen[2]
    with pytest.raises(ValueError, match="frame 1"):
        list(splitter.join(map(colored, seen)))


def test_a_field_is_shown_like_its_frame() -> None:
    view = View(8, False, 16, 32, rotation=180, box=Box(8, 6, 72, 134))
    luma = np.random.default_rng(0).integers(0, 256, (80, 140)).astype(np.uint8)
    luma[1::2] = luma[0::2]
    for parity in (0, 1):
        shown = field_view(view).show(luma[parity::2])
        assert np.array_equal(shown, view.show(luma))
    assert field_view(replace(view, box=None)) == replace(view, box=None)


def test_drift_is_that_of_the_frame() -> None:
    drift = Drift({1: ((0, 0.0, 1.0), (24, 6.0, 1.0))})
    halved = field_drift(drift)
    for place in (0, 5, 24):
        assert np.allclose(halved.at(1, 2 * place), drift.at(1, place))
    assert np.allclose(halved.at(1, 11), (drift.at(1, 5) + drift.at(1, 6)) / 2)


def test_which_films_are_colored_by_field(tmp_path: Path) -> None:
    woven_film(tmp_path / "in.mkv")
    info = probe(str(tmp_path / "in.mkv"))
    assert keeps_fields(info, RunOptions())
    assert not keeps_fields(info, RunOptions(deinterlace=True))
    assert not keeps_fields(replace(info, interlaced=False), RunOptions())
    assert not keeps_fields(replace(info, height=1), RunOptions())
