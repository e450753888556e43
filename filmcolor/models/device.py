"""Where a model runs, and what computes it there."""

from __future__ import annotations

import platform
from importlib.util import find_spec

import torch

from filmcolor.errors import OptionError
from filmcolor.options import Engine, Precision

_KINDS = ("cpu", "cuda", "mps")


def resolve_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda`, `cuda:N` or `mps` to a device that is there; else `OptionError`."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in _KINDS or (number and (kind != "cuda" or not number.isdecimal())):
        raise OptionError(f"--device {name}: give auto, cpu, cuda, cuda:N or mps")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise OptionError("--device mps: no Apple GPU is usable here; use --device cpu")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= count:
            raise OptionError(
                f"--device {name}: {count or 'no'} CUDA device{'s'[: count != 1]} usable here; "
                "use --device auto"
            )
    return torch.device(name)


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
    """`torch` or `openvino`; `OptionError` for an engine that cannot be had on the device."""
    is_there = find_spec("openvino") is not None
    if engine == "auto":  # on other processors nobody has measured it
        quicker = device.type == "cpu" and platform.machine() in ("x86_64", "AMD64")
        return "openvino" if quicker and is_there else "torch"
    if engine == "openvino" and device.type != "cpu":
        raise OptionError(f"--engine openvino: is for processors, not for {device}; leave it out")
    if engine == "openvino" and not is_there:
        raise OptionError(
            "--engine openvino: is not installed here; pip install openvino, or leave it out"
        )
    return engine
