"""How an option is declared: beside its type and default all that is known of it, in one place.

    size: int | None = option(None, "Size of a frame ...", range=(64, 2048))

Every list of options by name is made from these facts: what a command takes, what work in a folder
depends on, what a plan may hold. Imports nothing heavy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from functools import cache
from typing import Any, Literal, TypeVar

from filmcolor.errors import OptionError
from filmcolor.typed import check_types

T = TypeVar("T")

_KEY = "option"


COLOUR = "How the colour is made"
FILMS_ONLY = "(films only)"
DAMAGE = f"How damaged film is repaired {FILMS_ONLY}"


@dataclass(frozen=True, slots=True)
class OptionFacts:
    """What is declared of one option."""

    default: Any
    help: str = ""
    section: str = ""
    """Heading under which the help lists it; by default that of the option before."""
    metavar: str | None = None
    shown_default: str = ""
    """What the help says in place of None."""
    range: tuple[float, float | None] | None = None
    """Least and greatest value."""
    more_than: float | None = None
    choices: tuple[object, ...] = ()
    """Values that may be taken, beside those within `range`."""
    file: str = ""
    """What the file or folder that it names is called, if its work folder must not hold it."""
    films_only: bool = False
    """It means nothing to pictures."""
    in_plan: Literal["shot", "film"] | None = None
    """Whether a plan may set it for single shots, or for the whole film alone."""
    changes_frames: bool = True
    """It counts for the result, and is named in its sidecar."""
    in_fingerprint: bool = True
    """Work that was begun with another value is not gone on with; what changes no frames, and what
    something else stands for there, such as the content of a file, is in no fingerprint.
    """

    def __post_init__(self) -> None:
        films_only = self.films_only or FILMS_ONLY in self.section
        object.__setattr__(self, "films_only", films_only)
        object.__setattr__(self, "in_fingerprint", self.changes_frames and self.in_fingerprint)

    @property
    def is_path(self) -> bool:
        """Whether it names something on the disk, and nothing else."""
        kind = (self.metavar or "").removesuffix(".png")
        return kind in ("DATA", "FILE", "FILM", "FOLDER", "PICTURE")


def option(default: T, help: str = "", **facts: Any) -> T:
    """A field of a dataclass of options, with its `facts`: the fields of `OptionFacts`."""
    made: T = field(default=default, metadata={_KEY: OptionFacts(default, help, **facts)})
    return made


@cache
def facts_of(kind: Any) -> Mapping[str, OptionFacts]:
    """By name, the facts of the fields of a dataclass that are options."""
    found: dict[str, OptionFacts] = {}
    section = COLOUR
    for each in fields(kind):
        if _KEY in each.metadata:
            facts = each.metadata[_KEY]
            section = facts.section or section
            found[each.name] = replace(facts, section=section)
    return found


def names_of(kind: Any, wanted: Callable[[OptionFacts], object]) -> tuple[str, ...]:
    """The options of a dataclass whose facts are as wanted, in order."""
    return tuple(name for name, facts in facts_of(kind).items() if wanted(facts))


def named_files(options: Any) -> Iterator[tuple[str, str, str]]:
    """Field, what it is called, and name of every file and folder that options name; the name of a
    shipped model is none.
    """
    kind: Any = type(options)
    for name, facts in facts_of(kind).items():
        value = getattr(options, name)
        is_file = facts.is_path or str(value).endswith(".safetensors")
        if facts.file and isinstance(value, str) and is_file:
            yield name, facts.file, value


def option_name(name: str) -> str:
    """What people call a field."""
    return f"--{name.removesuffix('_seconds').replace('_', '-')}"


def check_options(options: Any) -> None:
    """For `__post_init__`: raise `OptionError` for a value of another type or out of its range."""
    check_types(options, option_name)
    kind: Any = type(options)
    for name, facts in facts_of(kind).items():
        value = getattr(options, name)
        if value is None or not (facts.range or facts.choices or facts.more_than is not None):
            continue
        if value not in facts.choices and not is_within(value, facts):
            shown = f" {float(value):g}" if isinstance(value, Fraction) else f" {value}"
            raise OptionError(f"{option_name(name)}{shown}: must {' or '.join(_wanted(facts))}")


@dataclass(frozen=True, slots=True)
class Checked:
    """The base of dataclasses of options that need no other checks."""

    def __post_init__(self) -> None:
        check_options(self)


def is_within(value: object, facts: OptionFacts) -> bool:
    """Whether a value is one of the range that is declared."""
    if not isinstance(value, int | float | Fraction):
        return False
    if facts.more_than is not None:
        return facts.more_than < value < math.inf
    if facts.range is None:
        return False
    least, most = facts.range
    return least <= value and (most is None or value <= most)


def _wanted(facts: OptionFacts) -> Iterator[str]:
    """What is asked for, in words, after `must`."""
    if facts.more_than is not None:
        yield "be greater than zero"
    elif facts.choices and facts.range is None:
        *rest, last = map(str, facts.choices)
        yield f"be {', '.join(rest)} or {last}"
    elif facts.range is not None:
        least, most = facts.range
        words = [f"{word}," for word in facts.choices]
        if most is None:
            yield "not be negative" if least == 0 else f"be at least {least}"
        else:
            yield " ".join(["be", *words, *(["or"] if words else []), f"{least} to {most}"])
