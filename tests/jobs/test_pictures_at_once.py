"""Pictures of a folder, several at a time: the same files and events, and not too much at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import torch

from filmcolor.events import PictureDone, Progress
from filmcolor.jobs import pictures
from filmcolor.jobs.pictures import color_pictures
from filmcolor.options import ColorOptions, RunOptions
from tests.helpers.clips import luma_picture
from tests.helpers.tiny_model import tiny_model

QUICK = RunOptions(color=ColorOptions(model=tiny_model(), device="cpu"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four good pictures and a broken one in their midst."""
    place = tmp_path / "in"
    place.mkdir()
    for number in (1, 2, 4, 5):
        picture = luma_picture(number, 48 + 8 * number, 64, scene=number)
        cv2.imwrite(str(place / f"{number}.png"), picture)
    (place / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n not a picture")
    return place


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """How many pictures are at work."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_files_and_events_do_not_depend_on_it(folder: Path, threads: int, tmp_path: Path) -> None:
    out, alone = tmp_path / "out", tmp_path / "alone"
    events = list(color_pictures(str(folder), str(out), QUICK))
    assert torch.get_num_threads() == threads
    told = [(Path(e.source).name, e.status) for e in events if isinstance(e, PictureDone)]
    states = ["done", "done", "failed", "done", "done"]
    assert told == [(f"{number}.png", state) for number, state in enumerate(states, 1)]
    assert [e.done for e in events if isinstance(e, Progress)] == [1, 2, 3, 4, 5]
    assert {"read", "infer", "compose", "write"} <= events[-1].stage_seconds.keys()  # type: ignore[attr-defined]
    assert sorted(path.name for path in out.iterdir()) == ["1.png", "2.png", "4.png", "5.png"]
    alone.mkdir()
    for path in out.iterdir():
        list(color_pictures(str(folder / path.name), str(alone / path.name), QUICK))
        assert path.read_bytes() == (alone / path.name).read_bytes()


@pytest.mark.parametrize("pixels", [1, 1 << 24])
@pytest.mark.parametrize("threads", [3], indirect=True)
def test_large_ones_wait_for_each_other(
    folder: Path,
    threads: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pixels: int,
) -> None:
    at_work, most = [0], [0]
    original = pictures._PictureColorer.color

    def counted(self: object, *given: object, **named: object) -> object:
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        time.sleep(0.1)
        at_work[0] -= 1
        return original(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(pictures, "_PIXELS_AT_ONCE", pixels)
    monkeypatch.setattr(pictures._PictureColorer, "color", counted)
    list(color_pictures(str(folder), str(tmp_path / "out"), QUICK))
    assert (most[0] > 1) is (pixels > 1)


@pytest.mark.parametrize("threads", [3], indirect=True)
def test_broken_off_between_two(folder: Path, threads: int, tmp_path: Path) -> None:
    events = color_pictures(str(folder), str(tmp_path / "out"), QUICK)
    while not isinstance(next(events), PictureDone):
        pass
    events.close()
    assert torch.get_num_threads() == threads
    made = [path for path in (tmp_path / "out").iterdir()]
    assert all(cv2.imread(str(path)) is not None for path in made)  # whole, or not there
    again = list(color_pictures(str(folder), str(tmp_path / "out"), QUICK))
    assert (again[-1].done, again[-1].skipped) == (4 - len(made), len(made))  # type: ignore[attr-defined]
