"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

Vyas et al. 2025, "SOAP: Improving and Stabilizing Shampoo using Adam". For small networks, whose
matrices cost little to take apart: as good as Adam in far fewer steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class Soap(Optimizer):
    """A convolution's weights count as a matrix (out, in x rows x columns), a bias as one column.

    Parameters as Adam's. `turned`: steps between two looks at how the basis has turned (one power
    iteration and an orthogonalization). All that is remembered lies row by row, as it does when it
    comes back from a file: products of matrices that lie otherwise are rounded otherwise.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        turned: int = 10,
    ) -> None:
        self.turned = turned
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move every parameter that has a gradient; the first step only looks at it."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is not None:
                    columns = weights.grad.flatten(1) if weights.ndim > 1 else weights.grad[:, None]
                    self._move(weights, columns.float().contiguous(), group)
        return loss

    def _move(self, weights: Tensor, slope: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weights]
        if not state:
            state["step"] = torch.zeros(())
            state["mean"], state["square"] = torch.zeros_like(slope), torch.zeros_like(slope)
            for side, product in (("left", slope @ slope.T), ("right", slope.T @ slope)):
                state[side] = product
                # On the CPU, since Apple's GPUs have no such function.
                basis = torch.linalg.eigh(product.cpu()).eigenvectors
                state[f"{side}_basis"] = basis.to(product.device).contiguous()
            return
        state["step"] += 1
        step, (beta1, beta2) = int(state["step"]), group["betas"]
        left, right = state["left_basis"], state["right_basis"]
        state["mean"].lerp_(slope, 1 - beta1)
        state["square"].lerp_((left.T @ slope @ right).square_(), 1 - beta2)
        direction = (left.T @ state["mean"] @ right) / (1 - beta1**step)
        direction /= (state["square"] / (1 - beta2**step)).sqrt_().add_(group["eps"])
        if group["weight_decay"]:
            weights.mul_(1 - group["lr"] * group["weight_decay"])
        weights.sub_(group["lr"] * (left @ direction @ right.T).view_as(weights))
        for side, product in (("left", slope @ slope.T), ("right", slope.T @ slope)):
            state[side].lerp_(product, 1 - beta2)
            if step % self.turned == 0:
                turned = torch.linalg.qr(state[side] @ state[f"{side}_basis"])
                state[f"{side}_basis"] = turned.Q.contiguous()
