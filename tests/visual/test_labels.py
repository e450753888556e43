"""Names that are short and still tell files apart."""

from __future__ import annotations

import pytest

from filmcolor.visual.sheets import distinct_names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["default"], ["default"]),
        (["/films/out/ours.mp4"], ["ours.mp4"]),
        (["a/ours.mp4", "b/theirs.mp4"], ["ours.mp4", "theirs.mp4"]),
        (
            ["runs/a/best.safetensors", "runs/b/best.safetensors", "default"],
            ["a/best.safetensors", "b/best.safetensors", "default"],
        ),
        (["x/a/1/best", "x/b/1/best", "x/b/2/best"], ["a/1/best", "b/1/best", "2/best"]),
        (["best", "runs/best"], ["best", "runs/best"]),
        (["/best", "runs/best"], ["/best", "runs/best"]),
        (["default", "default"], ["default", "default"]),
        (["./a/best", "a/best"], ["best", "best"]),
        ([], []),
    ],
)
def test_names_are_as_short_as_they_can_be(paths: list[str], names: list[str]) -> None:
    assert distinct_names(paths) == names
