"""This process among those that train together: they average gradients and agree on small values.

After torch.distributed's data parallel training: every process has all weights and a share of the
batch. Processes are started by torchrun, which sets their ranks.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

from filmcolor.errors import JobError

_TIMEOUT = timedelta(hours=2)
"""How long the others wait while the first evaluates."""


@dataclass(frozen=True, slots=True)
class Workers:
    """This process among those that train together."""

    rank: int = 0
    world: int = 1
    control: dist.ProcessGroup | None = None
    """A gloo group for small values."""

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Make every process's gradients the mean of all; one that is missing counts as zero."""
        if self.world == 1:
            return
        gradients = []
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.world
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def average(self, *values: float) -> list[float]:
        """The mean of every process's values, in every process."""
        if self.world == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(shared, group=self.control)
        return (shared / self.world).tolist()

    def agree(self, *values: float) -> list[float]:
        """The first process's values, in every process; `JobError` if the first has ended."""
        if self.world == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64)
        try:
            dist.broadcast(shared, 0, group=self.control)
        except RuntimeError as error:  # gloo's, of a connection that was closed
            raise JobError("the first of the processes has ended; it says why") from error
        return shared.tolist()


@contextmanager
def join_workers(device: torch.device) -> Generator[tuple[Workers, torch.device], None, None]:
    """The workers that torchrun started, or this process alone, and the device of this one.

    Gradients travel by NCCL between CUDA devices, else by gloo.
    """
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if world == 1:
        yield Workers(), device
        return
    on_cuda = device.type == "cuda"
    if on_cuda:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_cuda else "gloo", timeout=_TIMEOUT)
    try:
        yield Workers(rank, world, dist.new_group(backend="gloo", timeout=_TIMEOUT)), device
    finally:
        dist.destroy_process_group()
