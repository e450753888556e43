"""How steady the colours of a film are, and how true where the truth is known.

Frames come in, figures of every frame go out; nothing is measured across a cut. Motion is found in
the lightness, which colouring does not change, by OpenCV's DIS: figures of warp error are not
comparable with those of papers, which use other flows. It must not know files or models.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.color import rgb_to_lab
from filmcolor.evaluate.blotches import Segment, blotched_area, even_segments
from filmcolor.evaluate.film_figures import FilmFigures, FrameFigures, known_mean
from filmcolor.evaluate.following import Follower
from filmcolor.evaluate.photos import NEUTRAL_CHROMA, colorfulness, psnr
from filmcolor.evaluate.skin import off_locus, true_skin
from filmcolor.stages.flow import FlowEstimator, FlowSettings, Motion, sample, sampling_grid
from filmcolor.types import FloatPlane
from filmcolor.visual.rgb import Rgb, rgb_tensor

LAGS = (1, 2, 4)
"""Frames apart that CDC compares."""

_FLOW = FlowSettings(long_side=400)
_SEEN = 0.5
"""Trust from which a place counts as seen in both frames: the forward-backward test is passed."""
_STILL = 0.25
"""Px a frame, of the picture measured: places that move less are still."""
_FLAT = 1.0
"""L* a px: less of a slope counts as flat."""


@dataclass(slots=True, eq=False)
class _FilmFrame:
    """One film's frame as it is measured."""

    ab: FloatPlane
    """(h, w, 2)."""
    histograms: NDArray[np.float64]
    """(3, 256), each of sum 1."""
    figures: dict[str, float]
    divergences: tuple[float, ...] = ()
    """As `FilmFigures` has them."""


@dataclass(slots=True, eq=False)
class _Frames:
    """The same frame of all films."""

    shot: int
    films: dict[str, _FilmFrame]
    picture: NDArray[np.uint8]
    leader: FloatPlane
    """(h, w, 3): Lab of the truth, else of the first film."""
    segments: list[Segment]
    """Those of the truth that are evenly coloured, where they were looked for."""
    motion: Motion | None = None
    """To the next frame, if that is of the same shot."""


def measure_films(
    frames: Iterable[tuple[int, Mapping[str, Rgb]]], truth: str | None = None, every: int = 1
) -> dict[str, FilmFigures]:
    """Measure films that differ in colour only, frame by frame.

    Every item is the number of its shot and, by the name of the film, R'G'B' pictures of one size;
    `truth` is the name of that which the others are compared with. Motion and flatness are taken
    from the truth, else from the first film. Blotches, skin and chroma on neutral are measured in
    each `every`-th frame; new things are looked for in these, and in the first of each shot. Holds
    a few frames only. Raises `ValueError` for pictures of different sizes.
    """
    done: dict[str, list[FrameFigures]] = {}
    divergences: dict[str, list[tuple[float, ...]]] = {}
    shots: list[int] = []
    follower = None if truth is None else Follower(truth, _FLOW)
    motion: Motion | None = None
    for each in _compared(_measured(frames, truth, every)):
        shots.append(each.shot)
        for name, film in each.films.items():
            done.setdefault(name, []).append(FrameFigures(**film.figures))
            divergences.setdefault(name, []).append(film.divergences)
        if follower is not None:
            ab = {name: film.ab for name, film in each.films.items()}
            follower.add(each.shot, ab, each.leader, each.picture, motion, each.segments)
        motion = each.motion
    if follower is not None:
        for name, followed in follower.finish().items():
            pairs = zip(done[name], followed, strict=True)
            done[name] = [replace(figures, **asdict(own)) for figures, own in pairs]
    return {
        name: FilmFigures(tuple(rows), tuple(shots), tuple(divergences[name]))
        for name, rows in done.items()
    }


def _measured(
    frames: Iterable[tuple[int, Mapping[str, Rgb]]], truth: str | None, every: int
) -> Iterator[_Frames]:
    """The figures of a frame by itself, and the motion to the next."""
    estimator: FlowEstimator | None = None
    before: _Frames | None = None
    for number, (shot, pictures) in enumerate(frames):
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
        films = {
            name: _film_frame(
                picture,
                guide_lab if name == leader else _lab(picture),
                flat,
                None if truth in (None, name) else guide,
            )
            for name, picture in pictures.items()
        }
        segments: list[Segment] = []
        is_due = number % every == 0
        if truth is not None and (is_due or before is None or before.shot != shot):
            planes = np.ascontiguousarray(guide_lab.transpose(2, 0, 1))
            segments = even_segments(planes)
            if is_due:
                _compare_to_truth(films, planes, segments)
        small = estimator.prepare(np.ascontiguousarray(lightness))
        now = _Frames(shot, films, small, guide_lab, segments)
        if before is not None:
            if before.shot == shot:
                before.motion = estimator.between(before.picture, now.picture)
            yield before
        before = now
    if before is not None:
        yield before


def _film_frame(
    picture: Rgb, lab: FloatPlane, flat: NDArray[np.bool_], truth: Rgb | None
) -> _FilmFrame:
    rgb = rgb_tensor(picture)
    ab = np.ascontiguousarray(lab[..., 1:])
    figures = {"colorfulness": colorfulness(rgb).item()}
    if truth is not None:
        figures["psnr"] = psnr(rgb, rgb_tensor(truth)).item()
    if flat.any():
        steep = sum(np.square(slope) for c in (0, 1) for slope in _slopes(ab[..., c]))
        figures["bleeding"] = float(np.sqrt(steep)[flat].mean())
    histograms = np.stack([np.bincount(picture[..., c].ravel(), minlength=256) for c in range(3)])
    return _FilmFrame(ab, histograms / histograms.sum(axis=1, keepdims=True), figures)


def _compare_to_truth(
    films: Mapping[str, _FilmFrame], truth: FloatPlane, segments: list[Segment]
) -> None:
    """Measure every film's frame against the truth, Lab (3, h, w)."""
    neutral = np.hypot(truth[1], truth[2]) < NEUTRAL_CHROMA
    skin = true_skin(truth)
    for film in films.values():
        ab = film.ab.transpose(2, 0, 1)
        if neutral.any():
            film.figures["neutral_chroma"] = float(np.hypot(*film.ab[neutral].T).mean())
        area = blotched_area(ab, segments)
        film.figures["even"] = area.even
        if area.even:
            film.figures["blotched"] = area.blotched / area.even
        film.figures["skin"] = len(skin) / neutral.size
        if len(skin):
            film.figures["skin_off"] = off_locus(ab, truth, skin)


def _compared(frames: Iterable[_Frames]) -> Iterator[_Frames]:
    """Add the figures of a frame beside its neighbours; yields each once the last of them is
    there.
    """
    window: deque[_Frames] = deque()
    past: _Frames | None = None

    def compare_next() -> _Frames:
        nonlocal past
        now = window.popleft()
        before = past if past is not None and past.shot == now.shot else None
        after = window[0] if window and window[0].shot == now.shot else None
        for name, film in now.films.items():
            film.divergences = tuple(
                _divergence(film.histograms, window[lag - 1].films[name].histograms)
                if len(window) >= lag and window[lag - 1].shot == now.shot
                else math.nan
                for lag in LAGS
            )
            film.figures["cdc"] = known_mean(film.divergences)
            if after is not None and now.motion is not None:
                _compare(now, after, before, name)
        past = now
        return now

    for each in frames:
        window.append(each)
        if len(window) > max(LAGS):
            yield compare_next()
    while window:
        yield compare_next()


def _compare(now: _Frames, after: _Frames, before: _Frames | None, name: str) -> None:
    """Figures along the motion to the next frame, and from the last one."""
    film, motion = now.films[name], now.motion
    assert motion is not None
    ahead = _brought(after.films[name].ab, motion.forward)
    seen = motion.forward[..., 2] >= _SEEN
    change = np.square(ahead - film.ab).sum(axis=2)
    if seen.any():
        film.figures["warp_error"] = float(change[seen].mean())
    still = seen & (np.hypot(motion.forward[..., 0], motion.forward[..., 1]) < _STILL)
    if still.any():
        # The difference of two frames has twice the variance of one, in each of two channels.
        raw = np.square(after.films[name].ab - film.ab).sum(axis=2)
        film.figures["still_noise"] = float(np.sqrt(raw[still].mean() / 4))
    if before is None or before.motion is None:
        return
    back = _brought(before.films[name].ab, before.motion.backward)
    both = seen & (before.motion.backward[..., 2] >= _SEEN)
    if both.any():
        off = np.square(film.ab - (ahead + back) / 2).sum(axis=2)
        film.figures["flicker"] = float(np.sqrt(off[both].mean()))


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


def _lab(picture: Rgb) -> FloatPlane:
    lab = rgb_to_lab(rgb_tensor(picture))[0].permute(1, 2, 0)
    return np.ascontiguousarray(lab.numpy())


def _slopes(plane: FloatPlane) -> tuple[FloatPlane, FloatPlane]:
    """Central differences across and down."""
    plane = np.ascontiguousarray(plane)
    across = cv2.Sobel(plane, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
    down = cv2.Sobel(plane, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
    return across.astype(np.float32, copy=False), down.astype(np.float32, copy=False)
