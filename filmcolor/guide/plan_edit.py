"""Changes single values in the text of a plan, and leaves all else as people wrote it: comments,
order, spaces, and what this version does not know.

Every change is read back: what comes of it is the plan with this one value changed, or an error.
It knows neither films nor files.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from filmcolor.errors import OptionError
from filmcolor.guide.plan_file import PlanStill
from filmcolor.guide.plan_text import stroke_lines, value_text
from filmcolor.guide.strokes import parse_strokes
from filmcolor.options import Stroke

Strokes = str | tuple[Stroke, ...] | None
"""A file of them, the strokes themselves, or nothing said."""

Choice = bool | float | str | tuple[PlanStill, ...] | None

_Place = tuple[str, int]
"""Kind of a table, and its number among those of its kind, from 1; 0 for the only one."""

_HEADER = re.compile(r"\s*(\[\[?)([^\[\]#]+)\]\]?\s*(?:#.*)?")
_COMMENT = re.compile(r"""(?:[^"'#]|"[^"\\]*"|'[^']*')*?(?P<comment>\s+#.*)""")


def with_choice(text: str, shot: int, key: str, value: Choice) -> str:
    """The plan with a choice of a shot, counted from 1, or of the film (0); None takes it out.

    Raises `OptionError` where the text is laid out in a way that cannot be changed so.
    """
    return _with_value(text, _shot(shot), key, value)


def with_thing(text: str, name: str, key: str, value: Choice) -> str:
    """The plan with something said of the thing of a name, which gets a table if it has none; None
    takes it out. Raises as `with_choice`.
    """
    values = tomllib.loads(text)
    names = [thing.get("name") for thing in values.get("thing", [])]
    if name in names:
        return _with_value(text, ("thing", names.index(name) + 1), key, value)
    if value is None:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = ["", "[[thing]]", f"name = {value_text(name)}", f"{key} = {value_text(value)}", ""]
    found = text + ("" if text.endswith("\n") else newline) + newline.join(lines)
    values["thing"] = [*values.get("thing", []), {"name": name, key: value}]
    _compare(found, values, ("thing", len(names) + 1))
    return found


def _with_value(text: str, place: _Place, key: str, value: Choice) -> str:
    layout = _Layout.of(text)
    table = layout.table(place)
    line = None if value is None else f"{key} = {value_text(value)}"
    table.put(key, line)
    found = layout.text()
    wanted = _table(tomllib.loads(text), place)
    wanted.pop(key, None)
    if line is not None:
        wanted |= tomllib.loads(line)
    _check(text, found, place, wanted)
    return found


def with_strokes(text: str, shot: int, strokes: Strokes) -> str:
    """The plan with these strokes of a shot, counted from 1, or of the film (0); those that stay
    keep their tables. Raises as `with_choice`.
    """
    layout, place = _Layout.of(text), _shot(shot)
    table, name = layout.table(place), place[0]
    before = _table(tomllib.loads(text), place).get("strokes")
    wanted = strokes if isinstance(strokes, tuple) else ()
    left = list(wanted)
    there = parse_strokes(before) if isinstance(before, list) and table.blocks else ()
    kept: list[_Block] = []
    for block, stroke in zip(table.blocks, there, strict=False):
        if left and left[0] == stroke:
            kept.append(block)
            left.pop(0)
        else:
            kept += block.without()
    table.put("strokes", None)
    if isinstance(strokes, str) or strokes == ():
        table.put("strokes", f"strokes = {value_text(strokes) if strokes else '[]'}")
    table.blocks = kept
    table.add_blocks(["", f"[[{name}.strokes]]", *stroke_lines(stroke)] for stroke in left)
    found = layout.text()
    after = _table(tomllib.loads(found), place)
    said = after.pop("strokes", None)
    if (parse_strokes(said) if isinstance(said, list) else said) != strokes:
        raise _cannot(place)
    rest = _table(tomllib.loads(text), place)
    rest.pop("strokes", None)
    _check(text, found, place, rest | ({} if said is None else {"strokes": said}))
    return found


def _shot(shot: int) -> _Place:
    return ("shot", shot) if shot else ("film", 0)


def _table(values: Mapping[str, Any], place: _Place) -> dict[str, Any]:
    kind, number = place
    return dict(values[kind][number - 1] if number else values.get(kind, {}))


def _check(before: str, after: str, place: _Place, wanted: Mapping[str, Any]) -> None:
    """Raise where the change has come to anything else than what was wanted."""
    values, (kind, number) = tomllib.loads(before), place
    if number:
        values[kind][number - 1] = wanted
    else:
        values[kind] = wanted
    _compare(after, values, place)


def _compare(after: str, wanted: dict[str, Any], place: _Place) -> None:
    try:
        found = tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        raise _cannot(place) from None
    if found.setdefault("film", {}) != wanted.setdefault("film", {}) or found != wanted:
        raise _cannot(place)


def _cannot(place: _Place) -> OptionError:
    kind, number = place
    where = f"{kind} {number}" if number else "[film]"
    return OptionError(
        f"{where}: the plan is laid out in a way that cannot be changed from here; change it in a "
        "text editor"
    )


@dataclass(slots=True)
class _Block:
    """A table of a stroke: its header and what follows, to the next header."""

    lines: list[str]

    def without(self) -> list[_Block]:
        """What stays when it goes: comments and empty lines behind its last value."""
        kept = self.lines[_tail(self.lines) :]
        while kept and not kept[0].strip():  # the one before it has such a line behind it
            kept.pop(0)
        return [_Block(kept)] if kept else []


@dataclass(slots=True)
class _Table:
    """A shot, or the film: header, values, and the tables of its strokes."""

    head: list[str]
    """The header, and each value with its comments, one after the other."""
    starts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Lines of each value in `head`, half-open."""
    blocks: list[_Block] = field(default_factory=list)

    def put(self, key: str, line: str | None) -> None:
        """Set a value to a line, or take it out."""
        span = self.starts.pop(key, None)
        if span is not None:
            start, stop = span
            said = _COMMENT.fullmatch(self.head[start]) if stop == start + 1 else None
            new = [] if line is None else [line + (said["comment"] if said else "")]
        elif line is not None:
            start = stop = max([end for _, end in self.starts.values()], default=1)
            new = [line]
        else:
            return
        self.head[start:stop] = new
        moved = len(new) - (stop - start)
        self.starts = {
            name: (a + moved, b + moved) if a >= stop else (a, b)
            for name, (a, b) in self.starts.items()
        }
        if new:
            self.starts[key] = start, start + 1

    def add_blocks(self, added: Iterable[Sequence[str]]) -> None:
        """Add tables behind the last value; comments that stand before the next shot stay there."""
        for lines in added:
            last = self.blocks[-1].lines if self.blocks else self.head
            tail = _tail(last)
            after = last[tail:]
            del last[tail:]
            if last and not last[-1].strip():
                lines = lines[1:]
            self.blocks.append(_Block([*lines, *after]))


def _tail(lines: Sequence[str]) -> int:
    """Where only empty lines and comments follow."""
    count = len(lines)
    while count and (not lines[count - 1].strip() or lines[count - 1].lstrip().startswith("#")):
        count -= 1
    return count


@dataclass(slots=True)
class _Layout:
    """A plan's text in tables; what is neither film nor shot stands in tables of its own."""

    newline: str
    tables: list[tuple[_Place, _Table]]
    ends: bool
    """Whether the last line ends with a newline."""

    @classmethod
    def of(cls, text: str) -> _Layout:
        """Divide the text; `OptionError` for one that is no TOML."""
        newline = "\r\n" if "\r\n" in text else "\n"
        lines = text.replace("\r\n", "\n").split("\n")
        ends = lines[-1] == ""
        tables: list[tuple[_Place, _Table]] = [(("", 0), _Table([]))]
        counts, at = {"shot": 0, "thing": 0}, 0
        lines = lines[:-1] if ends else lines
        while at < len(lines):
            stop, key = _statement(lines, at)
            header = _HEADER.fullmatch(lines[at]) if key is None else None
            table = tables[-1][1]
            if header is not None:
                name = re.sub(r"\s", "", header[2])
                if name == f"{tables[-1][0][0]}.strokes":
                    table.blocks.append(_Block([lines[at]]))
                else:
                    if name in counts:
                        counts[name] += 1
                    tables.append(((name, counts.get(name, 0)), _Table([lines[at]])))
            elif table.blocks:
                table.blocks[-1].lines += lines[at:stop]
            else:
                if key is not None:
                    table.starts[key] = len(table.head), len(table.head) + stop - at
                table.head += lines[at:stop]
            at = stop
        return cls(newline, tables, ends)

    def table(self, wanted: _Place) -> _Table:
        """That of a shot or a thing, or of the film, which is made if it is not there."""
        for each, table in self.tables:
            if each == wanted:
                return table
        if wanted[1]:
            raise _cannot(wanted)
        made = _Table(["[film]", ""])
        first = self.tables[0][1].head
        tail = _tail(first)  # comments right above the first shot stay with it
        place = next((n for n, (each, _) in enumerate(self.tables) if each[1]), len(self.tables))
        if place == 1:
            above = len(first)
            while above > tail and first[above - 1].strip():
                above -= 1
            made.head += first[above:]
            del first[above:]
        self.tables.insert(place, (("film", 0), made))
        return made

    def text(self) -> str:
        """All of it."""
        lines: list[str] = []
        for _, table in self.tables:
            lines += table.head
            for block in table.blocks:
                lines += block.lines
        return self.newline.join(lines) + (self.newline if self.ends else "")


def _statement(lines: Sequence[str], at: int) -> tuple[int, str | None]:
    """Where what begins at a line ends, and the key of a value; None for all else."""
    line = lines[at].strip()
    if not line or line.startswith("#") or _HEADER.fullmatch(lines[at]):
        return at + 1, None
    for stop in range(at + 1, len(lines) + 1):
        try:
            (key,) = tomllib.loads("\n".join(lines[at:stop]))
        except ValueError:
            continue
        return stop, key
    raise OptionError(f"line {at + 1}: is no TOML; correct it in a text editor")
