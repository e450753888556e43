"""The one place that writes lines and JSON to a terminal or a pipe.

Whatever stands in a line, be it from a file's name or from inside a film, cannot steer the terminal
or pass for another line. Imports nothing heavy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from os import PathLike, fspath

import click

from filmcolor.cli.display.streams import naming_stream

# Categories Cc, Cs, Zl and Zp, and what turns the direction of all that follows.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` as any terminal takes it, in one line: names that are no text, control characters and
    those that turn the direction of writing become "\ufffd".
    """
    return _STEERING.sub("\ufffd", text)


def file_name(path: str | PathLike[str]) -> str:
    """A file name that can be printed, whatever bytes are in it; "pipe" for "-"."""
    return "pipe" if path == "-" else click.format_filename(path)


def with_name(path: str, reason: str) -> str:
    """A file's name and a reason, the name once."""
    name = file_name(path)
    return reason if reason.startswith(name) else f"{name}: {reason}"


def count(number: int, word: str) -> str:
    """`1 shot`, `2 shots`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def write_line(text: str, *, to_stderr: bool = False) -> None:
    """One line on standard output, or on standard error."""
    write_text(printable(text), to_stderr=to_stderr)


def write_lines(lines: Iterable[str], *, to_stderr: bool = False) -> None:
    """Several lines, together."""
    write_text("\n".join(map(printable, lines)), to_stderr=to_stderr)


def write_text(text: str, *, to_stderr: bool = False) -> None:
    """A text of our own, as it is; `OSError` of what cannot be written to names the stream."""
    with naming_stream(is_stderr=to_stderr):
        click.echo(text, err=to_stderr)


def complain(*lines: str) -> None:
    """Lines on standard error, whether or not somebody still reads them."""
    try:
        write_lines(lines, to_stderr=True)
    except OSError:
        return


def write_json(values: object, *, to_stderr: bool = False, indent: int | None = None) -> None:
    """A value as JSON, in one line unless it is indented; everything but ASCII is escaped.

    Fractions become numbers, paths text, dataclasses objects.
    """
    write_text(json.dumps(values, indent=indent, default=_plain), to_stderr=to_stderr)


def _plain(value: object) -> object:
    match value:
        case Fraction():
            return float(value)
        case PathLike():
            return fspath(value)
        case Mapping():
            return dict(value)
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    raise TypeError(f"{type(value).__name__} has no place in JSON")
