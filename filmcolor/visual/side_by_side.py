"""Several films of the same pictures, read side by side: frame by frame, each with its shot.

The first film is the one that the others are held against: its shots, its black bars and the shape
of its pixels count for all. It must not know models or measures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from fractions import Fraction
from typing import Self

import numpy as np

from filmcolor.analysis.shots import assign_shots
from filmcolor.analysis.survey import survey_film
from filmcolor.errors import MediaError
from filmcolor.media.read.color_state import ColorState
from filmcolor.media.read.film_reader import FilmReader
from filmcolor.prefetch import prefetch
from filmcolor.types import Box, Frame, PixelLayout, VideoInfo
from filmcolor.visual.rgb import PictureMaker

Row = tuple[Frame, ...]
"""One frame of every film, with its chroma."""


class SideBySide:
    """Films that differ in colour only, opened. A context manager."""

    def __init__(self, paths: Sequence[str], short_side: int) -> None:
        """Raises `MediaError` for what is no film, for HDR, and for pictures of different sizes."""
        self._paths = tuple(paths)
        self._stack = ExitStack()
        self._readers: list[FilmReader] = []
        self._origin: int | None = None
        self.colors: tuple[ColorState, ...] = ()
        """Whether each film has colour."""
        try:
            self._open(short_side)
        except BaseException:
            self._stack.close()
            raise

    def _open(self, short_side: int) -> None:
        states = []
        box: Box | None = None
        for path in self._paths:
            reader = self._stack.enter_context(FilmReader(path))
            self._readers.append(reader)
            survey = survey_film(reader)
            _refuse_other_size(reader.info, self.info)
            states.append(survey.color)
            if len(self._readers) == 1:
                box = survey.box
        self.box = box
        """The part of the picture inside black bars, None for all of it."""
        self.colors = tuple(states)
        self.makers = tuple(
            PictureMaker(
                replace(
                    reader.info,
                    layout=reader.info.layout.colored,
                    sample_aspect_ratio=self.info.sample_aspect_ratio,
                ),
                box,
                short_side,
            )
            for reader in self._readers
        )
        """For every film, what makes pictures of its frames; all pictures are of one size."""

    @property
    def info(self) -> VideoInfo:
        """What the first film is."""
        return self._readers[0].info

    def seconds(self, row: Row) -> Fraction:
        """When a row is shown, from the first frame of the first film, once that was read."""
        if self._origin is None:
            self._origin = row[0].pts
        return (row[0].pts - self._origin) * self.info.time_base

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def rows(
        self, start_seconds: Fraction | None, duration_seconds: Fraction | None
    ) -> Generator[Row, None, None]:
        """The films' frames, the n-th with the n-th, those of the first with their shots.

        The part is that of the first film, as `FilmReader.frames` defines it; the others follow by
        their number alone, since containers round times. All are read from their beginning.
        Raises `MediaError` when one film ends before another, and when no frame is in the part.
        """
        rows = self._paired()
        with closing(rows):
            part = self._part(rows, start_seconds or Fraction(0), duration_seconds)
            yield from _with_shots(part, self.info.layout)

    def _paired(self) -> Generator[Row, None, None]:
        with ExitStack() as stack:
            films = [
                stack.enter_context(
                    closing(prefetch(reader.frames(with_chroma=True), reader.info.queue_depth))
                )
                for reader in self._readers
            ]
            count = 0
            while True:
                found = [next(film, None) for film in films]
                row = tuple(
                    with_neutral_chroma(frame, reader.info.layout)
                    for frame, reader in zip(found, self._readers, strict=True)
                    if frame is not None
                )
                if not row:
                    return
                if len(row) < len(films):
                    break
                yield row
                count += 1
            counts = [
                count + (frame is not None) + sum(1 for _ in film)
                for frame, film in zip(found, films, strict=True)
            ]
        other = next(n for n, total in enumerate(counts) if total != counts[0])
        raise MediaError(
            f"{self._paths[other]}: {counts[other]} frames, but {self._paths[0]} has {counts[0]}: "
            "films are compared frame by frame, give films of as many"
        )

    def _part(
        self, rows: Iterator[Row], start: Fraction, duration: Fraction | None
    ) -> Iterator[Row]:
        stop = None if duration is None else start + duration
        self._origin = None
        seconds, taken = Fraction(0), 0
        for row in rows:
            seconds = self.seconds(row)
            if stop is not None and seconds >= stop:
                break
            if seconds >= start:
                taken += 1
                yield row
        if not taken:
            raise MediaError(
                f"{self._paths[0]}: no frame at {float(start):g} s: "
                f"its last frame is at {float(seconds):.2f} s, choose an earlier --start"
            )


def with_neutral_chroma(frame: Frame, layout: PixelLayout, *, anyway: bool = False) -> Frame:
    """The frame with chroma planes that hold no colour, if it has none or `anyway`."""
    if frame.chroma is not None and not anyway:
        return frame
    colored = layout.colored
    height, width = frame.luma.shape
    plane = np.full(
        colored.chroma_size(height, width), 1 << (colored.bit_depth - 1), frame.luma.dtype
    )
    return replace(frame, chroma=(plane, plane))


def _refuse_other_size(info: VideoInfo, first: VideoInfo) -> None:
    def shape(one: VideoInfo) -> str:
        turned = f" turned by {one.rotation} degrees" if one.rotation else ""
        return f"{one.width}x{one.height}{turned}"

    if shape(info) != shape(first):
        raise MediaError(
            f"{info.path}: {shape(info)}, but {first.path} is {shape(first)}: "
            "films are compared in one size"
        )


def _with_shots(rows: Iterator[Row], layout: PixelLayout) -> Generator[Row, None, None]:
    """Mark the frames of the first film; a few rows wait for it."""
    waiting: deque[Row] = deque()

    def firsts() -> Iterator[Frame]:
        for row in rows:
            waiting.append(row[1:])
            yield row[0]

    for frame in assign_shots(firsts(), layout):
        yield (frame, *waiting.popleft())
