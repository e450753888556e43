"""Things that are followed through a film: does each keep its colour, in a shot and across shots?

A thing is a segment of a true frame that is evenly coloured (`filmcolor/evaluate/blotches.py`). It
is followed from frame to frame along the motion. How far its mean ab is off the truth's may differ
from thing to thing; *drift* is how that changes through the shot. Where a shot shows again what an
earlier one has shown (the motion from the last frame of that to the first of this is found), how it
differs between the two is the distance *across shots*. It must not know files or models.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.evaluate.blotches import LEAST_AREA, Segment
from filmcolor.stages.flow import FlowEstimator, FlowSettings, Motion, sample, sampling_grid
from filmcolor.types import FloatPlane

FEWEST_FRAMES = 12
"""A thing that is followed through fewer has no drift."""
_LOST = LEAST_AREA / 2
"""Share of the picture: a thing of which less is seen is followed no further."""
_FREE = 0.5
"""Share of a segment that belongs to nothing yet, where it is a new thing."""
_OTHER = 10.0
"""Lab units: a place whose true ab is so far from its thing's is not of it any more."""
_SEEN = 0.5
"""Trust from which a place counts as seen in both frames."""
_SAME_SCENE = 0.5
"""Share of the picture that is seen in both frames where two shots show the same..."""
_SAME_COLOR = 6.0
"""... and the mean distance of true Lab there, at most."""
_SHOTS_BACK = 6
"""Shots that one is compared with, at most."""
_MOST_THINGS = 255

_Colors = NDArray[np.float64]
"""(films, things, 2), Lab units."""


@dataclass(slots=True, eq=False)
class _Row:
    """What is seen of the things in a frame."""

    things: NDArray[np.int64]
    area: NDArray[np.float64]
    """(things,): shares of the picture."""
    off: _Colors
    """Mean ab, of the truth as it is, of the others less the truth's."""


@dataclass(slots=True, eq=False)
class _Shot:
    number: int
    labels: NDArray[np.uint8]
    """(h, w): which thing each place of the last frame belongs to, 0 for none."""
    truth: FloatPlane
    """(h, w, 3): Lab of the last frame."""
    picture: NDArray[np.uint8]
    """The last frame as motion is found in it."""
    last: int = 0
    """Of the numbers of its things."""
    true_ab: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    """Mean ab of each thing when it was last seen."""
    before: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    """(films, 2): `off` of what is the same thing, over an earlier shot."""
    rows: list[_Row] = field(default_factory=list)

    def means(self) -> dict[int, tuple[NDArray[np.float64], float]]:
        """`off` (films, 2) and area of each thing, over the frames in which it is seen."""
        found: dict[int, list[tuple[NDArray[np.float64], float]]] = {}
        for row in self.rows:
            for place, thing in enumerate(row.things.tolist()):
                found.setdefault(thing, []).append((row.off[:, place], float(row.area[place])))
        return {
            thing: (np.mean([off for off, _ in seen], axis=0), math.fsum(a for _, a in seen))
            for thing, seen in found.items()
        }


@dataclass(frozen=True, slots=True)
class Followed:
    """What a film's things do in one frame; NaN where nothing is followed."""

    drift: float
    """Root mean square over the things, by area, of how far the mean ab of each is off its mean
    over the shot, Lab units; of the truth its own change, of others what differs from that.
    """
    followed: float
    """Share of the picture: the weight of `drift`."""
    across_shots: float
    """The same of its mean over the shot and over the earlier shot that shows it."""
    seen_again: float
    """Share of the picture: the weight of `across_shots`."""


class Follower:
    """Takes the frames of films that differ in colour only, in order."""

    def __init__(self, truth: str, settings: FlowSettings) -> None:
        """`truth` is the name of that which the others are compared with."""
        self._truth, self._settings = truth, settings
        self._past: deque[_Shot] = deque(maxlen=_SHOTS_BACK)
        self._now: _Shot | None = None
        self._done: dict[str, list[Followed]] = {}

    def add(
        self,
        shot: int,
        ab: Mapping[str, FloatPlane],
        truth: FloatPlane,
        picture: NDArray[np.uint8],
        motion: Motion | None,
        segments: Sequence[Segment],
    ) -> None:
        """The next frame: every film's ab (h, w, 2), the true Lab (h, w, 3), the picture in which
        motion is found, that from the last frame of the shot, and the segments, if they are known.
        """
        now = self._now
        if now is None or now.number != shot:
            self._close()
            self._now = now = self._begin(shot, truth, picture)
        elif motion is not None:
            now.labels = _without_others(_carried(now.labels, motion.backward), truth, now.true_ab)
        now.truth, now.picture = truth, picture
        _add_new(now, segments)
        now.rows.append(self._seen(now, ab))
        for name in ab:
            self._done.setdefault(name, [])

    def finish(self) -> Mapping[str, Sequence[Followed]]:
        """What every film's things do in each frame."""
        self._close()
        return self._done

    def _begin(self, number: int, truth: FloatPlane, picture: NDArray[np.uint8]) -> _Shot:
        """A shot, with the things of the last one that shows the same."""
        now = _Shot(number, np.zeros(truth.shape[:2], np.uint8), truth, picture)
        size = (truth.shape[0], truth.shape[1])
        estimator = FlowEstimator(size, size, self._settings)
        for past in reversed(self._past):
            back = estimator.between(past.picture, picture).backward
            seen = back[..., 2] >= _SEEN
            if seen.mean() < _SAME_SCENE:
                continue
            columns, rows = sampling_grid(*seen.shape)
            brought = sample(past.truth, columns + back[..., 0], rows + back[..., 1])
            if np.sqrt(np.square(brought - truth).sum(axis=2))[seen].mean() > _SAME_COLOR:
                continue
            now.labels = _without_others(_carried(past.labels, back), truth, past.true_ab)
            now.before = {thing: off for thing, (off, _) in past.means().items()}
            now.last = past.last
            break
        return now

    def _seen(self, now: _Shot, ab: Mapping[str, FloatPlane]) -> _Row:
        flat = now.labels.reshape(-1)
        counts = np.bincount(flat, minlength=_MOST_THINGS + 1).astype(np.float64)
        small = counts < _LOST * len(flat)
        flat[small[flat]] = 0
        things = np.flatnonzero(~small)
        things = things[things > 0]

        def means(plane: FloatPlane) -> NDArray[np.float64]:
            sums = [np.bincount(flat, plane[..., c].ravel(), len(counts)) for c in (0, 1)]
            return np.stack([each[things] / counts[things] for each in sums], axis=-1)

        own = means(ab[self._truth])
        now.true_ab = dict(zip(things.tolist(), own, strict=True))
        off = [own if name == self._truth else means(plane) - own for name, plane in ab.items()]
        return _Row(things, counts[things] / len(flat), np.stack(off))

    def _close(self) -> None:
        """The shot is at its end."""
        now, self._now = self._now, None
        if now is None:
            return
        means = now.means()
        counts = np.bincount(np.concatenate([row.things for row in now.rows]))
        again = {thing: mean for thing, mean in means.items() if thing in now.before}
        moved = [np.square(off - now.before[thing]) for thing, (off, _) in again.items()]
        area = np.array([area for _, area in again.values()])
        across = _root_mean(moved, area, len(self._done))
        seen_again = float(area.sum()) / len(now.rows)
        for row in now.rows:
            long = np.flatnonzero(counts[row.things] >= FEWEST_FRAMES).tolist()
            moved = [np.square(row.off[:, n] - means[int(row.things[n])][0]) for n in long]
            drift = _root_mean(moved, row.area[long], len(self._done))
            followed = float(row.area[long].sum())
            for done, *own in zip(self._done.values(), drift, across, strict=True):
                done.append(Followed(own[0], followed, own[1], seen_again))
        now.rows = [_mean_row(means)] if means else []
        self._past.append(now)


def _add_new(now: _Shot, segments: Sequence[Segment]) -> None:
    """Make things of the segments that are of none."""
    flat, ab = now.labels.reshape(-1), now.truth[..., 1:].reshape(-1, 2)
    for segment in segments:
        free = segment.inside[flat[segment.inside] == 0]
        if len(free) >= _FREE * len(segment.inside) and now.last < _MOST_THINGS:
            now.last += 1
            own = np.median(ab[free], axis=0)  # its rim may be of the next thing
            flat[free[np.square(ab[free] - own).sum(axis=1) < _OTHER**2]] = now.last


def _mean_row(means: Mapping[int, tuple[NDArray[np.float64], float]]) -> _Row:
    """One row that stands for all of a shot's."""
    off = np.stack([off for off, _ in means.values()], axis=1)
    return _Row(np.array(list(means)), np.array([area for _, area in means.values()]), off)


def _root_mean(
    squares: Sequence[NDArray[np.float64]], area: NDArray[np.float64], films: int
) -> list[float]:
    """Roots of the means over things, by area, of squares (films, 2) of each; NaN for no thing."""
    if not squares:
        return [math.nan] * films
    sums = np.stack(squares).sum(axis=2)
    roots: list[float] = np.sqrt(area @ sums / area.sum()).tolist()
    return roots


def _carried(labels: NDArray[np.uint8], back: FloatPlane) -> NDArray[np.uint8]:
    """Labels of the frame before, or of another one, along the motion (h, w, 3) back to it."""
    columns, rows = sampling_grid(*labels.shape)
    moved = cv2.remap(
        labels,
        columns + back[..., 0],
        rows + back[..., 1],
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray(moved * (back[..., 2] >= _SEEN), np.uint8)


def _without_others(
    labels: NDArray[np.uint8], truth: FloatPlane, true_ab: Mapping[int, NDArray[np.float64]]
) -> NDArray[np.uint8]:
    """Labels without the places that have another colour now; holes of a few px are closed."""
    known = np.full((_MOST_THINGS + 1, 2), np.inf)
    for thing, ab in true_ab.items():
        known[thing] = ab
    far = np.square(truth[..., 1:] - known[labels]).sum(axis=2) > _OTHER**2
    return np.asarray(cv2.medianBlur(np.where(far, 0, labels).astype(np.uint8), 5), np.uint8)
