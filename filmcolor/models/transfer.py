"""Arrays to a device, and tensors back to the host, without making the host wait where it need not.

A copy between the host and a CUDA device runs beside other work only from and to page-locked
memory (NVIDIA, "CUDA C++ Best Practices Guide", 10.1); what is copied back is valid only after
an event, recorded behind the copy, has been waited for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def sent(array: NDArray[Any], device: torch.device | str) -> Tensor:
    """An array as a tensor on a device; on a CPU it shares the array's memory."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if torch.device(device).type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


class Fetched:
    """A tensor on its way back to the host."""

    def __init__(self, tensor: Tensor) -> None:
        """Begins the copy, behind whatever the tensor's device has been given to do so far."""
        self._done: torch.cuda.Event | None = None
        if tensor.device.type != "cuda":
            self._host = tensor.cpu()
            return
        self._host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        self._host.copy_(tensor, non_blocking=True)
        self._done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._done.record(torch.cuda.current_stream(tensor.device))

    def array(self) -> NDArray[Any]:
        """What it holds; waits for it."""
        if self._done is not None:
            self._done.synchronize()
            self._done = None
        return self._host.numpy()
