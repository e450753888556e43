"""`filmcolor evaluate --val ... --model UPSCALER`: how much nearer than a bicubic enlargement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from filmcolor.cli.lines import write_json
from filmcolor.errors import CheckpointError, OptionError

if TYPE_CHECKING:
    from filmcolor.evaluate.enlarging import EnlargeReport


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


def run_upscalers(
    models: Sequence[str],
    val: Sequence[str],
    limit: int | None,
    short_side: int,
    device: str,
    sheet: str | None,
    sheet_pictures: int,
    *,
    as_json: bool,
) -> None:
    """Measure, draw the sheet, and show a table or JSON."""
    from filmcolor.cli.evaluate_photos import load_val
    from filmcolor.evaluate.enlarging import evaluate_enlarging
    from filmcolor.evaluate.report import spread_indices
    from filmcolor.models.checkpoint import load_upscaler
    from filmcolor.models.device import resolve_device
    from filmcolor.visual.sheets import Picture, distinct_names, make_sheet, write_png

    photos = load_val(val, limit, short_side)
    names = distinct_names(models)
    keep = spread_indices(len(photos), sheet_pictures)
    reports: list[EnlargeReport] = []
    columns: list[list[tuple[Picture, Picture, Picture]]] = []
    for name in models:
        column: list[tuple[Picture, Picture, Picture]] = []
        report = evaluate_enlarging(
            load_upscaler(name, resolve_device(device)),
            photos.photos,
            short_side=short_side,
            keep=keep,
            on_picture=lambda plain, ours, truth, column=column: column.append(  # type: ignore[misc]
                (plain, ours, truth)
            ),
        )
        reports.append(report)
        columns.append(column)
    if sheet is not None:
        rows = [
            [cells[0][0], *(ours for _, ours, _ in cells), cells[0][2]]
            for cells in zip(*columns, strict=True)
        ]
        write_png(Path(sheet), make_sheet(rows, titles=["bicubic", *names, "truth"]))
    if as_json:
        everything = [
            {"name": name, "source": model, **report.as_dict()}
            for name, model, report in zip(names, models, reports, strict=True)
        ]
        write_json(everything, indent=2)
    else:
        _print_table(names, reports)


def _print_table(names: Sequence[str], reports: Sequence[EnlargeReport]) -> None:
    from filmcolor.cli.screen import PlainTable, count, print_table

    first = reports[0]
    table = PlainTable(title=count(first.photos, "photograph"), title_justify="left")
    table.add_column("mean over photographs made smaller", overflow="fold")
    for title in (*names, "bicubic"):
        table.add_column(title, justify="right", overflow="fold")
    cells = [f"{report.psnr:.2f} dB" for report in reports]
    table.add_row("PSNR of luma", *cells, f"{first.psnr_bicubic:.2f} dB")
    table.add_row("gain over bicubic", *(f"{report.psnr_gain:+.2f} dB" for report in reports), "")
    cells = [f"{report.down_error:.2f}" for report in reports]
    table.add_row("brought back down, off by codes", *cells, f"{first.down_error_bicubic:.2f}")
    print_table(table)
