"""The greater part of a network computed by OpenVINO, which on processors is quicker than torch.

What a network calls `inner` is converted once and kept in the user's cache folder; it is compiled
at each start, in a tenth of a second. One picture is computed at a time, in the thread that asks
for it: its numbers do not depend on how many others are. It must not know files of models.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from filmcolor.errors import JobError, OptionError
from filmcolor.hashing import digest
from filmcolor.models.base import Generator
from filmcolor.models.eight_bit import (
    EightBit,
    built_in_pictures,
    judged,
    measured_ranges,
    put_into_eight_bits,
)

_Bytes = NDArray[np.uint8]

_SHAPES = 8
"""Sizes of pictures for which compiled models are held."""
_SUM_BYTES, _LENGTH_BYTES = 32, 8
"""Length of the digest, and of the number after it, at the beginning of a kept file."""
_CONVERTER = "openvino.tools.ovc"
_FROM_OPENVINO = (ImportError, OSError, RuntimeError)


class OpenVinoInner:
    """Computes `Generator.inner` of one network."""

    def __init__(self, network: Generator, weights_digest: str, *, half: bool) -> None:
        """`network` is in float32 on the CPU; `weights_digest` tells its checkpoint from others.
        With `half` it computes in bfloat16. Raises `OptionError` where OpenVINO cannot be used.
        """
        try:
            self._openvino = _import_openvino()
            self._core = self._openvino.Core()
            self._content = self._kept_or_made(network, weights_digest)  # the model points into it
            self._model = self._read(self._content)
        except _FROM_OPENVINO as error:
            raise OptionError(
                f"--engine openvino: cannot be used here ({_first_line(error)}); use --engine torch"
            ) from error
        self._half = half
        self.unrounded: OpenVinoInner | None = None
        """The same without 8-bit integers, of one that has them."""
        self._start_anew()

    def _start_anew(self) -> None:
        """Without compiled models."""
        self._lock = threading.Lock()
        self._free: dict[tuple[int, ...], list[Any]] = {}

    def in_eight_bits(self, network: Generator) -> tuple[OpenVinoInner, EightBit]:
        """The same with `eight_bit_parts` of the network in 8-bit integers, and what these come to
        on this processor, which is found out once and kept. Torch computes `network` yet.
        """
        made = copy.copy(self)
        made._start_anew()
        made.unrounded = self
        made._model = self._model.clone()
        operations = _import_without("openvino.opset13", "openvino_telemetry")
        processor = self._core.get_property("CPU", "FULL_DEVICE_NAME")
        where = digest(f"{processor} {self._half}".encode(), 16)
        kept = _kept_at(f"{self._name}-{where}.int8")
        content = None if kept is None else _read_kept(kept)
        if content is not None:
            with suppress(ValueError, TypeError, KeyError):
                known = EightBit.from_json(content.tobytes())
                put_into_eight_bits(operations, made._model, known.ranges)
                return made, known
        pictures = built_in_pictures()
        ranges = measured_ranges(network, pictures)
        put_into_eight_bits(operations, made._model, ranges)
        found = EightBit(ranges, *judged(network, self, made, pictures))
        if kept is not None:
            _keep(kept, np.frombuffer(found.to_json().encode(), np.uint8))
        return made, found

    def __call__(self, exact: Tensor) -> tuple[Tensor, ...]:
        """What `inner` of the network makes of `exact`, (N, C, h, w) each, in float32."""
        pictures = [self._one(exact[index : index + 1]) for index in range(len(exact))]
        return tuple(
            torch.cat(parts) if len(parts) > 1 else parts[0]
            for parts in zip(*pictures, strict=True)
        )

    def _one(self, exact: Tensor) -> tuple[Tensor, ...]:
        shown = exact.permute(0, 2, 3, 1).contiguous().numpy()
        try:
            with self._request(shown.shape) as request:
                request.infer([shown], share_inputs=True, share_outputs=True)
                made = [np.array(each.data) for each in request.output_tensors]
        except RuntimeError as error:
            raise JobError(f"OpenVINO: {_first_line(error)}; use --engine torch") from error
        return tuple(torch.from_numpy(each).permute(0, 3, 1, 2) for each in made)

    @contextmanager
    def _request(self, shape: tuple[int, ...]) -> Iterator[Any]:
        """A compiled model for inputs of this shape (1, h, w, C), of which no other thread makes
        use.
        """
        with self._lock:
            free = self._free[shape] = self._free.pop(shape, [])
            if len(self._free) > _SHAPES:
                del self._free[next(iter(self._free))]
            request = free.pop() if free else None
        if request is None:
            request = self._compiled(shape)
        yield request
        free.append(request)

    def _compiled(self, shape: tuple[int, ...]) -> Any:
        model = self._model.clone()
        model.reshape(list(shape))
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if self._half else "f32",
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # each would keep to the first core
        }
        return self._core.compile_model(model, "CPU", settings).create_infer_request()

    def _kept_or_made(self, network: Generator, weights_digest: str) -> _Bytes:
        """The converted network. Either way it has been through a file, so that the first start
        computes as all others do.
        """
        version = self._openvino.__version__
        code = digest(Path(inspect.getfile(type(network))).read_bytes())
        self._name = digest(f"{weights_digest} {code} {version} {torch.__version__}".encode())
        kept = _kept_at(f"{self._name}.model")
        content = None if kept is None else _read_kept(kept)
        if content is None:
            content = _converted(self._openvino, network)
            if kept is not None:
                _keep(kept, content)
        return content

    def _read(self, content: _Bytes) -> Any:
        weights_at = int.from_bytes(content[:_LENGTH_BYTES].tobytes(), "little")
        graph = content[_LENGTH_BYTES:weights_at].tobytes()
        weights = self._openvino.Tensor(content[weights_at:], shared_memory=True)
        return self._core.read_model(graph, weights)


class _Inner(nn.Module):
    """`Generator.inner` as a module, channels last on both sides: nothing is moved for that."""

    def __init__(self, network: Generator) -> None:
        super().__init__()
        self.network = network

    def forward(self, exact: Tensor) -> tuple[Tensor, ...]:
        made = self.network.inner(exact.permute(0, 3, 1, 2))
        return tuple(each.permute(0, 2, 3, 1) for each in made)


def _import_openvino() -> ModuleType:
    """OpenVINO without what converts, which takes as long to import as all the rest."""
    return _import_without("openvino", "openvino_telemetry", _CONVERTER)


def _import_without(name: str, *others: str) -> ModuleType:
    """A module, with others as good as not installed. OpenVINO's telemetry would report each import
    to a server of its maker's.
    """
    absent = [other for other in others if other not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(name)
    finally:
        for other in absent:
            del sys.modules[other]


def _converted(openvino: ModuleType, network: Generator) -> _Bytes:
    """Where the weights begin (8 bytes), the graph as XML, and the weights."""
    converter = _import_without(_CONVERTER, "openvino_telemetry")
    side = 8 * network.descriptor.multiple
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's word on what is traced
        example = network.exact(torch.full((1, 1, side, side), 50.0)).permute(0, 2, 3, 1)
        model = converter.convert_model(_Inner(network), example_input=example)
    with tempfile.TemporaryDirectory(prefix="filmcolor-") as folder:
        graph = Path(folder, "inner.xml")
        openvino.save_model(model, str(graph), compress_to_fp16=False)
        parts = graph.read_bytes(), graph.with_suffix(".bin").read_bytes()
    weights_at = _LENGTH_BYTES + len(parts[0])
    content = bytearray(weights_at.to_bytes(_LENGTH_BYTES, "little")) + parts[0] + parts[1]
    return np.frombuffer(content, np.uint8)


def _kept_at(name: str) -> Path | None:
    """A file in the user's cache; None for a user without one."""
    folder = cache_folder()
    return None if folder is None else folder / name


def cache_folder() -> Path | None:
    """Where converted networks are kept; None for a user without a home."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(cache) / "filmcolor" / "openvino" if os.path.isabs(cache) else None


def _read_kept(path: Path) -> _Bytes | None:
    """What was kept; None if there is none, or it is damaged."""
    with suppress(OSError):
        stored = np.fromfile(path, np.uint8)
        content = stored[_SUM_BYTES:]
        if digest(content.data, _SUM_BYTES) == stored[:_SUM_BYTES].tobytes().hex():
            return content
    return None


def _keep(path: Path, content: _Bytes) -> None:
    """Where it cannot be written, it is made again the next time."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(bytes.fromhex(digest(content.data, _SUM_BYTES)))
            file.write(content.data)
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()


def _first_line(error: Exception) -> str:
    """What went wrong, in one line; OpenVINO's own begin with where in its sources."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check "))]
    return next(iter(told or lines), type(error).__name__)
