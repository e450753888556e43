"""`filmcolor evaluate --val ... --model UPSCALER`: how much nearer than a bicubic enlargement."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from filmcolor.cli.display.base import Display
from filmcolor.cli.display.terminal import count
from filmcolor.cli.evaluate_photos import PhotoChoices, load_val, measure_all
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


def run_upscalers(chosen: PhotoChoices, display: Display, *, as_json: bool) -> None:
    """Measure, draw the sheet, and show a table or JSON."""
    from filmcolor.evaluate.enlarging import evaluate_enlarging
    from filmcolor.models.checkpoint import load_upscaler
    from filmcolor.models.device import resolve_device

    photos = load_val(chosen, display)
    where = resolve_device(chosen.device)
    measures = [partial(evaluate_enlarging, load_upscaler(m, where)) for m in chosen.models]
    names, reports = measure_all(chosen, measures, photos, "bicubic", display, as_json=as_json)
    if not as_json:
        _print_table(names, reports)


def _print_table(names: Sequence[str], reports: Sequence[EnlargeReport]) -> None:
    from filmcolor.cli.display.bar import PlainTable, print_table

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
