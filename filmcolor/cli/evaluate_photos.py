"""`filmcolor evaluate --val ...`: models measured on colour photographs, and the figures shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from filmcolor.cli.lines import write_json, write_line

if TYPE_CHECKING:
    from filmcolor.evaluate.report import PhotoReport
    from filmcolor.models.checkpoint import LoadedModel
    from filmcolor.options import Look, Precision
    from filmcolor.train.data import PhotoSet
    from filmcolor.visual.sheets import Picture


def run_photos(
    models: Sequence[str],
    look: Look,
    precision: Precision,
    val: Sequence[str],
    limit: int | None,
    short_side: int,
    device: str,
    sheet: str | None,
    sheet_pictures: int,
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    """Measure, draw the sheet, and show a table or JSON."""
    from filmcolor.models.checkpoint import load_generator
    from filmcolor.models.device import resolve_device
    from filmcolor.visual.sheets import distinct_names, make_sheet, write_png

    photos = load_val(val, limit, short_side)
    names = distinct_names(models)
    where = resolve_device(device)
    loaded = [load_generator(name, where, look, precision) for name in models]
    reports, rows = _measure(models, loaded, photos, short_side, sheet_pictures, quiet=quiet)
    if sheet is not None:
        write_png(Path(sheet), make_sheet(rows, titles=["grey", *names, "truth"]))
    if as_json:
        everything = [
            {"name": name, "source": model, **report.as_dict()}
            for name, model, report in zip(names, models, reports, strict=True)
        ]
        write_json(everything, indent=2)
    else:
        _print_table(names, reports)


def load_val(val: Sequence[str], limit: int | None, short_side: int) -> PhotoSet:
    """The photographs that models are measured on; says which were left out."""
    from filmcolor.cli.train_display import left_out_lines
    from filmcolor.evaluate.report import spread_indices
    from filmcolor.extract.film import film_reader
    from filmcolor.train.data import load_photos
    from filmcolor.train.photo_stores import FilmFrames

    films = FilmFrames(film_reader())
    photos = load_photos(val, short_side, os.cpu_count() or 1, films=films)
    for text in left_out_lines(photos.unreadable, photos.grey):
        write_line(f"Warning: {text}", to_stderr=True)
    return photos if limit is None else photos.take(spread_indices(len(photos), limit))


def _measure(
    models: Sequence[str],
    loaded: Sequence[LoadedModel],
    photos: PhotoSet,
    short_side: int,
    sheet_pictures: int,
    *,
    quiet: bool,
) -> tuple[list[PhotoReport], list[list[Picture]]]:
    """A report for each model; rows of grey, every model's and true pictures."""
    from filmcolor.cli.screen import Bar, count, terminal
    from filmcolor.evaluate.report import evaluate_photos, spread_indices

    keep = spread_indices(len(photos), sheet_pictures)
    console = None if quiet else terminal()
    bar = None if console is None else Bar(console)
    reports: list[PhotoReport] = []
    columns: list[list[tuple[Picture, Picture, Picture]]] = []
    for name, model in zip(models, loaded, strict=True):
        title = f"{name} on {count(len(photos), 'photograph')}"
        column: list[tuple[Picture, Picture, Picture]] = []
        if bar is not None:
            bar.start(title, len(photos))
        try:
            report = evaluate_photos(
                model,
                photos.photos,
                short_side=short_side,
                keep=keep,
                on_picture=lambda grey, ours, truth, column=column: column.append(  # type: ignore[misc]
                    (grey, ours, truth)
                ),
                on_done=None
                if bar is None
                else lambda done, bar=bar, title=title: bar.move(done, len(photos), title, ""),  # type: ignore[misc]
            )
        finally:
            if bar is not None:
                bar.stop()
        reports.append(report)
        columns.append(column)
    rows = [
        [cells[0][0], *(ours for _, ours, _ in cells), cells[0][2]]
        for cells in zip(*columns, strict=True)
    ]
    return reports, rows


def _print_table(names: Sequence[str], reports: Sequence[PhotoReport]) -> None:
    """Figures of every model beside the baselines, one line a measure."""
    from filmcolor.cli.screen import PlainTable, count, print_table
    from filmcolor.evaluate.report import COMPARED_RATIOS

    first = reports[0]
    table = PlainTable(title=count(first.photos, "photograph"), title_justify="left")
    table.add_column("mean over photographs", overflow="fold")
    for title in (*names, "grey", "mean colour", "truth"):
        table.add_column(title, justify="right", overflow="fold")
    columns = [*(report.ours for report in reports), first.neutral, first.mean_color]
    for title, name, unit in (
        ("PSNR", "psnr", "dB"),
        ("ab error", "ab_error", ""),
        ("CIEDE2000", "ciede2000", ""),
        ("colourfulness", "colorfulness", ""),
        ("chroma on neutral", "neutral_chroma", ""),
        ("blotched, of evenly coloured area", "blotched", ""),
    ):
        truth = getattr(first.truth, name)
        known = name in ("colorfulness", "neutral_chroma")
        cells = [f"{getattr(column, name):.2f} {unit}".rstrip() for column in columns]
        table.add_row(title, *cells, f"{truth:.2f}" if known else "")
    table.add_row("PSNR gain over grey", *(f"{report.psnr_gain:+.2f} dB" for report in reports))
    ratios = [f"{report.colorfulness_ratio:.2f}" for report in reports]
    table.add_row("colourfulness, of truth", *ratios, end_section=True)
    for index, point in enumerate(first.curve):
        cells = []
        for report in reports:
            own = report.curve[index]
            cells.append(f"{own.psnr_gain:+.2f} at {own.colorfulness_ratio:.2f}")
        last = index == len(first.curve) - 1
        table.add_row(
            f"dB at colourfulness, saturation {point.saturation:g}", *cells, end_section=last
        )
    for ratio in COMPARED_RATIOS:
        cells = [
            f"{'' if report.reaches(ratio) else '~'}{report.gain_at(ratio):+.2f} dB"
            for report in reports
        ]
        table.add_row(f"gain at colourfulness {ratio:g} of truth", *cells)
    print_table(table)
    if not all(report.reaches(ratio) for report in reports for ratio in COMPARED_RATIOS):
        write_line("~ beyond the colours that were measured: estimated")
