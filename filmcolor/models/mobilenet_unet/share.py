"""Teaches a trained network to read what places decide together (`filmcolor.models.coherence`).

All else of the network stays as it is. Linear heads are fitted to the truth of photographs, on what
is seen at a place beside what is pooled there; what they say is then distilled into the shared
head, as `distil` does it with the class head.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from filmcolor.models.ab_bins import AbBins
from filmcolor.models.coherence import Places, Seen, find_things, pooled
from filmcolor.models.mobilenet_unet.network import MobileNetUNet

_PLACES = 200
"""Of each picture, at most."""
_STEPS, _BATCH, _RATE = 3000, 1024, 3e-3
_REBALANCING = 0.7
_LEAST_SHARE = 0.5
"""Of what is pooled, in place of what is seen at a place itself; up to 1."""
_REGRESSION = 8.0
_AB_UNIT = 20.0
_AB_SCALE = 110.0


@torch.enable_grad()
def teach_sharing(
    network: MobileNetUNet, pictures: Iterable[tuple[Tensor, Tensor]], seed: int = 0
) -> MobileNetUNet:
    """The network with a shared head and the statistics of its features.

    `pictures` are lightness (1, 1, H, W), L* 0..100, and true ab (1, 2, H / 4, W / 4), Lab units;
    they are gone through once and a few thousand are enough.
    """
    rng = torch.Generator().manual_seed(seed)
    shared = MobileNetUNet(replace(network.config, coherent=True))
    shared.load_state_dict(network.state_dict(), strict=False)
    shared.eval().requires_grad_(False)
    seen = [_encoded(shared, *picture) for picture in pictures]
    features = torch.cat([coarse.movedim(1, -1).flatten(0, 2)[::4] for _, coarse, _ in seen])
    shared.feature_mean.copy_(features.mean(dim=0))
    shared.feature_deviation.copy_(features.std(dim=0) + 1e-3)
    samples = [_samples(shared, light, truth, rng) for light, _, truth in seen]
    own, together, truth = (torch.cat([each[i] for each in samples]) for i in range(3))
    heads = _fitted_heads(shared, own, together, truth, rng)
    _distil(shared, heads, own, together, rng)
    return shared.requires_grad_(False)


@torch.no_grad()
def _encoded(network: MobileNetUNet, light: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return light, network.encode(light)[2].float(), truth


@torch.no_grad()
def _samples(
    network: MobileNetUNet, light: Tensor, truth: Tensor, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Of some places what is seen there, what is pooled there (n, C), and the truth (n, 2)."""
    seen: Seen = network.see(light)
    together = pooled(seen, find_things([Places.of(seen)]))
    flat = [part.movedim(1, -1).flatten(0, 2) for part in (seen.decoded, together, truth)]
    chosen = torch.randperm(len(flat[0]), generator=rng)[:_PLACES]
    return flat[0][chosen], flat[1][chosen], flat[2][chosen]


def _joined(own: Tensor, together: Tensor, rng: torch.Generator) -> Tensor:
    """Both, side by side (n, 2 C), with a share drawn for each place."""
    share = _LEAST_SHARE + (1 - _LEAST_SHARE) * torch.rand((len(own), 1), generator=rng)
    return torch.cat([torch.lerp(own, together, share), together], dim=1)


def _fitted_heads(
    network: MobileNetUNet, own: Tensor, together: Tensor, truth: Tensor, rng: torch.Generator
) -> nn.Linear:
    """Logits of the classes and regressed ab, linear in what is joined."""
    bins = AbBins.from_centers(network.bin_centers, truth, network.config.bin_step)
    rebalance = bins.rebalancing(_REBALANCING)
    index, weight = (part[0, :, :, 0].T for part in bins.encode(_as_picture(truth)))
    rarity = (rebalance[index] * weight).sum(dim=1)
    inputs = torch.cat([together, together], dim=1)
    mean, deviation = inputs.mean(dim=0), inputs.std(dim=0) + 1e-3
    count = network.config.bins
    heads = nn.Linear(inputs.shape[1], count + 2)
    optimizer = torch.optim.AdamW(heads.parameters(), _RATE, weight_decay=1e-2)
    for step in range(_STEPS):
        optimizer.param_groups[0]["lr"] = _RATE * (1 - step / _STEPS)
        at = torch.randint(len(own), (_BATCH,), generator=rng)
        made = heads((_joined(own[at], together[at], rng) - mean) / deviation)
        chances = torch.log_softmax(made[:, :count], dim=1).gather(1, index[at])
        classes = -((chances * weight[at]).sum(dim=1) * rarity[at]).mean()
        off = F.smooth_l1_loss(made[:, count:] * _AB_SCALE / _AB_UNIT, truth[at] / _AB_UNIT)
        optimizer.zero_grad()
        (classes + _REGRESSION * off).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():  # the same, without the normalisation
        heads.weight.div_(deviation)
        heads.bias.sub_(heads.weight @ mean)
    return heads.requires_grad_(False)


def _distil(
    network: MobileNetUNet, heads: nn.Linear, own: Tensor, together: Tensor, rng: torch.Generator
) -> None:
    """Fit the shared head to what the linear heads say."""
    count = network.config.bins
    student = network.shared_head.requires_grad_(True)
    with torch.no_grad():
        for weight in student[2].parameters():
            weight.mul_(0.05)
    optimizer = torch.optim.Adam(student.parameters(), _RATE)
    for step in range(_STEPS):
        optimizer.param_groups[0]["lr"] = _RATE * (1 - step / _STEPS)
        at = torch.randint(len(own), (_BATCH,), generator=rng)
        joined = _joined(own[at], together[at], rng)
        with torch.no_grad():
            values = heads(joined)
            mean, sure = network.decode_classes(_as_picture(values[:, :count]))
            wanted = torch.cat([mean, _as_picture(values[:, count:]) * _AB_SCALE], dim=1)
        narrow = joined.shape[1] // 2
        made = network.shared(
            _as_picture(joined[:, :narrow]), _as_picture(joined[:, narrow:]), share=0.0
        )
        off = F.smooth_l1_loss(torch.cat([made[0], made[2]], dim=1) / _AB_UNIT, wanted / _AB_UNIT)
        loss = off + F.mse_loss(made[1], sure)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _as_picture(places: Tensor) -> Tensor:
    """Places (n, C) as (1, C, n, 1)."""
    return places.T[None, :, :, None]
