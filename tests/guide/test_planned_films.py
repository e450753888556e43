"""Films that are coloured by a plan: each shot as it says, and only what it changes made anew."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from filmcolor.errors import FilmcolorError, OptionError
from filmcolor.guide.plan_file import read_plan
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.pipeline import color_film
from filmcolor.planner import plan_film
from filmcolor.types import Event, Finished, Looking, Notice
from filmcolor.workfolder import default_folder
from tests.clips import make_clip, plane_codes

RATE = Fraction(4)  # frames a second, so that few frames make several segments
CUTS = [24, 48]
SHOTS = [slice(0, 24), slice(24, 48), slice(48, 140)]
FRAMES = 140  # the last shot is divided, and long enough to have a drift
SEGMENTS = [slice(0, 24), slice(24, 48), slice(48, 94), slice(94, 140)]
OPTIONS = RunOptions(
    color=ColorOptions(device="cpu", size=64),
    encode=EncodeOptions(codec="ffv1"),
    keep_work=True,
    overwrite=True,
)

Film = NDArray[np.uint8]
"""(frames, 3, h, w): Y', and Cb and Cr as large."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "in.mkv"
    make_clip(path, frames=FRAMES, rate=RATE, cuts=CUTS, pix_fmt="yuv444p")
    return path


@pytest.fixture(scope="module")
def automatic(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Film:
    return colored(film, tmp_path_factory.mktemp("automatic") / "out.mkv", OPTIONS)


@pytest.fixture(scope="module")
def written(film: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The plan as it is written."""
    path = tmp_path_factory.mktemp("plan") / "film.toml"
    list(plan_film(str(film), str(path), OPTIONS))
    return path.read_text(encoding="utf-8")


@pytest.fixture
def plan(written: str, tmp_path: Path) -> Callable[..., RunOptions]:
    """Writes the plan with lines added to the film (0) or to shots (1, 2, 3) of it; gives the
    options of a run by it."""

    def edited(*additions: tuple[int, str], change: tuple[str, str] = ("", "")) -> RunOptions:
        heads = ["[film]", "[[shot]]  # 1", "[[shot]]  # 2", "[[shot]]  # 3"]
        text = written.replace(*change)
        for number, lines in additions:
            at = heads[number] if number == 0 else shot_end(text, number)
            text = text.replace(at, f"{at}\n{lines}", 1)
        path = tmp_path / "film.toml"
        path.write_text(text, encoding="utf-8")
        return replace(OPTIONS, plan=str(path))

    return edited


def shot_end(text: str, number: int) -> str:
    """The line of a shot of a plan that says when it ends."""
    found = re.findall("^end = .*$", text, re.MULTILINE)[number - 1]
    assert isinstance(found, str)
    return found


def colored(film: Path, target: Path, options: RunOptions) -> Film:
    list(color_film(str(film), str(target), options))
    with av.open(str(target)) as made:
        frames = [[plane_codes(f, at) for at in range(3)] for f in made.decode(video=0)]
    return np.array(frames, np.uint8)


def ledger(target: Path) -> dict[int, tuple[str, str]]:
    """By segment, the digest of its planes and its settings as the ledger's last line has them."""
    lines = (default_folder(str(target)) / "ledger.jsonl").read_text(encoding="utf-8").split("\n")
    entries = map(json.loads, filter(None, lines))
    return {entry["segment"]: (entry["planes"], entry["settings"]) for entry in entries}


def stamps(target: Path) -> dict[int, int]:
    paths = default_folder(str(target)).glob("segment-*.seg")
    return {int(path.stem[-5:]): path.stat().st_mtime_ns for path in paths}


def notices(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def test_a_plan_names_the_shots_and_how_they_end(film: Path, written: str, tmp_path: Path) -> None:
    path = tmp_path / "film.toml"
    events = list(plan_film(str(film), str(path), OPTIONS))
    assert path.read_text(encoding="utf-8").splitlines()[3:] == written.splitlines()[3:]
    finished = events[-1]
    assert isinstance(finished, Finished) and (finished.done, finished.unit) == (3, "shots")
    shots = read_plan(path).shots
    times = [(shot.start * RATE, (shot.end or 0) * RATE) for shot in shots]
    assert times == [(shot.start, shot.stop) for shot in SHOTS]
    assert 'end = "00:00:06.000"  # ends with a cut\n# still: shot-0001_00-00-03.000.png' in written
    assert written.splitlines()[2].startswith("#   filmcolor run ")
    with pytest.raises(OptionError, match="is there already"):
        list(plan_film(str(film), str(path), replace(OPTIONS, overwrite=False)))


def test_an_unchanged_plan_changes_nothing(
    film: Path, automatic: Film, plan: Callable[..., RunOptions], tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    assert np.array_equal(colored(film, target, plan()), automatic)
    assert [settings for _, settings in ledger(target).values()] == [""] * len(SEGMENTS)
    before = stamps(target)
    assert np.array_equal(colored(film, target, OPTIONS), automatic)
    assert stamps(target) == before


def test_a_changed_shot_is_made_anew_and_nothing_else(
    film: Path, automatic: Film, plan: Callable[..., RunOptions], tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    colored(film, target, plan())
    before, planes = stamps(target), ledger(target)
    pale = colored(film, target, plan((2, "saturation = 0.25")))
    assert {n for n, stamp in stamps(target).items() if stamp != before[n]} == {1}
    assert {n for n, entry in ledger(target).items() if entry != planes[n]} == {1}
    assert np.array_equal(pale[:24], automatic[:24])
    assert np.array_equal(pale[48:], automatic[48:])
    assert strength(pale[SHOTS[1]]) == pytest.approx(0.25 * strength(automatic[SHOTS[1]]), rel=0.15)
    assert np.array_equal(pale[:, 0], automatic[:, 0])
    assert np.array_equal(colored(film, target, plan()), automatic)


def strength(part: Film) -> float:
    return float(np.hypot(*(part[:, at].astype(float) - 128 for at in (1, 2))).mean())


@pytest.mark.parametrize(
    ("lines", "color"),
    [
        ('look = "vivid"', {"look": "vivid"}),
        ("stability = 0.1", {"stability": 0.1}),
        ("hue_shift = 75\nsaturation = 1.5", {"hue_shift": 75.0, "saturation": 1.5}),
        ("stability = 0", {"stability": 0.0}),
    ],
)
@pytest.mark.parametrize("shot", [1, 3])
def test_a_shot_has_the_colors_of_a_film_with_its_settings(
    film: Path,
    automatic: Film,
    plan: Callable[..., RunOptions],
    tmp_path: Path,
    lines: str,
    color: dict[str, object],
    shot: int,
) -> None:
    if shot == 1 and "look" not in color:
        pytest.skip("the long shot shows more")
    whole = replace(OPTIONS, color=replace(OPTIONS.color, **color))  # type: ignore[arg-type]
    wanted = colored(film, tmp_path / "whole.mkv", whole)
    made = colored(film, tmp_path / "out.mkv", plan((shot, lines)))
    for number, part in enumerate(SHOTS, 1):
        assert np.array_equal(made[part], (wanted if number == shot else automatic)[part])
    assert not np.array_equal(wanted[SHOTS[shot - 1]], automatic[SHOTS[shot - 1]])
