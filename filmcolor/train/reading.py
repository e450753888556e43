"""The last step to a checkpoint of the default architecture: what is read of its classes in a run.

While a network learns, its classes are made and judged. A run has no need of all of them, so what
they say is distilled into three channels (`MobileNetUNet.read`), by a fit that depends on nothing
but the weights and the pictures: a run that was broken off and resumed ends with the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filmcolor.color import lightness
from filmcolor.models.mobilenet_unet import MobileNetUNet
from filmcolor.train.crops import CropSettings, CropSource, plan_crops
from filmcolor.train.degrade import degrade, numbered_seed
from filmcolor.train.recipe_parts import Phase

_BATCHES, _PICTURES = 8, 16
"""Batches of so many pictures that `shown_pictures` gives."""
_SAMPLES = 100_000
"""Places that are looked at, at most."""
_STEPS, _BATCH, _RATE = 3000, 1024, 5e-3
_CHECKED = 250
"""Steps after which it is asked whether it is good enough."""
_ENOUGH = 3e-4
"""Mean loss: below it ab is read to within half a Lab unit."""
_AB_UNIT = 20.0
"""Lab units: smaller errors of what is read count quadratically, larger ones linearly."""


@torch.enable_grad()
def fit_reading(
    network: MobileNetUNet, pictures: Iterable[Tensor], *, half: bool = False, seed: int = 0
) -> float:
    """Fit what `read` says to what `judge` says, from fresh weights; returns the mean distance of
    the two in ab at the end, Lab units.

    `pictures` are batches of lightness (N, 1, H, W), 0..100, as the network is shown them, on its
    device; `half` computes in bfloat16. All else of the network stays as it is.
    """
    was_training = network.training
    network.eval()
    seen, wanted = _samples(network, pictures, half, seed)
    rng = torch.Generator().manual_seed(seed)
    layers = [layer for layer in network.reading if isinstance(layer, nn.Conv2d)]
    for layer, gain in zip(layers, (1.0, 0.05), strict=True):
        fresh = torch.empty(layer.weight.shape)
        nn.init.kaiming_normal_(fresh, generator=rng)
        with torch.no_grad():
            layer.weight.copy_(gain * fresh)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    weights = [weight.requires_grad_(True) for weight in network.reading.parameters()]
    optimizer = torch.optim.Adam(weights, _RATE)
    total = 0.0
    for step in range(_STEPS):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 - step / _STEPS)
        chosen = torch.randint(len(seen), (_BATCH,), generator=rng).to(seen.device)
        loss = _loss(network, seen[chosen], wanted[chosen])
        optimizer.zero_grad()
        loss.backward(inputs=weights)  # type: ignore[no-untyped-call]
        optimizer.step()
        total += float(loss.detach())
        if (step + 1) % _CHECKED == 0:
            if total < _ENOUGH * _CHECKED:
                break
            total = 0.0
    for weight in weights:
        weight.requires_grad_(False)
        weight.grad = None
    network.train(was_training)
    with torch.no_grad():
        read, _ = network.read(_as_picture(seen))
        return float((read - _as_picture(wanted[:, :2])).norm(dim=1).mean())


def shown_pictures(source: CropSource, phase: Phase, seed: int) -> Iterator[Tensor]:
    """Lightness of training pictures, worn as they are in a phase, for `fit_reading`."""
    settings = CropSettings.of(phase)
    for number in range(_BATCHES):
        rng = torch.Generator(source.device).manual_seed(numbered_seed(seed, number))
        plan = plan_crops(source.sizes, settings, _PICTURES, seed, number)
        yield lightness(degrade(source.cut(plan, phase.size), phase.degrade, rng))


@torch.no_grad()
def _samples(
    network: MobileNetUNet, pictures: Iterable[Tensor], half: bool, seed: int
) -> tuple[Tensor, Tensor]:
    """Places of the pictures: what all heads see there (n, C), and what is judged of it (n, 3)."""
    batches: list[tuple[Tensor, Tensor]] = []
    for shown in pictures:
        light = shown.contiguous(memory_format=torch.channels_last)
        with torch.autocast(light.device.type, torch.bfloat16, enabled=half):
            decoded = network.decoded(network.encode(light))
            logits, _ = network.heads(decoded)
        said = torch.cat(network.judge(logits.float()), dim=1)
        batches.append(tuple(part.float().movedim(1, -1).flatten(0, 2) for part in (decoded, said)))  # type: ignore[arg-type]
    each = -(-_SAMPLES // len(batches))
    rng = torch.Generator().manual_seed(seed)
    seen, wanted = [], []
    for places, said in batches:
        chosen = torch.randperm(len(places), generator=rng)[:each].to(places.device)
        seen.append(places[chosen])
        wanted.append(said[chosen])
    return torch.cat(seen), torch.cat(wanted)


def _as_picture(places: Tensor) -> Tensor:
    """Places (n, C) as (1, C, n, 1)."""
    return places.T[None, :, :, None]


def _loss(network: MobileNetUNet, seen: Tensor, wanted: Tensor) -> Tensor:
    ab, sure = network.read(_as_picture(seen))
    said = _as_picture(wanted)
    off = F.smooth_l1_loss(ab / _AB_UNIT, said[:, :2] / _AB_UNIT)
    return off + F.mse_loss(sure, said[:, 2:])
