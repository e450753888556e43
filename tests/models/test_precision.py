"""bfloat16: when it is taken, what stays out of it, and that it paints the same picture."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from filmcolor.errors import OptionError
from filmcolor.models.checkpoint import LoadedModel, load_generator
from filmcolor.models.device import half_is_quicker, runs_in_half
from filmcolor.models.mobilenet_unet import MobileNetUNet
from filmcolor.stages.infer import View, infer
from filmcolor.types import Frame
from tests.helpers.camera import PHOTOS

CPU = torch.device("cpu")


def test_the_choice_stands_and_auto_asks_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    for quicker in (True, False):
        monkeypatch.setattr("filmcolor.models.device.half_is_quicker", lambda device, q=quicker: q)
        assert runs_in_half("auto", CPU, allowed=True) is quicker
        assert not runs_in_half("auto", CPU, allowed=False)
        assert runs_in_half("bf16", CPU, allowed=True)
        assert not runs_in_half("fp32", CPU, allowed=True)
    with pytest.raises(OptionError, match="--precision bf16: this model is for float32 only"):
        runs_in_half("bf16", CPU, allowed=False)


@pytest.mark.parametrize(
    ("told", "expected"),
    [({"amx_bf16": True}, True), ({"avx512_bf16": True}, True), ({"avx2": True}, False)],
)
def test_a_processor_has_it_or_not(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, bool], *, expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    assert half_is_quicker(CPU) is expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not half_is_quicker(CPU)  # a torch that cannot tell


def test_the_first_block_stays_exact_and_all_else_is_in_half() -> None:
    model = load_generator("default", precision="bf16")
    assert model.half
    assert model.precision == "bf16"
    kinds = {
        name: module.weight.dtype
        for name, module in model.generator.named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear))
    }
    exact = {name for name, kind in kinds.items() if kind == torch.float32}
    assert exact == {"encoder.stem", "encoder.blocks.0.depthwise", "encoder.blocks.0.project"}
    assert set(kinds.values()) == {torch.float32, torch.bfloat16}


def test_the_default_models_weights_are_what_bfloat16_leaves() -> None:
    generator = load_generator("default").generator
    for name, weights in generator.named_parameters():
        if not name.startswith(generator.exact_parts):
            # Weights below the smallest normal float16 are kept to 2 ** -25.
            assert torch.allclose(weights, weights.to(torch.bfloat16).float(), rtol=0, atol=2**-25)


@pytest.mark.parametrize("photo", PHOTOS)
def test_half_paints_the_same_picture(photo: NDArray[np.float32]) -> None:
    luma = cv2.resize(photo, (256, 256), interpolation=cv2.INTER_AREA).astype(np.uint8)
    view = View(8, True, 256, 256)
    exact, half, spoilt = (
        next(iter(infer([Frame(0, 0, luma)], model, view)))[1].ab for model in _models()
    )
    error, other = (np.hypot(*(ab - exact)).mean() for ab in (half, spoilt))
    assert 0 < error < 0.5
    assert other > 2 * error
    assert np.hypot(*half).mean() == pytest.approx(np.hypot(*exact).mean(), rel=0.01)


def _models() -> Iterator[LoadedModel]:
    """In float32, in bfloat16, and with the first block in bfloat16 too."""
    yield load_generator("default")
    yield load_generator("default", precision="bf16")
    spoilt = load_generator("default", precision="bf16")
    assert isinstance(spoilt.generator, MobileNetUNet)
    block = spoilt.generator.encoder.blocks[0]
    forward = block.forward

    def in_half(features: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return forward(features)

    block.forward = in_half  # type: ignore[method-assign]
    yield spoilt
