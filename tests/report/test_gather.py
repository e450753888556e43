"""One pass over a film and its result: shots, looks, pictures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from filmcolor.evaluate.film_report import evaluate_films
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.options import FilmMeasureOptions, VerifyOptions
from filmcolor.report.gather import Gatherer
from filmcolor.report.pictures import PictureStore, _decode
from filmcolor.verify.check import verify_film
from tests.helpers.clips import make_clip
from tests.report.films import CUTS, FRAMES, SIZE, color


def gathered(film: Path, result: Path, total: int | None = FRAMES) -> tuple[Gatherer, PictureStore]:
    store = PictureStore(1_000_000)
    with FilmReader(str(film)) as one, FilmReader(str(result)) as two:
        gatherer = Gatherer(one.info, two.info, None, total, store)
    for _ in verify_film(str(film), str(result), VerifyOptions(), gatherer.take):
        pass
    gatherer.finish()
    return gatherer, store


@pytest.fixture(scope="module")
def seen(films: tuple[Path, Path]) -> tuple[Gatherer, PictureStore]:
    return gathered(*films)


def test_shots_and_their_times(seen: tuple[Gatherer, PictureStore]) -> None:
    shots = seen[0].shots
    assert [(shot.start, shot.stop, shot.frames) for shot in shots] == [
        (0.0, 1.0, 24),
        (1.0, 2.0, 24),
        (2.0, 3.0, 24),
        (3.0, 4.0, 24),
    ]
    assert len(CUTS) == 3 and sum(shot.interlaced for shot in shots) == 0


def test_looks_are_three_frames_every_twelve(seen: tuple[Gatherer, PictureStore]) -> None:
    gatherer = seen[0]
    assert gatherer.step == 12
    assert [round(look.seconds * 24) for look in gatherer.shots[1].looks] == [26, 38]
    assert gatherer.measured == 4 * 2 * 3


def test_measures_are_those_of_evaluate(
    films: tuple[Path, Path], seen: tuple[Gatherer, PictureStore]
) -> None:
    options = FilmMeasureOptions(results=(str(films[1]),), files_only=True)
    (_, row) = evaluate_films(options).rows
    for shot in seen[0].shots:
        for look in shot.looks:
            middle = round(look.seconds * 24)
            own = [row.figures.frames[at].colorfulness for at in (middle - 1, middle, middle + 1)]
            assert look.colorfulness == pytest.approx(np.mean(own), rel=0.02)
            expected = row.figures.frames[middle].flicker
            assert look.flicker == pytest.approx(expected, rel=0.05, abs=0.02)


def test_what_the_shots_were_made_with_shows(seen: tuple[Gatherer, PictureStore]) -> None:
    strong, pale, unsteady, last = seen[0].shots
    assert strong.colorfulness > 12 and last.colorfulness > 12 and pale.colorfulness < 5
    assert strong.flicker < 1.3 and pale.flicker < 0.5 and unsteady.flicker > 2


def test_pictures_are_the_films_own(
    films: tuple[Path, Path], seen: tuple[Gatherer, PictureStore]
) -> None:
    gatherer, store = seen
    with FilmReader(str(films[0])) as reader:
        lumas = [frame.luma.astype(float) for frame in reader.frames()]
    for shot in gatherer.shots:
        pair = store.pairs[shot.number]
        assert (pair.height, pair.width) == SIZE
        before, after = _decode(pair.before).astype(float), _decode(pair.after).astype(float)
        assert np.abs(before[..., 0] - before[..., 2]).mean() < 2
        index = round(shot.shown * 24)
        assert shot.start * 24 <= index < shot.stop * 24
        grey = (lumas[index] - 16) * 255 / 219
        assert np.abs(before.mean(axis=2) - grey).mean() < 4  # WebP
        colorful = np.abs(after[..., 0] - after[..., 2]).mean()
        assert (colorful > 10) == (shot.number != 1)


def test_long_films_are_looked_at_more_seldom_but_no_shot_is_left_out(
    films: tuple[Path, Path],
) -> None:
    gatherer, _ = gathered(*films, total=172_800)
    assert gatherer.step == 432
    assert [len(shot.looks) for shot in gatherer.shots] == [1, 1, 1, 1]
    gatherer, _ = gathered(*films, total=None)
    assert gatherer.step == 24


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_films_too_short_for_a_whole_look(tmp_path: Path, frames: int) -> None:
    make_clip(tmp_path / "short.mp4", codec="libx264", frames=frames)
    color(tmp_path / "short.mp4", tmp_path / "color.mp4")
    gatherer, store = gathered(tmp_path / "short.mp4", tmp_path / "color.mp4", frames)
    (shot,) = gatherer.shots
    assert shot.frames == frames and len(shot.looks) == 1 and shot.colorfulness > 12
    assert math.isnan(shot.flicker)
    assert list(store.pairs) == [0]


def test_a_shot_that_shows_nothing_has_no_figures(tmp_path: Path) -> None:
    gatherer, _ = gathered(*blank(tmp_path))
    (shot,) = gatherer.shots
    assert shot.telling == [] and math.isnan(shot.colorfulness) and math.isnan(shot.flicker)


def blank(folder: Path) -> tuple[Path, Path]:
    """A film of black frames, and its result."""
    import av

    from tests.helpers.clips import make_frame

    with av.open(str(folder / "black.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(12):
            frame = make_frame(np.full((48, 64), 16, np.uint8))
            frame.pts = index
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    color(folder / "black.mp4", folder / "color.mp4")
    return folder / "black.mp4", folder / "color.mp4"
