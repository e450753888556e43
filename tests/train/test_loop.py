"""The loop: it learns, it saves, it goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from filmcolor.models.mobilenet_unet import MobileNetUNet, MobileNetUNetConfig
from filmcolor.train.data import CropSettings, PhotoSet
from filmcolor.train.loop import Trainer, TrainSettings, sample_bins, train

SETTINGS = TrainSettings(
    steps=40, batch_size=4, crop=CropSettings(size=32), warmup_steps=3, encoder_rate=1e-3, ema=0.9
)


def photographs() -> PhotoSet:
    """Blue above, green below, the brightness telling which."""
    photos = []
    for seed in range(6):
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[:24] = (90, 140, 230)
        pixels[24:] = (50, 110, 30)
        noise = np.random.default_rng(seed).integers(-20, 20, pixels.shape[:2])[..., None]
        photos.append(np.clip(pixels.astype(int) + noise, 0, 255).astype(np.uint8))
    return PhotoSet(tuple(photos), tuple(map(str, range(6))))


def new_trainer() -> Trainer:
    torch.manual_seed(0)
    generator = MobileNetUNet(MobileNetUNetConfig(widths=(16, 16, 16), bins=12))
    bins = sample_bins(photographs(), 12, 10.0, np.random.default_rng(0))
    return Trainer(generator, bins, SETTINGS)


def test_both_losses_fall() -> None:
    reports = list(train(new_trainer(), photographs(), every=5))
    assert reports[-1].step == 40
    assert reports[-1].class_loss < 0.9 * reports[0].class_loss
    assert reports[-1].regression_loss < 0.8 * reports[0].regression_loss
    assert all(r.images_per_second > 0 for r in reports)


def test_a_saved_state_is_taken_up_exactly(tmp_path: Path) -> None:
    crops = [torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8) for _ in range(6)]
    whole = new_trainer()
    for batch in crops[:3]:
        whole.update(batch)
    whole.save(tmp_path / "last.safetensors")
    resumed = new_trainer()
    resumed.restore(tmp_path / "last.safetensors")
    assert resumed.step == 3
    for batch in crops[3:]:
        whole.update(batch)
        resumed.update(batch)
    for name, value in whole.generator.state_dict().items():
        assert torch.equal(value, resumed.generator.state_dict()[name]), name
        assert torch.equal(whole.average[name], resumed.average[name]), name


def test_the_averaged_copy_is_usable_on_its_own() -> None:
    trainer = new_trainer()
    trainer.update(torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8))
    copy = trainer.averaged()
    before = copy(torch.full((1, 1, 32, 32), 50.0))
    trainer.update(torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8))
    assert torch.equal(before, copy(torch.full((1, 1, 32, 32), 50.0)))
    assert not copy.training
