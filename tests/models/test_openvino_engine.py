"""OpenVINO in place of torch: the same colours, whatever runs beside, and torch where it is not."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from filmcolor.errors import OptionError
from filmcolor.models import device, openvino_engine
from filmcolor.models.base import Hint
from filmcolor.models.checkpoint import LoadedModel, load_generator
from filmcolor.models.coherence import Places, find_things
from filmcolor.models.device import resolve_engine
from filmcolor.options import Engine
from filmcolor.stages.infer import Together, View, infer, infer_sparsely, one_thread_each
from filmcolor.stages.things import pack
from filmcolor.types import AbMap, Frame
from tests.helpers.tiny_model import tiny_model

needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason="openvino is not installed"
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's cache folder, in which the model is converted once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        load("openvino")
        yield folder / "filmcolor" / "openvino"


def load(engine: Engine, *, half: bool = False) -> LoadedModel:
    return load_generator("default", CPU, precision="bf16" if half else "fp32", engine=engine)


def picture(height: int = 64, width: int = 96, seed: int = 0) -> Tensor:
    """Smooth lightness (1, 1, height, width)."""
    coarse = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) * 100
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 100)


def frames(count: int) -> list[Frame]:
    rng = np.random.default_rng(3)
    return [
        Frame(index, index, rng.integers(0, 256, (48, 64), np.uint8), place=index)
        for index in range(count)
    ]


@needs_openvino
def test_float32_gives_the_colors_of_torch(cache: Path) -> None:
    model, ours = load("torch"), load("openvino")
    assert (model.engine, ours.engine, ours.remark) == ("torch", "openvino", "")
    with torch.inference_mode():
        hint = Hint(torch.full((1, 2, 64, 96), 30.0), torch.ones(1, 1, 64, 96))
        for shown in (picture(), picture(96, 64)):
            wanted, found = model.generator.see(shown), ours.generator.see(shown)
            for name in ("decoded", "features", "lightness", "ab"):
                assert torch.allclose(getattr(found, name), getattr(wanted, name), atol=2e-3), name
        wanted, found = model.generator.see(picture(), hint), ours.generator.see(picture(), hint)
        assert torch.allclose(found.ab, wanted.ab, atol=2e-3)
        levels = zip(
            ours.generator.features(picture()), model.generator.features(picture()), strict=True
        )
        assert all(torch.allclose(one, other, atol=2e-3) for one, other in levels)


@needs_openvino
def test_bfloat16_is_near_it(cache: Path) -> None:
    exact, ours = load("torch"), load("openvino", half=True)
    with torch.inference_mode():
        wanted = exact.generator(picture(128, 160))
        with torch.autocast("cpu", torch.bfloat16):
            found = ours.generator(picture(128, 160))
    off = (found - wanted).norm(dim=1).mean()
    assert 0 < off < 0.3  # Lab units


@needs_openvino
@pytest.mark.parametrize("half", [False, True])
def test_colors_do_not_depend_on_lanes_or_batches(cache: Path, half: bool) -> None:
    view = View(8, True, 64, 96)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
        seen = load("openvino", half=half).generator.see(picture())
    together = Together(0.85, {0: pack(find_things([Places.of(seen)]))})
    made = []
    with one_thread_each():
        for threads, batch in ((1, None), (3, None), (2, 4), (4, 1)):
            model = load("openvino", half=half)
            fields = infer_sparsely(
                frames(5), model, view, batch, threads=threads, together=together
            )
            made.append([field.ab.tobytes() for _, field in fields if isinstance(field, AbMap)])
        pictures = infer(frames(5), load("openvino", half=half), view, 3, together=together)
        made.append([field.ab.tobytes() for _, field in pictures])
    assert all(len(each) == 5 and each == made[0] for each in made)


@needs_openvino
def test_threads_at_once_do_not_mix_their_pictures(cache: Path) -> None:
    inner = load("openvino").generator.by_engine
    assert inner is not None
    shown = [torch.full((1, 16, 32, 48), float(value)) for value in range(8)]
    alone = [inner(each)[-1] for each in shown]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            beside = list(pool.map(lambda each: inner(each)[-1], shown))
            assert all(torch.equal(one, other) for one, other in zip(alone, beside, strict=True))
    batch = inner(torch.cat(shown))[-1]
    assert torch.equal(batch, torch.cat(alone))


@needs_openvino
def test_many_sizes_are_not_all_held(cache: Path) -> None:
    inner = load("openvino").generator.by_engine
    assert isinstance(inner, openvino_engine.OpenVinoInner)
    for width in range(16, 16 * 11, 16):
        assert inner(torch.zeros(1, 16, 16, width))[-1].shape == (1, 96, 8, width // 2)
    assert len(inner._free) == 8


@needs_openvino
def test_the_converted_model_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (kept,) = cache.iterdir()
    before = load("openvino").generator(picture())
    calls = []
    original = openvino_engine._converted
    monkeypatch.setattr(
        openvino_engine, "_converted", lambda *given: calls.append(1) or original(*given)
    )
    load("openvino")
    assert not calls
    damaged = bytearray(kept.read_bytes())
    damaged[-5] ^= 1
    kept.write_bytes(damaged)
    assert torch.equal(load("openvino").generator(picture()), before)
    assert len(calls) == 1
    assert openvino_engine._read_kept(kept) is not None
    assert [file.name for file in cache.iterdir()] == [kept.name]


@needs_openvino
def test_nothing_is_told_to_its_maker(cache: Path) -> None:
    assert "openvino_telemetry" not in sys.modules


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_auto_takes_it_where_it_was_measured(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(device, "find_spec", lambda name: name)
    assert resolve_engine("auto", CPU) == ("openvino" if machine == "x86_64" else "torch")
    assert resolve_engine("auto", torch.device("cuda")) == "torch"
    assert resolve_engine("openvino", CPU) == "openvino"
    assert resolve_engine("torch", CPU) == "torch"
    with pytest.raises(OptionError, match="--engine openvino: is for processors, not for cuda"):
        resolve_engine("openvino", torch.device("cuda"))


def test_without_it_torch_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "find_spec", lambda name: None)
    assert load("auto").engine == "torch"
    with pytest.raises(OptionError, match="--engine openvino: is not installed here; pip install"):
        load("openvino")


def test_an_installation_that_is_broken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ImportError("libtbb.so.12: cannot open shared object file")

    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(device, "find_spec", lambda name: name)
    monkeypatch.setattr(openvino_engine, "_import_openvino", broken)
    model = load("auto")
    assert (model.engine, model.generator.by_engine) == ("torch", None)
    assert model.remark == (
        "--engine openvino: cannot be used here (libtbb.so.12: cannot open shared object file); "
        "the model is computed by torch"
    )
    with pytest.raises(OptionError, match=r"libtbb.*; use --engine torch$"):
        load("openvino")


def test_another_architecture_is_computed_by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "find_spec", lambda name: name)
    model = load_generator(tiny_model(), CPU, engine="openvino")
    assert model.engine == "torch"
    assert model.remark == (
        "--engine openvino: this model's architecture is computed by torch alone"
    )
    assert load_generator(tiny_model(), CPU, engine="auto").remark == ""
