"""Checkpoints: what is written is what is read, and what is damaged is refused with a reason."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import get_args

import av
import cv2
import pytest
import torch
from safetensors.torch import load_file, save_file

from filmcolor.color import lightness as lightness_of
from filmcolor.color import normalize_luma
from filmcolor.errors import CheckpointError, OptionError
from filmcolor.models.card import Descriptor, ModelCard, read_card
from filmcolor.models.checkpoint import load_generator, save_network
from filmcolor.models.mobilenet_unet import MobileNetUNet, MobileNetUNetConfig
from filmcolor.models.registry import available_models, build_network, find_checkpoint
from filmcolor.options import Look
from tests.helpers.clips import plane_codes

SMALL = {"widths": [16, 16, 16], "bins": 5}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    made = MobileNetUNet(MobileNetUNetConfig(widths=(16, 16, 16), bins=5))
    path = tmp_path_factory.mktemp("models") / "small model.safetensors"
    card = ModelCard(
        name="small", architecture="mobilenet-unet", config=SMALL, metrics={"psnr": 21.5}
    )
    save_network(made, card, path)
    return path


def test_card_and_weights_come_back(checkpoint: Path) -> None:
    card = read_card(checkpoint)
    assert (card.name, card.config, card.metrics) == ("small", SMALL, {"psnr": 21.5})
    loaded = load_generator(str(checkpoint))
    assert card.parameters == sum(p.numel() for p in loaded.generator.parameters())
    stored = load_file(checkpoint)
    for name, value in loaded.generator.state_dict().items():
        assert torch.equal(value, stored[name].float())
    assert not loaded.generator.training
    assert not list(checkpoint.parent.glob("*.part"))


def test_equal_area_model_size() -> None:
    descriptor = Descriptor(native_size=256, multiple=32)
    assert descriptor.model_size(480, 640) == (224, 288)
    assert descriptor.model_size(640, 480) == (288, 224)
    assert descriptor.model_size(1080, 1920) == (192, 352)
    assert descriptor.model_size(100, 100, size=512) == (512, 512)
    assert descriptor.model_size(480, 720, pixel_aspect=8 / 9) == descriptor.model_size(480, 640)
    assert descriptor.model_size(10, 5000) == (32, 5728)


def test_the_shipped_models_load_and_colour() -> None:
    shipped = available_models()
    assert "default" in [card.name for _, card in shipped]
    for path, card in shipped:
        assert path.stat().st_size <= 16_000_000
        assert card.license and card.training_data and card.description and card.metrics
        if card.descriptor.is_upscaler:
            continue  # tests/models/test_subpixel.py
        ab = load_generator(path.stem).generator(torch.rand(1, 1, 64, 64) * 100)
        assert ab.isfinite().all()
        assert ab.abs().max() > 1


def test_a_look_changes_the_config_it_names(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(OptionError, match="--look vivid: model small has one look only"):
        load_generator(str(checkpoint), look="vivid")
    made = load_generator(str(checkpoint)).generator
    looks = {"vivid": {"chroma_gain": 2.0}}
    card = replace(read_card(checkpoint), descriptor=Descriptor(looks=looks))
    path = tmp_path / "looks.safetensors"
    save_network(made, card, path)
    lightness = torch.rand(1, 1, 64, 64) * 100
    natural = load_generator(str(path)).generator(lightness)
    assert torch.equal(natural, made(lightness))
    vivid = load_generator(str(path), look="vivid")
    assert torch.allclose(vivid.generator(lightness), 2 * natural)
    assert vivid.card.config["chroma_gain"] == 2.0


def test_the_default_models_looks_are_each_richer_than_the_one_before() -> None:
    with av.open(str(Path(__file__).parents[2] / "samples" / "old_film.mp4")) as film:
        decoded = islice(film.decode(video=0), 0, None, 48)
        frames = [plane_codes(frame, 0) for frame in decoded]
    chroma = []
    for look in get_args(Look):
        generator = load_generator("default", look=look).generator
        painted = []
        for codes in frames:
            small = torch.from_numpy(cv2.resize(codes, (256, 192), interpolation=cv2.INTER_AREA))
            shown = lightness_of(normalize_luma(small[None, None], 8, full_range=False))
            painted.append(float(generator(shown).square().sum(dim=1).sqrt().mean()))
        chroma.append(sum(painted) / len(painted))
    restrained, natural, vivid = chroma
    assert 1.05 * restrained < natural < vivid / 1.05


@pytest.mark.parametrize("name", ["no-such-model", "../default", "default.pth", ""])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(CheckpointError, match=r"one of: .*default"):
        find_checkpoint(name)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_generator(str(tmp_path / "gone.safetensors"))


@pytest.mark.parametrize("kept", [0, 4, 200, 0.5, 0.999])
def test_a_cut_file(checkpoint: Path, tmp_path: Path, kept: float) -> None:
    whole = checkpoint.read_bytes()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole[: int(kept if kept > 1 or kept == 0 else kept * len(whole))])
    with pytest.raises(CheckpointError, match=r"cut\.safetensors: "):
        load_generator(str(cut))


def test_a_header_that_claims_a_huge_tensor(tmp_path: Path) -> None:
    header = json.dumps(
        {"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}
    ).encode()
    bomb = tmp_path / "bomb.safetensors"
    bomb.write_bytes(struct.pack("<Q", len(header)) + header + b"0000")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load_generator(str(bomb))


def test_a_foreign_safetensors_file(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    save_file({"w": torch.zeros(3)}, foreign)
    with pytest.raises(CheckpointError, match="not a filmcolor checkpoint"):
        load_generator(str(foreign))


def rewritten(checkpoint: Path, target: Path, card: dict[str, object]) -> Path:
    save_file(
        load_file(checkpoint),
        target,
        {"format": "filmcolor-checkpoint-1", "card": json.dumps(card)},
    )
    return target


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "transformer-9000"}, "is not known"),
        ({"config": {**SMALL, "bins": 6}}, "do not fit"),
        ({"config": {"depth": 3}}, "unknown entries"),
        ({"descriptor": {"returns": "xyz"}}, "does not know"),
        ({"descriptor": {"native_size": 10**9}}, "impossible values"),
        ({"descriptor": {"hue": 1}}, "cannot be read"),
        ({"surprise": 1}, "cannot be read"),
        ({"description": ["a", "list"]}, "impossible values"),
        ({"metrics": {"psnr": "good"}}, "impossible values"),
        ({"parameters": "many"}, "impossible values"),
        ({"config": {**SMALL, "bins": float("inf")}}, "must be a number"),
        ({"config": {**SMALL, "chroma_gain": float("nan")}}, "must be a number"),
        ({"config": {**SMALL, "widths": [10**12, 16, 16]}}, "out of range"),
        ({"architecture": "dcgan-unet", "config": {"width": 10**12}}, "out of range"),
        ({"architecture": "dcgan-unet", "config": {"depth": 10**9}}, "out of range"),
        ({"architecture": "pix2pix-unet", "config": {"width": float("inf")}}, "must be a number"),
    ],
)
def test_headers_that_do_not_fit(
    checkpoint: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    card = {"name": "x", "architecture": "mobilenet-unet", "config": SMALL, "descriptor": {}}
    path = rewritten(checkpoint, tmp_path / "odd.safetensors", {**card, **change})
    with pytest.raises(CheckpointError, match=message):
        load_generator(str(path))


def test_weights_that_are_not_finite(checkpoint: Path, tmp_path: Path) -> None:
    made = build_network("mobilenet-unet", SMALL)
    with torch.no_grad():
        next(made.parameters()).fill_(float("nan"))
    path = tmp_path / "nan.safetensors"
    save_network(made, ModelCard(name="x", architecture="mobilenet-unet", config=SMALL), path)
    with pytest.raises(CheckpointError, match="NaN"):
        load_generator(str(path))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.uint8, torch.complex64])
def test_weights_of_another_kind_of_number(
    checkpoint: Path, tmp_path: Path, dtype: torch.dtype
) -> None:
    """Their shapes fit, so only their kind tells that they are not the network's."""
    tensors = {name: value.to(dtype) for name, value in load_file(checkpoint).items()}
    path = tmp_path / "kind.safetensors"
    save_file(tensors, path, read_card(checkpoint).to_header())
    with pytest.raises(CheckpointError, match="do not fit"):
        load_generator(str(path))


def test_a_header_nested_without_end(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "deep.safetensors"
    header = {"format": "filmcolor-checkpoint-1", "card": "[" * 200_000}
    save_file(load_file(checkpoint), path, header)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_generator(str(path))
