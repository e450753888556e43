"""The things in a plan's file: what people say of things that are seen in one shot or in several.

    [[thing]]
    name = "00-00-02.500_3"
    color = "#7a3b2e"

It knows no films: which things there are is for others to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from filmcolor.errors import OptionError
from filmcolor.typed import check_types

_KEYS = ("name", "color", "keep_apart", "join")
_COLOR = re.compile("#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class PlanThing:
    """One thing as the file has it. A thing is named by any place where it is seen: by the start of
    a shot and a number there.
    """

    name: str
    color: str | None = None
    """ "#rrggbb", sRGB."""
    keep_apart: tuple[str, ...] = ()
    """What is seen there is not this thing."""
    join: str | None = None
    """What is seen there is this thing too."""
    swatch: str = field(default="", compare=False)
    """Its colour as it is, for people: written, but not read. The next two likewise."""
    sure: float = field(default=0.0, compare=False)
    """0..1: how sure the model is of that colour."""
    seen: tuple[str, ...] = field(default=(), compare=False)
    """Where, a line each."""
    place: str = field(default="", compare=False)
    """Of its entry, in words: file, line as far as it is known, number."""
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Of its keys, and of its head ("")."""

    def __post_init__(self) -> None:
        check_types(self)

    @property
    def is_edited(self) -> bool:
        """Whether anything is said of it."""
        return self.color is not None or bool(self.keep_apart) or self.join is not None

    def error(self, key: str, what: object) -> OptionError:
        """That something is wrong with a key of it."""
        return _error(self.place, self.lines, key, what)

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue of its colour, 0..255."""
        red, green, blue = bytes.fromhex((self.color or "")[1:])
        return red, green, blue


def _error(place: str, lines: Mapping[str, int], key: str, what: object) -> OptionError:
    line = lines.get(key) or lines.get("")
    path, _, entry = place.rpartition(": ")
    parts = [path] + ([f"line {line}"] if line else []) + [entry] + ([key] if key else [])
    return OptionError(f"{': '.join(parts)}: {what}")


def read_things(
    path: str, entries: object, lines: Mapping[tuple[int, str], int]
) -> tuple[PlanThing, ...]:
    """The entries of the file; `lines` says where number and key stand, as far as it is known.

    Raises `OptionError` with the place.
    """
    if not isinstance(entries, list):
        raise OptionError(f"{path}: thing: must be tables; begin each with [[thing]]")
    found: list[PlanThing] = []
    for number, entry in enumerate(entries, 1):
        own = {key: line for (each, key), line in lines.items() if each == number}
        thing = _thing(f"{path}: thing {number}", own, entry)
        for earlier, other in enumerate(found, 1):
            if other.name == thing.name:
                what = f"{thing.name} is that of thing {earlier}; write all of it there"
                raise thing.error("name", what)
        found.append(thing)
    return tuple(found)


def _thing(place: str, lines: Mapping[str, int], entry: object) -> PlanThing:
    def error(key: str, what: object) -> OptionError:
        return _error(place, lines, key, what)

    if not isinstance(entry, Mapping):
        raise error("", "must be a table; begin it with [[thing]]")
    values: Mapping[str, Any] = entry
    if "name" not in values:
        raise error("name", "missing; `filmcolor plan` lists the names of things")
    name = values["name"]
    if not isinstance(name, str) or not name:
        raise error("name", "must be the name of a thing, as text")
    place = f"{place} ({name})"
    if unknown := values.keys() - set(_KEYS):
        raise error(min(unknown), f"no such key (known: {', '.join(_KEYS)})")
    color = values.get("color")
    if color is not None and not (isinstance(color, str) and _COLOR.fullmatch(color)):
        raise error("color", f"{color!r} is none; write it as #8b1a1a")
    join = values.get("join")
    if join is not None and not (isinstance(join, str) and join):
        raise error("join", "must be the name of a thing, as text")
    apart = values.get("keep_apart", [])
    apart = apart if isinstance(apart, list) else [apart]
    if not all(isinstance(each, str) and each for each in apart):
        raise error("keep_apart", "must be names of things, as text in [ ]")
    return PlanThing(name, color, tuple(apart), join, place=place, lines=lines)


def things_text(things: Sequence[PlanThing]) -> list[str]:
    """Lines of the plan's file."""
    lines = []
    for thing in things:
        lines += ["", "[[thing]]", f"name = {quoted(thing.name)}"]
        if thing.color is not None:
            lines.append(f'color = "{thing.color}"')
        elif thing.swatch:
            lines.append(f'# color = "{thing.swatch}"  # as it is, {thing.sure:.0%} sure')
        if thing.keep_apart:
            names = ", ".join(map(quoted, thing.keep_apart))
            lines.append(f"keep_apart = [{names}]")
        if thing.join is not None:
            lines.append(f"join = {quoted(thing.join)}")
        lines += [f"# {in_comment(each)}" for each in thing.seen]
    return lines


def quoted(text: str) -> str:
    """A basic string of TOML: JSON's, but for one character that it lets through."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def in_comment(text: str) -> str:
    """Text that stays in its line."""
    return "".join(character if character.isprintable() else "?" for character in text)
