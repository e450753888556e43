"""What comes under a target's name while the work goes on is never destroyed, nor is any source."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from filmcolor.errors import NameTakenError, OptionError
from filmcolor.events import Analyzing, PictureDone, Started
from filmcolor.extract.job import write_frame
from filmcolor.jobs.batch import BatchItem, color_batch
from filmcolor.jobs.film import color_film
from filmcolor.jobs.pictures import color_pictures
from filmcolor.jobs.plan_file import plan_film
from filmcolor.jobs.preview import preview_film
from filmcolor.media.images.still_file import write_still
from filmcolor.options import (
    ColorOptions,
    CompareOptions,
    PreviewOptions,
    ReportOptions,
    RunOptions,
)
from filmcolor.report.make import write_report
from filmcolor.segments.workplace import default_folder
from filmcolor.visual.compare import compare_films
from tests.helpers.clips import decode_film, luma_picture, make_clip
from tests.helpers.tiny_model import tiny_model

pytestmark = pytest.mark.e2e

QUICK = RunOptions(color=ColorOptions(device="cpu", model=tiny_model(), size=64, smooth="none"))
MINE = b"somebody else's"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    make_clip(path, frames=4, width=64, height=48)
    return path


def crossed(events: Iterator[object], path: Path) -> list[object]:
    """Have something come under a name once the work has begun."""
    told = []
    for event in events:
        told.append(event)
        if isinstance(event, Started | Analyzing) and not path.exists():
            path.write_bytes(MINE)
    return told


def test_a_film_is_kept_beside_what_came(film: Path, tmp_path: Path) -> None:
    target = tmp_path / "color.mkv"
    with pytest.raises(NameTakenError, match=r"color~2\.mkv$"):
        crossed(color_film(str(film), str(target), QUICK), target)
    assert target.read_bytes() == MINE
    assert len(decode_film(tmp_path / "color~2.mkv")[1]) == 4
    assert not default_folder(str(target)).exists()
    list(color_film(str(film), str(target), replace(QUICK, overwrite=True)))
    assert len(decode_film(target)[1]) == 4


def test_a_film_of_several_counts_as_failed(film: Path, tmp_path: Path) -> None:
    items = [BatchItem(str(film), str(tmp_path / name)) for name in ("a.mkv", "b.mkv")]
    told = crossed(color_batch(items, QUICK), tmp_path / "a.mkv")
    ends = {event.target: event for event in told if hasattr(event, "reason")}
    assert [end.status for end in ends.values()] == ["failed", "done"]
    assert ends[str(tmp_path / "a.mkv")].reason.endswith(str(tmp_path / "a~2.mkv"))
    assert (tmp_path / "a.mkv").read_bytes() == MINE


def test_sidecar_sheet_page_plan_and_comparison(film: Path, tmp_path: Path) -> None:
    color = tmp_path / "color.mkv"
    list(color_film(str(film), str(color), QUICK))
    target = str(tmp_path / "again.mkv")
    made: list[tuple[str, Callable[[str], Iterator[object]]]] = [
        (
            "again.mkv.json",
            lambda _: color_film(str(film), target, replace(QUICK, sidecar=True)),
        ),
        ("sheet.png", lambda name: preview_film(str(film), name, PreviewOptions(QUICK, 1))),
        ("page.html", lambda name: write_report(str(film), str(color), name, ReportOptions())),
        ("film.toml", lambda name: plan_film(str(film), name, QUICK)),
        (
            "both.mkv",
            lambda name: compare_films(str(film), str(color), name, CompareOptions(run=QUICK)),
        ),
    ]
    for name, events in made:
        path = tmp_path / name
        kept = path.with_stem(f"{path.stem}~2")
        with pytest.raises(NameTakenError, match=str(kept)):
            crossed(events(str(path)), path)
        assert path.read_bytes() == MINE, name
        assert kept.stat().st_size > len(MINE), name


def test_pictures_stills_and_frames(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    out.mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(photos / name), luma_picture(0, 32, 32))

    def late() -> Iterator[object]:
        for event in color_pictures(str(photos), str(out), QUICK):
            yield event
            if isinstance(event, PictureDone):
                (out / "b.png").write_bytes(MINE)

    # What is there when its turn comes is skipped.
    told = [event for event in late() if isinstance(event, PictureDone)]
    assert [event.status for event in told] == ["done", "skipped"]
    assert (out / "b.png").read_bytes() == MINE
    rgb = np.full((8, 8, 3), 99, np.uint8)
    still, frame = out / "still.png", out / "frame.webp"
    assert write_still(still, rgb) and write_frame(frame, rgb, "webp")
    still.write_bytes(MINE)
    frame.write_bytes(MINE)
    assert not write_still(still, rgb)
    assert not write_frame(frame, rgb, "webp")
    assert sorted(path.name for path in out.iterdir() if path.read_bytes() == MINE) == [
        "b.png",
        "frame.webp",
        "still.png",
    ]


def test_no_result_of_several_goes_onto_a_source(film: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.mkv", tmp_path / "two.mkv"
    for path in (one, two):
        shutil.copy(film, path)
    (tmp_path / "soft.mkv").symlink_to(two)
    os.link(two, tmp_path / "hard.mkv")
    before = two.read_bytes()
    anew = replace(QUICK, overwrite=True)
    for name in ("two.mkv", "soft.mkv", "hard.mkv"):
        items = [
            BatchItem(str(one), str(tmp_path / name)),
            BatchItem(str(two), str(tmp_path / "new.mkv")),
        ]
        with pytest.raises(OptionError, match=r"result of .*one\.mkv would replace .*two\.mkv"):
            list(color_batch(items, anew))
    items = [BatchItem(str(one), str(tmp_path / "x.mkv")), BatchItem(str(two), f"{tmp_path}/x.mkv")]
    with pytest.raises(OptionError, match="is another's too"):
        list(color_batch(items, QUICK))
    assert two.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "hard.mkv",
        "one.mkv",
        "soft.mkv",
        "two.mkv",
    ]


def test_no_picture_goes_onto_a_source(tmp_path: Path) -> None:
    """The folder of the results holds that of the sources: what lies deeper comes out higher."""
    photos = tmp_path / "photos"
    (photos / "photos").mkdir(parents=True)
    paths = [photos / "a.png", photos / "photos" / "a.png"]
    for scene, path in enumerate(paths):
        cv2.imwrite(str(path), luma_picture(0, 32, 32, scene=scene))
    before = [path.read_bytes() for path in paths]
    anew = replace(QUICK, overwrite=True)
    items = [BatchItem(str(photos), str(tmp_path), "pictures")]
    for job in (
        color_pictures(str(photos), str(tmp_path), anew),
        color_batch(items, anew),
    ):
        with pytest.raises(OptionError, match=r"photos/a\.png: the result of .* would replace"):
            list(job)
    other = tmp_path / "other"
    other.symlink_to(paths[0])
    reference = replace(anew, reference=str(paths[1]))
    for target, options in ((paths[0], anew), (other, anew), (paths[1], reference)):
        with pytest.raises(OptionError, match="is the source itself"):
            list(color_pictures(str(paths[0]), str(target), options))
    assert [path.read_bytes() for path in paths] == before


def test_a_folder_under_the_name_of_a_picture_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out" / "a.png").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "in" / "a.png"), np.full((16, 16), 90, np.uint8))
    options = replace(QUICK, overwrite=True)
    events = color_pictures(str(tmp_path / "in"), str(tmp_path / "out"), options)
    (told,) = [event for event in events if isinstance(event, PictureDone)]
    assert told.status == "failed" and "a.png: is a folder" in told.reason
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_two_runs_over_one_folder_both_end_well(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "abc":
        cv2.imwrite(str(tmp_path / "in" / f"{name}.png"), luma_picture(0, 32, 40))
    source, target = str(tmp_path / "in"), str(tmp_path / "out")
    first = color_pictures(source, target, QUICK)
    told: list[object] = [next(first), next(first)]  # its first picture is written
    told += [*color_pictures(source, target, QUICK), *first]
    ends = [event.status for event in told if isinstance(event, PictureDone)]
    assert sorted(ends) == ["done"] * 3 + ["skipped"] * 3
    assert {path.name for path in Path(target).iterdir()} == {"a.png", "b.png", "c.png"}


def test_a_picture_of_a_folder_that_another_run_has_made_meanwhile_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), luma_picture(0, 32, 40))
    monkeypatch.setattr(Path, "exists", lambda path: path.suffix != ".png")  # a moment ago
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_bytes(MINE)
    told = color_pictures(str(tmp_path / "in"), str(tmp_path / "out"), QUICK)
    ends = [event.status for event in told if isinstance(event, PictureDone)]
    assert ends == ["skipped"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]
    assert (tmp_path / "out" / "a.png").read_bytes() == MINE
