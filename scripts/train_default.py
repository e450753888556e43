"""Train the default model from scratch and write it with its card.

    python scripts/train_default.py --data TRAIN.tar ... --val VAL_FOLDER \
        --encoder mobilenet_v2_imagenet.safetensors --output runs/default

Several hours on two CPU cores; stopped, it goes on where it was. `--steps 20 20` is a tiny run
that shows whether everything works. The result is `OUTPUT/default.safetensors`; copy it to
filmcolor/weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from filmcolor.color import ChromaTable, chroma_to_rgb, luma_from_rgb
from filmcolor.compose import chroma_at
from filmcolor.evaluate.photos import PhotoMeasures, average, measure
from filmcolor.infer import View, infer
from filmcolor.models.card import Descriptor, ModelCard
from filmcolor.models.checkpoint import LoadedModel, load_generator, save_generator
from filmcolor.models.mobilenet_unet import MobileNetUNet, MobileNetUNetConfig
from filmcolor.train.data import CropSettings, PhotoSet, load_photos
from filmcolor.train.degrade import DegradeSettings
from filmcolor.train.loop import Trainer, TrainSettings, sample_bins, train
from filmcolor.types import Frame

PHASES = (
    TrainSettings(
        steps=6000,
        crop=CropSettings(size=160, scale=(0.6, 1.0)),
        degrade=DegradeSettings(chance=0.5, grain=0.06, gain=0.25, gamma=0.35, fade=0.25, blur=1.5),
        decoder_rate=1e-3,
        final_rate_share=0.3,
    ),
    TrainSettings(
        steps=2600,
        batch_size=32,
        crop=CropSettings(size=224, scale=(0.75, 1.0)),
        encoder_rate=1.5e-4,
        decoder_rate=5e-4,
        warmup_steps=50,
        seed=10,
    ),
)
"""First small crops, strongly harmed; then nearly whole pictures at the size they are shown at.

The shipped weights came about so, but for the first 4,000 steps: regression weight 2, and decoder
rates of 1.5e-3 and 1e-3 on cosines meant for more steps; see docs/experiments.md.
"""

CARD = ModelCard(
    name="default",
    architecture="mobilenet-unet",
    description=(
        "The first default model: a MobileNetV2 U-Net with two heads, rebalanced classes and "
        "regression, mixed half and half. Small enough for a laptop."
    ),
    license="Apache-2.0",
    training_data=(
        "16,317 colour photographs, short side 256 px, from about 40 public sets (Imagenette, "
        "ImageNet samples, Intel scenes, Clothing Co-Parsing, Houses, BSDS500, COCO and Pascal VOC "
        "samples, sports, people, rooms, animals and others). Most state no licence or are shared "
        "for research; no set states a non-commercial licence. The photographs are not part of "
        "this package."
    ),
    provenance=(
        "Encoder started from MobileNetV2 1.0 trained on ImageNet (google-coral/edgetpu, "
        "Apache-2.0); decoder from random weights. scripts/train_default.py, on two CPU cores."
    ),
    weaknesses=(
        "A guess, not a record of what was. Rare objects come out brown or grey; clothes, cars and "
        "painted walls have no true colour to be found; pale flat areas can take a warm cast or "
        "blotches; faces that are small in the frame may stay pale."
    ),
    descriptor=Descriptor(native_size=256, multiple=32),
)


def run_phase(
    number: int, settings: TrainSettings, photos: PhotoSet, args: argparse.Namespace
) -> Path:
    """Train one phase to its end, from wherever it stands; returns the averaged weights' file."""
    result = args.output / f"phase{number}.safetensors"
    if result.exists():
        return result
    generator = MobileNetUNet().to(memory_format=torch.channels_last)
    generator.encoder.load_imagenet(load_file(args.encoder))
    bins = sample_bins(photos, generator.config.bins, generator.config.bin_step, rng())
    if number > 1:
        generator.load_state_dict(load_file(args.output / f"phase{number - 1}.safetensors"))
    trainer = Trainer(generator, bins, settings)
    last = args.output / f"phase{number}-last.safetensors"
    if last.exists():
        trainer.restore(last)
        print(f"phase {number}: going on at step {trainer.step}", flush=True)
    for report in train(trainer, photos):
        print(
            f"phase {number} step {report.step}: classes {report.class_loss:.4f}, "
            f"regression {report.regression_loss:.4f}, {report.images_per_second:.1f} images/s",
            flush=True,
        )
        if report.step % 250 == 0:
            trainer.save(last)
    part = result.with_name(result.name + ".part")
    save_file({k: v.contiguous() for k, v in trainer.averaged().state_dict().items()}, part)
    part.replace(result)
    return result


def rng() -> np.random.Generator:
    """Seeded, so that every phase sees the same bins."""
    return np.random.default_rng(0)


def color_photos(model: LoadedModel, photos: PhotoSet) -> Iterator[tuple[torch.Tensor, ...]]:
    """Truth, neutral and result (1, 3, H, W) of each photo, coloured as `run` colours pictures."""
    table = ChromaTable.build(6, 1)
    for photo in photos.photos:
        truth = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
        codes = (luma_from_rgb(truth)[0, 0] * 255).round().to(torch.uint8).numpy()
        rows, columns = model.card.descriptor.model_size(*codes.shape)
        ((_, field),) = infer([Frame(0, 0, codes)], model, View(8, True, rows, columns), 1)
        cb, cr = chroma_at(
            field, codes, bit_depth=8, saturation=1.0, table=table, device=model.device
        )
        luma = torch.from_numpy(codes)[None, None].float() / 255
        chroma = torch.from_numpy(np.stack([cb, cr]))[None]
        yield truth, luma.expand(-1, 3, -1, -1), chroma_to_rgb(luma, chroma)


def figures(model: LoadedModel, photos: PhotoSet) -> dict[str, float]:
    """The photo measures for the card, beside the neutral baseline and the truth."""
    columns: list[list[PhotoMeasures]] = [[], [], []]
    for truth, neutral, result in color_photos(model, photos):
        for column, picture in zip(columns, (truth, neutral, result), strict=True):
            column.append(measure(picture, truth))
    truth, neutral, ours = map(average, columns)
    return {
        "val_photos": len(photos),
        "psnr": round(ours.psnr, 3),
        "psnr_neutral": round(neutral.psnr, 3),
        "psnr_gain": round(ours.psnr - neutral.psnr, 3),
        "colorfulness_ratio": round(ours.colorfulness / truth.colorfulness, 3),
        "ab_error_ratio": round(ours.ab_error / neutral.ab_error, 3),
        "neutral_chroma": round(ours.neutral_chroma, 2),
    }


def main() -> None:
    """Train what is missing, then measure and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="shards or folders")
    parser.add_argument("--val", type=Path, required=True, help="folder of photos to measure on")
    parser.add_argument("--encoder", type=Path, required=True, help="MobileNetV2 safetensors")
    parser.add_argument("--output", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--steps", nargs=2, type=int, help="steps of each phase, for a short run")
    parser.add_argument("--class-share", type=float, default=0.5, help="share of the class head")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    photos = load_photos(args.data)
    steps = args.steps or [phase.steps for phase in PHASES]
    for number, (phase, count) in enumerate(zip(PHASES, steps, strict=True), 1):
        weights = run_phase(number, replace(phase, steps=count), photos, args)
    del photos
    config = MobileNetUNetConfig(class_share=args.class_share)
    generator = MobileNetUNet(config)
    generator.load_state_dict(load_file(weights))
    card = replace(CARD, config=asdict(config))
    target = args.output / "default.safetensors"
    save_generator(generator, card, target)
    measured = figures(load_generator(str(target)), load_photos([args.val]))
    save_generator(generator, replace(card, metrics=measured), target)
    print(measured)


if __name__ == "__main__":
    main()
