"""The film's way out: plan first (`plan_output`), then write frame by frame (`FilmWriter`).

    plan = plan_output(info, "color.mp4", options)
    with FilmWriter(plan, label="colorized by filmcolor 0.1.0, default") as writer:
        for frame in frames:
            writer.write(frame)
        writer.finish()

The target appears under its name only after `finish`; leaving the block without it removes the
partial file. Needs no torch and computes no colour.
"""

from __future__ import annotations

from typing import Self

from filmcolor.errors import MediaError
from filmcolor.media.open import PIPE
from filmcolor.media.write.encoder_input import Pacer, encoder_picture, plan_luma
from filmcolor.media.write.encoder_settings import BOTTOM_FIRST, TOP_FIRST
from filmcolor.media.write.muxer import FilmMuxer
from filmcolor.media.write.output_plan import OutputPlan
from filmcolor.media.write.plan_output import plan_output
from filmcolor.media.write.y4m import PipeClosedError, Y4mWriter, y4m_header
from filmcolor.types import ColorFrame

__all__ = ["FilmWriter", "OutputPlan", "PipeClosedError", "plan_output"]

_INTERLACING = {TOP_FIRST: "t", BOTTOM_FIRST: "b"}


class FilmWriter:
    """Writes coloured frames as a plan says; a context manager, used once.

    Frames come in presentation order. The writer keeps one frame back, since a frame lasts until
    the next one. Raises `MediaError` when encoder or disk fail, and `PipeClosedError` when the
    reader of standard output has gone, which is a normal end.
    """

    def __init__(self, plan: OutputPlan, *, label: str) -> None:
        """`label` says that the colour is synthetic, and goes into the film's comment."""
        self._plan = plan
        self._label = label
        self._muxer: FilmMuxer | None = None
        self._pipe: Y4mWriter | None = None
        self._pacer = Pacer(plan)
        self._written = 0

    def __enter__(self) -> Self:
        plan = self._plan
        if plan.target == PIPE:
            header = y4m_header(
                plan.width,
                plan.height,
                plan.layout,
                rate=plan.rate,
                sample_aspect_ratio=plan.sample_aspect_ratio,
                siting=plan.siting,
                full_range=plan.tags.full_range,
                interlacing=_INTERLACING.get(plan.field_order, "p"),
            )
            self._pipe = Y4mWriter(header)
            return self
        self._muxer = FilmMuxer(plan, label=self._label)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the partial file unless `finish` has made it whole."""
        if self._muxer is not None:
            self._muxer.abandon()
            self._muxer = None

    def write(self, frame: ColorFrame) -> None:
        """Take one frame: luma as decoded (the source's depth), Cb and Cr in the plan's layout."""
        if self._pipe is not None:
            self._pipe.write(plan_luma(frame, self._plan), frame.cb, frame.cr)
        elif (paced := self._pacer.take(frame)) is not None:
            self._put(*paced)
        self._written += 1

    def finish(self) -> None:
        """Write what is left, check that every frame is there, and give the file its name."""
        if self._written == 0:
            raise MediaError(f"{self._plan.source}: has no frames; nothing was written")
        if self._pipe is not None:
            self._pipe.finish()
            return
        paced, muxer = self._pacer.finish(), self._muxer
        assert paced is not None and muxer is not None  # inside the block, with a frame
        self._put(*paced)
        frame, duration = paced
        muxer.finish(frame.pts + duration)
        self._muxer = None
        muxer.part.commit()

    def _put(self, frame: ColorFrame, duration: int) -> None:
        assert self._muxer is not None  # inside the block
        picture = encoder_picture(frame, self._plan)
        self._muxer.put(picture, frame.pts, duration, frame.ancillary)
