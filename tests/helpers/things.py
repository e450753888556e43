"""Things that no network has seen."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from filmcolor.models.coherence import Places


def things(count: int = 3, seed: int = 0, width: int = 96) -> Places:
    """So many that are not alike; others by another seed."""
    rng = torch.Generator().manual_seed(seed)
    return Places(
        normalize(torch.randn(count, 96, generator=rng), dim=1),
        100 * torch.rand(count, generator=rng),
        40 * torch.randn(count, 2, generator=rng),
        4 + 200 * torch.rand(count, generator=rng),
        (3 * torch.randn(count, width, generator=rng) - 1.5).relu(),
        1 + torch.rand(count, generator=rng),
    )
