"""Reports on films that need no film: figures made on the spot."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from filmcolor.evaluate.film_figures import FilmFigures, FrameFigures
from filmcolor.evaluate.film_report import FilmReport, FilmRow, Kind


def row(name: str, kind: Kind, shots: Sequence[int], level: Callable[[int], float]) -> FilmRow:
    """A film whose figures are all `level` of the frame's number, as far as they can be known."""
    numbers = [*shots, None]
    frames, divergences = [], []
    for index in range(len(shots)):
        has_next = numbers[index + 1] == shots[index]
        value, known = level(index), level(index) if has_next else math.nan
        psnr = value if kind in ("result", "model", "grey") else math.nan
        frames.append(FrameFigures(psnr, value, known / 1000, known, known, known, value))
        divergences.append((known / 1000,) * 3)
    figures = FilmFigures(tuple(frames), tuple(shots), tuple(divergences))
    return FilmRow(name, kind, name, None, figures)


def report(shots: Sequence[int], *rows: tuple[str, Kind, Callable[[int], float]]) -> FilmReport:
    """A report of these films, at 10 frames a second."""
    return FilmReport(
        tuple(row(name, kind, shots, level) for name, kind, level in rows),
        tuple(index / 10 for index in range(len(shots))),
        (48, 64),
    )
