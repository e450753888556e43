"""A film's figures drawn over its time, one curve a film, one panel a measure.

It must not know files or models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from filmcolor.evaluate.film_report import FilmReport, FilmRow
from filmcolor.visual.rgb import Rgb

if TYPE_CHECKING:
    from matplotlib.artist import Artist

_POINTS = 1500
"""Longer films are drawn as means over runs of frames, about so many."""
_MOST_CUTS = 200
"""Cuts are drawn up to so many; more would hide the curves."""
_PANELS = {
    "psnr": ("PSNR, dB", 1.0),
    "colorfulness": ("colourfulness", 1.0),
    "cdc": ("CDC x 1000", 1000.0),
    "warp_error": ("warp error", 1.0),
}
_COLORS = ("tab:red", "tab:blue", "tab:green", "tab:orange", "tab:purple", "tab:brown")


def draw_films(report: FilmReport) -> Rgb:
    """The report as a picture: PSNR where there is a truth, colourfulness, CDC and warp error.

    Dotted lines are cuts.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [name for name in _PANELS if name != "psnr" or report.has_truth]
    figure = Figure(figsize=(11, 1 + 2.4 * len(panels)), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, sharex=True)
    styles = _styles(report)
    seconds = np.array(report.seconds)
    step = -(-len(seconds) // _POINTS)
    cuts = [seconds[shot.start] for shot in report.shots[1:]]
    for axis, name in zip(axes, panels, strict=True):
        title, scale = _PANELS[name]
        for row, (color, line) in zip(report.rows, styles, strict=True):
            values = scale * np.array([getattr(frame, name) for frame in row.figures.frames])
            if (name == "psnr" and row.kind == "truth") or np.isnan(values).all():
                continue
            if row.kind == "grey" and name in ("colorfulness", "warp_error"):
                continue  # nothing but zeros
            moments, shown = _binned(seconds, step), _binned(values, step)
            if step == 1:  # a gap at every cut
                starts = [shot.start for shot in report.shots[1:]]
                moments = np.insert(moments, starts, seconds[starts])
                shown = np.insert(shown, starts, np.nan)
            marker = "." if np.isfinite(shown).sum() == 1 else ""
            axis.plot(moments, shown, line, color=color, marker=marker, lw=1.2, label=row.name)
        for cut in cuts if len(cuts) <= _MOST_CUTS else []:
            axis.axvline(cut, color="black", alpha=0.4, linestyle=":", linewidth=1)
        axis.set_ylabel(title)
        axis.grid(alpha=0.3)
        if name != "psnr":
            axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("seconds" if step == 1 else f"seconds; means over {step} frames")
    handles: dict[str, Artist] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    names = [row.name for row in report.rows if row.name in handles]
    figure.legend(
        [handles[name] for name in names], names, loc="outside upper left", ncols=4, frameon=False
    )
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba(), np.uint8)[..., :3]  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(drawn)


def _styles(report: FilmReport) -> list[tuple[str, str]]:
    """Colour and line of every row; a model without smoothing has its own colour, dashed."""
    colors: dict[str, str] = {}

    def style(row: FilmRow) -> tuple[str, str]:
        if row.kind == "grey":
            return "0.6", "--"
        if row.kind == "truth":
            return "black", "-"
        color = colors.setdefault(row.source, _COLORS[len(colors) % len(_COLORS)])
        return color, "--" if row.smooth == "none" else "-"

    return [style(row) for row in report.rows]


def _binned(values: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """Means over runs of `step` values, NaN left out."""
    padded = np.full(-(-len(values) // step) * step, np.nan)
    padded[: len(values)] = values
    means = np.ma.masked_invalid(padded.reshape(-1, step)).mean(axis=1)
    return np.asarray(means.filled(np.nan))
