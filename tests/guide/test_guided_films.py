"""Films whose shots are guided: each shot follows its own, however the work is divided."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from filmcolor.errors import FilmcolorError, OptionError
from filmcolor.events import Notice, PictureDone
from filmcolor.jobs.film import color_film
from filmcolor.jobs.stills import write_stills
from filmcolor.media.images.still_file import read_still
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions, Stroke
from filmcolor.segments.workplace import default_folder
from tests.helpers.clips import make_clip, plane_codes
from tests.helpers.tiny_model import tiny_model
from tests.helpers.upscalers import write_upscaler

pytestmark = pytest.mark.e2e

RATE = Fraction(4)  # frames a second, so that few frames make several segments
CUTS = [22, 50]
FRAMES = 80
SHOTS = [slice(0, 22), slice(22, 50), slice(50, 80)]
SIZE = (96, 128)
OPTIONS = RunOptions(
    color=ColorOptions(device="cpu", model=tiny_model(), size=96),
    encode=EncodeOptions(codec="ffv1"),
    keep_work=True,
)
SHIPPED = replace(OPTIONS.color, model="default")  # workers are other processes

Film = NDArray[np.uint8]
"""(frames, 2, h, w): Cb and Cr."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "in.mkv"
    make_clip(path, frames=FRAMES, width=SIZE[1], height=SIZE[0], rate=RATE, cuts=CUTS)
    return path


@pytest.fixture(scope="module")
def automatic(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Film:
    return colored(film, tmp_path_factory.mktemp("automatic") / "out.mkv", OPTIONS)


@pytest.fixture(scope="module")
def stills(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As they are written, none corrected."""
    folder = tmp_path_factory.mktemp("stills")
    list(write_stills(str(film), str(folder), OPTIONS))
    return folder


@pytest.fixture
def corrected(stills: Path, tmp_path: Path) -> Path:
    """The second of them is painted green."""
    folder = tmp_path / "corrected"
    shutil.copytree(stills, folder)
    paint(sorted(folder.glob("*.png"))[1], (0.7, 1.1, 0.6))
    return folder


def paint(path: Path, factors: Sequence[float]) -> None:
    picture = np.asarray(Image.open(path).convert("L"), np.float32)[..., None]
    painted = np.clip(picture * np.array(factors, np.float32), 0, 255).astype(np.uint8)
    Image.fromarray(painted).save(path)


def colored(film: Path, target: Path, options: RunOptions) -> Film:
    list(color_film(str(film), str(target), options))
    return chroma(target)


def chroma(path: Path) -> Film:
    with av.open(str(path)) as film:
        frames = [[plane_codes(f, at) for at in (1, 2)] for f in film.decode(video=0)]
    return np.array(frames, np.uint8)


def ledger(target: Path) -> dict[int, str]:
    """By segment, the digest of its planes as the ledger's last line has it."""
    lines = (default_folder(str(target)) / "ledger.jsonl").read_text(encoding="utf-8").split("\n")
    return {entry["segment"]: entry["planes"] for entry in map(json.loads, filter(None, lines))}


def stamps(target: Path) -> dict[int, int]:
    paths = default_folder(str(target)).glob("segment-*.seg")
    return {int(path.stem.split("-")[1]): path.stat().st_mtime_ns for path in paths}


def difference(one: Film, other: Film) -> NDArray[np.float64]:
    """Mean change of Cb and Cr of each frame."""
    return np.abs(one.astype(float) - other).mean(axis=(1, 2, 3))


def test_stills_are_written_once_a_shot_and_kept(film: Path, stills: Path) -> None:
    names = [path.name for path in sorted(stills.iterdir())]
    times = [Fraction((shot.start + shot.stop) // 2) / RATE for shot in SHOTS]
    assert names == [
        f"shot-{n:04}_00-00-{float(seconds):06.3f}.png" for n, seconds in enumerate(times, 1)
    ]
    with Image.open(stills / names[0]) as picture:
        assert picture.size == SIZE[::-1]
    events = list(write_stills(str(film), str(stills), OPTIONS))
    done = [event.status for event in events if isinstance(event, PictureDone)]
    assert done == ["skipped"] * 3


def test_a_still_has_the_colors_of_the_run(film: Path, automatic: Film, stills: Path) -> None:
    """Its pixels are the film's: full-size chroma, reduced again, is that of the run."""
    for path, shot in zip(sorted(stills.iterdir()), SHOTS, strict=True):
        rgb = np.asarray(Image.open(path))
        _, cr, cb = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb))
        frame = (shot.start + shot.stop) // 2
        for plane, codes in zip((cb, cr), automatic[frame], strict=True):
            own = (cv2.resize(plane, codes.shape[::-1], interpolation=cv2.INTER_AREA) - 128.0) / 255
            assert np.abs(own - (codes - 128.0) / 224).mean() < 0.01


def test_stills_of_the_larger_film_guide_either(
    film: Path, automatic: Film, stills: Path, tmp_path: Path
) -> None:
    mine = write_upscaler(tmp_path / "mine.safetensors")
    larger = replace(OPTIONS, upscale=2, upscale_model=mine, keep_work=False)
    folder = tmp_path / "larger"
    list(write_stills(str(film), str(folder), larger))
    assert [path.name for path in sorted(folder.iterdir())] == [
        path.name for path in sorted(stills.iterdir())
    ]
    for path in folder.iterdir():
        made, plain = Image.open(path), Image.open(stills / path.name)
        assert made.size == (2 * SIZE[1], 2 * SIZE[0])
        near = np.asarray(made.resize(plain.size, Image.Resampling.BOX), np.float32)
        assert np.abs(near - np.asarray(plain, np.float32)).mean() < 2.5
    paint(sorted(folder.glob("*.png"))[1], (0.7, 1.1, 0.6))
    small = replace(OPTIONS, stills=str(folder))
    moved = difference(colored(film, tmp_path / "small.mkv", small), automatic)
    assert moved[SHOTS[1]].min() > 3 and moved[SHOTS[0]].max() == 0
    guided = colored(film, tmp_path / "large.mkv", replace(larger, stills=str(folder)))
    plain_large = colored(film, tmp_path / "plain.mkv", larger)
    assert guided.shape[2:] == SIZE
    moved = difference(guided, plain_large)
    assert moved[SHOTS[1]].min() > 3 and moved[SHOTS[0]].max() == 0


def test_untouched_stills_change_nothing(
    film: Path, automatic: Film, stills: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    events = list(color_film(str(film), str(target), replace(OPTIONS, stills=str(stills))))
    said = [event.text for event in events if isinstance(event, Notice)]
    assert "stills left out, being as they were written: 3" in said
    assert np.array_equal(chroma(target), automatic)


@pytest.mark.smoke
def test_a_shot_follows_its_still_and_no_other_shot_does(
    film: Path, automatic: Film, corrected: Path, tmp_path: Path
) -> None:
    guided = colored(film, tmp_path / "out.mkv", replace(OPTIONS, stills=str(corrected)))
    for shot in (SHOTS[0], SHOTS[2]):
        assert np.array_equal(guided[shot], automatic[shot])
    green = guided[SHOTS[1]].mean(axis=(2, 3))
    assert (green < 122).all()  # Cb and Cr well below neutral in every frame
    assert (difference(guided, automatic)[SHOTS[1]] > 4).all()


def test_a_grey_still_of_sixteen_bits_keeps_its_greys(tmp_path: Path) -> None:
    path = tmp_path / "still.png"
    codes = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    assert cv2.imwrite(str(path), codes)
    rgb, untouched = read_still(path)
    assert not untouched
    assert np.array_equal(rgb, np.repeat((codes >> 8).astype(np.uint8)[..., None], 3, axis=2))


def test_a_still_saved_as_jpeg_counts(
    film: Path, automatic: Film, stills: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "stills"
    folder.mkdir()
    source = sorted(stills.iterdir())[0]
    grey = np.asarray(Image.open(source).convert("L"), np.float32)[..., None]
    painted = np.clip(grey * np.array([1.0, 0.6, 0.6]), 0, 255).astype(np.uint8)
    Image.fromarray(painted).save(folder / f"{source.stem}.jpg", quality=90)
    guided = colored(film, tmp_path / "out.mkv", replace(OPTIONS, stills=str(folder)))
    assert (guided[SHOTS[0], 1].mean(axis=(1, 2)) > 140).all()
    assert np.array_equal(guided[22:], automatic[22:])


@pytest.mark.process
def test_workers_and_stops_change_nothing(film: Path, corrected: Path, tmp_path: Path) -> None:
    options = replace(OPTIONS, color=SHIPPED, stills=str(corrected))
    whole = colored(film, tmp_path / "whole.mkv", options)
    shared = colored(film, tmp_path / "shared.mkv", replace(options, workers=2))
    assert np.array_equal(shared, whole)
    target = tmp_path / "stopped.mkv"
    job = color_film(str(film), str(target), options)
    for _ in job:
        if stamps(target):
            break
    job.close()
    before = stamps(target)
    assert before and not target.exists()
    assert np.array_equal(colored(film, target, options), whole)
    assert {number: stamps(target)[number] for number in before} == before


def test_a_changed_still_does_its_shot_again_and_nothing_else(
    film: Path, corrected: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    options = replace(OPTIONS, stills=str(corrected), overwrite=True)
    first = colored(film, target, options)
    before, planes = stamps(target), ledger(target)
    still = sorted(corrected.iterdir())[1]
    green = still.read_bytes()
    paint(still, (1.2, 0.7, 0.7))
    second = colored(film, target, options)
    assert {n for n, stamp in stamps(target).items() if stamp != before[n]} == {1}
    assert {n for n, digest in ledger(target).items() if digest != planes[n]} == {1}
    assert (difference(first, second)[SHOTS[1]] > 4).all()
    still.write_bytes(green)
    assert np.array_equal(colored(film, target, options), first)  # the ledger's last line counts
    automatic = replace(options, stills=None)
    last = colored(film, target, automatic)
    assert (difference(first, last)[SHOTS[1]] > 4).all()


def test_known_colors_are_made_again_when_their_file_is_damaged(
    film: Path, corrected: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    options = replace(OPTIONS, stills=str(corrected), overwrite=True)
    first = colored(film, target, options)
    folder = default_folder(str(target))
    (known,) = folder.glob("known-00001-*.colors")
    known.write_bytes(known.read_bytes()[:-9])
    (part,) = folder.glob("segment-00001-*.seg")
    part.unlink()
    assert np.array_equal(colored(film, target, options), first)


def test_saturation_leaves_the_truth_alone(film: Path, corrected: Path, tmp_path: Path) -> None:
    options = replace(OPTIONS, stills=str(corrected))
    plain = colored(film, tmp_path / "plain.mkv", options)
    strong = replace(options, color=replace(OPTIONS.color, saturation=2.0))
    doubled = colored(film, tmp_path / "strong.mkv", strong)
    middle = (SHOTS[1].start + SHOTS[1].stop) // 2
    assert np.abs(doubled[middle] - plain[middle].astype(float)).mean() < 2
    painted = np.abs(plain[0] - 128.0).mean()
    assert painted > 0.5
    assert (
        difference(doubled, plain)[0] > 0.8 * painted
    )  # nothing is known there: all of it doubles


@pytest.mark.parametrize("way", [{"stride": 4}, {"smooth": "none"}, {"stability": 0.0}])
def test_stills_are_followed_however_colors_are_steadied(
    film: Path, corrected: Path, tmp_path: Path, way: dict[str, object]
) -> None:
    color = replace(OPTIONS.color, **way)  # type: ignore[arg-type]
    part = replace(
        OPTIONS, color=color, start_seconds=Fraction(11, 2), duration_seconds=Fraction(7)
    )
    guided = colored(film, tmp_path / "out.mkv", replace(part, stills=str(corrected)))
    assert len(guided) == 28
    assert (guided.mean(axis=(2, 3)) < 122).all()


@pytest.mark.parametrize("as_file", [False, True])
def test_strokes_change_their_shot_alone(
    film: Path, automatic: Film, tmp_path: Path, as_file: bool
) -> None:
    stroke = Stroke(Fraction(9), "#2040c0", box=(0, 0, SIZE[1], SIZE[0]))
    given: str | tuple[Stroke, ...] = (stroke,)
    if as_file:
        path = tmp_path / "strokes.toml"
        box = f"[0, 0, {SIZE[1]}, {SIZE[0]}]"
        path.write_text(f'[[stroke]]\nat = "0:09"\nbox = {box}\ncolor = "#2040c0"\n')
        given = str(path)
    guided = colored(film, tmp_path / "out.mkv", replace(OPTIONS, strokes=given))
    assert np.array_equal(guided[:22], automatic[:22])
    assert np.array_equal(guided[50:], automatic[50:])
    assert (guided[SHOTS[1], 0].mean(axis=(1, 2)) > 150).all()


def test_what_is_outside_of_the_part_is_left_out(
    film: Path, corrected: Path, tmp_path: Path
) -> None:
    part = replace(OPTIONS, start_seconds=Fraction(14), stills=str(corrected))
    events = list(color_film(str(film), str(tmp_path / "out.mkv"), part))
    said = "\n".join(event.text for event in events if isinstance(event, Notice))
    assert "stills and strokes left out, being outside of the part that is coloured: 2" in said
    assert "are guided" not in said


def test_pipes_are_refused(film: Path) -> None:
    options = replace(OPTIONS, strokes=(Stroke(Fraction(0), "#2040c0", points=((1, 1),)),))
    with pytest.raises(OptionError, match="--strokes: needs files on both sides"):
        list(color_film(str(film), "-", options))


def still_named(name: str, size: tuple[int, int] = SIZE, *, grey: bool = False) -> tuple[str, Film]:
    picture = np.full((*size, 3), 128 if grey else (60, 120, 200), np.uint8)
    return name, picture


@pytest.mark.parametrize(
    ("still", "said"),
    [
        (still_named("00-00-01.000.png", (50, 60)), "60x50, but the film is displayed at 128x96"),
        (still_named("00-00-20.000.png"), "00:00:20.000 is after the film's end at 00:00:20.000"),
        (still_named("00-00-01.000.png", grey=True), "has no colour"),
        (still_named("first.png"), "its name tells no time"),
    ],
)
def test_bad_stills_are_named(
    film: Path, tmp_path: Path, still: tuple[str, Film], said: str
) -> None:
    folder = tmp_path / "stills"
    folder.mkdir()
    name, picture = still
    Image.fromarray(picture).save(folder / name)
    refused(film, tmp_path, replace(OPTIONS, stills=str(folder)), said, str(folder / name))


def test_other_bad_input_is_named(film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stills"
    refused(film, tmp_path, replace(OPTIONS, stills=str(folder)), "no such folder", "--stills")
    folder.mkdir()
    refused(film, tmp_path, replace(OPTIONS, stills=str(folder)), "no pictures in it", "--stills")
    path = folder / "00-00-01.000.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    refused(film, tmp_path, replace(OPTIONS, stills=str(folder)), "damaged PNG picture", str(path))
    path.write_bytes(b"not a picture")
    refused(film, tmp_path, replace(OPTIONS, stills=str(folder)), "not a picture", str(path))
    for again in ("00-00-01.000.png", "00-00-01.100.png"):
        Image.fromarray(still_named("")[1]).save(folder / again)
    text = "shows the same frame as"
    refused(film, tmp_path, replace(OPTIONS, stills=str(folder)), text, "00-00-01.100.png")
    outside = (Stroke(Fraction(1), "#2040c0", points=((500, 1),)),)
    text = "points: (500, 1) is outside the picture, which is 128x96 as displayed"
    refused(film, tmp_path, replace(OPTIONS, strokes=outside), text, "stroke 1")
    late = (Stroke(Fraction(99), "#2040c0", points=((5, 1),)),)
    refused(film, tmp_path, replace(OPTIONS, strokes=late), "after the film's end", "stroke 1: at")


def refused(film: Path, folder: Path, options: RunOptions, said: str, name: str) -> None:
    with pytest.raises(FilmcolorError) as caught:
        list(color_film(str(film), str(folder / "out.mkv"), options))
    message = str(caught.value)
    assert said in message and name in message and "\n" not in message
    assert not (folder / "out.mkv").exists()


def test_interlaced_film_is_guided_frame_by_frame(tmp_path: Path) -> None:
    film, folder, target = tmp_path / "in.mkv", tmp_path / "stills", tmp_path / "out.mkv"
    make_clip(film, frames=10, width=SIZE[1], height=SIZE[0], rate=RATE, interlaced=True)
    list(write_stills(str(film), str(folder), OPTIONS))
    (still,) = folder.iterdir()
    paint(still, (0.7, 1.1, 0.6))
    guided = colored(film, target, replace(OPTIONS, stills=str(folder)))
    assert len(guided) == 10
    assert (guided.mean(axis=(2, 3)) < 122).all()
