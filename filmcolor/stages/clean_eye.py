"""What a network is shown of a film that has suffered: a repaired copy of the small luma.

Exposure that wavers is evened, dust and vertical scratches are replaced from the frames around and
from beside. The film's own luma stays as it is. What is made of a frame depends on `SUPPORT` frames
on each side, inside its own shot, so a film may be divided anywhere.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import cv2
import numpy as np

from filmcolor.stages.exposure import SAME, Exposure, between, evening, thumbnail
from filmcolor.stages.flow import FlowEstimator, FlowSettings, sampling_grid
from filmcolor.stages.infer import View
from filmcolor.stages.scratches import ScratchSettings, bridged, find_scratches, lines
from filmcolor.stages.specks import (
    Codes8,
    Mask,
    SpeckSettings,
    Spikes,
    find_specks,
    find_spikes,
)
from filmcolor.stages.windows import windows
from filmcolor.types import FloatPlane, Frame, Luma, Shown

SUPPORT = 2
"""Frames on each side that what is made of a frame depends on."""
_COPY = 5
"""8-bit codes: a frame that is nowhere further off is a copy and tells nothing of dust."""


@dataclass(frozen=True, slots=True)
class CleanSettings:
    """What counts as damage."""

    specks: SpeckSettings = field(default_factory=SpeckSettings)
    scratches: ScratchSettings = field(default_factory=ScratchSettings)
    flow: FlowSettings = field(default_factory=lambda: FlowSettings(long_side=192))


@dataclass(slots=True, eq=False)
class Small:
    """A frame at model size, with what was found out about it."""

    codes: Luma
    plane: Codes8
    """The same in 8 bits."""
    thumbnail: FloatPlane
    picture: Codes8 | None = None
    """What flow is estimated on."""
    lines: tuple[Mask, Mask] | None = None
    spikes: dict[tuple[int, int], Spikes] = field(default_factory=dict)
    """By how many places on the two frames are that it was compared with."""
    flows: dict[int, FloatPlane] = field(default_factory=dict)
    """(h, w, 2) px, by how many places on the other frame is."""
    exposures: dict[int, Exposure | None] = field(default_factory=dict)
    """What brings it to the exposure of the frame so many places on."""


class CleanEye:
    """Repairs small pictures of one size and depth; not to be shared between threads."""

    def __init__(
        self, bit_depth: int, *, by_field: bool = False, settings: CleanSettings | None = None
    ) -> None:
        """`by_field`: pictures are fields; those of one frame have the same dust, so that every
        second one is the next.
        """
        self._settings = settings or CleanSettings()
        self._depth = bit_depth
        self._step = 2 if by_field else 1
        self._estimator: FlowEstimator | None = None
        self._columns = self._rows = np.zeros((0, 0), np.float32)

    @property
    def radius(self) -> int:
        """Pictures on each side that are needed."""
        return SUPPORT * self._step

    def small(self, codes: Luma) -> Small:
        """A picture at model size, ready to be repaired and to help others."""
        plane = codes if codes.dtype == np.uint8 else codes >> (self._depth - 8)
        eight = plane.astype(np.uint8, copy=False)
        return Small(codes, eight, thumbnail(eight.astype(np.float32)))

    def shown(self, window: Sequence[Small], center: int) -> Shown:
        """What to show of one picture; `window` has those of its shot within `radius`."""
        own = window[center]
        around = [each for each in self._steps(window, center, SUPPORT) if each != center]
        to_others = [self.exposure(window, center, other) for other in around]
        specks = self.specks(window, center)
        scratched = self.scratches(window, center)
        scale = np.float32(1 << (self._depth - 8))
        codes = own.codes
        mask: Mask | None = None
        if specks is not None or scratched is not None:
            plane = codes.astype(np.float32) / scale
            if specks is not None:
                mask, filled = specks
                plane = np.where(mask > 0, filled, plane)
            if scratched is not None:
                plane = bridged(plane, scratched)
                mask = scratched if mask is None else mask | scratched
            codes = self._codes(plane * scale)
        exposure = evening(own.thumbnail, to_others)
        seen = codes
        if exposure is not SAME:
            seen = self._codes(exposure.applied(codes.astype(np.float32) / scale) * scale)
        return Shown(seen, codes, mask)

    def _codes(self, plane: FloatPlane) -> Luma:
        limit = (1 << self._depth) - 1
        kind = np.uint8 if self._depth == 8 else np.uint16
        return cast("Luma", np.clip(np.rint(plane), 0, limit).astype(kind))

    def _steps(self, window: Sequence[Small], center: int, reach: int) -> list[int]:
        """Places of the window that are whole steps from one of them, itself included."""
        places = (center + number * self._step for number in range(-reach, reach + 1))
        return [place for place in places if 0 <= place < len(window)]

    def exposure(self, window: Sequence[Small], first: int, second: int) -> Exposure | None:
        """What brings one picture to the exposure of another; found out once for both."""
        if first > second:
            back = self.exposure(window, second, first)
            return None if back is None else back.inverse
        own, other = window[first], window[second]
        if second - first not in own.exposures:
            own.exposures[second - first] = between(own.thumbnail, other.thumbnail)
        return own.exposures[second - first]

    def _is_copy(self, window: Sequence[Small], first: int, second: int) -> bool:
        off = cv2.absdiff(window[first].plane, window[second].plane)
        return float(cv2.blur(off, (3, 3)).max()) <= _COPY

    def _other(self, window: Sequence[Small], center: int, step: int) -> int | None:
        """The next picture on one side that is no copy; None if there is none."""
        for place in (center + step, center + 2 * step):
            if 0 <= place < len(window) and not self._is_copy(window, center, place):
                return place
        return None

    def specks(self, window: Sequence[Small], center: int) -> tuple[Mask, FloatPlane] | None:
        """Where specks are, and what is there without them, in 8-bit codes."""
        step, settings = self._step, self._settings.specks
        before, after = self._other(window, center, -step), self._other(window, center, step)
        if before is None or after is None:
            return None
        spikes = self._spikes(window, center, before, after)
        if not (spikes.light.any() or spikes.dark.any()):
            return None
        beside: list[Spikes] = []
        for place in (center - step, center + step):
            near = (place - step, place + step)
            inside = near[0] >= 0 and near[1] < len(window)
            if inside and not any(self._is_copy(window, place, other) for other in near):
                beside.append(self._spikes(window, place, *near))
        mask = find_specks(spikes, beside, settings)
        if mask is None:
            return None
        planes = [
            self._brought(window, center, place, around=mask).astype(np.float32)
            for place in (before, after)
        ]
        return mask, np.asarray((planes[0] + planes[1]) / 2, np.float32)

    def _spikes(self, window: Sequence[Small], center: int, before: int, after: int) -> Spikes:
        """Those of a picture between two others of the window."""
        own, key = window[center], (before - center, after - center)
        if key not in own.spikes:
            near = [self._brought(window, center, place) for place in (before, after)]
            own.spikes[key] = find_spikes(own.plane, near[0], near[1], self._settings.specks)
        return own.spikes[key]

    def _brought(
        self, window: Sequence[Small], center: int, other: int, around: Mask | None = None
    ) -> Codes8:
        """Another picture of the window, brought along the motion to one of them and to its
        exposure; in a mask the motion is that around it.
        """
        flow = self.flow(window, center, other)
        if around is not None:
            flow = _spread(flow, around)
        found = cv2.remap(
            window[other].plane,
            self._columns + flow[..., 0],
            self._rows + flow[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        exposure = self.exposure(window, other, center)
        if exposure is not None:
            found = cv2.convertScaleAbs(found, alpha=exposure.gain, beta=exposure.offset)
        return np.asarray(found, np.uint8)

    def flow(self, window: Sequence[Small], center: int, other: int) -> FloatPlane:
        own = window[center]
        if other - center not in own.flows:
            size = own.plane.shape
            if self._estimator is None:
                self._estimator = FlowEstimator(size, size, self._settings.flow)
                self._columns, self._rows = sampling_grid(*size)
            for each in (own, window[other]):
                if each.picture is None:
                    lightness = each.plane.astype(np.float32) * np.float32(100 / 255)
                    each.picture = self._estimator.prepare(lightness)
            assert own.picture is not None
            second = window[other].picture
            assert second is not None
            own.flows[other - center] = self._estimator.flow(own.picture, second)
        return own.flows[other - center]

    def scratches(self, window: Sequence[Small], center: int) -> Mask | None:
        settings = self._settings.scratches
        for place in (center, *self._steps(window, center, 1)):
            if window[place].lines is None:
                window[place].lines = lines(window[place].plane, settings)
        found = [window[place].lines for place in self._steps(window, center, 1) if place != center]
        own = window[center].lines
        assert own is not None
        return find_scratches(own, [each for each in found if each is not None], settings)


def _spread(flow: FloatPlane, mask: Mask) -> FloatPlane:
    """The flow with that around a mask in it."""
    keep = np.asarray(cv2.dilate(mask, np.ones((5, 5), np.uint8))) == 0
    weight = keep.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), 6.0) + np.float32(1e-4)
    soft = cv2.GaussianBlur(flow * weight[..., None], (0, 0), 6.0) / total[..., None]
    return np.where(keep[..., None], flow, soft).astype(np.float32)


def clean_eye(
    frames: Iterable[Frame],
    view: View,
    *,
    by_field: bool = False,
    settings: CleanSettings | None = None,
) -> Generator[Frame, None, None]:
    """Yield the same frames, in order, each with what the network is to be shown of it.

    Nothing crosses a change of `Frame.shot`. Reads up to `SUPPORT` frames ahead.
    """
    eye = CleanEye(view.bit_depth, by_field=by_field, settings=settings)
    items = ((frame, eye.small(view.show(frame.luma))) for frame in frames)
    for around, center in windows(items, lambda item: item[0].shot, eye.radius, eye.radius):
        frame = around[center][0]
        yield replace(frame, shown=eye.shown([small for _, small in around], center))
