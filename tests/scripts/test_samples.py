"""The sample film is what its README says, and its script makes the same frames every time."""

from __future__ import annotations

import importlib.util
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
OLD = ROOT / "samples" / "old_film.mp4"
TRUTH = ROOT / "samples" / "old_film_truth.mp4"
CUTS = [60, 108, 156]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_samples", ROOT / "scripts" / "make_samples.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_samples"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def planes(path: Path) -> tuple[list[int], NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [frame.pts for frame in frames], np.stack([f.to_ndarray() for f in frames])


@pytest.fixture(scope="module")
def old() -> tuple[list[int], NDArray[np.uint8]]:
    return planes(OLD)


@pytest.fixture(scope="module")
def truth() -> tuple[list[int], NDArray[np.uint8]]:
    return planes(TRUTH)


def test_files_are_small_enough_for_the_repository() -> None:
    assert OLD.stat().st_size < 3_000_000
    assert TRUTH.stat().st_size < 1_500_000


@pytest.mark.parametrize("path", [OLD, TRUTH], ids=["old", "truth"])
def test_streams_are_tagged_bt601_limited(path: Path) -> None:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        context = video.codec_context
        assert (context.width, context.height, context.pix_fmt) == (640, 480, "yuv420p")
        assert video.average_rate == Fraction(24)
        tags = context.colorspace, context.color_primaries, context.color_trc
        assert tags == (6, 6, 6)
        assert context.color_range == 1


def test_old_film_has_sound_chapters_and_a_title() -> None:
    with av.open(str(OLD)) as container:
        assert container.metadata["title"] == "An old film"
        marks = [
            (c["start"] * c["time_base"], c["end"] * c["time_base"]) for c in container.chapters()
        ]
        second = Fraction(1)
        assert marks == [
            (0 * second, Fraction(5, 2)),
            (Fraction(5, 2), Fraction(9, 2)),
            (Fraction(9, 2), 8 * second),
        ]
        audio = container.streams.audio[0]
        assert audio.codec_context.name == "aac"
        samples = np.concatenate([f.to_ndarray() for f in container.decode(audio)], axis=1)
        assert samples.shape == (2, 8 * 48_000)
        assert 0.02 < samples.std() < 0.3
        assert np.abs(samples).max() < 0.99


def test_old_film_is_grey_and_frames_match_the_truth(
    old: tuple[list[int], NDArray[np.uint8]], truth: tuple[list[int], NDArray[np.uint8]]
) -> None:
    assert old[0] == truth[0] == [512 * index for index in range(192)]
    assert (old[1][:, 480:] == 128).all()
    assert truth[1][:, 480:].std() > 15
    for index in range(0, 192, 16):
        aged = old[1][index, :480].astype(float).ravel()
        clean = truth[1][index, :480].astype(float).ravel()
        assert np.corrcoef(aged, clean)[0, 1] > 0.95, index


def test_cuts_stand_where_the_readme_says(truth: tuple[list[int], NDArray[np.uint8]]) -> None:
    small = truth[1][:, :480:8, ::8].astype(float)
    change = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2))
    assert sorted(int(i) + 1 for i in np.argsort(change)[-3:]) == CUTS
    assert np.sort(change)[-3] > 2 * np.sort(change)[-4]


def test_luma_is_the_only_thing_the_two_films_share(
    script: ModuleType, truth: tuple[list[int], NDArray[np.uint8]]
) -> None:
    """The encoded truth is the script's Y'CbCr within the encoder's loss; ageing takes Y' alone."""
    luma, cb, _ = next(script.true_frames(script.SEED))
    codes = script.limited_luma(luma).astype(int)
    assert np.abs(codes - truth[1][0, :480]).mean() < 2.0
    chroma = truth[1][0, 480:600].reshape(240, 320).astype(int)
    assert np.abs(script.limited_chroma(cb).astype(int) - chroma).mean() < 2.0
    aged = script.OldFilm(script.SEED).age(luma, 0)
    assert aged.shape == luma.shape
    assert aged.min() >= 0.0 and aged.max() <= 1.0


def test_same_seed_same_frames_other_seed_other_damage(script: ModuleType) -> None:
    luma, _, _ = next(script.true_frames(script.SEED))
    again, _, _ = next(script.true_frames(script.SEED))
    assert (luma == again).all()
    first = script.OldFilm(script.SEED).age(luma, 70)
    assert (first == script.OldFilm(script.SEED).age(luma, 70)).all()
    assert np.abs(first - script.OldFilm(script.SEED + 1).age(luma, 70)).mean() > 0.005
    assert np.abs(first - script.OldFilm(script.SEED).age(luma, 71)).mean() > 0.005


def test_grain_is_strongest_in_the_middle_tones(script: ModuleType) -> None:
    film = script.OldFilm(script.SEED)

    def grain(tone: float) -> float:
        flat = np.full((480, 640), tone, np.float32)
        aged = film.age(flat, 3)[200:280, 280:360]
        centre = np.median(aged)
        return float(aged[np.abs(aged - centre) < 0.1].std())

    assert grain(0.5) > 1.3 * grain(0.0)
    assert grain(0.5) > 0.01


def test_color_conversion_keeps_neutrals_and_bt601_primaries(script: ModuleType) -> None:
    greys = np.linspace(0, 1, 11, dtype=np.float32)[None, :, None].repeat(3, axis=2)
    luma, cb, cr = script.to_ycbcr(greys)
    assert np.abs(luma - greys[..., 0]).max() < 1e-5
    assert max(np.abs(cb).max(), np.abs(cr).max()) < 1e-5
    # Poynton, "Digital Video and HDTV": SMPTE 170M R, G, B in linear BT.709 components.
    to_bt709 = np.array(
        [(0.9395, 0.0502, 0.0103), (0.0178, 0.9658, 0.0164), (-0.0016, -0.0044, 1.006)]
    )
    film = np.array([0.9, 0.2, 0.1])
    seen = 1.055 * (to_bt709 @ film) ** (1 / 2.4) - 0.055
    luma, cb, cr = script.to_ycbcr(seen[None, None].astype(np.float32))
    expected = 1.055 * film ** (1 / 2.4) - 0.055
    assert abs(float((luma + 1.402 * cr)[0, 0]) - expected[0]) < 1e-3
    assert abs(float((luma + 1.772 * cb)[0, 0]) - expected[2]) < 1e-3


def test_a_view_beyond_the_photograph_is_an_error(script: ModuleType) -> None:
    photograph = np.zeros((300, 400, 3), np.uint8)
    with pytest.raises(ValueError, match="beyond the photograph"):
        script.render(photograph, script.View(20, 150, 200), (0.0, 0.0))
