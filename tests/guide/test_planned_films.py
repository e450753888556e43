"""Films that are coloured by a plan: each shot as it says, and only what it changes made anew."""

from __future__ import annotations

import json
import re
import shutil
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
from filmcolor.events import Analyzing, Event, Finished, Notice
from filmcolor.guide.plan_file import read_plan
from filmcolor.jobs.film import color_film
from filmcolor.jobs.plan_file import plan_film
from filmcolor.models.checkpoint import load_generator, save_network
from filmcolor.models.registry import find_checkpoint
from filmcolor.options import ColorOptions, EncodeOptions, RunOptions
from filmcolor.segments.workplace import default_folder
from tests.helpers.clips import make_clip, plane_codes
from tests.helpers.tiny_model import tiny_model
from tests.helpers.upscalers import write_upscaler

pytestmark = pytest.mark.e2e

RATE = Fraction(2)  # frames a second, so that few frames make several segments
CUTS = [12, 24]
SHOTS = [slice(0, 12), slice(12, 24), slice(24, 74)]
FRAMES = 74  # the last shot is divided, and just long enough to have a drift
SEGMENTS = [slice(0, 12), slice(12, 24), slice(24, 49), slice(49, 74)]
OPTIONS = RunOptions(
    color=ColorOptions(device="cpu", model=tiny_model(), size=64),
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
        text = written.replace(*change)
        for number, lines in additions:
            at = "\n[film]" if number == 0 else shot_end(text, number)
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
    return {int(path.stem.split("-")[1]): path.stat().st_mtime_ns for path in paths}


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


@pytest.mark.smoke
def test_a_changed_shot_is_made_anew_and_nothing_else(
    film: Path, automatic: Film, plan: Callable[..., RunOptions], tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    colored(film, target, plan())
    before, planes = stamps(target), ledger(target)
    # Stronger, not paler: a model may paint patterns in so few codes that rounding would count.
    strong = colored(film, target, plan((2, "saturation = 2")))
    assert {n for n, stamp in stamps(target).items() if stamp != before[n]} == {1}
    assert {n for n, entry in ledger(target).items() if entry != planes[n]} == {1}
    assert np.array_equal(strong[:12], automatic[:12])
    assert np.array_equal(strong[24:], automatic[24:])
    assert strength(strong[SHOTS[1]]) == pytest.approx(2 * strength(automatic[SHOTS[1]]), rel=0.15)
    assert np.array_equal(strong[:, 0], automatic[:, 0])
    assert np.array_equal(colored(film, target, plan()), automatic)


def strength(part: Film) -> float:
    return float(np.hypot(*(part[:, at].astype(float) - 128 for at in (1, 2))).mean())


@pytest.fixture
def other_model(tmp_path: Path) -> Path:
    """A model that is shown larger pictures."""
    model = load_generator(tiny_model())
    path = tmp_path / "other.safetensors"
    descriptor = replace(model.card.descriptor, multiple=96)
    card = replace(model.card, name="other", descriptor=descriptor)
    save_network(model.generator, card, path)
    return path


def test_things_of_a_shot_are_looked_for_where_its_drift_is_known(
    film: Path, plan: Callable[..., RunOptions], tmp_path: Path
) -> None:
    shutil.copy(find_checkpoint("default"), tmp_path / "coherent.safetensors")
    part = {"start_seconds": Fraction(6), "duration_seconds": Fraction(6)}
    for coherence in (0, 1):
        choice = f'model = "coherent.safetensors"\ncoherence = {coherence}'
        options = replace(plan((2, choice)), **part)
        made = colored(film, tmp_path / "out.mkv", options)
    assert np.array_equal(made, colored(film, tmp_path / "anew.mkv", options))


def test_a_shot_has_the_colors_of_a_film_with_its_settings(
    film: Path,
    automatic: Film,
    other_model: Path,
    plan: Callable[..., RunOptions],
    tmp_path: Path,
) -> None:
    """Another network, how it is shown the film, the drift it has then, the smoothing of a divided
    shot, and the tone.
    """
    color = replace(
        OPTIONS.color,
        model=str(other_model),
        look="vivid",
        stability=0.1,
        hue_shift=75.0,
        saturation=1.5,
    )
    wanted = colored(film, tmp_path / "whole.mkv", replace(OPTIONS, color=color))
    lines = 'model = "other.safetensors"\nlook = "vivid"\nstability = 0.1'
    options = plan((3, f"{lines}\nhue_shift = 75\nsaturation = 1.5"), (1, "skip = true"))
    target = tmp_path / "out.mkv"
    made = colored(film, target, options)
    assert np.array_equal(made[SHOTS[2]], wanted[SHOTS[2]])
    assert np.array_equal(made[SHOTS[1]], automatic[SHOTS[1]])
    assert not np.array_equal(wanted[SHOTS[2]], automatic[SHOTS[2]])
    assert (made[SHOTS[0], 1:] == 128).all()
    assert np.array_equal(made[:, 0], automatic[:, 0])
    (found,) = default_folder(str(target)).glob("drift-24-74-vivid-*.json")
    assert json.loads(found.read_text(encoding="utf-8"))["drift"]


@pytest.mark.process
def test_workers_and_stops_change_nothing(
    film: Path, plan: Callable[..., RunOptions], tmp_path: Path
) -> None:
    shipped = (f'\nmodel = "{tiny_model()}"', "")  # workers are other processes
    lines = ((1, 'look = "restrained"'), (2, "skip = true"), (3, "hue_shift = -40"))
    options = plan(*lines, change=shipped)
    options = replace(options, color=replace(OPTIONS.color, model="default"))
    target = tmp_path / "stopped.mkv"
    job = color_film(str(film), str(target), options)
    for _ in job:
        if len(stamps(target)) > 1:
            break
    job.close()
    before = stamps(target)
    assert before and not target.exists()
    gone_on = colored(film, target, options)
    assert {number: stamps(target)[number] for number in before} == before
    shared = colored(film, tmp_path / "shared.mkv", replace(options, workers=2))
    assert np.array_equal(shared, gone_on)


def test_corrected_cuts_touch_their_segments_alone(
    film: Path, automatic: Film, plan: Callable[..., RunOptions], tmp_path: Path
) -> None:
    """The first two shots are one, and the third ends earlier than was found."""
    target = tmp_path / "out.mkv"
    colored(film, target, plan())
    before = stamps(target)
    joined = ('end = "00:00:06.000"  # ends with a cut', "")
    second = '[[shot]]\nstart = "00:00:06.000"'
    options = plan(change=joined)
    text = Path(str(options.plan)).read_text(encoding="utf-8")
    text = re.sub(r"\[\[shot\]\]  # 2\nstart = .*\n", "", text)
    Path(str(options.plan)).write_text(text, encoding="utf-8")
    assert second not in text
    made = colored(film, target, options)
    assert {n for n, stamp in stamps(target).items() if stamp != before[n]} == {0, 1}
    assert not np.array_equal(made[:24], automatic[:24])  # now colour is carried over the cut
    assert np.array_equal(made[24:], automatic[24:])
    divided = 'end = "00:00:12.000"\n[[shot]]\nstart = 12\nend = 30.1\n[[shot]]\nstart = 30.1\n'
    options = plan(change=('end = "00:00:12.000"', divided))
    text = Path(str(options.plan)).read_text(encoding="utf-8")
    text = re.sub(r"\[\[shot\]\]  # 3\nstart = .*\n", "", text)
    Path(str(options.plan)).write_text(text, encoding="utf-8")
    again = colored(film, target, options)
    assert np.array_equal(again[:24], automatic[:24])
    assert not np.array_equal(again[24:60], automatic[24:60])
    settings = [entry[1] for entry in ledger(target).values()]
    assert settings == ["", "", "24: to 60", "24: to 60; 60: to 74"]
    assert set(made[0, 0].shape) == {48, 64}


def test_the_command_line_wins_over_the_film_and_shots_win_over_it(
    film: Path, plan: Callable[..., RunOptions], tmp_path: Path
) -> None:
    options = plan((0, "saturation = 0\nhue_shift = 75"), (2, "saturation = 1"))
    part = replace(options, duration_seconds=Fraction(12))
    made = colored(film, tmp_path / "film.mkv", part)
    assert (made[SHOTS[0], 1:] == 128).all() and (made[SHOTS[1], 1:] != 128).any()
    explicit = colored(film, tmp_path / "line.mkv", replace(part, explicit_options=("saturation",)))
    assert (explicit[SHOTS[0], 1:] != 128).any()
    assert np.array_equal(explicit[SHOTS[1]], made[SHOTS[1]])
    turned = replace(part.color, saturation=1.0, hue_shift=-75.0)
    other = colored(film, tmp_path / "other.mkv", replace(part, color=turned))
    assert (other[SHOTS[0], 1:] == 128).all()
    assert not np.array_equal(other[SHOTS[1]], made[SHOTS[1]])


def test_a_shot_is_given_a_still_and_strokes(
    film: Path, automatic: Film, plan: Callable[..., RunOptions], tmp_path: Path
) -> None:
    """Under another tone they stay as they were given; the shot's own take the place of others."""
    blue, red = np.full((48, 64, 3), (40, 70, 200), np.uint8), (200, 60, 50)
    (tmp_path / "stills").mkdir()
    Image.fromarray(blue).save(tmp_path / "blue.png")
    for name in ("00-00-03.000.png", "00-00-09.000.png"):
        Image.fromarray(np.full_like(blue, red)).save(tmp_path / "stills" / name)
    target = tmp_path / "out.mkv"
    own = 'stills = { file = "blue.png", at = 9 }\nhue_shift = 90\nsaturation = 1.5'
    stroke = '[[shot.strokes]]\nat = 20\nbox = [0, 0, 64, 48]\ncolor = "#2040c0"'
    options = plan((0, 'stills = "stills"'), (2, own), (3, stroke))
    events = list(color_film(str(film), str(target), options))
    assert "3 of 3 shots are guided (stills: 2, strokes: 1)" in notices(events)
    made = colored(film, target, options)
    assert not any(
        isinstance(event, Analyzing) for event in color_film(str(film), str(target), options)
    )
    cb, cr = (made[:, at].mean(axis=(1, 2)) for at in (1, 2))
    assert (cr[SHOTS[0]] > 140).all() and (cb[SHOTS[0]] < 128).all()
    assert (cb[SHOTS[1]] > 145).all()
    assert (cb[SHOTS[2]] > 140).all()


def test_a_plan_makes_the_film_larger(
    film: Path, plan: Callable[..., RunOptions], tmp_path: Path
) -> None:
    """As the command line does, which wins; and `plan` writes what it was asked for."""
    mine = write_upscaler(tmp_path / "mine.safetensors")
    part = {"start_seconds": Fraction(0), "duration_seconds": Fraction(2)}
    lines = 'upscale = 2\nupscale_model = "mine.safetensors"'
    planned = replace(plan((0, lines)), keep_work=False, **part)
    larger = replace(OPTIONS, upscale=2, upscale_model=mine, keep_work=False, **part)
    made = colored(film, tmp_path / "planned.mkv", planned)
    assert made.shape[2:] == (96, 128)
    assert np.array_equal(made, colored(film, tmp_path / "asked.mkv", larger))
    explicit = replace(planned, upscale=4, upscale_model=mine)
    assert colored(film, tmp_path / "four.mkv", explicit).shape[2:] == (192, 256)
    written = tmp_path / "written.toml"
    list(plan_film(str(film), str(written), larger))
    assert read_plan(written).film.upscale == 2
    again = replace(OPTIONS, plan=str(written), keep_work=False, **part)
    assert np.array_equal(colored(film, tmp_path / "again.mkv", again), made)


def test_pipes_are_refused(film: Path, plan: Callable[..., RunOptions]) -> None:
    with pytest.raises(OptionError, match="--plan: needs files on both sides"):
        list(color_film(str(film), "-", plan()))
    with pytest.raises(OptionError, match="a pipe cannot be read twice"):
        list(plan_film("-", "film.toml", OPTIONS))


def test_a_still_of_another_size_is_refused_with_its_place(
    film: Path, plan: Callable[..., RunOptions], tmp_path: Path
) -> None:
    Image.new("RGB", (10, 10), (40, 70, 200)).save(tmp_path / "00-00-09.000.png")
    options = plan((2, 'stills = "00-00-09.000.png"'))
    with pytest.raises(FilmcolorError) as caught:
        list(color_film(str(film), str(tmp_path / "out.mkv"), options))
    message = str(caught.value)
    lines = Path(str(options.plan)).read_text(encoding="utf-8").splitlines()
    line = lines.index('stills = "00-00-09.000.png"') + 1
    place = f"{options.plan}: line {line}: shot 2 (start 00:00:06.000): stills: {tmp_path}"
    assert message.startswith(place) and "10x10, but the film is displayed at 64x48" in message
    assert not (tmp_path / "out.mkv").exists()


def test_a_long_look_is_kept_when_the_plan_is_refused(
    film: Path,
    plan: Callable[..., RunOptions],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "out.mkv"
    folder = default_folder(str(target))
    options = replace(plan(change=('start = "00:00:06.000"', "start = 5")), keep_work=False)
    for long_look in (60.0, 0.0):
        monkeypatch.setattr("filmcolor.segments.run._LONG_LOOK_SECONDS", long_look)
        with pytest.raises(OptionError, match="but the next one starts at"):
            list(color_film(str(film), str(target), options))
        assert folder.is_dir() == (long_look == 0)
    events = list(color_film(str(film), str(target), plan()))
    assert not any(isinstance(event, Analyzing) for event in events)


def test_interlaced_film_obeys_too(tmp_path: Path) -> None:
    film, target, path = tmp_path / "in.mkv", tmp_path / "out.mkv", tmp_path / "film.toml"
    make_clip(film, frames=16, rate=RATE, cuts=[8], interlaced=True)
    list(plan_film(str(film), str(path), OPTIONS))
    text = path.read_text(encoding="utf-8")
    end = shot_end(text, 1)
    path.write_text(text.replace(end, f"{end}\nskip = true"), encoding="utf-8")
    list(color_film(str(film), str(target), replace(OPTIONS, plan=str(path))))
    with av.open(str(target)) as made:
        cb = np.array([plane_codes(f, 1) for f in made.decode(video=0)])
    assert (cb[:8] == 128).all() and (cb[8:] != 128).any(axis=(1, 2)).all()
