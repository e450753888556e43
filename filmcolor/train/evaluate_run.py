"""A run's averaged weights measured and written as checkpoints, with sheets and curves.

It must not know how training works or when it is time to evaluate.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

from filmcolor.evaluate.enlarging import EnlargeReport, evaluate_enlarging
from filmcolor.evaluate.report import SATURATIONS, PhotoReport, evaluate_photos, spread_indices
from filmcolor.events import Evaluated
from filmcolor.models.adapter import TrainAdapter
from filmcolor.models.base import Generator, Upscaler
from filmcolor.models.card import ModelCard
from filmcolor.models.checkpoint import LoadedModel, LoadedUpscaler, save_network
from filmcolor.models.registry import build_adapter, build_network
from filmcolor.train.crops import CropSource
from filmcolor.train.data import PhotoSet
from filmcolor.train.degrade import worn_half
from filmcolor.train.run_folder import RunFolder
from filmcolor.train.shown import shown_pictures
from filmcolor.train.trainer import Trainer
from filmcolor.visual.rgb import Rgb
from filmcolor.visual.sheets import make_sheet

SCORE_COLORFULNESS = 0.65
"""Checkpoints are compared by their PSNR gain at this share of the truth's colourfulness."""

_LEAST_TONE = 0.25
"""Of the gain of chroma: where it gives four times the true colour, more than the gain is wrong."""
_SHEET_PICTURES = 8
_CELL_HEIGHT = 128


def evaluate_run(
    trainer: Trainer, folder: RunFolder, about: ModelCard, source: CropSource, val: PhotoSet
) -> Evaluated:
    """Measure the averaged weights, write `last`, `best` if they are, sheets and curves."""
    at = trainer.state
    at.tone = 1.0
    adapter, card = checkpoint(trainer, about, source)
    report, pictures = _measure(trainer, adapter, card, val)
    while "chroma_gain" in about.config and isinstance(report, PhotoReport):
        measured = report.saturation_at(1.0)
        fitting = max(measured, _LEAST_TONE / at.tone)
        if fitting >= 1:
            break
        at.tone *= fitting  # it gives these pictures more colour than those before
        card = _toned(adapter, about, card, at.tone)
        report, pictures = _measure(trainer, adapter, card, val)
        if measured > min(SATURATIONS):
            break  # else it may have to fall further than was measured
    if isinstance(report, PhotoReport):
        score = report.gain_at(SCORE_COLORFULNESS)
    else:
        score = report.psnr_gain
    is_best = score > at.best_score or not folder.best.exists()
    at.best_score = max(score, at.best_score)
    card = replace(card, metrics=report.card_metrics())
    save_network(adapter.network, card, folder.last)
    if is_best:
        save_network(adapter.network, card, folder.best)
    folder.append({"step": at.step, "score": score, "best": is_best, **report.card_metrics()})
    columns = [
        make_sheet([[column] for column in one], cell_height=_CELL_HEIGHT)
        for one in zip(*pictures, strict=True)
    ]
    folder.write_sheet(at.step, *columns)
    folder.write_curves()
    return Evaluated(at.step, report, score, is_best)


def _measure(
    trainer: Trainer, adapter: TrainAdapter[Any], card: ModelCard, val: PhotoSet
) -> tuple[PhotoReport | EnlargeReport, list[tuple[Rgb, Rgb, Rgb]]]:
    """A checkpoint's report, and a few of the pictures: before, made and true."""
    pictures: list[tuple[Rgb, Rgb, Rgb]] = []
    keep = spread_indices(len(val), _SHEET_PICTURES)

    def on_picture(before: Rgb, ours: Rgb, truth: Rgb) -> None:
        pictures.append((before, ours, truth))

    report: PhotoReport | EnlargeReport
    network = adapter.network
    if card.descriptor.is_upscaler:
        upscaler = LoadedUpscaler(cast(Upscaler, network), card, trainer.device)
        smaller = worn_half(trainer.phase.degrade, trainer.seed)
        report = evaluate_enlarging(
            upscaler, val.photos, smaller=smaller, keep=keep, on_picture=on_picture
        )
    else:
        model = LoadedModel(cast(Generator, network), card, trainer.device)
        report = evaluate_photos(model, val.photos, keep=keep, on_picture=on_picture)
    return report, pictures


def checkpoint(
    trainer: Trainer, about: ModelCard, source: CropSource
) -> tuple[TrainAdapter[Any], ModelCard]:
    """A network with the averaged weights, ready to be run, and the card that says how far they
    were trained.
    """
    network = build_network(about.architecture, about.config)
    network.load_state_dict(trainer.averaged())
    adapter = build_adapter(network.eval())
    adapter.half = trainer.adapter.half
    network.requires_grad_(False).to(trainer.device)
    at = trainer.state
    images = at.step * trainer.recipe.batch_size
    made = f"{about.provenance}; {at.step} steps, {images} pictures seen".lstrip("; ")
    adapter.distil(shown_pictures(source, trainer.phase, trainer.seed))
    return adapter, _toned(adapter, about, replace(about, provenance=made), at.tone)


def _toned(adapter: TrainAdapter[Any], about: ModelCard, card: ModelCard, tone: float) -> ModelCard:
    """Give the network so much of the gain of chroma that `about` states, if it has one; the card
    that says so.
    """
    if "chroma_gain" not in about.config:
        return card
    adapter.set_chroma_gain(tone * float(about.config["chroma_gain"]))
    network = adapter.network
    descriptor = replace(card.descriptor, looks=network.descriptor.looks)
    return replace(card, config=asdict(network.config), descriptor=descriptor)


def save_checkpoint(trainer: Trainer, about: ModelCard, source: CropSource, path: Path) -> None:
    """Write the averaged weights, not measured."""
    adapter, card = checkpoint(trainer, about, source)
    save_network(adapter.network, card, path)
