"""`filmcolor evaluate --val ...`: models measured on colour photographs, and the figures shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from filmcolor.cli.display.base import Display, Step
from filmcolor.cli.display.terminal import count, write_json, write_line
from filmcolor.cli.train_table import left_out_lines
from filmcolor.errors import CheckpointError, OptionError
from filmcolor.events import Figures, Measured

if TYPE_CHECKING:
    from filmcolor.cli.display.bar import PlainTable
    from filmcolor.evaluate.enlarging import EnlargeReport
    from filmcolor.evaluate.report import PhotoReport
    from filmcolor.options import PhotoMeasureOptions
    from filmcolor.train.data import PhotoSet
    from filmcolor.visual.rgb import Rgb

_R = TypeVar("_R", bound=Figures)
_Cells: TypeAlias = "tuple[Rgb, Rgb, Rgb]"


def run_photos(chosen: PhotoMeasureOptions, display: Display, *, as_json: bool) -> None:
    """Measure, draw the sheet, and show a table or JSON."""
    from filmcolor.evaluate.report import evaluate_photos
    from filmcolor.models.checkpoint import load_generator
    from filmcolor.models.device import resolve_device

    photos = load_val(chosen, display)
    where = resolve_device(chosen.device)
    loaded = [
        load_generator(model, where, chosen.look, chosen.precision, chosen.engine)
        for model in chosen.models
    ]
    measures = [partial(evaluate_photos, model) for model in loaded]
    names, reports = measure_all(chosen, measures, photos, "grey", display, as_json=as_json)
    if not as_json:
        _print_table(names, reports)


def load_val(chosen: PhotoMeasureOptions, display: Display) -> PhotoSet:
    """The photographs that models are measured on; says which were left out."""
    from filmcolor.evaluate.report import spread_indices
    from filmcolor.extract.film import film_reader
    from filmcolor.train.data import load_photos
    from filmcolor.train.film_frames import FilmFrames

    films = FilmFrames(film_reader())
    photos = load_photos(chosen.val, chosen.short_side, os.cpu_count() or 1, films=films)
    for text in left_out_lines(photos.unreadable, photos.grey):
        display.warn(f"Warning: {text}")
    if chosen.pictures is None:
        return photos
    return photos.take(spread_indices(len(photos), chosen.pictures))


def measure_all(
    chosen: PhotoMeasureOptions,
    measures: Sequence[Callable[..., _R]],
    photos: PhotoSet,
    before: str,
    display: Display,
    *,
    as_json: bool,
) -> tuple[list[str], list[_R]]:
    """Names of the models, and what each of the `measures` says of one; writes the sheet, whose
    first column is called `before`, and JSON if that is asked for.
    """
    from filmcolor.evaluate.report import spread_indices
    from filmcolor.visual.sheets import distinct_names, make_sheet, write_png

    keep = spread_indices(len(photos), chosen.sheet_pictures)

    def measure_one(model: str, measure: Callable[..., _R]) -> tuple[_R, list[_Cells]]:
        subject = f"{model} on {count(len(photos), 'photograph')}"
        cells: list[_Cells] = []

        def done(number: int) -> None:
            display.show(Measured(subject, number, len(photos), "photographs"))

        display.begin(Step(0, len(photos), text=subject))
        report = measure(
            photos.photos,
            short_side=chosen.short_side,
            keep=keep,
            on_picture=lambda *pictures: cells.append(pictures),
            on_done=done,
        )
        display.end()
        return report, cells

    measured = [measure_one(*each) for each in zip(chosen.models, measures, strict=True)]
    names, reports = distinct_names(chosen.models), [report for report, _ in measured]
    if chosen.sheet is not None:
        rows = [
            [cells[0][0], *(ours for _, ours, _ in cells), cells[0][2]]
            for cells in zip(*(cells for _, cells in measured), strict=True)
        ]
        write_png(Path(chosen.sheet), make_sheet(rows, titles=[before, *names, "truth"]))
    if as_json:
        everything = [
            {"name": name, "source": model, **report.as_dict()}
            for name, model, report in zip(names, chosen.models, reports, strict=True)
        ]
        write_json(everything, indent=2)
    return names, reports


def _print_table(names: Sequence[str], reports: Sequence[PhotoReport]) -> None:
    """Figures of every model beside the baselines, one line a measure."""
    from filmcolor.cli.display.bar import print_table
    from filmcolor.evaluate.report import COMPARED_RATIOS

    first = reports[0]
    titles = (*names, "grey", "mean colour", "truth")
    table = _table(first.photos, "mean over photographs", titles)
    columns = [*(report.ours for report in reports), first.neutral, first.mean_color]
    for title, name, unit in (
        ("PSNR", "psnr", "dB"),
        ("ab error", "ab_error", ""),
        ("CIEDE2000", "ciede2000", ""),
        ("colourfulness", "colorfulness", ""),
        ("chroma on neutral", "neutral_chroma", ""),
        ("blotched, of evenly coloured area", "blotched", ""),
        ("skin of faces off its colours", "skin_off", ""),
    ):
        truth = getattr(first.truth, name)
        has_truth = name in ("colorfulness", "neutral_chroma")
        cells = [f"{getattr(column, name):.2f} {unit}".rstrip() for column in columns]
        table.add_row(title, *cells, f"{truth:.2f}" if has_truth else "")
    table.add_row("PSNR gain over grey", *(f"{report.psnr_gain:+.2f} dB" for report in reports))
    ratios = [f"{report.colorfulness_ratio:.2f}" for report in reports]
    table.add_row("colourfulness, of truth", *ratios, end_section=True)
    for index, point in enumerate(first.curve):
        cells = []
        for report in reports:
            measured = report.curve[index]
            cells.append(f"{measured.psnr_gain:+.2f} at {measured.colorfulness_ratio:.2f}")
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


def are_upscalers(models: Sequence[str]) -> bool:
    """Whether the models raise the resolution; `OptionError` if some do and others colour.

    What cannot be read counts as a colour model: loading it will say what is wrong.
    """
    from filmcolor.models.checkpoint import read_card
    from filmcolor.models.registry import find_checkpoint

    def is_upscaler(name: str) -> bool:
        try:
            return read_card(find_checkpoint(name)).descriptor.is_upscaler
        except CheckpointError:
            return False

    found = {is_upscaler(name) for name in models}
    if len(found) > 1:
        raise OptionError("--model: upscalers and colour models are measured apart")
    return found.pop()


def run_upscalers(chosen: PhotoMeasureOptions, display: Display, *, as_json: bool) -> None:
    """Measure, draw the sheet, and show a table or JSON."""
    from filmcolor.evaluate.enlarging import evaluate_enlarging
    from filmcolor.models.checkpoint import load_upscaler
    from filmcolor.models.device import resolve_device

    photos = load_val(chosen, display)
    where = resolve_device(chosen.device)
    measures = [partial(evaluate_enlarging, load_upscaler(m, where)) for m in chosen.models]
    names, reports = measure_all(chosen, measures, photos, "bicubic", display, as_json=as_json)
    if not as_json:
        _print_upscaler_table(names, reports)


def _print_upscaler_table(names: Sequence[str], reports: Sequence[EnlargeReport]) -> None:
    from filmcolor.cli.display.bar import print_table

    first = reports[0]
    table = _table(first.photos, "mean over photographs made smaller", (*names, "bicubic"))
    cells = [f"{report.psnr:.2f} dB" for report in reports]
    table.add_row("PSNR of luma", *cells, f"{first.psnr_bicubic:.2f} dB")
    table.add_row("gain over bicubic", *(f"{report.psnr_gain:+.2f} dB" for report in reports), "")
    cells = [f"{report.down_error:.2f}" for report in reports]
    table.add_row("brought back down, off by codes", *cells, f"{first.down_error_bicubic:.2f}")
    print_table(table)


def _table(photos: int, what: str, titles: Sequence[str]) -> PlainTable:
    from filmcolor.cli.display.bar import PlainTable

    table = PlainTable(title=count(photos, "photograph"), title_justify="left")
    table.add_column(what, overflow="fold")
    for title in titles:
        table.add_column(title, justify="right", overflow="fold")
    return table
