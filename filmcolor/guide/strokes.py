"""Strokes from a TOML or JSON file: points and boxes with the colours that are known there.

    [[stroke]]
    at = "00:01:12.4"
    points = [[320, 200], [350, 220]]
    color = "#8b1a1a"

It must not know films.
"""

from __future__ import annotations

import datetime
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from filmcolor.errors import OptionError, refusals
from filmcolor.files_read import FilesRead
from filmcolor.options import Stroke
from filmcolor.timecode import parse_seconds
from filmcolor.typed import convert

_KEYS = ("at", "point", "points", "box", "color", "radius")
_LARGEST_FILE = 16 << 20
_LARGEST = 1e9
"""Px, or seconds."""


def read_strokes(path: str | Path, files: FilesRead | None = None) -> tuple[Stroke, ...]:
    """The strokes of a file, which `files` takes note of, in its order; what it begins with tells
    JSON from TOML.

    Raises `OptionError` with the file, and the line or the number of the stroke and its key.
    """
    way_out = "write strokes as TOML or JSON"
    text = read_text(path, _LARGEST_FILE, "a file of strokes", way_out, files)
    values = parsed(path, text, json.loads if text.lstrip().startswith("{") else tomllib.loads)
    if unknown := values.keys() - {"stroke"}:
        raise OptionError(f"{path}: {min(unknown)}: no such key; a file of strokes has 'stroke'")
    entries = values.get("stroke")
    if not isinstance(entries, list) or not entries:
        raise OptionError(f"{path}: no strokes in it; begin each with [[stroke]]")
    try:
        return parse_strokes(entries)
    except ValueError as error:
        raise OptionError(f"{path}: {error}") from error


def read_text(
    path: str | Path, largest: int, what: str, way_out: str, files: FilesRead | None
) -> str:
    """The text of a file of at most `largest` bytes, which `files` takes note of; `OptionError` in
    the words of `what` it should be and the `way_out`.
    """
    with refusals(OptionError, f"{path}: cannot be read", f"; {way_out}"), open(path, "rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OptionError(f"{path}: too large for {what}")
    if files is not None:
        files.note(path, content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OptionError(f"{path}: not a text file; {way_out}") from error


def parsed(
    path: str | Path, text: str, loads: Callable[[str], dict[str, Any]], way_out: str = ""
) -> dict[str, Any]:
    """What `loads` makes of the text of a file; `OptionError` where that is not of its format."""
    try:
        return loads(text)
    except ValueError as error:
        raise OptionError(f"{path}: {error}{way_out}") from error
    except RecursionError as error:
        raise OptionError(f"{path}: nested too deeply") from error


def parse_strokes(entries: Sequence[object]) -> tuple[Stroke, ...]:
    """The entries of a file; raises `ValueError` with the number of the stroke and its key."""
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(parse_stroke(entry))
        except (OptionError, ValueError, OverflowError) as error:
            raise ValueError(f"stroke {number}: {error}") from error
    return tuple(found)


def parse_stroke(entry: object) -> Stroke:
    """One entry of a file; raises `OptionError` or `ValueError` that names the key."""
    if not isinstance(entry, Mapping):
        raise ValueError("must be a table of keys and values")
    unknown = entry.keys() - set(_KEYS)
    if unknown:
        raise ValueError(f"{min(unknown)}: no such key (known: {', '.join(_KEYS)})")
    for key in ("at", "color"):
        if key not in entry:
            raise ValueError(f"{key}: missing")
    if "point" in entry and "points" in entry:
        raise ValueError("point, points: give one of them")
    points = [entry["point"]] if "point" in entry else entry.get("points", [])
    if not isinstance(points, list):
        raise ValueError("points: must be a list of [x, y]")
    box = entry.get("box")
    (radius,) = _numbers("radius", [entry.get("radius", 1.0)], 1)
    x0, y0, x1, y1 = (0.0,) * 4 if box is None else _numbers("box", box, 4)
    places = [_numbers("point" if "point" in entry else "points", each, 2) for each in points]
    return Stroke(
        at=parse_time("at", entry["at"]),
        color=entry["color"],
        points=tuple((x, y) for x, y in places),
        box=None if box is None else (x0, y0, x1, y1),
        radius=radius,
    )


def parse_time(key: str, value: object) -> Fraction:
    """Seconds, from text such as "00:01:12.4", from a number, or from a TOML time; raises
    `ValueError` that names the key.
    """
    if isinstance(value, datetime.time) and value.tzinfo is None:
        value = value.isoformat()
    if isinstance(value, str):
        try:
            return parse_seconds(value)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    (seconds,) = _numbers(key, [value], 1)
    if seconds < 0:
        raise ValueError(f"{key}: must not be negative")
    return Fraction(str(seconds))


def _numbers(key: str, values: object, count: int) -> tuple[float, ...]:
    """So many numbers, neither infinite nor NaN."""
    try:
        found: tuple[float, ...] = convert(tuple[(float,) * count], values, key)  # type: ignore[misc]
    except OptionError:
        found = ()
    if len(found) != count or not all(abs(value) < _LARGEST for value in found):
        raise ValueError(f"{key}: must be {count} numbers" if count > 1 else f"{key}: no number")
    return found
