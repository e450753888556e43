"""Recipes: what they say, how they are cut to size, and that every one learns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import av
import pytest
import tomli_w
import torch

from filmcolor.cli import main
from filmcolor.errors import OptionError
from filmcolor.models.card import read_card
from filmcolor.models.device import half_is_quicker
from filmcolor.models.registry import build_network
from filmcolor.train.recipes import (
    FILM,
    PIX2PIX,
    RECIPES,
    RGB_GAN,
    RGB_GAN_B,
    Phase,
    Recipe,
)
from filmcolor.typed import from_mapping, to_mapping
from tests.helpers.clips import make_clip, plane_codes
from tests.helpers.play import QUICK
from tests.helpers.scenes import write_photographs


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_a_recipe_comes_back_from_its_file(recipe: Recipe) -> None:
    assert RECIPES[recipe.name] is recipe
    assert from_mapping(Recipe, to_mapping(recipe), "file") == recipe


def test_the_shares_of_the_default_recipe_are_those_of_its_description() -> None:
    assert [(phase.name, phase.share) for phase in FILM.default_phases] == [
        ("crops", 0.70),
        ("frames", 0.25),
        ("adversarial", 0.05),
    ]
    assert [phase.discriminator for phase in FILM.phases] == [False, False, True]
    assert all(phase.hints.chance == 0.2 for phase in FILM.phases)


def test_pix2pix_trains_without_an_adversary_first() -> None:
    first, second = PIX2PIX.default_phases
    assert first.losses == {"l1": 100.0} and not first.discriminator
    assert second.losses == {"l1": 100.0, "adversarial": 1.0} and second.discriminator
    assert (second.rate, second.beta1) == (2e-4, 0.5)
    assert [phase.name for phase in PIX2PIX.only("l1").default_phases] == ["l1"]
    with pytest.raises(OptionError, match="recipe pix2pix has l1, gan"):
        PIX2PIX.only("mse")


def test_the_settings_of_rgb_gan_differ_in_their_rate_alone() -> None:
    assert (RGB_GAN.phases[0].rate, RGB_GAN_B.phases[0].rate) == (5e-4, 1e-3)
    assert RGB_GAN.default_phases[0].losses == {"l2": 1.0}
    assert RGB_GAN.only("gan").phases[0].losses["adversarial"] > 0


def test_the_depth_of_pix2pix_follows_its_size() -> None:
    small = PIX2PIX.with_size(64)
    assert build_network(small.architecture, small.generator).descriptor.native_size == 64
    assert {phase.size for phase in small.phases} == {64}
    with pytest.raises(OptionError, match="--size 96"):
        PIX2PIX.with_size(96)


def test_a_trained_model_is_tuned_at_lower_rates() -> None:
    assert PIX2PIX.for_tuning() == PIX2PIX
    for phase, tuned in zip(FILM.phases, FILM.for_tuning().phases, strict=True):
        assert tuned.rate == 0.25 * phase.rate
        assert tuned.discriminator_rate == phase.discriminator_rate
    assert FILM.for_tuning().phases[0].encoder_rate == 0.25 * 3e-4


def test_recipes_that_cannot_be_are_refused() -> None:
    def recipe(phase: Phase) -> Recipe:
        return Recipe("r", "", "pix2pix-unet", (phase,))

    with pytest.raises(OptionError, match="without an adversary"):
        recipe(Phase("p", losses={"adversarial": 1.0}, discriminator=True))
    with pytest.raises(OptionError, match="no heads for"):
        recipe(Phase("p", losses={"picture": 1.0}))
    with pytest.raises(OptionError, match="pix2pix-unet has no ImageNet encoder, which loss sem"):
        recipe(Phase("p", losses={"semantics": 1.0}))
    with pytest.raises(OptionError, match=r"unknown loss 'l3' \(known: classes, "):
        recipe(Phase("p", losses={"l3": 1.0}))
    recipe(Phase("p", losses={"classes": 0.0}))  # as files of earlier versions have it
    with pytest.raises(OptionError, match="a name of its own"):
        Recipe("r", "", "pix2pix-unet", (Phase("p"), Phase("p")))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photographs(tmp_path_factory.mktemp("data") / "photos", 64, 64, 80)


NARROW: dict[str, dict[str, object]] = {
    "film": {"widths": [24, 24, 24], "bins": 60},
    "pix2pix": {"width": 16},
    "dcgan": {"width": 16},
    "rgb-gan": {"width": 4},
}
"""Networks that learn the same in a fraction of the time."""
ELSEWHERE = {"rgb-gan-b", "sr", "sr-film", "sr-fine"}
"""Recipes that other tests train, or that differ from one of these in a number."""


def test_every_recipe_is_tried() -> None:
    assert {*NARROW, *ELSEWHERE} == set(RECIPES)


def test_help_describes_every_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    described = capsys.readouterr().out.partition("Recipes:")[2].partition("Examples:")[0]
    assert {line.split()[0] for line in described.splitlines() if line.strip()} >= set(RECIPES)


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [*NARROW, *(pytest.param(f"{name}, whole", marks=pytest.mark.full) for name in NARROW)]
)
def test_every_recipe_learns_and_its_checkpoint_colors_a_film(
    name: str, photos: Path, tmp_path: Path
) -> None:
    """On 64 pictures of 64 px, with narrow networks, or for 200 steps in full size."""
    name, _, is_whole = name.partition(", ")
    run, recipe, steps = tmp_path / "run", name, 200
    if not is_whole:
        recipe, steps = str(tmp_path / "narrow.toml"), 100
        narrow = replace(RECIPES[name], generator=NARROW[name])
        Path(recipe).write_text(tomli_w.dumps({"recipe": to_mapping(narrow)}))
    options = ["--recipe", recipe, "--size", "64", "--batch-size", "4", "--steps", str(steps)]
    quickest = "bf16" if half_is_quicker(torch.device("cpu")) else "fp32"
    options += ["--precision", quickest]
    options += ["--val", str(photos), "--val-pictures", "6", "--evaluations", "1"]
    command = ["train", str(photos), "-o", str(run), *options, "--device", "cpu", "--quiet"]
    assert main(command) == 0
    lines = (run / "metrics.jsonl").read_text().splitlines()
    entries = [entry for entry in map(json.loads, lines) if "losses" in entry]
    first_phase = [entry for entry in entries if entry["phase"] == entries[0]["phase"]]
    learnt = set(first_phase[0]["losses"]) - {"discriminator", "adversarial", "stability"}
    assert learnt
    for loss in learnt:
        assert first_phase[-1]["losses"][loss] < 0.9 * first_phase[0]["losses"][loss], loss
    assert read_card(run / "best.safetensors").architecture == RECIPES[name].architecture
    clip, target = tmp_path / "clip.mp4", tmp_path / "color.mp4"
    make_clip(clip, frames=6, width=96, height=64)
    model = ["--model", str(run / "best.safetensors")]
    assert main(["run", str(clip), "-o", str(target), *model, *QUICK, "--quiet"]) == 0
    with av.open(str(target)) as film:
        chroma = [plane_codes(frame, 1) for frame in film.decode(video=0)]
    assert len(chroma) == 6
    assert (chroma[0] != 128).mean() > 0.05
