"""`import filmcolor`, and the page that explains it: every example of it is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import filmcolor
from filmcolor.color import luma_from_rgb
from filmcolor.evaluate.coloring import to_rgb
from filmcolor.events import Finished, PictureDone, Progress
from tests.helpers.clips import luma_picture, make_clip

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
QUICK = filmcolor.ColorOptions(device="cpu", size=96)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the page's examples find."""
    make_clip(tmp_path / "old_film.mp4", codec="libx264", frames=4)
    (tmp_path / "photos").mkdir()
    for name in ("portrait.jpg", "photos/one.jpg"):
        Image.fromarray(luma_picture(0, 48, 64)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.e2e
def test_every_example_of_the_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 9
    names: dict[str, object] = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{PAGE.name}, example {number + 1}", "exec"), names)
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("4 frames in ")
    assert "4 of 4" in out
    assert out[-1] == "no_such_film.mp4: no such file: check the name"
    for name in ("color.mp4", "archive.mkv", "portrait.color.jpg", "colored/one.jpg"):
        assert (folder / name).is_file()
    with av.open(str(folder / "archive.mkv")) as film:
        assert film.streams.video[0].codec.name == "ffv1"
    assert isinstance(names["report"].frames, int)  # type: ignore[attr-defined]


def test_a_film_and_its_events(folder: Path) -> None:
    told: list[object] = []
    options = filmcolor.RunOptions(color=replace(QUICK, smooth="none"))
    done = filmcolor.color_film(Path("old_film.mp4"), Path("c.mp4"), options, told.append)
    assert isinstance(done, Finished) and done.done == 4 and told[-1] is done
    assert any(isinstance(each, Progress) for each in told)
    assert filmcolor.verify_film("old_film.mp4", Path("c.mp4")).holds
    with pytest.raises(filmcolor.FilmcolorError, match="is there already"):
        filmcolor.color_film("old_film.mp4", "c.mp4", options)


def test_pictures_of_a_folder(folder: Path) -> None:
    (folder / "photos" / "bad.jpg").write_text("no picture")
    told: list[object] = []
    options = filmcolor.RunOptions(color=QUICK)
    done = filmcolor.color_picture("photos", "colored", options, told.append)
    assert (done.done, done.failed) == (1, 1)
    assert sorted(e.status for e in told if isinstance(e, PictureDone)) == ["done", "failed"]


def test_frames_keep_their_luma_and_get_colour() -> None:
    grey = np.stack([luma_picture(index, 64, 96) for index in range(10)])
    colored = list(filmcolor.color_frames(grey, QUICK))
    assert len(colored) == 10
    assert all(each.shape == (64, 96, 3) and each.dtype == np.uint8 for each in colored)
    luma = luma_from_rgb(to_rgb(colored, "cpu"))[:, 0].numpy() * 255
    assert np.abs(luma - grey).max() < 2.5 and np.abs(luma - grey).mean() < 0.6
    spread = np.stack(colored).astype(int)
    assert np.abs(spread[..., 0] - spread[..., 2]).mean() > 2
    pale = list(filmcolor.color_frames(grey[:1], replace(QUICK, saturation=0.0)))
    assert (pale[0] == grey[0][..., None]).all()


def test_frames_in_rgb_count_by_their_luma() -> None:
    grey = luma_picture(0, 64, 96)
    (one,) = filmcolor.color_frames([grey], QUICK)
    (same,) = filmcolor.color_frames([np.repeat(grey[..., None], 3, axis=2)], QUICK)
    assert (one == same).all()


def test_frames_come_while_others_are_still_being_made() -> None:
    taken = []

    def endless() -> Iterator[np.ndarray]:  # type: ignore[type-arg]
        for index in range(10_000):
            taken.append(index)
            yield luma_picture(index, 32, 32)

    options = replace(QUICK, size=64, stride=8)
    frames = filmcolor.color_frames(endless(), options)
    first = next(frames)
    frames.close()
    assert first.shape == (32, 32, 3) and len(taken) < 150


def test_no_frames_and_wrong_ones() -> None:
    assert list(filmcolor.color_frames([])) == []
    grey = luma_picture(0, 32, 32)
    for wrong, words in [
        ([grey.astype(np.float32)], "frame 0: must be uint8"),
        ([grey[0]], r"frame 0: must be uint8 .* got uint8 \(32,\)"),
        ([np.zeros((0, 4), np.uint8)], "frame 0"),
        ([grey, grey[:16]], r"frame 1: is \(16, 32\), the first \(32, 32\)"),
    ]:
        with pytest.raises(ValueError, match=words):
            list(filmcolor.color_frames(wrong, QUICK))
    with pytest.raises(filmcolor.FilmcolorError, match="stride auto"):
        list(filmcolor.color_frames([grey], replace(QUICK, stride="auto")))


def test_names() -> None:
    assert dir(filmcolor) == sorted(filmcolor.__all__)
    for name in filmcolor.__all__:
        assert getattr(filmcolor, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'colour_film'"):
        filmcolor.colour_film  # type: ignore[attr-defined]  # noqa: B018
