"""A CUDA device that is none: every operation is checked for kinds, shapes and devices, and nothing
is computed.

Tensors are PyTorch's fake ones. What mixes devices, reads a tensor on the host unasked (`item`,
`bool`, `numpy`, a Python branch) or was forgotten on the CPU raises, as it would raise, or wait, on
a card. Where the project asks for a result (`Fetched.array`) it gets zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from filmcolor.models.transfer import Fetched
from filmcolor.stages.infer import _unpacked

T = TypeVar("T", bound=nn.Module)

CUDA = torch.device("cuda:0")


@dataclass(slots=True)
class FakeCuda:
    """What happened on it."""

    mode: FakeTensorMode
    log: list[str] = field(default_factory=list)
    """"pin", "send", "fetch", "record", "wait", "read" and "sync", in order."""

    @contextmanager
    def aside(self) -> Iterator[None]:
        """As if it were not there: for what is loaded before it is moved."""
        with torch._C.DisableTorchFunction(), unset_fake_temporarily():
            yield

    def moved(self, module: T) -> T:
        """The module with parameters and buffers that lie on the device, changed in place."""
        for part in module.modules():
            for name, value in part._parameters.items():
                if value is not None:
                    made = nn.Parameter(self.empty(value), requires_grad=value.requires_grad)
                    part._parameters[name] = made
            for name, buffer in part._buffers.items():
                if buffer is not None:
                    part._buffers[name] = self.empty(buffer)
        return module

    def empty(self, like: Tensor) -> Tensor:
        """A tensor of the same kind there."""
        with self.mode:
            return torch.empty_strided(like.shape, like.stride(), dtype=like.dtype, device=CUDA)


_READS: dict[Callable[..., Any], Callable[[int], Any]] = {
    Tensor.__float__: float,
    Tensor.__int__: int,
    Tensor.__index__: int,
    Tensor.__bool__: bool,
    Tensor.item: float,
}
"""What makes the host wait for one number; the answer is 1."""


class _Bindings(TorchFunctionMode):
    """Python's own ways to index and to move tensors ask for a guard of the device, which a PyTorch
    without CUDA lacks; the operators beneath them do not.
    """

    def __init__(self, fake: FakeCuda) -> None:
        super().__init__()
        self.fake = fake

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if self._is_of_host(func, args, kwargs):
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        if func is Tensor.__getitem__:
            return _indexed(self._fake(args[0]), args[1])
        if func is Tensor.__setitem__:
            value = args[2] if isinstance(args[2], Tensor) else torch.full((), args[2], device=CUDA)
            torch.ops.aten.copy_(_indexed(self._fake(args[0]), args[1]), value)
            return None
        if func in _READS:
            self.fake.log.append("sync")
            return _READS[func](1)
        if func is F.grid_sample:  # what it is made of indexes tensors in Python
            source, grid = args[0], args[1]
            assert source.device == grid.device
            return source.new_empty(source.shape[0], source.shape[1], *grid.shape[1:-1])
        if func is Tensor.new_tensor:
            return torch.tensor(args[1], dtype=args[0].dtype, device=args[0].device)
        if func is Tensor.pin_memory:
            self.fake.log.append("pin")
            return self._fake(args[0])
        if func is Tensor.to:
            return self._moved(*args, **kwargs)
        if func is Tensor.copy_ and args[0].device.type == "cpu" != args[1].device.type:
            assert kwargs.get("non_blocking"), "a copy to the host that waits"
            self.fake.log.append("fetch")
        if func is torch.empty and kwargs.pop("pin_memory", False):
            self.fake.log.append("pin")
        return func(*args, **kwargs)

    @staticmethod
    def _is_of_host(func: Callable[..., Any], args: object, kwargs: Mapping[str, Any]) -> bool:
        """Real numbers are drawn and read there."""
        if func is Tensor.to or func is Tensor.pin_memory:
            return False
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        if tensors:
            return not any(isinstance(each, FakeTensor) for each in tensors)
        rng = kwargs.get("generator")
        return rng is not None and rng.device.type == "cpu"

    def _fake(self, tensor: Tensor) -> Tensor:
        """A real tensor of the host as a fake one."""
        if isinstance(tensor, FakeTensor):
            return tensor
        return self.fake.mode.from_tensor(tensor)

    def _moved(self, tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """`Tensor.to` in its three forms."""
        device, dtype = kwargs.get("device"), kwargs.get("dtype")
        for given in args:
            if isinstance(given, Tensor):
                device, dtype = given.device, given.dtype
            elif isinstance(given, torch.dtype):
                dtype = given
            elif isinstance(given, (torch.device, str)):
                device = torch.device(given)
        tensor = self._fake(tensor)
        if (device is None or torch.device(device).type == tensor.device.type) and dtype in (
            None,
            tensor.dtype,
        ):
            return tensor
        if device is not None and torch.device(device).type != tensor.device.type:
            self.fake.log.append("send")
        return torch.ops.aten._to_copy(
            tensor,
            dtype=dtype,
            device=None if device is None else torch.device(device),
            memory_format=kwargs.get("memory_format"),
        )


def _indexed(tensor: Tensor, index: Any) -> Tensor:
    """`tensor[index]` by operators."""
    index = index if isinstance(index, tuple) else (index,)
    missing = tensor.dim() - sum(each is not None and each is not Ellipsis for each in index)
    whole: list[Any] = []
    for each in index:
        whole += [slice(None)] * missing if each is Ellipsis else [each]
    place, advanced = 0, False
    gathered: list[Tensor | None] = []
    for each in whole:
        if each is None:
            tensor = tensor.unsqueeze(place)
        elif isinstance(each, slice):
            if each != slice(None):
                tensor = torch.ops.aten.slice(tensor, place, each.start, each.stop, each.step or 1)
        elif isinstance(each, Tensor):
            advanced = True
            gathered += [None] * (place - len(gathered)) + [each]
        else:
            tensor = tensor.select(place, int(each))
            continue
        place += 1
    return torch.ops.aten.index(tensor, gathered) if advanced else tensor


class _Event:
    """An event that must be recorded before it is waited for."""

    def __init__(self, log: list[str]) -> None:
        self._log, self._recorded = log, False

    def record(self, stream: object) -> None:
        assert stream is not None
        assert self._log[-1] == "fetch", "recorded before the copy that it stands for"
        self._log.append("record")
        self._recorded = True

    def synchronize(self) -> None:
        assert self._recorded, "waits for what was never recorded"
        self._log.append("wait")


_HostGenerator = torch.Generator


class _CudaGenerator(torch.Generator):
    """Random numbers of the device."""

    def __new__(cls, device: object = None) -> _CudaGenerator:
        return super().__new__(cls)

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return CUDA

    def get_offset(self) -> int:
        return 4


def _generator(device: torch.device | str = "cpu") -> torch.Generator:
    return _HostGenerator() if torch.device(device).type == "cpu" else _CudaGenerator()


@contextmanager
def fake_cuda(patch: pytest.MonkeyPatch) -> Iterator[FakeCuda]:
    """The device for as long as the context lasts."""
    fake = FakeCuda(FakeTensorMode())
    patch.setattr(torch.cuda, "Event", lambda: _Event(fake.log))
    patch.setattr(torch.cuda, "current_stream", lambda device: device)
    patch.setattr(torch.cuda, "device", nullcontext)
    patch.setattr(torch, "Generator", _generator)
    patch.setattr(nn.Module, "to", lambda module, *_, **__: fake.moved(module))
    patch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    patch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    whole = Fetched.array

    def array(self: Fetched) -> Any:
        if self._done is not None:
            self._done.synchronize()
            self._done = None
        fake.log.append("read")
        host = self._host
        if not isinstance(host, FakeTensor):
            return whole(self)
        return np.zeros(host.shape, _KINDS[host.dtype])

    patch.setattr(Fetched, "array", array)
    _unpacked.cache_clear()
    with fake.mode, _Bindings(fake):
        yield fake
    _unpacked.cache_clear()


_KINDS = {
    torch.float32: np.float32,
    torch.int16: np.int16,
    torch.int32: np.int32,
    torch.uint8: np.uint8,
    torch.bool: np.bool_,
    torch.float64: np.float64,
}
