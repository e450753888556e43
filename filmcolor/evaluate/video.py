"""How steady the colours of a film are, and how true where the truth is known.

Frames come in, figures of every frame go out; nothing is measured across a cut. Motion is found in
the lightness, which colouring does not change, by OpenCV's DIS: figures of warp error are not
comparable with those of papers, which use other flows. It must not know files or models.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from filmcolor.color import rgb_to_lab
from filmcolor.evaluate.photos import colorfulness, psnr
from filmcolor.stages.flow import FlowEstimator, FlowSettings, Motion, sample, sampling_grid
from filmcolor.types import FloatPlane

Rgb = NDArray[np.uint8]
"""Shape (height, width, 3), R'G'B'."""

LAGS = (1, 2, 4)
"""Frames apart that CDC compares."""

_FLOW = FlowSettings(long_side=400)
_SEEN = 0.5
"""Trust from which a place counts as seen in both frames: the forward-backward test is passed."""
_STILL = 0.25
"""Px a frame, of the picture measured: places that move less are still."""
_FLAT = 1.0
"""L* a px: less of a slope counts as flat."""


@dataclass(frozen=True, slots=True)
class FrameFigures:
    """Figures of one frame, or means over many; NaN where there is nothing to measure."""

    psnr: float = math.nan
    """dB, R'G'B' against the truth's."""
    colorfulness: float = math.nan
    """Hasler and Süsstrunk's."""
    cdc: float = math.nan
    """Colour distribution consistency: Jensen-Shannon divergence of the histograms of R', G' and
    B' of frames 1, 2 and 4 apart (Liu et al. 2021, "Temporally Consistent Video Colorization with
    Deep Feature Propagation and Self-Regularization Learning"). Of a film or a shot: the mean over
    the pairs of each lag, then over the lags. Of a frame: the mean over those that it begins.
    """
    warp_error: float = math.nan
    """Mean squared distance in the ab plane between this frame and the next one, brought here along
    the motion, where both are seen (Lai et al. 2018, "Learning Blind Video Temporal Consistency").
    """
    flicker: float = math.nan
    """Root mean square distance in the ab plane of this frame from the mean of its neighbours along
    the motion.
    """
    still_noise: float = math.nan
    """Standard deviation of ab from frame to frame where nothing moves."""
    bleeding: float = math.nan
    """Mean slope of ab, Lab units a px, where the lightness is flat."""


@dataclass(frozen=True, slots=True)
class FilmFigures:
    """Figures of one film."""

    frames: tuple[FrameFigures, ...]
    shots: tuple[int, ...]
    """Number of every frame's shot."""
    divergences: tuple[tuple[float, ...], ...]
    """Of every frame and the one that is each of `LAGS` on; NaN where that is of another shot."""

    @property
    def total(self) -> FrameFigures:
        """Means over all frames; root mean squares where the figures are such."""
        return self._over(range(len(self.frames)))

    def by_shot(self) -> dict[int, FrameFigures]:
        """The same for every shot."""
        return {
            number: self._over([place for place, own in enumerate(self.shots) if own == number])
            for number in sorted(set(self.shots))
        }

    def _over(self, places: Sequence[int]) -> FrameFigures:
        means = _mean([self.frames[place] for place in places])
        by_lag = zip(*(self.divergences[place] for place in places), strict=True)
        return replace(means, cdc=_known_mean([_known_mean(lag) for lag in by_lag]))


_SQUARED = ("flicker", "still_noise")


def _mean(frames: Sequence[FrameFigures]) -> FrameFigures:
    means = {}
    for entry in fields(FrameFigures):
        values = np.array([getattr(frame, entry.name) for frame in frames], np.float64)
        if entry.name in _SQUARED:
            means[entry.name] = math.sqrt(_known_mean(np.square(values)))
        else:
            means[entry.name] = _known_mean(values)
    return FrameFigures(**means)


def _known_mean(values: Iterable[float]) -> float:
    """The mean of those that are not NaN; NaN where all are."""
    known = np.array([value for value in values if not math.isnan(value)], np.float64)
    return float(known.mean()) if len(known) else math.nan


@dataclass(slots=True, eq=False)
class _Look:
    """One film's frame as it is measured."""

    ab: FloatPlane
    """(h, w, 2)."""
    histograms: NDArray[np.float64]
    """(3, 256), each of sum 1."""
    figures: dict[str, float]
    divergences: tuple[float, ...] = ()
    """As `FilmFigures` has them."""


@dataclass(slots=True, eq=False)
class _Moment:
    """One frame of all films."""

    shot: int
    looks: dict[str, _Look]
    picture: NDArray[np.uint8]
    motion: Motion | None = None
    """To the next frame, if that is of the same shot."""


def measure_films(
    frames: Iterable[tuple[int, Mapping[str, Rgb]]], truth: str | None = None
) -> dict[str, FilmFigures]:
    """Measure films that differ in colour only, frame by frame.

    Every item is the number of its shot and, by the name of the film, R'G'B' pictures of one size;
    `truth` is the name of that which the others are compared with. Motion and flatness are taken
    from the truth, else from the first film. Holds a few frames only. Raises `ValueError` for
    pictures of different sizes.
    """
    done: dict[str, list[FrameFigures]] = {}
    divergences: dict[str, list[tuple[float, ...]]] = {}
    shots: list[int] = []
    for moment in _settled(_moments(frames, truth)):
        shots.append(moment.shot)
        for name, look in moment.looks.items():
            done.setdefault(name, []).append(FrameFigures(**look.figures))
            divergences.setdefault(name, []).append(look.divergences)
    return {
        name: FilmFigures(tuple(rows), tuple(shots), tuple(divergences[name]))
        for name, rows in done.items()
    }


def _moments(
    frames: Iterable[tuple[int, Mapping[str, Rgb]]], truth: str | None
) -> Iterator[_Moment]:
    """Everything that a frame tells by itself, and the motion to the next."""
    estimator: FlowEstimator | None = None
    before: _Moment | None = None
    for shot, pictures in frames:
        leader = truth if truth is not None else next(iter(pictures))
        guide = pictures[leader]
        if any(picture.shape != guide.shape for picture in pictures.values()):
            sizes = {name: picture.shape[1::-1] for name, picture in pictures.items()}
            raise ValueError(f"pictures of different sizes: {sizes}")
        size = (guide.shape[0], guide.shape[1])
        if estimator is None:
            estimator = FlowEstimator(size, size, _FLOW)
        guide_lab = _lab(guide)
        lightness = guide_lab[..., 0]
        flat = np.hypot(*_slopes(lightness)) < _FLAT
        looks = {
            name: _look(
                picture,
                guide_lab if name == leader else _lab(picture),
                flat,
                None if truth in (None, name) else guide,
            )
            for name, picture in pictures.items()
        }
        moment = _Moment(shot, looks, estimator.prepare(np.ascontiguousarray(lightness)))
        if before is not None:
            if before.shot == shot:
                before.motion = estimator.between(before.picture, moment.picture)
            yield before
        before = moment
    if before is not None:
        yield before


def _look(picture: Rgb, lab: FloatPlane, flat: NDArray[np.bool_], truth: Rgb | None) -> _Look:
    rgb = _tensor(picture)
    ab = np.ascontiguousarray(lab[..., 1:])
    figures = {"colorfulness": colorfulness(rgb).item()}
    if truth is not None:
        figures["psnr"] = psnr(rgb, _tensor(truth)).item()
    if flat.any():
        steep = sum(np.square(slope) for c in (0, 1) for slope in _slopes(ab[..., c]))
        figures["bleeding"] = float(np.sqrt(steep)[flat].mean())
    histograms = np.stack([np.bincount(picture[..., c].ravel(), minlength=256) for c in range(3)])
    return _Look(ab, histograms / histograms.sum(axis=1, keepdims=True), figures)


def _settled(moments: Iterable[_Moment]) -> Iterator[_Moment]:
    """Add what a frame tells beside its neighbours; yields each once the last of them is there."""
    window: deque[_Moment] = deque()
    past: _Moment | None = None

    def settle() -> _Moment:
        nonlocal past
        moment = window.popleft()
        before = past if past is not None and past.shot == moment.shot else None
        after = window[0] if window and window[0].shot == moment.shot else None
        for name, look in moment.looks.items():
            look.divergences = tuple(
                _divergence(look.histograms, window[lag - 1].looks[name].histograms)
                if len(window) >= lag and window[lag - 1].shot == moment.shot
                else math.nan
                for lag in LAGS
            )
            look.figures["cdc"] = _known_mean(look.divergences)
            if after is not None and moment.motion is not None:
                _compare(moment, after, before, name)
        past = moment
        return moment

    for moment in moments:
        window.append(moment)
        if len(window) > max(LAGS):
            yield settle()
    while window:
        yield settle()


def _compare(moment: _Moment, after: _Moment, before: _Moment | None, name: str) -> None:
    """Figures along the motion to the next frame, and from the last one."""
    look, motion = moment.looks[name], moment.motion
    assert motion is not None
    ahead = _brought(after.looks[name].ab, motion.forward)
    seen = motion.forward[..., 2] >= _SEEN
    change = np.square(ahead - look.ab).sum(axis=2)
    if seen.any():
        look.figures["warp_error"] = float(change[seen].mean())
    still = seen & (np.hypot(motion.forward[..., 0], motion.forward[..., 1]) < _STILL)
    if still.any():
        # The difference of two frames has twice the variance of one, in each of two channels.
        raw = np.square(after.looks[name].ab - look.ab).sum(axis=2)
        look.figures["still_noise"] = float(np.sqrt(raw[still].mean() / 4))
    if before is None or before.motion is None:
        return
    back = _brought(before.looks[name].ab, before.motion.backward)
    both = seen & (before.motion.backward[..., 2] >= _SEEN)
    if both.any():
        off = np.square(look.ab - (ahead + back) / 2).sum(axis=2)
        look.figures["flicker"] = float(np.sqrt(off[both].mean()))


def _brought(ab: FloatPlane, link: FloatPlane) -> FloatPlane:
    columns, rows = sampling_grid(*ab.shape[:2])
    return sample(ab, columns + link[..., 0], rows + link[..., 1])


def _divergence(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Jensen-Shannon divergence, natural logarithm, mean over the channels."""
    middle = (first + second) / 2

    def toward(one: NDArray[np.float64]) -> float:
        there = one > 0
        return float((one[there] * np.log(one[there] / middle[there])).sum())

    return (toward(first) + toward(second)) / 2 / len(first)


def _tensor(picture: Rgb) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def _lab(picture: Rgb) -> FloatPlane:
    lab = rgb_to_lab(_tensor(picture))[0].permute(1, 2, 0)
    return np.ascontiguousarray(lab.numpy())


def _slopes(plane: FloatPlane) -> tuple[FloatPlane, FloatPlane]:
    """Central differences across and down."""
    plane = np.ascontiguousarray(plane)
    across = cv2.Sobel(plane, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
    down = cv2.Sobel(plane, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
    return across.astype(np.float32, copy=False), down.astype(np.float32, copy=False)
