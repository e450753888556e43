"""Films measured side by side: pairing, parts, what stands beside them, bad input."""

from __future__ import annotations

import json
import weakref
from collections.abc import Generator, Iterator
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filmcolor.analysis.shots import ShotSettings
from filmcolor.cli import main
from filmcolor.errors import CheckpointError, MediaError, OptionError
from filmcolor.evaluate import film_report
from filmcolor.evaluate.film_report import FilmReport, FilmRow, evaluate_films
from filmcolor.events import Notice
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.options import FilmMeasureOptions
from filmcolor.stages.smooth import RADIUS
from filmcolor.types import Frame
from tests.evaluate.films import report
from tests.helpers.clips import make_clip
from tests.helpers.color_films import Picture, grey, pan, write_film
from tests.helpers.networks import wavering

NTSC = Fraction(24000, 1001)


@pytest.fixture
def models_waver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a model of known colours in the place of all models."""
    monkeypatch.setattr(film_report, "load_generator", lambda *_: wavering())


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two shots, of 8 and of 7 frames."""
    folder = tmp_path_factory.mktemp("films")
    return str(write_film(folder / "color.mkv", [*pan(1, 8), *pan(2, 7)]))


def files_only(**chosen: Any) -> FilmReport:
    return evaluate_films(FilmMeasureOptions(files_only=True, device="cpu", **chosen))


def kinds(rows: tuple[FilmRow, ...]) -> list[tuple[str, str]]:
    return [(row.kind, row.name) for row in rows]


def test_a_film_like_the_truth_gets_the_truths_figures(truth: str) -> None:
    found = files_only(truth=truth, results=(truth,))
    assert kinds(found.rows) == [("grey", "grey"), ("truth", "truth"), ("result", "color.mkv")]
    _, true, ours = (row.figures.total for row in found.rows)
    assert ours.psnr == 100
    np.testing.assert_equal(asdict(replace(ours, psnr=0)), asdict(replace(true, psnr=0)))
    assert true.colorfulness > 10 and true.warp_error > 0 and true.cdc > 0
    assert found.size == (64, 96) and len(found.seconds) == 15
    assert found.seconds[3] == pytest.approx(3 / 12)
    assert [(shot.start, shot.stop, shot.ends_by) for shot in found.shots] == [
        (0, 8, "cut"),
        (8, 15, "end"),
    ]


def test_grey_is_the_same_luma_without_color(truth: str, tmp_path: Path) -> None:
    pictures = [grey(picture) for picture in [*pan(1, 8), *pan(2, 7)]]
    path = str(write_film(tmp_path / "grey.mkv", pictures))
    notices: list[Notice] = []
    options = FilmMeasureOptions(truth=truth, results=(path,), files_only=True)
    floor, true, made = (
        row.figures.total for row in evaluate_films(options, on_notice=notices.append).rows
    )
    assert notices == [Notice(f"{path}: has no colour", warning=True)]
    assert floor.colorfulness < 0.02 and floor.warp_error < 1e-4 and floor.bleeding < 1e-3
    assert made.psnr == pytest.approx(floor.psnr, abs=0.02) and 5 < floor.psnr < 30
    assert made.cdc == pytest.approx(floor.cdc, rel=0.02)
    assert abs(true.cdc - floor.cdc) > 1e-5


@pytest.mark.smoke
def test_what_is_colored_here_is_what_run_writes(tmp_path: Path) -> None:
    """Lossless, both are the same pictures: every figure agrees."""
    film = str(write_film(tmp_path / "color.mkv", pan(3, 4)))
    ours = str(tmp_path / "ours.mkv")
    run = ["run", film, "-o", ours, "--codec", "ffv1", "--device", "cpu", "--precision", "fp32"]
    assert main([*run, "--quiet"]) == 0
    done: list[tuple[int, int | None]] = []
    found = evaluate_films(
        FilmMeasureOptions(truth=film, results=(ours,), device="cpu"),
        on_frame=lambda *progress: done.append(progress),
    )
    assert kinds(found.rows)[2:] == [
        ("result", "ours.mkv"),
        ("model", "default"),
        ("model", "default, --smooth none"),
    ]
    assert [row.smooth for row in found.rows] == [None, None, None, "flow", "none"]
    _, _, written, here, plain = (row.figures for row in found.rows)
    for one, other in zip(written.frames, here.frames, strict=True):
        assert asdict(one) == pytest.approx(asdict(other), rel=1e-6, nan_ok=True)
    assert plain.total.warp_error > 1.5 * here.total.warp_error
    assert done == [(number, 4) for number in range(1, 5)]


@pytest.mark.usefixtures("models_waver")
def test_smoothing_is_the_difference_of_a_models_rows(truth: str) -> None:
    options = FilmMeasureOptions(truth=truth, models=("one", "other"), device="cpu")
    found = evaluate_films(options)
    assert kinds(found.rows)[2:] == [
        ("model", "one"),
        ("model", "one, --smooth none"),
        ("model", "other"),
        ("model", "other, --smooth none"),
    ]
    steady, plain, again, _ = (row.figures.total for row in found.rows[2:])
    assert plain.warp_error == pytest.approx(16, rel=0.15)  # a wavers by 4
    assert steady.warp_error < 0.1 * plain.warp_error
    np.testing.assert_equal(asdict(again), asdict(steady))


@pytest.mark.usefixtures("models_waver")
def test_a_real_old_film_has_no_truth(tmp_path: Path) -> None:
    """Grey by its pixel format even; what models make of it stands beside it."""
    film = tmp_path / "old.mkv"
    make_clip(film, frames=6, width=96, height=64, pix_fmt="gray")
    found = evaluate_films(FilmMeasureOptions(results=(str(film),), device="cpu"))
    assert not found.has_truth
    none, old, _, plain = (row.figures.total for row in found.rows)
    np.testing.assert_equal(asdict(old), asdict(none))
    assert np.isnan(plain.psnr) and plain.colorfulness > 5
    assert plain.warp_error == pytest.approx(16, rel=0.15)


def test_films_are_paired_by_number_whatever_their_clocks(tmp_path: Path) -> None:
    """Matroska rounds times to the millisecond; a part begins at the same picture in both."""
    pictures = pan(4, 24)
    film = str(write_film(tmp_path / "color.mov", pictures, rate=NTSC, codec="mpeg4"))
    ours = str(write_film(tmp_path / "ours.mkv", pictures, rate=NTSC, codec="mpeg4"))
    for start in (5, 7, 13):
        part = {"start_seconds": start / NTSC, "duration_seconds": 4 / NTSC}
        for first, second in ((film, ours), (ours, film)):
            found = files_only(truth=first, results=(second,), **part)
            assert found.rows[2].figures.total.psnr == 100
            if first == film:
                assert len(found.seconds) == 4
                assert found.seconds[0] == pytest.approx(float(start / NTSC))


def test_other_ranges_depths_and_grids_are_the_same_picture(tmp_path: Path) -> None:
    pictures: list[Picture] = pan(5, 3)
    film = str(write_film(tmp_path / "color.mkv", pictures, pix_fmt="yuv444p10le"))
    ours = str(write_film(tmp_path / "ours.mkv", pictures, pix_fmt="yuv444p", full_range=True))
    assert files_only(truth=film, results=(ours,)).rows[2].figures.total.psnr > 48


def test_bars_and_wide_pixels_are_those_of_the_first_film(tmp_path: Path) -> None:
    def boxed(picture: Picture) -> Picture:
        return np.pad(picture, ((16, 16), (0, 0), (0, 0)))

    pictures = [boxed(picture) for picture in pan(6, 4)]
    half = Fraction(1, 2)
    wide = write_film(tmp_path / "a.mov", pictures, sample_aspect_ratio=half, codec="libx264")
    film, ours = str(wide), str(write_film(tmp_path / "b.mov", pictures, codec="libx264"))
    found = files_only(truth=film, results=(ours,))
    assert found.size == (64, 48)
    assert found.rows[2].figures.total.psnr == 100
    assert files_only(truth=film, short_side=32).size == (43, 32)


def test_json_has_everything_and_no_nan(truth: str) -> None:
    found = files_only(truth=truth)
    again = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert (again["frames"], again["width"], again["height"]) == (15, 96, 64)
    assert again["shots"] == [{"start": 0, "stop": 8}, {"start": 8, "stop": 15}]
    floor, true = again["films"]
    assert (true["name"], true["kind"], true["source"], true["smooth"]) == (
        "truth",
        "truth",
        truth,
        None,
    )
    assert floor["source"] == truth and len(floor["by_shot"]) == 2
    figures = found.rows[1].figures
    assert true["total"]["warp_error"] == figures.total.warp_error
    assert true["total"]["psnr"] is None
    assert true["by_shot"][1]["cdc"] == figures.by_shot()[1].cdc
    warp = true["by_frame"]["warp_error"]
    assert [index for index, value in enumerate(warp) if value is None] == [7, 14]
    assert warp[0] == figures.frames[0].warp_error


def test_shots_of_a_report() -> None:
    shots = report([3, 3, 4, 7, 7], ("grey", "grey", float)).shots
    assert [(shot.start, shot.stop) for shot in shots] == [(0, 2), (2, 3), (3, 5)]


@pytest.mark.usefixtures("models_waver")
def test_few_frames_are_held_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = str(write_film(tmp_path / "long.mkv", pan(7, 160, step=1)))
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    most = 0
    frames = FilmReader.frames

    class Held:
        """Lives as long as the picture it hangs on."""

    def with_timeout(reader: FilmReader, **chosen: Any) -> Generator[Frame, None, None]:
        nonlocal most
        for frame in frames(reader, **chosen):
            token = Held()
            alive.add(token)
            weakref.finalize(frame.luma, lambda token=token: alive.discard(token))
            most = max(most, len(alive))
            yield frame

    monkeypatch.setattr(FilmReader, "frames", with_timeout)
    evaluate_films(FilmMeasureOptions(truth=film, device="cpu", short_side=32))
    # Of 160: those that wait for their shot, the neighbours of one, and a few.
    assert 10 < most < ShotSettings().delay + 2 * RADIUS + 24


def refusals(folder: Path, truth: str) -> Iterator[tuple[dict[str, Any], str]]:
    short = str(write_film(folder / "short.mkv", pan(1, 5)))
    small = str(write_film(folder / "small.mkv", pan(1, 15, height=48)))
    turned = str(write_film(folder / "turned.mp4", pan(1, 15), rotation=90, codec="mpeg4"))
    old = str(write_film(folder / "grey.mkv", [grey(picture) for picture in pan(1, 15)]))
    hdr = write_film(folder / "hdr.mkv", pan(1, 3), transfer=16, matrix=9, pix_fmt="yuv420p10le")
    films = "films are compared frame by frame, give films of as many"
    yield {"results": (short,)}, f"{short}: 5 frames, but {truth} has 15: {films}"
    yield {"truth": short, "results": (truth,)}, f"{truth}: 15 frames, but {short} has 5: {films}"
    yield {"results": (truth, short)}, f"{short}: 5 frames, but {truth} has 15: {films}"
    yield {"results": (small,)}, f"{small}: 96x48, but {truth} is 96x64: "
    yield {"results": (turned,)}, f"{turned}: 96x64 turned by 90 degrees, but {truth} is 96x64: "
    yield {"truth": old}, f"{old}: has no colour; --truth takes the film in colour"
    yield {"results": (str(hdr),)}, f"{hdr}: an HDR film"
    yield {"results": ("gone.mp4",)}, "gone.mp4: no such file"
    yield {"start_seconds": Fraction(9)}, f"{truth}: no frame at 9 s: its last frame is at 1.17 s"


def test_what_cannot_be_paired_is_refused(truth: str, tmp_path: Path) -> None:
    for chosen, text in refusals(tmp_path, truth):
        with pytest.raises(MediaError) as caught:
            files_only(**{"truth": truth, **chosen})
        assert str(caught.value).startswith(text)
    with pytest.raises(CheckpointError, match="unknown model 'nobody'"):
        evaluate_films(FilmMeasureOptions(truth=truth, models=("nobody",), device="cpu"))


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ({}, "--truth and --result are missing"),
        ({"truth": ""}, "an empty name"),
        ({"truth": "a", "results": ("-",)}, "-: films are compared as files"),
        ({"results": ("a", "b", "a")}, "--result: the same one was given twice"),
        ({"truth": "a", "models": ("m", "m")}, "--model: the same one was given twice"),
        ({"truth": "a", "short_side": 8}, "--short-side 8"),
        ({"truth": "a", "start_seconds": Fraction(-1)}, "--start"),
        ({"truth": "a", "duration_seconds": Fraction(0)}, "--duration"),
    ],
)
def test_options_that_cannot_be_meant(chosen: dict[str, Any], text: str) -> None:
    with pytest.raises(OptionError, match=text):
        FilmMeasureOptions(**chosen)
