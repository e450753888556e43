"""Draw the sheets of docs/default-model.md: what a model makes of photographs and film frames.

    python scripts/make_model_sheets.py --val val/ --clips clips/ -o docs/pictures

From `val/` only sources are shown whose licence allows it (`SHOWN`). Every picture stands beside
its grey self and, where there is one, the truth. JPEG, under 1 MB in all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import torch

from filmcolor.evaluate.coloring import color_photos, reduce_photo, to_photos
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.models.checkpoint import LoadedModel, load_generator
from filmcolor.visual.rgb import PictureMaker, Rgb
from filmcolor.visual.sheets import make_sheet

SHOWN = ("cid22_*.webp", "clothing_*.webp", "neutral-clothing_*.webp", "neutral-cid22_*.webp")
CLIPS = ("sign-language", "person-indoor", "bottles", "highway")
MOMENTS = 3
ACROSS = 2
QUALITY = 80


def read_photo(path: Path) -> Rgb:
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"{path}: cannot be read")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def frames_of(path: Path) -> Iterator[Rgb]:
    with FilmReader(str(path)) as reader:
        info = replace(reader.info, layout=reader.info.layout.colored)
        maker = PictureMaker(info, None, None)
        for moment in range(MOMENTS):
            frames = reader.frames(start_seconds=Fraction(moment), with_chroma=True)
            yield maker.picture(next(frames))
            frames.close()


@torch.inference_mode()
def rows_of(model: LoadedModel, photos: list[Rgb], *, has_truth: bool) -> list[list[Rgb]]:
    reduced = [reduce_photo(photo, 256) for photo in photos]
    rows: dict[int, list[Rgb]] = {}
    for batch in color_photos(model, reduced):
        for index, grey, ours in zip(
            batch.indices, to_photos(batch.grey), to_photos(batch.rgb(batch.ab)), strict=True
        ):
            rows[index] = [grey, ours, *([reduced[index]] if has_truth else [])]
    return [rows[index] for index in sorted(rows)]


def write(path: Path, rows: list[list[Rgb]], titles: list[str], height: int) -> None:
    """Rows side by side, `ACROSS` at a time."""
    groups = [list(chain(*rows[i : i + ACROSS])) for i in range(0, len(rows), ACROSS)]
    sheet = make_sheet(groups, cell_height=height, titles=titles * ACROSS)
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), options)
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("-o", "--output", type=Path, required=True)
    chosen = parser.parse_args()
    chosen.output.mkdir(parents=True, exist_ok=True)
    model = load_generator(chosen.model)
    paths = [path for pattern in SHOWN for path in sorted(chosen.val.glob(pattern))]
    photos = rows_of(model, [read_photo(path) for path in paths], has_truth=True)
    write(chosen.output / "photographs.jpg", photos, ["grey", "coloured", "truth"], 150)
    clips = [frame for name in CLIPS for frame in frames_of(chosen.clips / f"{name}.mp4")]
    moving = rows_of(model, clips, has_truth=True)
    write(chosen.output / "clips.jpg", moving, ["grey", "coloured", "truth"], 150)
    old = [read_photo(path) for path in sorted((chosen.clips / "old").glob("*.jpg"))]
    write(
        chosen.output / "old.jpg",
        rows_of(model, old, has_truth=False),
        ["as it is", "coloured"],
        260,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
