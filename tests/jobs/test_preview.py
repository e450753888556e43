"""The preview shows a film's shots in every look, few frames decoded, and nothing half written."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from filmcolor.cli import main
from filmcolor.errors import OptionError
from filmcolor.events import Finished
from filmcolor.jobs import preview
from filmcolor.jobs.preview import preview_film, telling_frames
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.read.passes import Passes
from filmcolor.options import ColorOptions, PreviewOptions, RunOptions
from filmcolor.types import Frame
from tests.helpers.clips import luma_picture, make_clip
from tests.helpers.upscalers import write_upscaler

OPTIONS = PreviewOptions(RunOptions(ColorOptions(device="cpu", size=64)), shots=4)


def frames(scenes: list[int | None]) -> list[Frame]:
    """One frame a scene, of moving patterns; None is a blank one."""
    blank = np.full((60, 80), 20, np.uint8)
    return [
        Frame(n, 10 * n, blank if scene is None else luma_picture(n, 60, 80, scene=scene))
        for n, scene in enumerate(scenes)
    ]


def test_one_frame_of_each_shot_and_no_blank_one() -> None:
    found = telling_frames(frames([None, 1, 1, 1, None, 2, 2, 2, 3, None]), 8, 8)
    assert [frame.index for frame in found] == [2, 6, 8]


def test_many_shots_are_spread_over_the_film() -> None:
    found = [frame.index for frame in telling_frames(frames(list(range(1, 33))), 8, 4)]
    assert len(found) == 4
    assert all(4 <= b - a <= 12 for a, b in pairwise(found))
    assert found[0] < 8 and found[-1] >= 24


def test_a_film_of_nothing_shows_a_blank_frame() -> None:
    assert len(telling_frames(frames([None, None]), 8, 4)) == 1


@pytest.mark.smoke
def test_a_sheet_has_a_row_a_shot_and_a_column_a_look(tmp_path: Path) -> None:
    source, target = tmp_path / "in.mkv", tmp_path / "sheet.png"
    make_clip(source, frames=60, width=96, height=64, rate=Fraction(10), cuts=[30])
    # A model may have little to say of stripes: what it says is made strong enough to be seen.
    strong = replace(OPTIONS.run, color=replace(OPTIONS.run.color, saturation=4.0))
    events = list(preview_film(str(source), str(target), replace(OPTIONS, run=strong)))
    assert isinstance(events[-1], Finished)
    rows = events[-1].done // 3
    assert rows >= 2
    sheet = cv2.imread(str(target))
    height = preview._CELL_HEIGHT
    assert rows * height < sheet.shape[0] < (rows + 1) * height
    across = sheet[height // 2 + 30]  # a line through the first row: label, grey, three looks
    chroma = np.ptp(across.astype(int), axis=1)
    label = sheet.shape[1] - 4 * (height * 96 // 64 + 4)
    width = height * 96 // 64
    columns = [chroma[label + 4 + n * (width + 4) :][:width] for n in range(4)]
    assert columns[0].max() == 0
    assert all(column.mean() > 3 for column in columns[1:])


def test_a_sheet_shows_the_size_that_a_run_would_make(tmp_path: Path) -> None:
    source, sheets = tmp_path / "in.mkv", []
    make_clip(source, frames=8, width=96, height=64, rate=Fraction(10))
    plain = PreviewOptions(OPTIONS.run, shots=1)
    mine = write_upscaler(tmp_path / "mine.safetensors")
    larger = replace(OPTIONS.run, upscale=2, upscale_model=mine)
    for name, options in (("plain", plain), ("larger", PreviewOptions(larger, shots=1))):
        target = tmp_path / f"{name}.png"
        list(preview_film(str(source), str(target), options))
        sheets.append(cv2.imread(str(target)))
    height = preview._CELL_HEIGHT
    assert sheets[1].shape[0] - sheets[0].shape[0] == height
    # What the upscaler adds is in the coloured pictures and not in that of the film as it is.
    cells = []
    for sheet, tall in zip(sheets, (height, 2 * height), strict=True):
        width = tall * 96 // 64
        grey, natural = sheet.shape[1] - 4 * (width + 4) + 4, sheet.shape[1] - 3 * (width + 4) + 4
        for left in (grey, natural):
            cell = sheet[-tall:, left : left + width].astype(np.float32).mean(axis=2)
            cells.append(cv2.resize(cell, (96, 64), interpolation=cv2.INTER_AREA))
    assert np.abs(cells[2] - cells[0]).mean() < 1.5
    assert np.abs(cells[3] - cells[1]).mean() > 2 * np.abs(cells[2] - cells[0]).mean()


def test_a_long_film_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "in.mp4"
    make_clip(source, frames=1200, width=64, height=48, codec="libx264", rate=Fraction(10))
    monkeypatch.setattr("filmcolor.media.read.sampling._STRIDE_PIXELS", 0)
    monkeypatch.setattr("filmcolor.media.read.sampling._SAMPLE_PIXELS", 8 * 64 * 48)
    decoded = 0
    original = Passes._decoded

    def counting(self: Passes, *rest: object) -> object:
        nonlocal decoded
        for one in original(self, *rest):  # type: ignore[arg-type]
            decoded += 1
            yield one

    monkeypatch.setattr(Passes, "_decoded", counting)
    list(preview_film(str(source), str(tmp_path / "sheet.png"), OPTIONS))
    assert 32 <= decoded <= 32 * 10 + 8


@pytest.mark.parametrize("suffix", [".avi", ".mpg", ".ts"])
def test_samples_come_from_all_over_films_that_seek_badly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    source = tmp_path / f"in{suffix}"
    make_clip(source, frames=400, width=64, height=48, codec="mpeg2video", rate=Fraction(25))
    monkeypatch.setattr("filmcolor.media.read.sampling._STRIDE_PIXELS", 0)
    with FilmReader(str(source)) as reader:
        samples = reader.sample(8)
        seconds = [float((one.pts - samples[0].pts) * reader.info.time_base) for one in samples]
    assert len(samples) >= 6
    assert seconds[-1] > 10


def test_a_sheet_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "sheet.png"
    target.write_bytes(b"mine")
    with pytest.raises(OptionError, match="--overwrite"):
        list(preview_film("film.mp4", str(target), OPTIONS))
    with pytest.raises(OptionError, match=r"ends in \.png"):
        list(preview_film("film.mp4", str(tmp_path / "sheet.jpg"), OPTIONS))
    assert target.read_bytes() == b"mine"


def test_the_command_names_its_sheet_after_the_film(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "old reel.mkv"
    make_clip(source, frames=12, width=64, height=48)
    assert main(["preview", str(source), "--device", "cpu", "--size", "64"]) == 0
    assert (tmp_path / "old reel.preview.png").is_file()
    assert "old reel.preview.png" in capsys.readouterr().err
    assert main(["preview", str(tmp_path), "--device", "cpu"]) != 0
    assert "is no film" in capsys.readouterr().err
