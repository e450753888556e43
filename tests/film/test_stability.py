"""What the shipped model and the shipped smoothing hold together, on films with known motion."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from filmcolor.color import rgb_to_lab
from filmcolor.models.checkpoint import LoadedModel, load_generator

FRAMES = 16
SIZE = (192, 256)


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """The script that measures steadiness: its made cases and its way of colouring them."""
    path = Path(__file__).parents[2] / "scripts" / "bench_stability.py"
    spec = importlib.util.spec_from_file_location("bench_stability", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_stability"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_generator("default", torch.device("cpu"))


def colored(bench: ModuleType, model: LoadedModel, truth: list[Any], luma: Any = None) -> Any:
    return bench.Coloured(bench.Film("made", "made", truth, luma), model)


def fields(film: Any, way: Any) -> np.ndarray:
    return np.stack([field.ab for field in film.steadied(way)])


@pytest.mark.parametrize("grain", [4.0, 8.0])
def test_a_still_scene_keeps_its_colours_under_grain(
    bench: ModuleType, model: LoadedModel, grain: float
) -> None:
    still = [bench.seen(bench.photographs.astronaut(), 250, 200, 400, SIZE)] * FRAMES
    film = colored(bench, model, still, bench.worn(still, grain, 0.0))
    spread = [float(fields(film, bench.WAYS[way]).std(axis=0).mean()) for way in ("off", "flow")]
    assert spread[1] < 0.5
    assert spread[1] < 0.4 * spread[0]


@pytest.mark.e2e
@pytest.mark.parametrize(("grain", "flicker"), [(4, 0.2), (10, 0.1)])
def test_grain_and_exposure_flicker_hardly_reach_the_colours(
    bench: ModuleType, model: LoadedModel, grain: float, flicker: float
) -> None:
    steps = np.linspace(0, 1, FRAMES)
    pan = [bench.seen(bench.photographs.coffee(), 220 + 80 * s, 200, 380, SIZE) for s in steps]
    film = colored(bench, model, pan, bench.worn(pan, grain, flicker))
    results = {name: film.steadied(bench.WAYS[name]) for name in ("off", "flow")}
    figures = {name: each.total for name, each in bench.measure(film, results).items()}
    assert figures["off"].warp_error > 2 * figures["truth"].warp_error
    assert figures["flow"].warp_error < 0.2 * figures["off"].warp_error
    assert figures["flow"].colorfulness > 0.93 * figures["off"].colorfulness


@pytest.mark.e2e
def test_an_object_that_appears_has_its_own_colours_at_once(
    bench: ModuleType, model: LoadedModel
) -> None:
    pictures, places = bench.crossing(24, SIZE)
    film = colored(bench, model, pictures)
    true = rgb_to_lab(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255)[:, 1:]
    size = fields(film, bench.WAYS["off"]).shape[-2:]
    small = torch.nn.functional.interpolate(true, size=size, mode="area").numpy()
    inside = (
        np.stack(
            [
                bench.cv2.resize(
                    place.astype(np.float32), size[::-1], interpolation=bench.cv2.INTER_AREA
                )
                for place in places
            ]
        )
        > 0.99
    )
    first = next(index for index, place in enumerate(inside) if place.sum() > 20)
    error = {}
    for way in ("off", "flow", "flow, stride 4"):
        off = np.abs(fields(film, bench.WAYS[way]) - small).mean(axis=1)
        error[way] = float(np.mean([off[i][inside[i]].mean() for i in range(first, first + 3)]))
    assert error["flow"] <= 1.02 * error["off"]
    assert error["flow, stride 4"] <= 1.05 * error["off"]
