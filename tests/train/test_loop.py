"""The loop: it learns, alternates, follows its schedule, and goes on exactly where it stopped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from filmcolor.errors import CheckpointError, JobError, MediaError, OptionError
from filmcolor.events import StepReport
from filmcolor.models.adapter import TrainAdapter
from filmcolor.models.base import Generator, Hint
from filmcolor.models.card import ModelCard
from filmcolor.models.discriminators import PatchDiscriminator
from filmcolor.models.mobilenet_unet import MobileNetEncoder, MobileNetUNet, MobileNetUNetConfig
from filmcolor.models.mobilenet_unet.train import MobileNetAdapter
from filmcolor.models.subpixel import SubpixelConfig, SubpixelNet
from filmcolor.models.subpixel.train import SubpixelAdapter
from filmcolor.models.subpixel.vgg import VggFeatures
from filmcolor.train.crops import CropSource
from filmcolor.train.degrade import DegradeSettings
from filmcolor.train.hints import HintSettings
from filmcolor.train.loop import train
from filmcolor.train.losses import LOSSES
from filmcolor.train.recipes import Adversary, Phase, Recipe
from filmcolor.train.schedule import Schedule
from filmcolor.train.state import read_state, restore_state, save_state, write_tensors
from filmcolor.train.trainer import Trainer, sample_ab
from tests.helpers.scenes import photographs

pytestmark = pytest.mark.train

COLORS = Phase(
    name="colors",
    share=0.75,
    size=32,
    losses={"classes": 1.0, "regression": 8.0, "stability": 0.5},
    optimizer="adamw",
    rate=2e-3,
    encoder_rate=1e-3,
    schedule="cosine",
    warmup_steps=3,
    beta1=0.9,
    degrade=DegradeSettings(),
    hints=HintSettings(chance=0.3),
)
AGAINST = Phase(
    name="against",
    share=0.25,
    size=32,
    losses={"regression": 8.0, "adversarial": 0.1},
    rate=1e-4,
    discriminator_rate=1e-3,
    discriminator=True,
    head_start=2,
)
RECIPE = Recipe(
    name="small",
    summary="",
    architecture="mobilenet-unet",
    generator={"widths": (16, 16, 16), "bins": 12},
    phases=(COLORS, AGAINST),
    adversary=Adversary("patch", norm="spectral", width=8, loss="hinge"),
    batch_size=4,
    ema=0.9,
    gradient_norm=1.0,
)
CONFIG = MobileNetUNetConfig(widths=(16, 16, 16), bins=12)
CARD = ModelCard("small", "mobilenet-unet", config=asdict(CONFIG))
SOURCE = CropSource(photographs(), torch.device("cpu"))


def new_trainer(
    recipe: Recipe = RECIPE, *, teacher: MobileNetEncoder | None = None, freeze: Sequence[str] = ()
) -> Trainer:
    torch.manual_seed(0)
    adapter = MobileNetAdapter(MobileNetUNet(CONFIG))
    adapter.prepare(lambda: sample_ab(photographs(), 0))
    adapter.teacher = teacher
    discriminator = PatchDiscriminator(3, norm="spectral", width=8)
    return Trainer(adapter, discriminator, recipe, freeze=freeze)


def run(trainer: Trainer, steps: int, until: int | None = None) -> list[StepReport]:
    def stop() -> bool:
        return until is not None and trainer.state.step >= until

    return list(train(trainer, SOURCE, Schedule(steps=steps), every=5, stop=stop))


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def assert_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_losses_fall_and_are_reported() -> None:
    recipe = replace(RECIPE, phases=(replace(COLORS, share=1.0),))
    reports = run(new_trainer(recipe), 60)
    assert [report.step for report in reports] == list(range(5, 61, 5))
    assert reports[-1].losses["classes"] < 0.9 * reports[0].losses["classes"]
    assert reports[-1].losses["regression"] < 0.8 * reports[0].losses["regression"]
    assert reports[-1].losses["stability"] < 0.05
    assert reports[-1].progress == 1.0
    assert reports[-1].epoch == pytest.approx(60 * 4 / 6)
    assert all(report.images_per_second > 0 for report in reports)
    assert all(0 < report.data_share < 0.5 for report in reports)


def test_every_loss_of_the_table_is_a_term_of_the_step() -> None:
    """A weight without its term in the update would do nothing."""
    of_luma = {name: 1.0 for name, loss in LOSSES.items() if loss.needs in SubpixelAdapter.parts}
    of_color = {name: 1.0 for name, loss in LOSSES.items() if loss.needs in MobileNetAdapter.parts}
    assert {*of_luma, *of_color} == set(LOSSES)
    del of_luma["adversarial"]
    recipe = replace(RECIPE, phases=(replace(AGAINST, head_start=0, losses=of_color),))
    trainer = new_trainer(recipe, teacher=MobileNetEncoder(channels=3))
    trainer.start_phase(0)
    rgb = torch.rand(2, 3, 32, 32)
    assert set(trainer.update(rgb)) - {"discriminator"} == set(of_color)
    upscaling = Recipe("up", "", "subpixel", (Phase("p", size=32, losses=of_luma),), ema=0.0)
    adapter = SubpixelAdapter(SubpixelNet(SubpixelConfig(width=4, layers=2)))
    adapter.teacher = VggFeatures()
    upscaling_trainer = Trainer(adapter, None, upscaling)
    upscaling_trainer.start_phase(0)
    assert set(upscaling_trainer.update(rgb)) == set(of_luma) == {"features", "l1", "l2"}


def test_phases_follow_each_other_with_their_own_losses_and_rates() -> None:
    reports = run(new_trainer(), 40)
    assert [report.phase for report in reports] == ["colors"] * 6 + ["against"] * 2
    assert set(reports[0].losses) == {"classes", "regression", "stability"}
    assert set(reports[-1].losses) == {"regression", "adversarial", "discriminator"}
    assert reports[0].rate > reports[3].rate > reports[5].rate
    assert reports[5].rate < 0.02 * COLORS.rate
    assert reports[-1].rate == AGAINST.rate


def test_the_generator_rests_while_the_discriminator_has_its_head_start() -> None:
    recipe = replace(RECIPE, phases=(replace(AGAINST, share=1.0, head_start=3),))
    trainer = new_trainer(recipe)
    before, judge = weights(trainer.generator), weights(trainer.discriminator)
    run(trainer, 100, until=3)
    assert_equal(before, weights(trainer.generator))
    changed = weights(trainer.discriminator)
    assert any(not torch.equal(judge[name], value) for name, value in changed.items())
    run(trainer, 100, until=4)
    after = weights(trainer.generator)
    assert any(not torch.equal(before[name], value) for name, value in after.items())


@pytest.mark.smoke
def test_the_generators_step_leaves_the_discriminator_alone() -> None:
    phase = replace(AGAINST, share=1.0, head_start=0, discriminator_rate=0.0)
    trainer = new_trainer(replace(RECIPE, phases=(phase,)))
    names = [name for name, _ in trainer.discriminator.named_parameters()]
    before = weights(trainer.discriminator)
    run(trainer, 100, until=3)
    after = weights(trainer.discriminator)
    assert all(torch.equal(before[name], after[name]) for name in names)


@pytest.fixture(scope="module")
def whole() -> Trainer:
    """An unbroken run."""
    trainer = new_trainer()
    run(trainer, 40)
    return trainer


@pytest.mark.parametrize("stopped_at", [6, 31, 36])
def test_a_resumed_run_gives_the_weights_of_an_unbroken_one(
    whole: Trainer, tmp_path: Path, stopped_at: int
) -> None:
    first = new_trainer()
    run(first, 40, until=stopped_at)
    save_state(first, CARD, Schedule(steps=40), tmp_path / "state.safetensors")
    resumed = new_trainer()
    restore_state(resumed, read_state(tmp_path / "state.safetensors"))
    assert resumed.state.step == stopped_at
    run(resumed, 40)
    assert resumed.state.step == 40
    assert_equal(weights(whole.generator), weights(resumed.generator))
    assert_equal(weights(whole.discriminator), weights(resumed.discriminator))
    assert_equal(whole.averaged(), resumed.averaged())


@pytest.mark.smoke
def test_a_state_must_be_whole_and_of_the_same_recipe(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    with pytest.raises(CheckpointError, match="no whole training state"):
        read_state(path)
    save_state(new_trainer(), CARD, Schedule(steps=40), path)
    saved = read_state(path)
    with pytest.raises(CheckpointError, match="a state of recipe small, not of other"):
        restore_state(new_trainer(replace(RECIPE, name="other")), saved)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="no whole training state"):
        read_state(path)


def test_a_state_holds_what_belongs_to_its_run(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    trainer = new_trainer()
    save_state(trainer, CARD, Schedule(steps=40), path)
    saved, bins = read_state(path), trainer.adapter.bins
    again = MobileNetAdapter(MobileNetUNet(CONFIG))
    again.restore(saved.tensors)
    assert bins is not None and again.bins is not None
    assert saved.card.config == {**asdict(CONFIG), "widths": [16, 16, 16]}
    assert torch.equal(again.bins.centers, bins.centers)
    assert torch.equal(again.bins.frequency, bins.frequency)
    assert torch.equal(again.bins.lookup, bins.lookup)
    with pytest.raises(KeyError, match=r"bins\.frequency"):
        again.restore({"generator.bin_centers": bins.centers})


def test_a_state_of_an_earlier_version_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "my run" / "state.safetensors"
    path.parent.mkdir()
    former = {"format": "filmcolor-training-1", "recipe": "small", "standing": "{}"}
    write_tensors({"generator.bin_centers": torch.zeros(12, 2)}, path, former)
    with pytest.raises(CheckpointError) as caught:
        read_state(path)
    (line,) = str(caught.value).splitlines()
    assert "a state of an earlier filmcolor" in line
    assert f"--init '{tmp_path}/my run/best.safetensors'" in line


def test_a_full_disk_leaves_the_last_state_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.safetensors"
    save_state(new_trainer(), CARD, Schedule(steps=40), path)
    before = path.read_bytes()

    def no_room(tensors: object, target: str, metadata: object) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("filmcolor.train.state.save_file", no_room)
    with pytest.raises(MediaError, match="make room on the disk"):
        save_state(new_trainer(), CARD, Schedule(steps=40), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.safetensors"]


def test_frozen_layers_keep_their_weights() -> None:
    trainer = new_trainer(freeze=("encoder", "up4.*"))
    before = weights(trainer.generator)
    run(trainer, 8)
    after = weights(trainer.generator)
    still = {name for name, value in after.items() if torch.equal(before[name], value)}
    fixed = {name for name in after if name.startswith(("encoder.", "up4."))}
    assert fixed <= still
    assert "up8.join.weight" not in still
    with pytest.raises(OptionError, match="--freeze enc: no layer has such a name; there are enc"):
        new_trainer(freeze=("enc",))
    with pytest.raises(OptionError, match="every layer is frozen"):
        run(new_trainer(freeze=("*",)), 8)


def test_the_average_lags_behind_the_weights() -> None:
    trainer = new_trainer()
    begin = weights(trainer.generator)
    run(trainer, 12)
    name = "up8.join.weight"
    now, mean = trainer.generator.state_dict()[name], trainer.averaged()[name]
    assert 0 < (mean - begin[name]).norm() < (now - begin[name]).norm()
    plain = new_trainer(replace(RECIPE, ema=0.0))
    run(plain, 3)
    assert_equal(weights(plain.generator), plain.averaged())


def test_a_plateau_divides_the_rate_by_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filmcolor.train.trainer._STALL_STEPS", 4)
    phase = Phase(name="still", size=32, losses={"l2": 1.0}, schedule="plateau", rate=1e-9)
    reports = run(new_trainer(replace(RECIPE, phases=(phase,))), 15)
    rates = [report.rate for report in reports]
    assert rates[0] == 1e-9
    assert rates[-1] <= 1.0001e-10


def test_a_run_can_be_as_long_as_a_time() -> None:
    trainer = new_trainer()
    reports = list(train(trainer, SOURCE, Schedule(seconds=1.5), every=1))
    assert reports[-1].progress == 1.0
    assert 1.5 <= trainer.state.elapsed_seconds < 4.0
    assert {report.phase for report in reports} == {"colors", "against"}


def test_a_loss_that_is_no_number_ends_the_run() -> None:
    trainer = new_trainer()
    with torch.no_grad():
        trainer.generator.get_parameter("regression.weight").fill_(math.nan)
    with pytest.raises(JobError, match="training has run away"):
        run(trainer, 5)


def test_any_generator_can_learn_by_l1() -> None:
    class Dot(Generator):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(1, 2, 1)

        def forward(self, lightness: torch.Tensor, hint: object = None) -> torch.Tensor:
            color: torch.Tensor = self.layer(lightness / 100)
            return 110 * torch.tanh(color)

    phase = Phase(name="l1", size=32, losses={"l1": 1.0}, rate=2e-2, beta1=0.9)
    recipe = Recipe(
        name="dot", summary="", architecture="pix2pix-unet", phases=(phase,), batch_size=4
    )
    torch.manual_seed(0)
    trainer = Trainer(TrainAdapter(Dot()), None, recipe)
    reports = list(train(trainer, SOURCE, Schedule(steps=60), every=10))
    assert reports[-1].losses["l1"] < 0.8 * reports[0].losses["l1"]


def test_what_is_painted_is_learnt_with_its_gain_and_asked_for_colour() -> None:
    phase = replace(COLORS, share=1.0, losses={"painted": 1.0})
    plain = run(new_trainer(replace(RECIPE, phases=(phase,))), 40)
    assert plain[-1].losses["painted"] < plain[0].losses["painted"]
    asked = replace(phase, losses={"painted": 1.0, "colorfulness": 20.0})
    bold = run(new_trainer(replace(RECIPE, phases=(asked,))), 40)
    assert bold[-1].losses["colorfulness"] < bold[0].losses["colorfulness"]
    assert bold[-1].losses["painted"] > plain[-1].losses["painted"]


class Echo(Generator):
    """Paints what it is told of the colours, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = torch.nn.Parameter(torch.ones(1))

    def forward(self, lightness: torch.Tensor, hint: Hint | None = None) -> torch.Tensor:
        if hint is None:
            return self.strength * torch.zeros_like(lightness).expand(-1, 2, -1, -1)
        return self.strength * hint.ab * hint.confidence


def test_known_colours_move_with_the_picture_that_has_to_keep_its_colours() -> None:
    """Were they kept from its second painting, to follow them would count as unsteady."""
    phase = Phase(
        name="steady",
        size=32,
        losses={"l1": 1.0, "stability": 1.0},
        rate=0.0,
        hints=HintSettings(chance=1.0),
    )
    recipe = Recipe(
        name="echo", summary="", architecture="pix2pix-unet", phases=(phase,), batch_size=4
    )
    reports = list(
        train(Trainer(TrainAdapter(Echo()), None, recipe), SOURCE, Schedule(steps=5), every=1)
    )
    assert max(report.losses["stability"] for report in reports) < 1e-6


FALLING = Phase(
    name="falling",
    share=0.75,
    size=32,
    losses={"l1": 1.0},
    rate=0.1,
    schedule="cosine",
    rate_shares=(1.0, 0.005),
)
ENDING = replace(FALLING, name="ending", share=0.25, rate_shares=(0.005, 0.0))


def rates_of(trainer: Trainer, schedule: Schedule, steps: int) -> list[tuple[str, float]]:
    """Phase and share of the rate of each of so many steps."""
    end = trainer.state.step + steps

    def stop() -> bool:
        return trainer.state.step >= end

    reports = list(train(trainer, SOURCE, schedule, every=1, stop=stop))
    return [(report.phase, report.rate / FALLING.rate) for report in reports]


def echo_trainer(*phases: Phase) -> Trainer:
    recipe = Recipe(
        name="echo", summary="", architecture="pix2pix-unet", phases=phases, batch_size=2
    )
    return Trainer(TrainAdapter(Echo()), None, recipe)


def test_a_run_lengthened_before_its_end_goes_on_without_a_leap() -> None:
    plain = rates_of(echo_trainer(FALLING, ENDING), Schedule(steps=40), 40)
    assert plain[15] == ("falling", pytest.approx(0.005 + 0.995 / 2))
    trainer = echo_trainer(FALLING, ENDING)
    first = rates_of(trainer, Schedule(steps=40), 15)
    schedule = Schedule(steps=40).changed(Schedule(steps=90), 15, 0.0)
    rest = rates_of(trainer, schedule, 100)
    assert first == plain[:15]
    # 25 steps were left, now 75 are: every third of them stands where one of the plain run did.
    assert [phase for phase, _ in rest[::3]] == [phase for phase, _ in plain[15:]]
    assert [rate for _, rate in rest[::3]] == pytest.approx([rate for _, rate in plain[15:]])
    assert trainer.state.step == 90


def test_a_finished_run_trains_on_in_its_last_phase() -> None:
    trainer = echo_trainer(ENDING, FALLING)
    plain = rates_of(trainer, Schedule(steps=20), 20)
    assert plain[-1] == ("falling", pytest.approx(0.02, abs=0.01))
    optimizer = trainer.generator_optimizer
    added = rates_of(trainer, Schedule(steps=20).changed(Schedule(steps=60), 20, 0.0), 100)
    assert len(added) == 40 and {phase for phase, _ in added} == {"falling"}
    assert trainer.generator_optimizer is optimizer
    rates = [rate for _, rate in added]
    assert rates[0] == pytest.approx(0.005)
    assert max(rates) == rates[20] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.005, abs=0.001)
    assert max(abs(b - a) for a, b in pairwise(rates)) < 0.01


def test_a_constant_rate_stays_after_the_end() -> None:
    trainer = echo_trainer(replace(FALLING, schedule="constant"))
    rates_of(trainer, Schedule(steps=4), 4)
    more = Schedule(steps=4).changed(Schedule(steps=9), 4, 0.0)
    assert rates_of(trainer, more, 9) == [("falling", 1.0)] * 5


def imagenet_like(channels: int) -> MobileNetEncoder:
    torch.manual_seed(3)
    return MobileNetEncoder(channels)


def test_the_encoder_learns_to_see_in_grey_what_its_teacher_sees_in_colour() -> None:
    losses = {**COLORS.losses, "semantics": 2.0}
    recipe = replace(RECIPE, phases=(replace(COLORS, share=1.0, losses=losses),))
    teacher = imagenet_like(3)
    before = weights(teacher)
    trainer = new_trainer(recipe, teacher=teacher)
    reports = run(trainer, 60)
    assert reports[-1].losses["semantics"] < 0.7 * reports[0].losses["semantics"]
    assert_equal(before, weights(teacher))
    assert not any(name.startswith("teacher") for name in trainer.averaged())


def test_without_a_teacher_nothing_is_kept() -> None:
    losses = {**COLORS.losses, "semantics": 2.0}
    recipe = replace(RECIPE, phases=(replace(COLORS, share=1.0, losses=losses),))
    assert "semantics" not in run(new_trainer(recipe), 5)[0].losses
