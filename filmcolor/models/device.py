"""Where a model runs, and what computes it there."""

from __future__ import annotations

import platform
from importlib.util import find_spec

import torch

from filmcolor.errors import OptionError
from filmcolor.options import Engine, Precision

_NUMBERED = ("cuda", "xpu")
_KINDS = ("cpu", "mps", *_NUMBERED)


def resolve_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda`, `cuda:N`, `mps`, `xpu` or `xpu:N` to a device that is there; else
    `OptionError`. `auto` is the accelerator that PyTorch names, or the processor. AMD's cards are
    `cuda` to PyTorch.
    """
    here = torch.accelerator.current_accelerator(check_available=True)
    if name == "auto":
        return torch.device("cpu" if here is None or here.type not in _KINDS else here.type)
    kind, _, number = name.partition(":")
    if kind not in _KINDS or (number and (kind not in _NUMBERED or not number.isdecimal())):
        raise OptionError(f"--device {name}: give auto, cpu, cuda, cuda:N, mps or xpu")
    if kind == "mps" and (here is None or here.type != "mps"):
        raise OptionError("--device mps: no Apple GPU is usable here; use --device cpu")
    if kind in _NUMBERED:
        count = 0 if here is None or here.type != kind else torch.accelerator.device_count()
        if int(number or 0) >= count:
            raise OptionError(
                f"--device {name}: {count or 'no'} {kind.upper()} device{'s'[: count != 1]} usable "
                "here; use --device auto"
            )
    return torch.device(name)


def one_of_several(device: torch.device, number: int) -> torch.device:
    """The device of one of several processes: they are spread over the cards there are, unless one
    was named.
    """
    if device.type not in _NUMBERED or device.index is not None:
        return device
    return torch.device(device.type, number % torch.accelerator.device_count())


def multiply_in_full(device: torch.device) -> None:
    """Let convolutions in float32 be that: CUDA cards cut their factors to TF32, 10 bits, else.

    Whoever wants speed has bfloat16. It holds for the process.
    """
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = False


def half_is_quicker(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 by itself, and so faster than in float32."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Older versions of torch than 2.10 cannot tell.
        known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        return bool(known.get("amx_bf16") or known.get("avx512_bf16"))
    return False


def runs_in_half(precision: Precision, device: torch.device, allowed: bool) -> bool:
    """Whether a model that allows bfloat16 or not computes in it; `OptionError` if it must not."""
    if precision == "bf16" and not allowed:
        raise OptionError("--precision bf16: this model is for float32 only; leave it at auto")
    return precision == "bf16" or (precision == "auto" and allowed and half_is_quicker(device))


def resolve_engine(engine: Engine, device: torch.device) -> Engine:
    """What computes: not `auto`; `OptionError` for an engine that cannot be had on the device."""
    is_there = find_spec("openvino") is not None
    if engine == "auto":  # on other processors nobody has measured it
        quicker = device.type == "cpu" and platform.machine() in ("x86_64", "AMD64")
        return "openvino" if quicker and is_there else "torch"
    if engine != "torch" and device.type != "cpu":
        raise OptionError(f"--engine {engine}: is for processors, not for {device}; leave it out")
    if engine != "torch" and not is_there:
        raise OptionError(
            f"--engine {engine}: is not installed here; pip install openvino, or leave it out"
        )
    return engine
