"""Films whose things people have changed: the same thing in all its shots, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from filmcolor.errors import OptionError
from filmcolor.guide.plan_file import read_plan
from filmcolor.jobs.film import color_film
from filmcolor.jobs.plan_file import plan_film
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.segments.workplace import default_folder
from tests.helpers.clips import plane_codes

pytestmark = pytest.mark.e2e

SHOTS = [slice(0, 6), slice(6, 12), slice(12, 18)]
OPTIONS = RunOptions(
    color=ColorOptions(device="cpu", size=64, engine="torch"),
    encode=EncodeOptions(codec="ffv1"),
    keep_work=True,
    overwrite=True,
)

Film = NDArray[np.uint8]
"""(frames, 3, h, w): Y', and Cb and Cr as large."""


def picture(scene: int, index: int) -> NDArray[np.uint8]:
    """A dark box before stripes, or bright discs on dark ground; grain that changes."""
    rows, columns = np.mgrid[0:64, 0:64]
    if scene == 0:
        codes = np.where(columns // 4 % 2 == 0, 190, 150)
        codes[24:, 20:48] = 60
    else:
        codes = np.where((rows % 32 - 16) ** 2 + (columns % 32 - 16) ** 2 < 90, 220, 40)
    grain = np.random.default_rng(index).integers(-3, 4, codes.shape)
    return (codes + grain).astype(np.uint8)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shots of 6 s of one place, of another, and of the first again."""
    path = tmp_path_factory.mktemp("film") / "in.mkv"
    with av.open(str(path), "w") as made:
        stream = made.add_stream("ffv1", rate=Fraction(1))
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv444p"
        for index in range(18):
            luma = picture(index // 6 % 2, index)
            planes = np.stack([luma, np.full_like(luma, 128), np.full_like(luma, 128)])
            made.mux(stream.encode(VideoFrame.from_ndarray(planes, "yuv444p")))
        made.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def written(film: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("plan") / "film.toml"
    list(plan_film(str(film), str(path), OPTIONS))
    return path.read_text(encoding="utf-8")


def colored(film: Path, target: Path, options: RunOptions) -> Film:
    list(color_film(str(film), str(target), options))
    with av.open(str(target)) as made:
        frames = [[plane_codes(f, plane) for plane in range(3)] for f in made.decode(video=0)]
    return np.array(frames)


def settings(target: Path) -> list[str]:
    lines = (default_folder(str(target)) / "ledger.jsonl").read_text(encoding="utf-8").split("\n")
    entries = map(json.loads, filter(None, lines))
    latest = {entry["segment"]: entry["settings"] for entry in entries}
    return [latest[segment] for segment in sorted(latest)]


def edited(written: str, name: str, line: str, folder: Path) -> RunOptions:
    head = f'name = "{name}"\n'
    assert head in written
    path = folder / "film.toml"
    path.write_text(written.replace(head, f"{head}{line}\n"), encoding="utf-8")
    return replace(OPTIONS, plan=str(path))


def test_the_plan_lists_things_and_where_they_are(written: str, tmp_path: Path) -> None:
    path = tmp_path / "film.toml"
    path.write_text(written, encoding="utf-8")
    things = read_plan(path).things
    assert things and not any(thing.is_edited for thing in things)
    assert len({thing.name for thing in things}) == len(things)
    several = [block for block in written.split("[[thing]]") if '# "00-00-12.000_' in block]
    assert any('# "00-00-00.000_' in block for block in several)
    assert not any('# "00-00-06.000_' in block for block in several)
    assert "shot 1 at 00:00:04.000 in [" in written


def shared_thing(written: str) -> str:
    """The name of the thing of the first and the third shot that is the largest."""
    blocks = [block for block in written.split("[[thing]]") if '# "00-00-12.000_' in block]

    def area(block: str) -> float:
        x0, y0, x1, y1 = json.loads("[" + block.split(" in [")[1].split("\n")[0])
        return float((x1 - x0) * (y1 - y0))

    block = max((block for block in blocks if '# "00-00-00.000_' in block), key=area)
    return block.split('"')[1]


def test_a_color_is_seen_in_all_shots_of_the_thing_and_nowhere_else(
    film: Path, written: str, tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    before = colored(film, target, OPTIONS)
    assert settings(target) == ["", "", ""]
    options = edited(written, shared_thing(written), 'color = "#1030e0"', tmp_path)
    after = colored(film, target, options)
    texts = settings(target)
    assert texts[0].startswith("0: things ") and texts[1] == "" and "12: things " in texts[2]
    assert np.array_equal(after[:, 0], before[:, 0])
    assert np.array_equal(after[SHOTS[1]], before[SHOTS[1]])
    for shot in (SHOTS[0], SHOTS[2]):
        bluer = after[shot, 1].astype(int) - before[shot, 1]
        assert (bluer > 20).mean() > 0.05
    assert np.array_equal(after, colored(film, tmp_path / "again.mkv", options))
    assert np.array_equal(colored(film, target, OPTIONS), before)


def test_a_stroke_is_followed_in_other_shots_of_its_thing(
    film: Path, written: str, tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    before = colored(film, target, OPTIONS)
    strokes = tmp_path / "strokes.toml"
    strokes.write_text('[[stroke]]\nat = 4\nbox = [26, 40, 42, 60]\ncolor = "#1030e0"\n')
    after = colored(film, target, replace(OPTIONS, strokes=str(strokes)))
    assert np.array_equal(after[SHOTS[1]], before[SHOTS[1]])
    for shot in (SHOTS[0], SHOTS[2]):
        bluer = after[shot, 1].astype(int) - before[shot, 1]
        assert bluer[:, 44:56, 30:38].mean() > 20
        assert abs(bluer[:, :16].mean()) < 10


def test_a_still_is_followed_in_other_shots_of_its_things(film: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    before = colored(film, target, OPTIONS)
    (tmp_path / "stills").mkdir()
    still = np.full((64, 64, 3), (16, 48, 224), np.uint8)
    Image.fromarray(still).save(tmp_path / "stills" / "00-00-04.000.png")
    after = colored(film, target, replace(OPTIONS, stills=str(tmp_path / "stills")))
    assert np.array_equal(after[SHOTS[1]], before[SHOTS[1]])
    for shot in (SHOTS[0], SHOTS[2]):
        assert (after[shot, 1].astype(int) - before[shot, 1]).mean() > 20


def test_an_unknown_thing_is_refused_with_its_place(
    film: Path, written: str, tmp_path: Path
) -> None:
    path = tmp_path / "film.toml"
    path.write_text(f'{written}\n[[thing]]\nname = "coat"\ncolor = "#102030"\n', encoding="utf-8")
    line = len(written.splitlines()) + 3
    with pytest.raises(OptionError, match=f"line {line}: thing .*: name: coat is none of this"):
        list(color_film(str(film), str(tmp_path / "o.mkv"), replace(OPTIONS, plan=str(path))))
