"""Two films in one picture: divided by a line, wiped, or side by side.

decode both -> the second in the first one's pixels, at its times -> joined -> encode

The first film gives the times, the size, the sound and everything else.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch

from filmcolor._version import __version__
from filmcolor.color import (
    LUMA_WEIGHTS,
    luma_from_rgb,
    quantize_chroma,
    quantize_luma,
    resolve_tags,
)
from filmcolor.errors import OptionError
from filmcolor.events import Event, Finished, Notice, Progress, Started
from filmcolor.media.open import PIPE
from filmcolor.media.partfile import is_same_file
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.media.read.probe import refuse_hdr
from filmcolor.media.timebase import MATROSKA_TIME_BASE
from filmcolor.media.write.film_writer import FilmWriter, plan_output
from filmcolor.options import CompareMode, CompareOptions
from filmcolor.prefetch import prefetch
from filmcolor.throttle import Throttle
from filmcolor.types import ColorFrame, Frame, Luma, VideoInfo
from filmcolor.verify.check import opened_pair
from filmcolor.visual.rgb import PictureMaker, resized
from filmcolor.visual.side_by_side import with_neutral_chroma

Planes = tuple[Luma, Luma, Luma]
"""Y, Cb and Cr."""

_LEAD_SECONDS = 1
"""How much earlier than the part the second film is read: containers round times."""
_WHITE = 0.92
"""Lightness of the dividing line, as Y'."""


def compare_films(
    first: str, second: str, target: str, options: CompareOptions
) -> Generator[Event, None, None]:
    """Write a film that shows `first` and `second` together, the first on the left.

    Every frame of the first is there, at its time, beside the one that the second shows at that
    moment, both counted from their first frames; a second film that ends earlier keeps its last
    one. Yields `Notice`s, one `Started`, `Progress` and one `Finished`. Raises `FilmcolorError`.
    """
    started = time.monotonic()
    if PIPE in (first, second, target):
        raise OptionError("-: compare needs files; a pipe cannot be read beside another")
    run = options.run
    if is_same_file(target, second):
        raise OptionError(f"{target}: is the second film itself; choose another name")
    with opened_pair(first, second) as (reader, other):
        info = reader.info
        refuse_hdr(info)
        refuse_hdr(other.info)
        if info.rotation != other.info.rotation:
            raise OptionError(
                f"{second}: is shown turned by {other.info.rotation} degrees, {first} by "
                f"{info.rotation}: they cannot be laid side by side"
            )
        joint = _Joint(info, options.mode, float(options.period_seconds))
        output = plan_output(joint.info, target, run)
        yield from reader.notices
        yield from output.notices
        convert = _converter(other.info, info)
        if (info.width, info.height) != (other.info.width, other.info.height):
            yield Notice(
                f"{second}: is {other.info.width}x{other.info.height}, scaled to "
                f"{info.width}x{info.height}"
            )
        total = info.expected_frames(run.start_seconds, run.duration_seconds)
        yield Started(first, target, "", "", f"{output.summary}, beside {second}", total)
        label = f"{Path(first).name} beside {Path(second).name}, by filmcolor {__version__}"
        done, is_due = 0, Throttle()
        frames = reader.frames(
            start_seconds=run.start_seconds,
            duration_seconds=run.duration_seconds,
            with_chroma=True,
        )
        with (
            FilmWriter(output, label=label) as writer,
            closing(prefetch(frames, info.queue_depth)) as lefts,
            closing(_Shown(other, run.start_seconds)) as rights,
        ):
            origin = reader.first_pts()
            for frame in lefts:
                seconds = (frame.pts - origin) * info.time_base
                right = convert(rights.at(seconds))
                since_start = float(seconds - (run.start_seconds or 0))
                writer.write(joint.frame(frame, right, since_start))
                done += 1
                if is_due():
                    yield Progress(done, total, {})
            writer.finish()
            if rights.late > MATROSKA_TIME_BASE:
                yield Notice(
                    f"{second}: ends {float(rights.late):.2f} s earlier; its last frame stays",
                    warning=True,
                )
    yield Progress(done, done, {})
    yield Finished(target, done, time.monotonic() - started, {})


class _Shown:
    """What a film shows at moments that are asked for in order."""

    def __init__(self, reader: FilmReader, start: Fraction | None) -> None:
        lead = max(Fraction(0), (start or Fraction(0)) - _LEAD_SECONDS)
        info = reader.info
        frames = reader.frames(start_seconds=lead or None, with_chroma=True)
        self._frames = prefetch(frames, info.queue_depth)
        self._base, self._origin = info.time_base, reader.first_pts()
        self._now = self._next = next(self._frames, None)
        self.late = Fraction(0)
        """Seconds by which the last moment that was asked for comes after the film's end."""

    def at(self, seconds: Fraction) -> Frame:
        """The last frame that is not later, a millisecond allowed; the first one before it."""
        while self._next is not None and self._seconds(self._next) <= seconds + MATROSKA_TIME_BASE:
            self._now, self._next = self._next, next(self._frames, None)
        assert self._now is not None  # `frames` gives one at least, or raises
        if self._next is None:
            lasts = self._now.duration * self._base or Fraction(1, 10)
            self.late = max(Fraction(0), seconds - self._seconds(self._now) - lasts)
        return self._now

    def _seconds(self, frame: Frame) -> Fraction:
        return (frame.pts - self._origin) * self._base

    def close(self) -> None:
        """Stop reading."""
        self._frames.close()


class _Joint:
    """Lays two pictures of one format together, left and right as they are displayed."""

    def __init__(self, info: VideoInfo, mode: CompareMode, period: float) -> None:
        self._layout, self._mode, self._period = info.layout.colored, mode, period
        self._turns = info.rotation // 90
        upright = info.rotation % 180 == 0
        self._width = info.width if upright else info.height
        self._thick = max(2, self._width // 320 // 2 * 2)
        self.info = info
        """What the result is like."""
        if mode == "side":
            wide = {"width": 2 * info.width} if upright else {"height": 2 * info.height}
            self.info = replace(info, **wide)  # type: ignore[arg-type]
        tags = resolve_tags(info.tags, info.height)
        depth = info.layout.bit_depth
        light = quantize_luma(torch.tensor(_WHITE), depth, bool(tags.full_range))
        self._line = int(light), 1 << (depth - 1), 1 << (depth - 1)

    def frame(self, left: Frame, right: Planes, seconds: float) -> ColorFrame:
        """Both together; `seconds` says where a wipe is."""
        colored = with_neutral_chroma(left, self._layout)
        assert colored.chroma is not None
        lefts = (colored.luma, *colored.chroma)
        join = self._beside if self._mode == "side" else self._split
        luma, cb, cr = (
            join(one, other, seconds, code)
            for one, other, code in zip(lefts, right, self._line, strict=True)
        )
        return ColorFrame(
            left.index, left.pts, luma, cb, cr, left.duration, interlaced=left.interlaced
        )

    def _split(self, left: Luma, right: Luma, seconds: float, line: int) -> Luma:
        """Left of the line the first, right of it the second."""
        joined = left.copy()
        shown = np.rot90(joined, self._turns)
        across = 2 if shown.shape[1] < self._width else 1
        place = round(self._place(seconds) / 2) * 2
        begin, end = place - self._thick // 2 // 2 * 2, place + -(-self._thick // 4) * 2
        begin, place, end = (max(0, edge // across) for edge in (begin, place, end))
        shown[:, place:] = np.rot90(right, self._turns)[:, place:]
        shown[:, begin:end] = line
        return joined

    def _place(self, seconds: float) -> float:
        """Px from the left at which the line is; a wipe begins with all of the first film."""
        if self._mode == "split":
            return self._width / 2
        share = (1 + math.cos(2 * math.pi * seconds / self._period)) / 2
        hidden = self._thick
        return -hidden + share * (self._width + 2 * hidden)

    def _beside(self, left: Luma, right: Luma, seconds: float, line: int) -> Luma:
        pair = [np.rot90(plane, self._turns) for plane in (left, right)]
        return cast(
            "Luma", np.ascontiguousarray(np.rot90(np.concatenate(pair, axis=1), -self._turns))
        )


def _converter(info: VideoInfo, first: VideoInfo) -> Callable[[Frame], Planes]:
    """What brings a film's frames to the first film's size, layout and colour tags."""
    layout, tags = first.layout.colored, resolve_tags(first.tags, first.height)
    its_tags = resolve_tags(info.tags, info.height)
    same_size = (info.width, info.height) == (first.width, first.height)
    codes, its_codes = ((each.matrix, bool(each.full_range)) for each in (tags, its_tags))
    if same_size and codes == its_codes and info.layout.colored == layout:

        def keep(frame: Frame) -> Planes:
            colored = with_neutral_chroma(frame, info.layout)
            assert colored.chroma is not None
            return (colored.luma, *colored.chroma)

        return keep
    stored = replace(
        info,
        layout=info.layout.colored,
        rotation=0,
        sample_aspect_ratio=Fraction(1),
        tags=its_tags,
    )
    maker, depth, full = PictureMaker(stored, None, None), layout.bit_depth, bool(tags.full_range)
    kr, kb = LUMA_WEIGHTS[tags.matrix]

    def convert(frame: Frame) -> Planes:
        rgb = maker.picture(with_neutral_chroma(frame, info.layout)).astype(np.float32)
        rgb = resized(rgb / np.float32(255), (first.height, first.width), cv2.INTER_CUBIC)
        pixels = torch.from_numpy(rgb).permute(2, 0, 1)[None]
        luma = luma_from_rgb(pixels, tags.matrix)
        blue = (pixels[:, 2:] - luma) / (2 * (1 - kb))
        red = (pixels[:, :1] - luma) / (2 * (1 - kr))
        size = layout.chroma_size(first.height, first.width)
        planes = [resized(plane[0, 0].numpy(), size, cv2.INTER_CUBIC) for plane in (blue, red)]
        chroma = quantize_chroma(torch.from_numpy(np.stack(planes))[None], depth, full)[0]
        quantized = [quantize_luma(luma[0, 0], depth, full), *chroma]
        return cast("Planes", tuple(plane.numpy().astype(layout.dtype) for plane in quantized))

    return convert
