"""Training of upscalers: what they are shown and should make of it, and that they learn it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from filmcolor.cli.train_table import left_out_lines
from filmcolor.color import luma_from_rgb
from filmcolor.errors import CheckpointError, OptionError
from filmcolor.evaluate.enlarging import evaluate_enlarging
from filmcolor.events import Evaluated, StepReport, TrainStarted
from filmcolor.models.checkpoint import load_upscaler
from filmcolor.models.resampling import enlarge, reduce
from filmcolor.models.subpixel import SubpixelConfig, SubpixelNet
from filmcolor.models.subpixel.train import SubpixelAdapter
from filmcolor.models.subpixel.vgg import VggFeatures
from filmcolor.options import TrainOptions
from filmcolor.train.build import build_trainer
from filmcolor.train.crops import CropSettings, CropSource, plan_crops
from filmcolor.train.degrade import NO_DEGRADATION, SMALL_FILM, degrade_small, worn_half
from filmcolor.train.loop import train
from filmcolor.train.recipes import RECIPES, SR
from filmcolor.train.run import train_run
from filmcolor.train.schedule import Schedule
from filmcolor.train.workers import Workers
from tests.helpers.scenes import photographs, write_photographs
from tests.helpers.upscalers import write_upscaler


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 4, size: int = 48) -> torch.Tensor:
    torch.manual_seed(0)
    return enlarge(torch.rand(count, 3, size // 4, size // 4), 4).clamp(0, 1)


def test_clean_pictures_are_only_reduced() -> None:
    rgb = pictures()
    small, wanted = degrade_small(rgb, NO_DEGRADATION, 2, rng())
    assert torch.equal(wanted, luma_from_rgb(rgb))
    assert (small - reduce(wanted, 2)).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(small, (small * 255).round() / 255)


def test_grain_is_wanted_as_a_bicubic_enlargement_has_it() -> None:
    """In a flat picture there is nothing but grain: the network should add nothing at all."""
    settings = replace(SMALL_FILM, chance=1.0, jpeg_chance=0.0, reduction_chance=0.0, blur=0.0)
    small, wanted = degrade_small(torch.full((3, 3, 48, 48), 0.5), settings, 2, rng())
    assert small.std() > 1e-3
    assert torch.allclose(wanted, enlarge(small, 2), atol=1e-5)


def test_detail_is_wanted_whatever_lies_over_it() -> None:
    rgb, settings = pictures(8), replace(SMALL_FILM, chance=1.0, blur=0.0, reduction_chance=0.0)
    small, wanted = degrade_small(rgb, settings, 2, rng())
    luma = luma_from_rgb(rgb)
    assert (small - reduce(luma, 2)).abs().mean() > 1e-3
    lost = luma - enlarge(reduce(luma, 2), 2)
    assert torch.allclose(wanted - enlarge(small, 2), lost, atol=1e-5)


def test_what_was_soft_stays_soft() -> None:
    rgb, settings = pictures(8), replace(SMALL_FILM, chance=1.0, grain=0.0, jpeg_chance=0.0)
    _, wanted = degrade_small(rgb, replace(settings, blur=3.0), 2, rng())
    luma = luma_from_rgb(rgb)
    assert wanted.diff(dim=-1).abs().mean() < 0.9 * luma.diff(dim=-1).abs().mean()


def test_it_is_seeded() -> None:
    smaller = worn_half(SMALL_FILM, 3)
    rgb = pictures(1)
    assert torch.equal(smaller(5, rgb, 2), smaller(5, rgb, 2))
    assert not torch.equal(smaller(5, rgb, 2), smaller(6, rgb, 2))
    stamp = worn_half(SMALL_FILM, 1764600000_000_000)
    assert torch.equal(stamp(5, rgb, 2), stamp(5, rgb, 2))
    assert not torch.equal(stamp(5, rgb, 2), smaller(5, rgb, 2))


def test_native_crops_are_the_photos_own_pixels() -> None:
    photos = photographs(3)
    source = CropSource(photos, torch.device("cpu"))
    settings = CropSettings(size=24, native=True)
    plan = plan_crops(source.sizes, settings, 5, seed=0, step=2)
    crops = (source.cut(plan, 24) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    for crop, number, box, mirrored in zip(crops, plan.photo, plan.box, plan.mirrored, strict=True):
        top, left, height, width = box
        assert (height, width) == (24, 24)
        own = photos.photos[number][top : top + 24, left : left + 24]
        assert np.array_equal(crop, own[:, ::-1] if mirrored else own)


def test_a_recipe_that_asks_an_upscaler_for_colours() -> None:
    for phase in (
        replace(SR.phases[0], losses={"l1": 1.0, "stability": 1.0}),
        replace(SR.phases[0], losses={"classes": 1.0}),
    ):
        with pytest.raises(OptionError, match="l1 or l2"):
            replace(SR, phases=(phase,))


def test_the_recipes_names() -> None:
    assert {"sr", "sr-film", "sr-fine"} <= set(RECIPES)
    assert RECIPES["sr-film"].phases[0].degrade == SMALL_FILM


@pytest.mark.train
@pytest.mark.parametrize(("recipe", "mirrored"), [("sr", True), ("sr-film", False)])
def test_only_of_clean_pictures_the_mirror_image_is_enlarged_too(
    tmp_path: Path, recipe: str, *, mirrored: bool
) -> None:
    data = write_photographs(tmp_path / "photos", 4, 64, 64)
    options = TrainOptions(recipe=recipe, steps=1, batch_size=1, size=32, device="cpu")
    for _ in train_run([str(data)], str(tmp_path / "run"), options):
        pass
    card = load_upscaler(str(tmp_path / "run" / "last.safetensors")).card
    assert card.descriptor.mirrored is mirrored


@pytest.mark.train
def test_a_run_learns_and_its_checkpoint_enlarges(tmp_path: Path) -> None:
    data = write_photographs(tmp_path / "photos", 6, 64, 64)
    options = TrainOptions(
        recipe="sr",
        steps=40,
        evaluations=1,
        batch_size=4,
        size=32,
        device="cpu",
        val=(str(data),),
        precision="fp32",
    )
    events = list(train_run([str(data)], str(tmp_path / "run"), options))
    started = next(event for event in events if isinstance(event, TrainStarted))
    assert started.is_upscaler
    losses = [event.losses["l1"] for event in events if isinstance(event, StepReport)]
    assert losses[-1] < losses[0]
    report = next(event for event in events if isinstance(event, Evaluated)).report
    model = load_upscaler(str(tmp_path / "run" / "best.safetensors"))
    assert model.card.metrics == report.card_metrics()
    assert model.card.metrics["psnr_gain"] > 0.05
    again = evaluate_enlarging(model, photographs(6, 64, 64).photos)
    assert again.psnr_gain == pytest.approx(report.psnr_gain, abs=0.02)
    assert (tmp_path / "run" / "curves.png").exists()


def test_pictures_smaller_than_the_crops_are_left_out_and_named(tmp_path: Path) -> None:
    large = write_photographs(tmp_path / "large", 3, 64, 64)
    small = write_photographs(tmp_path / "small", 2, 30, 80)
    options = TrainOptions(
        recipe="sr", epochs=2, batch_size=1, size=32, device="cpu", val=(str(large),)
    )
    events = list(train_run([str(large), str(small)], str(tmp_path / "run"), options))
    started = next(event for event in events if isinstance(event, TrainStarted))
    assert started.photos == 3
    assert started.small == (str(small / "000.png"), str(small / "001.png"))
    assert left_out_lines((), (), started.small) == [
        f"2 too small pictures left out: {small}/000.png, {small}/001.png"
    ]
    assert started.steps == 6
    card = load_upscaler(str(tmp_path / "run" / "last.safetensors")).card
    assert card.training_data == "3 pictures"
    with pytest.raises(OptionError, match="crops of 32 px are cut without resizing"):
        list(train_run([str(small)], str(tmp_path / "none"), options))
    assert not (tmp_path / "none").exists()


def test_features_tell_texture_from_its_average(tmp_path: Path) -> None:
    torch.manual_seed(0)
    adapter = SubpixelAdapter(SubpixelNet(SubpixelConfig(width=4, layers=2)))
    adapter.load_teacher(VggFeatures().state_dict())
    adapter.to(torch.device("cpu"))
    truth = pictures(2, 32)[:, :1]
    assert adapter.teacher is not None and adapter.teacher(truth).shape == (2, 256, 8, 8)

    def distance(luma: torch.Tensor) -> torch.Tensor:
        return adapter.distance_to_teacher({"luma": luma}, truth, truth)

    assert float(distance(truth)) == 0.0
    near, far = truth + 0.01 * torch.rand_like(truth), truth.mean().expand_as(truth)
    near.requires_grad_(True)
    loss = distance(near)
    assert 0 < float(loss.detach()) < float(distance(far))
    loss.backward()
    assert near.grad is not None and near.grad.abs().max() > 0
    options = TrainOptions(device="cpu", teacher=write_upscaler(tmp_path / "mine.safetensors"))
    with pytest.raises(CheckpointError, match=r"--teacher .*: no VGG-19 up to conv3_1"):
        build_trainer(
            SR.only("adversarial"), options, photographs(4), Workers(), torch.device("cpu")
        )


def test_the_adversarial_phase_plays_on_luma(tmp_path: Path) -> None:
    path = tmp_path / "vgg.safetensors"
    save_file(VggFeatures().state_dict(), path)
    recipe = replace(SR.only("adversarial").with_size(64), batch_size=2)
    recipe = replace(recipe, phases=(replace(recipe.phases[0], head_start=1),))
    options = TrainOptions(device="cpu", precision="fp32", teacher=str(path))
    photos = photographs(4, 64, 64)
    trainer = build_trainer(recipe, options, photos, Workers(), torch.device("cpu"))
    source = CropSource(photos, trainer.device)
    reports = list(train(trainer, source, Schedule(steps=2), every=1))
    assert set(reports[0].losses) == {"discriminator"}
    assert set(reports[1].losses) == {"discriminator", "l1", "features", "adversarial"}
