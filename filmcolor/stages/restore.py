"""The stage that repairs luma, where that is asked for: all that follows sees what it made.

decode -> [restore] -> infer -> smooth -> compose

First every frame gets the exposure and the place that it should have (flicker, weave), then what
dust and scratches hide is taken from the frames around and from beside, at last noise is averaged
along the motion. Dust and scratches change what they hide and nothing else. Nothing crosses a cut;
a frame depends on at most `RESTORE_REACH` frames on each side. It knows neither colour nor files.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import tee
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from filmcolor.stages.clean_eye import SUPPORT, CleanEye, CleanSettings, Small
from filmcolor.stages.exposure import SAME, Exposure
from filmcolor.stages.flow import FlowSettings, sampling_grid
from filmcolor.stages.scratches import ScratchSettings, bridged
from filmcolor.stages.specks import SpeckSettings
from filmcolor.stages.steady_path import (
    REACH,
    Measured,
    PathMeter,
    steady_exposure,
    steady_place,
)
from filmcolor.stages.windows import windows
from filmcolor.types import DUST, SCRATCH, FloatPlane, Frame, Luma

RESTORE_REACH = REACH + SUPPORT
"""Frames on each side that a frame depends on, at most."""

SETTINGS = CleanSettings(
    SpeckSettings(seed=24.0, unrest=6.0),
    ScratchSettings(part=0.6, steady=0.85),
    FlowSettings(long_side=320),
)
"""What counts as damage at full size; the values were measured, see docs/experiments.md."""
_LEAST_SHIFT = 0.05
"""Px: a picture that is so near its place stays as it is."""
_SOFT = 0.8
"""Px: standard deviation of the blur of a repaired place's edge."""
_ALIKE = (5, 5)
"""Px, a box: pictures are alike at a place if they are so in the mean around it."""
_LEAST_NOISE = 0.5
"""Codes: standard deviation of noise that is no less than this."""
_GRAIN = 1.2
"""Px: standard deviation of the blur that tells grain from picture."""


@dataclass(frozen=True, slots=True)
class Restoration:
    """What is repaired in a shot, and how far."""

    kinds: tuple[str, ...] = ()
    """Of "dust", "scratches", "flicker", "weave" and "noise"."""
    strength: float = 1.0
    """0..1."""

    @property
    def reach(self) -> int:
        """Frames on each side that a frame depends on."""
        if not self.kinds or self.strength == 0:
            return 0
        steadied = REACH if self.is_steadied else 0
        return steadied + (SUPPORT if self.is_mended else 0)

    @property
    def is_steadied(self) -> bool:
        """Whether frames get another exposure or another place."""
        return "flicker" in self.kinds or "weave" in self.kinds

    @property
    def is_mended(self) -> bool:
        """Whether frames are repaired from those around."""
        return not {"dust", "scratches", "noise"}.isdisjoint(self.kinds)


def restored(
    frames: Iterable[Frame],
    wanted: Callable[[int], Restoration],
    bit_depth: int,
    *,
    by_field: bool = False,
) -> Generator[Frame, None, None]:
    """Yield the same frames, in order, with the luma of each restored as `wanted` says of its shot.

    Reads up to `RESTORE_REACH` frames ahead. `by_field`: even and odd rows are two films.
    """
    if by_field:
        first, second = tee(frames)
        tops = restored(map(_even_rows, first), wanted, bit_depth)
        bottoms = restored(map(_odd_rows, second), wanted, bit_depth)
        for top, bottom in zip(tops, bottoms, strict=True):
            yield _woven(top, bottom)
        return
    yield from _mended(_steadied(frames, wanted, bit_depth), wanted, bit_depth)


def _even_rows(frame: Frame) -> Frame:
    return replace(frame, luma=frame.luma[0::2])


def _odd_rows(frame: Frame) -> Frame:
    return replace(frame, luma=frame.luma[1::2])


def _woven(top: Frame, bottom: Frame) -> Frame:
    """A frame of its two fields."""
    height, width = top.luma.shape[0] + bottom.luma.shape[0], top.luma.shape[1]
    luma = np.empty((height, width), top.luma.dtype)
    luma[0::2], luma[1::2] = top.luma, bottom.luma
    mended = None
    if top.mended is not None or bottom.mended is not None:
        mended = np.zeros((height, width), np.uint8)
        for parity, field in enumerate((top, bottom)):
            if field.mended is not None:
                mended[parity::2] = field.mended
    return replace(top, luma=cast("Luma", luma), mended=mended)


def _steadied(
    frames: Iterable[Frame], wanted: Callable[[int], Restoration], bit_depth: int
) -> Generator[Frame, None, None]:
    """Every frame in the exposure and at the place that it should have."""
    meters: dict[tuple[bool, bool], PathMeter] = {}

    def meter(shot: int) -> PathMeter | None:
        asked = wanted(shot)
        if not asked.is_steadied or asked.strength == 0:
            return None
        both = "flicker" in asked.kinds, "weave" in asked.kinds
        if both not in meters:
            meters[both] = PathMeter(exposure=both[0], place=both[1])
        return meters[both]

    def measured(frame: Frame) -> tuple[Frame, Measured | None]:
        its = meter(frame.shot)
        return frame, None if its is None else its.measured(_eight(frame.luma, bit_depth))

    def join(before: tuple[Frame, Measured | None], after: tuple[Frame, Measured | None]) -> None:
        its = meter(before[0].shot)
        if its is not None and before[1] is not None and after[1] is not None:
            its.join(before[1], after[1])

    items = map(measured, frames)
    for around, center in _in_turn(items, wanted, join):
        frame, own = around[center]
        if own is None:
            yield frame
            continue
        window = [each for _, each in around if each is not None]
        strength = wanted(frame.shot).strength
        exposure = SAME if own.thumbnail is None else steady_exposure(window, center)
        shift = (0.0, 0.0)
        if "weave" in wanted(frame.shot).kinds:
            across, down = steady_place(window, center)
            shift = strength * across, strength * down
        others = [other for other, _ in around]
        yield replace(frame, luma=_placed(others, center, exposure, strength, shift, bit_depth))


def _in_turn(
    items: Iterable[tuple[Frame, Measured | None]],
    wanted: Callable[[int], Restoration],
    join: Callable[[tuple[Frame, Measured | None], tuple[Frame, Measured | None]], None],
) -> Generator[tuple[list[tuple[Frame, Measured | None]], int], None, None]:
    """Every item with those around it, shot by shot."""
    yield from windows(items, lambda item: item[0].shot, REACH, REACH, join)


def _placed(
    frames: Sequence[Frame],
    center: int,
    exposure: Exposure,
    strength: float,
    shift: tuple[float, float],
    bit_depth: int,
) -> Luma:
    """The luma of a frame in another exposure and moved by some px; what comes in at the rim is
    that of the frame's own rim.
    """
    luma = frames[center].luma
    is_moved = max(abs(shift[0]), abs(shift[1])) >= _LEAST_SHIFT
    if exposure is SAME and not is_moved:
        return luma
    plane = luma.astype(np.float32)
    if exposure is not SAME:
        scale = float(1 << (bit_depth - 8))
        gain = 1 + strength * (exposure.gain - 1)
        plane = plane * np.float32(gain) + np.float32(strength * exposure.offset * scale)
    if is_moved:
        height, width = plane.shape
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
        moved = cv2.warpAffine(
            plane, matrix, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT
        )
        plane = np.asarray(moved, np.float32)
    return _codes(plane, luma, bit_depth)


def _codes(plane: FloatPlane, like: Luma, bit_depth: int) -> Luma:
    limit = (1 << bit_depth) - 1
    return cast("Luma", np.clip(np.rint(plane), 0, limit).astype(like.dtype))


def _eight(luma: Luma, bit_depth: int) -> NDArray[np.uint8]:
    """Codes of 8 bits."""
    plane = luma if luma.dtype == np.uint8 else luma >> (bit_depth - 8)
    return plane.astype(np.uint8, copy=False)


def _mended(
    frames: Iterable[Frame], wanted: Callable[[int], Restoration], bit_depth: int
) -> Generator[Frame, None, None]:
    """Every frame without dust, scratches and noise, as far as its shot is to be."""
    mender: Mender | None = None
    items: Iterable[tuple[Frame, Small | None]] = (
        (frame, _small(frame, wanted(frame.shot), bit_depth)) for frame in frames
    )
    for around, center in windows(items, lambda item: item[0].shot, SUPPORT, SUPPORT):
        frame, own = around[center]
        if own is None:
            yield frame
            continue
        if mender is None:
            mender = Mender(bit_depth)
        window = [small for _, small in around if small is not None]
        luma, mask = mender.mended(window, center, wanted(frame.shot))
        yield replace(frame, luma=luma, mended=mask)


def _small(frame: Frame, asked: Restoration, bit_depth: int) -> Small | None:
    if not asked.is_mended or asked.strength == 0:
        return None
    return CleanEye(bit_depth).small(frame.luma)


class Mender:
    """Repairs pictures of one film at their full size; not to be shared between threads."""

    def __init__(self, bit_depth: int, settings: CleanSettings | None = None) -> None:
        self._eye = CleanEye(bit_depth, settings=settings or SETTINGS)
        self._depth = bit_depth

    def mended(
        self, window: Sequence[Small], center: int, asked: Restoration
    ) -> tuple[Luma, NDArray[np.uint8] | None]:
        """A picture repaired, and where (`Frame.mended`); `window` has those of its shot within
        `SUPPORT`.
        """
        own = window[center]
        plane: FloatPlane | None = None
        mended = np.zeros(own.codes.shape, np.uint8)
        if "scratches" in asked.kinds:
            mask = self._eye.scratches(window, center)
            if mask is not None:
                plane = own.codes.astype(np.float32)
                filled = bridged(plane, mask) + _grain_beside(plane, mask)
                plane = _blended(plane, filled, mask, asked.strength)
                mended[mask > 0] = SCRATCH
        if "dust" in asked.kinds:
            specks = self._eye.specks(window, center)
            if specks is not None:
                mask, filled = specks
                plane = own.codes.astype(np.float32) if plane is None else plane
                scale = np.float32(1 << (self._depth - 8))
                plane = _blended(plane, filled * scale, mask, asked.strength)
                mended[mask > 0] = DUST
        is_mended = plane is not None
        if "noise" in asked.kinds and len(window) > 1:
            plane = own.codes.astype(np.float32) if plane is None else plane
            plane = plane + np.float32(asked.strength) * (
                self._averaged(plane, window, center) - plane
            )
        if plane is None:
            return own.codes, None
        return _codes(plane, own.codes, self._depth), mended if is_mended else None

    def _averaged(self, plane: FloatPlane, window: Sequence[Small], center: int) -> FloatPlane:
        """The mean of a picture and of those around it along the motion, where they are alike."""
        total, weights = plane.copy(), np.ones(plane.shape, np.float32)
        for other in range(len(window)):
            if other == center:
                continue
            brought = self._brought(window, center, other)
            off = plane - brought
            noise = max(_LEAST_NOISE, float(np.median(np.abs(off[::3, ::3]))) / 0.954)
            usual = np.float32(noise * np.sqrt(2) / _ALIKE[0])
            beyond = np.abs(cv2.blur(off, _ALIKE)) / usual
            weight = np.exp(-np.square(np.maximum(beyond - 1, 0)))
            total += weight * brought
            weights += weight
        return np.asarray(total / weights, np.float32)

    def _brought(self, window: Sequence[Small], center: int, other: int) -> FloatPlane:
        """Another picture brought along the motion to one of them, in its exposure; in codes."""
        flow = self._eye.flow(window, center, other)
        rows, columns = sampling_grid(*window[center].codes.shape)[::-1]
        found = cv2.remap(
            window[other].codes.astype(np.float32),
            columns + flow[..., 0],
            rows + flow[..., 1],
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        exposure = self._eye.exposure(window, other, center)
        if exposure is None:
            return np.asarray(found, np.float32)
        lift = np.float32(exposure.offset * (1 << (self._depth - 8)))
        return np.asarray(found * np.float32(exposure.gain) + lift, np.float32)


def _blended(
    plane: FloatPlane, filled: FloatPlane, mask: NDArray[np.uint8], strength: float
) -> FloatPlane:
    """Repaired inside of the mask, softly at its edge."""
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), _SOFT)
    share = np.clip(2 * soft, 0, 1) * (mask > 0) * np.float32(strength)
    return np.asarray(plane + share * (filled - plane), np.float32)


def _grain_beside(plane: FloatPlane, mask: NDArray[np.uint8]) -> FloatPlane:
    """Grain for the places of a mask, from the places beside them."""
    fine = plane - cv2.GaussianBlur(plane, (0, 0), _GRAIN)
    most = 2.5 * 1.48 * float(np.median(np.abs(fine[::3, ::3])))
    step = 7
    beside = np.clip(np.roll(fine, step, axis=1), -most, most)
    return np.where(mask > 0, beside, 0).astype(np.float32)
