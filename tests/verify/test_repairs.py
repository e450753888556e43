"""What `verify` takes for a repair, and what it does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from filmcolor.verify.picture import compare_luma
from filmcolor.verify.repairs import as_repaired, keeps_codes, stated_repairs

Codes = NDArray[np.uint8]
ALL = ("dust", "scratches", "flicker", "weave", "noise")


def picture(seed: int = 1) -> Codes:
    rng = np.random.default_rng(seed)
    field = cv2.GaussianBlur(rng.normal(0, 1, (120, 160)), (0, 0), 3)
    level = 120 + 40 * field / field.std() + rng.normal(0, 2, field.shape)
    return np.clip(np.rint(level), 16, 235).astype(np.uint8)


def moved(plane: Codes, across: float, down: float) -> Codes:
    matrix = np.array([[1, 0, across], [0, 1, down]], np.float64)
    how = cv2.INTER_LANCZOS4
    made = cv2.warpAffine(
        plane, matrix, plane.shape[::-1], flags=how, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(made, np.uint8)


def exposed(plane: Codes, gain: float) -> Codes:
    return np.clip(np.rint(plane * gain), 0, 255).astype(np.uint8)


def block_error(source: Codes, result: Codes, *kinds: str, lossless: bool = False) -> float:
    return compare_luma(as_repaired(source, result, kinds, 8, lossless=lossless), result, 8).mean


def spotted(plane: Codes) -> Codes:
    made = plane.copy()
    cv2.circle(made, (60, 40), 6, 230, -1)
    made[:, 100:102] = 30
    return made


@pytest.mark.parametrize(
    ("made", "kinds"),
    [
        (spotted(picture()), ("dust", "scratches")),
        (exposed(picture(), 1.12), ("flicker",)),
        (moved(picture(), 1.4, -0.7), ("weave",)),
        (exposed(moved(spotted(picture()), 1.4, -0.7), 0.9), ALL),
    ],
)
def test_what_a_repair_may_change_is_no_fault(made: Codes, kinds: tuple[str, ...]) -> None:
    assert block_error(picture(), made, *kinds) < 4
    assert block_error(picture(), made) > 4


@pytest.mark.parametrize("kinds", [("dust", "scratches"), ("flicker",), ("weave",), ALL])
def test_all_else_is_one(kinds: tuple[str, ...]) -> None:
    source = picture()
    half = source.copy()
    half[:60] = source[:60] // 2 + 60
    for wrong in (picture(2), half, moved(source, 25, 0), source[:, ::-1].copy()):
        assert block_error(source, wrong, *kinds) > 8


def test_where_nothing_was_repaired_every_code_counts() -> None:
    source = picture()
    made = spotted(source)
    assert np.array_equal(as_repaired(source, made, ("dust",), 8, lossless=True), made)
    many = source.copy()
    many[:, ::8] += 1
    expected = as_repaired(source, many, ("dust",), 8, lossless=True)
    assert np.array_equal(expected, source)  # an eighth of the pixels is no dust


def test_kinds_that_keep_codes() -> None:
    assert keeps_codes(("dust", "scratches"))
    assert not keeps_codes(("dust", "flicker"))


def test_the_label_says_what_was_repaired() -> None:
    texts = ["a title", "colorized by filmcolor 1.0, default, restored: dust weave"]
    assert stated_repairs(texts) == ("dust", "weave")
    assert stated_repairs(["nothing restored here"]) == ()
