"""Measure how well a model keeps its colours when photographs are worn as old film is.

    python scripts/bench_robustness.py --val val/ --model default --model runs/mine/best.safetensors
    python scripts/bench_robustness.py --val val/ --pictures 100 --sheet worn.png

The photographs are coloured as they are, with fine grain (a standard deviation of 4 codes), and
harmed as training harms them (`filmcolor/train/degrade.py`, every one of them, the same for every
model). Printed are the gain in PSNR over the same grey picture, colourfulness beside the truth's,
and how far grain moves ab. The truth's luma stays what colour is laid over, so that only colour is
judged.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from filmcolor.color import ChromaTable, chroma_to_rgb, lightness, normalize_luma
from filmcolor.evaluate.coloring import reduce_photo, to_photos, to_rgb
from filmcolor.evaluate.photos import colorfulness, psnr
from filmcolor.evaluate.report import SHORT_SIDE, spread_indices
from filmcolor.media.images.picture import luma_of
from filmcolor.models.checkpoint import LoadedModel, load_generator
from filmcolor.stages.infer import View, infer
from filmcolor.stages.upsample import Upsampler
from filmcolor.train.data import load_photos
from filmcolor.train.degrade import DegradeSettings, degrade
from filmcolor.types import Frame, Luma, PixelLayout
from filmcolor.visual.rgb import Rgb
from filmcolor.visual.sheets import make_sheet, write_png

GRAIN = 4.0
WORN = replace(DegradeSettings(), chance=1.0)
SHEET_ROWS = 12


@dataclass
class Figures:
    """Sums over photographs."""

    neutral: float = 0.0
    psnr: float = 0.0
    strength: float = 0.0
    truth: float = 0.0
    moved: float = 0.0

    def line(self, count: int) -> str:
        gain = (self.psnr - self.neutral) / count
        moved = f", ab moved by {self.moved / count:.2f}" if self.moved else ""
        return f"{gain:+.3f} dB @ {self.strength / self.truth:.3f}{moved}"


def worn_luma(rgb: Tensor, seed: int) -> Luma:
    rng = torch.Generator().manual_seed(seed)
    luma = degrade(rgb, WORN, rng)
    return np.asarray((luma[0, 0] * 255).round().clamp(0, 255).to(torch.uint8).numpy())


def grainy(luma: Luma, seed: int) -> Luma:
    noise = np.random.default_rng(seed).normal(0.0, GRAIN, luma.shape)
    return np.clip(np.rint(luma + noise), 0, 255).astype(np.uint8)


def colored(model: LoadedModel, shown: Luma, luma: Tensor) -> Tensor:
    """ab (1, 2, H, W) that the model sees in `shown`, along the edges of Y' `luma`."""
    rows, columns = model.card.descriptor.model_size(*shown.shape)
    ((_, field),) = infer([Frame(0, 0, shown)], model, View(8, True, rows, columns), 1)
    upsampler = Upsampler(shown.shape, PixelLayout(8, "444"), "center", model.device)
    return upsampler.lines(field).ab(lightness(luma))


@torch.inference_mode()
def measure(model: LoadedModel, photos: list[Rgb]) -> tuple[dict[str, Figures], list[list[Rgb]]]:
    table = ChromaTable.build(6, 1)
    found = {name: Figures() for name in ("as they are", "grain", "worn")}
    rows: list[list[Rgb]] = []
    shown_in_sheet = set(spread_indices(len(photos), SHEET_ROWS))
    for number, photo in enumerate(photos):
        truth = to_rgb([photo], torch.device("cpu"))
        codes = luma_of(photo)[0]
        luma = normalize_luma(torch.from_numpy(codes)[None, None], 8, full_range=True)
        inputs = {
            "as they are": codes,
            "grain": grainy(codes, number),
            "worn": worn_luma(truth, number),
        }
        row: list[Rgb] = []
        clean: Tensor | None = None
        for name, shown in inputs.items():
            ab = colored(model, shown, luma)
            clean = ab if clean is None else clean
            rgb = chroma_to_rgb(luma, table(luma, ab))
            figures = found[name]
            figures.neutral += float(psnr(luma.expand(-1, 3, -1, -1), truth))
            figures.psnr += float(psnr(rgb, truth))
            figures.strength += float(colorfulness(rgb))
            figures.truth += float(colorfulness(truth))
            figures.moved += float((ab - clean).square().sum(dim=1).sqrt().mean())
            row += [np.repeat(shown[..., None], 3, axis=2), *to_photos(rgb)]
        if number in shown_in_sheet:
            rows.append([*row, photo])
    return found, rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--val", required=True, help="photographs never trained on")
    parser.add_argument("--model", action="append", help="may be given more than once (default)")
    parser.add_argument("--pictures", type=int, help="measure on so many of them (all)")
    parser.add_argument("--sheet", type=Path, help="PNG of some, by the last model")
    chosen = parser.parse_args()
    photos = load_photos([chosen.val])
    if chosen.pictures is not None:
        photos = photos.take(spread_indices(len(photos), chosen.pictures))
    reduced = [reduce_photo(photo, SHORT_SIDE) for photo in photos.photos]
    for name in chosen.model or ["default"]:
        found, rows = measure(load_generator(name, torch.device("cpu")), reduced)
        for what, figures in found.items():
            print(f"{name}, {what}: {figures.line(len(reduced))}", flush=True)
    if chosen.sheet is not None:
        titles = ["as it is", "coloured", "grain", "coloured", "worn", "coloured", "truth"]
        write_png(chosen.sheet, make_sheet(rows, titles=titles, cell_height=160))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
