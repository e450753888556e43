"""Values held against the types that dataclasses declare, and turned into them: what comes from a
TOML or JSON file, and what a caller of the Python API gives.

It must not know what the values mean. Imports nothing heavy.
"""

from __future__ import annotations

import json
import math
import os
import reprlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from fractions import Fraction
from functools import cache
from numbers import Integral, Rational, Real
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from filmcolor.errors import OptionError

T = TypeVar("T")

_WORDS: Mapping[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Fraction: "a number",
    str: "text",
    tuple: "a list",
}


def from_mapping(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """A dataclass of these values, each checked; `OptionError` names the entry that does not fit.

    An entry that may be None may be left out.
    """
    hints = _hints(kind)  # type: ignore[arg-type]
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(values.keys() - known.keys()):
        raise OptionError(f"{where}: unknown entry {unknown[0]!r} (known: {', '.join(known)})")
    missing = [
        name
        for name, field in known.items()
        if name not in values and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing and NoneType not in get_args(hints[missing[0]]):
        raise OptionError(f"{where}: entry {missing[0]!r} is missing")
    converted = {
        name: convert(hints[name], value, f"{where}.{name}") for name, value in values.items()
    }
    return kind(**converted)


def to_mapping(settings: Any) -> dict[str, Any]:
    """A dataclass as nested plain values; what is None is left out, as TOML has no word for it."""
    return asdict(settings, dict_factory=lambda pairs: {k: v for k, v in pairs if v is not None})


def parse_json(content: bytes | str) -> Any:
    """What JSON says; `ValueError` for anything else, and where it is nested too deeply."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_toml(path: str) -> dict[str, Any]:
    """A TOML file's content; `OptionError` when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError) as error:
        raise OptionError(f"{path}: cannot be read as TOML ({error})") from error


def check_types(settings: object, where: Callable[[str], str] = str) -> None:
    """For `__post_init__` of a frozen dataclass: put every value into the type that is declared for
    it, or raise `OptionError`. `where` makes of a field's name what people call it.
    """
    for name, hint in _hints(type(settings)).items():  # type: ignore[arg-type]
        object.__setattr__(settings, name, convert(hint, getattr(settings, name), where(name)))


def convert(hint: Any, value: Any, where: str) -> Any:
    """The value as one of the type that a hint says; `OptionError` if it is of another.

    No value changes by it: whole numbers are numbers, but 2.0 is no whole number; lists become
    tuples, paths text, numbers fractions.
    """
    origin = get_origin(hint)
    if hint is Any:
        return value
    if origin in (Union, UnionType):
        return _convert_union(get_args(hint), value, where)
    if is_dataclass(hint):
        if isinstance(value, hint):  # type: ignore[arg-type]
            return value
        if not isinstance(value, Mapping):
            raise _error(hint, value, where)
        return from_mapping(hint, value, where)  # type: ignore[arg-type]
    if origin is tuple:
        return _convert_tuple(get_args(hint), value, where)
    if origin is Literal:
        for word in get_args(hint):
            if type(value) is type(word) and value == word:
                return word
        raise _error(hint, value, where)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _error(hint, value, where)
        _, each = get_args(hint)
        return {name: convert(each, entry, f"{where}.{name}") for name, entry in value.items()}
    return _convert_plain(hint, value, where)


def _convert_union(hints: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and NoneType in hints:
        return None
    hints = tuple(hint for hint in hints if hint is not NoneType)
    if len(hints) == 1:
        return convert(hints[0], value, where)
    if isinstance(value, list | tuple):
        for hint in hints:
            if get_origin(hint) is tuple:
                return convert(hint, value, where)
    for hint in hints:
        try:
            return convert(hint, value, where)
        except OptionError:
            continue
    raise _error(Union[hints], value, where)  # noqa: UP007 - of a number that varies


def _convert_tuple(hints: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _error(tuple, value, where)
    if len(hints) == 2 and hints[1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(value) != len(hints):
        raise OptionError(f"{where}: must be {len(hints)} values, not {len(value)}")
    return tuple(
        convert(hint, each, f"{where}[{index}]")
        for index, (hint, each) in enumerate(zip(hints, value, strict=True))
    )


def _convert_plain(hint: Any, value: Any, where: str) -> Any:
    if hint is str and isinstance(value, os.PathLike):
        value = os.fspath(value)
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if hint is int and is_number and isinstance(value, Integral):
        return int(value)
    if hint is float and is_number:
        try:
            return float(value)
        except OverflowError:  # for whoever checks the range
            return math.inf if value > 0 else -math.inf
    if hint is Fraction and is_number:
        if isinstance(value, Rational):
            return Fraction(value)
        if math.isfinite(value):
            return Fraction(str(float(value)))
    if hint in (int, float, Fraction) or not isinstance(value, hint):
        raise _error(hint, value, where)
    return value


def _error(hint: Any, value: object, where: str) -> OptionError:
    return OptionError(f"{where}: must be {_expected(hint)}, not {reprlib.repr(value)}")


def _expected(hint: Any) -> str:
    """What a hint asks for, in words."""
    origin = get_origin(hint)
    if origin is Literal:
        *words, last = map(str, get_args(hint))
        if not words:
            return last
        is_text = isinstance(get_args(hint)[0], str)
        return f"one of {', '.join([*words, last])}" if is_text else f"{', '.join(words)} or {last}"
    if origin in (Union, UnionType):
        return " or ".join(_expected(each) for each in get_args(hint))
    if hint in _WORDS or origin in _WORDS:
        return _WORDS[hint if hint in _WORDS else origin]
    if origin is not None and issubclass(origin, Mapping):
        return "a table"
    name = str(getattr(hint, "__name__", hint))
    return f"a table, or {name}" if is_dataclass(hint) else name


def type_of(kind: Any, name: str) -> Any:
    """The type of a field of a dataclass, without None; of a union, what is left of it."""
    hint = _hints(kind)[name]
    if get_origin(hint) not in (Union, UnionType):
        return hint
    return Union[tuple(each for each in get_args(hint) if each is not NoneType)]  # noqa: UP007


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
