"""What a run saves: as colourful as its pictures, and the same when it was broken off."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tomli_w
import torch
from safetensors.torch import load_file

from filmcolor.cli.display.base import LineDisplay
from filmcolor.cli.train_table import TRAIN
from filmcolor.errors import CheckpointError, OptionError
from filmcolor.evaluate.report import PhotoReport
from filmcolor.events import Evaluated, Event, TrainFinished, TrainStarted
from filmcolor.models.ab_bins import AbBins
from filmcolor.models.card import ModelCard, read_card
from filmcolor.models.checkpoint import save_network
from filmcolor.models.mobilenet_unet import MobileNetUNet, MobileNetUNetConfig
from filmcolor.options import TrainOptions
from filmcolor.train.build import build_trainer, resolve_recipe
from filmcolor.train.card import first_card
from filmcolor.train.crops import CropSource
from filmcolor.train.data import load_photos
from filmcolor.train.evaluate_run import evaluate_run
from filmcolor.train.recipes import FILM
from filmcolor.train.run import resume_run, train_run
from filmcolor.train.run_folder import RunFolder
from filmcolor.train.state import read_state
from filmcolor.train.workers import Workers
from filmcolor.typed import to_mapping
from tests.helpers.bold_model import GAIN, write_bold_model
from tests.helpers.scenes import imagenet_file, photographs, write_photographs
from tests.helpers.upscalers import write_upscaler

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Photographs paler than a bold model paints."""
    folder = write_photographs(tmp_path_factory.mktemp("run") / "photos", 6, 64, 64)
    for path in folder.iterdir():
        bgr = cv2.imread(str(path)).astype(np.float32)
        grey = bgr.mean(axis=2, keepdims=True)
        cv2.imwrite(str(path), np.rint(grey + 0.4 * (bgr - grey)).astype(np.uint8))
    return str(folder)


def settings(data: str, init: str, steps: int) -> TrainOptions:
    return TrainOptions(
        recipe="film",
        init=init,
        steps=steps,
        evaluations=1,
        batch_size=2,
        size=64,
        device="cpu",
        val=(data,),
        precision="fp32",
    )


def test_a_model_too_bold_for_its_pictures_is_toned_down(tmp_path: Path, data: str) -> None:
    init = write_bold_model(tmp_path / "bold.safetensors")
    events = list(train_run([data], str(tmp_path / "run"), settings(data, init, 2)))
    (report,) = [event.report for event in events if isinstance(event, Evaluated)]
    assert isinstance(report, PhotoReport)
    assert 0.9 < report.colorfulness_ratio < 1.1
    card = read_card(tmp_path / "run" / "best.safetensors")
    assert card.config["chroma_gain"] < 0.7 * GAIN
    assert card.descriptor.looks["vivid"]["chroma_gain"] == 1.2 * card.config["chroma_gain"]
    assert card.metrics == report.card_metrics()


@pytest.mark.usefixtures("quick_distillation")
def test_how_bold_a_checkpoint_is_depends_on_its_own_weights_alone(
    tmp_path: Path, data: str
) -> None:
    """A boldness of the past does not pale what is saved later."""
    options = replace(settings(data, write_small_model(tmp_path / "small.safetensors"), 1), size=32)
    photos, folder = load_photos([data]), RunFolder(tmp_path / "run")
    here = torch.device("cpu")
    trainer = build_trainer(resolve_recipe(options), options, photos, Workers(), here)
    folder.create({}, [])
    card = first_card(trainer, options, folder.path, len(photos))

    def tone_at(gain: float) -> float:
        config = {**card.config, "chroma_gain": gain, "chroma_knee": 0.0}
        source = CropSource(photos, here)
        evaluate_run(trainer, folder, replace(card, config=config), source, photos)
        saved = read_card(folder.last).config["chroma_gain"]
        assert saved == pytest.approx(gain * trainer.state.tone)
        return trainer.state.tone

    bold = tone_at(16.0)
    assert 0.5 < bold < 0.7
    assert tone_at(28.8) == pytest.approx(bold / 1.8, rel=0.1)
    assert tone_at(1600.0) == 0.25
    assert tone_at(4.0) == 1.0
    assert tone_at(16.0) == bold


class StopAfter:
    """Asks a run to stop once it has been asked so many times: before the first step and after
    every one.
    """

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def write_small_model(path: Path) -> str:
    """A checkpoint whose configuration and classes are neither a recipe's nor of any picture."""
    torch.manual_seed(5)
    config = MobileNetUNetConfig((24, 16, 16), 12, chroma_gain=1.7, chroma_knee=6.0, dropout=0.1)
    generator = MobileNetUNet(config)
    torch.nn.init.normal_(generator.regression.weight, std=0.05)
    generator.bin_centers.copy_(AbBins.from_samples(30 * torch.randn(500, 2), 12).centers)
    card = ModelCard("other", "mobilenet-unet", config=asdict(config))
    save_network(generator, replace(card, descriptor=generator.descriptor), path)
    return str(path)


def contents(path: Path) -> tuple[dict[str, str], bytes]:
    """Header and tensors of a safetensors file, whose header's entries come in any order."""
    whole = path.read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    header: dict[str, str] = json.loads(whole[8:end])["__metadata__"]
    return header, whole[end:]


def assert_alike(one: Path, other: Path) -> None:
    """Two runs left the same checkpoints, and states that differ in their clock alone."""
    for name in ("last", "best", "state"):
        first, second = (contents(run / f"{name}.safetensors") for run in (one, other))
        if name == "state":
            for header, _ in (first, second):
                standing = json.loads(header["standing"])
                assert standing.pop("elapsed_seconds") > 0
                header["standing"] = json.dumps(standing)
        assert first[0] == second[0], name
        assert first[1] == second[1], name


@pytest.mark.usefixtures("quick_distillation")
@pytest.mark.parametrize("stopped_after", [0, 2, 3])
def test_a_run_begun_from_a_checkpoint_goes_on_with_its_configuration_and_classes(
    tmp_path: Path, data: str, stopped_after: int
) -> None:
    init = write_small_model(tmp_path / "small.safetensors")
    texts = tmp_path / "card.toml"
    texts.write_text('license = "CC0-1.0"\n')
    options = replace(settings(data, init, 4), size=32, card=str(texts))
    whole, broken = tmp_path / "whole" / "run", tmp_path / "broken" / "run"
    list(train_run([data], str(whole), options))
    list(train_run([data], str(broken), options, stop=StopAfter(stopped_after)))
    assert (broken / "state.safetensors").exists()
    Path(init).unlink()
    texts.unlink()
    list(resume_run(str(broken)))
    assert_alike(whole, broken)
    card = read_card(broken / "last.safetensors")
    assert card.config["widths"] == [24, 16, 16]
    assert (card.config["chroma_knee"], card.config["dropout"]) == (6.0, 0.1)
    assert card.license == "CC0-1.0"
    assert "begun from small.safetensors; 4 steps, 8 pictures seen" in card.provenance


def test_the_classes_of_a_run_are_not_counted_again(tmp_path: Path, data: str) -> None:
    """Whatever pictures it goes on with, a class means the colour that it meant before."""
    init = write_small_model(tmp_path / "small.safetensors")
    options = replace(settings(data, init, 4), size=32)
    list(train_run([data], str(tmp_path / "run"), options, stop=lambda: True))
    recipe, here = resolve_recipe(options), torch.device("cpu")
    begun = build_trainer(recipe, options, load_photos([data]), Workers(), here)
    saved = read_state(tmp_path / "run" / "state.safetensors")
    resumed = build_trainer(recipe, options, photographs(3), Workers(), here, saved)
    anew = build_trainer(recipe, options, photographs(3), Workers(), here)
    begun, resumed, anew = begun.adapter, resumed.adapter, anew.adapter
    assert begun.bins is not None and resumed.bins is not None and anew.bins is not None
    assert torch.equal(begun.bins.centers, load_file(init)["bin_centers"].float())
    assert torch.equal(begun.bins.centers, resumed.bins.centers)
    assert torch.equal(begun.bins.lookup, resumed.bins.lookup)
    assert torch.equal(begun.bins.rebalancing(0.7), resumed.bins.rebalancing(0.7))
    assert not torch.equal(begun.bins.frequency, anew.bins.frequency)


def test_an_upscalers_run_goes_on_with_its_configuration(tmp_path: Path, data: str) -> None:
    init = write_upscaler(tmp_path / "small.safetensors")
    options = replace(settings(data, init, 4), recipe="sr", size=32)
    whole, broken = tmp_path / "whole" / "run", tmp_path / "broken" / "run"
    list(train_run([data], str(whole), options))
    list(train_run([data], str(broken), options, stop=StopAfter(2)))
    list(resume_run(str(broken)))
    assert_alike(whole, broken)
    assert read_card(broken / "best.safetensors").config["layers"] == 2


@pytest.fixture
def upscaling(tmp_path: Path, data: str) -> TrainOptions:
    """What is trained quickly: a small upscaler."""
    init = write_upscaler(tmp_path / "small.safetensors")
    return replace(settings(data, init, 50), recipe="sr", size=32, evaluations=4)


def evaluated(events: list[Event]) -> list[int]:
    return [event.step for event in events if isinstance(event, Evaluated)]


def test_a_run_that_is_stopped_is_evaluated_where_an_unbroken_one_is(
    tmp_path: Path, data: str, upscaling: TrainOptions
) -> None:
    whole, broken = tmp_path / "whole" / "run", tmp_path / "broken" / "run"
    unbroken = list(train_run([data], str(whole), upscaling))
    first = list(train_run([data], str(broken), upscaling, stop=StopAfter(13)))
    rest = list(resume_run(str(broken)))
    assert evaluated(unbroken) == [25, 50]
    assert (evaluated(first), evaluated(rest)) == ([], [25, 50])
    assert_alike(whole, broken)


def test_a_run_stops_where_another_of_its_processes_is_asked_to(
    tmp_path: Path, data: str, upscaling: TrainOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of two nodes one that is shut down; the first process saves, though it was not asked."""
    asked = iter([0.0] * 4 + [0.5])  # the mean of both: before the first step, and after each

    def average(_: Workers, *values: float) -> list[float]:
        return [next(asked)] if values == (0.0,) else list(values)

    monkeypatch.setattr(Workers, "average", average)
    events = list(train_run([data], str(tmp_path / "run"), upscaling))
    assert events[-1] == TrainFinished(tmp_path / "run", 4, events[-1].seconds, stopped=True)
    assert read_state(tmp_path / "run" / "state.safetensors").state.step == 4
    assert (tmp_path / "run" / "last.safetensors").exists()


def test_a_run_that_is_given_more_is_evaluated_over_what_is_added(
    tmp_path: Path, data: str, upscaling: TrainOptions
) -> None:
    whole, broken = tmp_path / "whole" / "run", tmp_path / "broken" / "run"
    options, more = replace(upscaling, evaluations=2), TrainOptions(steps=150)
    for run in (whole, broken):
        list(train_run([data], str(run), options))
    assert evaluated(list(resume_run(str(whole), length=more))) == [100, 150]
    first = list(resume_run(str(broken), length=more, stop=StopAfter(7)))
    started = next(event for event in first if isinstance(event, TrainStarted))
    assert (started.step, started.steps) == (50, 150)
    assert isinstance(first[-1], TrainFinished)
    assert (first[-1].step, first[-1].stopped) == (57, True)
    # What it was given it keeps.
    rest = list(resume_run(str(broken)))
    assert evaluated(rest) == [100, 150]
    assert rest[-1] == TrainFinished(broken, 150, rest[-1].seconds, stopped=False)
    assert_alike(whole, broken)


def test_a_finished_run_says_so_and_how_it_can_go_on(
    tmp_path: Path, data: str, upscaling: TrainOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "my run"
    list(train_run([data], str(run), replace(upscaling, steps=2)))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for length in (None, TrainOptions(steps=2)):
        (event,) = resume_run(str(run), length=length)
        assert event == TrainFinished(run, 2, event.seconds, stopped=False, was_finished=True)
    LineDisplay(TRAIN).show(event)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"{run}: the run is finished, at step 2; to train on, give it a greater length: "
        f"filmcolor train --resume '{run}' --steps 4"
    )
    for length, text in (
        (TrainOptions(steps=1), "--steps 1"),
        (TrainOptions(epochs=0.1), "--epochs 0.1"),
        (TrainOptions(minutes=1e-6), "--minutes 1e-06"),
    ):
        with pytest.raises(OptionError, match=f"{text}: the run has trained 2 steps in"):
            list(resume_run(str(run), length=length))
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("quick_distillation")
def test_a_run_that_lost_its_state_begins_again_as_it_did_first(tmp_path: Path, data: str) -> None:
    init = write_small_model(tmp_path / "small.safetensors")
    options = replace(settings(data, init, 2), size=32)
    whole, broken = tmp_path / "whole" / "run", tmp_path / "broken" / "run"
    list(train_run([data], str(whole), options))
    list(train_run([data], str(broken), options, stop=lambda: True))
    (broken / "state.safetensors").unlink()
    list(resume_run(str(broken)))
    assert_alike(whole, broken)


def test_a_teacher_that_is_gone_is_missed(tmp_path: Path, data: str) -> None:
    """A run begun from MobileNetV2's weights does not go on without what it learns from."""
    start = imagenet_file(tmp_path / "imagenet.safetensors")
    recipe = tmp_path / "small.toml"
    small = replace(FILM, name="small", generator={"widths": (16, 16, 16), "bins": 12})
    recipe.write_text(tomli_w.dumps(to_mapping(small)))
    options = replace(settings(data, str(start), 4), recipe=str(recipe), size=32)
    list(train_run([data], str(tmp_path / "run"), options, stop=lambda: True))
    start.unlink()
    with pytest.raises(CheckpointError, match="--teacher"):
        list(resume_run(str(tmp_path / "run")))


@pytest.mark.usefixtures("quick_distillation")
def test_a_run_that_was_broken_off_saves_the_same(tmp_path: Path, data: str) -> None:
    init = write_bold_model(tmp_path / "bold.safetensors")
    list(train_run([data], str(tmp_path / "whole"), settings(data, init, 3)))
    list(train_run([data], str(tmp_path / "broken"), settings(data, init, 3), stop=lambda: True))
    assert not (tmp_path / "broken" / "best.safetensors").exists()
    list(resume_run(str(tmp_path / "broken")))
    one, other = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "broken"))
    assert all(bool((one[name] == other[name]).all()) for name in one)
    cards = [read_card(tmp_path / name / "last.safetensors") for name in ("whole", "broken")]
    assert cards[0].config == cards[1].config
