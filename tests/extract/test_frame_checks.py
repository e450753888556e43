"""Which frames are worth training on, and which two are the same."""

from __future__ import annotations

import numpy as np
import pytest

from filmcolor.extract.frame_checks import (
    Fingerprints,
    FrameJudge,
    FrameLook,
    color_flaw,
    difference_hash,
)
from filmcolor.types import Box, ColorTags, Frame, PixelLayout
from tests.helpers.color_films import Picture, blurred, codes, grey, scene, sepia


def look(
    picture: Picture, *, bit_depth: int = 8, full_range: bool = False, box: Box | None = None
) -> FrameLook:
    luma, cb, cr = codes(picture, bit_depth=bit_depth, full_range=full_range)
    judge = FrameJudge(PixelLayout(bit_depth, "420"), ColorTags(6, 1, 1, full_range), box)
    return judge.look(Frame(0, 0, luma, chroma=(cb, cr)))


def pale(picture: Picture) -> Picture:
    """A nearly grey scene with one small coloured thing in it."""
    made = 0.95 * grey(picture) + 0.05 * picture
    made[20:28, 30:40] = (0.8, 0.2, 0.1)
    made[40:44, 60:64] = (0.1, 0.3, 0.8)
    return made


@pytest.mark.parametrize(
    ("picture", "flaw"),
    [
        (scene(1), None),
        (pale(scene(1)), None),
        (scene(1) * 0.05, "black"),
        (np.zeros((64, 96, 3)), "black"),
        (np.ones((64, 96, 3)), "blank"),
        (0.4 + 0.02 * scene(1), "blank"),
        (np.full((64, 96, 3), (0.5, 0.3, 0.7)), "blank"),
        (grey(scene(1)), "grey"),
        (0.99 * grey(scene(1)) + 0.01 * scene(1), "grey"),
        (sepia(scene(1)), "tinted"),
        (blurred(scene(1), 8.0), "blurred"),
    ],
)
@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("full_range", [False, True])
def test_flaws(picture: Picture, flaw: str | None, bit_depth: int, full_range: bool) -> None:
    assert look(picture, bit_depth=bit_depth, full_range=full_range).flaw == flaw


def test_noise_does_not_colour_a_grey_film() -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.04, (64, 96, 3))
    assert look(grey(scene(1)) + noise).flaw == "grey"
    assert look(sepia(scene(1)) + noise).flaw == "tinted"


def test_bars_are_not_looked_at() -> None:
    """Bars neither darken a picture nor count in its fingerprint."""
    screen = np.zeros((128, 96, 3))
    screen[32:96] = scene(4)
    whole, inside = look(scene(4)), look(screen, box=Box(32, 0, 96, 96))
    assert (inside.flaw, inside.fingerprint) == (None, whole.fingerprint)
    assert inside.sharpness == pytest.approx(whole.sharpness)


def test_a_grey_format_is_grey() -> None:
    luma = codes(scene(1))[0]
    judge = FrameJudge(PixelLayout(8, "400"), ColorTags(6, 1, 1, False), None)
    assert judge.look(Frame(0, 0, luma)).flaw == "grey"


def test_blur_lowers_sharpness_step_by_step() -> None:
    values = [look(blurred(scene(1), radius)).sharpness for radius in (0.5, 1.0, 2.0, 4.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 4 * values[1]


def test_sharpness_does_not_depend_on_depth() -> None:
    eight, ten = look(scene(1)).sharpness, look(scene(1), bit_depth=10).sharpness
    assert ten == pytest.approx(eight, rel=0.02)


def test_colours_on_one_line_are_a_tint() -> None:
    along = np.linspace(-30.0, 30.0, 500)
    line = np.stack([along, 0.5 * along]).astype(np.float32)
    assert color_flaw(line) == "tinted"
    wide = line + np.random.default_rng(0).normal(0, 3, line.shape).astype(np.float32)
    assert color_flaw(wide) is None


def test_a_hash_has_one_bit_for_each_neighbour() -> None:
    ramp = np.tile(np.arange(90, dtype=np.float32), (80, 1))
    assert difference_hash(ramp) == 2**64 - 1
    assert difference_hash(ramp[:, ::-1].copy()) == 0
    half = np.concatenate([ramp[:40], ramp[:40, ::-1]])
    assert difference_hash(half) == (2**32 - 1) << 32


def test_a_hash_survives_exposure_and_noise_but_not_another_picture() -> None:
    first, noise = scene(1), np.random.default_rng(5).normal(0, 0.01, (64, 96, 1))
    prints = Fingerprints()
    assert prints.nearest(look(first).fingerprint) == 65
    prints.add(look(first).fingerprint)
    assert prints.nearest(look(first).fingerprint) == 0
    assert prints.nearest(look(0.9 * first + noise).fingerprint) < 5
    assert min(prints.nearest(look(scene(seed)).fingerprint) for seed in range(2, 30)) >= 10


def test_many_fingerprints_are_remembered() -> None:
    prints = Fingerprints()
    values = [int(v) for v in np.random.default_rng(0).integers(0, 2**63, 1000)]
    for value in values:
        prints.add(value)
    assert len(prints) == 1000
    assert [prints.nearest(value) for value in (values[0], values[255], values[999])] == [0, 0, 0]
    assert prints.nearest(values[500] ^ 0b111) == 3
