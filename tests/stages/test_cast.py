"""Things of different shots that look alike are one, with one distribution of colours."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from filmcolor.models.coherence import Places
from filmcolor.stages.cast import Cast
from filmcolor.stages.things import pack, unpack, unpack_rows, vectors
from tests.helpers.things import things


def a_little_other(of: Places, seed: int, by: float = 0.03) -> Places:
    """The same things as another shot of the place shows them: their look, their colours."""
    rng = torch.Generator().manual_seed(seed)
    noise = torch.randn(of.features.shape, generator=rng)
    return replace(
        of,
        features=normalize(of.features + by * noise, dim=1),
        decoded=of.decoded + torch.rand(of.decoded.shape, generator=rng),
        ab=of.ab + 3 * torch.randn(of.ab.shape, generator=rng),
    )


def signs(count: int) -> Tensor:
    """1 and -1 in turn."""
    return torch.tensor([1.0, -1.0]).repeat(count // 2)


def some(of: Places, *which: int) -> Places:
    """Some of them, in this order."""
    return Places(*(getattr(of, part.name)[list(which)] for part in fields(of)))


def test_alternating_shots_have_the_same_things() -> None:
    first, second = things(4), things(4, seed=1)
    again = some(a_little_other(first, 5), 2, 0, 3, 1)
    cast = Cast.of({0: pack(first), 1: pack(second), 2: pack(again), 5: pack(second)})
    assert cast.members == {
        0: (0, 1, 2, 3),
        1: (4, 5, 6, 7),
        2: (2, 0, 3, 1),
        5: (4, 5, 6, 7),
    }
    assert cast.things[2] == [(0, 2), (2, 0)]


def test_one_thing_has_one_distribution_in_all_its_shots() -> None:
    first = things(4)
    shots = {0: pack(first), 2: pack(replace(a_little_other(first, 5), weight=3 * first.weight))}
    cast = Cast.of(shots)
    shown = {shot: unpack(packed, torch.device("cpu"))[0] for shot, packed in cast.shown().items()}
    found = {shot: unpack(packed, torch.device("cpu"))[0] for shot, packed in shots.items()}
    mean = (found[0].decoded + 3 * found[2].decoded) / 4
    for shot in shots:
        assert torch.allclose(shown[shot].decoded, mean, atol=0.1)
        for name in ("features", "lightness", "ab", "variance", "weight"):  # how it is recognised
            assert torch.equal(getattr(shown[shot], name), getattr(found[shot], name))


def test_what_is_alike_but_of_another_color_stays_apart() -> None:
    first = things(4)
    far = replace(first, ab=first.ab + 60, variance=torch.full((4,), 10.0))
    assert len(Cast.of({0: pack(first), 2: pack(far)}).things) == 8


def test_far_apart_a_single_thing_must_be_more_alike_than_many() -> None:
    first = things(6)
    alone = replace(things(6, seed=1), features=things(6, seed=1).features.clone())
    for name in ("features", "lightness", "ab", "variance"):
        getattr(alone, name)[0] = getattr(first, name)[0]
    alone.features[0] = normalize(first.features[0] + 0.055 * signs(96), dim=0)
    cosine = float(first.features[0] @ alone.features[0])
    assert 0.85 < cosine < 0.88
    shots = {0: pack(first), 1: pack(alone), 30: pack(a_little_other(first, 3, by=0.05))}
    numbers = Cast.of(shots).members
    assert numbers[1][0] == 0 and set(numbers[30]) == set(numbers[0])
    assert Cast.of({0: pack(first), 30: pack(alone)}).members[30][0] != 0


def test_no_shot_has_a_thing_twice() -> None:
    first = things(2)
    twice = some(first, 0, 0, 1)
    numbers = Cast.of({0: pack(first), 1: pack(twice), 2: pack(first)}).members
    assert all(len(set(own)) == len(own) for own in numbers.values())


def test_a_color_that_is_given_is_given_in_all_shots_as_they_take_it() -> None:
    first = things(3)
    cast = Cast.of({0: pack(first), 1: pack(things(3, seed=1)), 2: pack(first)})
    shown = cast.shown(lambda shot, number: (20.0 / (1 + shot), -30.0) if number == 1 else None)
    for shot, a in ((0, 20.0), (2, 20.0 / 3)):
        said = unpack(shown[shot], torch.device("cpu"))[1]
        assert said is not None
        wanted = torch.tensor([[0.0, 0, 0], [a, -30, 1], [0, 0, 0]])
        assert torch.allclose(said, wanted, atol=0.01)
    assert unpack(shown[1], torch.device("cpu"))[1] is None
    assert shown[1] == cast.found[1]


def test_groups_of_people_take_the_place_of_what_was_found() -> None:
    first = things(2)
    cast = Cast.of({0: pack(first), 2: pack(first)})
    apart = cast.regrouped([[(0, 0), (2, 1)]])
    assert apart.members == {0: (0, 1), 2: (2, 0)}
    values = vectors(unpack_rows(apart.shown()[2]), "decoded")
    assert np.allclose(values[0], vectors(unpack_rows(cast.found[2]), "decoded")[0])


def test_shots_without_things_are_passed_over() -> None:
    assert Cast.of({}).shown() == {}
