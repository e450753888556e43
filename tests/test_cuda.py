"""The way over a CUDA device, without one: what would mix devices, read a tensor on the host or
wait for it raises here or is counted. `tests/helpers/fake_cuda.py` says how.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from filmcolor.color import ChromaTable
from filmcolor.models.base import Hint
from filmcolor.models.checkpoint import LoadedModel, load_generator, load_upscaler
from filmcolor.models.coherence import Places, find_things
from filmcolor.models.discriminators import PatchDiscriminator
from filmcolor.models.mobilenet_unet import MobileNetUNet, MobileNetUNetConfig
from filmcolor.models.mobilenet_unet.train import MobileNetAdapter
from filmcolor.models.transfer import Fetched, sent
from filmcolor.options import Precision
from filmcolor.stages.compose import chroma_at, compose
from filmcolor.stages.infer import Together, View, infer, infer_sparsely
from filmcolor.stages.look import look_at
from filmcolor.stages.smooth import smooth
from filmcolor.stages.things import pack
from filmcolor.stages.upscale import Enlarger
from filmcolor.train.degrade import DegradeSettings
from filmcolor.train.hints import HintSettings
from filmcolor.train.recipe_parts import Adversary, Phase, Recipe
from filmcolor.train.trainer import Trainer
from filmcolor.types import AbMap, ColorTags, FieldAbMaps, Frame, KnownColors, PixelLayout
from tests.helpers.fake_cuda import CUDA, FakeCuda, fake_cuda

SIZE = (96, 128)
VIEW = View(8, False, *SIZE)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCuda]:
    with fake_cuda(monkeypatch) as fake:
        yield fake


@pytest.fixture(params=["fp32", "bf16"])
def model(request: pytest.FixtureRequest, card: FakeCuda) -> LoadedModel:
    with card.aside():
        loaded = load_generator("default", "cpu", precision=request.param)
    card.moved(loaded.generator)
    return replace(loaded, device=CUDA)


def film(count: int = 4) -> list[Frame]:
    return [
        Frame(index=i, pts=i, luma=np.full(SIZE, 100, np.uint8), shot=0, place=i)
        for i in range(count)
    ]


def field(index: int) -> AbMap:
    return AbMap(index, np.zeros((2, 24, 32), np.float32), np.zeros(SIZE, np.float32), None)


def test_the_card_that_is_none_finds_what_would_go_wrong(card: FakeCuda) -> None:
    there = torch.ones(3, device=CUDA)
    with pytest.raises(RuntimeError, match="same device"):
        there + torch.ones(3)
    with pytest.raises(RuntimeError, match="numpy"):
        there.numpy()
    with pytest.raises(AssertionError, match="waits"):
        torch.empty(3).copy_(there)
    if there.sum() > 0:
        assert card.log == ["sync"]


def test_what_is_fetched_is_waited_for_behind_its_copy(card: FakeCuda) -> None:
    there = sent(np.ones((2, 3), np.float32)[:, ::-1], CUDA)
    assert there.device == CUDA
    first, second = Fetched(there), Fetched(2 * there)
    assert first.array().shape == second.array().shape == (2, 3)
    fetched = ["pin", "fetch", "record"]
    assert card.log == ["pin", "send", *fetched, *fetched, "wait", "read", "wait", "read"]


def test_a_batch_is_sent_once_and_waited_for_at_its_end(card: FakeCuda, model: LoadedModel) -> None:
    card.log.clear()
    made = list(infer(film(), model, VIEW, batch_size=4))
    assert [colors.ab.shape for _, colors in made] == [(2, 24, 32)] * 4
    fetched = ["pin", "fetch", "record"]
    assert card.log == ["pin", "send", *fetched, *fetched, "wait", "read", "wait", "read"]


def test_frames_of_a_shot_whose_things_are_there_read_nothing(
    card: FakeCuda, model: LoadedModel
) -> None:
    with card.aside():
        packed = pack(find_things([places()]))
    together = Together(0.85, {0: packed})
    made = infer_sparsely(film(), model, VIEW, batch_size=4, stride=2, together=together)
    steady = list(smooth(made, "flow", stride=2))
    assert len(steady) == 4
    assert "sync" not in card.log


def places() -> Places:
    count = 24
    rng = torch.Generator().manual_seed(1)
    unit = torch.nn.functional.normalize(torch.randn(count, 96, generator=rng), dim=1)
    return Places(
        unit,
        100 * torch.rand(count, generator=rng),
        20 * torch.randn(count, 2, generator=rng),
        torch.full((count,), 40.0),
        torch.randn(count, 96, generator=rng),
        torch.rand(count, generator=rng),
    )


def test_hints_and_looks_stay_on_the_card(card: FakeCuda, model: LoadedModel) -> None:
    ab, sure = np.zeros((2, 24, 32), np.float32), np.ones((24, 32), np.float32)

    def known(frame: Frame) -> KnownColors:
        return KnownColors(frame.index, ab, sure, whole=True)

    made = list(infer(film(), model, VIEW, hint_source=known, together=Together(1)))
    assert len(made) == 4
    seen = look_at(film(1)[0], model, VIEW)
    assert seen.decoded.device == CUDA
    light = torch.zeros(1, 1, *SIZE, device=CUDA)
    hint = Hint(torch.zeros(1, 2, *SIZE, device=CUDA), torch.zeros(1, 1, *SIZE, device=CUDA))
    with torch.no_grad(), torch.autocast("cuda", torch.bfloat16, enabled=model.half):
        assert model.generator.with_confidence(light, hint)[0].device == CUDA


def table(card: FakeCuda) -> ChromaTable:
    with card.aside():
        values = ChromaTable.build(6, 1).values
    return ChromaTable(card.empty(values))


@pytest.mark.parametrize("interlaced", [False, True])
def test_composing_begins_the_next_frames_before_it_waits(card: FakeCuda, interlaced: bool) -> None:
    layout = PixelLayout(10, "420")
    frames = [
        replace(frame, luma=frame.luma.astype(np.uint16), interlaced=interlaced) for frame in film()
    ]
    colors = [
        FieldAbMaps(field(frame.index), field(frame.index)) if interlaced else field(frame.index)
        for frame in frames
    ]
    made = list(
        compose(
            zip(frames, colors, strict=True),
            source_layout=layout,
            layout=layout,
            tags=ColorTags(6, 1, 1, full_range=False),
            siting="left",
            box=None,
            table=table(card),
            device=CUDA,
        )
    )
    assert [frame.cb.shape for frame in made] == [(48, 64)] * 4
    assert "sync" not in card.log
    assert card.log.index("wait") > [i for i, what in enumerate(card.log) if what == "record"][2]


def test_a_picture_is_composed_on_the_card(card: FakeCuda) -> None:
    luma = np.full(SIZE, 100, np.uint8)
    planes = chroma_at(field(0), luma, bit_depth=8, table=table(card), device=CUDA)
    assert planes[0].shape == planes[1].shape == SIZE
    assert "sync" not in card.log


@pytest.mark.parametrize("factor", [2, 4])
def test_enlarging_waits_once_a_round(card: FakeCuda, factor: int) -> None:
    with card.aside():
        loaded = load_upscaler("sr-fast-film", "cpu")
    card.moved(loaded.network)
    loaded = replace(loaded, device=CUDA)
    enlarger = Enlarger(loaded, factor, 8, full_range=False)
    # No numbers come back from this card, so the end says that they are not usable.
    with pytest.raises(Exception, match="returned no numbers"):
        enlarger.enlarge(np.full((48, 64), 100, np.uint8))
    assert card.log.count("sync") == 8


COLORS = Phase(
    name="colors",
    share=1.0,
    size=32,
    losses={
        "classes": 1.0,
        "regression": 8.0,
        "picture": 1.0,
        "stability": 0.5,
        "adversarial": 0.1,
    },
    optimizer="adamw",
    rate=2e-3,
    warmup_steps=3,
    beta1=0.9,
    discriminator=True,
    degrade=DegradeSettings(),
    hints=HintSettings(chance=1.0),
)
RECIPE = Recipe(
    name="small",
    summary="",
    architecture="mobilenet-unet",
    phases=(COLORS,),
    adversary=Adversary("patch", norm="spectral", width=8, loss="hinge"),
    batch_size=4,
    ema=0.9,
    gradient_norm=1.0,
)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_of_training_stays_on_the_card(
    card: FakeCuda, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it but the gradients, which autograd keeps on a device that is there alone."""
    descended: list[torch.device] = []
    monkeypatch.setattr(Trainer, "_descend", lambda trainer, loss, _: descended.append(loss.device))
    with card.aside():
        config = MobileNetUNetConfig(widths=(16, 16, 16), bins=12)
        adapter = MobileNetAdapter(MobileNetUNet(config))
        adapter.prepare(lambda: torch.randn(500, 2) * 30)
        adversary = PatchDiscriminator(3, norm="spectral", width=8)
    trainer = Trainer(adapter, adversary, RECIPE, device=CUDA, precision=precision)
    trainer.start_phase(0)
    adapter.network.requires_grad_(False)
    adversary.requires_grad_(False)
    card.log.clear()
    assert not torch.backends.cudnn.allow_tf32
    losses = trainer.update(torch.rand(4, 3, 32, 32, device=CUDA))
    assert descended == [CUDA, CUDA]
    assert {value.device for value in losses.values()} == {CUDA}
    assert card.log.count("sync") == 0
