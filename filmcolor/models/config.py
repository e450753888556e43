"""Shape of a network, as a checkpoint's header or a recipe's file states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import inf, isfinite
from typing import Any, Self

Number = int | float


def ranged(default: Any, least: Number, most: Number = inf) -> Any:
    """A dataclass field with its default and the range of its value, or of each of its values."""
    return field(default=default, metadata={"range": (least, most)})


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The base of all configs: each entry is a number, or several, of the default's kind."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """With the defaults of what is left out; raises `ValueError` on what does not fit."""
        entries = {entry.name: entry for entry in fields(cls)}
        if unknown := sorted(values.keys() - entries.keys()):
            raise ValueError(f"unknown entries {', '.join(unknown)}")
        return cls(**{name: _checked(entries[name], value) for name, value in values.items()})


def _checked(entry: Any, value: object) -> Any:
    """A value of the kind of the entry's default, within its range."""
    default, (least, most) = entry.default, entry.metadata.get("range", (-inf, inf))
    if isinstance(default, tuple):
        wanted, each = default, tuple(value) if isinstance(value, list | tuple) else ()
    else:
        wanted, each = (default,), (value,)
    kind = type(wanted[0])
    if len(each) != len(wanted) or not all(_is_number(number, kind) for number in each):
        count = f"{len(wanted)} numbers" if isinstance(default, tuple) else "a number"
        raise ValueError(f"{entry.name} must be {count} ({kind.__name__}), got {value!r}")
    if not all(least <= number <= most for number in each):
        raise ValueError(f"{entry.name} is out of range: {least} to {most}, got {value!r}")
    numbers = tuple(kind(number) for number in each)
    return numbers if isinstance(default, tuple) else numbers[0]


def _is_number(value: object, kind: type) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return isfinite(value) and bool(kind(value) == value)
