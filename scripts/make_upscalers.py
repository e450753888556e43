"""Make a shipped upscaler from a trained checkpoint: measure it, write its card, put it in place.

    filmcolor train photos/ -o runs/sr --recipe sr --val val/ --minutes 48 --precision bf16
    filmcolor train photos/ -o runs/film --recipe sr-film --init runs/sr/best.safetensors --val val/
    python scripts/make_upscalers.py sr-fast runs/sr/best.safetensors --val val/ \\
        --card scripts/recipes/sr-fast-card.toml
    python scripts/make_upscalers.py sr-fast-film runs/film/best.safetensors --val val/ \\
        --card scripts/recipes/sr-fast-film-card.toml --film

What is measured is the whole stage, with its correction, on photographs made half size. With
`--film` they are worn as small files of old film are first.
"""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from filmcolor.evaluate.enlarging import EnlargeReport, evaluate_enlarging
from filmcolor.evaluate.report import spread_indices
from filmcolor.models.checkpoint import LoadedUpscaler, load_upscaler, save_network
from filmcolor.stages.upscale import Enlarger
from filmcolor.train.data import PhotoSet, load_photos
from filmcolor.train.degrade import NO_DEGRADATION, SMALL_FILM, worn_half

WEIGHTS = Path(__file__).parents[1] / "filmcolor" / "weights"


def measure_stage(
    model: LoadedUpscaler, photos: PhotoSet, *, factor: int = 2, film: bool = False
) -> EnlargeReport:
    """The figures of the stage as a film goes through it, in codes of 8 bits."""
    enlarger = Enlarger(model, factor, 8, full_range=True)

    def enlarged(luma: Tensor) -> Tensor:
        codes = (luma[0, 0] * 255).round().to(torch.uint8).numpy()
        return torch.from_numpy(enlarger.enlarge(codes))[None, None].float() / 255

    smaller = worn_half(SMALL_FILM if film else NO_DEGRADATION, 0)
    return evaluate_enlarging(
        model, photos.photos, smaller=smaller, enlarged=enlarged, factor=factor
    )


def load_val(path: str, pictures: int | None) -> PhotoSet:
    """Validation photographs, all or so many spread over them."""
    photos = load_photos([path])
    return photos if pictures is None else photos.take(spread_indices(len(photos), pictures))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="under which it ships")
    parser.add_argument("checkpoint")
    parser.add_argument("--val", required=True, help="photographs never trained on")
    parser.add_argument("--pictures", type=int, help="measure on so many of them (all)")
    parser.add_argument("--film", action="store_true", help="photographs worn as old film is")
    parser.add_argument("--card", type=Path, required=True, help="TOML file with its texts")
    parser.add_argument("-o", "--output", type=Path, default=WEIGHTS)
    chosen = parser.parse_args()
    model = load_upscaler(chosen.checkpoint)
    report = measure_stage(model, load_val(chosen.val, chosen.pictures), film=chosen.film)
    texts = tomllib.loads(chosen.card.read_text(encoding="utf-8"))
    card = replace(model.card, name=chosen.name, metrics=report.card_metrics(), **texts)
    target = chosen.output / f"{chosen.name}.safetensors"
    save_network(model.network, card, target)
    print(f"{target}: {card.metrics}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
