"""Films and pictures that follow a reference: where it has something to say, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data as photographs

from filmcolor.errors import FilmcolorError, OptionError
from filmcolor.events import Notice, PictureDone
from filmcolor.film.plan import FilmPlan
from filmcolor.guide.build_hints import MATCH_SPACING, over, places_to_match
from filmcolor.guide.propagate import Anchor, ShotCarry
from filmcolor.guide.shot_choices import segment_settings
from filmcolor.guide.shot_hints import Hints, ShotHints
from filmcolor.jobs.film import color_film
from filmcolor.jobs.pictures import color_pictures
from filmcolor.jobs.stills import write_stills
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions, Stroke
from filmcolor.types import FloatPlane, Shot
from tests.guide.test_guided_films import Film, chroma, colored, difference, ledger, paint
from tests.helpers.clips import make_clip

pytestmark = pytest.mark.e2e

RATE = Fraction(2)  # frames a second, so that few frames make several segments
CUTS = [10, 20]
FRAMES = 30
SHOTS = [slice(0, 10), slice(10, 20), slice(20, 30)]
SIZE = (96, 128)
OPTIONS = RunOptions(
    color=ColorOptions(device="cpu", size=96), encode=EncodeOptions(codec="ffv1"), keep_work=True
)
GREEN, RED = (0.7, 1.1, 0.6), (1.3, 0.7, 0.7)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "in.mkv"
    make_clip(path, frames=FRAMES, width=SIZE[1], height=SIZE[0], rate=RATE, cuts=CUTS)
    return path


@pytest.fixture(scope="module")
def stills(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stills")
    list(write_stills(str(film), str(folder), OPTIONS))
    return folder


@pytest.fixture(scope="module")
def automatic(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Film:
    return colored(film, tmp_path_factory.mktemp("automatic") / "out.mkv", OPTIONS)


def painted(still: Path, path: Path, factors: tuple[float, float, float]) -> Path:
    path.write_bytes(still.read_bytes())
    paint(path, factors)
    return path


@pytest.mark.process
def test_shots_that_look_like_the_reference_follow_it_however_many_work(
    film: Path, automatic: Film, stills: Path, tmp_path: Path
) -> None:
    green = painted(sorted(stills.iterdir())[2], tmp_path / "green.png", GREEN)
    options = replace(OPTIONS, reference=str(green))
    target = tmp_path / "out.mkv"
    events = list(color_film(str(film), str(target), options))
    said = [event.text for event in events if isinstance(event, Notice)]
    assert "3 of 3 shots are guided (stills: 0, strokes: 0, reference: green.png)" in said
    guided = chroma(target)
    assert (guided[SHOTS[2]].mean(axis=(2, 3)) < 122).all()  # Cb and Cr well below neutral
    changes = [difference(guided, automatic)[shot].mean() for shot in SHOTS]
    assert changes[2] > 1.5 * max(changes[:2])
    shared = colored(film, tmp_path / "shared.mkv", replace(options, workers=2))
    assert np.array_equal(shared, guided)


def test_a_reference_of_other_things_changes_nothing(
    film: Path, automatic: Film, tmp_path: Path
) -> None:
    path = tmp_path / "cat.png"
    Image.fromarray(photographs.chelsea()).save(path)
    guided = colored(film, tmp_path / "out.mkv", replace(OPTIONS, reference=str(path)))
    assert np.array_equal(guided, automatic)


def test_a_still_comes_before_the_reference_and_a_stroke_before_both(
    film: Path, stills: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "stills"
    folder.mkdir()
    second = sorted(stills.iterdir())[1]
    still, reference = folder / second.name, tmp_path / "red.png"
    painted(second, still, GREEN)
    painted(second, reference, RED)
    red = replace(OPTIONS, reference=str(reference))
    alone = colored(film, tmp_path / "alone.mkv", red)
    assert (alone[SHOTS[1], 1].mean(axis=(1, 2)) > 140).all()
    both = replace(red, stills=str(folder))
    assert (colored(film, tmp_path / "both.mkv", both)[SHOTS[1], 1].mean(axis=(1, 2)) < 122).all()
    stroke = Stroke(Fraction(7), "#2040c0", box=(0, 0, SIZE[1], SIZE[0]))
    all_three = colored(film, tmp_path / "all.mkv", replace(both, strokes=(stroke,)))
    assert all_three[14, 0].mean() > 140


def test_another_picture_under_the_name_is_another_reference(
    film: Path, automatic: Film, stills: Path, tmp_path: Path
) -> None:
    third, target = sorted(stills.iterdir())[2], tmp_path / "out.mkv"
    path = painted(third, tmp_path / "reference.png", GREEN)
    options = replace(OPTIONS, reference=str(path), overwrite=True)
    first = colored(film, target, options)
    planes = ledger(target)
    painted(third, path, RED)
    second = colored(film, target, options)
    assert (difference(first, second)[SHOTS[2]] > 4).all()
    assert 2 in {n for n, digest in ledger(target).items() if digest != planes[n]}
    assert np.array_equal(colored(film, target, replace(options, reference=None)), automatic)


def test_a_reference_of_one_shot_counts_for_its_segments_alone() -> None:
    shots = tuple(Shot(each.start, each.stop) for each in SHOTS)
    plan = FilmPlan(shots, np.arange(FRAMES, dtype=np.int64), 1 / RATE)
    both = [
        segment_settings(
            plan, None, Hints({1: ShotHints(1, reference=Path("a.png"), reference_digest=digest)})
        )
        for digest in ("1", "2")
    ]
    assert both[0].keys() == both[1].keys() == {1}
    assert both[0] != both[1]
    stroke = (0, Stroke(Fraction(0), "#2040c0", points=((1, 1),)))
    assert (
        ShotHints(0, strokes=(stroke,)).digest
        != ShotHints(0, strokes=(stroke,), reference=Path("a.png"), reference_digest="1").digest
    )


@pytest.mark.parametrize("count", [1, 2, MATCH_SPACING, MATCH_SPACING + 1, MATCH_SPACING + 2, 500])
def test_every_frame_of_a_shot_is_near_one_that_is_matched(count: int) -> None:
    places = sorted(places_to_match(count))
    assert {0, count - 1} <= set(places) <= set(range(count))
    assert max(np.diff(places), default=0) <= MATCH_SPACING
    assert len(places) <= 2 + count // (MATCH_SPACING - 1)


def test_what_is_known_lies_over_what_is_suggested() -> None:
    grid = (1, 3)
    known = Anchor(np.full((2, *grid), 40, np.float32), np.array([[1, 0.5, 0]], np.float32))
    suggested = Anchor(np.full((2, *grid), -40, np.float32), np.array([[1, 1, 0.5]], np.float32))
    mixed = over(known, suggested)
    assert np.allclose(mixed.ab[0], [[40, 0, -40]], atol=1e-4)
    assert np.allclose(mixed.confidence, [[1, 1, 0.5]])


def test_a_known_frame_counts_within_its_reach_alone(tmp_path: Path) -> None:
    light = np.full((64, 64), 50, np.float32)
    light[20:40, 20:40] = 70
    known = Anchor(np.full((2, 16, 16), 30, np.float32), np.ones((16, 16), np.float32))

    def anchor_at(place: int, lightness: FloatPlane) -> Anchor | None:
        return known if place == 5 else None

    with ShotCarry(12, (16, 16), anchor_at, tmp_path, reach=3) as carried:
        for _ in range(12):
            carried.add(light)
        sure = [float(found.confidence.min()) for found in carried.found()]
    assert sure[2:9] == pytest.approx([1.0] * 7, abs=0.05)
    assert sure[:2] == [0, 0] and sure[9:] == [0, 0, 0]


def test_a_known_frame_that_was_passed_counts_again_on_the_way_back(tmp_path: Path) -> None:
    light = np.full((64, 64), 50, np.float32)
    light[20:40, 20:40] = 70
    colors = {2: 30.0, 9: -40.0}

    def anchor_at(place: int, lightness: FloatPlane) -> Anchor | None:
        if place not in colors:
            return None
        ab = np.full((2, 16, 16), colors[place], np.float32)
        return Anchor(ab, np.ones((16, 16), np.float32))

    with ShotCarry(14, (16, 16), anchor_at, tmp_path, reach=2) as carried:
        for _ in range(14):
            carried.add(light)
        found = list(carried.found())
    means = [float(each.ab.mean()) for each in found]
    assert means[:5] == pytest.approx([30.0] * 5, abs=0.1)
    assert means[7:12] == pytest.approx([-40.0] * 5, abs=0.1)
    assert [bool(each.confidence.any()) for each in found] == [
        n not in (5, 6, 12, 13) for n in range(14)
    ]


@pytest.mark.smoke
def test_pictures_follow_a_reference(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    coffee = photographs.coffee()[::2, ::2]
    for name, photo in (("coffee", coffee), ("cat", photographs.chelsea())):
        Image.fromarray(photo).convert("L").save(folder / f"{name}.png")
    blue = np.ascontiguousarray(coffee[:, ::-1][..., ::-1])  # red and blue exchanged
    Image.fromarray(blue).save(tmp_path / "reference.png")
    plain = RunOptions(color=ColorOptions(device="cpu"))
    for name, options in (
        ("plain", plain),
        ("guided", replace(plain, reference=str(tmp_path / "reference.png"))),
    ):
        done = [
            event.status
            for event in color_pictures(str(folder), str(tmp_path / name), options)
            if isinstance(event, PictureDone)
        ]
        assert done == ["done", "done"]

    def warmth(name: str, photo: str) -> float:
        rgb = np.asarray(Image.open(tmp_path / name / f"{photo}.png").convert("RGB"), np.float32)
        return float((rgb[..., 0] - rgb[..., 2]).mean())

    assert warmth("plain", "coffee") > 10
    assert warmth("guided", "coffee") < -10
    assert abs(warmth("guided", "cat") - warmth("plain", "cat")) < 3


def test_what_cannot_be_meant_is_refused(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "reference.png"
    Image.new("RGB", (200, 200), (200, 90, 90)).save(path)
    with pytest.raises(OptionError, match="--reference: needs files on both sides"):
        list(color_film(str(film), "-", replace(OPTIONS, reference=str(path))))
    Image.new("RGB", (200, 200), (90, 90, 90)).save(path)
    grey = replace(OPTIONS, reference=str(path), encode=EncodeOptions(codec="ffv1"))
    for job in (
        color_film(str(film), str(tmp_path / "out.mkv"), grey),
        color_pictures(str(path), str(tmp_path / "out.png"), grey),
    ):
        with pytest.raises(FilmcolorError, match=r"reference\.png: has no colour"):
            list(job)
    assert sorted(tmp_path.iterdir()) == [path]
