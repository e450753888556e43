"""The plot over time: what is drawn, where, and where nothing is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from filmcolor.evaluate.film_plot import draw_films
from tests.evaluate.films import report


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """The figures that are drawn."""
    made: list[Figure] = []
    begin = Figure.__init__

    def remember(figure: Figure, *arguments: object, **chosen: object) -> None:
        made.append(figure)
        begin(figure, *arguments, **chosen)  # type: ignore[arg-type]

    monkeypatch.setattr(Figure, "__init__", remember)
    yield made


def curves(axis: Axes) -> dict[str, np.ndarray]:
    return {
        str(line.get_label()): np.asarray(line.get_xydata())
        for line in axis.lines
        if not str(line.get_label()).startswith("_")
    }


def test_every_measure_has_a_panel_and_every_film_a_curve(figures: list[Figure]) -> None:
    shots = [0] * 6 + [1] * 4
    drawn = draw_films(
        report(
            shots,
            ("grey", "grey", lambda index: 1.0),
            ("truth", "truth", lambda index: 2.0),
            ("ours.mp4", "result", lambda index: 3.0 + index),
        )
    )
    assert drawn.dtype == np.uint8 and drawn.ndim == 3 and drawn.std() > 5
    (figure,) = figures
    psnr, color, cdc, warp = figure.axes
    assert [axis.get_ylabel() for axis in figure.axes] == [
        "PSNR, dB",
        "colourfulness",
        "CDC x 1000",
        "warp error",
    ]
    assert set(curves(psnr)) == {"grey", "ours.mp4"}
    assert set(curves(color)) == set(curves(warp)) == {"truth", "ours.mp4"}
    assert set(curves(cdc)) == {"grey", "truth", "ours.mp4"}
    ours = curves(color)["ours.mp4"]
    assert ours[2].tolist() == pytest.approx([0.2, 5.0])
    assert np.isnan(ours[6, 1]) and ours[7].tolist() == pytest.approx([0.6, 9.0])  # a gap, a cut
    moving = curves(warp)["ours.mp4"]
    assert moving[4, 1] == 7.0 and np.isnan(moving[5:7, 1]).all() and moving[7, 1] == 9.0
    assert curves(cdc)["truth"][0, 1] == pytest.approx(2.0)
    for axis in figure.axes:
        dotted = [line for line in axis.lines if line.get_linestyle() == ":"]
        assert [line.get_xdata()[0] for line in dotted] == pytest.approx([0.6])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["grey", "truth", "ours.mp4"]


def test_without_a_truth_there_is_no_psnr(figures: list[Figure]) -> None:
    draw_films(report([0] * 4, ("grey", "grey", float), ("ours", "result", float)))
    titles = [axis.get_ylabel() for axis in figures[0].axes]
    assert titles == ["colourfulness", "CDC x 1000", "warp error"]


def test_a_long_film_is_drawn_as_means(figures: list[Figure]) -> None:
    length = 4001
    draw_films(report([0] * length, ("grey", "grey", float), ("ours", "result", float)))
    color, _, warp = figures[0].axes
    ours = curves(color)["ours"]
    assert len(ours) == 1334
    assert ours[1].tolist() == pytest.approx([0.4, 4.0])
    assert ours[-1].tolist() == pytest.approx([399.95, 3999.5])
    assert curves(warp)["ours"][-1, 1] == 3999.0  # the last frame has no next one
    assert "means over 3 frames" in warp.get_xlabel()


def test_many_cuts_do_not_hide_the_curves(figures: list[Figure]) -> None:
    shots = [index // 2 for index in range(800)]
    draw_films(report(shots, ("grey", "grey", float), ("ours", "result", float)))
    assert all(line.get_linestyle() != ":" for axis in figures[0].axes for line in axis.lines)


def test_a_film_of_one_frame_is_a_point(figures: list[Figure]) -> None:
    draw_films(report([0], ("grey", "grey", float), ("ours", "result", float)))
    color, cdc, warp = figures[0].axes
    assert [line.get_marker() for line in color.lines] == ["."]
    assert not cdc.lines and not warp.lines
