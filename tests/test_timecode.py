"""Times as text."""

from __future__ import annotations

from fractions import Fraction

import pytest

from filmcolor.timecode import clock_text, name_of, parse_rate, seconds_in, time_text


@pytest.mark.parametrize(
    ("seconds", "digits", "text"),
    [
        (0, 0, "0:00"),
        (5.4, 0, "0:05"),
        (754, 0, "12:34"),
        (3723, 0, "1:02:03"),
        (4.5, 1, "0:04.5"),
        (59.96, 1, "1:00.0"),
        (3723.04, 1, "1:02:03.0"),
        (61.239, 2, "1:01.24"),
        (Fraction(1, 3), 2, "0:00.33"),
    ],
)
def test_clock_text(seconds: float, digits: int, text: str) -> None:
    assert clock_text(seconds, digits) == text


def test_names_and_texts_of_times() -> None:
    moment = Fraction(724, 10)
    assert time_text(moment) == "00:01:12.400"
    assert time_text(moment + Fraction(1, 10**6)) == "00:01:12.400001"
    assert name_of(moment) == "00-01-12.400"
    assert seconds_in(f"still {name_of(moment)}.png") == moment


def test_rates() -> None:
    for text, rate in (
        ("18", 18),
        ("16.67", Fraction(1667, 100)),
        ("24000/1001", Fraction(24000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("12.5", Fraction(25, 2)),
    ):
        assert parse_rate(text) == rate
    for text in ("", "x", "18/0", "-5", "1e3", "inf"):
        with pytest.raises(ValueError, match="is no rate"):
            parse_rate(text)
