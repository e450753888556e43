"""Measure how well colours follow stills and strokes, against automatic ones.

    python scripts/bench_guidance.py                                # the sample film
    python scripts/bench_guidance.py --films clips/ --strokes clips/ --strokes sequences.tar

Stills: the truth of a film's first frame is given, and the first two seconds of its first shot are
measured, steadied as `run` does. Strokes: in the first frame of a film its largest things of one
colour, one at a time, are given five truthful points; ab error inside, and what changes outside,
and what bleeds: the mean gradient of ab where lightness is flat; each in that frame and over the
first two seconds, where things are followed by the motion of the true pictures and counted as far
as they keep their true colour. Everything is grey and coloured again at a short side of 256 px.
"error" is the mean distance in ab, Lab units. References: see `bench_references.py`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from bench_stability import SHORT_SIDE, Coloured, Film, films_in
from numpy.typing import NDArray
from PIL import Image

from filmcolor.color import rgb_to_lab
from filmcolor.guide.build_hints import GuidedShot
from filmcolor.guide.geometry import Screen, ab_of
from filmcolor.guide.hint_file import HintFiles, write_hint_file
from filmcolor.guide.match import Reference
from filmcolor.guide.propagate import Anchor, ShotCarry
from filmcolor.guide.shot_hints import ShotHints
from filmcolor.guide.spread import spread
from filmcolor.models.checkpoint import load_generator
from filmcolor.options import Stroke
from filmcolor.stages.infer import infer_sparsely
from filmcolor.stages.smooth import smooth
from filmcolor.types import AbMap, Box, FloatPlane, Frame, Shot
from filmcolor.visual.rgb import Rgb

Mask = NDArray[np.bool_]

SECONDS = 2
RATES = {"cockatoo": 20, "highway": 25, "person-indoor": 10, "old_film_truth": 24}
"""Frames a second, where it is not 30."""
POINTS, OBJECTS = 5, 3
SAME_COLOR = 10.0
"""Lab units: a place that is farther from its first colour is something else, or in another light.
"""
FEWEST_PIXELS = 100
"""Of an object in a frame that counts."""


def lab(photo: Rgb) -> FloatPlane:
    pixels = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255
    return rgb_to_lab(pixels)[0].numpy()


def ab_error(photo: Rgb, truth: Rgb, inside: Mask | None = None) -> float:
    error = np.hypot(*(lab(photo)[1:] - lab(truth)[1:]))
    return float(error.mean() if inside is None else error[inside].mean())


def psnr(photo: Rgb, truth: Rgb) -> float:
    square = float(np.square(photo.astype(np.float64) - truth).mean())
    return 10 * float(np.log10(255**2 / max(square, 1e-9)))


class Guided:
    """One film's first shot, automatic and guided, steadied."""

    def __init__(self, film: Coloured) -> None:
        self.film = film
        size = film.film.truth[0].shape[:2]
        grid = film.view.height // 4, film.view.width // 4
        self.screen = Screen(size, size, 0, Box(0, 0, *size), grid)
        self.count = sum(1 for frame in film.frames if frame.shot == 0)

    @cached_property
    def automatic(self) -> list[Rgb]:
        pairs = self.film.fields[: self.count]
        return self._pictures(smooth(pairs, "flow", drift=self.film.drift()))

    def _pictures(self, fields: Iterable[tuple[Frame, AbMap]]) -> list[Rgb]:
        return [self.film.picture(frame.index, field) for frame, field in fields]

    def with_anchor(self, anchor: Anchor, *, whole: bool) -> list[Rgb]:
        """With what is known of the first frame."""

        def anchor_at(place: int, lightness: FloatPlane) -> Anchor | None:
            return None if place else anchor

        with tempfile.TemporaryDirectory() as folder:
            carry = ShotCarry(self.count, self.screen.grid, anchor_at, Path(folder))
            with carry as carried:
                return self._colored(carried, Path(folder), whole=whole)

    def with_reference(self, reference: Reference) -> list[Rgb]:
        """With a picture of other things."""
        shot, told = Shot(0, self.count), ShotHints(0)
        with tempfile.TemporaryDirectory() as folder:
            guide = GuidedShot(shot, told, self.screen, reference, Path(folder))
            with guide as guided:
                return self._colored(guided, Path(folder), whole=True)

    def _colored(self, carried: ShotCarry | GuidedShot, folder: Path, *, whole: bool) -> list[Rgb]:
        film, path = self.film, folder / "known"
        for _, field in film.fields[: self.count]:
            carried.add(field.lightness)
        write_hint_file(path, carried.found(), start=0, grid=self.screen.grid, whole=whole)
        known, frames = HintFiles({0: path}), film.frames[: self.count]
        fields = infer_sparsely(frames, film.model, film.view, hint_source=known)
        return self._pictures(smooth(fields, "flow", drift=film.drift()))

    def lightness(self, place: int) -> FloatPlane:
        grid = self.screen.grid
        light = self.film.fields[place][1].lightness
        return cv2.resize(light, grid[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)


# Stills ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StillFigures:
    frames: int
    psnr_automatic: float
    psnr_guided: float
    error_automatic: float
    error_guided: float


def measure_still(guided: Guided) -> tuple[StillFigures, Rgb]:
    truth = guided.film.film.truth
    anchor = Anchor(guided.screen.ab_on_grid(truth[0]), np.ones(guided.screen.grid, np.float32))
    pictures = [guided.automatic, guided.with_anchor(anchor, whole=True)]
    figures = [
        [float(np.mean([f(p, t) for p, t in zip(way, truth, strict=False)])) for way in pictures]
        for f in (psnr, ab_error)
    ]
    shown = np.linspace(0, guided.count - 1, 5).astype(int)
    rows = [np.hstack([way[i] for i in shown]) for way in (truth, *pictures)]
    return StillFigures(guided.count, *figures[0], *figures[1]), np.vstack(rows)


# Strokes --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StrokeFigures:
    """Of one frame, or means over several."""

    share: float
    """Of the picture."""
    error_automatic: float
    error_guided: float
    change_outside: float
    error_gain_outside: float
    bleeding_automatic: float
    bleeding_guided: float
    bleeding_ideal: float
    """Of the automatic picture with the truth's colours in the object and nowhere else."""


@dataclass(frozen=True)
class ObjectFigures:
    first: StrokeFigures
    """The frame that the strokes are in."""
    shot: StrokeFigures
    """All frames in which the object is seen."""
    frames: int


def objects(truth: Rgb) -> list[Mask]:
    """The largest connected regions of like ab that stand out from what is around them."""
    ab = lab(truth)[1:]
    soft = [cv2.GaussianBlur(cv2.medianBlur(plane, 5), (0, 0), 1.5) for plane in ab]
    cv2.setRNGSeed(0)
    samples = np.stack(soft, -1).reshape(-1, 2)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.1)
    nothing = np.zeros((0,), np.int32)
    _, labels, centers = cv2.kmeans(samples, 8, nothing, stop, 3, cv2.KMEANS_PP_CENTERS)
    merged = list(range(8))
    for i in range(8):
        for j in range(i):
            if np.hypot(*(centers[i] - centers[j])) < 7:
                merged[i] = merged[j]
    kinds = np.array(merged)[labels.ravel()].reshape(truth.shape[:2])
    found: list[Mask] = []
    for kind in np.unique(kinds):
        opened = cv2.morphologyEx(
            (kinds == kind).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)
        )
        count, parts = cv2.connectedComponents(opened)
        for part in range(1, count):
            mask = parts == part
            if not 0.01 < mask.mean() < 0.25:
                continue
            ring = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15), np.uint8)) > mask
            if np.hypot(*(ab[:, mask].mean(axis=1) - ab[:, ring].mean(axis=1))) > 8:
                found.append(mask)
    return sorted(found, key=lambda mask: -mask.mean())[:OBJECTS]


def strokes_in(mask: Mask, truth: Rgb, rng: np.random.Generator) -> list[Stroke]:
    """Points well inside an object and apart from each other, with the truth's colours."""
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    inside = np.argwhere(depth >= min(4.0, 0.7 * float(depth.max())))
    chosen = [inside[rng.integers(len(inside))]]
    while len(chosen) < POINTS:
        others = inside[rng.integers(0, len(inside), 20)]
        apart = np.min([np.hypot(*(others - point).T) for point in chosen], axis=0)
        chosen.append(others[apart.argmax()])
    found = []
    for y, x in chosen:
        color = truth[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].mean(axis=(0, 1))
        code = "".join(f"{round(float(value)):02x}" for value in color)
        found.append(Stroke(Fraction(0), f"#{code}", points=((float(x), float(y)),)))
    return found


def bleeding(planes: NDArray[np.float32]) -> float:
    """Mean gradient of ab where that of lightness is below its median, Lab units a pixel."""
    light, *ab = planes
    slopes = [np.hypot(*np.gradient(cv2.GaussianBlur(p, (0, 0), 1.0))) for p in (light, *ab)]
    flat = slopes[0] < np.median(slopes[0])
    return float(np.hypot(slopes[1], slopes[2])[flat].mean())


def followed(mask: Mask, truth: list[Rgb]) -> Iterator[Mask]:
    """An object of the first picture in all of them: along their motion, as far as its colour is
    still the true one."""
    ab, inside = np.moveaxis(lab(truth[0])[1:], 0, -1), mask.astype(np.float32)
    finder = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
    before = cv2.cvtColor(truth[0], cv2.COLOR_RGB2GRAY)
    yield mask
    for photo in truth[1:]:
        grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
        flow = finder.calc(grey, before, np.zeros((*grey.shape, 2), np.float32))
        where = (columns + flow[..., 0], rows + flow[..., 1])
        ab = cv2.remap(ab, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = cv2.remap(inside, *where, cv2.INTER_LINEAR)
        before = grey
        same = np.hypot(*(lab(photo)[1:] - np.moveaxis(ab, -1, 0))) < SAME_COLOR
        yield (inside > 0.5) & same


def stroke_figures(mask: Mask, before: Rgb, after: Rgb, truth: Rgb) -> StrokeFigures:
    change = np.hypot(*(lab(after)[1:] - lab(before)[1:]))
    return StrokeFigures(
        float(mask.mean()),
        ab_error(before, truth, mask),
        ab_error(after, truth, mask),
        float(change[~mask].mean()),
        ab_error(after, truth, ~mask) - ab_error(before, truth, ~mask),
        bleeding(lab(before)),
        bleeding(lab(after)),
        bleeding(np.where(mask & (np.arange(3) > 0)[:, None, None], lab(truth), lab(before))),
    )


def measure_strokes(guided: Guided, rng: np.random.Generator) -> Iterator[ObjectFigures]:
    truth, before = guided.film.film.truth[: guided.count], guided.automatic
    for mask in objects(truth[0]):
        strokes = strokes_in(mask, truth[0], rng)
        seeds = np.stack([guided.screen.seeds(stroke) for stroke in strokes])
        colors = np.array([ab_of(stroke) for stroke in strokes], np.float32)
        anchor = Anchor(*spread(seeds, colors, guided.lightness(0)))
        after = guided.with_anchor(anchor, whole=False)
        found = [
            stroke_figures(inside, before[i], after[i], truth[i])
            for i, inside in enumerate(followed(mask, truth))
            if inside.sum() >= FEWEST_PIXELS
        ]
        rows = np.array([list(asdict(each).values()) for each in found])
        yield ObjectFigures(found[0], StrokeFigures(*rows.mean(axis=0).tolist()), len(found))


# Report ---------------------------------------------------------------------------------------


def first_shot(film: Film) -> Film:
    return Film(film.name, film.kind, film.truth[: SECONDS * RATES.get(film.name, 30)])


def report_stills(
    films: Iterator[Film], model: str, sheets: Path | None
) -> dict[str, StillFigures]:
    found: dict[str, StillFigures] = {}
    loaded = load_generator(model, torch.device("cpu"))
    print(f"{'a still':18}{'frames':>8}{'PSNR':>9}{'guided':>9}{'error':>9}{'guided':>9}")
    for film in films:
        figures, sheet = measure_still(Guided(Coloured(first_shot(film), loaded)))
        found[film.name] = figures
        print(
            f"{film.name:18}{figures.frames:8}{figures.psnr_automatic:9.2f}"
            f"{figures.psnr_guided:9.2f}{figures.error_automatic:9.2f}{figures.error_guided:9.2f}",
            flush=True,
        )
        if sheets is not None:
            Image.fromarray(sheet).save(sheets / f"still-{film.name}.png")
    gains = [each.psnr_guided - each.psnr_automatic for each in found.values()]
    ratios = [each.error_guided / each.error_automatic for each in found.values()]
    print(f"mean: {np.mean(gains):+.2f} dB, error {np.mean(ratios):.2f} of automatic")
    print(f"worst: {min(gains):+.2f} dB, error {max(ratios):.2f} of automatic\n")
    return found


def report_strokes(films: Iterator[Film], model: str) -> list[ObjectFigures]:
    found: list[ObjectFigures] = []
    loaded = load_generator(model, torch.device("cpu"))
    rng = np.random.default_rng(1)
    print(
        f"{'five points':18}{'frames':>8}{'share':>8}{'error':>9}{'guided':>9}{'outside':>9}"
        f"{'worse':>9}{'bleeds':>9}{'guided':>9}{'ideal':>9}"
    )
    for film in films:
        for figures in measure_strokes(Guided(Coloured(first_shot(film), loaded)), rng):
            found.append(figures)
            for frames, each in ((1, figures.first), (figures.frames, figures.shot)):
                print(f"{film.name:18}{frames:8}{each.share:8.3f}", end="")
                print("".join(f"{value:9.2f}" for value in list(asdict(each).values())[1:]))
    for name, parts in (
        ("their frame", [each.first for each in found]),
        ("their shot", [each.shot for each in found]),
    ):
        ratios = np.array([each.error_guided / each.error_automatic for each in parts])
        changes = np.array([each.change_outside for each in parts])
        bleeds = np.array([each.bleeding_guided / each.bleeding_automatic for each in parts])
        ideal = np.array([each.bleeding_ideal / each.bleeding_automatic for each in parts])
        print(
            f"{len(found)} objects in {name}: error inside {ratios.mean():.2f} of automatic "
            f"(median {np.median(ratios):.2f}; at most 0.6 in {np.mean(ratios <= 0.6):.0%}); "
            f"change outside {changes.mean():.2f} (median {np.median(changes):.2f}; at most 0.5 in "
            f"{np.mean(changes <= 0.5):.0%}); bleeding {bleeds.mean():.2f} of automatic, "
            f"{ideal.mean():.2f} if the object's true colours ended exactly at its edge"
        )
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--films", action="append", type=Path, default=[], metavar="SOURCE")
    parser.add_argument("--strokes", action="append", type=Path, default=[], metavar="SOURCE")
    parser.add_argument("--model", default="default")
    parser.add_argument("--frames", type=int, default=60, help="of each film at most (60)")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER", help="write frames in a row")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if chosen.sheets is not None:
        chosen.sheets.mkdir(parents=True, exist_ok=True)
    sample = [Path(__file__).parents[1] / "samples" / "old_film_truth.mp4"]
    both = not (chosen.films or chosen.strokes)
    films = (f for s in (sample if both else chosen.films) for f in films_in(s, chosen.frames, 1))
    still = report_stills(films, chosen.model, chosen.sheets) if both or chosen.films else {}
    films = (f for s in (sample if both else chosen.strokes) for f in films_in(s, chosen.frames, 1))
    strokes = report_strokes(films, chosen.model) if both or chosen.strokes else []
    if chosen.json is not None:
        record = {
            "short_side": SHORT_SIDE,
            "stills": {name: asdict(each) for name, each in still.items()},
            "strokes": [asdict(each) for each in strokes],
        }
        chosen.json.write_text(json.dumps(record, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
