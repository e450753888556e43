"""Before a film is coloured it is analysed: shots, things or drift of colours, and a stride."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from filmcolor.events import Analyzing
from filmcolor.film import analyze as planning
from filmcolor.film.analyze import analyze_film, settle_stride
from filmcolor.film.plan import FilmPlan
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.models.base import Generator as Network
from filmcolor.models.base import Hint
from filmcolor.models.card import ModelCard
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.models.coherence import Seen
from filmcolor.options import ColorOptions, RunOptions
from filmcolor.stages.chroma_drift import SPACING
from filmcolor.stages.infer import View
from filmcolor.stages.things import unpack
from filmcolor.stages.view import film_view
from filmcolor.types import Frame
from tests.helpers.clips import make_clip
from tests.helpers.shots import find_shots


class Wanderer(Network):
    """Colours that wander by `step` Lab units from one call to the next."""

    def __init__(
        self, step: float = 0.0, spend: Callable[[int], None] = lambda frames: None
    ) -> None:
        super().__init__()
        self.calls, self.step, self.spend = 0, step, spend

    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        self.spend(len(lightness))
        small = lightness[..., ::4, ::4]
        ab = torch.cat([small * 0.3, small * 0.2], dim=1) + self.calls * self.step
        self.calls += 1
        return ab


class Coherent(Wanderer):
    """Its places are alike by lightness."""

    is_coherent = True

    def see(self, lightness: Tensor, hint: Hint | None = None) -> Seen:
        ab = self(lightness, hint)
        light = lightness[..., ::4, ::4]
        coarse = light[..., ::4, ::4] / 100
        features = torch.nn.functional.normalize(torch.cat([coarse, 1 - coarse], dim=1), dim=1)
        return Seen(ab, features, light, ab, torch.full_like(light, 50.0))


def loaded(network: Network) -> LoadedModel:
    return LoadedModel(network, ModelCard(name="t", architecture="none"), torch.device("cpu"))


def run(job: Generator[Analyzing, None, FilmPlan]) -> tuple[list[Analyzing], FilmPlan]:
    said = []
    while True:
        try:
            said.append(next(job))
        except StopIteration as end:
            return said, end.value


def looked(
    path: Path, network: Network, options: RunOptions | None = None
) -> tuple[list[Analyzing], FilmPlan]:
    model = loaded(network)
    with FilmReader(str(path)) as reader:
        view = film_view(reader.info, model, None, ColorOptions(size=96))
    return run(analyze_film(str(path), model, view, options or RunOptions()))


def test_shots_are_those_of_the_film(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    make_clip(path, frames=90, width=96, height=80, pix_fmt="yuv420p", cuts=[30, 55])
    network = Wanderer()
    said, plan = looked(path, network)
    with FilmReader(str(path)) as reader:
        assert list(plan.shots) == find_shots(reader.frames(), reader.info.layout)
    assert [shot.start for shot in plan.shots] == [0, 30, 55]
    assert plan.frames == 90
    assert said[-1] == Analyzing(90, 90)
    assert network.calls == 0  # samples at 0 and 24, at 48, and at 72: too few in each shot


def test_drift_of_a_still_shot_is_found(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    make_clip(path, frames=5 * SPACING + 1, width=96, height=80, pix_fmt="yuv420p", still=True)
    network = Wanderer(step=1.0)
    _, plan = looked(path, network)
    assert len(plan.shots) == 1
    assert network.calls == 6
    assert np.allclose(plan.drift.at(0, SPACING), [-1.5, -1.5], atol=0.2)
    assert np.allclose(plan.drift.at(0, 4 * SPACING), [1.5, 1.5], atol=0.2)


def test_of_each_shot_of_a_coherent_model_the_things_are_found(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    make_clip(path, frames=90, width=96, height=80, pix_fmt="yuv420p", cuts=[30, 55])
    network = Coherent(step=1.0)
    _, plan = looked(path, network)
    assert network.calls == 2 + 1 + 2  # at 4 and 28; 34; 59 and 83
    assert sorted(plan.things) == [0, 1, 2]
    assert not plan.drift.paths
    things, _ = unpack(plan.things[1], torch.device("cpu"))
    off = things.ab - things.lightness[:, None] * torch.tensor([0.3, 0.2])
    assert torch.allclose(off, torch.full_like(off, 2.0), atol=0.1)  # by the third call
    off_options = RunOptions(color=ColorOptions(coherence=0.0))
    assert not looked(path, Coherent(), off_options)[1].things


def test_a_part_of_a_film(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    make_clip(path, frames=60, width=96, height=80, pix_fmt="yuv420p", cuts=[30])
    start = Fraction(20, 24) - Fraction(1, 100)  # Matroska rounds to the millisecond
    options = RunOptions(start_seconds=start, duration_seconds=Fraction(30, 24))
    _, plan = looked(path, Wanderer(), options)
    assert [(shot.start, shot.stop) for shot in plan.shots] == [(0, 10), (10, 30)]


@pytest.mark.parametrize(
    ("network", "carrying", "stride"),
    [(0.1, 1.0, 1), (1.0, 1.0, 1), (1.9, 1.0, 2), (2.5, 1.0, 3), (3.9, 1.0, 4), (90.0, 1.0, 4)],
)
def test_the_stride_is_as_long_as_the_network_is_slow(
    monkeypatch: pytest.MonkeyPatch, network: float, carrying: float, stride: int
) -> None:
    """By a clock that tells what each part is to have taken."""
    rng = np.random.default_rng(3)
    luma = rng.integers(0, 255, (80, 96), np.uint8)
    frames = [Frame(10 * index, index, np.roll(luma, index, axis=1)) for index in range(5)]
    view = View(8, True, 96, 96)
    told = iter([10.0, 10.0 + network, 10.0 + network + carrying])
    monkeypatch.setattr(planning, "time", SimpleNamespace(perf_counter=lambda: next(told)))
    assert settle_stride(frames, loaded(Wanderer()), view, ColorOptions()) == stride
    assert next(told, None) is None
    assert settle_stride(frames[:1], loaded(Wanderer()), view, ColorOptions()) == 1


def test_a_slow_network_is_shown_fewer_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """So slow a network that nothing else can matter: half a second a frame, by a clock that is
    put forward."""
    spent = [0.0]

    def spend(frames: int) -> None:
        spent[0] += 0.5 * frames

    true = time.perf_counter
    monkeypatch.setattr("filmcolor.film.analyze.time.perf_counter", lambda: true() + spent[0])
    luma = np.random.default_rng(3).integers(0, 255, (80, 96), np.uint8)
    frames = [Frame(10 * index, index, np.roll(luma, index, axis=1)) for index in range(5)]
    view = View(8, True, 96, 96)
    assert settle_stride(frames, loaded(Wanderer(spend=spend)), view, ColorOptions()) == 4
