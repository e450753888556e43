"""Options of single shots, and the models that they are coloured with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from filmcolor.film.shot_models import ModelCache, ShotColors
from filmcolor.models.card import Descriptor, ModelCard
from filmcolor.models.checkpoint import LoadedModel
from filmcolor.options import ColorOptions, Look
from filmcolor.stages.tone import Tone
from tests.helpers.networks import one_color


def test_shots_are_painted_alike_that_differ_in_tone_alone() -> None:
    film = ColorOptions(saturation=0.5)
    own = {
        1: ColorOptions(saturation=2.0, hue_shift=30.0),
        2: ColorOptions(saturation=0.0),
        3: ColorOptions(stability=0.1),
    }
    shots = ShotColors(film, own)
    assert shots.of(0) == film and shots.of(3) == own[3]
    assert shots.network_options(0) == shots.network_options(1) == ColorOptions()
    assert shots.network_options(2) == ColorOptions(saturation=0.0)
    assert shots.network_options(3) == own[3]
    assert [shots.tone(n) for n in range(3)] == [Tone(0.5), Tone(2.0, 30.0), Tone(0.0)]


def test_models_are_loaded_once_and_few_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the film's precision, where they allow it."""
    loaded: list[str] = []

    def load(
        name: str, device: torch.device, look: str, precision: str, engine: str
    ) -> LoadedModel:
        loaded.append(f"{name} {look} {precision}")
        return one_color(1, 2)

    def card(path: Path) -> ModelCard:
        return ModelCard("a card", "none", descriptor=Descriptor(half_precision=path.name != "b"))

    monkeypatch.setattr("filmcolor.film.shot_models.load_generator", load)
    monkeypatch.setattr("filmcolor.film.shot_models.find_checkpoint", Path)
    monkeypatch.setattr("filmcolor.film.shot_models.read_card", card)
    cache, cpu = ModelCache(), torch.device("cpu")

    def get(name: str, look: Look = "natural") -> LoadedModel:
        return cache.get(ColorOptions(model=name, look=look, precision="bf16"), cpu)

    first = get("a")
    for name in ("b", "c", "d", "a"):
        get(name)
    assert get("a") is first
    assert loaded == ["a natural bf16", "b natural fp32", "c natural bf16", "d natural bf16"]
    get("a", "vivid")  # takes the place of b, unused longest
    for name in ("a", "c", "d", "b"):
        get(name)
    assert loaded[4:] == ["a vivid bf16", "b natural fp32"]
