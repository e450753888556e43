"""A reference gives its colours to what looks alike, and to nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from skimage import data as photographs
from torch import Tensor

from filmcolor.color import lightness, normalize_luma, rgb_to_lab
from filmcolor.errors import MediaError, OptionError
from filmcolor.guide.match import Reference, read_reference
from filmcolor.media.images.picture import luma_of
from filmcolor.models.base import Generator, Hint
from filmcolor.models.card import Descriptor, ModelCard
from filmcolor.models.checkpoint import LoadedModel, load_generator
from filmcolor.types import FloatPlane

Rgb = NDArray[np.uint8]

BANDS = 8
SIDE = 256


class Bands(Generator):
    """Sees nothing but how light a place is, in eighths: each is another thing."""

    def forward(self, lightness: Tensor, hint: Hint | None = None) -> Tensor:
        return torch.zeros(len(lightness), 2, *(side // 4 for side in lightness.shape[-2:]))

    def features(self, lightness: Tensor) -> list[Tensor]:
        mean = F.avg_pool2d(lightness, 8)[:, 0]
        kinds = F.one_hot((mean * BANDS / 100).long().clamp(0, BANDS - 1), BANDS)
        return [kinds.permute(0, 3, 1, 2).float()] * 2


def loaded(generator: Generator, *, accepts_hints: bool = True) -> LoadedModel:
    card = ModelCard("t", "none", descriptor=Descriptor(accepts_hints=accepts_hints))
    return LoadedModel(generator, card, torch.device("cpu"))


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_generator("default")


def light_of(rgb: Rgb) -> FloatPlane:
    codes = torch.from_numpy(luma_of(rgb)[0])[None, None]
    return lightness(normalize_luma(codes, 8, full_range=True))[0, 0].numpy()


def ab_of(rgb: Rgb) -> FloatPlane:
    pixels = torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None].float() / 255
    return rgb_to_lab(pixels)[0, 1:].numpy()


def columns(*colors: tuple[int, int, int]) -> Rgb:
    """Stripes of equal width."""
    row = np.repeat(np.array(colors, np.uint8), SIDE // len(colors), axis=0)
    return np.ascontiguousarray(np.broadcast_to(row, (SIDE, *row.shape)))


DARK_RED, GREEN, PALE_BLUE, BLACK = (120, 20, 20), (40, 170, 60), (190, 215, 255), (5, 5, 5)


def test_what_looks_alike_gets_the_colors_and_what_does_not_gets_none() -> None:
    reference = Reference(columns(DARK_RED, GREEN), loaded(Bands()))
    film = columns(GREEN, DARK_RED, PALE_BLUE, GREEN)
    guess = reference.guess(light_of(film), (64, 64))
    for place, color in ((8, GREEN), (24, DARK_RED), (56, GREEN)):
        expected = ab_of(columns(color))[:, 0, 0]
        assert np.abs(guess.ab[:, 20, place] - expected).max() < 0.5
        assert guess.confidence[20, place] > 0.95
    assert guess.confidence[20, 40] == 0


def test_places_alike_whose_colors_disagree_are_believed_less() -> None:
    red_and_green = Reference(columns((190, 80, 80), (60, 140, 60)), loaded(Bands()))
    light = light_of(columns((110, 110, 110), (5, 5, 5)))
    assert red_and_green.guess(light, (64, 64)).confidence[:, 8].max() < 0.5


def test_a_picture_of_other_things_says_nothing() -> None:
    reference = Reference(columns(DARK_RED, BLACK), loaded(Bands()))
    guess = reference.guess(light_of(columns(PALE_BLUE, GREEN)), (64, 64))
    assert (guess.confidence == 0).all()


def test_part_of_a_photograph_colors_the_photograph(model: LoadedModel) -> None:
    """Mirrored, cropped and of another size: the guess is nearer to the truth than grey by far."""
    photo = photographs.coffee()
    part = np.ascontiguousarray(photo[20:-40, 60:-20][:, ::-1])
    guess = Reference(part, model).guess(light_of(photo), (40, 60))
    truth = F.interpolate(torch.from_numpy(ab_of(photo))[None], (40, 60), mode="area")[0].numpy()
    inner = np.s_[4:-6, 4:-8]
    error = np.hypot(*(guess.ab - truth))[inner].mean()
    assert error < 0.3 * np.hypot(*truth)[inner].mean()
    assert guess.confidence[inner].mean() > 0.8


def test_photographs_of_other_things_are_told_apart(model: LoadedModel) -> None:
    light = light_of(photographs.astronaut())
    for other in (photographs.coffee(), photographs.chelsea()):
        assert Reference(other, model).guess(light, (64, 64)).confidence.mean() < 0.1


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_film_is_matched_upright(model: LoadedModel, turns: int) -> None:
    photo = photographs.coffee()[:, :384]
    reference = Reference(np.ascontiguousarray(photo), model)
    upright = reference.guess(light_of(photo), (50, 48))
    stored = np.ascontiguousarray(np.rot90(light_of(photo), -turns))
    grid = (48, 50) if turns % 2 else (50, 48)
    turned = reference.guess(stored, grid, turns)
    assert turned.confidence.shape == grid
    assert np.array_equal(turned.ab, np.rot90(upright.ab, -turns, axes=(1, 2)))
    assert np.array_equal(turned.confidence, np.rot90(upright.confidence, -turns))


def test_a_model_in_half_precision_matches_alike(model: LoadedModel) -> None:
    photo = photographs.chelsea()
    half = load_generator("default", precision="bf16")
    part, light = np.ascontiguousarray(photo[:, 100:]), light_of(photo)
    exact, rounded = (Reference(part, each).guess(light, (40, 60)) for each in (model, half))
    assert half.half
    assert np.hypot(*(exact.ab - rounded.ab)).mean() < 1
    assert np.abs(exact.confidence - rounded.confidence).mean() < 0.03


def test_models_that_cannot_be_guided_are_refused() -> None:
    class Blind(Bands):
        def features(self, lightness: Tensor) -> list[Tensor]:
            return []

    with pytest.raises(OptionError, match="--reference: model t was not made to compare pictures"):
        Reference(columns(GREEN), loaded(Blind()))
    with pytest.raises(OptionError, match="--reference: model t was not made to follow known col"):
        Reference(columns(GREEN), loaded(Bands(), accepts_hints=False))


def test_bad_pictures_are_named(tmp_path: Path) -> None:
    path = tmp_path / "reference.png"
    with pytest.raises(MediaError, match=r"reference.png: cannot be read"):
        read_reference(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(MediaError, match=r"reference.png: not a picture, or damaged"):
        read_reference(path)
    Image.new("RGB", (300, 200), (90, 90, 90)).save(path)
    with pytest.raises(MediaError, match=r"reference.png: has no colour"):
        read_reference(path)
    Image.new("RGB", (300, 40), (200, 90, 90)).save(path)
    with pytest.raises(MediaError, match=r"reference.png: 300x40 is too small"):
        read_reference(path)


def test_the_digest_is_of_what_is_seen(tmp_path: Path) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    Image.fromarray(columns(GREEN, DARK_RED)).save(first)
    Image.fromarray(columns(GREEN, DARK_RED)).save(second, compress_level=0)
    rgb, digest = read_reference(first)
    assert np.array_equal(rgb, columns(GREEN, DARK_RED))
    assert read_reference(second)[1] == digest
    Image.fromarray(columns(DARK_RED, GREEN)).save(second)
    assert read_reference(second)[1] != digest
