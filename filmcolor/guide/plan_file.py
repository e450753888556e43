"""The plan of a film as a file that people edit: its shots, and what is chosen for each.

    [film]
    look = "vivid"

    [[shot]]
    start = "00:00:00.000"
    saturation = 1.2

It knows no films: where a time falls, and whether a model has a look, is for others to say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_origin

from filmcolor.errors import OptionError
from filmcolor.files_read import FilesRead
from filmcolor.guide.plan_things import PlanThing, read_things
from filmcolor.guide.strokes import parse_strokes, parse_time, parsed, read_text
from filmcolor.options import ColorOptions, Look, RunOptions, Stroke, UpscaleFor
from filmcolor.options.facts import facts_of, is_within, names_of
from filmcolor.options.run import GUIDES
from filmcolor.timecode import time_text
from filmcolor.typed import check_types, convert, type_of

Lines = Mapping[tuple[int, str], int]
"""By number of the shot (0: the film) and key ("" for its head): the line, where it is known."""

_FACTS = {**facts_of(ColorOptions), **facts_of(RunOptions)}
_LARGEST_FILE = 64 << 20
_HEADER = re.compile(r"\s*\[\[?\s*(?P<name>[\w.\s]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*(?P<key>[\w-]+)\s*=")


@dataclass(frozen=True, slots=True)
class PlanStill:
    """A coloured still of a shot."""

    file: str
    at: Fraction | None = None
    """Which frame it shows, in seconds from the film's first; None: its name tells."""

    def __post_init__(self) -> None:
        check_types(self)


@dataclass(frozen=True, slots=True)
class Choices:
    """What is chosen for a shot, or for the whole film; None where nothing is."""

    skip: bool | None = None
    """Leave it grey."""
    look: Look | None = None
    saturation: float | None = None
    """This one and the next two: as in `ColorOptions`."""
    hue_shift: float | None = None
    coherence: float | None = None
    stability: float | None = None
    restore: str | None = None
    """This one and the next: as in `ColorOptions`."""
    restore_strength: float | None = None
    model: str | None = None
    """Name of a shipped model, or a .safetensors file."""
    stills: str | tuple[PlanStill, ...] | None = None
    """Of the film: a folder of them. Of a shot: some, possibly none."""
    strokes: str | tuple[Stroke, ...] | None = None
    """A file of them, or the strokes themselves."""
    reference: str | None = None
    """A colour photograph that guides the colours; empty for none."""
    upscale: int | None = None
    """This one and the next two, of the film alone: as in `RunOptions`."""
    upscale_for: UpscaleFor | None = None
    upscale_model: str | None = None
    """Name of an upscaler, or a .safetensors file."""

    def __post_init__(self) -> None:
        check_types(self)


COLOR_KEYS = names_of(ColorOptions, lambda facts: facts.in_plan)
"""Choices that are options of `ColorOptions`."""
HINT_KEYS = GUIDES
"""Choices that are things given to guide the colours."""
UPSCALE_KEYS = names_of(RunOptions, lambda facts: facts.in_plan == "film")
"""Choices of how the film is enlarged; shots have none of their own."""
FILE_KEYS = tuple(key for key in _FACTS if _FACTS[key].file and _FACTS[key].in_plan)
"""Choices that may name a file."""
FILM_KEYS = COLOR_KEYS + HINT_KEYS + UPSCALE_KEYS
"""Choices that are options of a run."""


@dataclass(frozen=True, slots=True)
class PlanShot:
    """One shot as the file has it; times in seconds from the film's first frame."""

    start: Fraction
    end: Fraction | None = None
    """None: where the next one starts, or the film ends."""
    choices: Choices = field(default_factory=Choices)
    ends_by: str = field(default="", compare=False)
    """Why it ends, for people: written, but not read."""
    still: str = field(default="", compare=False)
    """Name of the still that shows it, for people: likewise."""

    def __post_init__(self) -> None:
        check_types(self)


@dataclass(frozen=True, slots=True)
class PlanFile:
    """All that such a file says; names of files in it as they are to be opened from here."""

    film: Choices = field(default_factory=Choices)
    shots: tuple[PlanShot, ...] = ()
    path: str = field(default="", compare=False)
    lines: Lines = field(default_factory=dict, compare=False)
    things: tuple[PlanThing, ...] = ()

    def __post_init__(self) -> None:
        check_types(self)

    def where(self, shot: int, key: str = "") -> str:
        """How to name a place to people; shots count from 1, 0 is the film."""
        start = self.shots[shot - 1].start if 0 < shot <= len(self.shots) else None
        return _where(self.path or "the plan", self.lines, shot, key, start)


def is_model_file(name: str) -> bool:
    """Whether the name of a model is that of a file."""
    return Path(name).suffix == ".safetensors"


def read_plan(path: str | Path, files: FilesRead | None = None) -> PlanFile:
    """The plan in a file, which `files` takes note of; names of files in it are taken from its
    folder.

    Raises `OptionError` with the file, the line as far as it is known, the shot and the key.
    """
    way_out = "`filmcolor plan` writes plans"
    return parse_plan(path, read_text(path, _LARGEST_FILE, "a plan", way_out, files))


def parse_plan(path: str | Path, text: str) -> PlanFile:
    """The plan that a text says, as `read_plan`; `path` is where it lies, or will."""
    values = parsed(path, text, tomllib.loads, "; correct it there, it must be TOML")
    if unknown := values.keys() - {"film", "shot", "thing"}:
        raise OptionError(
            f"{path}: {min(unknown)}: no such key; a plan has [film], and a [[shot]] for each shot "
            "and each [[thing]] that it says something of"
        )
    entries, film = values.get("shot"), values.get("film", {})
    if not isinstance(film, Mapping):
        raise OptionError(f"{path}: film: must be a table; write [film] above its settings")
    if not isinstance(entries, list) or not entries:
        raise OptionError(
            f"{path}: no shots in it; begin each with [[shot]], or let `filmcolor plan` write them"
        )
    plan = _Reader(str(path), _lines(text, "shot", len(entries))).plan(film, entries)
    things = values.get("thing", [])
    count = len(things) if isinstance(things, list) else 0
    return replace(plan, things=read_things(str(path), things, _lines(text, "thing", count)))


def _lines(text: str, kind: str, count: int) -> dict[tuple[int, str], int]:
    """Where shots, or things, and their keys stand; nothing if the text is laid out in another
    way.
    """
    found: dict[tuple[int, str], int] = {}
    number, inside = 0, False
    for line, content in enumerate(text.split("\n"), 1):  # TOML and editors know no other ends
        if header := _HEADER.fullmatch(content):
            name = re.sub(r"\s", "", header["name"])
            number += name == kind
            inside = name in ("film", kind)
            key = "" if inside else name.partition(".")[2]
            found.setdefault((0 if name.startswith("film") else number, key), line)
        elif inside and (pair := _KEY.match(content)):
            found.setdefault((0 if name == "film" else number, pair["key"]), line)
    return found if number == count else {}


def _where(path: str, lines: Lines, shot: int, key: str, start: Fraction | None) -> str:
    line = lines.get((shot, key)) or lines.get((shot, ""))
    parts = [path] + ([f"line {line}"] if line else [])
    parts.append(f"shot {shot}" if shot else "[film]")
    if start is not None:
        parts[-1] += f" (start {time_text(start)})"
    return ": ".join(parts + ([key] if key else []))


class _Reader:
    """Turns the values of one file into a plan; every error is an `OptionError` with its place."""

    def __init__(self, path: str, lines: Lines) -> None:
        self._path, self._lines = path, lines
        self._shot = 0
        self._start: Fraction | None = None

    def plan(self, film: Mapping[str, Any], entries: Sequence[object]) -> PlanFile:
        """The whole plan."""
        choices = self._choices(film)
        shots: list[PlanShot] = []
        for self._shot, entry in enumerate(entries, 1):
            self._start = None
            shot = self._read(entry)
            if shots and shot.start <= shots[-1].start:
                text = f"{time_text(shot.start)} is not after that of the shot before"
                raise self._error("start", f"{text}; keep the shots in order")
            shots.append(shot)
        return PlanFile(choices, tuple(shots), self._path, self._lines)

    def _read(self, entry: object) -> PlanShot:
        if not isinstance(entry, Mapping):
            raise self._error("", "must be a table; begin it with [[shot]]")
        if "start" not in entry:
            raise self._error("start", "missing; say when the shot starts")
        self._start = start = self._time("start", entry["start"])
        end = self._time("end", entry["end"]) if "end" in entry else None
        if end is not None and end <= start:
            raise self._error("end", f"{time_text(end)} is not after the shot's start")
        rest = {key: value for key, value in entry.items() if key not in ("start", "end")}
        return PlanShot(start, end, self._choices(rest))

    def _time(self, key: str, value: object) -> Fraction:
        try:
            return parse_time(key, value)
        except ValueError as error:
            raise self._error(key, error) from None

    def _choices(self, values: Mapping[str, Any]) -> Choices:
        """What is chosen for the shot that is being read, or for the film."""
        known = [each.name for each in fields(Choices)]
        if self._shot:
            known = [key for key in known if key not in UPSCALE_KEYS]
            if ours := sorted(values.keys() & set(UPSCALE_KEYS)):
                raise self._error(ours[0], "all shots have one size; write it under [film]")
        unknown = values.keys() - set(known)
        if unknown:
            names = ", ".join((["start", "end"] if self._shot else []) + known)
            raise self._error(min(unknown), f"no such key (known: {names})")
        found: dict[str, Any] = {}
        for key, value in values.items():
            try:
                found[key] = _value(key, value, Path(self._path).parent, is_film=not self._shot)
            except (OptionError, ValueError, OverflowError) as error:
                raise self._error(key, error) from error
        return Choices(**found)

    def _error(self, key: str, what: object) -> OptionError:
        place = _where(self._path, self._lines, self._shot, key, self._start)
        text = str(what).removeprefix(f"{key}: ")
        return OptionError(f"{place}: {text}")


def _value(key: str, value: object, folder: Path, *, is_film: bool) -> object:
    """One choice as `Choices` has it; raises `OptionError` or `ValueError` with what is wrong."""
    facts = _FACTS.get(key)
    if facts is not None and facts.range is not None:
        number = convert(float, value, key)
        if not is_within(number, facts):
            raise ValueError(f"{value} is not within {facts.range[0]} to {facts.range[1]}")
        return number
    if facts is not None and facts.choices:
        return convert(Literal[facts.choices], value, key)
    kind = type_of(Choices, key)
    if kind is bool or get_origin(kind) is Literal:
        return convert(kind, value, key)
    if key == "restore":
        return ColorOptions(restore=convert(str, value, key)).restore
    if key in ("model", "upscale_model"):
        name = _name(value, "the name of a model, or a .safetensors file")
        return str(folder / name) if is_model_file(name) else name
    if key == "stills" and not is_film:
        entries = value if isinstance(value, list) else [value]
        return tuple(_still(entry, folder) for entry in entries)
    if key == "strokes" and isinstance(value, list):
        return parse_strokes(value)
    if key == "reference" and value == "":
        return value
    what = {"stills": "a folder", "strokes": "a file, or strokes", "reference": "a picture"}[key]
    return str(folder / _name(value, f"the name of {what}"))


def _name(value: object, what: str) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"must be {what}, as text")
    return value


def _still(entry: object, folder: Path) -> PlanStill:
    what = "a picture file, a list of them, or { file = ..., at = ... }"
    if isinstance(entry, Mapping):
        if entry.keys() != {"file", "at"}:
            raise ValueError(f"must be {what}")
        return PlanStill(str(folder / _name(entry["file"], what)), parse_time("at", entry["at"]))
    return PlanStill(str(folder / _name(entry, what)))
