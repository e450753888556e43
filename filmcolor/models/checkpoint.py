"""Write and read self-describing checkpoints: one safetensors file, no pickle, shapes checked
first.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from filmcolor import durable
from filmcolor.errors import CheckpointError, MediaError, OptionError
from filmcolor.files_read import FileFacts
from filmcolor.models.base import Generator, Network, Upscaler
from filmcolor.models.card import ModelCard, read_card
from filmcolor.models.device import multiply_in_full, resolve_engine, runs_in_half
from filmcolor.models.openvino_engine import OpenVinoInner
from filmcolor.models.registry import build_network, find_checkpoint
from filmcolor.options import Engine, Look, Precision

__all__ = [
    "LoadedModel",
    "LoadedUpscaler",
    "load_generator",
    "load_upscaler",
    "read_card",
    "save_network",
]


_FLOATS = ("F16", "BF16", "F32", "F64")
_KINDS = {True: "float", False: "I64"}


def _kind_of(dtype: str) -> str:
    return "float" if dtype in _FLOATS else dtype


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A generator in evaluation mode on its device, with its card."""

    generator: Generator
    card: ModelCard
    device: torch.device
    half: bool = False
    """Whether its convolutions are in bfloat16; it must be run under autocast then."""
    facts: FileFacts | None = None
    """Of the file that it was loaded from."""
    engine: Engine = "torch"
    """What computes it: `torch` or `openvino`."""
    remark: str = ""
    """Why that is not what was asked for."""
    unrounded: Generator | None = None
    """The same generator without 8-bit integers, if it is computed in them."""

    @property
    def looker(self) -> Generator:
        """What finds the things of a shot: which places these begin with is a choice of one, and
        all frames of the shot follow it.
        """
        return self.unrounded or self.generator

    @property
    def precision(self) -> Precision:
        """What it computes in, as an option that says so on any machine."""
        return "bf16" if self.half else "fp32"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedUpscaler:
    """An upscaler in evaluation mode on its device, with its card."""

    network: Upscaler
    card: ModelCard
    device: torch.device
    facts: FileFacts | None = None
    """Of the file that it was loaded from."""


class _Unfilled(TorchFunctionMode):
    """Leaves new weights as they are: filling those of the meta device takes seconds of imports."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func`, unless it draws random numbers into its first argument."""
        if getattr(func, "__name__", "") in ("normal_", "uniform_", "trunc_normal_"):
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def save_network(network: Network, card: ModelCard, path: str | Path) -> None:
    """Write a checkpoint with float16 weights; the file appears under its name only when it is
    whole and on the disk. Raises `MediaError` when the disk refuses.
    """
    target = Path(path)
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for name, value in network.state_dict().items()
    }
    count = sum(parameter.numel() for parameter in network.parameters())
    part = target.with_name(target.name + ".part")
    try:
        save_file(tensors, part, metadata=replace(card, parameters=count).to_header())
        durable.replace(part, target)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            part.unlink()
        raise MediaError(f"{target}: cannot be written ({error}); make room on the disk") from error


def load_generator(
    name_or_path: str,
    device: torch.device | str = "cpu",
    look: Look = "natural",
    precision: Precision = "fp32",
    engine: Engine = "torch",
) -> LoadedModel:
    """Load a shipped model by name, or a checkpoint by its .safetensors path, in a look.

    The header is checked first, then every tensor's name, shape and kind of number against the
    architecture's, and only then is anything allocated. Raises `CheckpointError`, and `OptionError`
    for a look or a precision that the model does not have.
    """
    path = find_checkpoint(name_or_path)
    card = read_card(path)
    if card.descriptor.is_upscaler:
        raise CheckpointError(
            f"{name_or_path}: raises the resolution and makes no colour; give it to "
            "--upscale-model, and a colour model to --model"
        )
    card = replace(card, config=card.config_for(look))
    target = torch.device(device)
    generator, read = _filled(path, card, target)
    if not isinstance(generator, Generator):
        raise CheckpointError(f"{path}: {card.architecture!r} makes no colour; train it again")
    half = runs_in_half(precision, target, card.descriptor.half_precision)
    taken, remark, unrounded = resolve_engine(engine, target), "", None
    if taken != "torch":
        may_be_coarse = precision == "auto" and not half and card.descriptor.half_precision
        eight_bit = engine == "openvino-int8" or (engine == "auto" and may_be_coarse)
        taken, remark = _take_openvino(generator, read, engine, half=half, eight_bit=eight_bit)
        inner = generator.by_engine
        if isinstance(inner, OpenVinoInner) and inner.unrounded is not None:
            unrounded = copy.copy(generator)
            unrounded.by_engine = inner.unrounded
    if half:
        for name, module in generator.named_modules():
            exact = any(f"{name}.".startswith(f"{part}.") for part in generator.exact_parts)
            if not exact and isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                module.to(torch.bfloat16)
    return LoadedModel(generator, card, target, half, read, taken, remark, unrounded)


def _take_openvino(
    generator: Generator, read: FileFacts, asked: Engine, *, half: bool, eight_bit: bool
) -> tuple[Engine, str]:
    """Let OpenVINO compute what it can of a generator, in `eight_bit` integers where it can and it
    is asked for or worth it; the engine that it has then, and a remark if that is not the one asked
    for.
    """
    if not generator.has_inner:
        told = "this model's architecture is computed by torch alone"
        return "torch", "" if asked == "auto" else f"--engine {asked}: {told}"
    try:
        inner = OpenVinoInner(generator, read.sha256, half=half)
        if eight_bit and generator.eight_bit_parts:
            coarse, found = inner.in_eight_bits(generator)
            if asked == "openvino-int8" or found.is_worth_it:
                generator.by_engine = coarse
                return "openvino-int8", ""
        generator.by_engine = inner
    except OptionError as error:
        if asked != "auto":
            raise
        return "torch", str(error).replace("use --engine torch", "the model is computed by torch")
    return "openvino", ""


def load_upscaler(name_or_path: str, device: torch.device | str = "cpu") -> LoadedUpscaler:
    """Load what raises the resolution, as `load_generator` loads what makes colour."""
    path = find_checkpoint(name_or_path)
    card = read_card(path)
    if not card.descriptor.is_upscaler:
        raise CheckpointError(
            f"{name_or_path}: makes colour and does not raise the resolution; give it to --model, "
            "and to --upscale-model one that `filmcolor models` lists as an upscaler"
        )
    target = torch.device(device)
    network, read = _filled(path, card, target)
    if not isinstance(network, Upscaler):
        raise CheckpointError(f"{path}: {card.architecture!r} is no upscaler; train it again")
    facts = network.descriptor
    if (facts.scale, facts.reach) != (card.descriptor.scale, card.descriptor.reach):
        raise CheckpointError(f"{path}: the checkpoint's header holds impossible values")
    return LoadedUpscaler(network, card, target, read)


def _filled(path: Path, card: ModelCard, device: torch.device) -> tuple[Network, FileFacts]:
    """The network that a card describes, with the weights of the file, in evaluation mode; and the
    facts of the bytes that were read.
    """
    multiply_in_full(device)
    with torch.device("meta"), _Unfilled():
        network = build_network(card.architecture, card.config)
    wanted = {k: (_KINDS[v.is_floating_point()], v.shape) for k, v in network.state_dict().items()}
    try:
        with safe_open(path, framework="pt") as file:
            found = {
                name: (_kind_of(part.get_dtype()), torch.Size(part.get_shape()))
                for name in file.keys()  # noqa: SIM118
                if (part := file.get_slice(name))
            }
        if found != wanted:
            wrong = sorted(k for k in found.keys() | wanted.keys() if found.get(k) != wanted.get(k))
            raise CheckpointError(
                f"{path}: weights do not fit architecture {card.architecture!r} "
                f"(first mismatch: {wrong[0]}); fetch or train the model again"
            )
        content = path.read_bytes()
        tensors: dict[str, Tensor] = load(content)
        if {k: (_KINDS[v.is_floating_point()], v.shape) for k, v in tensors.items()} != wanted:
            raise CheckpointError(f"{path}: was changed while it was read; run the command again")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: damaged weights ({error}); fetch or train the model again"
        ) from error
    # Copied, since how sums are rounded depends on where in memory the weights begin.
    floats = {
        k: v.to(torch.float32, copy=True) if v.is_floating_point() else v
        for k, v in tensors.items()
    }
    if not all(bool(v.isfinite().all()) for v in floats.values()):
        raise CheckpointError(f"{path}: weights hold infinities or NaN; train the model again")
    network.load_state_dict(floats, assign=True)  # a buffer that is in no file would stay on meta
    network.eval().requires_grad_(False)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, FileFacts.of(path, content)
