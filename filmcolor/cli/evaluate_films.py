"""`filmcolor evaluate --truth ... --result ...`: films measured, and the figures shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from filmcolor.cli.display.base import Display, Step
from filmcolor.cli.display.terminal import count, write_json
from filmcolor.events import Measured
from filmcolor.options import FilmMeasureOptions
from filmcolor.timecode import clock_text

if TYPE_CHECKING:
    from filmcolor.cli.display.bar import PlainTable
    from filmcolor.evaluate.film_figures import FrameFigures
    from filmcolor.evaluate.film_report import FilmReport

_COLUMNS = (
    ("psnr", "PSNR\ndB", 1.0, 2),
    ("colorfulness", "colour-\nfulness", 1.0, 2),
    ("cdc", "CDC\nx 1000", 1000.0, 2),
    ("warp_error", "warp\nerror", 1.0, 2),
    ("flicker", "flicker", 1.0, 2),
    ("still_noise", "still\nnoise", 1.0, 2),
    ("bleeding", "bleeding", 1.0, 3),
)
"""Figure, heading, factor, decimals."""
_AGAINST_TRUTH = (
    ("neutral_chroma", "chroma on\nneutral", 1.0, 2),
    ("blotched", "blotched,\nof even", 1.0, 2),
    ("skin_off", "skin off,\n%", 100.0, 1),
    ("drift", "drift of\nthings", 1.0, 2),
    ("across_shots", "across\nshots", 1.0, 2),
)


def run_films(options: FilmMeasureOptions, display: Display, *, as_json: bool) -> None:
    """Measure, draw, and show a table or JSON."""
    from filmcolor.cli.display.bar import print_table
    from filmcolor.evaluate.film_report import evaluate_films

    title = options.truth or options.results[0]
    display.begin(Step(0, None, text=title))
    report = evaluate_films(
        options,
        on_notice=display.show,
        on_frame=lambda done, total: display.show(Measured(title, done, total, "frames")),
    )
    display.end()
    if options.plot is not None:
        from filmcolor.evaluate.film_plot import draw_films
        from filmcolor.visual.sheets import write_png

        write_png(Path(options.plot), draw_films(report))
    if as_json:
        write_json(report.as_dict())
        return
    height, width = report.size
    counts = f"{count(len(report.seconds), 'frame')}, {count(len(report.shots), 'shot')}"
    tables: list[tuple[str, _Columns]] = [(f"{counts}, measured at {width}x{height}", _COLUMNS)]
    if report.has_truth:
        tables.append(("against the truth", _AGAINST_TRUTH))
    for heading, columns in tables:
        table = _table(report, heading, columns)
        _add_films(table, report, [row.figures.total for row in report.rows], columns)
        print_table(table)
    if options.by_shot:
        print_table(_shot_table(report))


def _shot_table(report: FilmReport) -> PlainTable:
    """The films of every shot, shot by shot."""
    table = _table(report, "by shot")
    by_shot = [list(row.figures.by_shot().values()) for row in report.rows]
    for number, shot in enumerate(report.shots):
        start = clock_text(report.seconds[shot.start], 2)
        frames = count(shot.stop - shot.start, "frame")
        table.add_row(f"shot {number + 1}, from {start}, {frames}")
        _add_films(table, report, [figures[number] for figures in by_shot])
    return table


_Columns = Sequence[tuple[str, str, float, int]]


def _table(report: FilmReport, title: str, columns: _Columns = _COLUMNS) -> PlainTable:
    from filmcolor.cli.display.bar import PlainTable

    table = PlainTable(title=title, title_justify="left")
    table.add_column("film", overflow="fold")
    for name, heading, _, _ in columns:
        if name != "psnr" or report.has_truth:
            table.add_column(heading, justify="right", no_wrap=True)
    return table


def _add_films(
    table: PlainTable,
    report: FilmReport,
    figures: Sequence[FrameFigures],
    columns: _Columns = _COLUMNS,
) -> None:
    """A row for every film, and a line below the last."""
    for row, own in zip(report.rows, figures, strict=True):
        cells = []
        for name, _, factor, decimals in columns:
            value = factor * getattr(own, name)
            if name != "psnr" or report.has_truth:
                cells.append("" if math.isnan(value) else f"{value:.{decimals}f}")
        table.add_row(row.name, *cells)
    table.add_section()
