"""The optimizer for small networks."""

from __future__ import annotations

import torch
from torch import nn

from filmcolor.train.soap import Soap


def skewed() -> tuple[torch.Tensor, torch.Tensor]:
    """A linear problem whose inputs hang together, which slows Adam down."""
    rng = torch.Generator().manual_seed(0)
    mixing = torch.linalg.qr(torch.randn(24, 24, generator=rng)).Q
    inputs = torch.randn(512, 24, generator=rng) * torch.logspace(0, -3, 24) @ mixing
    return inputs, inputs @ torch.randn(24, 3, generator=rng)


def loss_after(optimizer: type[torch.optim.Optimizer], rate: float, steps: int = 300) -> float:
    torch.manual_seed(0)
    layer, (inputs, wanted) = nn.Linear(24, 3), skewed()
    moved = optimizer(layer.parameters(), lr=rate)  # type: ignore[call-arg]
    for step in range(steps):
        for group in moved.param_groups:
            group["lr"] = rate * (1 - step / steps)
        loss = (layer(inputs) - wanted).square().mean()
        moved.zero_grad()
        loss.backward()
        moved.step()
    return float(loss.detach())


def test_inputs_that_hang_together_cost_it_less_than_adam() -> None:
    adams = min(loss_after(torch.optim.Adam, rate) for rate in (0.01, 0.03, 0.1, 0.3))
    assert loss_after(Soap, 0.1) < 0.1 * adams


def test_convolutions_and_biases_move_and_what_has_no_gradient_stays() -> None:
    torch.manual_seed(0)
    layer, other = nn.Conv2d(2, 4, 3), nn.Conv2d(2, 4, 3)
    before = [value.clone() for value in (*layer.parameters(), *other.parameters())]
    moved = Soap([*layer.parameters(), *other.parameters()], lr=0.1, weight_decay=0.1)
    for _ in range(12):
        moved.zero_grad()
        layer(torch.rand(1, 2, 8, 8)).square().sum().backward()
        moved.step()
    after = [*layer.parameters(), *other.parameters()]
    changed = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert changed == [True, True, False, False]


def test_what_it_remembers_can_be_kept_and_taken_up_again() -> None:
    def made() -> tuple[nn.Linear, Soap]:
        torch.manual_seed(0)
        layer = nn.Linear(6, 2)
        return layer, Soap(layer.parameters(), lr=0.05)

    def go_on(layer: nn.Linear, moved: Soap, steps: int) -> None:
        for number in range(steps):
            moved.zero_grad()
            layer(torch.full((1, 6), 1.0 + number)).square().sum().backward()
            moved.step()

    (whole, unbroken), (first, kept) = made(), made()
    go_on(whole, unbroken, 11)
    go_on(whole, unbroken, 11)
    go_on(first, kept, 11)
    second, resumed = made()
    second.load_state_dict(first.state_dict())
    resumed.load_state_dict(kept.state_dict())
    go_on(second, resumed, 11)
    assert torch.equal(whole.weight, second.weight)


def test_what_it_remembers_lies_as_it_comes_back_from_a_file() -> None:
    """Row by row; else a resumed run's matrix products are rounded in another way."""
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    moved = Soap(layer.parameters(), lr=0.05)
    for steps in (1, 10):
        for _ in range(steps):
            moved.zero_grad()
            layer(torch.rand(1, 3, 8, 8)).square().sum().backward()
            moved.step()
        for state in moved.state.values():
            assert all(value.is_contiguous() for value in state.values())
