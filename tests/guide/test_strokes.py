"""Strokes are read from TOML and JSON alike; what is wrong with them is said in one line."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from filmcolor.errors import OptionError
from filmcolor.guide.strokes import read_strokes
from filmcolor.options import Stroke
from filmcolor.timecode import name_of, parse_seconds, seconds_in

GOOD = """
[[stroke]]
at = "00:01:12.4"
points = [[320, 200], [350.5, 220]]
color = "#8b1a1a"
radius = 3

[[stroke]]
at = 12.5
box = [0, 1, 20, 30]
color = "#00FF7f"

[[stroke]]
at = 3
point = [1, 2]
color = "#123456"
"""


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    toml, other = tmp_path / "a.toml", tmp_path / "b.json"
    toml.write_text(GOOD, encoding="utf-8")
    entries = [
        {"at": "1:12.4", "points": [[320, 200], [350.5, 220]], "color": "#8b1a1a", "radius": 3},
        {"at": 12.5, "box": [0, 1, 20, 30], "color": "#00FF7f"},
        {"at": 3, "point": [1, 2], "color": "#123456"},
    ]
    other.write_text(json.dumps({"stroke": entries}), encoding="utf-8")
    expected = (
        Stroke(Fraction("72.4"), "#8b1a1a", ((320, 200), (350.5, 220)), radius=3.0),
        Stroke(Fraction("12.5"), "#00FF7f", box=(0, 1, 20, 30)),
        Stroke(Fraction(3), "#123456", ((1, 2),)),
    )
    assert read_strokes(toml) == expected
    assert read_strokes(other) == expected
    assert expected[1].rgb == (0, 255, 127)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[stroke]]\nat = 1\npoint = [1, 2\ncolor = "#123456"', "line 4"),
        ('{"stroke": [}', "line 1 column 13"),
        ("", "no strokes in it"),
        ("strokes = 1", "strokes: no such key"),
        ("stroke = 1", "no strokes in it"),
        ("stroke = [1]", "stroke 1: must be a table"),
        ('[[stroke]]\npoint = [1, 2]\ncolor = "#123456"', "stroke 1: at: missing"),
        ("[[stroke]]\nat = 1\npoint = [1, 2]", "stroke 1: color: missing"),
        ('[[stroke]]\nat = "soon"\npoint = [1, 2]\ncolor = "#123456"', "at: 'soon' is no time"),
        ('[[stroke]]\nat = true\npoint = [1, 2]\ncolor = "#123456"', "at: no number"),
        ('[[stroke]]\nat = -1\npoint = [1, 2]\ncolor = "#123456"', "at: must not be negative"),
        ('[[stroke]]\nat = nan\npoint = [1, 2]\ncolor = "#123456"', "at: no number"),
        ('[[stroke]]\nat = 1\npoint = [1, 2]\ncolor = "red"', "color: 'red' is none"),
        ("[[stroke]]\nat = 1\npoint = [1, 2]\ncolor = 7", "color: must be text"),
        ('[[stroke]]\nat = 1\npoint = [1]\ncolor = "#123456"', "point: must be 2 numbers"),
        ('[[stroke]]\nat = 1\npoints = [1, 2]\ncolor = "#123456"', "points: must be 2 numbers"),
        ('[[stroke]]\nat = 1\npoints = 5\ncolor = "#123456"', "points: must be a list"),
        ('[[stroke]]\nat = 1\nbox = [1, 2, 3]\ncolor = "#123456"', "box: must be 4 numbers"),
        ('[[stroke]]\nat = 1\nbox = [5, 2, 3, 9]\ncolor = "#123456"', "box: must be x0, y0"),
        ('[[stroke]]\nat = 1\ncolor = "#123456"', "either points or a box"),
        (
            '[[stroke]]\nat = 1\npoint = [1, 2]\nbox = [1, 2, 3, 4]\ncolor = "#123456"',
            "either points or a box",
        ),
        (
            '[[stroke]]\nat = 1\npoint = [1, 2]\npoints = [[1, 2]]\ncolor = "#123456"',
            "give one of them",
        ),
        (
            '[[stroke]]\nat = 1\npoint = [1, 2]\ncolor = "#123456"\nradius = 0',
            "radius: must be more",
        ),
        (
            '[[stroke]]\nat = 1\npoint = [1, 2]\ncolor = "#123456"\n[[stroke]]\ncolour = 1',
            "stroke 2: colour: no such key (known: at",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "strokes.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError) as caught:
        read_strokes(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be read"):
        read_strokes(tmp_path / "none.toml")
    (tmp_path / "film.mp4").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(OptionError, match="not a text file"):
        read_strokes(tmp_path / "film.mp4")


@pytest.mark.parametrize("text", ["0", "0.0416", "72.4", "3599.9996", "360000"])
def test_a_time_in_a_name_comes_back_to_the_millisecond(text: str) -> None:
    seconds = parse_seconds(text)
    again = seconds_in(f"shot-0003_{name_of(seconds)}")
    assert again is not None
    assert abs(again - seconds) <= Fraction(1, 2000)


def test_names_without_a_time() -> None:
    assert name_of(Fraction("72.4")) == "00-01-12.400"
    assert seconds_in("shot-0003") is None
    assert seconds_in("00-61-00") is None
