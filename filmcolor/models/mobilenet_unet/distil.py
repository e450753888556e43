"""Distillation of the class head into the student head, before a checkpoint is written.

The classes themselves are only needed in training. Their mean and confidence are distilled into
three channels, by a fit that depends on the weights and the pictures alone: an interrupted run that
is resumed ends with the same.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filmcolor.models.mobilenet_unet.network import MobileNetUNet

_SAMPLES = 100_000
"""Places of the pictures that the fit uses, at most."""
_STEPS, _BATCH, _RATE = 3000, 1024, 5e-3
_CHECKED = 250
"""Steps from one check of the loss to the next."""
_ENOUGH = 3e-4
"""Mean loss at which the fit ends: ab is then right to within half a Lab unit."""
_LEAST_DEVIATION = 1e-3
"""Of a feature: one that is the same everywhere tells nothing apart."""
_AB_UNIT = 20.0
"""Lab units: smaller errors count quadratically, larger ones linearly."""


@torch.enable_grad()
def distil(
    network: MobileNetUNet, pictures: Iterable[Tensor], *, half: bool = False, seed: int = 0
) -> float:
    """Fit the student head, from fresh weights, to what `decode_classes` gives; returns the mean
    distance of the two in ab at the end, Lab units.

    `pictures` are batches of lightness (N, 1, H, W), 0..100, as the network is shown them, on its
    device; `half` computes in bfloat16. All else of the network stays as it is.
    """
    was_training = network.training
    network.eval()
    features, targets = _samples(network, pictures, half, seed)
    rng = torch.Generator().manual_seed(seed)
    student = network.student_head
    layers = [layer for layer in student.children() if isinstance(layer, nn.Conv2d)]
    for layer, gain in zip(layers, (1.0, 0.05), strict=True):
        fresh = torch.empty(layer.weight.shape)
        nn.init.kaiming_normal_(fresh, generator=rng)
        with torch.no_grad():
            layer.weight.copy_(gain * fresh)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    weights = [weight.requires_grad_(True) for weight in student.parameters()]
    optimizer = torch.optim.Adam(weights, _RATE)
    total = 0.0
    for step in range(_STEPS):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 - step / _STEPS)
        chosen = torch.randint(len(features), (_BATCH,), generator=rng).to(features.device)
        loss = _loss(network, features[chosen], targets[chosen])
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
        ab, _ = network.distilled(_as_picture(features))
        return float((ab - _as_picture(targets[:, :2])).norm(dim=1).mean())


@torch.no_grad()
def take_statistics(
    network: MobileNetUNet, pictures: Iterable[Tensor], *, half: bool = False
) -> None:
    """Give a coherent network the mean and deviation of its features on pictures, which are as for
    `distil`.
    """
    compared: list[Tensor] = []
    for shown in pictures:
        with torch.autocast(shown.device.type, torch.bfloat16, enabled=half):
            features = network.compared(network.encode(shown))
        compared.append(features.float().movedim(1, -1).flatten(0, 2))
    network.feature_mean.copy_(torch.cat(compared).mean(dim=0))
    network.feature_deviation.copy_(torch.cat(compared).std(dim=0) + _LEAST_DEVIATION)


@torch.no_grad()
def _samples(
    network: MobileNetUNet, pictures: Iterable[Tensor], half: bool, seed: int
) -> tuple[Tensor, Tensor]:
    """Places of the pictures: the heads' input there (n, C), and mean and confidence (n, 3)."""
    batches: list[tuple[Tensor, Tensor]] = []
    for shown in pictures:
        light = shown.contiguous(memory_format=torch.channels_last)
        with torch.autocast(light.device.type, torch.bfloat16, enabled=half):
            decoded = network.decoded(network.encode(light))
            logits, _ = network.heads(decoded)
        target = torch.cat(network.decode_classes(logits.float()), dim=1)
        flat = [part.float().movedim(1, -1).flatten(0, 2) for part in (decoded, target)]
        batches.append((flat[0], flat[1]))
    each = -(-_SAMPLES // len(batches))
    rng = torch.Generator().manual_seed(seed)
    features, targets = [], []
    for places, values in batches:
        chosen = torch.randperm(len(places), generator=rng)[:each].to(places.device)
        features.append(places[chosen])
        targets.append(values[chosen])
    return torch.cat(features), torch.cat(targets)


def _as_picture(places: Tensor) -> Tensor:
    """Places (n, C) as (1, C, n, 1)."""
    return places.T[None, :, :, None]


def _loss(network: MobileNetUNet, features: Tensor, targets: Tensor) -> Tensor:
    ab, confidence = network.distilled(_as_picture(features))
    target = _as_picture(targets)
    off = F.smooth_l1_loss(ab / _AB_UNIT, target[:, :2] / _AB_UNIT)
    return off + F.mse_loss(confidence, target[:, 2:])
