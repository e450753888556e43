"""The training loop of the default generator: explicit, top to bottom.

Phase 1 of recipe `film`: rebalanced soft classification plus smooth-L1 regression on ab, with old
film's faults on the input. State is kept in safetensors files: `last` goes on where it stopped.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from filmcolor.color import lightness, luma_from_rgb, rgb_to_lab
from filmcolor.models.mobilenet_unet import MobileNetUNet
from filmcolor.train.data import CropSettings, PhotoSet, batches
from filmcolor.train.degrade import DegradeSettings, degrade
from filmcolor.train.losses import AbBins, class_loss


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """One phase of training."""

    steps: int = 6000
    batch_size: int = 16
    crop: CropSettings = field(default_factory=CropSettings)
    degrade: DegradeSettings = field(default_factory=DegradeSettings)
    encoder_rate: float = 3e-4  # learning rate at its height
    decoder_rate: float = 1.5e-3
    final_rate_share: float = 0.0  # what is left of the rates at the end of the cosine
    warmup_steps: int = 100
    weight_decay: float = 0.02
    rebalancing: float = 0.5  # lambda of Zhang 2016: 1 is no rebalancing
    regression_weight: float = 8.0
    regression_scale: float = 20.0  # Lab units; quadratic below, linear above
    ema: float = 0.998  # decay of the averaged weights, per step
    gradient_norm: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class StepReport:
    """Means since the last report."""

    step: int
    class_loss: float
    regression_loss: float
    images_per_second: float


def sample_bins(
    photos: PhotoSet, count: int, step: float, rng: np.random.Generator, pictures: int = 2000
) -> AbBins:
    """Count the ab bins over small versions of random photos."""
    chosen = rng.permutation(len(photos))[:pictures]
    pixels = []
    for index in chosen:
        photo = torch.from_numpy(photos.photos[index][::4, ::4].copy())
        lab = rgb_to_lab(photo.permute(2, 0, 1)[None].float() / 255)
        pixels.append(lab[0, 1:].flatten(1).T)
    return AbBins.from_samples(torch.cat(pixels), count, step)


class Trainer:
    """Generator, its averaged copy and its optimizer, moved forward one batch at a time."""

    def __init__(self, generator: MobileNetUNet, bins: AbBins, settings: TrainSettings) -> None:
        self.generator, self.bins, self.settings = generator, bins, settings
        generator.bin_centers.copy_(bins.centers)
        self.rebalance = bins.rebalancing(settings.rebalancing)
        encoder = list(generator.encoder.parameters())
        ids = {id(p) for p in encoder}
        decoder = [p for p in generator.parameters() if id(p) not in ids]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": encoder, "peak": settings.encoder_rate},
                {"params": decoder, "peak": settings.decoder_rate},
            ],
            lr=settings.decoder_rate,
            weight_decay=settings.weight_decay,
        )
        self.average = {k: v.detach().clone() for k, v in generator.state_dict().items()}
        self.step = 0
        self.rng = torch.Generator().manual_seed(settings.seed)

    def _set_rates(self) -> None:
        s = self.settings
        warm = min(1.0, (self.step + 1) / max(1, s.warmup_steps))
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, self.step / s.steps)))
        share = warm * (s.final_rate_share + (1 - s.final_rate_share) * cosine)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * share

    def update(self, crops: Tensor) -> tuple[float, float]:
        """One step on crops (N, size, size, 3) uint8; returns both losses."""
        s = self.settings
        rgb = crops.permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            target = F.avg_pool2d(rgb_to_lab(rgb)[:, 1:], 4)
            shown = lightness(degrade(luma_from_rgb(rgb), s.degrade, self.rng))
            nearest, weight = self.bins.encode(target)
        self._set_rates()
        features = self.generator.encode(shown)
        with torch.autocast("cpu", torch.bfloat16):
            logits, regression = self.generator.read_heads(features)
        by_class = class_loss(logits, nearest, weight, self.rebalance)
        by_value = F.smooth_l1_loss(
            regression.float() / s.regression_scale, target / s.regression_scale
        )
        loss = by_class + s.regression_weight * by_value
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.generator.parameters(), s.gradient_norm)
        self.optimizer.step()
        self.step += 1
        decay = min(s.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.generator.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)
        return float(by_class.detach()), float(by_value.detach())

    def averaged(self) -> MobileNetUNet:
        """A copy of the generator with the averaged weights, ready for use."""
        copy = MobileNetUNet(self.generator.config)
        copy.load_state_dict(self.average)
        return copy.eval()

    def save(self, path: Path) -> None:
        """Write everything needed to go on; the file is replaced only when it is whole."""
        tensors = {f"model.{k}": v for k, v in self.generator.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        for name, parameter in self.generator.named_parameters():
            state = self.optimizer.state.get(parameter, {})
            tensors |= {f"{key}.{name}": state[key] for key in ("exp_avg", "exp_avg_sq") if state}
        tensors["rng"] = self.rng.get_state()
        tensors["bins.lookup"] = self.bins.lookup
        tensors["bins.frequency"] = self.bins.frequency
        tensors["bins.centers"] = self.bins.centers
        about = {"step": str(self.step), "settings": json.dumps(asdict(self.settings))}
        part = path.with_name(path.name + ".part")
        save_file({k: v.contiguous() for k, v in tensors.items()}, part, metadata=about)
        part.replace(path)

    def restore(self, path: Path) -> None:
        """Take up what `save` wrote."""
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            self.step = int(file.metadata()["step"])
        self.generator.load_state_dict(_part(tensors, "model."))
        self.average = _part(tensors, "average.")
        self.rng.set_state(tensors["rng"])
        first, second = _part(tensors, "exp_avg."), _part(tensors, "exp_avg_sq.")
        for name, parameter in self.generator.named_parameters():
            if name in first:
                self.optimizer.state[parameter] = {
                    "step": torch.tensor(float(self.step)),
                    "exp_avg": first[name],
                    "exp_avg_sq": second[name],
                }


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}


def train(trainer: Trainer, photos: PhotoSet, every: int = 50) -> Iterator[StepReport]:
    """Move `trainer` to the end of its schedule, reporting every `every` steps."""
    settings = trainer.settings
    rng = np.random.default_rng([settings.seed, trainer.step])
    stream = batches(photos, settings.crop, settings.batch_size, rng)
    trainer.generator.train()
    sums, count, since = [0.0, 0.0], 0, time.monotonic()
    while trainer.step < settings.steps:
        losses = trainer.update(torch.from_numpy(next(stream)))
        sums, count = [sums[0] + losses[0], sums[1] + losses[1]], count + 1
        if trainer.step % every == 0 or trainer.step == settings.steps:
            speed = count * settings.batch_size / (time.monotonic() - since)
            yield StepReport(trainer.step, sums[0] / count, sums[1] / count, speed)
            sums, count, since = [0.0, 0.0], 0, time.monotonic()
