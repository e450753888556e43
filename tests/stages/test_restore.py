"""What `--restore` makes of luma: damage goes, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from filmcolor.stages.restore import RESTORE_REACH, Restoration, restored
from filmcolor.types import DUST, SCRATCH, Frame, Luma

Codes = NDArray[np.uint8]
HEIGHT, WIDTH = 180, 240


def texture(
    rng: np.random.Generator, softness: float, size: tuple[int, int]
) -> NDArray[np.float32]:
    field = cv2.GaussianBlur(rng.normal(0, 1, size).astype(np.float32), (0, 0), softness)
    return np.asarray((field - field.mean()) / field.std(), np.float32)


def film(count: int, seed: int = 3, speed: float = 1.5) -> list[Codes]:
    """A square that moves over a ground that stands; a little grain."""
    rng = np.random.default_rng(seed)
    ground = 110 + 35 * texture(rng, 4.0, (HEIGHT, WIDTH))
    square = 150 + 30 * texture(rng, 3.0, (70, 70))
    planes = []
    for number in range(count):
        move = np.array([[1, 0, 30 + speed * number], [0, 1, 50]], np.float32)
        body = cv2.warpAffine(square, move, (WIDTH, HEIGHT))
        mask = cv2.warpAffine(np.ones((70, 70), np.float32), move, (WIDTH, HEIGHT))
        picture = ground * (1 - mask) + body * mask + rng.normal(0, 1.0, ground.shape)
        planes.append(np.clip(np.rint(picture), 16, 235).astype(np.uint8))
    return planes


def frames(planes: Sequence[NDArray[np.uint8] | NDArray[np.uint16]], shot: int = 0) -> list[Frame]:
    return [
        Frame(number, number, cast("Luma", plane), shot=shot, place=number)
        for number, plane in enumerate(planes)
    ]


def run(planes: Sequence[Codes], *kinds: str, strength: float = 1.0) -> list[Frame]:
    return list(restored(frames(planes), lambda shot: Restoration(kinds, strength), 8))


def error(planes: Sequence[Codes], truth: Sequence[Codes], where: NDArray[np.bool_]) -> float:
    off = [(a.astype(float) - b)[m] for a, b, m in zip(planes, truth, where, strict=True)]
    return float(np.sqrt(np.mean(np.square(np.concatenate(off)))))


def dusty(planes: Sequence[Codes]) -> tuple[list[Codes], NDArray[np.bool_]]:
    rng = np.random.default_rng(8)
    made, masks = [], []
    for plane in planes:
        harmed, mask = plane.copy(), np.zeros(plane.shape, np.uint8)
        for _ in range(6):
            place = int(rng.integers(8, WIDTH - 8)), int(rng.integers(8, HEIGHT - 8))
            shade = int(rng.choice([20, 232]))
            cv2.circle(harmed, place, int(rng.integers(2, 6)), shade, -1)
        mask[harmed != plane] = 1
        made.append(harmed)
        masks.append(mask > 0)
    return made, np.array(masks)


def test_dust_goes_and_all_else_keeps_its_codes() -> None:
    truth = film(12)
    harmed, masks = dusty(truth)
    made = run(harmed, "dust")
    planes = [cast("Codes", frame.luma) for frame in made]
    inner = masks.copy()
    inner[[0, -1]] = False  # with one neighbour there is no telling
    assert error(planes, truth, inner) < 0.35 * error(harmed, truth, inner)  # 9 dB
    for frame, plane in zip(made, harmed, strict=True):
        mended = np.zeros(plane.shape, np.uint8) if frame.mended is None else frame.mended
        assert np.array_equal(frame.luma[mended == 0], plane[mended == 0])
        assert set(np.unique(mended)) <= {0, DUST}
    found = sum(int((frame.mended == DUST).sum()) for frame in made if frame.mended is not None)
    right = sum(
        int((frame.mended[cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) > 0] > 0).sum())
        for frame, mask in zip(made, masks, strict=True)
        if frame.mended is not None
    )
    assert right > 0.9 * found > 0


def test_scratches_go() -> None:
    truth = film(8)
    harmed = [plane.copy() for plane in truth]
    for number, plane in enumerate(harmed):
        column = 170 + number % 2
        plane[:, column : column + 2] = np.clip(
            plane[:, column : column + 2].astype(int) + 45, 0, 255
        )
    masks = np.array([a != b for a, b in zip(harmed, truth, strict=True)])
    made = run(harmed, "scratches")
    planes = [cast("Codes", frame.luma) for frame in made]
    assert error(planes, truth, masks) < 0.35 * error(harmed, truth, masks)
    for frame, plane in zip(made, harmed, strict=True):
        assert frame.mended is not None
        assert set(np.unique(frame.mended)) == {0, SCRATCH}
        assert np.array_equal(frame.luma[frame.mended == 0], plane[frame.mended == 0])


def test_a_film_without_damage_stays_as_it_is() -> None:
    truth = film(10)
    for kind in ("dust", "scratches"):
        changed = [
            np.mean(frame.luma != plane)
            for frame, plane in zip(run(truth, kind), truth, strict=True)
        ]
        assert np.mean(changed) < 0.001


def means(planes: Sequence[NDArray[np.uint8] | NDArray[np.uint16]]) -> NDArray[np.float64]:
    return np.array([float(plane.mean()) for plane in planes])


def faded(planes: Sequence[Codes], gains: NDArray[np.float64]) -> list[Codes]:
    return [
        np.clip(np.rint(plane * gain), 0, 255).astype(np.uint8)
        for plane, gain in zip(planes, gains, strict=True)
    ]


def left_of_flicker(truth: Sequence[Codes]) -> float:
    """Share of it, by standard deviation of the means."""
    gains = 1 + 0.08 * np.random.default_rng(4).normal(0, 1, len(truth))
    harmed = faded(truth, gains)
    made = means([frame.luma for frame in run(harmed, "flicker")])
    return float(np.std(made - means(truth)) / np.std(means(harmed) - means(truth)))


def test_flicker_is_evened() -> None:
    assert left_of_flicker(film(60)) < 0.2


def test_a_fade_goes_on() -> None:
    truth = faded(film(80), np.concatenate([np.ones(40), np.linspace(1, 0.2, 40)]))
    made = means([frame.luma for frame in run(truth, "flicker")])
    assert np.abs(made - means(truth)).max() < 1.0
    assert left_of_flicker(truth) < 0.6


def test_weave_is_steadied() -> None:
    rng = np.random.default_rng(6)
    truth = film(60, speed=0.0)
    harmed = []
    for plane in truth:
        across, down = rng.uniform(-3, 3, 2)
        move = np.array([[1, 0, across], [0, 1, down]], np.float64)
        moved = cv2.warpAffine(
            plane, move, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        harmed.append(np.asarray(moved, np.uint8))

    def spread(planes: Sequence[NDArray[np.uint8] | NDArray[np.uint16]]) -> float:
        window = np.asarray(cv2.createHanningWindow((WIDTH, HEIGHT), cv2.CV_32F), np.float32)
        first = planes[0].astype(np.float32) * window
        found = [cv2.phaseCorrelate(first, plane * window)[0] for plane in planes]
        return float(np.std(np.array(found), axis=0).max())

    assert spread(harmed) > 1.2
    assert spread([frame.luma for frame in run(harmed, "weave")]) < 0.3


def test_noise_is_averaged_along_the_motion() -> None:
    rng = np.random.default_rng(9)
    truth = film(9)
    harmed = [
        np.clip(np.rint(plane + rng.normal(0, 6, plane.shape)), 0, 255).astype(np.uint8)
        for plane in truth
    ]
    everywhere = np.ones((9, HEIGHT, WIDTH), bool)
    made = [cast("Codes", frame.luma) for frame in run(harmed, "noise")]
    assert error(made, truth, everywhere) < 0.65 * error(harmed, truth, everywhere)


ALL = ("dust", "scratches", "flicker", "weave", "noise")


def harmed_film(count: int) -> list[Codes]:
    rng = np.random.default_rng(5)
    harmed, _ = dusty(film(count))
    return [
        np.clip(
            np.rint(np.roll(plane, int(rng.integers(-1, 2)), 1) * rng.uniform(0.9, 1.1)), 0, 255
        ).astype(np.uint8)
        for plane in harmed
    ]


def test_a_frame_depends_on_its_reach_alone() -> None:
    planes = harmed_film(2 * RESTORE_REACH + 6)
    asked = Restoration(ALL)
    whole = list(restored(frames(planes), lambda shot: asked, 8))
    wanted = RESTORE_REACH + 3
    first = wanted - asked.reach
    part = frames(planes)[first : wanted + asked.reach + 1]
    cut = {frame.index: frame for frame in restored(part, lambda shot: asked, 8)}
    assert np.array_equal(cut[wanted].luma, whole[wanted].luma)


def test_nothing_crosses_a_cut() -> None:
    planes, others = harmed_film(6), harmed_film(6)[::-1]
    second = [
        Frame(6 + n, 6 + n, cast("Luma", 255 - plane), shot=1, place=n)
        for n, plane in enumerate(others)
    ]
    asked = Restoration(ALL)
    together = list(restored([*frames(planes), *second], lambda shot: asked, 8))
    alone = list(restored(frames(planes), lambda shot: asked, 8))
    for a, b in zip(together, alone, strict=False):
        assert np.array_equal(a.luma, b.luma)


def test_a_shot_may_be_left_as_it_is() -> None:
    planes = harmed_film(6)
    second = [
        Frame(6 + n, 6 + n, cast("Luma", plane), shot=1, place=n) for n, plane in enumerate(planes)
    ]
    made = list(
        restored(
            [*frames(planes), *second],
            lambda shot: Restoration(("dust",)) if shot else Restoration(),
            8,
        )
    )
    assert all(np.array_equal(frame.luma, planes[n]) for n, frame in enumerate(made[:6]))
    assert any(frame.mended is not None for frame in made[6:])


def test_strength_nought_changes_nothing() -> None:
    planes = harmed_film(5)
    for frame, plane in zip(run(planes, *ALL, strength=0.0), planes, strict=True):
        assert np.array_equal(frame.luma, plane)


def test_each_field_is_a_film_of_its_own() -> None:
    planes = harmed_film(6)
    woven = []
    for even, odd in zip(planes, planes[::-1], strict=True):
        frame = np.empty((2 * HEIGHT, WIDTH), np.uint8)
        frame[0::2], frame[1::2] = even, odd
        woven.append(frame)
    asked = Restoration(ALL)
    made = list(restored(frames(woven), lambda shot: asked, 8, by_field=True))
    even = list(restored(frames(planes), lambda shot: asked, 8))
    odd = list(restored(frames(planes[::-1]), lambda shot: asked, 8))
    for frame, first, second in zip(made, even, odd, strict=True):
        assert np.array_equal(frame.luma[0::2], first.luma)
        assert np.array_equal(frame.luma[1::2], second.luma)


@pytest.mark.parametrize("kind", ["dust", "flicker", "noise"])
def test_ten_bits_are_kept(kind: str) -> None:
    planes = [plane.astype(np.uint16) * 4 + 1 for plane in harmed_film(8)]
    made = list(restored(frames(planes), lambda shot: Restoration((kind,)), 10))
    eight = run([cast("Codes", (plane >> 2).astype(np.uint8)) for plane in planes], kind)
    for frame, other in zip(made, eight, strict=True):
        assert frame.luma.dtype == np.uint16
        off = np.abs(frame.luma.astype(float) / 4 - other.luma)
        assert float(np.percentile(off, 99)) < 2
    if kind != "dust":
        assert any(np.any(frame.luma % 4 != 1) for frame in made)
