"""The upscaler: what it begins as, what its reach is, and which checkpoints hold one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from filmcolor.errors import CheckpointError
from filmcolor.models.card import Descriptor
from filmcolor.models.checkpoint import (
    load_generator,
    load_upscaler,
    read_card,
    save_network,
)
from filmcolor.models.registry import available_models, build_network
from filmcolor.models.resampling import enlarge, reduce
from filmcolor.models.subpixel import SubpixelConfig, SubpixelNet
from tests.helpers.upscalers import made_up, write_upscaler


def test_it_begins_as_the_bicubic_enlargement() -> None:
    luma = torch.rand(2, 1, 12, 17)
    for config in (SubpixelConfig(), SubpixelConfig(scale=3, width=8, layers=1, blocks=2)):
        assert torch.equal(SubpixelNet(config)(luma), enlarge(luma, config.scale))


def test_the_sizes_of_the_two_that_are_meant_to_ship() -> None:
    def count(network: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    assert 35_000 < count(SubpixelNet()) < 45_000
    fine = SubpixelNet(SubpixelConfig(width=64, layers=0, blocks=8))
    assert 500_000 < count(fine) < 1_500_000


@pytest.mark.parametrize("blocks", [0, 2])
@torch.no_grad()
def test_nothing_beyond_its_reach_counts(blocks: int) -> None:
    torch.manual_seed(1)
    network = SubpixelNet(SubpixelConfig(width=8, layers=2, blocks=blocks))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.3)
    reach = network.descriptor.reach
    side = 2 * reach + 5
    luma = torch.rand(1, 1, side, side)
    whole = network.detail(luma)
    assert whole.shape == (1, 1, 10, 10)
    tile = network.detail(luma[..., 1 : 2 * reach + 3, 2 : 2 * reach + 4])
    assert torch.allclose(tile, whole[..., 2:6, 4:8], atol=1e-5)
    edge = luma.clone()
    edge[..., 0, :] += 1.0  # the outermost row reaches the first rows alone
    changed = (network.detail(edge) - whole).abs().amax(dim=(0, 1, 3))
    assert changed[0] > 1e-4
    assert float(changed[2:].max()) == 0.0


def test_reducing_undoes_enlarging_where_nothing_is_fine() -> None:
    down, across = torch.meshgrid(torch.linspace(0, 1, 40), torch.linspace(0, 1, 30), indexing="ij")
    smooth = (0.5 + 0.3 * torch.sin(3 * down) * across)[None, None]
    for factor in (2, 3, 4):
        assert torch.allclose(reduce(enlarge(smooth, factor), factor), smooth, atol=2e-3)
    with pytest.raises(ValueError, match="no multiple"):
        reduce(smooth[..., 1:], 4)


def test_an_upscaler_comes_back_from_its_checkpoint(tmp_path: Path) -> None:
    name = write_upscaler(tmp_path / "mine.safetensors", scale=3)
    loaded = load_upscaler(name)
    assert loaded.card.descriptor == Descriptor(returns="luma", scale=3, reach=4)
    luma = torch.rand(1, 1, 9, 9)
    assert torch.allclose(loaded.network(luma), made_up(3)(luma), atol=1e-3)


def test_the_shipped_upscalers_add_detail_and_stay_true() -> None:
    """An edge comes out steeper than bicubic's, and reduced again it is the edge."""
    luma = torch.full((1, 1, 32, 32), 0.2)
    luma[..., 16:] = 0.8
    plain = enlarge(luma, 2)
    shipped = [card for _, card in available_models() if card.descriptor.is_upscaler]
    assert {card.name for card in shipped} == {"sr-fast", "sr-fast-film"}
    for card in shipped:
        found = load_upscaler(card.name).network(luma)
        assert found[..., 32].mean() - found[..., 31].mean() > 1.05 * (
            plain[..., 32].mean() - plain[..., 31].mean()
        )
        assert (reduce(found, 2) - luma).abs().mean() < 1.0 / 255


def test_loading_one_does_not_load_a_compiler() -> None:
    """It takes a second: arithmetic on the shapes that are asked for would import it."""
    asks = (
        "import sys; from filmcolor.models.checkpoint import load_upscaler; "
        "load_upscaler('sr-fast'); print('torch._dynamo' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", asks], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "False"


def test_each_kind_is_refused_where_the_other_belongs(tmp_path: Path) -> None:
    name = write_upscaler(tmp_path / "mine.safetensors")
    with pytest.raises(CheckpointError, match=r"makes no colour; give it to --upscale-model"):
        load_generator(name)
    with pytest.raises(CheckpointError, match=r"does not raise the resolution; give it to --model"):
        load_upscaler("default")


@pytest.mark.parametrize(
    ("descriptor", "says"),
    [
        ({"scale": 3}, "impossible values"),
        ({"reach": 3}, "impossible values"),
        ({"scale": 9}, "impossible values"),
        ({"reach": "far"}, "impossible values"),
        ({"returns": "sound"}, "which this version does not know"),
    ],
)
def test_a_header_that_does_not_fit_its_network(
    tmp_path: Path, descriptor: dict[str, object], says: str
) -> None:
    path = tmp_path / "mine.safetensors"
    card = read_card(write_upscaler(path))
    bad = replace(card, descriptor=replace(card.descriptor, **descriptor))  # type: ignore[arg-type]
    save_network(made_up(), bad, path)
    with pytest.raises(CheckpointError, match=says):
        load_upscaler(str(path))


@pytest.mark.parametrize("config", [{"scale": 5}, {"width": 0}, {"layers": -1}, {"blocks": 0.5}])
def test_a_config_out_of_range(config: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match="subpixel"):
        build_network("subpixel", config)
