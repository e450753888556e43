"""The things of each shot: which frames are looked at, and how they are stored."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from filmcolor.models.coherence import MOST_THINGS
from filmcolor.stages.things import ThingFinder, pack, unpack
from tests.helpers.things import things


def looked_at(finder: ThingFinder, shot: int, frames: int) -> list[int]:
    found = []
    for place in range(frames):
        if finder.wants(shot, place):
            finder.add(things(3, seed=place))
            found.append(place)
    return found


def test_one_frame_a_second_or_so_is_looked_at_in_each_shot() -> None:
    finder = ThingFinder()
    assert looked_at(finder, 0, 60) == [4, 28, 52]
    assert looked_at(finder, 1, 4) == []
    assert looked_at(finder, 2, 5) == [4]
    assert sorted(finder.found()) == [0, 2]


def test_of_a_long_shot_frames_are_kept_that_lie_ever_further_apart() -> None:
    finder = ThingFinder()
    looked = looked_at(finder, 0, 24 * 200)
    assert looked[:9] == [4, 28, 52, 76, 100, 124, 148, 172, 196]
    apart = {b - a for a, b in pairwise(looked[9:])}
    assert apart == {48, 96, 192, 384, 768}
    assert len(looked) < 32


def test_what_is_packed_comes_back() -> None:
    before = things(MOST_THINGS)
    packed = pack(before)
    after, said = unpack(packed, torch.device("cpu"))
    assert said is None
    for name in ("lightness", "ab", "variance", "weight"):
        assert torch.allclose(getattr(after, name), getattr(before, name), rtol=1e-3)
    for name, codes in (("features", 31), ("decoded", 126)):
        was = getattr(before, name)
        off = (getattr(after, name) - was).abs() / was.abs().amax(dim=1, keepdim=True)
        assert off.max() <= 1 / (1.9 * codes)


@pytest.mark.parametrize("stored", [b"", b"\1", pack(things(2))[:-1], pack(things(2))[:50]])
def test_what_is_none_is_refused(stored: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(stored, torch.device("cpu"))
