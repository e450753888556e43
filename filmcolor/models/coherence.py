"""One thing, one colour: places that look alike decide on their colour together.

A network's heads read a vector at every place. Here the vectors of places are pooled that look
alike (features of the encoder, lightness) and whose colours would agree (overlap of two normal
distributions: the Bhattacharyya coefficient), each weighed by its confidence. Where the vector is
read linearly as log-probabilities, pooling it is a product of experts (Hinton 2002, "Training
Products of Experts by Minimizing Contrastive Divergence"), which keeps a hue that most agree on
where averaging colours would pale. Things are found as landmarks, the farthest first (Gonzalez
1985, "Clustering to Minimize the Maximum Intercluster Distance"); they know no place in the
picture, so those of a shot hold for each of its frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

MOST_THINGS = 16
"""Of a picture or of a shot."""
_FEATURE_SCALE = 0.4
"""Cosine of two features that costs one nat."""
_LIGHTNESS_SIGMA = 16.0
"""L*."""
IN_PICTURE, IN_SHOT, IN_FILM, IN_VIEW = 16.0, 4.0, 1.0, 0.25
"""Power of the overlap of two distributions of colour. What is thought of a thing changes from
frame to frame, and more from shot to shot: less has to agree there, least of all in shots that are
views of one place."""
_NEAREST = 1.0
"""Nats: what is nearer to a thing needs none of its own."""
_OWN = -6.0
"""Nats: how far a place counts for itself, beside things that weigh one place each."""
_DECIDED = 3
"""Power of shares where people have said what a thing is like."""
_ALTERNATING = 1.5
"""Nats, of features and lightness alone: things of a shot that are no less alike may be one..."""
_SEEN_TOGETHER = 0.5
"""... if of the one that is seen less at most this share is seen in frames that show the other."""
_HALF_WEIGHT = 50.0
"""Squared Lab units along one axis: a place whose variance is so large counts half."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a network sees of pictures, before it decides on their colours."""

    decoded: Tensor
    """(N, C, h, w) in float32: what its heads read."""
    features: Tensor
    """(N, F, h / 4, w / 4), by which places are compared, of length 1."""
    lightness: Tensor
    """(N, 1, h, w), L* 0..100."""
    ab: Tensor
    """(N, 2, h, w), Lab units: what each place would be by itself."""
    variance: Tensor
    """(N, 1, h, w), squared Lab units along one axis: how far that may be off."""

    def picture(self, index: int) -> Seen:
        """One of the pictures, as a batch of one."""
        return Seen(*(getattr(self, part.name)[index : index + 1] for part in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Places, or groups of places that look alike: K of them."""

    features: Tensor
    """(K, F), of length 1."""
    lightness: Tensor
    """(K,), L*."""
    ab: Tensor
    """(K, 2), Lab units."""
    variance: Tensor
    """(K,), squared Lab units along one axis."""
    decoded: Tensor
    """(K, C)."""
    weight: Tensor
    """(K,): confidence, summed over the places of a group, and over frames on average."""

    @classmethod
    def of(cls, seen: Seen) -> Places:
        """The places of pictures at the size of their features, each the mean of 4 x 4."""
        sure = _HALF_WEIGHT / (_HALF_WEIGHT + seen.variance)
        weight = F.avg_pool2d(sure, 4)

        def reduced(part: Tensor) -> Tensor:
            return _by_place(F.avg_pool2d(part * sure, 4) / weight)

        ab = reduced(seen.ab)
        spread = (reduced(seen.ab.square()) - ab.square()).mean(dim=1).clamp(min=0)
        return cls(
            _by_place(seen.features),
            _by_place(F.avg_pool2d(seen.lightness, 4))[:, 0],
            ab,
            reduced(seen.variance)[:, 0] + spread,
            reduced(seen.decoded),
            _by_place(weight)[:, 0],
        )

    def chosen(self, which: slice | Tensor) -> Places:
        """Some of them."""
        return Places(*(getattr(self, part.name)[which] for part in fields(self)))

    def merged(self, other: Places) -> Places:
        """One place that is the mean of both, each of which is one, as far as they are sure."""
        weight = self.weight + other.weight
        share = (other.weight / weight)[:, None]
        ab = torch.lerp(self.ab, other.ab, share)
        squares = torch.lerp(
            self.variance + self.ab.square().mean(dim=1),
            other.variance + other.ab.square().mean(dim=1),
            share[:, 0],
        )
        return Places(
            F.normalize(torch.lerp(self.features, other.features, share), dim=1),
            torch.lerp(self.lightness, other.lightness, share[:, 0]),
            ab,
            squares - ab.square().mean(dim=1),
            torch.lerp(self.decoded, other.decoded, share),
            weight,
        )

    def likeness(self, others: Places, overlap: float) -> Tensor:
        """(K, L), nats: 0 for the same, less the less alike they are."""
        cosine = self.features @ others.features.T
        return (cosine - 1) / _FEATURE_SCALE + _same_color(self, others, overlap)


def _by_place(part: Tensor) -> Tensor:
    return part.movedim(1, -1).flatten(0, 2)


def _same_color(one: Places, other: Places, overlap: float) -> Tensor:
    """(K, L), nats: how alike lightness is, and how far the distributions of colour overlap."""
    lightness = (one.lightness[:, None] - other.lightness).square() / (2 * _LIGHTNESS_SIGMA**2)
    total = one.variance[:, None] + other.variance
    squares = (one.ab[:, None] - other.ab).square().sum(dim=-1)
    shape = torch.log(2 * (one.variance[:, None] * other.variance).sqrt() / total)
    return overlap * (shape - squares / (2 * total)) - lightness


def find_things(frames: Sequence[Places], overlap: float = IN_PICTURE) -> Places:
    """The things that some frames of one shot, or one picture, show: at most `MOST_THINGS`.

    The first is the surest place, each further one that which is least like those before it, until
    all are alike to one; each is then the mean of all places, as far as they are alike. Of a
    shot, those are decoded as one that look alike and alternate.
    """
    parts = [part.name for part in fields(Places)]
    places = Places(*(torch.cat([getattr(each, part) for each in frames]) for part in parts))
    rows: list[Tensor] = []
    number = int(places.weight.argmax())
    nearest = torch.full_like(places.weight, -torch.inf)
    while len(rows) < MOST_THINGS:
        here = slice(number, number + 1)
        rows.append(places.chosen(here).likeness(places, overlap)[0])
        nearest = torch.maximum(nearest, rows[-1])
        number = int((-nearest * places.weight).argmax())
        if nearest[number] > -_NEAREST:
            break
    share = torch.stack(rows).exp() * places.weight
    weight = share.sum(dim=1)
    share = share / weight[:, None]
    ab = share @ places.ab
    spread = share @ (places.ab.square().mean(dim=1) + places.variance) - ab.square().mean(dim=1)
    things = Places(
        F.normalize(share @ places.features, dim=1),
        share @ places.lightness,
        ab,
        spread,
        share @ places.decoded,
        weight / len(frames),
    )
    return _decoded_as_one(things, frames, overlap) if len(frames) > 1 else things


def _decoded_as_one(things: Places, frames: Sequence[Places], overlap: float) -> Places:
    """Things that look alike are one, of which the network thinks now this, now that, if hardly a
    frame shows both: each of these is decoded as their mean, by how much is seen of them. Their
    colours stay apart, so that a place of either opinion is known. What looks alike and is of two
    colours at the same time are two things.
    """
    seen = []
    for frame in frames:
        alike = things.likeness(frame, overlap).exp()
        seen.append(alike / alike.sum(dim=0).clamp(min=1) @ frame.weight)
    by_frame = torch.stack(seen, dim=1)
    total = by_frame.sum(dim=1).clamp(min=1e-6)
    both = torch.minimum(by_frame[:, None], by_frame).sum(dim=2)
    alternates = both < _SEEN_TOGETHER * torch.minimum(total[:, None], total)
    lightness = (things.lightness[:, None] - things.lightness).square() / (2 * _LIGHTNESS_SIGMA**2)
    look = (things.features @ things.features.T - 1) / _FEATURE_SCALE - lightness
    fits = (alternates & (look > -_ALTERNATING)).tolist()
    groups: list[list[int]] = []
    for number in total.argsort(descending=True, stable=True).tolist():
        near = next((group for group in groups if fits[group[0]][number]), None)
        if near is None:
            groups.append([number])
        else:
            near.append(number)
    decoded = things.decoded.clone()
    for group in groups:
        share = total[group] / total[group].sum()
        decoded[group] = share @ things.decoded[group]
    return replace(things, decoded=decoded)


def shares(seen: Seen, things: Places, overlap: float = IN_PICTURE) -> Tensor:
    """How far each place of one picture is each of K things: (h w, K + 1), 0..1, row by row; last,
    how far it is none of them. They add up to 1.
    """
    height, width = seen.decoded.shape[-2:]
    cosine = torch.einsum("kf,nfhw->nkhw", things.features, seen.features)
    cosine = F.interpolate(cosine, size=(height, width), mode="bilinear", align_corners=False)
    places = Places(
        things.features[:0],
        _by_place(seen.lightness)[:, 0],
        _by_place(seen.ab),
        _by_place(seen.variance)[:, 0],
        things.decoded[:0],
        things.weight[:0],
    )
    alike = (_by_place(cosine) - 1) / _FEATURE_SCALE + _same_color(places, things, overlap)
    own = alike.new_full((len(alike), 1), _OWN)
    return torch.softmax(torch.cat([alike + things.weight.log(), own], dim=1), dim=1)


def decided(share: Tensor) -> Tensor:
    """`shares` that are less divided: what a place is most, it is nearly all."""
    powers = share.pow(_DECIDED)
    return powers / powers.sum(dim=1, keepdim=True)


def pooled(seen: Seen, things: Places, share: Tensor) -> Tensor:
    """What the heads shall read of one picture (1, C, h, w), whose places are things as far as
    `shares` says: at each place that of the things, and its own as far as it is none.
    """
    mixed = share[:, :-1] @ things.decoded + share[:, -1:] * _by_place(seen.decoded)
    return mixed.T.reshape(1, -1, *seen.decoded.shape[-2:])
