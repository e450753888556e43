"""The last stage before the encoder: the film's own luma, and chroma for it.

Luma is handed on as the very array that was decoded. Chroma is computed on the chroma grid, from
ab brought there along the film's edges and from the table that keeps Y' exact. It knows neither
models nor files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from filmcolor.color import ChromaTable, lightness, normalize_luma, quantize_chroma
from filmcolor.models.transfer import Fetched, sent
from filmcolor.stages.tone import Tone, ToneOf, plain
from filmcolor.stages.upsample import GuideLines, Upsampler, luma_on_chroma_grid
from filmcolor.types import (
    DUST,
    SCRATCH,
    AbMap,
    Box,
    ColorFrame,
    ColorTags,
    FieldAbMaps,
    FloatPlane,
    Frame,
    Luma,
    PixelLayout,
    Siting,
)

_IN_FLIGHT = 2
"""Frames that a CUDA device may still be working on when the next one is started."""
_FIELD_OFFSET = 0.5
"""Rows by which the middle of a field's rows is above (top) or below that of the frame's."""
_PLAIN = Tone()
_BAND_SAMPLES = 1 << 16
"""Samples of a picture that a CPU works on at once: what they need stays in its cache."""


class PictureChroma:
    """Cb and Cr of a still picture at full resolution, made for the rows that are asked for."""

    def __init__(
        self,
        colors: AbMap,
        luma: Luma,
        *,
        bit_depth: int,
        table: ChromaTable,
        device: torch.device,
        tone: Tone = _PLAIN,
    ) -> None:
        """`luma` holds full-range codes (height, width)."""
        self.shape = luma.shape
        self._luma, self._depth, self._table, self._tone = luma, bit_depth, table, tone
        self._device = device
        upsampler = Upsampler(self.shape, PixelLayout(bit_depth, "444"), "center", device)
        with torch.inference_mode():
            self._lines = upsampler.lines(colors)
        self._last: tuple[slice, tuple[FloatPlane, FloatPlane]] | None = None

    @torch.inference_mode()
    def rows(self, rows: slice) -> tuple[FloatPlane, FloatPlane]:
        """(Cb, Cr) of some rows, each (rows, width) float32 in -0.5..0.5. Works in bands, so that
        memory stays small, and keeps those that it made last.
        """
        if self._last is not None and self._last[0] == rows:
            return self._last[1]
        height, width = self.shape
        start, stop, _ = rows.indices(height)
        result = np.empty((2, stop - start, width), np.float32)
        step = max(1, _BAND_SAMPLES // width)
        for top in range(start, stop, step):
            bottom = min(stop, top + step)
            codes = sent(self._luma[top:bottom].astype(np.int32), self._device)
            band = normalize_luma(codes[None, None], self._depth, full_range=True)
            light = lightness(band)
            found = self._table(band, self._tone.applied(self._lines.ab(light, slice(top, bottom))))
            result[:, top - start : bottom - start] = Fetched(found[0]).array()
        self._last = rows, (result[0], result[1])
        return self._last[1]

    @property
    def planes(self) -> tuple[RowsOfChroma, RowsOfChroma]:
        """(Cb, Cr) to be read by slices of rows, which are made then."""
        return RowsOfChroma(self, 0), RowsOfChroma(self, 1)


@dataclass(frozen=True, slots=True, eq=False)
class RowsOfChroma:
    """One plane of a `PictureChroma`."""

    chroma: PictureChroma
    which: int

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width)."""
        return self.chroma.shape

    def __getitem__(self, rows: slice) -> FloatPlane:
        return self.chroma.rows(rows)[self.which]


def chroma_at(
    colors: AbMap,
    luma: Luma,
    *,
    bit_depth: int,
    table: ChromaTable,
    device: torch.device,
    tone: Tone = _PLAIN,
) -> tuple[FloatPlane, FloatPlane]:
    """(Cb, Cr) of a still picture at full resolution, each (height, width) float32 in -0.5..0.5.

    `luma` holds full-range codes (height, width).
    """
    chroma = PictureChroma(colors, luma, bit_depth=bit_depth, table=table, device=device, tone=tone)
    return chroma.rows(slice(None))


@dataclass(frozen=True, slots=True, eq=False)
class _Started:
    """A frame whose chroma a device may still be computing."""

    frame: Frame
    codes: Fetched
    """(2, h, w) int16 bit patterns of the codes inside the box."""
    key: bool


class _Composer:
    """Makes the chroma of one film's frames; sizes are settled with the first frame."""

    def __init__(
        self,
        size: tuple[int, int],
        source_layout: PixelLayout,
        layout: PixelLayout,
        tags: ColorTags,
        siting: Siting,
        box: Box | None,
        table: ChromaTable,
        device: torch.device,
        tone_of: ToneOf,
    ) -> None:
        self._size = size
        self._source_layout, self._layout = source_layout, layout
        self._full_range = bool(tags.full_range)
        self._siting = siting
        self._box = box or Box(0, 0, *size)
        self._table = table
        self._device = device
        self._tone_of = tone_of
        self._upsampler = Upsampler(self._box.size, layout, siting, device)
        down, across = layout.subsampling
        if self._box.top % down or self._box.left % across:
            raise ValueError(f"{self._box} does not begin on the {layout.chroma} chroma grid")
        self._starts_with_top_field = self._box.top % (2 * down) == 0
        self._tables: dict[int, tuple[Tensor, Tensor]] = {}

    @torch.inference_mode()
    def start(self, frame: Frame, colors: AbMap | FieldAbMaps, *, key: bool) -> _Started:
        """Begin one frame; a device may still be at its codes when this returns."""
        if frame.luma.shape != self._size:
            raise ValueError(f"frame {frame.index} is {frame.luma.shape}, the film {self._size}")
        by_field = frame.interlaced
        if by_field and not self._starts_with_top_field:
            raise ValueError(f"{self._box} does not begin with a row of the top field's chroma")
        sums, divisor = self._sent(frame.luma, by_field=by_field)
        guide = None if frame.guide is None else self._sent(frame.guide, by_field=by_field)[0]
        tone = self._tone_of(frame.shot)
        made = torch.empty((2, *sums.shape), dtype=torch.int16, device=self._device)
        for lines, rows in self._bands(colors, *sums.shape, by_field=by_field):
            luma, light = self._look_up(sums[rows], divisor)
            if guide is not None:
                light = self._look_up(guide[rows], divisor)[1]
            found = self._table(luma, tone.applied(lines.ab(light, rows)))[0]
            made[:, rows] = quantize_chroma(found, self._layout.bit_depth, self._full_range)
        return _Started(frame, Fetched(made), key)

    def _sent(self, codes: Luma, *, by_field: bool) -> tuple[Tensor, int]:
        """Sums of a frame's codes (height, width) on the chroma grid of the box (h, w), on the
        device, and what to divide them by.
        """
        box = self._box
        inside = codes[box.top : box.bottom, box.left : box.right]
        sums, divisor = luma_on_chroma_grid(
            inside, self._layout, self._source_layout.bit_depth, self._siting, by_field=by_field
        )
        return sent(sums, self._device), divisor

    def _bands(
        self, colors: AbMap | FieldAbMaps, height: int, width: int, *, by_field: bool
    ) -> Iterator[tuple[GuideLines, slice]]:
        """The rows of the chroma grid, some at a time, and the lines of the colours that they get:
        those of their field, or of a whole frame those of the top field's.
        """
        if by_field and isinstance(colors, FieldAbMaps):
            parts = [(colors.top, -_FIELD_OFFSET), (colors.bottom, _FIELD_OFFSET)]
        elif isinstance(colors, FieldAbMaps):
            parts = [(colors.top, -_FIELD_OFFSET)]
        else:
            parts = [(colors, 0.0)]
        apart = len(parts)
        step = height if self._device.type == "cuda" else max(1, _BAND_SAMPLES // width) * apart
        for first, (field, offset) in enumerate(parts[:height]):
            lines = self._upsampler.lines(field, offset)
            for top in range(first, height, step):
                yield lines, slice(top, min(top + step, height), apart)

    def _look_up(self, sums: Tensor, divisor: int) -> tuple[Tensor, Tensor]:
        """Y' 0..1 and L* (1, 1, h, w) of sums of codes (h, w), read from tables of all sums."""
        if divisor not in self._tables:
            depth = self._source_layout.bit_depth
            codes = torch.arange(((1 << depth) - 1) * divisor + 1, dtype=torch.float32) / divisor
            luma = normalize_luma(codes, depth, self._full_range).to(self._device)
            self._tables[divisor] = luma, lightness(luma)
        luma, light = self._tables[divisor]
        index = sums.flatten().long()
        shape = (1, 1, *sums.shape)
        return luma.index_select(0, index).view(shape), light.index_select(0, index).view(shape)

    def finish(self, started: _Started) -> ColorFrame:
        """Wait for one frame's chroma and lay it into planes that are neutral around the box."""
        layout, box = self._layout, self._box
        down, across = layout.subsampling
        top, left = box.top // down, box.left // across
        size = layout.chroma_size(*self._size)
        planes: list[Luma] = []
        for codes in started.codes.array().view(np.uint16):
            plane = cast("Luma", np.full(size, 1 << (layout.bit_depth - 1), layout.dtype))
            plane[top : top + codes.shape[0], left : left + codes.shape[1]] = codes
            planes.append(plane)
        frame = started.frame
        cb, cr = planes
        return ColorFrame(
            frame.index,
            frame.pts,
            frame.luma,
            cb,
            cr,
            duration=frame.duration,
            key=started.key,
            dust=_count(frame, DUST),
            scratches=_count(frame, SCRATCH),
            interlaced=frame.interlaced,
            ancillary=frame.ancillary,
        )


def _count(frame: Frame, kind: int) -> int:
    """Px that were repaired."""
    return 0 if frame.mended is None else int(np.count_nonzero(frame.mended == kind))


def compose(
    fields: Iterable[tuple[Frame, AbMap | FieldAbMaps]],
    *,
    source_layout: PixelLayout,
    layout: PixelLayout,
    tags: ColorTags,
    siting: Siting,
    box: Box | None,
    table: ChromaTable,
    device: torch.device,
    tone_of: ToneOf = plain,
) -> Generator[ColorFrame, None, None]:
    """Yield every frame with its own luma array and chroma for it, in order.

    `source_layout` tells the bit depth of the luma, `layout` the chroma that is to be delivered;
    `tags` must be resolved and be those of `table`, which lies on `device`. Colour fields cover
    the `box`; an interlaced frame comes with one for both its fields, or with one for each. Outside
    the box chroma is exactly neutral. `tone_of` tells the tone of each shot. The first frame of
    each shot is marked as a key frame. Raises `ValueError` if the frames' size changes.
    """
    settings = source_layout, layout, tags, siting, box, table, device, tone_of
    composer: _Composer | None = None
    waiting: deque[_Started] = deque()
    allowed = _IN_FLIGHT if device.type == "cuda" else 0
    shot: int | None = None
    for frame, colors in fields:
        if composer is None:
            height, width = frame.luma.shape
            composer = _Composer((height, width), *settings)
        waiting.append(composer.start(frame, colors, key=frame.shot != shot))
        shot = frame.shot
        while len(waiting) > allowed:
            yield composer.finish(waiting.popleft())
    while composer is not None and waiting:
        yield composer.finish(waiting.popleft())
