"""A run's averaged weights measured and written as checkpoints, with sheets and curves.

It must not know how training works or when it is time to evaluate.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from filmcolor.evaluate.coloring import Photo
from filmcolor.evaluate.enlarging import EnlargeReport, evaluate_enlarging
from filmcolor.evaluate.report import SATURATIONS, PhotoReport, evaluate_photos, spread_indices
from filmcolor.events import Evaluated
from filmcolor.models.base import Generator, Network, Upscaler
from filmcolor.models.card import ModelCard
from filmcolor.models.checkpoint import LoadedModel, LoadedUpscaler, save_network
from filmcolor.models.mobilenet_unet import MobileNetUNet
from filmcolor.models.registry import build_network
from filmcolor.train.crops import CropSource
from filmcolor.train.data import PhotoSet
from filmcolor.train.degrade import worn_half
from filmcolor.train.reading import fit_reading, shown_pictures
from filmcolor.train.run_folder import RunFolder
from filmcolor.train.trainer import Trainer
from filmcolor.visual.sheets import Picture, make_sheet

SCORE_COLORFULNESS = 0.65
"""Checkpoints are compared by their PSNR gain at this share of the truth's colourfulness."""

_LEAST_TONE = 0.25
"""Of the gain of chroma: of what paints four times the colour there is, more is wrong."""
_SHEET_PICTURES = 8
_CELL_HEIGHT = 128


def evaluate_run(
    trainer: Trainer, folder: RunFolder, about: ModelCard, source: CropSource, val: PhotoSet
) -> Evaluated:
    """Measure the averaged weights, write `last`, `best` if they are, sheets and curves."""
    at = trainer.standing
    at.tone = 1.0
    network, card = checkpoint(trainer, about, source)
    report, pictures = _measure(trainer, network, card, val)
    while isinstance(network, MobileNetUNet) and isinstance(report, PhotoReport):
        measured = report.saturation_at(1.0)
        fitting = max(measured, _LEAST_TONE / at.tone)
        if fitting >= 1:
            break
        at.tone *= fitting  # it is surer of these pictures than of those before
        card = _toned(network, about, card, at.tone)
        report, pictures = _measure(trainer, network, card, val)
        if measured > min(SATURATIONS):
            break  # else it may have to fall further than was measured
    if isinstance(report, PhotoReport):
        score = report.gain_at(SCORE_COLORFULNESS)
    else:
        score = report.psnr_gain
    is_best = score > at.best_score or not folder.best.exists()
    at.best_score = max(score, at.best_score)
    card = replace(card, metrics=report.card_metrics())
    save_network(network, card, folder.last)
    if is_best:
        save_network(network, card, folder.best)
    folder.append({"step": at.step, "score": score, "best": is_best, **report.card_metrics()})
    columns = [
        make_sheet([[column] for column in one], cell_height=_CELL_HEIGHT)
        for one in zip(*pictures, strict=True)
    ]
    folder.write_sheet(at.step, *columns)
    folder.write_curves()
    return Evaluated(at.step, report, score, is_best)


def _measure(
    trainer: Trainer, network: Network, card: ModelCard, val: PhotoSet
) -> tuple[PhotoReport | EnlargeReport, list[tuple[Picture, Picture, Picture]]]:
    """A checkpoint's report, and a few of the pictures: before, made and true."""
    pictures: list[tuple[Picture, Picture, Picture]] = []
    keep = spread_indices(len(val), _SHEET_PICTURES)

    def on_picture(before: Photo, ours: Photo, truth: Photo) -> None:
        pictures.append((before, ours, truth))

    report: PhotoReport | EnlargeReport
    if isinstance(network, Upscaler):
        upscaler = LoadedUpscaler(network, card, trainer.device)
        smaller = worn_half(trainer.phase.degrade, trainer.seed)
        report = evaluate_enlarging(
            upscaler, val.photos, smaller=smaller, keep=keep, on_picture=on_picture
        )
    else:
        assert isinstance(network, Generator)
        model = LoadedModel(network, card, trainer.device)
        report = evaluate_photos(model, val.photos, keep=keep, on_picture=on_picture)
    return report, pictures


def checkpoint(trainer: Trainer, about: ModelCard, source: CropSource) -> tuple[Network, ModelCard]:
    """A network with the averaged weights, ready to be run, and the card that says how far they
    were trained.
    """
    network = build_network(about.architecture, about.config)
    network.load_state_dict(trainer.averaged())
    network = network.to(trainer.device).eval().requires_grad_(False)
    at = trainer.standing
    images = at.step * trainer.recipe.batch_size
    made = f"{about.provenance}; {at.step} steps, {images} pictures seen".lstrip("; ")
    card = replace(about, provenance=made)
    if isinstance(network, MobileNetUNet):
        pictures = shown_pictures(source, trainer.phase, trainer.seed)
        fit_reading(network, pictures, half=trainer.half)
        card = _toned(network, about, card, at.tone)
    return network, card


def _toned(network: MobileNetUNet, about: ModelCard, card: ModelCard, tone: float) -> ModelCard:
    """Give the network so much of the gain of chroma that `about` states; the card that says so."""
    gain = tone * float(about.config["chroma_gain"])
    network.config = replace(network.config, chroma_gain=gain)
    descriptor = replace(card.descriptor, looks=network.descriptor.looks)
    return replace(card, config=asdict(network.config), descriptor=descriptor)
