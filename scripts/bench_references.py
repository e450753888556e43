"""Measure how well colours follow a picture of other things, against automatic ones.

    python scripts/bench_references.py                      # the sample film
    python scripts/bench_references.py --films sequences.tar --films clips/ --photos val/

Films are guided by `later`, their last true frame, mirrored and cropped to 70 % each way, and by
`twin`, a frame of the film of the same name that ends in -a or -b instead (another moment of the
same scene); photographs by `itself`, mirrored and cropped likewise. With `--photos` both are guided
also by `near`, the photograph whose coarsest features are nearest on average (their mean over the
picture, centred on the mean of all photographs; cosine), and by `other`, one drawn at random. The
first two seconds of a film are measured, steadied as `run` does. "error" is the mean distance in
ab, Lab units; "palette" how far the colours, wherever they are, lie from those of the reference:
the mean over 16 directions of the ab plane of the distance between their quantiles (sliced
Wasserstein), Lab units.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from bench_guidance import Guided, ab_error, first_shot, lab
from bench_stability import SHORT_SIDE, Coloured, Film, films_in
from numpy.typing import NDArray
from PIL import Image

from filmcolor.color import lightness, normalize_luma
from filmcolor.evaluate.coloring import reduce_photo
from filmcolor.evaluate.video import measure_films
from filmcolor.guide.match import Reference
from filmcolor.media.images.picture import luma_of
from filmcolor.models.checkpoint import LoadedModel, load_generator
from filmcolor.visual.rgb import Rgb

CROP = 0.7
DIRECTIONS = 16
CELL = 160


@dataclass(frozen=True)
class Figures:
    """Of one film or photograph: automatic, then guided."""

    psnr: tuple[float, float]
    error: tuple[float, float]
    colorfulness: tuple[float, float]
    palette: tuple[float, float]
    warp_error: tuple[float, float]
    """NaN for a photograph."""
    truth: tuple[float, float]
    """Its colourfulness and warp error."""


def palette_distance(one: Rgb, other: Rgb) -> float:
    angles = np.linspace(0, np.pi, DIRECTIONS, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    shares = np.linspace(0, 1, 101)
    first, second = (
        np.quantile(directions @ lab(photo)[1:].reshape(2, -1), shares, axis=1)
        for photo in (one, other)
    )
    return float(np.abs(first - second).mean())


def cropped_mirror(photo: Rgb) -> Rgb:
    height, width = (round(CROP * side) for side in photo.shape[:2])
    return np.ascontiguousarray(photo[:height, -width:][:, ::-1])


class Photos:
    """Photographs to choose references from."""

    def __init__(self, paths: list[Path], model: LoadedModel) -> None:
        self.paths = paths
        self._model = model
        seen = np.stack([self._seen(self.photo(index)) for index in range(len(paths))])
        self._mean = seen.mean(axis=0)
        self._seen_of = self._unit(seen)

    def photo(self, index: int) -> Rgb:
        picture = np.array(Image.open(self.paths[index]).convert("RGB"))
        return reduce_photo(picture, SHORT_SIDE)

    def near(self, photo: Rgb, besides: int | None = None) -> Rgb:
        """The one that shows the likest things."""
        likeness = self._seen_of @ self._unit(self._seen(photo))
        if besides is not None:
            likeness[besides] = -1
        return self.photo(int(likeness.argmax()))

    def other(self, rng: np.random.Generator, besides: int | None = None) -> Rgb:
        index = int(rng.integers(len(self.paths) - 1))
        return self.photo(index + 1 if besides is not None and index >= besides else index)

    @torch.inference_mode()
    def _seen(self, photo: Rgb) -> NDArray[np.float32]:
        size = self._model.card.descriptor.model_size(*photo.shape[:2])
        luma = cv2.resize(luma_of(photo)[0], size[::-1], interpolation=cv2.INTER_AREA)
        codes = torch.from_numpy(luma)[None, None]
        levels = self._model.generator.features(lightness(normalize_luma(codes, 8, True)))
        return levels[-1][0].mean(dim=(1, 2)).numpy()

    def _unit(self, seen: NDArray[np.float32]) -> NDArray[np.float32]:
        centred = seen - self._mean
        return centred / np.linalg.norm(centred, axis=-1, keepdims=True)


def measure(guided: Guided, reference: Rgb) -> tuple[Figures, Rgb]:
    """The figures, and a sheet: reference and truth above, then automatic, then guided."""
    film, count = guided.film, guided.count
    truth = film.film.truth[:count]
    pictures = [guided.automatic, guided.with_reference(Reference(reference, film.model))]
    moments = (
        (0, {"truth": truth[i], "automatic": pictures[0][i], "guided": pictures[1][i]})
        for i in range(count)
    )
    totals = {name: each.total for name, each in measure_films(moments, "truth").items()}
    auto, own = totals["automatic"], totals["guided"]
    errors = [np.mean([ab_error(p, t) for p, t in zip(w, truth, strict=True)]) for w in pictures]
    middle = count // 2
    palettes = [palette_distance(way[middle], reference) for way in pictures]
    figures = Figures(
        (auto.psnr, own.psnr),
        (float(errors[0]), float(errors[1])),
        (auto.colorfulness, own.colorfulness),
        (palettes[0], palettes[1]),
        (auto.warp_error, own.warp_error),
        (totals["truth"].colorfulness, totals["truth"].warp_error),
    )
    shown = sorted({0, middle, count - 1})
    grey = film.picture(middle, None)
    rows = [[truth[i] for i in shown], *([way[i] for i in shown] for way in pictures)]
    height, width = reduce_photo(grey, CELL).shape[:2]
    aside = [cv2.resize(reference, (width, height)), cv2.resize(grey, (width, height)), None]
    cells = [
        [np.zeros((height, width, 3), np.uint8) if first is None else first]
        + [cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA) for photo in row]
        for first, row in zip(aside, rows, strict=True)
    ]
    return figures, np.vstack([np.hstack(row) for row in cells]).astype(np.uint8)


def film_references(
    film: Film, twins: dict[str, Rgb], photos: Photos | None, rng: np.random.Generator
) -> Iterator[tuple[str, Rgb]]:
    yield "later", cropped_mirror(film.truth[-1])
    other = {"-a": "-b", "-b": "-a"}.get(film.name[-2:])
    if other is not None and film.name[:-2] + other in twins:
        yield "twin", twins[film.name[:-2] + other]
    if photos is not None:
        yield "near", photos.near(film.truth[0])
        yield "other", photos.other(rng)


def report(figures: dict[str, list[Figures]], title: str) -> None:
    print(f"\n{title}: automatic, guided")
    print(
        f"{'':8}{'count':>6}{'PSNR':>16}{'error':>15}{'of auto':>9}{'95 %':>7}"
        f"{'colour':>15}{'palette':>15}{'warp error':>15}{'truth':>15}"
    )
    for name, each in figures.items():
        ratios = [one.error[1] / one.error[0] for one in each]
        means = np.array(
            [[o.psnr, o.error, o.colorfulness, o.palette, o.warp_error, o.truth] for o in each]
        ).mean(axis=0)
        psnr, error, color, palette, warp, true = (f"{a:.2f} {b:.2f}" for a, b in means)
        print(
            f"{name:8}{len(each):6}{psnr:>16}{error:>15}{np.mean(ratios):9.2f}"
            f"{np.quantile(ratios, 0.95):7.2f}{color:>15}{palette:>15}{warp:>15}{true:>15}",
            flush=True,
        )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--films", action="append", type=Path, default=[], metavar="SOURCE")
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="WebP photographs")
    parser.add_argument("--every", type=int, default=6, help="of the photographs (6)")
    parser.add_argument("--model", default="default")
    parser.add_argument("--frames", type=int, default=60, help="of each film at most (60)")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER", help="write sheets")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if chosen.sheets is not None:
        chosen.sheets.mkdir(parents=True, exist_ok=True)
    sample = [Path(__file__).parents[1] / "samples" / "old_film_truth.mp4"]
    sources = chosen.films or ([] if chosen.photos else sample)
    model = load_generator(chosen.model, torch.device("cpu"))
    rng = np.random.default_rng(1)
    photos = None
    if chosen.photos is not None:
        named = sorted(chosen.photos.glob("*.webp"))
        photos = Photos([path for path in named if not path.name.startswith("neutral")], model)
    record: dict[str, dict[str, dict[str, Figures]]] = {"films": {}, "photos": {}}

    def settle(kind: str, way: str, name: str, guided: Guided, reference: Rgb) -> None:
        figures, sheet = measure(guided, reference)
        record[kind].setdefault(way, {})[name] = figures
        if chosen.sheets is not None:
            Image.fromarray(sheet).save(chosen.sheets / f"{way}-{name}.png")

    films = [film for source in sources for film in films_in(source, chosen.frames, 1)]
    twins = {film.name: film.truth[len(film.truth) // 2] for film in films}
    for film in films:
        guided = Guided(Coloured(first_shot(film), model))
        for way, reference in film_references(film, twins, photos, rng):
            settle("films", way, film.name, guided, reference)
            one = record["films"][way][film.name]
            print(
                f"{film.name:18}{way:8}{one.psnr[0]:8.2f}{one.psnr[1]:8.2f}"
                f"{one.error[0]:8.2f}{one.error[1]:8.2f}{one.warp_error[0]:8.3f}"
                f"{one.warp_error[1]:8.3f}",
                flush=True,
            )
    indices = range(1, len(photos.paths), chosen.every) if photos is not None else ()
    for index in indices:
        assert photos is not None
        photo, name = photos.photo(index), photos.paths[index].stem
        guided = Guided(Coloured(Film(name, "photo", [photo]), model))
        settle("photos", "itself", name, guided, cropped_mirror(photo))
        settle("photos", "near", name, guided, photos.near(photo, index))
        settle("photos", "other", name, guided, photos.other(rng, index))
    for kind, ways in record.items():
        if ways:
            report({way: list(each.values()) for way, each in ways.items()}, kind)
    if chosen.json is not None:
        rows = {
            kind: {
                way: {name: asdict(one) for name, one in each.items()} for way, each in ways.items()
            }
            for kind, ways in record.items()
        }
        text = json.dumps({"short_side": SHORT_SIDE, **rows}, indent=2)
        chosen.json.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
