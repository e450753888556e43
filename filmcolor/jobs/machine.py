"""What `filmcolor doctor` tells: what there is to compute with, and what makes it slow.

Looks only; nothing is downloaded, converted or changed, and no file is written.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import av
import torch

from filmcolor._version import __version__
from filmcolor.disk_space import size_text
from filmcolor.media.write.encoders import ENCODERS, available_formats
from filmcolor.models.device import half_is_quicker, resolve_device, resolve_engine
from filmcolor.models.openvino_engine import cache_folder
from filmcolor.models.registry import available_models

_FEATURES = ("avx2", "avx512_f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")
_LITTLE_DISK = 5e9
"""Bytes free below which an hour of film may not fit."""
_THREADS = "OMP_NUM_THREADS"
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is; plain values."""

    filmcolor: str
    python: str
    system: str
    packages: Mapping[str, str]
    """Version of each dependency, "" for one that is not installed."""
    ffmpeg: str
    """Version of libavcodec, which PyAV brings."""
    processor: str
    features: tuple[str, ...]
    """Of those that matter to the speed."""
    cores: int
    """That this process may use."""
    machine_cores: int
    threads: int
    """That PyTorch computes in."""
    devices: tuple[str, ...]
    """Graphics cards that PyTorch can use."""
    device: str
    """What `--device auto` takes."""
    engine: str
    """What `--engine auto` takes."""
    half: bool
    """Whether the device computes in bfloat16."""
    models: tuple[str, ...]
    encoders: tuple[str, ...]
    """What `--codec` can take here."""
    missing_encoders: tuple[str, ...]
    disk_free: Mapping[str, int]
    """Bytes, by folder."""
    cache: str
    """Where converted models are kept; empty for a user without such a folder."""
    cache_bytes: int
    advice: tuple[str, ...]
    """What is slow or missing, why, and what to do."""


def look() -> Machine:
    """Look at this machine; some seconds, nearly all of them PyTorch's import."""
    cpu: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    device = resolve_device("auto")
    engine = resolve_engine("auto", device)
    cores, machine_cores = _usable_cores(), os.cpu_count() or 1
    usable = {
        codec: bool(available_formats(row.library)) and (_has_nvidia() or "nvenc" not in codec)
        for codec, row in ENCODERS.items()
    }
    cache = cache_folder()
    models = tuple(path.stem for path, _ in available_models())
    free = _free(Path.cwd(), Path(tempfile.gettempdir()), *([cache] if cache else []))
    features = tuple(name for name in _FEATURES if cpu.get(name))
    advice = (
        *_device_advice(device, engine),
        *_processor_advice(device, cpu, cores, machine_cores),
        *_disk_advice(free, cache, engine),
        *([] if models else ["No models came with this installation; install filmcolor again."]),
    )
    return Machine(
        filmcolor=__version__,
        python=f"{platform.python_version()} ({sys.executable})",
        system=platform.platform(),
        packages=_packages(),
        ffmpeg=".".join(map(str, av.library_versions["libavcodec"])),
        processor=str(cpu.get("cpu_name") or platform.processor() or platform.machine()),
        features=features,
        cores=cores,
        machine_cores=machine_cores,
        threads=torch.get_num_threads(),
        devices=tuple(_cards()),
        device=str(device),
        engine=engine,
        half=half_is_quicker(device),
        models=models,
        encoders=tuple(name for name, is_there in usable.items() if is_there),
        missing_encoders=tuple(name for name, is_there in usable.items() if not is_there),
        disk_free=free,
        cache="" if cache is None else str(cache),
        cache_bytes=0 if cache is None else _size(cache),
        advice=advice,
    )


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _has_nvidia() -> bool:
    """Whether NVIDIA's driver is here, whatever PyTorch can do with it."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _free(*folders: Path) -> dict[str, int]:
    """Bytes free, by folder; of several on one disk the first."""
    found: dict[int, tuple[str, int]] = {}
    for folder in map(_existing, folders):
        found.setdefault(os.stat(folder).st_dev, (folder, shutil.disk_usage(folder).free))
    return dict(found.values())


def _cards() -> Iterator[str]:
    for number in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(number)
        yield f"cuda:{number} {facts.name}, {size_text(facts.total_memory)}"
    here = torch.accelerator.current_accelerator(check_available=True)
    if here is not None and here.type != "cuda":
        yield here.type


def _packages() -> dict[str, str]:
    """Versions of what filmcolor depends on, with its extras but for those of developers."""
    found: dict[str, str] = {}
    try:
        wanted = requires("filmcolor") or []
    except PackageNotFoundError:  # run from a copy of the source
        wanted = []
    for line in wanted:
        match = _NAME.match(line)
        name = match.group() if match else line
        if "extra == 'dev'" in line or name in found:
            continue
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def _device_advice(device: torch.device, engine: str) -> Iterator[str]:
    has_driver = _has_nvidia()
    if device.type == "cpu" and has_driver and torch.version.cuda is None:
        yield (
            "An NVIDIA driver is here, but this PyTorch is built without CUDA, so that the card is "
            "not used; install PyTorch's CUDA build (pytorch.org tells how)."
        )
    elif device.type == "cpu" and has_driver:
        yield (
            "An NVIDIA driver is here, but PyTorch finds no card it can use; nvidia-smi shows "
            "whether the driver works."
        )
    if device.type == "cpu" and engine == "torch" and platform.machine() in ("x86_64", "AMD64"):
        yield (
            "OpenVINO is not installed: PyTorch computes the model, with some more CPU time; "
            "pip install 'filmcolor[openvino]'."
        )


def _processor_advice(
    device: torch.device, cpu: Mapping[str, object], cores: int, machine_cores: int
) -> Iterator[str]:
    if device.type == "cpu" and cpu:
        is_x86 = platform.machine() in ("x86_64", "AMD64")
        if is_x86 and not cpu.get("avx2"):
            yield "The processor has no AVX2: everything takes several times as long; no remedy."
        elif not half_is_quicker(device):
            yield (
                "The processor does not compute in bfloat16: the model runs in float32, at about "
                "half the speed; --stride auto shows it fewer frames."
            )
    if cores < machine_cores:
        yield (
            f"This process may use {cores} of the machine's {machine_cores} cores; a container, "
            "taskset or a cluster's job says so."
        )
    if (threads := os.environ.get(_THREADS, "")) and threads.isdecimal() and int(threads) < cores:
        yield (
            f"{_THREADS}={threads} is set: PyTorch computes in fewer threads than there are cores "
            f"({cores}); unset it."
        )
    if hasattr(os, "getloadavg") and (load := os.getloadavg()[0]) > 1.5 * machine_cores:
        yield (
            f"Other programs are at work: {load:.0f} want a core, and there are {machine_cores}; "
            "films take longer by as much."
        )


def _disk_advice(free: Mapping[str, int], cache: Path | None, engine: str) -> Iterator[str]:
    for folder, left in free.items():
        if left < _LITTLE_DISK:
            yield (
                f"{folder}: {size_text(left)} are free, which is little for a film and its parts; "
                "make room, or choose another disk with -o and --work."
            )
    if engine == "openvino" and (cache is None or not os.access(_existing(cache), os.W_OK)):
        yield (
            f"{cache or 'the cache folder'}: cannot be written to, so that each start converts the "
            "model anew (2 seconds); set XDG_CACHE_HOME to a folder that can be."
        )


def _existing(folder: Path) -> str:
    """The folder, or the nearest above it that is there."""
    return str(next(each for each in (folder, *folder.parents) if each.exists()))


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
