"""`filmcolor evaluate`: measure models on colour photographs made grey."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from filmcolor.cli.arguments import (
    SectionedCommand,
    debug_option,
    device_option,
    json_option,
    quiet_option,
    section_option,
    signals_interrupt,
)
from filmcolor.errors import OptionError
from filmcolor.options import ColorOptions, TrainOptions

if TYPE_CHECKING:
    from filmcolor.evaluate.report import PhotoReport
    from filmcolor.evaluate.sheets import Picture
    from filmcolor.train.data import PhotoSet

_COLOR = ColorOptions()

_EPILOG = """\b
Examples:
  filmcolor evaluate --val photos/
      the default model on photographs of your own
  filmcolor evaluate --model default --model runs/mine/best.safetensors
      --val frames/ --sheet compared.png
      two models beside each other, with a sheet of grey, both, and truth

A model that adds no colour scores well on PSNR, and one that adds any colour at all scores well on
colourfulness. Models are therefore compared by their gain in PSNR over the grey picture at equal
colourfulness, which the last rows of the table give.
"""

_WHAT, _RESULT, _SHOW = "What is measured", "What comes of it", "What is shown"


@click.command(
    "evaluate",
    cls=SectionedCommand,
    epilog=_EPILOG,
    short_help="Measure models on colour photographs.",
    options_metavar="--val DATA [OPTIONS]",
)
@section_option(
    _WHAT,
    "--model",
    "models",
    multiple=True,
    default=(_COLOR.model,),
    show_default=True,
    metavar="NAME|FILE",
    help="A model that `filmcolor models` lists, or a checkpoint; may be given more than once.",
)
@section_option(
    _WHAT,
    "--val",
    "val",
    multiple=True,
    type=click.Path(),
    metavar="DATA",
    help="Colour pictures: a folder, a tar shard, or a film; may be given more than once.",
)
@section_option(
    _WHAT,
    "--pictures",
    "limit",
    type=click.IntRange(min=1),
    show_default="all",
    metavar="NUMBER",
    help="Use at most so many, spread over DATA.",
)
@section_option(
    _WHAT,
    "--short-side",
    type=click.IntRange(min=32),
    default=TrainOptions().short_side,
    show_default=True,
    metavar="PIXELS",
    help="Larger pictures are reduced to this first.",
)
@device_option(_WHAT, _COLOR.device, "What the models run on")
@section_option(
    _RESULT,
    "--sheet",
    type=click.Path(),
    metavar="FILE.png",
    help="Write a sheet of pictures: grey, each model's, truth.",
)
@section_option(
    _RESULT,
    "--sheet-pictures",
    type=click.IntRange(min=1),
    default=12,
    show_default=True,
    metavar="NUMBER",
    help="Rows of that sheet.",
)
@quiet_option(_SHOW)
@json_option(_SHOW, "Write all figures as JSON on standard output, in place of the table.")
def evaluate_command(
    models: tuple[str, ...],
    val: tuple[str, ...],
    limit: int | None,
    short_side: int,
    device: str,
    sheet: str | None,
    sheet_pictures: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Measure models on colour photographs: make them grey, colour them as `filmcolor run` does,
    and compare with what they were.

    PSNR in dB over R'G'B'; ab error as distance in CIELAB; CIEDE2000; colourfulness after Hasler
    and Süsstrunk; chroma where the truth has none. Beside every model stand two that need no
    model: the grey picture, and one mean colour everywhere. Pictures without colour and damaged
    ones are left out and named.
    """
    from filmcolor.evaluate.sheets import make_sheet, write_png

    if not val:
        raise OptionError("--val is missing: give a folder, shard or film with colour")
    if sheet is not None and Path(sheet).suffix.lower() != ".png":
        raise OptionError(f"--sheet {sheet}: give a name that ends in .png")
    with signals_interrupt():
        photos = _load(val, limit, short_side)
        reports, rows = _measure(models, photos, short_side, device, sheet_pictures, quiet=quiet)
        if sheet is not None:
            write_png(Path(sheet), make_sheet(rows))
    if as_json:
        click.echo(json.dumps([report.as_dict() for report in reports], indent=2))
    else:
        _print_table(reports)


def _load(val: Sequence[str], limit: int | None, short_side: int) -> PhotoSet:
    from filmcolor.cli.train_display import left_out_lines
    from filmcolor.evaluate.report import spread_indices
    from filmcolor.train.data import load_photos
    from filmcolor.train.extract import film_reader

    photos = load_photos(val, short_side, os.cpu_count() or 1, read_film=film_reader())
    for text in left_out_lines(photos.unreadable, photos.grey):
        click.echo(f"Warning: {text}", err=True)
    return photos if limit is None else photos.take(spread_indices(len(photos), limit))


def _measure(
    models: Sequence[str],
    photos: PhotoSet,
    short_side: int,
    device: str,
    sheet_pictures: int,
    *,
    quiet: bool,
) -> tuple[list[PhotoReport], list[list[Picture]]]:
    """A report for each model; rows of grey, every model's and true pictures."""
    from filmcolor.cli.screen import Bar, terminal
    from filmcolor.evaluate.report import evaluate_photos, spread_indices
    from filmcolor.models.checkpoint import load_generator
    from filmcolor.models.device import resolve_device

    loaded = [load_generator(name, resolve_device(device)) for name in models]
    keep = spread_indices(len(photos), sheet_pictures)
    console = None if quiet else terminal()
    bar = None if console is None else Bar(console)
    reports: list[PhotoReport] = []
    columns: list[list[tuple[Picture, Picture, Picture]]] = []
    for name, model in zip(models, loaded, strict=True):
        title = f"{name} on {len(photos)} photographs"
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


def _print_table(reports: Sequence[PhotoReport]) -> None:
    """Figures of every model beside the baselines, one line a measure."""
    from rich.console import Console
    from rich.table import Table

    from filmcolor.evaluate.report import COMPARED_RATIOS

    first = reports[0]
    table = Table(title=f"{first.photos} photographs", title_justify="left")
    table.add_column("mean over photographs", no_wrap=True)
    for title in (*(report.model for report in reports), "grey", "mean colour", "truth"):
        table.add_column(title, justify="right")
    columns = [*(report.ours for report in reports), first.neutral, first.mean_color]
    for title, name, unit in (
        ("PSNR", "psnr", "dB"),
        ("ab error", "ab_error", ""),
        ("CIEDE2000", "ciede2000", ""),
        ("colourfulness", "colorfulness", ""),
        ("chroma on neutral", "neutral_chroma", ""),
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
    console = Console(highlight=False)
    console.print(table)
    if not all(report.reaches(ratio) for report in reports for ratio in COMPARED_RATIOS):
        console.print("~ beyond the colours that were measured: estimated")


debug_option(evaluate_command)
