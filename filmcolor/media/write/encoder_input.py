"""What an encoder of the coloured film is fed: pictures with their tags, and how long each lasts.

Shared by everything that encodes frames by an `OutputPlan`, so that a film cut into segments is fed
exactly as a film in one piece. Opens no file and no encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import cast

import numpy as np
from av.video.frame import PictureType, VideoFrame

from filmcolor.errors import MediaError
from filmcolor.media.filters import filter_graph, filtered
from filmcolor.media.timebase import LONGEST_TICKS, frame_ticks
from filmcolor.media.write.encoder_settings import TOP_FIRST
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.media.write.packing import convert_depth, pack_frame
from filmcolor.types import ColorFrame, Luma, PixelLayout

_COUNTED_SECONDS = Fraction(2, 1000)
"""Sources round times to the millisecond."""


def plan_luma(frame: ColorFrame, plan: OutputPlan) -> Luma:
    """The frame's luma at the depth of the plan's layout, or what stands in its place."""
    if plan.chroma_alone:
        return mid_grey(frame.luma.shape, plan.layout)
    return convert_depth(
        frame.luma,
        plan.source_layout.bit_depth,
        plan.layout.bit_depth,
        full_range=plan.tags.full_range is True,
    )


def mid_grey(size: tuple[int, int], layout: PixelLayout) -> Luma:
    """A plane (height, width) of the code in the middle of all, which is neutral chroma's too."""
    return cast("Luma", np.full(size, 1 << (layout.bit_depth - 1), layout.dtype))


def encoder_picture(frame: ColorFrame, plan: OutputPlan) -> VideoFrame:
    """The frame in the encoder's pixel format, tagged, a key frame if it asks; still no pts."""
    pixel_format = plan.settings.pixel_format if plan.settings is not None else ""
    picture = pack_frame(plan_luma(frame, plan), frame.cb, frame.cr, plan.layout, pixel_format)
    picture.time_base = plan.time_base
    picture.pict_type = PictureType.I if frame.key else PictureType.NONE
    # ProRes writes the frame's tags, not the context's.
    tags = plan.tags
    picture.colorspace, picture.color_trc = tags.matrix, tags.transfer
    picture.color_primaries = tags.primaries
    settings = plan.settings
    if settings is None or not settings.marks_fields:
        return picture
    # A frame that is not marked counts as bottom field first where the whole film is interlaced.
    if settings.encoder.marks_fields == "frame" and not frame.interlaced:
        return picture
    mode = "tff" if settings.field_order == TOP_FIRST else "bff"
    graph = filter_graph(picture, plan.time_base, ("setfield", f"mode={mode}"))
    return next(filtered(graph, picture))


def check_durations(plan: OutputPlan, pts: Sequence[int], last: int) -> None:
    """Raise `MediaError` for a frame that lasts longer than the container can say.

    `pts` of all frames and the duration of the last one, in ticks of the source.
    """
    if plan.retimed is not None:
        return  # all last alike
    if plan.container is not None and plan.container.counts_frames:
        _check_rate(plan, pts)
    if plan.container is None or not plan.container.is_mov:
        return
    starts = [*pts, pts[-1] + last] if pts else []
    longest, at = max(
        ((after - before, before) for before, after in pairwise(starts)), default=(0, 0)
    )
    if longest * plan.source_time_base / plan.time_base < LONGEST_TICKS:
        return
    since, seconds = at - pts[0], longest * plan.source_time_base
    raise MediaError(
        f"{plan.source}: its frame at {float(since * plan.source_time_base):.2f} s lasts "
        f"{float(seconds):.0f} seconds, which {plan.container.title} cannot hold: "
        "name an .mkv target, or colour the parts one by one with --start and --duration"
    )


def _check_rate(plan: OutputPlan, pts: Sequence[int]) -> None:
    """Raise `MediaError` for a frame that is not where a count of frames puts it."""
    for number, at in enumerate(pts):
        seconds = (at - pts[0]) * plan.source_time_base
        if abs(seconds - number / plan.rate) > _COUNTED_SECONDS:
            raise MediaError(
                f"{plan.source}: its frames do not come at {float(plan.rate):.6g} a second "
                f"throughout (frame {number} at {float(seconds):.3f} s), as a file must that only "
                "counts them: name a .mov target"
            )


def last_duration(plan: OutputPlan, stated: int, before: int) -> int:
    """Ticks (`frame_time_base`) that a film's last frame lasts.

    What the frame states, else as long as the frame `before` it did (0: there is none), else what
    the film's rate says.
    """
    return stated or before or frame_ticks(plan.rate, plan.frame_time_base)


@dataclass(slots=True)
class Pacer:
    """Finds out how long each frame lasts, by keeping one back until the next one comes.

    Of a film that gets another rate, a frame's time is its number from here on.
    """

    plan: OutputPlan
    _held: ColorFrame | None = field(default=None, init=False)
    _before: int = field(default=0, init=False)

    def take(self, frame: ColorFrame) -> tuple[ColorFrame, int] | None:
        """The frame before this one and its duration in ticks; None for the first."""
        if self.plan.retimed is not None:
            frame = replace(frame, pts=frame.index, duration=1)
        held, self._held = self._held, frame
        return None if held is None else (held, self._until(held, frame.pts))

    def finish(self, next_pts: int | None = None) -> tuple[ColorFrame, int] | None:
        """The last frame and its duration, up to `next_pts` or to the film's end (None)."""
        held, self._held = self._held, None
        if held is None:
            return None
        if next_pts is not None and self.plan.retimed is None:
            return held, self._until(held, next_pts)
        return held, last_duration(self.plan, held.duration, self._before)

    def _until(self, frame: ColorFrame, next_pts: int) -> int:
        self._before = max(1, next_pts - frame.pts)
        return self._before
