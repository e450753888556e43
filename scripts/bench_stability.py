"""Measure how steady the colours of films with known colours are, unsmoothed and smoothed.

    python scripts/bench_stability.py                             # the sample film and made cases
    python scripts/bench_stability.py --films clips/ --films sequences.tar
    python scripts/bench_stability.py --films clips/ --sheets out/  # and frames in a row, as PNG

Made cases are drawn from photographs that come with scikit-image (`dev` extra), so that their
motion and their colours are known: pan, zoom, a crossing object, a flash, a dissolve, heavy grain,
exposure flicker, and a still scene with grain. `--films` takes colour films, folders of them,
and tar files with one folder of pictures a film. Every film is made grey, coloured once, and
steadied in each way; the same figures of the true colours stand beside it (see
`filmcolor/evaluate/video.py`).
"""

from __future__ import annotations

import argparse
import io
import json
import math
import tarfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage import data as photographs

from filmcolor.analysis.shots import assign_shots
from filmcolor.color import ChromaTable, chroma_to_rgb, lightness, normalize_luma
from filmcolor.evaluate.coloring import reduce_photo, to_photos
from filmcolor.evaluate.film_figures import FilmFigures, FrameFigures
from filmcolor.evaluate.video import measure_films
from filmcolor.media.images.picture import luma_of
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.models.checkpoint import LoadedModel, load_generator
from filmcolor.options import Smoothing
from filmcolor.stages.chroma_drift import SPACING, Drift, DriftMeter
from filmcolor.stages.infer import View, infer
from filmcolor.stages.smooth import smooth
from filmcolor.stages.upsample import Upsampler
from filmcolor.types import AbMap, Frame, PixelLayout, Uncolored
from filmcolor.visual.rgb import PictureMaker, Rgb

SHORT_SIDE = 256
LAYOUT = PixelLayout(8, "444")
RATE = 24


@dataclass(frozen=True)
class Way:
    """One way of steadying."""

    method: Smoothing
    stability: float = 0.7
    stride: int = 1


WAYS = {
    "off": Way("none"),
    "ema": Way("ema"),
    "flow": Way("flow"),
    "flow, stride 4": Way("flow", stride=4),
}


@dataclass(frozen=True)
class Film:
    """Pictures (height, width, 3) of one size, and what the film's damage made of their luma."""

    name: str
    kind: str
    truth: list[Rgb]
    luma: list[NDArray[np.uint8]] | None = None
    """Full-range codes where it is not the truth's own."""


# Films ----------------------------------------------------------------------------------------


def read_film(path: Path, limit: int, every: int) -> Film:
    with FilmReader(str(path)) as reader:
        maker = PictureMaker(reader.info, None, SHORT_SIDE)
        frames = reader.frames(with_chroma=True)
        chosen = (frame for frame in frames if frame.index % every == 0)
        truth = [maker.picture(frame) for frame, _ in zip(chosen, range(limit), strict=False)]
        frames.close()
    return Film(path.stem, "film", truth)


def read_sequences(path: Path, limit: int, every: int) -> Iterator[Film]:
    runs: dict[str, list[tuple[str, bytes]]] = {}
    with tarfile.open(path) as shard:
        for member in shard:
            file = shard.extractfile(member)
            if file is not None:
                runs.setdefault(str(Path(member.name).parent), []).append(
                    (member.name, file.read())
                )
    for name, pictures in sorted(runs.items()):
        data = [raw for _, raw in sorted(pictures)][::every][:limit]
        opened = [np.asarray(Image.open(io.BytesIO(raw)).convert("RGB")) for raw in data]
        yield Film(name, "film", [reduce_photo(picture, SHORT_SIDE) for picture in opened])


def films_in(source: Path, limit: int, every: int) -> Iterator[Film]:
    if source.suffix == ".tar":
        yield from read_sequences(source, limit, every)
    elif source.is_dir():
        for path in sorted(source.glob("*.mp4")):
            yield read_film(path, limit, every)
    else:
        yield read_film(source, limit, every)


# Made cases -----------------------------------------------------------------------------------


def seen(photo: Rgb, x: float, y: float, width: float, size: tuple[int, int]) -> Rgb:
    """What a camera sees that looks at (x, y), `width` px of the photograph wide."""
    scale = width / size[1]
    move = np.array(
        [[scale, 0, x - scale * size[1] / 2], [0, scale, y - scale * size[0] / 2]], np.float32
    )
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(photo, move, size[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT)
    )


def worn(truth: list[Rgb], grain: float, flicker: float, seed: int = 5) -> list[NDArray[np.uint8]]:
    """Luma with grain and exposure flicker, in codes and as a share."""
    rng = np.random.default_rng(seed)
    result = []
    for picture in truth:
        luma = luma_of(picture)[0].astype(np.float32)
        noise = cv2.GaussianBlur(rng.normal(0, 1, luma.shape).astype(np.float32), (0, 0), 0.7)
        noise *= grain / float(noise.std())
        damaged = luma * (1 + flicker * rng.uniform(-1, 1)) + noise
        result.append(np.clip(np.rint(damaged), 0, 255).astype(np.uint8))
    return result


def crossing(count: int, size: tuple[int, int]) -> tuple[list[Rgb], list[NDArray[np.bool_]]]:
    """A round piece of one photograph crosses another; also where it is."""
    ground = seen(photographs.coffee(), 300, 200, 420, size)
    body = seen(photographs.chelsea(), 220, 150, 200, size)
    rows, columns = np.mgrid[: size[0], : size[1]]
    pictures, places = [], []
    for index in range(count):
        x = -40 + (size[1] + 80) * index / (count - 1)
        inside = np.hypot(columns - x, rows - size[0] / 2) < 44
        move = np.array([[1, 0, x - size[1] / 2], [0, 1, 0]], np.float32)
        moved = cv2.warpAffine(body, move, size[::-1], borderMode=cv2.BORDER_REFLECT)
        soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.8)[..., None]
        pictures.append(np.rint(moved * soft + ground * (1 - soft)).astype(np.uint8))
        places.append(inside)
    return pictures, places


def made_cases(count: int) -> Iterator[Film]:
    size = (SHORT_SIDE, SHORT_SIDE * 4 // 3)
    astronaut, coffee, cat = photographs.astronaut(), photographs.coffee(), photographs.chelsea()
    share = np.linspace(0, 1, count)
    still = [seen(astronaut, 250, 200, 400, size)] * count
    pan = [seen(coffee, 220 + 160 * s, 200, 380, size) for s in share]
    zoom = [seen(cat, 220, 150, 330 - 130 * s, size) for s in share]
    other = seen(coffee, 300, 200, 420, size)
    mixed = np.clip((share - 0.3) / 0.4, 0, 1)
    dissolve = [np.rint(still[0] * (1 - s) + other * s).astype(np.uint8) for s in mixed]
    yield Film("pan", "made", pan)
    yield Film("zoom", "made", zoom)
    yield Film("crossing object", "made", crossing(count, size)[0])
    flashed = [
        np.clip(luma * (1.9 if index == count // 2 else 1.0), 0, 255).astype(np.uint8)
        for index, luma in enumerate(worn(pan, 4, 0.0))
    ]
    yield Film("flash", "made", pan, flashed)
    yield Film("dissolve", "made", dissolve)
    yield Film("still, grain", "worn", still, worn(still, 6, 0.0))
    yield Film("pan, heavy grain", "worn", pan, worn(pan, 14, 0.0))
    yield Film("pan, exposure flicker", "worn", pan, worn(pan, 4, 0.2))
    yield Film("zoom, grain and flicker", "worn", zoom, worn(zoom, 8, 0.15))


# Colouring and measuring ----------------------------------------------------------------------


class Coloured:
    """One film with the model's fields, to be steadied in any way."""

    def __init__(self, film: Film, model: LoadedModel) -> None:
        self.film = film
        luma = film.luma or [luma_of(picture)[0] for picture in film.truth]
        frames = [Frame(index, index, codes) for index, codes in enumerate(luma)]
        self.frames = list(assign_shots(frames, LAYOUT))
        height, width = luma[0].shape
        rows, columns = model.card.descriptor.model_size(height, width)
        view = View(8, True, rows, columns)
        begun = time.perf_counter()
        self.fields = list(infer(self.frames, model, view))
        self.infer_seconds = time.perf_counter() - begun
        self.model, self.view = model, view
        self._table = ChromaTable.build(6, 1)
        self._upsampler = Upsampler((height, width), LAYOUT, "center", torch.device("cpu"))

    def drift(self) -> Drift:
        meter = DriftMeter()
        for frame, field in self.fields:
            if frame.place % SPACING == 0:
                meter.add(frame.shot, frame.place, field)
        return meter.found()

    def steadied(self, way: Way) -> list[AbMap]:
        source: list[tuple[Frame, AbMap | Uncolored]] = [
            (frame, field)
            if frame.place % way.stride == 0
            else (frame, Uncolored(field.index, field.lightness, field.ab.shape[1:]))
            for frame, field in self.fields
        ]
        drift = self.drift() if way.method == "flow" else None
        steady = smooth(source, way.method, stability=way.stability, stride=way.stride, drift=drift)
        return [field for _, field in steady]

    @torch.inference_mode()
    def picture(self, index: int, field: AbMap | None) -> Rgb:
        """The frame in colour, or grey; on the true luma, so that only colour differs."""
        codes = torch.from_numpy(luma_of(self.film.truth[index])[0])[None, None]
        luma = normalize_luma(codes, 8, full_range=True)
        if field is None:
            return to_photos(luma.expand(-1, 3, -1, -1))[0]
        ab = self._upsampler.lines(field).ab(lightness(luma))
        return to_photos(chroma_to_rgb(luma, self._table(luma, ab)))[0]


def measure(film: Coloured, results: dict[str, list[AbMap]]) -> dict[str, FilmFigures]:
    def moments() -> Iterator[tuple[int, dict[str, Rgb]]]:
        for index, frame in enumerate(film.frames):
            pictures = {"truth": film.film.truth[index], "grey": film.picture(index, None)}
            for name, fields in results.items():
                pictures[name] = film.picture(index, fields[index])
            yield frame.shot, pictures

    return measure_films(moments(), "truth")


def sheet(film: Coloured, results: dict[str, list[AbMap]], columns: int) -> Rgb:
    """Frames in a row: truth, then each way, one row each."""
    first = max(0, len(film.frames) // 2 - columns // 2)
    indices = range(first, min(len(film.frames), first + columns))
    rows = [np.hstack([reduce_photo(film.film.truth[i], 160) for i in indices])]
    for fields in results.values():
        pictures = [reduce_photo(film.picture(i, fields[i]), 160) for i in indices]
        rows.append(np.hstack(pictures))
    return np.vstack(rows)


# Report ---------------------------------------------------------------------------------------

_COLUMNS: tuple[tuple[str, str, float], ...] = (
    ("psnr", "PSNR", 1),
    ("colorfulness", "colour", 1),
    ("cdc", "CDC x1000", 1000),
    ("warp_error", "warp error", 1),
    ("flicker", "flicker", 1),
    ("still_noise", "still noise", 1),
)


def mean_of(figures: Iterable[FrameFigures]) -> FrameFigures:
    films = [asdict(each) for each in figures]
    means = {}
    for name in films[0]:
        known = [film[name] for film in films if not math.isnan(film[name])]
        means[name] = sum(known) / len(known) if known else math.nan
    return FrameFigures(**means)


def print_rows(title: str, rows: dict[str, FrameFigures]) -> None:
    print(f"\n{title}")
    print(f"{'':24}" + "".join(f"{heading:>12}" for _, heading, _ in _COLUMNS))
    for name, figures in rows.items():
        values = [getattr(figures, key) * factor for key, _, factor in _COLUMNS]
        print(f"{name:24}" + "".join(f"{v:12.3f}" if v == v else f"{'-':>12}" for v in values))


def verdict(rows: dict[str, FrameFigures], way: str) -> Iterator[str]:
    """The figures that are to hold, as one line each."""
    truth, off, own = rows["truth"], rows["off"], rows[way]
    yield f"warp error against the truth's: {own.warp_error / truth.warp_error:.2f}"
    yield f"warp error against unsmoothed: {own.warp_error / off.warp_error:.2f}"
    excess = (own.cdc - truth.cdc) / (off.cdc - truth.cdc)
    yield f"CDC above the truth's, share of the unsmoothed excess: {excess:.2f}"
    yield f"colourfulness against unsmoothed: {own.colorfulness / off.colorfulness:.3f}"
    yield f"PSNR against unsmoothed: {own.psnr - off.psnr:+.3f} dB"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--films", action="append", type=Path, default=[], metavar="SOURCE")
    parser.add_argument("--frames", type=int, default=48, help="of each film at most (48)")
    parser.add_argument("--every", type=int, default=1, help="every so manieth frame (1)")
    parser.add_argument("--model", default="default")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER", help="write frames in a row")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--no-made", action="store_true", help="leave the made cases out")
    chosen = parser.parse_args(arguments)
    model = load_generator(chosen.model, torch.device("cpu"))
    sources: list[Iterator[Film]] = [films_in(s, chosen.frames, chosen.every) for s in chosen.films]
    if not chosen.no_made:
        sample = Path(__file__).parents[1] / "samples" / "old_film_truth.mp4"
        sources += [films_in(sample, chosen.frames, chosen.every), made_cases(chosen.frames)]
    by_kind: dict[str, list[dict[str, FrameFigures]]] = {}
    record = {}
    for film in (film for source in sources for film in source):
        coloured = Coloured(film, model)
        results, seconds = {}, {}
        for name, way in WAYS.items():
            begun = time.perf_counter()
            results[name] = coloured.steadied(way)
            seconds[name] = (time.perf_counter() - begun) / len(coloured.frames)
        rows = {name: figures.total for name, figures in measure(coloured, results).items()}
        by_kind.setdefault(film.kind, []).append(rows)
        print_rows(f"{film.name}, {len(coloured.frames)} frames", rows)
        print("ms a frame: " + ", ".join(f"{n} {1000 * s:.1f}" for n, s in seconds.items()))
        record[film.name] = {name: asdict(figures) for name, figures in rows.items()}
        if chosen.sheets is not None:
            chosen.sheets.mkdir(parents=True, exist_ok=True)
            pixels = sheet(coloured, results, 8)
            Image.fromarray(pixels).save(chosen.sheets / f"{film.name}.png")
    for kind, films in by_kind.items():
        means = {name: mean_of(film[name] for film in films) for name in films[0]}
        print_rows(f"mean of {len(films)}: {kind}", means)
        for way in ("flow", "flow, stride 4"):
            print(f"  {way}: " + "; ".join(verdict(means, way)))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(record, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
