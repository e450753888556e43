"""Where a model runs."""

from __future__ import annotations

import torch

from filmcolor.errors import OptionError

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


def quick_in_bfloat16(device: torch.device) -> bool:
    """Whether small convolutions are worth computing in bfloat16: on every accelerator, and on
    processors with matrix units for it, where they take a third of the time.
    """
    if device.type != "cpu":
        return True
    known = getattr(torch.cpu, "get_capabilities", None)  # not in every release
    return known is not None and bool(known().get("amx_bf16", False))
