"""What is held out: the same whatever comes or goes, and never beside its twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filmcolor.errors import MediaError
from filmcolor.train.data import PhotoSet
from filmcolor.train.split import Split, choose_split, split_by_number, split_photos

PIXEL = np.zeros((1, 1, 3), np.uint8)


def named(*names: str, shots: list[int] | None = None) -> PhotoSet:
    count = len(names)
    return PhotoSet(
        (PIXEL,) * count,
        names,
        np.ones((count, 2), np.int64),
        np.ones(count),
        np.array([-1] * count if shots is None else shots),
    )


def photos(count: int, first: int = 0) -> PhotoSet:
    """Names as photographs have them in the shards."""
    rng = np.random.default_rng(4)
    ids = [f"source-{n % 7}/{rng.integers(1 << 48):012x}.webp" for n in range(first + count)]
    return named(*ids[first:])


def test_a_picture_stays_on_its_side_when_others_come_and_go() -> None:
    """One added in front, a third taken away, a shuffle: nothing that was trained on is held out,
    nor the other way round.
    """
    before = photos(600)
    split = choose_split(before, 0.2, seed=3)
    kept, held_out = (set(part.names) for part in split_photos(before, split, 3))
    assert kept | held_out == {*before.names}
    assert abs(len(held_out) - 120) <= 30
    order = np.random.default_rng(0).permutation(600)[:400]
    after = named("a-first-one.webp", *(before.names[n] for n in order))
    now_kept, now_held_out = (set(part.names) for part in split_photos(after, split, 3))
    assert not now_kept & held_out
    assert not now_held_out & kept
    others = split_photos(before, split, 4)[1].names
    assert 10 < len(held_out & {*others}) < 60  # another seed, another fifth
    moved = sum(n in held_out for n in split_by_number(after, 0.2, 3)[0].names)
    assert moved > 50  # what a permutation of their numbers did


@pytest.mark.parametrize("count", [2, 3, 5, 10, 40, 1000])
def test_the_share_is_about_what_was_asked_for(count: int) -> None:
    for seed in range(6):
        data = photos(count)
        kept, held_out = split_photos(data, choose_split(data, 0.2, seed), seed)
        assert len(kept) + len(held_out) == count
        assert abs(len(held_out) - 0.2 * count) <= max(0.8, 0.05 * count)


def siblings(held_out: list[tuple[str, int]], kept: list[tuple[str, int]]) -> float:
    """Share of what is held out that comes from a shot that is trained on."""
    trained = set(kept)
    return sum(shot in trained for shot in held_out) / len(held_out)


def shots_of_a_film(minutes: int, per_shot: int = 3) -> tuple[list[int], list[int]]:
    """Frame numbers and the shot of each, shots of 2 to 8 s at 25 frames a second."""
    rng = np.random.default_rng(minutes)
    numbers: list[int] = []
    shots: list[int] = []
    start, shot = 0, 0
    while start < minutes * 1500:
        length = int(rng.integers(50, 200))
        numbers += (start + np.linspace(5, length - 5, per_shot).astype(int)).tolist()
        shots += [shot] * per_shot
        start, shot = start + length, shot + 1
    return numbers, shots


@pytest.mark.parametrize("minutes", [10, 90])
def test_extracted_frames_are_held_out_by_stretches(minutes: int) -> None:
    numbers, shots = shots_of_a_film(minutes)
    names = [f"reel-{number:06}.png" for number in numbers]
    shot_of = dict(zip(names, shots, strict=True))
    shares = []
    for seed in range(8):
        data = named(*names)
        kept, held_out = split_photos(data, choose_split(data, 0.2, seed), seed)
        assert 0.1 < len(held_out) / len(names) < 0.3
        parts = [[("reel", shot_of[name]) for name in part.names] for part in (held_out, kept)]
        shares.append(siblings(*parts))
    assert np.mean(shares) < 0.04
    by_number = split_by_number(data, 0.2, 0)
    parts = [[("reel", shot_of[name]) for name in part.names] for part in by_number[::-1]]
    assert siblings(*parts) > 0.9  # what it was


@pytest.mark.parametrize("minutes", [1, 10])
def test_no_shot_of_a_film_is_divided(minutes: int) -> None:
    numbers, shots = shots_of_a_film(minutes)
    begins = [numbers[shots.index(shot)] for shot in shots]
    names = [f"reel.mp4/{number:06}.png" for number in numbers]
    data = named(*names, shots=begins)
    shot_of = dict(zip(names, shots, strict=True))
    for seed in range(8):
        split = choose_split(data, 0.2, seed)
        kept, held_out = split_photos(data, split, seed)
        assert not {shot_of[n] for n in kept.names} & {shot_of[n] for n in held_out.names}


def test_a_single_long_shot_is_divided_into_stretches() -> None:
    data = named(*(f"reel.mp4/{n:06}.png" for n in range(0, 9000, 90)), shots=[0] * 100)
    split = choose_split(data, 0.2, 0)
    held_out = [int(n[-10:-4]) for n in split_photos(data, split, 0)[1].names]
    assert split.stretch >= 512
    assert 0.1 <= len(held_out) / 100 <= 0.3
    assert len({number // split.stretch for number in held_out}) <= 4


def test_three_shots_are_two_and_one_and_one_shot_is_divided() -> None:
    numbers = [*range(0, 240, 10)]
    names = [f"reel.mp4/{number:06}.png" for number in numbers]
    for seed in range(8):
        data = named(*names, shots=[number // 80 * 80 for number in numbers])
        _, held_out = split_photos(data, choose_split(data, 0.2, seed), seed)
        assert {int(name[-10:-4]) // 80 for name in held_out.names} in ({0}, {1}, {2})
        assert len(held_out) == 8
        one = named(*names, shots=[0] * len(names))
        split = choose_split(one, 0.2, seed)
        assert (split.stretch, split.whole_shots) == (32, False)
        assert 1 <= len(split_photos(one, split, seed)[1]) <= 8


def test_a_number_elsewhere_in_the_name_counts_and_folders_do_not() -> None:
    """Eight numbers in a row are together, in every folder and with every ending; the outermost
    beside one that is trained on are not evaluated on.
    """
    names = [f"day{d}/scene_{n:03}_left.png" for d in (1, 2, 3) for n in range(64)]
    _, held_out = split_photos(named(*names), Split(8, 1 << 61), 0)
    found = [name.split("/") for name in held_out.names]
    groups = {(folder, int(name[6:9]) // 8) for folder, name in found}
    inner = {(folder, 8 * group + n) for folder, group in groups for n in range(1, 7)}
    assert inner <= {(folder, int(name[6:9])) for folder, name in found}
    assert 2 <= len(groups) <= 12


def test_what_cannot_be_split_is_told(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="a single picture cannot be split"):
        choose_split(photos(1), 0.2, 0)
    with pytest.raises(MediaError, match="nothing to evaluate on"):
        split_photos(photos(3), Split(1, 0), 0)
