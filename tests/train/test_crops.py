"""Crops: what a step sees depends on the seed and the step alone, and is cut where it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from filmcolor.errors import OptionError
from filmcolor.train.crops import (
    CropSettings,
    CropSource,
    cut_from_block,
    cut_with_opencv,
    large_enough,
    plan_crops,
)
from filmcolor.train.data import PhotoSet

SIZES = np.array([[120, 200], [90, 64], [256, 300], [128, 128], [40, 60]])


def ramps() -> PhotoSet:
    """Red grows to the right, green downwards, blue tells the photo."""
    photos = []
    for number, (height, width) in enumerate(SIZES):
        photo = np.zeros((height, width, 3), np.uint8)
        photo[..., 0] = np.linspace(0, 255, width).astype(np.uint8)
        photo[..., 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
        photo[..., 2] = 40 * number
        photos.append(photo)
    return PhotoSet(tuple(photos), tuple(map(str, range(len(SIZES)))))


def test_crops_stay_inside_and_span_what_was_asked_for() -> None:
    settings = CropSettings(size=32, scale=(0.5, 1.0), largest_stretch=1.2)
    shares = []
    for step in range(40):
        plan = plan_crops(SIZES, settings, 10, seed=1, step=step)
        sizes = SIZES[plan.photo]
        assert (plan.box[:, :2] >= 0).all()
        assert (plan.box[:, :2] + plan.box[:, 2:] <= sizes).all()
        area = np.sqrt(plan.box[:, 2] * plan.box[:, 3]) / sizes.min(axis=1)
        shares += area.tolist()
    assert 0.45 < min(shares) < 0.55
    assert 0.93 < max(shares) <= 1.05


def test_small_photos_are_not_blown_up_beyond_the_limit() -> None:
    settings = CropSettings(size=64, scale=(0.2, 0.3), largest_stretch=1.0, largest_enlargement=1.6)
    plan = plan_crops(SIZES, settings, 50, seed=0, step=0)
    assert (plan.box[:, 2] >= np.minimum(40, SIZES[plan.photo].min(axis=1))).all()


def test_an_epoch_takes_every_photo_once_even_across_batches() -> None:
    chosen = np.concatenate(
        [plan_crops(SIZES, CropSettings(), 3, seed=7, step=step).photo for step in range(10)]
    )
    for epoch in chosen.reshape(6, 5):
        assert sorted(epoch) == [0, 1, 2, 3, 4]
    assert len({tuple(epoch) for epoch in chosen.reshape(6, 5)}) > 1
    large = plan_crops(SIZES, CropSettings(), 13, seed=7, step=0).photo
    assert (np.bincount(large) >= 2).all()


def test_a_step_is_the_same_again_and_another_seed_is_another() -> None:
    def boxes(seed: int, step: int) -> list[list[int]]:
        return plan_crops(SIZES, CropSettings(size=32), 8, seed, step).box.tolist()

    assert boxes(1, 5) == boxes(1, 5)
    assert boxes(1, 5) != boxes(1, 6)
    assert boxes(1, 5) != boxes(2, 5)


def test_processes_share_a_batch_without_overlap() -> None:
    whole = plan_crops(SIZES, CropSettings(size=32), 8, 1, 2)
    parts = [whole.part(rank, 2) for rank in range(2)]
    assert np.concatenate([part.box for part in parts]).tolist() == whole.box.tolist()
    assert [len(part.photo) for part in parts] == [4, 4]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("size", [24, 100])
def test_both_ways_of_cutting_agree(size: int, *, mirrored: bool) -> None:
    photos = ramps().photos
    boxes = np.array([[10, 30, 80, 90], [5, 2, 60, 50], [100, 120, 90, 100]])
    flat = torch.from_numpy(np.concatenate([photo.reshape(-1, 3) for photo in photos]))
    lengths = SIZES.prod(axis=1)
    starts = torch.from_numpy(np.cumsum(lengths) - lengths)
    number = torch.tensor([0, 1, 2])
    block = cut_from_block(
        flat,
        starts[number],
        torch.from_numpy(SIZES[:, 1])[number],
        torch.from_numpy(boxes),
        torch.tensor([mirrored] * 3),
        size,
    )
    for index in range(3):
        single = cut_with_opencv(photos[index], boxes[index], size, mirrored=mirrored)
        expected = torch.from_numpy(single).permute(2, 0, 1).float() / 255
        assert (block[index] - expected).abs().max() < 0.02


@pytest.mark.parametrize("mirrored", [False, True])
def test_crops_of_their_own_size_are_the_very_pixels(*, mirrored: bool) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    box = np.array([[3, 7, 24, 24]])
    block = cut_from_block(
        torch.from_numpy(photo.reshape(-1, 3)),
        torch.tensor([0]),
        torch.tensor([50]),
        torch.from_numpy(box),
        torch.tensor([mirrored]),
        24,
    )
    single = cut_with_opencv(photo, box[0], 24, mirrored=mirrored)
    assert torch.equal(block[0], torch.from_numpy(single).permute(2, 0, 1).float() / 255)


def test_a_crop_to_be_resized_leaves_the_others_pixels_as_they_are() -> None:
    """Of a batch on a device, too, every crop is cut as it would be alone."""
    rng = np.random.default_rng(0)
    large, small = (rng.integers(0, 256, (side, side, 3)).astype(np.uint8) for side in (60, 20))
    boxes = np.array([[3, 7, 24, 24], [0, 0, 20, 20], [30, 11, 24, 24]])
    mirrored = np.array([False, True, True])
    block = cut_from_block(
        torch.from_numpy(np.concatenate([large.reshape(-1, 3), small.reshape(-1, 3)])),
        torch.tensor([0, 60 * 60, 0]),
        torch.tensor([60, 20, 60]),
        torch.from_numpy(boxes),
        torch.from_numpy(mirrored),
        24,
    )
    for index, photo in enumerate((large, small, large)):
        single = cut_with_opencv(photo, boxes[index], 24, mirrored=bool(mirrored[index]))
        off = block[index] - torch.from_numpy(single).permute(2, 0, 1).float() / 255
        assert off.abs().max() == 0 if photo is large else off.std() < 0.2


def test_photos_too_small_for_crops_of_their_own_pixels_are_left_out() -> None:
    settings = CropSettings(size=100, native=True)
    chosen = [plan_crops(SIZES, settings, 4, seed=3, step=step) for step in range(6)]
    assert {tuple(box[2:]) for plan in chosen for box in plan.box.tolist()} == {(100, 100)}
    order = np.concatenate([plan.photo for plan in chosen])
    for epoch in order.reshape(8, 3):
        assert sorted(epoch) == [0, 2, 3]
    assert large_enough(SIZES, settings).tolist() == [True, False, True, True, False]
    assert large_enough(SIZES, CropSettings(size=100)).all()
    with pytest.raises(OptionError, match="crops of 300 px are cut without resizing, and every"):
        plan_crops(SIZES, replace(settings, size=300), 4, seed=3, step=0)


def test_a_source_gives_a_batch_in_colour() -> None:
    source = CropSource(ramps(), torch.device("cpu"))
    plan = plan_crops(source.sizes, CropSettings(size=32), 6, 0, 0)
    rgb = source.cut(plan, 32)
    assert rgb.shape == (6, 3, 32, 32)
    blue = rgb[:, 2].mean(dim=(1, 2)) * 255 / 40
    assert blue.round().int().tolist() == plan.photo.tolist()
    rising = (rgb[:, 0, :, -1] > rgb[:, 0, :, 0]).all(dim=1)
    assert rising.tolist() == (~plan.mirrored).tolist()
