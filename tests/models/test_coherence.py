"""Places that look alike decide together."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from filmcolor.models.coherence import (
    IN_SHOT,
    MOST_THINGS,
    Places,
    Seen,
    find_things,
    pooled,
    shares,
)


def seen(features: Tensor, ab: Tensor, *, variance: float = 30.0, light: float = 50.0) -> Seen:
    """One picture of features (F, h, w) and ab (2, 4 h, 4 w); its heads read ab itself."""
    size = ab.shape[-2:]
    return Seen(
        ab[None].clone(),
        torch.nn.functional.normalize(features[None], dim=1),
        torch.full((1, 1, *size), light),
        ab[None],
        torch.full((1, 1, *size), variance),
    )


def drawn(picture: Seen, looked_at: Seen) -> Tensor:
    """What the heads read of a picture, by the things of another."""
    things = find_things([Places.of(looked_at)])
    return pooled(picture, things, shares(picture, things))[0]


def halves(height: int = 8, width: int = 8) -> Tensor:
    """Features of two things: the left half and the right half."""
    features = torch.zeros(3, height, width)
    features[0, :, : width // 2] = 1.0
    features[1, :, width // 2 :] = 1.0
    return features


def colors(left: tuple[float, float], right: tuple[float, float], noise: float) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    ab = torch.empty(2, 32, 32)
    ab[:, :, :16] = torch.tensor(left)[:, None, None]
    ab[:, :, 16:] = torch.tensor(right)[:, None, None]
    return ab + noise * torch.randn(ab.shape, generator=rng)


def test_each_thing_gets_one_color() -> None:
    ab = colors((30.0, 10.0), (-10.0, -30.0), noise=2.0)
    picture = seen(halves(), ab)
    together = drawn(picture, picture)
    for side in (slice(0, 12), slice(20, 32)):  # the seam is mixed where features are interpolated
        own, made = ab[:, :, side], together[:, :, side]
        assert made.std(dim=(1, 2)).max() < 0.25 * own.std(dim=(1, 2)).min()
        assert (made.mean(dim=(1, 2)) - own.mean(dim=(1, 2))).abs().max() < 1.0


def test_what_agrees_in_looks_but_not_in_color_stays_apart() -> None:
    features = torch.ones(3, 8, 8)
    picture = seen(features, colors((40.0, 0.0), (-40.0, 0.0), noise=0.5), variance=20.0)
    together = drawn(picture, picture)
    assert (together[0, :, :16] > 35).all()
    assert (together[0, :, 16:] < -35).all()


def test_what_differs_in_lightness_stays_apart() -> None:
    ab = colors((10.0, 0.0), (-10.0, 0.0), noise=0.5)
    picture = seen(torch.ones(3, 8, 8), ab, variance=200.0)
    picture.lightness[..., :16], picture.lightness[..., 16:] = 10.0, 90.0
    together = drawn(picture, picture)
    assert (together[0, :, :16] > 9).all()
    assert (together[0, :, 16:] < -9).all()


def test_a_place_that_no_thing_is_like_keeps_its_own() -> None:
    before = seen(halves(), colors((30.0, 0.0), (-30.0, 0.0), noise=0.0))
    features = torch.zeros(3, 8, 8)
    features[2] = 1.0
    ab = torch.zeros(2, 32, 32)
    ab[1] = 40.0
    after = seen(features, ab)
    together = drawn(after, before)
    assert (together - ab).abs().max() < 0.5


def test_a_thing_keeps_its_color_in_a_frame_that_sees_it_otherwise() -> None:
    surely = seen(halves(), colors((30.0, 0.0), (-30.0, 0.0), noise=0.0), variance=30.0)
    doubtful = seen(halves(), colors((24.0, 6.0), (-24.0, 6.0), noise=0.0), variance=60.0)
    together = drawn(doubtful, surely)
    assert (together[:, :, :12] - torch.tensor([30.0, 0.0])[:, None, None]).abs().max() < 1.5


def test_an_even_picture_is_one_thing() -> None:
    picture = seen(torch.ones(3, 8, 8), torch.full((2, 32, 32), 12.0))
    things = find_things([Places.of(picture)])
    assert len(things.weight) == 1
    assert torch.allclose(things.ab, torch.full((1, 2), 12.0))
    assert torch.allclose(things.variance, torch.full((1,), 30.0))


def test_things_are_limited_in_number() -> None:
    rng = torch.Generator().manual_seed(1)
    features = torch.randn(64, 16, 16, generator=rng)
    picture = seen(features, 30 * torch.randn(2, 64, 64, generator=rng), variance=4.0)
    assert len(find_things([Places.of(picture)]).weight) == MOST_THINGS


def test_weight_does_not_grow_with_the_number_of_frames() -> None:
    picture = Places.of(seen(halves(), colors((30.0, 0.0), (-30.0, 0.0), noise=0.0)))
    once, thrice = find_things([picture]), find_things([picture] * 3)
    assert torch.allclose(once.weight, thrice.weight, rtol=1e-4)
    assert torch.allclose(once.decoded, thrice.decoded, atol=1e-3)


def opinions(left: float, right: float) -> Places:
    """A frame whose two halves look alike; b of each."""
    ab = colors((0.0, left), (0.0, right), noise=0.5)
    return Places.of(seen(torch.ones(3, 8, 8), ab, variance=20.0))


def decoded_b(things: Places, b: float) -> float:
    """What is made of the thing whose b is nearest."""
    number = int((things.ab[:, 1] - b).abs().argmin())
    assert abs(float(things.ab[number, 1]) - b) < 2
    return float(things.decoded[number, 1])


def test_a_thing_of_a_shot_that_is_thought_of_now_so_now_so_gets_one_color() -> None:
    """A wall is orange in three frames and blue in two: one colour, nearer to orange."""
    wavering = [opinions(b, b) for b in (30.0, 30.0, 30.0, -30.0, -30.0)]
    things = find_things(wavering, IN_SHOT)
    assert len(things.weight) == 2
    assert decoded_b(things, 30) == pytest.approx(6.0, abs=1.0)
    assert decoded_b(things, -30) == pytest.approx(6.0, abs=1.0)


def test_two_things_that_look_alike_and_are_seen_together_keep_their_colors() -> None:
    """Two coats in most frames; one of them alone in another."""
    coats = [opinions(*b) for b in ((30.0, -30.0), (30.0, -30.0), (30.0, 30.0), (-30.0, 30.0))]
    things = find_things(coats, IN_SHOT)
    assert decoded_b(things, 30) == pytest.approx(30, abs=1.0)
    assert decoded_b(things, -30) == pytest.approx(-30, abs=1.0)


def test_what_alternates_and_looks_otherwise_is_not_one() -> None:
    frames = []
    for number, b in enumerate((30.0, 30.0, -30.0)):
        features = torch.zeros(3, 8, 8)
        features[number // 2] = 1.0
        ab = colors((0.0, b), (0.0, b), noise=0.5)
        frames.append(Places.of(seen(features, ab, variance=20.0)))
    things = find_things(frames, IN_SHOT)
    assert decoded_b(things, -30) == pytest.approx(-30, abs=1.0)
