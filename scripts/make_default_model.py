"""Make the default model from a trained checkpoint: mix its heads, measure it, ship it.

    filmcolor train photos/ -o runs/default --recipe film --init mobilenet_v2_imagenet.safetensors
    python scripts/make_default_model.py runs/default/best.safetensors \\
        --photos photos/ --val val/ --look
    python scripts/make_default_model.py runs/default/best.safetensors \\
        --photos photos/ --val val/ --share 0.5 --gain 1.1 --card card.toml

`--look` prints the gain in PSNR over the grey photographs against colourfulness for several shares
of the class head, knees and gains of chroma. Without it the chosen ones are written into the
checkpoint with their figures and the texts of the card, and the result replaces the model that
comes with the package. Of several checkpoints of one run the mean of their weights is taken
(Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018);
one that is named twice counts twice. The student head is then distilled from that mean, on the
photographs, whose features give the statistics by which places are compared. Where the network
computes in bfloat16, the weights are rounded to it.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import torch

from filmcolor.evaluate.report import evaluate_photos, spread_indices
from filmcolor.models.checkpoint import LoadedModel, load_generator, save_network
from filmcolor.models.mobilenet_unet import MobileNetUNet
from filmcolor.models.mobilenet_unet.distil import distil, take_statistics
from filmcolor.train.crops import CropSource
from filmcolor.train.data import PhotoSet, load_photos
from filmcolor.train.recipes import RECIPES
from filmcolor.train.shown import shown_pictures

DEFAULT = Path(__file__).parents[1] / "filmcolor" / "weights" / "default.safetensors"
SHARES = (0.0, 0.2, 0.4)
KNEES = ((0.0, (1.0, 1.1, 1.2, 1.3, 1.45)), (3.0, (1.2, 1.35, 1.5, 1.65, 1.8)))
"""Knees, and the gains of chroma to try with each."""


def mean_of(checkpoints: list[str]) -> LoadedModel:
    """A model whose weights are the mean of those of several, in half precision as it ships."""
    models = [load_generator(name, torch.device("cpu")) for name in checkpoints]
    weights = [model.generator.state_dict() for model in models]
    mean = {
        name: torch.stack([each[name] for each in weights]).mean(0).half() for name in weights[0]
    }
    models[0].generator.load_state_dict(mean)
    return models[0]


def coherent(model: LoadedModel) -> LoadedModel:
    """The same weights in a network in which places that look alike can decide together."""
    trained = model.generator
    assert isinstance(trained, MobileNetUNet)
    network = MobileNetUNet(replace(trained.config, coherent=1)).eval().requires_grad_(False)
    network.load_state_dict(trained.state_dict(), strict=False)
    card = replace(model.card, config=asdict(network.config))
    return replace(model, generator=network, card=card)


def rounded(model: LoadedModel) -> LoadedModel:
    """The same with weights rounded to bfloat16 where it computes in that, so that they are the
    same in either precision; only rounding on the way differs.
    """
    for name, weights in model.generator.named_parameters():
        if not any(name.startswith(f"{part}.") for part in model.generator.exact_parts):
            weights.copy_(weights.to(torch.bfloat16))
    return model


def mixed(model: LoadedModel, share: float, gain: float, knee: float) -> LoadedModel:
    """The same weights, mixed otherwise."""
    generator = model.generator
    assert isinstance(generator, MobileNetUNet)
    config = replace(generator.config, class_share=share, chroma_gain=gain, chroma_knee=knee)
    generator.config = config
    return replace(model, card=replace(model.card, config=asdict(config)))


def look(model: LoadedModel, photos: PhotoSet) -> Iterator[str]:
    """Lines of gain against colourfulness."""
    for share, (knee, gains) in product(SHARES, KNEES):
        report = evaluate_photos(mixed(model, share, 1.0, knee), photos.photos, saturations=gains)
        points = ", ".join(
            f"{point.saturation:.2f}: {point.psnr_gain:+.3f} @ {point.colorfulness_ratio:.3f}"
            for point in report.curve
        )
        yield f"share {share}, knee {knee}: {points}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--photos", required=True, nargs="+", help="some that it was trained on")
    parser.add_argument("--val", required=True, help="photographs never trained on")
    parser.add_argument("--pictures", type=int, help="measure on so many of them (all)")
    parser.add_argument("--look", action="store_true", help="only try ways to mix the heads")
    parser.add_argument("--share", type=float, default=0.5, help="of the class head (0.5)")
    parser.add_argument("--gain", type=float, default=1.0, help="of chroma (1)")
    parser.add_argument("--knee", type=float, default=0.0, help="chroma of half that gain (0)")
    parser.add_argument(
        "--card", type=Path, help="TOML file with texts for the card, and its [looks.NAME]"
    )
    parser.add_argument("-o", "--output", type=Path, default=DEFAULT)
    chosen = parser.parse_args()
    mean = mean_of(chosen.checkpoints)
    if not isinstance(mean.generator, MobileNetUNet):
        raise SystemExit("only checkpoints of recipe film have two heads to be mixed")
    model = rounded(coherent(mean))
    network = model.generator
    assert isinstance(network, MobileNetUNet)
    source = CropSource(load_photos(chosen.photos), torch.device("cpu"))
    shown = list(shown_pictures(source, RECIPES["film"].phases[0], seed=0))
    take_statistics(network, shown)
    if len(chosen.checkpoints) > 1:  # a single one has a student head of its own classes
        off = distil(network, shown)
        print(f"the student head is within {off:.2f} of the classes", flush=True)
    model = rounded(model)
    photos = load_photos([chosen.val])
    if chosen.pictures is not None:
        photos = photos.take(spread_indices(len(photos), chosen.pictures))
    if chosen.look:
        for line in look(model, photos):
            print(line, flush=True)
        return 0
    model = mixed(model, chosen.share, chosen.gain, chosen.knee)
    report = evaluate_photos(model, photos.photos)
    texts = tomllib.loads(chosen.card.read_text(encoding="utf-8")) if chosen.card else {}
    looks = texts.pop("looks", model.card.descriptor.looks)
    descriptor = replace(model.card.descriptor, looks=looks)
    metrics = report.card_metrics()
    name = chosen.output.stem
    card = replace(model.card, name=name, metrics=metrics, descriptor=descriptor, **texts)
    save_network(model.generator, card, chosen.output)
    print(f"{chosen.output}: {card.metrics}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
